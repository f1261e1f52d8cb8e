"""Networks on arrays: lengths, scales and windows, and what becomes of them in a file."""

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from network_fixtures import (
    HELD,
    HERE,
    MEL,
    WAVES,
    InterruptedTrainingError,
    X,
    Y,
    interrupt,
    mel,
    network,
    one_by_one,
    same,
    several,
    waves,
)
from sklearn.pipeline import make_pipeline

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.models.files import load_model, save_model
from genreflow.schema import SHIPPED

CLASSES = ["blues", "jazz", "rock"]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (None, 24),
        (7, 7),
        (40, 40),
        ({"percentile": 0}, 20),
        ({"percentile": 70}, 23),
        ({"percentile": 10, "at_least": 100}, 20),
        ({"percentile": 70, "at_least": 140}, 24),
        ({"percentile": 70, "at_least": 1000}, 167),
    ],
    ids=str,
)
def test_lengths_are_those_of_the_rule(length, expected):
    """Six bands: 140 values are 23 1/3 frames; there are as many arrays of 20, 21, ... 24."""
    made = network(length=length, epochs=1).fit(X, Y, validation=HELD)
    assert made.form_.shapes == ((6, expected),)
    assert made.module_.inputs == ((6, expected),)
    assert made.predict_proba(one_by_one(mel(5, frames=70)[0])).shape == (5, 3)


def test_each_feature_set_has_its_own_shape():
    rng = np.random.default_rng(0)
    images = [rng.integers(256, size=(3, 8, 10), dtype=np.uint8) for _ in Y]
    vectors = list(rng.normal(size=(len(Y), 4)))
    inputs = Inputs({"mel": MEL, "mel_image": images, "summary": vectors, "waveform": waves()})
    made = network(length={"percentile": 50}).fit(inputs, Y)
    assert made.module_.inputs == ((6, 22), (3, 8, 10), (4,), (68,))
    assert made.n_features_in_ == 4
    assert made.predict_proba(inputs).sum(axis=1) == pytest.approx(1)


def test_arrays_are_standardised_by_the_training_part_alone():
    rng = np.random.default_rng(0)
    images = [rng.integers(256, size=(3, 8, 10)).astype(np.uint8) for _ in Y]
    inputs = Inputs({"mel": MEL, "mel_image": images, "waveform": waves()})
    far = Inputs(
        {"mel": [100 * one for one in MEL], "mel_image": images, "waveform": waves(seed=1)}
    )
    made = network(length=22).fit(inputs, Y, validation=(far, Y))
    scaling = made.form_.scaling
    whole = [
        np.concatenate([array[..., :22].reshape(len(array), -1) for array in MEL], axis=1),
        np.concatenate([image.reshape(3, -1) for image in images], axis=1),
        np.concatenate([wave[:22] for wave in waves()])[None],
    ]
    for number, values in enumerate(whole):
        values = values.astype(np.float64)
        mean, std = scaling.get_buffer(f"mean{number}"), scaling.get_buffer(f"std{number}")
        np.testing.assert_allclose(mean.ravel(), values.mean(axis=1), rtol=1e-6)
        np.testing.assert_allclose(std.ravel(), values.std(axis=1), rtol=1e-6)
    assert mean.numel() == 1
    assert not dict(scaling.named_parameters()), "they are not trained"


def test_a_large_offset_leaves_the_standard_deviation_alone():
    rng = np.random.default_rng(0)
    arrays = [1e6 + rng.normal(size=(2, 50)) for _ in Y]
    made = network("flat", epochs=1).fit(one_by_one(arrays), Y)
    expected = np.concatenate(arrays, axis=1).std(axis=1)
    np.testing.assert_allclose(made.form_.scaling.std0.ravel(), expected, rtol=1e-6)


def test_a_band_of_a_single_value_is_zero():
    arrays = [np.concatenate([array, np.full((1, array.shape[1]), 7.0)]) for array in MEL]
    made = network("flat").fit(one_by_one(arrays), Y)
    assert made.form_.scaling.std0.ravel()[-1] == 1
    assert np.isfinite(made.predict_proba(one_by_one(arrays))).all()
    before = made.module_[1].weight.detach().view(3, 7, 24)[:, -1]
    again = network("flat", epochs=1).fit(one_by_one(arrays), Y)
    assert torch.equal(before, again.module_[1].weight.detach().view(3, 7, 24)[:, -1])


def test_what_is_shorter_is_filled_up_with_the_mean_and_what_is_longer_is_cut():
    made = network("flat", length=22).fit(X, Y)
    mean = made.form_.scaling.mean0.numpy()
    by_hand = []
    for array in MEL:
        filled = np.repeat(mean, 22, axis=1)
        filled[:, : array.shape[1]] = array[:, :22]
        by_hand.append(filled)
    assert np.array_equal(made.predict_proba(one_by_one(by_hand)), made.predict_proba(X))
    std = made.form_.scaling.std0.numpy()
    x = torch.from_numpy((np.stack(by_hand) - mean) / std)
    expected = made.module_(x).double().softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(made.predict_proba(X), expected, atol=1e-6)


def test_without_standardising_values_are_what_they_are():
    arrays = [array.astype(np.uint8) for array in MEL]
    made = network("flat", standardize=False).fit(one_by_one(arrays), Y)
    assert made.form_.scaling is None
    filled = np.zeros((30, 6, 24), dtype=np.float32)
    for to, array in zip(filled, arrays, strict=True):
        to[:, : array.shape[1]] = array
    expected = made.module_(torch.from_numpy(filled)).double().softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(made.predict_proba(one_by_one(arrays)), expected, atol=1e-6)


@pytest.mark.parametrize("y", [Y, several(Y)], ids=["one", "several"])
def test_the_probabilities_of_windows_are_averaged(y):
    made = network(window=20).fit(WAVES, y, validation=(WAVES, y))
    assert made.module_.inputs == ((20,),)
    found = made.predict_proba(WAVES)
    scaling = made.form_.scaling
    for wave, own in zip(waves(), found, strict=True):
        starts = [*range(0, len(wave) - 20, 20), len(wave) - 20]
        x = np.stack([wave[start : start + 20] for start in starts])
        x = (torch.from_numpy(x) - scaling.mean0) / scaling.std0
        logits = made.module_(x).double().detach()
        chance = logits.sigmoid() if y.ndim == 2 else logits.softmax(dim=1)
        np.testing.assert_allclose(own, chance.mean(dim=0), atol=1e-6)
    last = made.history_[-1]
    if y.ndim == 1:
        assert last["loss"] == pytest.approx(-np.log(found[np.arange(30), y]).mean())
    else:
        loss = -np.log(np.where(y == 1, found, 1 - found)).mean()
        assert last["loss"] == pytest.approx(loss)
    assert last["accuracy"] == pytest.approx(made.score(WAVES, y))


def test_several_labels_of_arrays():
    labels = several(Y)
    made = network(epochs=30, learning_rate=0.05).fit(X, labels)
    assert made.predict_proba(X).shape == (30, 2)
    assert made.score(X, labels) > 0.8


COMBINATIONS = {
    "arrays": {},
    "windows": {"window": 20},
    "changed": {
        "mixup": 0.4,
        "spec_augment": {"frames": 0.3, "bands": 0.3},
        "class_weight": "balanced",
    },
    "several": {"mixup": 0.4},
    "head then all": {"fine_tune": "head_then_all", "frozen_epochs": 2, "backbone_rate": 0.1},
    "plateau": {"schedule": "plateau", "schedule_parameters": {"factor": 0.5, "patience": 1}},
    "stopped": {"patience": 2, "fine_tune": "head", "learning_rate": 0.3, "epochs": 9},
    "bfloat16": {"precision": "bfloat16"},
}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path, monkeypatch, name):
    made = network(**{"epochs": 5, "module_parameters": {"dropout": 0.3}, **COMBINATIONS[name]})
    rows, held = (WAVES, (WAVES[:9], Y[:9])) if "window" in COMBINATIONS[name] else (X, HELD)
    y = several(Y) if name == "several" else Y
    held = (held[0], several(held[1]) if name == "several" else held[1])
    parameters = made.get_params()
    whole = made.fit(rows, y, validation=held)
    assert same(type(made)(**parameters).fit(rows, y, validation=held), whole)
    file = tmp_path / "r0f0.pt"
    for epoch in (1, 3):
        with monkeypatch.context() as patched:
            interrupt(patched, epoch)
            with pytest.raises(InterruptedTrainingError):
                type(made)(**parameters).fit(rows, y, validation=held, checkpoint=file)
    resumed = type(made)(**parameters).fit(rows, y, validation=held, checkpoint=file)
    assert same(resumed, whole)
    assert np.array_equal(resumed.predict_proba(rows), whole.predict_proba(rows))
    assert [row["seconds"] for row in resumed.history_[:2]] == [
        row["seconds"] for row in torch.load(file)["state"]["history"][:2]
    ], "the first epochs were trained again"


KILLED = """
import os, signal, sys
from genreflow.models import epochs
from network_fixtures import HELD, X, Y, network

train = epochs.Training._train

def die(self, epoch):
    if epoch == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    train(self, epoch)

epochs.Training._train = die
network(**{given}).fit(X, Y, validation=HELD, checkpoint=sys.argv[1])
"""


def test_a_killed_training_goes_on_in_another_process(tmp_path):
    given = {
        "epochs": 5,
        "fine_tune": "head_then_all",
        "frozen_epochs": 2,
        "schedule": "plateau",
        "schedule_parameters": {"factor": 0.5, "patience": 1},
        "mixup": 0.3,
        "spec_augment": {"frames": 0.3},
    }
    file = tmp_path / "r0f0.pt"
    command = [sys.executable, "-c", KILLED.format(given=given), file]
    path = f"{SHIPPED / 'scripts'}:{Path(__file__).parent}"
    done = subprocess.run(command, env={"PYTHONPATH": path}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert torch.load(file)["state"]["history"][-1]["epoch"] == 3
    resumed = network(**given).fit(X, Y, validation=HELD, checkpoint=file)
    assert same(resumed, network(**given).fit(X, Y, validation=HELD))


@pytest.mark.parametrize("other", ["values", "types", "names", "validation", "order"])
def test_a_checkpoint_of_other_arrays_is_not_used(tmp_path, caplog, other):
    caplog.set_level(logging.INFO)
    file = tmp_path / "r0f0.pt"
    network().fit(X, Y, validation=HELD, checkpoint=file)
    rows, held = {
        "values": (one_by_one([*MEL[:-1], MEL[-1] + 1]), HELD),
        "types": (one_by_one([array.astype(np.float32) for array in MEL]), HELD),
        "names": (Inputs({"chroma": MEL}), (Inputs({"chroma": mel(12, seed=1)[0]}), Y[:12])),
        "validation": (X, (X[:12], Y[:12])),
        "order": (X[np.arange(30)[::-1]], HELD),
    }[other]
    again = network().fit(rows, Y, validation=held, checkpoint=file)
    assert f"{file} is of another training" in caplog.text
    assert same(again, network().fit(rows, Y, validation=held))
    assert not same(again, network().fit(X, Y, validation=HELD)) or other in ("types", "names")


@pytest.mark.parametrize(
    ("rows", "given"),
    [
        (X, {}),
        (X, {"standardize": False}),
        (WAVES, {"window": 20}),
        (Inputs({"mel": MEL, "waveform": waves()}), {"precision": "bfloat16", "length": 15}),
    ],
    ids=["arrays", "as they are", "windows", "two sets"],
)
def test_a_network_on_arrays_in_a_file_predicts_the_same_bits(tmp_path, rows, given):
    made = network(**given).fit(rows, Y)
    before = made.predict_proba(rows)
    save_model(make_pipeline(made), CLASSES, tmp_path)
    loaded, classes = load_model(tmp_path, trusted=[f"{HERE}.branches"])
    assert classes == CLASSES
    assert np.array_equal(loaded.predict_proba(rows), before)
    again = loaded[-1]
    assert again.get_params() == made.get_params()
    assert again.form_.names == made.form_.names
    assert again.form_.shapes == made.form_.shapes
    assert again.n_parameters_ == made.n_parameters_
    assert again.n_features_in_ == len(rows.names)


def test_the_scaling_is_no_parameter_of_the_network():
    made = network("flat", length=20, epochs=1).fit(X, Y)
    assert made.n_parameters_ == 6 * 20 * 3 + 3


def test_bfloat16_is_another_precision_and_auto_is_float32_on_the_cpu():
    usual, exact, coarse = (
        network(precision=name).fit(X, Y).predict_proba(X)
        for name in ("auto", "float32", "bfloat16")
    )
    assert np.array_equal(usual, exact)
    assert not np.array_equal(coarse, exact)
    np.testing.assert_allclose(coarse, exact, atol=0.1)


def test_a_compiled_network_is_the_same_network(monkeypatch):
    compile_, seen = torch.compile, []
    monkeypatch.setattr(
        torch, "compile", lambda module: seen.append(module) or compile_(module, backend="eager")
    )
    made = network(compile=True).fit(X, Y, validation=HELD)
    plain = network().fit(X, Y, validation=HELD)
    assert len(seen) == 1
    assert made.tensors().keys() == plain.tensors().keys()
    np.testing.assert_allclose(made.predict_proba(X), plain.predict_proba(X), atol=1e-4)


def test_compiling_takes_no_more_processes_than_told(monkeypatch):
    from torch._inductor import config

    monkeypatch.setattr(config, "compile_threads", 32)
    monkeypatch.setattr(torch, "compile", lambda module: module)
    network(compile=True, n_jobs=2, epochs=1).fit(X, Y)
    assert config.compile_threads == 2


def test_a_compiler_that_is_missing_is_said(monkeypatch):
    def broken(graph, examples):
        raise RuntimeError("no C++ compiler was found")

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module: compile_(module, backend=broken))
    with pytest.raises(GenreflowError, match=r"compile: .* no C\+\+ compiler(.|\n)*compile: false"):
        network(compile=True).fit(X, Y)


def test_the_history_of_a_network_on_arrays():
    made = network().fit(X, Y, validation=HELD)
    keys = ["epoch", "part", "loss", "accuracy", "r2", "learning_rate", "seconds"]
    for row in made.history_:
        assert list(row) == [*keys, "seconds_loading"]
        assert row["r2"] is None
        assert 0 <= row["seconds_loading"] <= row["seconds"]
    assert json.loads(json.dumps(made.history_)) == made.history_
