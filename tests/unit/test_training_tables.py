"""Runs on tables of features: missing values, and what is known of published tables."""

import json

import numpy as np
import polars as pl
import pytest
from training_fixtures import run, shipped, write_run_inputs

from genreflow.errors import GenreflowError
from genreflow.models.files import load_model
from genreflow.training.table import read_table


def test_missing_values_are_replaced_by_what_training_knows(tmp_path):
    def gaps(vectors, **_):
        number = pl.col("track_id").str.head(3).cast(pl.Int32)
        gap = pl.when(number % 4 != 0).then("feature0")
        return {"vectors": vectors.with_columns(feature0=gap)}

    inputs = write_run_inputs(tmp_path / "in", change=gaps)
    preparation = {"missing": "median", "min_max": ["feature2"]}
    run(tmp_path / "out", inputs, shipped("random_forest"), preparation=preparation)
    split = pl.read_parquet(inputs["split"])
    table = read_table(pl.read_parquet(inputs["tracks"]), split, {"summary": inputs["features"]})
    for fold in (0, 1):
        own = split.filter(pl.col("fold") == fold, pl.col("part") == "train")
        x = table.X[table.rows(own["track_id"].to_list())]
        pipeline, _ = load_model(tmp_path / "out" / "model" / f"r0f{fold}")
        assert np.array_equal(pipeline["imputer"].statistics_, np.nanmedian(x, axis=0))
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["preparation"] == preparation
    with pytest.raises(GenreflowError, match=r"values of feature0 are missing.*'missing: median'"):
        run(tmp_path / "none", inputs, shipped("random_forest"))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("logistic_regression", 0.655, 0.785), ("svm", 0.685, 0.78)]
)
def test_published_table_gives_the_known_accuracy(tmp_path, shared_data, name, low, high):
    """Ranges over seeds of a random 80/20 split of GTZAN's published 30-second features."""
    from sklearn.model_selection import train_test_split

    table = pl.read_csv(shared_data / "tabular" / "features_30_sec.csv")
    _, test = train_test_split(np.arange(len(table)), test_size=0.2, random_state=42)
    part = np.full(len(table), "train")
    part[test] = "test"
    tracks = table.select(
        track_id="filename",
        batch=pl.lit("b"),
        labels=pl.concat_list("label"),
        artist=pl.lit(None, pl.String),
        digest="filename",
    )
    split = tracks.select(
        "track_id",
        repeat=pl.lit(0, pl.Int32),
        fold=pl.lit(0, pl.Int32),
        part=pl.Series(part.tolist()),
        labels="labels",
    )
    values = pl.col(name for name in table.columns if name not in ("filename", "length", "label"))
    vectors = table.select(
        values.cast(pl.Float64),
        track_id="filename",
        batch=pl.lit("b"),
        segment=pl.lit(0, pl.Int32),
        reason=pl.lit(None, pl.String),
    )
    inputs = {"tracks": tmp_path / "t", "split": tmp_path / "s", "features": [tmp_path / "f"]}
    tracks.write_parquet(inputs["tracks"])
    split.write_parquet(inputs["split"])
    vectors.write_parquet(tmp_path / "f")
    found = run(tmp_path / "out", inputs, shipped(name))
    guessed = found.filter(pl.col("score") == pl.col("score").max().over("track_id"))
    assert low <= guessed["truth"].sum() / len(test) <= high
