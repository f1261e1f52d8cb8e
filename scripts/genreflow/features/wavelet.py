"""The `wavelet` and `wavelet_frames` sets: a track's discrete wavelet transform."""

from collections.abc import Iterator

import numpy as np

from genreflow.features.spectrum import require_audio

# The signal is taken to repeat: no more coefficients than samples, but for odd lengths.
MODE = "periodization"


def wavelet(y: np.ndarray, *, sr: int, wavelet: str = "db4", level: int = 5) -> np.ndarray:
    """Coefficients of the discrete wavelet transform [#]_, all levels in a row, the coarsest first.

    First the approximation, then the details from the lowest octave to the highest; `level_lengths`
    tells how many there are of each. The longest clip of GTZAN (675,808 samples) has as many
    coefficients as samples. So have others, up to a few more: an hour at 22,050 Hz is 318 MB, and
    more than twice that while it is computed.

    .. [#] Mallat, S. G. "A theory for multiresolution signal decomposition: the wavelet
        representation." IEEE Transactions on Pattern Analysis and Machine Intelligence 11 (1989).

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`
    wavelet : str
        name of a discrete wavelet in PyWavelets
    level : int > 0
        how often the approximation is halved

    Returns
    -------
    np.ndarray [shape=(sum(level_lengths(n, level=level)),), dtype=float32]

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    See Also
    --------
    pywt.wavedec : equal, with ``mode="periodization"``, its levels concatenated
    """
    require_audio(y, sr=sr)
    lengths = level_lengths(len(y), level=level)
    coefficients = np.empty(sum(lengths), np.float32)
    end = len(coefficients)
    for part in decompose(y, wavelet=wavelet, level=level):
        coefficients[end - len(part) : end] = part
        end -= len(part)
    return coefficients


def wavelet_frames(y: np.ndarray, *, sr: int, wavelet: str = "db4", level: int = 5) -> np.ndarray:
    """The same coefficients, those of one time in one column: what can be cut and read along time.

    A column stands for ``2 ** level`` samples. Of the approximation and of the coarsest details it
    has one coefficient each, of every finer level twice as many as of the one before::

        frames[0, t] = approximation[t]
        frames[r + i, t] = details[t * r + i]

    where ``r``, the number of coefficients that a level has in a column, is its first row as well:
    1 for the coarsest details, then 2, 4, ...

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`
    wavelet, level
        as for `wavelet`

    Returns
    -------
    np.ndarray [shape=(2 ** level, ceil(n / 2 ** level)), dtype=float32]
        in the last column, 0 where a level has no more coefficients

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite
    """
    require_audio(y, sr=sr)
    n_frames = level_lengths(len(y), level=level)[0]
    frames = np.empty((2**level, n_frames), np.float32)
    rows = 2**level
    for part in decompose(y, wavelet=wavelet, level=level):
        # The details fill the upper half of the rows that are left, the approximation the last one.
        end, rows = rows, rows // 2
        each = end - rows
        padded = np.pad(part, (0, each * n_frames - len(part)))
        frames[rows:end] = padded.reshape(n_frames, each).T
    return frames


def level_lengths(n: int, *, level: int = 5) -> list[int]:
    """Number of coefficients of the approximation and of each level of details.

    Parameters
    ----------
    n : int > 0
        number of samples
    level : int > 0

    Returns
    -------
    list of int [level + 1 entries]
        in the order of `wavelet`: approximation, then details from the lowest octave to the highest

    Examples
    --------
    >>> level_lengths(675808)
    [21119, 21119, 42238, 84476, 168952, 337904]
    >>> approximation, *details = np.split(coefficients, np.cumsum(level_lengths(n))[:-1])
    """
    halved = [-(-n // 2**i) for i in range(level, 0, -1)]
    return [halved[0], *halved]


def decompose(y: np.ndarray, *, wavelet: str, level: int) -> Iterator[np.ndarray]:
    """Give the levels one by one, from the finest details to the approximation.

    Parameters
    ----------
    y, wavelet, level
        as for `wavelet`

    Yields
    ------
    np.ndarray [dtype=float32]
    """
    import pywt

    # PyWavelets takes what cannot be written to, as mapped files are, only with a second axis.
    approximation = y[np.newaxis]
    for _ in range(level):
        approximation, details = pywt.dwt(approximation, wavelet, MODE)
        yield details[0]
    yield approximation[0]
