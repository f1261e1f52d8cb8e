"""What the report is made of: the study's settings and tables, read once."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from genreflow.describe import Example, load_examples
from genreflow.evaluation.names import ranking_metric
from genreflow.parts import PARTS
from genreflow.report.numbers import Metric, metric_named

if TYPE_CHECKING:
    from genreflow.explore import Explored

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
    metrics, confusion, label_confusion, guesses, values, published, runs : pl.DataFrame
        the study's evaluation tables
    differences : pl.DataFrame
        how far each run is from the best of its split
    closeness, clusters, agreement : pl.DataFrame
        its tables about clusterings of labels
    splits : dict of str to pl.DataFrame
    tracks : dict of str to pl.DataFrame
        the tracks table of each dataset
    examples : dict of str to (list of Example, int)
        per dataset, its example tracks and the number of its labels
    run_files : list of dict
        the run.json of every (run, split) that was done
    history : dict of (str, str) to pl.DataFrame
        by split and run: the epochs of its training; those without epochs are left out
    explained : dict of (str, str) to (pl.DataFrame, pl.DataFrame)
        by split and run: its SHAP values and its permutation importance
    explored : dict of (str, str) to Explored
        by dataset and feature set
    """

    study: dict
    metrics: pl.DataFrame
    confusion: pl.DataFrame
    label_confusion: pl.DataFrame
    guesses: pl.DataFrame
    values: pl.DataFrame
    differences: pl.DataFrame
    published: pl.DataFrame
    runs: pl.DataFrame
    closeness: pl.DataFrame
    clusters: pl.DataFrame
    agreement: pl.DataFrame
    splits: dict[str, pl.DataFrame]
    tracks: dict[str, pl.DataFrame]
    examples: dict[str, tuple[list[Example], int]]
    run_files: list[dict]
    history: dict[tuple[str, str], pl.DataFrame]
    explained: dict[tuple[str, str], tuple[pl.DataFrame, pl.DataFrame]]
    explored: dict[tuple[str, str], "Explored"]

    def task_of(self, split: str) -> str:
        """Return the task of a split: single_label, multi_label or regression."""
        settings = self.study["splits"].get(split, {})
        return settings.get("task") or self.study.get("task", "single_label")

    def metric_name(self, split: str) -> str:
        """Return the metric by which the runs of a split are ranked."""
        return ranking_metric(self.task_of(split), self.study.get("statistics", {}).get("metric"))

    def metric_of(self, split: str) -> Metric:
        """Return how the ranking metric of a split is written."""
        return metric_named(self.metric_name(split))

    def targets(self, split: str) -> list[str]:
        """Return the numbers that are predicted on a split, in its order; none of labels."""
        if self.task_of(split) != "regression" or split not in self.splits:
            return []
        return self.splits[split]["labels"].drop_nulls().head(1).explode().to_list()

    def targets_of(self, split: str, run: str) -> list[str]:
        """Return the numbers that a run predicts, in the order of the split."""
        known = self.label_scores.get((split, run), {})
        return [target for target in self.targets(split) if (target, "r2") in known]

    def predicted(self, split: str) -> list[str]:
        """Return the numbers of a split that some run predicts, in the order of the split."""
        own = {t for row in self.ranked(split) for t in self.targets_of(split, row["run"])}
        return [target for target in self.targets(split) if target in own]

    def rankings(self, split: str) -> list[str | None]:
        """Return by what the runs of a split are ranked: None for their overall figure.

        Where runs predict different numbers of a split, means over these are no ranking: it is
        each of the numbers.
        """
        sets = {tuple(self.targets_of(split, row["run"])) for row in self.ranked(split)}
        return [None] if len(sets) < 2 else list(self.predicted(split))

    @property
    def confidence(self) -> str:
        """The confidence of the intervals: ``95 %``."""
        return f"{100 * self.study.get('statistics', {}).get('confidence', 0.95):g}\u202f%"

    @property
    def split_names(self) -> list[str]:
        """The splits in the order of the study: first the hardest, those of clusters last."""
        return sorted(
            self.splits, key=lambda name: (self.is_of_clusters(name), -self.hardness(name))
        )

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

    def is_of_clusters(self, split: str) -> bool:
        """Tell whether the labels of a split are clusters of another split's labels."""
        return self.study["splits"].get(split, {}).get("method") == "clusters"

    def protocol(self, split: str) -> str:
        """Say what a split keeps on one side.

        Returns
        -------
        str
            artist; random, where that is copies of a recording alone; copies, where not even they
            are kept together; or given, where a list decides
        """
        settings = self.study["splits"].get(split, {})
        method = settings.get("method")
        if method == "clusters":
            return self.protocol(settings["of"])
        if method in ("given", "published"):
            return "given" if method == "given" else "copies"
        by_artist = method in ("group", "group_kfold", "stratified_group_kfold") or (
            method == "fixed" and settings.get("group", "artist") == "artist"
        )
        return "artist" if by_artist and self.knows_artists(split) else "random"

    def hardness(self, split: str) -> int:
        """Return 2 where more than copies is kept on one side, 0 where nothing is."""
        return {"copies": 0, "random": 1}.get(self.protocol(split), 2)

    def knows_artists(self, split: str) -> bool:
        """Tell whether the artist of any track of a split's dataset is known."""
        tracks = self.tracks.get(self.split_dataset(split))
        return tracks is None or tracks["artist"].null_count() < len(tracks)

    def is_table(self, dataset: str) -> bool:
        """Tell whether a dataset is a table of features: nothing in it has a length."""
        tracks = self.tracks[dataset]
        return tracks["seconds"].null_count() == len(tracks)

    def has_labels(self, dataset: str) -> bool:
        """Tell whether a split of a dataset predicts labels, and not numbers."""
        own = [split for split in self.splits if self.split_dataset(split) == dataset]
        return not own or any(self.task_of(split) != "regression" for split in own)

    def track_names(self, dataset: str) -> pl.DataFrame:
        """Return what a reader calls the tracks of a dataset: track_id and name.

        A file's name is its path; a row of a table is named by artist and title.
        """
        name = pl.col("track_id")
        if self.is_table(dataset):
            artist = pl.when(pl.col("title").is_not_null()).then("artist")
            name = pl.concat_str(artist, "title", separator=" – ", ignore_nulls=True)
            name = pl.when(name != "").then(name).otherwise("track_id")
        return self.tracks[dataset].select("track_id", name=name)

    @cached_property
    def used(self) -> dict[str, pl.DataFrame]:
        """Rows of each dataset's tracks table that a split trains, validates or tests on."""
        found = {}
        for name, tracks in self.tracks.items():
            own = [
                self.splits[split].filter(pl.col("part").is_in(PARTS)).select("track_id")
                for split in self.splits
                if self.split_dataset(split) == name
            ]
            usable = tracks.filter(pl.col("status") != "quarantined")
            ids = pl.concat([tracks.select("track_id").clear(), *own]).unique()
            found[name] = usable.join(ids, on="track_id", how="semi", maintain_order="left")
        return found

    @cached_property
    def _scores(self) -> dict[tuple[str, str, str, str, str | None], dict]:
        """Figures that are overall, or of a number that is predicted."""
        numbers = [split for split in self.splits if self.task_of(split) == "regression"]
        shown = pl.col("target").is_null() | pl.col("split").is_in(numbers)
        key = ("split", "run", "part", "metric", "target")
        rows = self.metrics.filter(shown).iter_rows(named=True)
        return {tuple(row[name] for name in key): row for row in rows}

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
        """The labels that the runs of each split choose from, sorted."""
        one = self.confusion.select("split", label="truth")
        several = self.label_confusion.select("split", "label")
        pairs = pl.concat([one, several]).unique().sort("split", "label")
        return {split: own["label"].to_list() for (split,), own in pairs.group_by("split")}

    @cached_property
    def _confusions(self) -> dict[tuple, pl.DataFrame]:
        return self.confusion.partition_by("split", "run", as_dict=True)

    def confusion_of(self, split: str, run: str) -> pl.DataFrame:
        """Return the cells of one run's matrix."""
        return self._confusions.get((split, run), self.confusion.clear())

    @cached_property
    def _behind(self) -> dict[tuple[str, str, str | None], dict]:
        rows = self.differences.iter_rows(named=True)
        return {(row["split"], row["run"], row["target"]): row for row in rows}

    def behind(self, split: str, run: str, target: str | None = None) -> dict | None:
        """Return how far a run is from the best: a row of the differences, or None."""
        return self._behind.get((split, run, target))

    def score(
        self, split: str, run: str, metric: str, part: str = "test", target: str | None = None
    ) -> dict | None:
        """Return the row of a metric, or None where it was not measured.

        It is the overall one, or that of a number that regression predicts.
        """
        return self._scores.get((split, run, part, metric, target))

    def ranked(self, split: str, target: str | None = None) -> list[dict]:
        """Return the rows of the runs table of a split that were done, best first.

        Where a number is named, they are the runs that predict it, by how well they do so.
        """
        rows = self.runs.filter(pl.col("split") == split, pl.col("status") == "done")
        if target is not None:
            own = [run for run in rows["run"] if target in self.targets_of(split, run)]
            rows = rows.filter(pl.col("run").is_in(own))

        def key(row: dict) -> tuple:
            found = self.score(split, row["run"], self.metric_name(split), target=target)
            value = found["value"] if found else None
            if value is None:
                return (1, 0.0, row["run"])
            better = self.metric_of(split).higher_is_better
            return (0, -value if better else value, row["run"])

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
    label_confusion: str,
    guesses: str,
    values: str,
    differences: str,
    published: str,
    runs: str,
    closeness: str,
    clusters: str,
    agreement: str,
    splits: dict[str, str],
    tracks: dict[str, str],
    examples: dict[str, str],
    run_files: list[str],
    histories: dict[tuple[str, str], str],
    explained: dict[tuple[str, str], tuple[str, str]],
    explored: dict[tuple[str, str], str],
) -> Material:
    """Read all inputs of the report from their paths.

    Parameters
    ----------
    study : dict
        the study's settings, titles and citations, as in `Material`
    metrics, confusion, label_confusion, guesses, values, differences, published, runs : str
        paths of the evaluation tables
    closeness, clusters, agreement : str
        paths of the tables about clusterings of labels
    splits, tracks, examples : dict of str to str
        paths by the name of the split or dataset
    run_files : list of str
        paths of the run.json files
    histories : dict of (str, str) to str
        paths of the epochs' tables by split and run
    explained : dict of (str, str) to (str, str)
        paths of SHAP values and permutation importance by split and run
    explored : dict of (str, str) to str
        paths of the statistics of features by dataset and feature set
    """
    epochs = {key: _read(path) for key, path in histories.items()}
    return Material(
        study=study,
        metrics=_read(metrics),
        confusion=_read(confusion),
        label_confusion=_read(label_confusion),
        guesses=_read(guesses),
        values=_read(values),
        differences=_read(differences),
        published=_read(published),
        runs=_read(runs),
        closeness=_read(closeness),
        clusters=_read(clusters),
        agreement=_read(agreement),
        splits={name: pl.read_parquet(path) for name, path in splits.items()},
        tracks={name: pl.read_parquet(path) for name, path in tracks.items()},
        examples={name: load_examples(path) for name, path in examples.items()},
        run_files=[json.loads(Path(path).read_text(encoding="utf-8")) for path in run_files],
        history={key: table for key, table in epochs.items() if len(table)},
        explained={key: (_read(a), _read(b)) for key, (a, b) in explained.items()},
        explored={key: _explored(path) for key, path in explored.items()},
    )


def _explored(path: str) -> "Explored":
    from genreflow.explore import load_explored

    return load_explored(path)


def _read(path: str) -> pl.DataFrame:
    """A table in which what is not a number is unknown."""
    return pl.read_parquet(path).with_columns(pl.selectors.float().fill_nan(None))
