"""What the tests of networks on arrays share: small modules, made arrays, and comparisons."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from genreflow.features.inputs import Inputs
from genreflow.models import epochs
from genreflow.models.network import Network

HERE = __name__


class Branches(nn.Module):
    """A convolution over the last axis of every feature set, and a new layer on all of them."""

    head = ("out",)

    def __init__(self, inputs, n_outputs, dropout=0.0):
        super().__init__()
        self.inputs = inputs
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Flatten(1, -2) if len(shape) > 1 else nn.Unflatten(1, (1, -1)),
                nn.Conv1d(int(np.prod(shape[:-1])), 4, 3),
                nn.BatchNorm1d(4),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.AdaptiveAvgPool1d(1),
                nn.Flatten(),
            )
            for shape in inputs
        )
        self.out = nn.Linear(4 * len(inputs), n_outputs)

    def load_pretrained(self, path):
        state = torch.load(path, weights_only=True)
        self.load_state_dict(state, strict=False)

    def forward(self, *x):
        return self.out(torch.cat([own(one) for own, one in zip(self.branches, x, strict=True)], 1))


def branches(inputs, n_outputs, *, dropout=0.0):
    return Branches(inputs, n_outputs, dropout)


def flat(inputs, n_outputs):
    """A linear model of all values; it tells every one of them apart."""
    (shape,) = inputs
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), n_outputs))


def columns(inputs, n_outputs):
    """A backbone and a head for vectors."""
    made = nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, n_outputs))
    made.head = ("2",)
    return made


def wrong(inputs, n_outputs):
    return nn.Flatten()


def network(module="branches", kind=Network, **given):
    """A network on arrays, on the CPU."""
    usual = {"epochs": 3, "learning_rate": 0.01, "batch_size": 8, "device": "cpu"}
    return kind(f"{HERE}.{module}", **{**usual, **given})


def mel(n=30, bands=6, frames=20, seed=0, dtype=np.float16):
    """Spectrograms of different lengths, whose strongest bands tell the label; and the labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    arrays = [rng.normal(5, 3, size=(bands, frames + i % 5)) for i in range(n)]
    for array, label in zip(arrays, y, strict=True):
        array[2 * label : 2 * label + 2] += 4
    return [array.astype(dtype) for array in arrays], y


def one_by_one(arrays):
    return Inputs({"mel": list(arrays)})


def waves(n=30, samples=50, seed=0):
    """Waveforms of different lengths, some shorter than others by far."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=samples + 7 * (i % 6)).astype(np.float32) for i in range(n)]


def several(y):
    return np.stack([y == 0, y != 2], axis=1).astype(int)


MEL, Y = mel()
X = Inputs({"mel": MEL})
HELD = Inputs({"mel": mel(12, seed=1)[0]}), Y[:12]
WAVES = Inputs({"waveform": waves()})


def same(one, other):
    """Whether two fitted networks have the same bits, in weights and history but for the time."""
    weights = [fitted.tensors() for fitted in (one, other)]
    histories = [
        [{key: row[key] for key in row if "seconds" not in key} for row in fitted.history_]
        for fitted in (one, other)
    ]
    return (
        weights[0].keys() == weights[1].keys()
        and all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        and histories[0] == histories[1]
        and one.best_epoch_ == other.best_epoch_
    )


class InterruptedTrainingError(Exception):
    """What stops a training in these tests."""


def interrupt(monkeypatch, epoch):
    """Stop every training when it has noted an epoch."""
    note = epochs.Training._note

    def stop(self, number, *rest):
        note(self, number, *rest)
        if number == epoch:
            raise InterruptedTrainingError

    monkeypatch.setattr(epochs.Training, "_note", stop)


def snapshots(monkeypatch):
    """The module's state after each epoch of the trainings that follow."""
    taken, note = [], epochs.Training._note

    def take(self, epoch, part, *rest):
        note(self, epoch, part, *rest)
        if part == "train":
            state = self.module.state_dict().items()
            taken.append({name: value.clone() for name, value in state})

    monkeypatch.setattr(epochs.Training, "_note", take)
    return taken


def changes(states, name):
    """Whether a number changed from each state to the next."""
    return [not torch.equal(before[name], after[name]) for before, after in pairwise(states)]
