"""What the report is made of: the study's settings and tables, read once."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from genreflow.describe import Example, load_examples
from genreflow.report.numbers import Metric, metric_named

# Keys of the study that are no settings: {run: title of its model}, and
# {dataset: {"title": ..., "citation": ...}}. All of it may be missing.
BESIDE = ("titles", "datasets")


@dataclass(frozen=True)
class Material:
    """All inputs of the report.

    Attributes
    ----------
    study : dict
        the study as it was run, and beside its settings what `BESIDE` names
    metrics, confusion, guesses, published, runs : pl.DataFrame
        the study's evaluation tables
    splits : dict of str to pl.DataFrame
    tracks : dict of str to pl.DataFrame
        the tracks table of each dataset
    examples : dict of str to (list of Example, int)
        per dataset, its example tracks and the number of its labels
    run_files : list of dict
        the run.json of every (run, split) that was done
    """

    study: dict
    metrics: pl.DataFrame
    confusion: pl.DataFrame
    guesses: pl.DataFrame
    published: pl.DataFrame
    runs: pl.DataFrame
    splits: dict[str, pl.DataFrame]
    tracks: dict[str, pl.DataFrame]
    examples: dict[str, tuple[list[Example], int]]
    run_files: list[dict]

    @property
    def metric_name(self) -> str:
        """The metric by which the study ranks its runs."""
        return self.study.get("statistics", {}).get("metric", "accuracy")

    @property
    def metric(self) -> Metric:
        """How the ranking metric is written."""
        return metric_named(self.metric_name)

    @property
    def confidence(self) -> str:
        """The confidence of the intervals: ``95 %``."""
        return f"{100 * self.study.get('statistics', {}).get('confidence', 0.95):g}\u202f%"

    @property
    def split_names(self) -> list[str]:
        """The splits in the order of the study, first those that keep artists together."""
        return sorted(self.splits, key=lambda name: self.protocol(name) == "random")

    @property
    def settings(self) -> dict:
        """The study's settings alone."""
        return {key: value for key, value in self.study.items() if key not in BESIDE}

    def model_title(self, run: str, model: str) -> str:
        """Return the title of a run's model, or its name where it has none."""
        return self.study.get("titles", {}).get(run) or model

    def about_dataset(self, name: str) -> tuple[str, str]:
        """Return the title and the citation of a dataset; empty where it has none."""
        about = self.study.get("datasets", {}).get(name, {})
        return about.get("title") or "", about.get("citation") or ""

    def split_dataset(self, split: str) -> str:
        """Return the dataset that a split divides."""
        return self.study["splits"].get(split, {}).get("dataset") or self.study["dataset"]

    def protocol(self, split: str) -> str:
        """Say how a split treats artists: artist (kept on one side), given (a list) or random."""
        settings = self.study["splits"].get(split, {})
        method = settings.get("method")
        if method == "fixed":
            return "artist" if settings.get("group", "artist") == "artist" else "random"
        if method in {"group", "stratified_group_kfold"}:
            return "artist"
        return "given" if method == "given" else "random"

    @cached_property
    def _overall(self) -> dict[tuple[str, str, str, str], dict]:
        rows = self.metrics.filter(pl.col("target").is_null()).iter_rows(named=True)
        return {(row["split"], row["run"], row["part"], row["metric"]): row for row in rows}

    @cached_property
    def label_scores(self) -> dict[tuple[str, str], dict[tuple[str, str], tuple]]:
        """Value, low, high and support by (split, run) and (label, metric), on the test part."""
        rows = self.metrics.filter(pl.col("target").is_not_null(), pl.col("part") == "test")
        columns = ["split", "run", "target", "metric", "value", "low", "high", "support"]
        found: dict = {}
        for split, run, target, metric, *numbers in rows.select(columns).iter_rows():
            found.setdefault((split, run), {})[target, metric] = tuple(numbers)
        return found

    @cached_property
    def classes(self) -> dict[str, list[str]]:
        """The labels of each split's matrices, sorted."""
        pairs = self.confusion.select("split", pl.concat_list("truth", "predicted").alias("label"))
        pairs = pairs.explode("label").unique().sort("split", "label")
        return {split: own["label"].to_list() for (split,), own in pairs.group_by("split")}

    @cached_property
    def _confusions(self) -> dict[tuple, pl.DataFrame]:
        return self.confusion.partition_by("split", "run", as_dict=True)

    def confusion_of(self, split: str, run: str) -> pl.DataFrame:
        """Return the cells of one run's matrix."""
        return self._confusions.get((split, run), self.confusion.clear())

    def score(self, split: str, run: str, metric: str, part: str = "test") -> dict | None:
        """Return the row of an overall metric, or None where it was not measured."""
        return self._overall.get((split, run, part, metric))

    def ranked(self, split: str) -> list[dict]:
        """Return the rows of the runs table of a split that were done, best first."""
        rows = self.runs.filter(pl.col("split") == split, pl.col("status") == "done")

        def key(row: dict) -> tuple:
            found = self.score(split, row["run"], self.metric_name)
            value = found["value"] if found else None
            if value is None:
                return (1, 0.0, row["run"])
            return (0, -value if self.metric.higher_is_better else value, row["run"])

        return sorted(rows.iter_rows(named=True), key=key)

    def skipped(self, split: str) -> list[dict]:
        """Return the rows of the runs table of a split that could not be run."""
        return (
            self.runs.filter(pl.col("split") == split, pl.col("status") != "done")
            .sort("run")
            .to_dicts()
        )


def read_material(
    *,
    study: dict,
    metrics: str,
    confusion: str,
    guesses: str,
    published: str,
    runs: str,
    splits: dict[str, str],
    tracks: dict[str, str],
    examples: dict[str, str],
    run_files: list[str],
) -> Material:
    """Read all inputs of the report from their paths.

    Parameters
    ----------
    study : dict
        the study's settings, titles and citations, as in `Material`
    metrics, confusion, guesses, published, runs : str
        paths of the evaluation tables
    splits, tracks, examples : dict of str to str
        paths by the name of the split or dataset
    run_files : list of str
        paths of the run.json files
    """
    return Material(
        study=study,
        metrics=_read(metrics),
        confusion=_read(confusion),
        guesses=_read(guesses),
        published=_read(published),
        runs=_read(runs),
        splits={name: pl.read_parquet(path) for name, path in splits.items()},
        tracks={name: pl.read_parquet(path) for name, path in tracks.items()},
        examples={name: load_examples(path) for name, path in examples.items()},
        run_files=[json.loads(Path(path).read_text(encoding="utf-8")) for path in run_files],
    )


def _read(path: str) -> pl.DataFrame:
    """A table in which what is not a number is unknown."""
    return pl.read_parquet(path).with_columns(pl.selectors.float().fill_nan(None))
