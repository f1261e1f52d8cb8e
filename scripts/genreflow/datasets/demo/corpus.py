"""The shelf: which files there are, what is wrong with some, and how they come onto the disk."""

import csv
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy
import soundfile as sf

from genreflow.datasets.demo.artists import ROSTER, SEED, Artist, artists
from genreflow.datasets.demo.genres import GENRES, energy
from genreflow.datasets.demo.instruments import RATE
from genreflow.datasets.demo.mix import loudness, mix
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


class Known(NamedTuple):
    """What is known of a clip because it was made; None where it cannot be heard.

    Parameters
    ----------
    bpm : float or None [beats per minute]
        the tempo that it was played to; none without a beat
    loudness : float or None [dB re full scale]
        see `mix.loudness`
    energy : float or None
        0 to 1, see `genres.energy`
    """

    bpm: float | None = None
    loudness: float | None = None
    energy: float | None = None


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
    one. ``tracks.csv`` states path, label, artist, title, and as far as it can be heard bpm
    (empty without a beat), loudness and energy, see `Known`.

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
        for item, (data, known) in zip(shelf, made, strict=True):
            write(root / item.path, data)
            artist, name = player(item.genre, item.number).name, title(item.genre, item.number)
            numbers = ("" if number is None else f"{number:.3f}" for number in known)
            rows.append((item.path, item.label, artist, name, *numbers))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("path", "label", "artist", "title", *Known._fields))
    writer.writerows(sorted(rows))
    write(root / "tracks.csv", table.getvalue().encode())


def items() -> list[Item]:
    """All files of the corpus but the table."""
    return [*_good(), *_flawed()]


def content(item: Item) -> tuple[bytes, Known]:
    """The bytes of one file and what is known of it; they depend on nothing but the item.

    Returns
    -------
    data : bytes
    known : Known
        of what can be heard
    """
    y, known = clip(item.genre, item.number)
    if item.flaw:
        return FLAWS[item.flaw](y, known)
    rate, channels = RATE, 1
    suffix = Path(item.path).suffix
    if item.number == 5:
        _, rate, channels = OTHER_FORMATS[item.genre]
    return encode(_convert(y, rate, channels), rate, suffix), known


def clip(genre: str, number: int) -> tuple[np.ndarray, Known]:
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
    known : Known
    """
    rng = np.random.default_rng([SEED, list(ROSTER).index(genre), 1 + number])
    sound = player(genre, number).session(rng)
    tape = GENRES[genre](sound, rng)
    known = Known(tape.bpm, loudness(sound), energy(sound, tape))
    return mix(tape.samples, sound, rng), known


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


def _broken(y: np.ndarray, known: Known) -> tuple[bytes, Known]:
    return b"<html><body>404: this recording has moved</body></html>\n", Known()


def _truncated(y: np.ndarray, known: Known) -> tuple[bytes, Known]:
    """A download that stopped after four seconds of ten; the header does not know it."""
    data = encode(y, RATE)
    return data[: len(data) * 2 // 5], known


def _silent(y: np.ndarray, known: Known) -> tuple[bytes, Known]:
    return encode(np.zeros_like(y), RATE), Known()


def _short(y: np.ndarray, known: Known) -> tuple[bytes, Known]:
    return encode(y[: 3 * RATE // 10], RATE), Known()


def _clipped(y: np.ndarray, known: Known) -> tuple[bytes, Known]:
    """A transfer that was turned up four times too far; nobody knows the level that came of it."""
    return encode(np.clip(4 * y, -1, 1), RATE), known._replace(loudness=None)


FLAWS: dict[str, Callable[[np.ndarray, Known], tuple[bytes, Known]]] = {
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
