"""The micro corpus: two genres of one-second clips, a tone and a noise, of three artists each."""

from pathlib import Path

import numpy as np
import soundfile as sf

GENRES = ("noise", "tone")
RATE = 22050


def clip(genre: str, number: int, seconds: float = 1.0) -> np.ndarray:
    """One clip; the number is its seed."""
    rng = np.random.default_rng([GENRES.index(genre), number])
    t = np.arange(int(RATE * seconds)) / RATE
    noise = rng.standard_normal(t.size)
    tone = np.sin(2 * np.pi * rng.uniform(200, 400) * t) * (np.sin(2 * np.pi * 4 * t) > 0)
    return 0.3 * tone + 0.02 * noise if genre == "tone" else 0.1 * noise


def write_clip(root: Path, genre: str, number: int) -> Path:
    """Write one clip into the folder of its genre."""
    path = root / genre / f"{number:02d}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, clip(genre, number), RATE)
    return path


def write_corpus(root: Path, clips: int = 6) -> None:
    """Write the corpus and its table of artists; the labels are the folders' names."""
    rows = ["path,artist"]
    for genre in GENRES:
        for number in range(clips):
            path = write_clip(root, genre, number)
            rows.append(f"{path.relative_to(root)},{genre} artist {number % 3}")
    (root / "tracks.csv").write_text("\n".join(rows) + "\n")
