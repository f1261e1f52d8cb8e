"""Made-up inputs of the report, for its tests: a plausible study of any size."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import report_results as results

from genreflow.measured import MEASURED

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=document.title="hacked">',
    "</script><script>document.title='hacked'</script>",
    "a $x^{2$ price & more",
    "東京 \u202egnp 🎸 \u2028 line",
    "\\xe9t\\xe9 {{ 7*7 }} {% raw %}",
]
GENRES = ["blues", "classical", "country", "jazz", "metal", "rock"]
MODELS = {
    "dummy": 0.17,
    "logistic": 0.78,
    "sgd": 0.70,
    "knn": 0.66,
    "svm": 0.81,
    "forest": 0.80,
    "xgboost": 0.82,
    "xgboost_tuned": 0.84,
}

SCHEMA = {
    "track_id": pl.String,
    "batch": pl.String,
    "labels": pl.List(pl.String),
    "all_labels": pl.List(pl.String),
    "artist": pl.String,
    "title": pl.String,
    "given_fault_filtered": pl.String,
    **MEASURED,
    "duplicate_of": pl.String,
    "conflict": pl.String,
}


@dataclass
class Made:
    """What `write_report` takes, and where it stands."""

    folder: Path
    study: dict
    paths: dict = field(default_factory=dict)


def make_study(
    folder: Path,
    *,
    labels: int = 6,
    runs: int = 8,
    per_label: int = 30,
    hostile: bool = True,
    skipped: bool = True,
    examples: bool = True,
) -> Made:
    """Write every table of a study with two splits, and return the arguments of the report."""
    rng = np.random.default_rng(0)
    names = [GENRES[i] if i < len(GENRES) else f"genre {i:03d}" for i in range(labels)]
    models = list(MODELS)[:runs] + [f"model_{i:02d}" for i in range(len(MODELS), runs)]
    if hostile:
        names[-1] = HOSTILE[0]
    study = _study(names, models, skipped, hostile)
    folder.mkdir(parents=True, exist_ok=True)
    tracks = _tracks(rng, names, per_label, hostile)
    tracks.write_parquet(folder / "tracks.parquet")
    splits = {"artist": _kfold(tracks), "random": _random(tracks, rng)}
    parts = {"metrics": [], "confusion": [], "guesses": [], "runs": []}
    files = []
    for split, table in splits.items():
        table.write_parquet(folder / f"{split}.parquet")
        for at, run in enumerate(models):
            skill = MODELS.get(run, 0.3 + 0.02 * at) - (0.2 if split == "artist" and at else 0)
            guesses = results.guesses(rng, table, names, max(skill, 0.15), run, split)
            parts["guesses"].append(guesses)
            parts["confusion"].append(results.confusion(guesses, names, run, split))
            parts["metrics"].append(results.metrics(rng, guesses, names, run, split))
            parts["runs"].append(results.run_row(rng, study, run, split, guesses))
            files.append(results.run_file(folder, study, run, split, names, tracks))
        if skipped:
            parts["runs"].append(results.skipped(split))
    paths = {}
    for name, tables in parts.items():
        paths[name] = str(folder / f"{name}.parquet")
        pl.concat(tables).write_parquet(paths[name])
    paths["published"] = str(folder / "published.parquet")
    results.published(pl.concat(parts["metrics"])).write_parquet(paths["published"])
    paths["differences"] = str(folder / "differences.parquet")
    results.differences(pl.concat(parts["metrics"])).write_parquet(paths["differences"])
    paths |= results.no_tables(folder)
    paths["splits"] = {name: str(folder / f"{name}.parquet") for name in splits}
    paths["tracks"] = {"mine": str(folder / "tracks.parquet")}
    paths["run_files"] = files
    paths |= {"histories": {}, "explained": {}, "explored": {}}
    paths["examples"] = {"mine": results.examples(folder, rng, tracks, names)} if examples else {}
    return Made(folder, study, paths)


def _study(names: list[str], models: list[str], skipped: bool, hostile: bool) -> dict:
    runs = {
        run: {
            "model": run,
            "features": "summary",
            **({"parameters": {"trees": 1}} if run == "forest" else {}),
        }
        for run in models
    }
    if skipped:
        runs["wav2vec2"] = {"model": "wav2vec2_frozen", "features": "wav2vec2"}
    return {
        "study": "demo",
        "title": "Genres of a small corpus" + (f" {HOSTILE[2]}" if hostile else ""),
        "description": f"Classical models on {len(names)} genres, measured on two splits.",
        "task": "single_label",
        "dataset": "mine",
        "seed": 0,
        "runs": runs,
        "splits": {
            "random": {"method": "stratified", "test": 0.2, "validation": 0.1, "seed": 0},
            "artist": {
                "method": "stratified_group_kfold",
                "folds": 5,
                "seed": 0,
            },
        },
        "statistics": {"confidence": 0.95, "resamples": 1000, "metric": "accuracy"},
        "titles": {
            "forest": HOSTILE[1] if hostile else "Random forest",
            "sgd": "Linear model by stochastic gradient descent",
        },
        "datasets": {
            "mine": {
                "title": HOSTILE[0] if hostile else "Music of mine",
                "citation": f"A. Author, “{HOSTILE[4] if hostile else 'Music'}”, 2002.",
            }
        },
    }


def _tracks(rng, names: list[str], per_label: int, hostile: bool) -> pl.DataFrame:
    """All good tracks, then the bad ones that a real folder has."""
    rows = []
    for at, label in enumerate(names):
        level = 0.02 + 0.25 * (at % 7) / 7
        folder = label.replace("/", "_")
        for i in range(per_label):
            rows.append(
                {
                    "track_id": f"{folder}/{folder}.{i:05d}.wav",
                    "labels": [label],
                    "artist": None if i % 11 == 10 else f"{label} artist {i % 5}",
                    "title": f"Song {i}",
                    "status": "warning" if i == 3 else "ok",
                    "reason": "0.4 % of the samples are clipped" if i == 3 else None,
                    "digest": f"{at:04x}{i:06x}",
                    "seconds": float(rng.normal(30, 0.4) if i % 9 else rng.uniform(8, 45)),
                    "rate": 22050 if i % 6 else 44100,
                    "channels": 1 if i % 6 else 2,
                    "format": "WAV PCM_16" if i % 6 else "MP3 MPEG_LAYER_III",
                    "rms": float(level * rng.uniform(0.5, 1.6)),
                }
            )
    if hostile:
        for at, name in enumerate(HOSTILE):
            rows[at * per_label + 4]["track_id"] = f"{name}.wav"
            rows[at * per_label + 4]["artist"] = name
            rows[at * per_label + 4]["title"] = name
    for name, reason in [
        ("broken.wav", "not readable as audio: unknown format"),
        ("cut.wav", "truncated: the header says 30.0 s, the file holds 2.1 s"),
        ("silent.wav", "silent: the peak is 0"),
        ("short.wav", "too short: 0.4 s, at least 1.0 s are needed"),
        ("gone.wav", "in the table, but the file is not there"),
    ]:
        rows.append(
            {
                "track_id": f"rock/{name}",
                "labels": ["rock"],
                "status": "quarantined",
                "reason": reason,
            }
        )
    copy, other = dict(rows[1]), dict(rows[per_label + 2])
    copy |= {"track_id": "blues/zz copy.wav", "duplicate_of": rows[1]["track_id"]}
    rows[per_label + 2]["conflict"] = reason = "the same recording is labelled blues and classical"
    other |= {
        "track_id": "blues/zz other label.wav",
        "labels": ["blues"],
        "conflict": reason,
        "duplicate_of": rows[per_label + 2]["track_id"],
    }
    rows += [copy, other, rows[5] | {"track_id": "loose.wav", "labels": None, "digest": "ff"}]
    for row in rows:
        row["all_labels"] = row["labels"]
    for row in (rows[per_label + 2], other):
        row["all_labels"] = ["blues", "classical"]
    return pl.DataFrame(rows, schema=SCHEMA).sort("track_id")


def _parts(tracks: pl.DataFrame) -> pl.DataFrame:
    """The part that the track's own state decides, or null."""
    return tracks.select(
        "track_id",
        "labels",
        "artist",
        forced=pl.when(pl.col("conflict").is_not_null())
        .then(pl.lit("excluded"))
        .when(pl.col("duplicate_of").is_not_null())
        .then(pl.lit("duplicate"))
        .when((pl.col("status") == "quarantined") | pl.col("labels").is_null())
        .then(pl.lit("excluded")),
    )


def _random(tracks: pl.DataFrame, rng) -> pl.DataFrame:
    drawn = rng.random(len(tracks))
    return _parts(tracks).select(
        "track_id",
        repeat=pl.lit(0, pl.Int32),
        fold=pl.lit(0, pl.Int32),
        part=pl.coalesce(
            "forced",
            pl.Series(np.select([drawn < 0.2, drawn < 0.3], ["test", "validation"], "train")),
        ),
        reason=pl.lit(None, pl.String),
        labels="labels",
    )


def _kfold(tracks: pl.DataFrame) -> pl.DataFrame:
    base = _parts(tracks)
    group = base.select(
        pl.col("artist").fill_null(pl.col("track_id")).rank("dense") % 5
    ).to_series()
    return pl.concat(
        base.select(
            "track_id",
            repeat=pl.lit(0, pl.Int32),
            fold=pl.lit(fold, pl.Int32),
            part=pl.coalesce("forced", pl.Series(np.where(group == fold, "test", "train"))),
            reason=pl.lit(None, pl.String),
            labels="labels",
        )
        for fold in range(5)
    )
