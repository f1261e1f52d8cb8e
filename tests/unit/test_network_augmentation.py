"""How batches are changed in training, what labels weigh, and rates that follow the loss."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_fixtures import HELD, X, Y, network, same, several
from sklearn.utils.class_weight import compute_sample_weight
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from genreflow.models.augmentation import SpecAugment, mix
from genreflow.models.epochs import Training
from genreflow.models.network import Network
from genreflow.models.objectives import OneLabel, SeveralLabels
from genreflow.models.schedules import learning_rate, plateau


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), max_size=40),
    st.sampled_from([0.1, 0.5]),
    st.integers(1, 5),
)
def test_plateau_is_that_of_torch_without_a_threshold(losses, factor, patience):
    """Torch waits for one epoch more than its patience; Keras does not."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience - 1, threshold=0, eps=0
    )
    for loss in losses:
        scheduler.step(loss)
    found = plateau(losses, factor=factor, patience=patience)
    assert found == pytest.approx(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("held", [HELD, None], ids=["validation", "training"])
def test_the_rate_falls_when_the_loss_no_longer_does(held):
    parameters = {"factor": 0.1, "patience": 2}
    given = {"schedule": "plateau", "schedule_parameters": parameters, "learning_rate": 0.2}
    made = network(**given, epochs=25).fit(X, Y, validation=held)
    part = "validation" if held else "train"
    losses = [row["loss"] for row in made.history_ if row["part"] == part]
    rates = [row["learning_rate"] for row in made.history_ if row["part"] == part]
    rate = learning_rate("plateau", parameters, start=0.2, epochs=25)
    assert rates == [rate(losses[:done]) for done in range(25)]
    assert rates[-1] < rates[0] == 0.2


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.2, 1.0, 8.0]))
def test_rows_and_targets_are_mixed_by_the_same_share(seed, alpha):
    """Row i holds i, and its target says so; so the target tells of which two rows a row is."""
    x = torch.arange(7.0).repeat(3, 2, 1).permute(2, 0, 1)
    mixed, y, heavier = mix((x, 2 * x), torch.eye(7), alpha, np.random.default_rng(seed))
    assert y.sum(dim=1).numpy() == pytest.approx(1)
    expected = y @ torch.arange(7.0)
    for factor, values in enumerate(mixed, start=1):
        assert torch.allclose(values, factor * expected[:, None, None].expand(7, 3, 2), atol=1e-5)
    assert torch.equal(y.gather(1, heavier[:, None])[:, 0], y.max(dim=1).values)
    shares = {round(value, 5) for value in y.max(dim=1).values.tolist()}
    assert len(shares - {1.0}) <= 1, "one share for all rows of a batch"


def test_the_share_is_drawn_from_the_beta_distribution():
    random = np.random.default_rng(0)
    x, eye = (torch.zeros(2, 1),), torch.eye(2)
    shares = [mix(x, eye, 0.4, random)[1][0, 0].item() for _ in range(4000)]
    mixed = np.array([share for share in shares if share != 1])
    # Half of the orders of two rows leave them where they are.
    assert 0.45 < len(mixed) / 4000 < 0.55
    assert mixed.mean() == pytest.approx(0.5, abs=0.03)
    assert mixed.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.1)


@pytest.mark.parametrize("y", [Y, several(Y)], ids=["one", "several"])
def test_the_accuracy_under_mixup_is_that_of_the_heavier_row(monkeypatch, y):
    seen, changed = [], Training._changed

    def spy(self, *given):
        seen.append(changed(self, *given))
        return seen[-1]

    monkeypatch.setattr(Training, "_changed", spy)
    made = Network(module_parameters=None, epochs=1, batch_size=30, mixup=0.3, learning_rate=1e-12)
    made.fit(np.eye(30), y, validation=(np.eye(30), y))
    ((x,), targets, truth) = seen[0]
    heavier = x.argmax(dim=1).numpy()
    assert np.array_equal(truth.numpy(), y[heavier])
    found = made.predict(x.numpy())
    right = (found == y[heavier]).reshape(30, -1).all(axis=1).mean()
    assert made.history_[0]["accuracy"] == pytest.approx(right)
    chance = made.predict_proba(x.numpy())
    if y.ndim == 1:
        loss = -(targets.numpy() * np.log(chance)).sum(axis=1).mean()
    else:
        loss = -(
            targets.numpy() * np.log(chance) + (1 - targets.numpy()) * np.log(1 - chance)
        ).mean()
    assert made.history_[0]["loss"] == pytest.approx(loss, rel=1e-5)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(1, 0.3), (0.5, 0), (0, 0.5)]))
def test_a_mask_is_one_stretch_of_at_most_its_share(seed, shares):
    masks = SpecAugment({"frames": shares[0], "bands": shares[1]}, ((10, 40), (5,)))
    vectors = torch.ones(6, 5)
    found, as_it_was = masks((torch.ones(6, 10, 40), vectors), np.random.default_rng(seed))
    assert torch.equal(as_it_was, torch.ones(6, 5))
    for row in found:
        for axis, share, size in ((0, shares[0], 40), (1, shares[1], 10)):
            if (row == 0).all():
                continue
            covered = (row == 0).all(dim=axis).numpy()
            assert covered.sum() <= int(share * size)
            assert np.count_nonzero(np.diff(covered.astype(int))) <= 2
    assert set(found.unique().tolist()) <= {0.0, 1.0}


def test_masks_reach_every_place_and_differ_from_row_to_row():
    masks = SpecAugment({"frames": 0.5, "bands": 0.5}, ((3, 8, 20),))
    (found,) = masks((torch.ones(400, 3, 8, 20),), np.random.default_rng(0))
    assert torch.equal(found[:, 0], found[:, 2]), "colours are masked alike"
    frames, bands = (found[:, 0] == 0).all(dim=1), (found[:, 0] == 0).all(dim=2)
    for covered, size in ((frames, 20), (bands, 8)):
        widths = covered.sum(dim=1)
        assert set(widths.tolist()) == set(range(size // 2 + 1))
        assert covered.any(dim=0).all()


def test_nothing_is_changed_in_prediction_and_all_follows_from_the_seed():
    given = {"mixup": 0.4, "spec_augment": {"frames": 0.5}}
    made = network(**given).fit(X, Y)
    assert np.array_equal(made.predict_proba(X), made.predict_proba(X))
    assert same(made, network(**given).fit(X, Y))
    assert not same(made, network(**given, random_state=1).fit(X, Y))
    for name in given:
        assert not same(made, network(**{name: given[name]}).fit(X, Y))


@pytest.mark.parametrize("labels", [2, 4])
def test_balanced_weights_are_those_of_scikit_learn(labels):
    rng = np.random.default_rng(0)
    y = rng.choice(labels, size=50, p=np.arange(1, labels + 1) / np.arange(1, labels + 1).sum())
    logits = torch.from_numpy(rng.normal(size=(50, labels)))
    own = Network(class_weight="balanced")
    own.several_, own.classes_ = False, np.arange(labels)
    weights = torch.from_numpy(own._label_weights(y)).double()
    found = OneLabel(labels).loss(logits, torch.from_numpy(y), weights)
    each = functional.cross_entropy(logits, torch.from_numpy(y), reduction="none").numpy()
    assert found.item() == pytest.approx((each * compute_sample_weight("balanced", y)).mean())


def test_balanced_weights_of_several_labels_are_those_of_each():
    rng = np.random.default_rng(0)
    y = (rng.random((50, 4)) < [0.1, 0.5, 0.9, 1]).astype(np.float32)
    logits = torch.from_numpy(rng.normal(size=(50, 4)))
    own = Network(class_weight="balanced")
    own.several_, own.classes_ = True, np.arange(4)
    weights = torch.from_numpy(own._label_weights(y)).double()
    target = torch.from_numpy(y).double()
    found = SeveralLabels(4).loss(logits, target, weights)
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").numpy()
    balanced = np.stack([compute_sample_weight("balanced", one) for one in y.T], axis=1)
    assert found.item() == pytest.approx((each * balanced).mean())


def test_balanced_weights_help_the_rare_label():
    rng = np.random.default_rng(0)
    y = (np.arange(300) % 10 == 0).astype(int)
    x = rng.normal(size=(300, 2)) + y[:, None]
    given = {"module_parameters": None, "epochs": 40, "learning_rate": 0.05}
    plain, balanced = (
        Network(**given, class_weight=weight).fit(x, y, validation=(x, y))
        for weight in (None, "balanced")
    )
    assert (balanced.predict(x) == 1)[y == 1].mean() > (plain.predict(x) == 1)[y == 1].mean() + 0.2
    # What stops a training is a loss on which all tracks count the same.
    chance = balanced.predict_proba(x)[np.arange(300), y]
    assert balanced.history_[-1]["loss"] == pytest.approx(-np.log(chance).mean())
