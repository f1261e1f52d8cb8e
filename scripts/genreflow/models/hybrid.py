"""Networks that read some feature sets by convolutions and others by recurrence."""

from collections.abc import Sequence

from torch import nn

from genreflow.errors import GenreflowError, closest
from genreflow.models.branches import Branches, MeanBranch
from genreflow.models.recurrent import RecurrentBranch
from genreflow.models.residual import ResidualBranch
from genreflow.models.shapes import Shapes, require_arrays


def hybrid(
    inputs: Shapes,
    n_outputs: int,
    *,
    branches: Sequence[str] = ("residual", "residual", "recurrent", "recurrent", "mean"),
    channels: Sequence[int] = (16, 32, 64, 128),
    strides: tuple[int, int] = (4, 8),
    recurrent_channels: int = 32,
    kernel: int = 7,
    steps: int = 350,
    units: int = 64,
    dense: int = 128,
    dropout: float = 0.3,
) -> nn.Module:
    """Make a network of a branch for each feature set, each of a kind that fits the set.

    Parameters
    ----------
    inputs : tuple of tuple of int
        (bands, frames) of each feature set; with the usual branches those of `mel`, `chroma`,
        `wavelet_frames`, `mfcc` and an embedding of frames, such as `vggish`, in this order
    n_outputs : int > 0
    branches : sequence of {"residual", "recurrent", "mean"}
        the kind of each branch, in the order of the feature sets: `ResidualBranch`,
        `RecurrentBranch`, or `MeanBranch`
    channels, strides
        of residual branches, as for `genreflow.models.residual.residual_cnn`
    recurrent_channels, kernel, steps, units
        of recurrent branches, as for `genreflow.models.recurrent.bidirectional_lstm`
    dense, dropout
        as for `genreflow.models.branches.Branches`

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    GenreflowError
        if there are not as many feature sets as branches, arrays have another number of axes than
        two, or there is no such kind of branch
    """
    takes = f"hybrid takes arrays (bands, frames) for its {len(branches)} branches"
    require_arrays(inputs, takes, axes=(2,), sets=len(branches))
    kinds = {
        "residual": lambda shape: ResidualBranch(channels=channels, strides=strides),
        "recurrent": lambda shape: RecurrentBranch(
            shape, channels=recurrent_channels, kernel=kernel, steps=steps, units=units
        ),
        "mean": lambda shape: MeanBranch(shape[0]),
    }
    for kind in branches:
        if kind not in kinds:
            raise GenreflowError(f"branches: there is no kind {kind!r}{closest(kind, kinds)}")
    made = [kinds[kind](shape) for kind, shape in zip(branches, inputs, strict=True)]
    return Branches(made, n_outputs, dense=dense, dropout=dropout)
