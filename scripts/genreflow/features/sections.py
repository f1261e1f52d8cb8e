"""The `sections` set: a few short excerpts of the samples."""

import numpy as np

from genreflow.errors import GenreflowError


def sections(
    y: np.ndarray, *, sr: int, seed: int, n_sections: int = 3, length: int = 1000
) -> np.ndarray:
    """Excerpts at random positions, of a track whose samples were brought to 0..1.

    The minimum of the whole track becomes 0, its maximum 1; so a quiet passage stays quiet beside
    a loud one. The regression study that this set comes from normalises "the waveform" and then
    takes "a standardized section" from it, three times; its positions are not published.

    All placements in which no two sections overlap are equally likely. Where the track is shorter
    than all sections together, they begin at distinct samples as long as there are enough.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`
    seed : int >= 0
        the track's own
    n_sections : int > 0
        number of sections
    length : int > 0
        samples of each

    Returns
    -------
    np.ndarray [shape=(n_sections, length), dtype=float32]
        in [0, 1], in the order of time; all 0 where the audio is constant

    Raises
    ------
    GenreflowError
        if the track is shorter than one section

    Examples
    --------
    >>> sections(np.linspace(-1, 1, 4000, dtype="float32"), sr=22050, seed=0).shape
    (3, 1000)
    """
    if len(y) < length:
        raise GenreflowError(f"{len(y)} samples long; a section has {length}")
    low, high = float(y.min()), float(y.max())
    starts = _starts(len(y), n_sections, length, seed)
    cut = np.stack([y[start : start + length] for start in starts])
    return ((cut - low) / ((high - low) or 1)).astype(np.float32)


def _starts(n: int, n_sections: int, length: int, seed: int) -> np.ndarray:
    """First samples of the sections, in ascending order."""
    rng = np.random.default_rng(seed)
    spare = n - n_sections * length
    if spare < 0:
        places = n - length + 1
        return np.sort(rng.choice(places, n_sections, replace=places < n_sections))
    # Of the samples that no section covers and the sections themselves, which are the sections?
    order = np.sort(rng.choice(spare + n_sections, n_sections, replace=False))
    return order + (length - 1) * np.arange(n_sections)
