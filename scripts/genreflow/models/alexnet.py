"""AlexNet, as torchvision publishes its weights.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014: five
convolutions and three fully connected layers.
"""

from typing import Any

import torch
from torch import nn

from genreflow.models.imagenet import Normalize, check_head, check_pictures, replaced
from genreflow.models.pretrained import load_checkpoint

# The fully connected layers and what goes into each: 256 maps of 6 by 6, and hidden units.
WIDTHS = {"fc1": 256 * 6 * 6, "fc2": 4096, "fc3": 4096}


class AlexNet(nn.Module):
    """AlexNet with layers named as in torchvision's checkpoints; `alexnet` makes it.

    Attributes
    ----------
    head : tuple of str
        the layer that is new for our labels
    """

    def __init__(self, n_outputs: int, head_at: str) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = _classifier(n_outputs, head_at)
        self.head = (f"classifier.{len(self.classifier) - 1}",)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [shape=(n, 3, height, width)] of values from 0 to 255."""
        maps = self.avgpool(self.features(self.normalize(x)))
        return self.classifier(maps.flatten(1))

    def load_pretrained(self, path: str) -> None:
        """Load all but the head and what would follow it; see `load_checkpoint`."""
        load_checkpoint(self, path, without=replaced(self.classifier))


def alexnet(inputs: Any, n_outputs: int, *, head_at: str = "fc3") -> nn.Module:
    """Make AlexNet, with a head of its own for our labels.

    Parameters
    ----------
    inputs : tuple of tuple of int
        the shape of pictures: ``((3, height, width),)``, at least 63 by 63
    n_outputs : int > 0
    head_at : {"fc1", "fc2", "fc3"}
        the fully connected layer that gives the logits; those before it remain, those behind it
        are left out

    Returns
    -------
    torch.nn.Module
        takes float32 pictures of values from 0 to 255, gives logits. Its ``load_pretrained`` takes
        torchvision's ``alexnet-owt-7be5be79.pth``

    Raises
    ------
    GenreflowError
        if the inputs are no such pictures, or there is no such layer
    """
    check_pictures(inputs, "AlexNet", least=63)
    check_head(head_at, WIDTHS)
    return AlexNet(n_outputs, head_at)


def _classifier(n_outputs: int, head_at: str) -> nn.Sequential:
    """The fully connected layers, the last one of which is the head."""
    layers: list[nn.Module] = []
    for name, width in WIDTHS.items():
        if name != "fc3":
            layers.append(nn.Dropout(0.5))
        if name == head_at:
            layers.append(nn.Linear(width, n_outputs))
            break
        layers += [nn.Linear(width, 4096), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
