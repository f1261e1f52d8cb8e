"""Trainings that begin with published weights: what learns when, and what stays."""

import logging

import numpy as np
import pytest
import torch
from network_fixtures import (
    HELD,
    HERE,
    Branches,
    X,
    Y,
    branches,
    changes,
    network,
    same,
    snapshots,
)
from sklearn.pipeline import make_pipeline
from training_fixtures import points

from genreflow.errors import GenreflowError
from genreflow.models.files import load_model, save_model

BACKBONE, HEAD = "branches.0.1.weight", "out.weight"
RUNNING = [
    "branches.0.2.running_mean",
    "branches.0.2.running_var",
    "branches.0.2.num_batches_tracked",
]


@pytest.fixture
def published(tmp_path):
    """A file with weights of the backbone, and those weights."""
    torch.manual_seed(7)
    state = branches(((6, 24),), 3).state_dict()
    state = {name: value for name, value in state.items() if not name.startswith("out.")}
    for name in RUNNING[:2]:
        state[name] += 0.5
    torch.save(state, tmp_path / "published.pt")
    return str(tmp_path / "published.pt"), state


def test_a_head_is_trained_on_a_backbone_that_stays(published, tmp_path):
    path, expected = published
    file = tmp_path / "r0f0.pt"
    given = {"weights": path, "fine_tune": "head", "epochs": 4, "patience": 3}
    made = network(**given).fit(X, Y, validation=HELD, checkpoint=file)
    state = made.module_.state_dict()
    for name, value in expected.items():
        assert torch.equal(state[name], value), name
    first = network(**given | {"epochs": 1}).fit(X, Y)
    assert not torch.equal(first.module_.state_dict()[HEAD], state[HEAD])
    kept = torch.load(file)["state"]
    assert set(kept["module"]) == set(kept["best"]) == {"out.weight", "out.bias"}
    assert len(kept["optimizer"]["state"]) == 2


def test_a_frozen_backbone_drops_nothing_and_gets_no_gradients(monkeypatch):
    seen = []
    forward = Branches.forward

    def spy(self, *x):
        if torch.is_grad_enabled():
            modes = {module.training for module in self.branches.modules()}
            learning = {value.requires_grad for value in self.branches.parameters()}
            seen.append((modes, learning, self.out.training, self.out.weight.requires_grad))
        return forward(self, *x)

    monkeypatch.setattr(Branches, "forward", spy)
    given = {
        "fine_tune": "head_then_all",
        "frozen_epochs": 2,
        "module_parameters": {"dropout": 0.5},
    }
    network(**given, batch_size=30).fit(X, Y, validation=HELD)
    assert seen == [({False}, {False}, True, True)] * 2 + [({True}, {True}, True, True)]


def test_the_backbone_is_unfrozen_after_the_epochs_that_are_told(published, monkeypatch):
    states = snapshots(monkeypatch)
    given = {"fine_tune": "head_then_all", "frozen_epochs": 2, "epochs": 4}
    network(**given, weights=published[0]).fit(X, Y)
    states.insert(0, {**states[0], **published[1]})
    for name in (BACKBONE, *RUNNING):
        assert changes(states, name) == [False, False, True, True], name
    assert changes(states[1:], HEAD) == [True, True, True]


def test_what_is_fixed_by_its_makers_stays_fixed(monkeypatch):
    def fixed(inputs, n_outputs):
        made = branches(inputs, n_outputs)
        made.branches[0][1].weight.requires_grad_(False)
        return made

    monkeypatch.setattr("network_fixtures.branches", fixed)
    states = snapshots(monkeypatch)
    network(fine_tune="head_then_all", frozen_epochs=1, epochs=3).fit(X, Y)
    assert changes(states, BACKBONE) == [False, False]
    assert changes(states, "branches.0.1.bias") == [True, True]


def test_the_rate_of_the_backbone_is_a_share_of_that_of_the_head():
    x, y, _ = points(n=30)
    given = {"optimizer": "sgd", "epochs": 1, "batch_size": 30}
    none, whole, tenth = (
        network("columns", learning_rate=rate, backbone_rate=share, **given).fit(x, y).module_
        for rate, share in ((1e-12, 1.0), (0.5, 1.0), (0.5, 0.1))
    )
    steps = [made[0].weight - none[0].weight for made in (whole, tenth)]
    torch.testing.assert_close(steps[1], 0.1 * steps[0], rtol=1e-3, atol=1e-7)
    assert torch.equal(whole[2].weight, tenth[2].weight)


def test_a_schedule_changes_both_rates(tmp_path):
    file = tmp_path / "r0f0.pt"
    given = {"schedule": "exponential", "schedule_parameters": {"gamma": 0.5}}
    made = network(**given, backbone_rate=0.1).fit(X, Y, checkpoint=file)
    groups = torch.load(file)["state"]["optimizer"]["param_groups"]
    assert [group["lr"] for group in groups] == pytest.approx([0.0025, 0.00025])
    assert made.history_[-1]["learning_rate"] == pytest.approx(0.0025)


def test_a_trained_model_needs_the_published_weights_no_more(published, tmp_path, monkeypatch):
    path, _ = published
    made = network(weights=path).fit(X, Y)
    save_model(make_pipeline(made), ["a", "b", "c"], tmp_path / "model")
    monkeypatch.setattr(Branches, "load_pretrained", None)
    loaded, _ = load_model(tmp_path / "model", trusted=[f"{HERE}.branches"])
    assert np.array_equal(loaded.predict_proba(X), made.predict_proba(X))


def test_a_checkpoint_of_a_training_from_other_weights_is_not_used(published, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path, state = published
    file = tmp_path / "r0f0.pt"
    given = {"weights": path, "fine_tune": "head"}
    network(**given).fit(X, Y, checkpoint=file)
    torch.save({name: value + 1 for name, value in state.items()}, path)
    again = network(**given).fit(X, Y, checkpoint=file)
    assert f"{file} is of another training" in caplog.text
    assert same(again, network(**given).fit(X, Y))


def test_the_first_weights_of_the_head_follow_from_the_seed_alone(published):
    given = {"weights": published[0], "fine_tune": "head", "learning_rate": 1e-12}
    one, other, third = (network(**given, random_state=seed).fit(X, Y) for seed in (0, 0, 1))
    assert same(one, other)
    assert not torch.equal(one.module_.out.weight, third.module_.out.weight)


@pytest.mark.parametrize(
    ("module", "given", "message"),
    [
        ("flat", {"fine_tune": "head"}, r"network_fixtures\.flat does not say what its head is"),
        ("flat", {"backbone_rate": 0.1}, r"network_fixtures\.flat does not say what its head is"),
        ("flat", {"weights": "some.pt"}, r"weights: network_fixtures\.flat takes no pretrained"),
        (
            "branches",
            {"fine_tune": "head"},
            "the head of network_fixtures.branches has no .* 'top'",
        ),
    ],
)
def test_a_module_that_cannot_be_fine_tuned_is_explained(monkeypatch, module, given, message):
    monkeypatch.setattr(Branches, "head", ("top",))
    with pytest.raises(GenreflowError, match=message):
        network(module, **given).fit(X, Y)
