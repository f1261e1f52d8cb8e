"""VGG16, as torchvision publishes its weights.

Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR
2015, configuration D: thirteen convolutions and three fully connected layers.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init

from genreflow.models.imagenet import Classified, check_head, check_pictures, convolution

# Channels of the convolutions between two poolings.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

# The fully connected layers and what goes into each: 512 maps of 7 by 7, and hidden units.
WIDTHS = {"fc1": 512 * 7 * 7, "fc2": 4096, "fc3": 4096}


def vgg16(inputs: Any, n_outputs: int, *, head_at: str = "fc3") -> nn.Module:
    """Make VGG16, with a head of its own for our labels.

    Parameters
    ----------
    inputs : tuple of tuple of int
        the shape of pictures: ``((3, height, width),)``, at least 32 by 32
    n_outputs : int > 0
    head_at : {"fc1", "fc2", "fc3"}
        the fully connected layer that gives the logits; those before it remain, those behind it
        are left out

    Returns
    -------
    torch.nn.Module
        takes float32 pictures of values from 0 to 255, gives logits. Its ``load_pretrained`` takes
        torchvision's ``vgg16-397923af.pth``

    Raises
    ------
    GenreflowError
        if the inputs are no such pictures, or there is no such layer
    """
    check_pictures(inputs, "VGG16", least=32)
    check_head(head_at, WIDTHS)
    return Classified(_features(), 7, _classifier(n_outputs, head_at))


def _features() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for block in BLOCKS:
        for width in block:
            layers += [convolution(channels, width, 3), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def _classifier(n_outputs: int, head_at: str) -> nn.Sequential:
    """The fully connected layers, the last one of which is the head."""
    layers: list[nn.Module] = []
    for name, width in WIDTHS.items():
        if name == head_at:
            layers.append(_linear(width, n_outputs))
            break
        layers += [_linear(width, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    return nn.Sequential(*layers)


def _linear(n_inputs: int, n_outputs: int) -> nn.Linear:
    # torch's own first weights, which ours would replace, take seconds for 100 million of them.
    layer = skip_init(nn.Linear, n_inputs, n_outputs, device=torch.get_default_device())
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer
