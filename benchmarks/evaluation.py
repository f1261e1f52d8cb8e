"""Time of the whole evaluation, by the size of the study.

python benchmarks/evaluation.py                  # the sizes of the table below
python benchmarks/evaluation.py 14000 114 20     # tracks, classes, runs
python benchmarks/evaluation.py 14000 114 1 multi_label
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.evaluation.study import Run, evaluate_study
from genreflow.evaluation.tables import write_tables

SIZES = [(150, 6, 16), (1000, 10, 20), (14000, 114, 1), (14000, 114, 20)]
RESAMPLES = 1000


def make_runs(folder: Path, n: int, n_classes: int, n_runs: int, task: str) -> list[Run]:
    """Predictions of models of different strength, three tracks to an artist on average.

    Multi-label, every second track has a second label.
    """
    rng = np.random.default_rng(0)
    tracks = [f"class/{i:06d}.wav" for i in range(n)]
    artists = [f"artist {i}" for i in rng.integers(max(2, n // 3), size=n)]
    columns = {"track_id": tracks, "artist": artists, "digest": tracks}
    pl.DataFrame(columns).write_parquet(folder / "tracks.parquet")
    place = {"repeat": 0, "fold": 0, "part": "test"}
    dtypes = {"repeat": pl.Int32, "fold": pl.Int32}
    classes = np.array([f"class {k:03d}" for k in range(n_classes)])
    truth = rng.integers(n_classes, size=n)[:, np.newaxis] == np.arange(n_classes)
    if task == "multi_label":
        second = np.arange(0, n, 2)
        truth[second, rng.integers(n_classes, size=len(second))] = True
    labels = [classes[own].tolist() for own in truth]
    split = pl.DataFrame({"track_id": tracks, "labels": labels}).with_columns(
        **{k: pl.lit(v) for k, v in place.items()}
    )
    split.cast(dtypes).write_parquet(folder / "split.parquet")
    (folder / "run.json").write_text(
        '{"folds": [{"train_tracks": 1}], "seconds": 1, "peak_memory_mb": 1}'
    )
    runs = []
    for number in range(n_runs):
        logits = rng.normal(size=(n, n_classes))
        logits[truth] += 0.2 * number
        scores = np.exp(logits)
        scores /= scores.sum(axis=1, keepdims=True)
        path = folder / f"{number}.parquet"
        pl.DataFrame(
            {
                "track_id": np.repeat(tracks, n_classes),
                "target": np.tile(classes, n),
                "truth": truth.astype(float).ravel(),
                "score": scores.ravel(),
                "threshold": np.full(scores.size, 0.02),
            }
        ).with_columns(**{k: pl.lit(v) for k, v in place.items()}).cast(dtypes).write_parquet(path)
        files = {"predictions": path, "record": folder / "run.json"}
        files |= {"split_table": folder / "split.parquet", "tracks": folder / "tracks.parquet"}
        runs.append(
            Run(f"run{number:02d}", "random", "m", "f", "exact", "stratified", task, **files)
        )
    return runs


def main() -> None:
    sizes = [tuple(map(int, sys.argv[1:4]))] if len(sys.argv) > 1 else SIZES
    task = sys.argv[4] if len(sys.argv) > 4 else "single_label"
    print("tracks  classes  runs  seconds  peak MB")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            runs = make_runs(Path(folder), *size, task)
            start = time.perf_counter()
            write_tables(evaluate_study(runs, resamples=RESAMPLES), folder)
            seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{size[0]:6d}  {size[1]:7d}  {size[2]:4d}  {seconds:7.2f}  {peak:7.0f}", flush=True)


if __name__ == "__main__":
    main()
