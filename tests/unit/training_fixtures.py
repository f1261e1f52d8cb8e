"""What the tests of models and training share: the shipped models, made tracks, a whole run."""

import re
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.schema import SHIPPED, check, read_yaml
from genreflow.training.train import train_run

SCHEMA = read_yaml(SHIPPED / "workflow/schemas/model.schema.yaml")
ALL_MODELS = {
    path.stem: check(read_yaml(path), SCHEMA, path.name)
    for path in sorted((SHIPPED / "config/models").glob("*.yaml"))
}
OF_VECTORS = [name for name, spec in ALL_MODELS.items() if spec["takes"] == "vectors"]
REGRESSORS = [
    name for name in OF_VECTORS if re.search("Regressor|Ridge", ALL_MODELS[name]["estimator"])
]
# Those that give vectors labels.
MODELS = [name for name in OF_VECTORS if name not in REGRESSORS]
LOGISTIC = "sklearn.linear_model.LogisticRegression"
TREE = "sklearn.tree.DecisionTreeClassifier"

# Middle and spread of the numbers that regressions tell.
UNITS = {"tempo": (120, 15), "energy": (0.5, 0.1)}


def shipped(name: str) -> dict:
    """A model of config/models with its defaults, small enough for a test."""
    made = model(**read_yaml(SHIPPED / f"config/models/{name}.yaml"))
    if "n_estimators" in made["parameters"]:
        made["parameters"]["n_estimators"] = 20
    if "n_estimators" in made.get("search", {}).get("space", {}):
        made["search"]["space"]["n_estimators"] = [5, 20]
    if "epochs" in made["parameters"]:
        made["parameters"]["epochs"] = 20
    if "n_jobs" in made["parameters"]:
        made["parameters"]["n_jobs"] = 1
    if "units" in made["parameters"].get("module_parameters", {}):
        made["parameters"]["learning_rate"] = 0.01
        made["parameters"]["module_parameters"] |= {"units": 16, "layers": [16]}
    return made


def model(**given) -> dict:
    """A model with the schema's defaults."""
    return check(given, SCHEMA, "model")


def points(n: int = 90, features: int = 6, classes: int = 3, seed: int = 0):
    """x, y and groups of five tracks each; the labels can be told apart, but not easily."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, features))
    x[:, 0] += 1.5 * y
    return (
        x,
        y,
        np.array([f"artist {i // (5 * classes) * classes + i % classes}" for i in range(n)]),
    )


def label_sets(n: int = 90, features: int = 6, labels: int = 3, seed: int = 0):
    """x, y (0 and 1 for each label) and groups of tracks that have one label or more."""
    x, first, groups = points(n, features, labels, seed)
    y = (x[:, -labels:] > 0.6).astype(int)
    y[np.arange(n), first] = 1
    return x, y, groups


def numbers(n: int = 90, seed: int = 0):
    """x, y of two numbers in their units, and groups."""
    x, _, groups = points(n, seed=seed)
    rng = np.random.default_rng([seed, 1])
    told = x[:, [0, 1]] + rng.normal(0, 0.3, size=(n, 2))
    middle, spread = np.array(list(UNITS.values())).T
    return x, middle + spread * told, groups


def with_values(split: pl.DataFrame, **frames) -> dict:
    """The two numbers of each track, as a `change` of the inputs."""
    values = pl.Series("values", numbers()[1].tolist())
    number = pl.col("track_id").str.head(3).cast(pl.Int32)
    split = split.with_columns(labels=pl.lit(list(UNITS)))
    return {"split": split.with_columns(values=values.gather(split.select(number).to_series()))}


def several(split: pl.DataFrame, **_) -> dict:
    """One to three labels for each track, as a `change` of the inputs."""
    names = np.array(["blues", "jazz", "rock"])
    sets = [names[own == 1].tolist() for own in label_sets()[1]]
    number = pl.col("track_id").str.head(3).cast(pl.Int32)
    return {
        "split": split.with_columns(labels=pl.Series(sets).gather(split.select(number).to_series()))
    }


def write_run_inputs(
    folder: Path, *, n=90, features=6, shuffle: int | None = None, change=None, reasons=()
) -> dict:
    """Tables of n tracks in two batches and a split of two folds, with part 'validation'.

    `shuffle` is a seed of the order of rows; `change` gets the frames before they are written.
    """
    x, y, artists = points(n, features)
    tracks = pl.DataFrame(
        {
            "track_id": [f"{i:03d}.wav" for i in range(len(y))],
            "batch": [f"batch{i % 2}" for i in range(len(y))],
            "labels": [["blues", "jazz", "rock"][label : label + 1] for label in y],
            "artist": [None if i % 7 == 0 else name for i, name in enumerate(artists)],
            "digest": [f"{i:032x}" for i in range(len(y))],
        },
        schema_overrides={"artist": pl.String},
    )
    vectors = tracks.select("track_id", "batch").with_columns(
        pl.lit(0, pl.Int32).alias("segment"),
        pl.Series("reason", [dict(reasons).get(name) for name in tracks["track_id"]], pl.String),
        *(pl.Series(f"feature{i}", column) for i, column in enumerate(x.T)),
    )
    order = ["train", "train", "train", "validation", "test"]
    parts = [[order[(i // 3 + fold) % 5] for i in range(len(y))] for fold in (0, 1)]
    split = pl.concat(
        tracks.select("track_id", "labels").with_columns(
            repeat=pl.lit(0, pl.Int32), fold=pl.lit(fold, pl.Int32), part=pl.Series(parts[fold])
        )
        for fold in (0, 1)
    )
    frames = {"tracks": tracks, "split": split, "vectors": vectors}
    if change:
        frames |= change(**frames)
    if shuffle is not None:
        frames = {k: f.sample(fraction=1, shuffle=True, seed=shuffle) for k, f in frames.items()}
    folder.mkdir(parents=True, exist_ok=True)
    frames["tracks"].write_parquet(folder / "tracks.parquet")
    frames["split"].write_parquet(folder / "split.parquet")
    batches = [folder / f"batch{i}.parquet" for i in (0, 1)]
    for path in batches:
        frames["vectors"].filter(pl.col("batch") == path.stem).write_parquet(path)
    if shuffle is not None and shuffle % 2:
        batches.reverse()
    return {
        "tracks": folder / "tracks.parquet",
        "split": folder / "split.parquet",
        "features": [str(path) for path in batches],
    }


def cut(vectors: pl.DataFrame, **_) -> dict:
    """One to three segments of each track, as a `change` of the inputs; their features differ."""
    number = pl.col("track_id").str.head(3).cast(pl.Int32)
    cut = vectors.with_columns(segment=pl.int_ranges(1 + number % 3)).explode("segment")
    features = [name for name in vectors.columns if name.startswith("feature")]
    return {
        "vectors": cut.with_columns(
            pl.col("segment").cast(pl.Int32),
            *(pl.col(name) + 0.3 * pl.col("segment") for name in features),
        )
    }


def write_variant(
    folder: Path, inputs: dict, name: str, *, shuffle: int | None = None, reasons=(), change=None
) -> list[str]:
    """Feature tables of a variant of the tracks of `inputs`, whose features differ a little.

    Those of its tracks that have a reason have no features; `change` gets the table of each batch.
    """
    rng = np.random.default_rng(list(name.encode()))
    scale, paths = rng.uniform(0.7, 1.4), []
    for path in sorted(inputs["features"]):
        vectors = pl.read_parquet(path)
        features = [column for column in vectors.columns if column.startswith("feature")]
        failed = pl.col("track_id").is_in(list(dict(reasons)))
        # A track that failed has one row, whatever its segments.
        vectors = vectors.filter(~failed | (pl.col("segment") == 0)).with_columns(
            *(pl.when(~failed).then(pl.col(f) * scale + 0.1).alias(f) for f in features),
            reason=pl.col("track_id").replace_strict(dict(reasons), default=None),
        )
        vectors = change(vectors) if change else vectors
        if shuffle is not None:
            vectors = vectors.sample(fraction=1, shuffle=True, seed=shuffle)
        (folder / name).mkdir(parents=True, exist_ok=True)
        paths.append(str(folder / name / Path(path).name))
        vectors.write_parquet(paths[-1])
    return paths[::-1] if shuffle is not None else paths


def by_set(inputs: dict) -> dict:
    """Inputs of a run whose tables are told by feature set, ``summary`` where they were not."""

    def told(tables):
        return tables if isinstance(tables, dict) else {"summary": tables}

    copies = {name: told(tables) for name, tables in inputs.get("copies", {}).items()}
    named = {k: told(inputs[k]) for k in ("features", "test_features") if k in inputs}
    return inputs | {"copies": copies} | named


def run(folder: Path, inputs: dict, spec: dict, *, task="single_label", **given) -> pl.DataFrame:
    """Train, and return the predictions; model, history and run.json stand in the folder.

    Tables of features that are not told by set are those of ``summary``.
    """
    provenance = {
        "study": "demo",
        "dataset": "mine",
        "split": "random",
        "split_method": "stratified",
        "snapshot": "5ca1ab1e",
        "feature_code": {"summary": "9f9f"},
        "task": task,
        "test_variant": "noise20" if "test_features" in inputs | given else None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    arguments = {
        "model": spec,
        "run": "mine",
        "seed": 3,
        "provenance": provenance,
        "predictions": folder / "predictions.parquet",
        "models": folder / "model",
        "history": folder / "history.parquet",
        "record": folder / "run.json",
        "checkpoints": folder / "checkpoints",
    }
    train_run(**by_set(arguments | inputs | given))
    return pl.read_parquet(folder / "predictions.parquet")
