"""A made-up study on a table of features: several splits of one label, of several, of clusters."""

from pathlib import Path

import numpy as np
import polars as pl
import report_results as results
from report_fixtures import SCHEMA, Made

from genreflow.explore import Explored, save_explored

SKILL = {"dummy": 0.02, "knn": 0.24, "random_forest": 0.31, "mlp": 0.33}
FEATURES = ["danceability", "energy", "loudness", "tempo", "valence"]
EQUAL = "equal to another row of the table"


def make_table_study(
    folder: Path, *, names: list[str] | None = None, per_label: int = 60, runs: int = 4
) -> Made:
    """Write every table of a study on a table of features, and return what the report takes.

    Every fifth recording stands under two labels or more; split `random` counts each of its rows,
    `grouped` keeps them on one side, `several` makes one row of them, and `clusters` has groups of
    four labels for labels.
    """
    rng = np.random.default_rng(1)
    names = names or [f"genre {at:02d}" for at in range(12)]
    models = [*SKILL, *(f"model_{at}" for at in range(len(SKILL), runs))][:runs]
    folder.mkdir(parents=True, exist_ok=True)
    study = _study(models)
    tracks = _tracks(rng, names, per_label)
    splits = _splits(rng, tracks, names)
    parts = {"metrics": [], "confusion": [], "guesses": [], "runs": [], "label_confusion": []}
    files = []
    for split, table in splits.items():
        table.write_parquet(folder / f"split_{split}.parquet")
        classes = sorted(table["labels"].explode().drop_nulls().unique())
        several = study["splits"][split].get("task") == "multi_label"
        for at, run in enumerate(models):
            skill = SKILL.get(run, 0.2 + 0.01 * at) + (0.2 if split == "clusters" and at else 0)
            if several:
                guesses, counts = results.several_guesses(rng, table, classes, skill, run, split)
                parts["label_confusion"].append(counts)
                parts["metrics"].append(results.several_metrics(guesses, counts, run, split))
            else:
                guesses = results.guesses(rng, table, classes, skill, run, split)
                parts["confusion"].append(results.confusion(guesses, classes, run, split))
                parts["metrics"].append(results.metrics(rng, guesses, classes, run, split))
            parts["guesses"].append(guesses)
            parts["runs"].append(results.run_row(rng, study, run, split, guesses))
            files.append(results.run_file(folder, study, run, split, classes, tracks))
    paths = results.no_tables(folder)
    parts["published"] = [results.published(pl.concat(parts["metrics"]))]
    parts["differences"] = [results.differences(pl.concat(parts["metrics"]))]
    for name, tables in parts.items():
        paths[name] = str(folder / f"{name}.parquet")
        pl.concat(tables).write_parquet(paths[name])
    tracks.write_parquet(folder / "tracks.parquet")
    save_explored(folder / "explored.npz", _explored(rng, names))
    paths |= {
        "splits": {name: str(folder / f"split_{name}.parquet") for name in splits},
        "tracks": {"table": str(folder / "tracks.parquet")},
        "run_files": files,
        "examples": {},
        "histories": {},
        "explained": {},
        "explored": {("table", "table"): str(folder / "explored.npz")},
    }
    return Made(folder, study, paths)


def _study(models: list[str]) -> dict:
    return {
        "study": "table",
        "title": "Genres of a table",
        "description": "Rows of features, in which a song often stands under several genres.",
        "task": "single_label",
        "dataset": "table",
        "seed": 0,
        "runs": {run: {"model": run, "features": "table"} for run in models},
        "splits": {
            "random": {"method": "published", "test": 0.2, "seed": 42},
            "grouped": {"method": "group", "conflicts": "keep", "test": 0.2, "seed": 42},
            "several": {"method": "stratified", "task": "multi_label", "test": 0.2, "seed": 42},
            "clusters": {
                "method": "clusters",
                "of": "random",
                "clustering": "kmeans",
                "sample": 1000,
                "task": "single_label",
            },
        },
        "statistics": {"confidence": 0.95, "metric": "accuracy"},
        "datasets": {"table": {"title": "A table of features"}},
    }


def _tracks(rng, names: list[str], per_label: int) -> pl.DataFrame:
    """Recordings under one label or more, a row for each; some equal rows, and some unusable."""
    rows, recording = [], 0
    for at, label in enumerate(names):
        for number in range(per_label):
            if number % 5 == 4:
                others = rng.choice(len(names) - 1, rng.choice([1, 1, 1, 2, 3]), replace=False)
                near = [names[(at + 1) % len(names)], *(names[i] for i in others)]
                own = sorted({label, *near})
            else:
                own = [label]
            recording += 1
            rows += [
                {
                    "track_id": f"{recording:08x}{names.index(one):04x}",
                    "labels": [one],
                    "all_labels": own,
                    "title": f"table.csv, line {len(rows) + place + 2}",
                    "status": "ok",
                    "digest": f"{recording:016x}",
                }
                for place, one in enumerate(own)
            ]
    by_recording: dict[str, list[dict]] = {}
    for row in rows:
        by_recording.setdefault(row["digest"], []).append(row)
    for copies in by_recording.values():
        for row, other in zip(copies, copies[1:] + copies[:1], strict=True):
            if row is not other:
                row["conflict"] = f"same recording as {other['track_id']}"
            if row is not copies[0]:
                row["duplicate_of"] = copies[0]["track_id"]
    wrong = [(EQUAL, 60), ("tempo: 'fast' is no number", 2), ("tempo: 'slow' is no number", 1)]
    for kind, (reason, number) in enumerate(wrong):
        rows += [
            {
                "track_id": f"{kind}-{at}",
                "labels": [names[0]],
                "all_labels": [],
                "status": "quarantined",
                "reason": reason,
            }
            for at in range(number)
        ]
    return pl.DataFrame(rows, schema=SCHEMA).sort("track_id")


def _splits(rng, tracks: pl.DataFrame, names: list[str]) -> dict[str, pl.DataFrame]:
    usable = (pl.col("status") == "ok").alias("usable")
    base = tracks.select("track_id", "digest", "duplicate_of", "labels", "all_labels", usable)
    test = pl.Series(np.where(rng.random(len(base)) < 0.2, "test", "train"))
    drawn = {digest: rng.random() < 0.2 for digest in base["digest"].unique(maintain_order=True)}
    whole = pl.Series([drawn[digest] for digest in base["digest"]])
    clusters = {name: f"about {names[at - at % 4]}" for at, name in enumerate(sorted(names))}

    def split(part, labels="labels") -> pl.DataFrame:
        part = pl.when("usable").then(part).otherwise(pl.lit("excluded"))
        return base.select(
            "track_id",
            repeat=pl.lit(0, pl.Int32),
            fold=pl.lit(0, pl.Int32),
            part=part,
            reason=pl.when(part == "excluded").then(pl.lit("left out")),
            labels=pl.when(part != "excluded").then(labels),
        )

    sided = pl.when(whole).then(pl.lit("test")).otherwise(pl.lit("train"))
    first = pl.when(pl.col("duplicate_of").is_null()).then(sided)
    random = split(pl.lit(test))
    return {
        "random": random,
        "grouped": split(sided),
        "several": split(first.otherwise(pl.lit("duplicate")), "all_labels"),
        "clusters": random.with_columns(
            labels=pl.col("labels").list.eval(pl.element().replace(clusters))
        ),
    }


def _explored(rng, names: list[str]) -> Explored:
    size, labels = len(FEATURES), len(names)
    numbers = {name: rng.uniform(0, 1, size) for name in ("mean", "std", "min", "max")}
    matrix = np.corrcoef(rng.normal(size=(size, 40)))
    return Explored(
        tracks=1000,
        names=np.array(FEATURES),
        missing=np.array([0, 12, 3, 0, 0]),
        constant=np.zeros(size, dtype=bool),
        correlation=matrix,
        covariance=matrix / 20,
        order=np.arange(size),
        labels=np.array(sorted(names)),
        label_tracks=np.full(labels, 1000),
        label_means=rng.normal(size=(labels, size)),
        label_order=np.arange(labels),
        **numbers,
    )
