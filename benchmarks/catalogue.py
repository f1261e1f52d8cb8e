"""Seconds that a refresh of the catalogue takes: `python benchmarks/catalogue.py [tracks]`."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from genreflow.catalogue import refresh
from genreflow.datasets import Dataset

REPEATS = 5


def main(tracks: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        root, catalogues = Path(name, "audio"), Path(name, "catalogues")
        make_files(root, tracks)
        dataset = Dataset("benchmark", root)

        def seconds(number: int) -> float:
            begin = time.perf_counter()
            refresh(dataset, catalogues / str(number), batch_size=64)
            return time.perf_counter() - begin

        print(f"{tracks} tracks, median of {REPEATS} (polars' import in the first only)")
        show("first refresh", [seconds(n) for n in range(REPEATS)])
        show("nothing changed", [seconds(n) for n in range(REPEATS)])
        make_files(root, 10, stem="added")
        show("10 added", [seconds(n) for n in range(REPEATS)])


def make_files(root: Path, tracks: int, stem: str = "track") -> None:
    for number in range(tracks):
        folder = root / f"label{number % 100:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem} {number:06d}.mp3").touch()


def show(what: str, seconds: list[float]) -> None:
    print(f"  {what:<16} {statistics.median(seconds):6.3f} s   (worst {max(seconds):.3f} s)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
