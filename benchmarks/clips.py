"""The clips that the benchmarks work on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from genreflow.audio.read import load

RATE = 22050


@dataclass(frozen=True)
class Clip:
    """A file at 22,050 Hz, and what is made of it before any time is taken.

    Attributes
    ----------
    path : Path
    folder : Path
        where copies of it in other formats are put
    """

    path: Path
    folder: Path

    @cached_property
    def y(self) -> np.ndarray:
        """Its samples."""
        return load(self.path, sr=RATE)

    @cached_property
    def wav(self) -> Path:
        """The same as stereo of 44.1 kHz and 16 bits."""
        return self._stereo("wav")

    @cached_property
    def mp3(self) -> Path:
        """The same as stereo of 44.1 kHz, compressed."""
        return self._stereo("mp3")

    def _stereo(self, suffix: str) -> Path:
        left = soxr.resample(0.9 * self.y, RATE, 2 * RATE)
        path = self.folder / f"{self.path.stem}.{suffix}"
        sf.write(path, np.stack([left, np.roll(left, 331)], axis=1), 2 * RATE)
        return path


def clip_files(folder: Path) -> list[Path]:
    """All wav and au files at 22,050 Hz under a folder, by name."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".wav", ".au"}]
    files = [path for path in files if sf.info(path).samplerate == RATE]
    if not files:
        raise SystemExit(f"{folder}: no .wav or .au file at {RATE} Hz")
    return files


def some_clips(folder: Path, number: int, copies: Path) -> list[Clip]:
    """A number of clips, from all over the folder."""
    files = clip_files(folder)
    number = min(number, len(files))
    return [Clip(files[i * len(files) // number], copies) for i in range(number)]
