"""The whole workflow on many files: Snakemake, all jobs and their start-ups.

The files are the clips of a folder, repeated under other names, in a temporary folder with a
config of its own. Snakemake's target `features` is asked for: decoding, and the summary set.
"""

import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import usual
import yaml
from clips import RATE, Clip, clip_files

HOME = Path(__file__).parents[1]
GOAL, GOAL_CORES = 30, 1.8
# Clips on which the librosa script is timed, before each run of the workflow and after the last.
SAMPLE = 3


class Workflow:
    """A project of its own in a folder.

    Parameters
    ----------
    folder : Path
        an empty one, on a disk that holds the files and their PCM
    clips : Path
        folder of wav or au files
    number : int > 0
        how many files there shall be
    """

    def __init__(self, folder: Path, clips: Path, number: int) -> None:
        self.folder, self.number = folder, number
        sources = itertools.cycle(clip_files(clips))
        for i, source in enumerate(itertools.islice(sources, number)):
            link = folder / "audio" / source.parent.name / f"{i:06d}{source.suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                link.hardlink_to(source)
            except OSError:  # on another disk
                shutil.copy(source, link)
        dataset = folder / "config/datasets/benchmark.yaml"
        dataset.parent.mkdir(parents=True)
        dataset.write_text("root: audio\nlabels: folder\n")

    def run(self, *, cores: int, batch_size: int | None = None, cache: Path) -> float:
        """Make the features anew, and return the seconds that it took.

        Parameters
        ----------
        cores : int > 0
        batch_size : int > 0 or None
            None takes the default
        cache : Path
            folder of the compiled kernels
        """
        self.clear()
        begin = time.perf_counter()
        self.snakemake("--cores", str(cores), batch_size=batch_size, cache=cache)
        seconds = time.perf_counter() - begin
        self._require_features()
        return seconds

    def clear(self) -> None:
        """Forget what was made."""
        for made in ("results", "logs", ".snakemake"):
            shutil.rmtree(self.folder / made, ignore_errors=True)

    def snakemake(self, *arguments: str, batch_size: int | None, cache: Path) -> str:
        """What Snakemake says, called for the features of all files."""
        study = {
            "study": "benchmark",
            "dataset": "benchmark",
            "runs": {"dummy": {"model": "dummy", "features": "summary"}},
            "splits": {"fixed": {"method": "fixed", "test": 0.2, "group": "track", "seed": 0}},
        }
        if batch_size:
            study["batch_size"] = batch_size
        (self.folder / "study.yaml").write_text(yaml.safe_dump(study))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOME / "Snakefile")]
        command += ["--configfile", "study.yaml", *arguments, "features"]
        environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def _require_features(self) -> None:
        tables = self.folder.glob("results/datasets/benchmark/features/summary/original/*.parquet")
        described = pl.concat([pl.read_parquet(table, columns=["reason"]) for table in tables])
        if len(described) != self.number or described["reason"].null_count() != self.number:
            raise SystemExit(f"not all of the {self.number} files were described: {described}")


def measure(folder: Path, number: int, clips: list[Clip]) -> dict[str, Any]:
    """The row `workflow`; `ms` is the time per file on two cores with compiled kernels."""
    with tempfile.TemporaryDirectory(prefix="genreflow-benchmark-") as place:
        workflow, cache = Workflow(Path(place), folder, number), Path(place, "cache")
        usual.summary(clips[0].y, sr=RATE)  # the first call compiles
        turn = itertools.cycle(clips)
        script = list(_script(turn))
        seconds = {}
        for name, cores in (("cold", 2), ("two", 2), ("one", 1)):
            seconds[name] = workflow.run(cores=cores, cache=cache)
            script += _script(turn)
    usual_seconds = number * statistics.median(script)
    return {
        "goal": GOAL,
        "ratio": usual_seconds / seconds["two"],
        "ms": 1e3 * seconds["two"] / number,
        "librosa_ms": 1e3 * usual_seconds / number,
        "peers_ms": {},
        "files": number,
        "librosa_sample": len(script),
        "librosa_seconds": usual_seconds,
        "seconds": seconds["two"],
        "seconds_cold": seconds["cold"],
        "ratio_cold": usual_seconds / seconds["cold"],
        "seconds_one_core": seconds["one"],
        "two_cores": seconds["one"] / seconds["two"],
        "goal_two_cores": GOAL_CORES,
    }


def describe(result: dict[str, Any]) -> str:
    """The row `workflow` in words."""
    return (
        f"{result['files']} files: {result['seconds']:.0f} s on 2 cores, "
        f"{result['seconds_cold']:.0f} s ({result['ratio_cold']:.1f} x) with kernels to compile, "
        f"{result['seconds_one_core']:.0f} s on one core: two are {result['two_cores']:.2f} x, "
        f"goal {result['goal_two_cores']:g} x; librosa {result['librosa_seconds']:.0f} s "
        f"by {result['librosa_sample']} of them"
    )


def _script(clips: Iterator[Clip]) -> Iterator[float]:
    """Seconds that the librosa script takes for each of the next clips."""
    for clip in itertools.islice(clips, SAMPLE):
        begin = time.perf_counter()
        usual.summary(usual.load(clip.path), sr=RATE)
        yield time.perf_counter() - begin
