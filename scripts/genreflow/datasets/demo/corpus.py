"""The shelf: which files there are, what is wrong with some, and how they come onto the disk."""

import csv
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
import soundfile as sf

from genreflow.datasets.demo.artists import ROSTER, SEED, Artist, artists
from genreflow.datasets.demo.genres import GENRES
from genreflow.datasets.demo.instruments import RATE
from genreflow.datasets.demo.mix import mix
from genreflow.journal import progress

CLIPS = 24

# Clip 5 of each genre comes in another format: suffix, rate in Hz and channels.
OTHER_FORMATS = {
    "ambient": (".flac", 44_100, 2),
    "blues": (".wav", 44_100, 2),
    "country": (".mp3", 44_100, 2),
    "disco": (".flac", 48_000, 1),
    "house": (".mp3", 44_100, 2),
    "punk": (".wav", 44_100, 1),
}
SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16", ".mp3": "MPEG_LAYER_III"}

ADJECTIVES = ("Silver", "Lonely", "Electric", "Broken", "Golden", "Restless", "Distant", "Paper")
NOUNS = ("Harbour", "Highway", "Mirror", "Garden", "Signal", "Weekend", "River", "Letter")


@dataclass(frozen=True)
class Item:
    """One file of the corpus.

    Parameters
    ----------
    path : str
        relative to the root
    label : str
        the genre that the table states
    genre, number : str, int
        the clip that is in the file
    flaw : str or None
        a key of `FLAWS`
    """

    path: str
    label: str
    genre: str
    number: int
    flaw: str | None = None


def make_corpus(root: Path, *, workers: int = 1) -> None:
    """Write the demo corpus, or what is missing of it.

    A hundred and forty-four clips of ten seconds, and a handful of files such as any collection
    has: a copy, a copy under another label, a broken, a truncated, a silent, a short and a clipped
    one. ``tracks.csv`` states path, label, artist, title and bpm (empty without a beat).

    Files that are there already with these very bytes are left alone, and so is everything else
    in the folder.

    Parameters
    ----------
    root : Path
        the folder; made if need be
    workers : int > 0
        number of processes; the files do not depend on it
    """
    root = Path(root)
    shelf = items()
    rows = []
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(content, shelf, chunksize=4)
        made = progress(made, "clips made", total=len(shelf))
        for item, (data, bpm) in zip(shelf, made, strict=True):
            write(root / item.path, data)
            artist = player(item.genre, item.number)
            tempo = f"{bpm:.2f}" if bpm else ""
            rows.append((item.path, item.label, artist.name, title(item.genre, item.number), tempo))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("path", "label", "artist", "title", "bpm"))
    writer.writerows(sorted(rows))
    write(root / "tracks.csv", table.getvalue().encode())


def items() -> list[Item]:
    """All files of the corpus but the table."""
    return [*_good(), *_flawed()]


def content(item: Item) -> tuple[bytes, float | None]:
    """The bytes of one file and its tempo; they depend on nothing but the item.

    Returns
    -------
    data : bytes
    bpm : float or None [beats per minute]
        the tempo of what can be heard; none without a beat
    """
    y, bpm = clip(item.genre, item.number)
    if item.flaw:
        data, audible = FLAWS[item.flaw](y)
        return data, bpm if audible else None
    rate, channels = RATE, 1
    suffix = Path(item.path).suffix
    if item.number == 5:
        _, rate, channels = OTHER_FORMATS[item.genre]
    return encode(_convert(y, rate, channels), rate, suffix), bpm


def clip(genre: str, number: int) -> tuple[np.ndarray, float | None]:
    """Ten seconds of an artist.

    Parameters
    ----------
    genre : str
    number : int >= 0
        the artists of a genre take turns

    Returns
    -------
    y : np.ndarray [shape=(220500,), dtype=float64]
        audio at 22,050 Hz, within -1 and 1
    bpm : float or None [beats per minute]
        the tempo that it was played to; none without a beat
    """
    rng = np.random.default_rng([SEED, list(ROSTER).index(genre), 1 + number])
    sound = player(genre, number).session(rng)
    tape = GENRES[genre](sound, rng)
    return mix(tape.samples, sound, rng), tape.bpm


def player(genre: str, number: int) -> Artist:
    """The artist of a clip."""
    return artists(genre)[number % len(ROSTER[genre])]


def title(genre: str, number: int) -> str:
    """The title of a clip; no two of a genre are the same."""
    turn = 5 * number + 11 * list(ROSTER).index(genre)
    return f"{ADJECTIVES[turn % 8]} {NOUNS[(turn + number // 8) % 8]}"


def encode(y: np.ndarray, rate: int, suffix: str = ".wav") -> bytes:
    """A file's bytes, of audio [shape=(n,) or (n, channels)]."""
    file = io.BytesIO()
    sf.write(file, y, rate, format=suffix[1:].upper(), subtype=SUBTYPES[suffix])
    return file.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and only if its bytes differ."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _good() -> Iterator[Item]:
    for genre in GENRES:
        for number in range(CLIPS):
            suffix = OTHER_FORMATS[genre][0] if number == 5 else ".wav"
            yield Item(f"{genre}/{number:03d}{suffix}", genre, genre, number)


def _flawed() -> Iterator[Item]:
    """What stands beside the good clips; it takes none of them out."""
    yield Item("house/copy of 007.wav", "house", "house", 7)
    yield Item("house/twelve inch.wav", "house", "house", 24)
    yield Item("disco/twelve inch.wav", "disco", "house", 24)
    yield Item("country/broken.wav", "country", "country", 24, "broken")
    yield Item("blues/truncated.wav", "blues", "blues", 24, "truncated")
    yield Item("ambient/silent.wav", "ambient", "ambient", 24, "silent")
    yield Item("disco/short.wav", "disco", "disco", 24, "short")
    yield Item("punk/clipped.wav", "punk", "punk", 24, "clipped")


def _broken(y: np.ndarray) -> tuple[bytes, bool]:
    return b"<html><body>404: this recording has moved</body></html>\n", False


def _truncated(y: np.ndarray) -> tuple[bytes, bool]:
    """A download that stopped after four seconds of ten; the header does not know it."""
    data = encode(y, RATE)
    return data[: len(data) * 2 // 5], True


def _silent(y: np.ndarray) -> tuple[bytes, bool]:
    return encode(np.zeros_like(y), RATE), False


def _short(y: np.ndarray) -> tuple[bytes, bool]:
    return encode(y[: 3 * RATE // 10], RATE), False


def _clipped(y: np.ndarray) -> tuple[bytes, bool]:
    """A transfer that was turned up four times too far."""
    return encode(np.clip(4 * y, -1, 1), RATE), True


FLAWS: dict[str, Callable[[np.ndarray], tuple[bytes, bool]]] = {
    "broken": _broken,
    "truncated": _truncated,
    "silent": _silent,
    "short": _short,
    "clipped": _clipped,
}


def _convert(y: np.ndarray, rate: int, channels: int) -> np.ndarray:
    """At another rate; as stereo, the sides differ by what is left out of their mean."""
    if rate != RATE:
        divisor = np.gcd(rate, RATE)
        y = scipy.signal.resample_poly(y, rate // divisor, RATE // divisor)
    if channels == 1:
        return y
    side = 0.3 * np.roll(y, rate // 100)
    return np.clip(np.stack([y + side, y - side], axis=1), -1, 1)
