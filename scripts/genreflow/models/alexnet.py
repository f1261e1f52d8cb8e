"""AlexNet, as torchvision publishes its weights.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014: five
convolutions and three fully connected layers.
"""

from typing import Any

from torch import nn

from genreflow.models.imagenet import Classified, check_head, check_pictures

# The fully connected layers and what goes into each: 256 maps of 6 by 6, and hidden units.
WIDTHS = {"fc1": 256 * 6 * 6, "fc2": 4096, "fc3": 4096}


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
    return Classified(_features(), 6, _classifier(n_outputs, head_at))


def _features() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True)),
        nn.MaxPool2d(3, stride=2),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True)),
        nn.MaxPool2d(3, stride=2),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True)),
        nn.MaxPool2d(3, stride=2),
    )


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
