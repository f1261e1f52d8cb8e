"""ResNet18, as torchvision publishes its weights.

He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016: a convolution,
eight blocks of two convolutions each, and a fully connected layer.
"""

from typing import Any

import torch
from torch import nn

from genreflow.models.imagenet import Normalize, check_pictures, convolution
from genreflow.models.pretrained import load_checkpoint


class Block(nn.Module):
    """Two convolutions, around which the input leads as it is, or brought to the same shape."""

    def __init__(self, n_inputs: int, n_outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(n_inputs, n_outputs, 3, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(n_outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = convolution(n_outputs, n_outputs, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(n_outputs)
        self.downsample = None
        if stride != 1 or n_inputs != n_outputs:
            self.downsample = nn.Sequential(
                convolution(n_inputs, n_outputs, 1, stride=stride, bias=False),
                nn.BatchNorm2d(n_outputs),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [shape=(n, n_inputs, height, width)] to maps, `stride` times smaller."""
        around = x if self.downsample is None else self.downsample(x)
        inner = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(inner)) + around)


class ResNet18(nn.Module):
    """ResNet18 with layers named as in torchvision's checkpoints; `resnet18` makes it.

    Attributes
    ----------
    head : tuple of str
        the layer that is new for our labels
    """

    head = ("fc",)

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.conv1 = convolution(3, 64, 7, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [shape=(n, 3, height, width)] of values from 0 to 255."""
        maps = self.maxpool(self.relu(self.bn1(self.conv1(self.normalize(x)))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = layer(maps)
        return self.fc(self.avgpool(maps).flatten(1))

    def load_pretrained(self, path: str) -> None:
        """Load all but the head; see `load_checkpoint`."""
        load_checkpoint(self, path, without=self.head)


def resnet18(inputs: Any, n_outputs: int) -> nn.Module:
    """Make ResNet18, with a head of its own for our labels.

    Parameters
    ----------
    inputs : tuple of tuple of int
        the shape of pictures: ``((3, height, width),)``, at least 32 by 32
    n_outputs : int > 0

    Returns
    -------
    torch.nn.Module
        takes float32 pictures of values from 0 to 255, gives logits. Its ``load_pretrained`` takes
        torchvision's ``resnet18-f37072fd.pth``

    Raises
    ------
    GenreflowError
        if the inputs are no such pictures
    """
    check_pictures(inputs, "ResNet18", least=32)
    return ResNet18(n_outputs)
