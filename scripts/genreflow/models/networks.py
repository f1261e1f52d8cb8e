"""Architectures of neural networks, made from their numbers of inputs and outputs.

Each gives one logit for each output. They start as Keras layers do, with which the published
networks were made: weights by Glorot and Bengio (2010), uniform; biases zero; batch normalisation
with an epsilon of 1e-3, whose running mean and variance keep 99 % of themselves at each batch.
"""

from collections.abc import Mapping, Sequence

from torch import nn

from genreflow.errors import GenreflowError
from genreflow.models.first_weights import start_as_keras

BATCH_NORM = "batch_norm"


def feed_forward(
    n_inputs: int, n_outputs: int, *, layers: Sequence[int | str | Mapping[str, float]] = ()
) -> nn.Module:
    """Make a feed-forward network.

    Parameters
    ----------
    n_inputs, n_outputs : int > 0
    layers : sequence
        what stands between input and output, in order: a number of units (a dense layer and a
        ReLU), ``"batch_norm"``, or ``{"dropout": share}``; without any, the network is a linear
        model. The output layer is added

    Returns
    -------
    torch.nn.Module
        takes (n, n_inputs), gives logits (n, n_outputs)

    Raises
    ------
    GenreflowError
        if a layer is none of these, or the inputs are arrays
    """
    if not isinstance(n_inputs, int):
        raise GenreflowError(
            "feed_forward takes vectors; say 'takes: vectors' in the model, or name another module"
        )
    width = n_inputs
    made: list[nn.Module] = []
    for layer in layers:
        match layer:
            case int() if layer > 0 and not isinstance(layer, bool):
                made += [_dense(width, layer), nn.ReLU()]
                width = layer
            case str() if layer == BATCH_NORM:
                # torch's momentum is the share of the batch, Keras' that of the running value.
                made.append(nn.BatchNorm1d(width, eps=1e-3, momentum=0.01))
            case {"dropout": int() | float() as share, **others} if not others and 0 <= share < 1:
                made.append(nn.Dropout(share))
            case _:
                raise GenreflowError(
                    f"layers: {layer!r} is no layer; a layer is a number of units, {BATCH_NORM}, "
                    "or {dropout: 0.3}, a share from 0 to less than 1"
                )
    return nn.Sequential(*made, _dense(width, n_outputs))


def _dense(n_inputs: int, n_outputs: int) -> nn.Linear:
    return start_as_keras(nn.Linear(n_inputs, n_outputs))
