"""What the networks have in common that were trained on ImageNet's pictures."""

from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init

from genreflow.errors import GenreflowError, closest
from genreflow.models.pretrained import load_checkpoint

# Of red, green and blue from 0 to 1 over ImageNet, as torchvision's checkpoints expect them.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Normalize(nn.Module):
    """Bring the bytes of pictures to the scale of ImageNet's; without parameters or state."""

    def __init__(self) -> None:
        super().__init__()
        # Constants are in no state_dict, whose keys are thus those of the checkpoints.
        for name, value in {"mean": MEAN, "std": STD}.items():
            whole = 255 * torch.tensor(value).reshape(3, 1, 1)
            self.register_buffer(name, whole, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise pictures [shape=(n, 3, height, width)] of values from 0 to 255."""
        return (x - self.mean) / self.std


class Classified(nn.Module):
    """Convolutions with fully connected layers behind them, named as in torchvision's checkpoints.

    Parameters
    ----------
    features : torch.nn.Sequential
        the convolutions
    side : int > 0
        width and height that their maps are brought to
    classifier : torch.nn.Sequential
        whose last layer is the head

    Attributes
    ----------
    head : tuple of str
        the layer that is new for our labels
    """

    def __init__(self, features: nn.Sequential, side: int, classifier: nn.Sequential) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((side, side))
        self.classifier = classifier
        self.head = (f"classifier.{len(classifier) - 1}",)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [shape=(n, 3, height, width)] of values from 0 to 255."""
        maps = self.avgpool(self.features(self.normalize(x)))
        return self.classifier(maps.flatten(1))

    def load_pretrained(self, path: str) -> None:
        """Load all but the head and what would follow it; see `load_checkpoint`."""
        load_checkpoint(self, path, without=_replaced(self.classifier))


def check_pictures(inputs: Any, network: str, least: int) -> None:
    """Refuse inputs that are no pictures.

    Parameters
    ----------
    inputs : object
        what a factory of modules was told of its inputs
    network : str
        whose name the error says
    least : int > 0
        the fewest pixels of a side

    Raises
    ------
    GenreflowError
        if `inputs` is not one shape (3, height, width), or a side is too short
    """
    match inputs:
        case ((3, int() as height, int() as width),) if min(height, width) >= least:
            return
    raise GenreflowError(
        f"{network} takes one feature set, of pictures (3, height, width) of at least {least} by "
        f"{least} pixels, such as mel_image; it was given {inputs!r}"
    )


def check_head(head_at: str, layers: Collection[str]) -> None:
    """Refuse a name that is none of a classifier's layers.

    Parameters
    ----------
    head_at : str
    layers : collection of str

    Raises
    ------
    GenreflowError
    """
    if head_at not in layers:
        raise GenreflowError(
            f"head_at: there is no layer {head_at!r}{closest(str(head_at), layers)}"
        )


def _replaced(classifier: nn.Sequential) -> list[str]:
    """The head and all behind it: the classifiers of AlexNet and of VGG have seven layers."""
    return [f"classifier.{place}" for place in range(len(classifier) - 1, 7)]


def convolution(
    n_inputs: int, n_outputs: int, size: int, *, stride: int = 1, bias: bool = True
) -> nn.Conv2d:
    """Make a convolution that keeps the size of the maps, divided by `stride`.

    Its first weights are those of torchvision's VGG and ResNet: normal after He et al. (2015), by
    the number of outputs.

    Parameters
    ----------
    n_inputs, n_outputs : int > 0
        channels
    size : int > 0
        odd; of a side
    stride : int > 0
    bias : bool

    Returns
    -------
    torch.nn.Conv2d
    """
    layer = skip_init(
        *(nn.Conv2d, n_inputs, n_outputs, size),
        **{"stride": stride, "padding": size // 2, "bias": bias},
        device=torch.get_default_device(),
    )
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
