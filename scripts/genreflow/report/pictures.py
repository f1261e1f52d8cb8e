"""Small pictures inside the page: a waveform as an SVG path, spectra as PNG."""

import base64
import io

import numpy as np

from genreflow.describe import Example
from genreflow.report import numbers

MEL_RANGE = 70.0


def example_pictures(example: Example) -> dict:
    """Return what the page shows of one example track."""
    return {
        "label": example.label,
        "track": example.track_id,
        "length": numbers.seconds(example.seconds),
        "columns": example.envelope.shape[1],
        "waveform": waveform_path(example.envelope),
        "mel": png_uri(scaled_mel(example.mel)[::-1], "magma"),
        "mfcc": png_uri(scaled_mfcc(example.mfcc)[::-1], "PuOr_r"),
        "chroma": png_uri(example.chroma[::-1], "cividis"),
    }


def waveform_path(envelope: np.ndarray) -> str:
    """Write an envelope as the outline of an SVG path, 100 units high, one unit per column.

    Parameters
    ----------
    envelope : np.ndarray [shape=(2, columns)]
        smallest and largest sample of each column, in -1..1
    """
    low, high = 50 - 49 * np.asarray(envelope, dtype=np.float64)
    # A thin line stays where the signal is silent.
    low, high = np.maximum(low, high + 0.8), high
    there = [f"{x} {y:.1f}" for x, y in enumerate(high)]
    back = [f"{x} {y:.1f}" for x, y in zip(range(len(low) - 1, -1, -1), low[::-1], strict=True)]
    return "M" + "L".join(there + back) + "Z"


def scaled_mel(mel: np.ndarray) -> np.ndarray:
    """Bring decibels under the maximum to 0..1, over a range of 70 dB."""
    return np.clip(1 + (mel - mel.max()) / MEL_RANGE, 0, 1)


def scaled_mfcc(mfcc: np.ndarray) -> np.ndarray:
    """Centre and scale each coefficient on its own, and bring +-2.5 deviations to 0..1."""
    centred = mfcc - mfcc.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.clip(0.5 + centred / np.where(deviation > 0, deviation, 1) / 5, 0, 1)


def png_uri(values: np.ndarray, colours: str) -> str:
    """Write a picture as a data URI of a PNG with 64 colours.

    Parameters
    ----------
    values : np.ndarray [shape=(rows, columns), 0..1]
        the first row is the uppermost
    colours : str
        name of a colour map of matplotlib
    """
    from matplotlib import colormaps
    from PIL import Image

    levels = np.round(np.clip(np.nan_to_num(values), 0, 1) * 63).astype(np.uint8)
    image = Image.fromarray(levels, mode="P")
    palette = colormaps[colours](np.linspace(0, 1, 64), bytes=True)[:, :3]
    image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
