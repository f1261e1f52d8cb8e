"""A small corpus, predictions of it, and what is measured on them."""

import json

import numpy as np
import polars as pl
import pytest

from genreflow.evaluation.study import Run

LABELS = ["blues", "jazz", "rock"]


def assert_equal(figures, column, overall, classes, overall_names, class_names):
    """Figures of one weighting are those of an oracle, overall and for each label."""
    for name in overall_names:
        assert figures.overall[name][column] == pytest.approx(
            overall[name], abs=1e-12, nan_ok=True
        ), name
    for name in class_names:
        np.testing.assert_allclose(
            figures.classes[name][:, column], classes[name], atol=1e-12, rtol=0, err_msg=name
        )


class Corpus:
    """A small study: 60 tracks of 12 artists, two folds in each of two repeats.

    Where the task is multi_label, every fourth track has a second label.
    """

    def __init__(self, folder, folds=2, repeats=2, n=60, task="single_label"):
        self.folder, self.n, self.task = folder, n, task
        self.rng = np.random.default_rng(0)
        self.ids = [f"{i:03d}.wav" for i in range(n)]
        self.truth = np.eye(3, dtype=bool)[np.arange(n) % 3]
        if task == "multi_label":
            self.truth[::4] |= np.roll(self.truth[::4], 1, axis=1)
        artists = [f"Artist {i % 12}" if i % 7 else None for i in range(n)]
        columns = {"track_id": self.ids, "artist": artists, "digest": self.ids}
        pl.DataFrame(columns).write_parquet(folder / "tracks")
        rows = []
        for repeat in range(repeats):
            side = self.rng.permutation(n) % (folds + 1)
            parts = {folds: "validation"}
            for fold in range(folds):
                rows += [
                    (track, repeat, fold, "test" if s == fold else parts.get(s, "train"), None)
                    for track, s in zip(self.ids, side, strict=True)
                ]
        schema = ["track_id", "repeat", "fold", "part", "reason"]
        labels = [np.array(LABELS)[self.truth[int(row[0][:3])]].tolist() for row in rows]
        self.split = (
            pl.DataFrame(rows, schema=schema, orient="row")
            .cast({"repeat": pl.Int32, "fold": pl.Int32, "reason": pl.String})
            .with_columns(labels=pl.Series(labels))
        )
        self.split.write_parquet(folder / "split")

    def predict(self, skill: float) -> pl.DataFrame:
        keys = self.split.filter(pl.col("part").is_in(["test", "validation"]))
        keys = keys.select("track_id", "repeat", "fold", "part").sort(
            "repeat", "fold", "part", "track_id"
        )
        truth = np.array([self.truth[int(track[:3])] for track in keys["track_id"]])
        scores = self.rng.dirichlet(np.ones(3), size=len(truth)) + skill * truth
        threshold = pl.lit(None, dtype=pl.Float64)
        if self.task == "single_label":
            scores /= scores.sum(axis=1, keepdims=True)
        else:
            scores = np.minimum(scores, 1)
            threshold = pl.Series([0.3, 0.4, 0.5] * len(truth))
        return keys[np.repeat(np.arange(len(truth)), 3)].with_columns(
            target=pl.Series(LABELS * len(truth)),
            truth=pl.Series(truth.ravel().astype(float)),
            score=pl.Series(scores.ravel()),
            threshold=threshold,
        )

    def write(self, name: str, predictions: pl.DataFrame, split="random") -> Run:
        predictions.write_parquet(self.folder / f"{name}.parquet")
        record = {
            "folds": [{"train_tracks": 20}, {"train_tracks": 23}],
            "seconds": 1.5,
            "peak_memory_mb": 100.0,
        }
        (self.folder / "run.json").write_text(json.dumps(record))
        return Run(
            run=name,
            split=split,
            model="random_forest",
            features="summary",
            kind="exact",
            method="stratified_kfold",
            task=self.task,
            predictions=str(self.folder / f"{name}.parquet"),
            record=str(self.folder / "run.json"),
            split_table=str(self.folder / "split"),
            tracks=str(self.folder / "tracks"),
        )


def overall(tables, run, metric, part="test") -> dict:
    table = tables["metrics"].filter(
        pl.col("run") == run,
        pl.col("metric") == metric,
        pl.col("part") == part,
        pl.col("target").is_null(),
    )
    return table.row(0, named=True)


def clusters_of(corpus: Corpus, clusters: list[str | None]) -> pl.DataFrame:
    """The clusters of the three labels, the same in each fold."""
    labels = pl.DataFrame({"label": LABELS, "cluster": clusters, "x": 0.5, "y": [1.0, 2.0, 3.0]})
    return corpus.split.select("repeat", "fold").unique().join(labels, how="cross")
