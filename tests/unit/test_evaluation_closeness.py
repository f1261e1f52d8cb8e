"""Guesses scored by the cluster of their label, and how far clusterings agree."""

import numpy as np
import polars as pl
import pytest
from evaluation_fixtures import LABELS, Corpus, clusters_of, overall
from sklearn import metrics as oracle

from genreflow.evaluation.study import evaluate_study


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


def closeness(corpus, predictions, **clusterings) -> dict[str, pl.DataFrame]:
    """The tables of one run, with clusterings of its split by their names."""
    paths = {}
    for name, table in clusterings.items():
        paths[name, "random"] = str(corpus.folder / name)
        table.write_parquet(paths[name, "random"])
    run = corpus.write("forest", predictions)
    return evaluate_study([run], clusterings=paths, resamples=200)


def rows_of(tables, clustering) -> dict[str, dict]:
    own = tables["closeness"].filter(pl.col("clustering") == clustering)
    return {row["metric"]: row for row in own.iter_rows(named=True)}


def pairs_of(predictions: pl.DataFrame) -> pl.DataFrame:
    """Truth and guess of the test part."""
    return (
        predictions.filter(pl.col("part") == "test")
        .sort("target")
        .group_by("repeat", "fold", "track_id", maintain_order=True)
        .agg(
            truth=pl.col("target").get(pl.col("truth").arg_max()),
            guess=pl.col("target").get(pl.col("score").arg_max()),
        )
    )


def test_a_guess_is_close_in_the_cluster_of_the_truth(corpus):
    predictions = corpus.predict(0.3)
    named = {"blues": "roots", "jazz": "roots", "rock": "loud"}
    tables = closeness(corpus, predictions, by_hand=clusters_of(corpus, list(named.values())))
    pairs = pairs_of(predictions).with_columns(pl.col("truth", "guess").replace(named))
    found = rows_of(tables, "by_hand")
    accuracy = oracle.accuracy_score(pairs["truth"], pairs["guess"])
    balanced = oracle.balanced_accuracy_score(pairs["truth"], pairs["guess"])
    assert found["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-12)
    assert found["balanced_accuracy"]["value"] == pytest.approx(balanced, abs=1e-12)
    assert found["accuracy"]["floor"] == pytest.approx((pairs["truth"] == "roots").mean())
    assert found["balanced_accuracy"]["floor"] == 0.5
    for row in found.values():
        assert row["low"] < row["value"] < row["high"] and row["clusters"] == 2
    assert found["accuracy"]["value"] > overall(tables, "forest", "accuracy")["value"]


def test_clusters_of_single_labels_are_the_labels(corpus):
    tables = closeness(corpus, corpus.predict(0.3), same=clusters_of(corpus, LABELS))
    for metric, row in rows_of(tables, "same").items():
        exact = overall(tables, "forest", metric)
        keys = ("value", "low", "high", "tracks")
        assert [row[key] for key in keys] == [exact[key] for key in keys]


def test_dropped_labels_are_left_out_as_truth_and_wrong_as_a_guess(corpus):
    predictions = corpus.predict(0.3)
    tables = closeness(corpus, predictions, by_hand=clusters_of(corpus, ["low", None, "loud"]))
    pairs = pairs_of(predictions).filter(pl.col("truth") != "jazz")
    assert (pairs["guess"] == "jazz").any()
    row = rows_of(tables, "by_hand")["accuracy"]
    assert row["value"] == pytest.approx((pairs["truth"] == pairs["guess"]).mean(), abs=1e-12)
    assert row["tracks"] == pairs["track_id"].n_unique()


def test_artists_are_drawn_with_their_own_tracks_where_some_are_left_out(corpus):
    """One artist of blues is always right, the other always wrong: all figures are possible."""
    predictions = corpus.predict(0.0)
    number = pl.col("track_id").str.slice(0, 3).cast(int)
    right = pl.when(number < 30).then(pl.lit("blues")).otherwise(pl.lit("jazz"))
    predictions = predictions.with_columns(score=(pl.col("target") == right).cast(pl.Float64))
    tracks = pl.read_parquet(corpus.folder / "tracks")
    own = number % 3 == 0
    artist = pl.when(own).then(pl.format("side {}", number < 30)).otherwise(pl.col("track_id"))
    tracks.with_columns(artist=artist).write_parquet(corpus.folder / "tracks")
    table = clusters_of(corpus, ["low", None, None])
    row = rows_of(closeness(corpus, predictions, by_hand=table), "by_hand")["accuracy"]
    assert (row["low"], row["high"]) == (0, 1) and 0 < row["value"] < 1


def test_clusters_are_those_of_the_fold(corpus):
    """In every other fold jazz stands with rock."""
    predictions = corpus.predict(0.3)
    table = clusters_of(corpus, ["a", "a", "b"]).with_columns(
        cluster=pl.when(pl.col("label") == "jazz", pl.col("fold") == 1)
        .then(pl.lit("b"))
        .otherwise("cluster")
    )
    near = {("blues", "jazz", 0), ("jazz", "blues", 0), ("jazz", "rock", 1), ("rock", "jazz", 1)}
    close = [
        row["truth"] == row["guess"] or (row["truth"], row["guess"], row["fold"]) in near
        for row in pairs_of(predictions).iter_rows(named=True)
    ]
    row = rows_of(closeness(corpus, predictions, kmeans=table), "kmeans")["accuracy"]
    assert row["value"] == pytest.approx(np.mean(close), abs=1e-12)


def test_clusterings_are_only_of_their_split_and_of_single_labels(tmp_path):
    corpus = Corpus(tmp_path, task="multi_label")
    tables = closeness(corpus, corpus.predict(0.3), kmeans=clusters_of(corpus, LABELS))
    assert tables["closeness"].is_empty() and tables["clusters"].height == 12
    other = {("kmeans", "other"): str(tmp_path / "kmeans")}
    single = Corpus(tmp_path)
    run = single.write("forest", single.predict(0.3))
    assert evaluate_study([run], clusterings=other, resamples=100)["closeness"].is_empty()


def test_clustering_that_drops_all_has_no_closeness(corpus):
    tables = closeness(corpus, corpus.predict(0.3), none=clusters_of(corpus, [None] * 3))
    assert tables["closeness"].is_empty()


def test_agreement_is_of_the_labels_that_both_keep(corpus):
    fold = {"repeat": 0, "fold": 0, "x": 0.0, "y": 0.0}
    rng = np.random.default_rng(0)
    names = [f"genre {k:02d}" for k in range(30)]
    one, two = rng.integers(4, size=(2, 30))
    two = np.where(np.arange(30) < 20, one, two)
    dropped = rng.random(30) < 0.2
    tables = closeness(
        corpus,
        corpus.predict(0.3),
        kmeans=pl.DataFrame({"label": names, "cluster": [f"c{k}" for k in one], **fold}),
        by_hand=pl.DataFrame(
            {
                "label": names,
                "cluster": [
                    None if drop else f"d{k}" for k, drop in zip(two, dropped, strict=True)
                ],
                **fold,
            }
        ),
    )
    (row,) = tables["agreement"].iter_rows(named=True)
    assert (row["split"], row["clustering"], row["other"]) == ("random", "by_hand", "kmeans")
    expected = oracle.adjusted_rand_score(one[~dropped], two[~dropped])
    assert 0 < row["adjusted_rand"] < 1
    assert row["adjusted_rand"] == pytest.approx(expected, abs=1e-12)
    assert row["labels"] == (~dropped).sum()


def test_agreement_is_the_mean_over_folds(corpus):
    a = clusters_of(corpus, ["x", "x", "y"])
    b = a.with_columns(
        cluster=pl.when(pl.col("fold") == 1, pl.col("label") == "jazz")
        .then(pl.lit("y"))
        .otherwise("cluster")
    )
    tables = closeness(corpus, corpus.predict(0.3), a=a, b=b)
    unlike = oracle.adjusted_rand_score([0, 0, 1], [0, 1, 1])
    assert tables["agreement"]["adjusted_rand"][0] == pytest.approx((1 + unlike) / 2, abs=1e-12)
