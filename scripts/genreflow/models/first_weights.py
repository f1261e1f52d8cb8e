"""First weights of networks, as Keras gives them, with which the published networks were made."""

from typing import TypeVar

from torch import nn

Made = TypeVar("Made", bound=nn.Module)


def start_as_keras(module: Made) -> Made:
    """Start all dense and convolutional layers of a module.

    Weights by Glorot and Bengio (2010), uniform; biases zero.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    torch.nn.Module
        the same one
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module
