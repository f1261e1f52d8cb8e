"""From the files of the runs to the tables of a study."""

import numpy as np
import polars as pl
import pytest
from evaluation_fixtures import LABELS, Corpus, clusters_of, overall
from sklearn import metrics as oracle

from evaluate import evaluate
from genreflow.errors import GenreflowError
from genreflow.evaluation.names import OVERALL, PER_CLASS, RANKING, ranking_metric
from genreflow.evaluation.study import Run, evaluate_study
from genreflow.schema import schema_of


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


def test_figures_are_those_of_the_pooled_predictions(corpus):
    predictions = corpus.predict(0.3)
    tables = evaluate_study([corpus.write("forest", predictions)], resamples=200)
    for part in ("test", "validation"):
        wide = predictions.filter(pl.col("part") == part).group_by(
            "repeat", "fold", "track_id", maintain_order=True
        )
        wide = wide.agg("truth", "score")
        truth = np.array(wide["truth"].to_list()).argmax(axis=1)
        scores = np.array(wide["score"].to_list())
        row = overall(tables, "forest", "f1_macro", part)
        expected = oracle.f1_score(truth, scores.argmax(axis=1), average="macro")
        assert row["value"] == pytest.approx(expected, abs=1e-12)
        assert row["low"] < row["value"] < row["high"]
        area = oracle.roc_auc_score(truth, scores, multi_class="ovr")
        assert overall(tables, "forest", "roc_auc_ovr", part)["value"] == pytest.approx(
            area, abs=1e-12
        )
        folds = [
            oracle.accuracy_score(np.argmax(t, axis=1), np.argmax(s, axis=1))
            for (_, t, s) in wide.group_by("repeat", "fold")
            .agg("truth", "score")
            .select(pl.struct("repeat", "fold"), "truth", "score")
            .iter_rows()
        ]
        row = overall(tables, "forest", "accuracy", part)
        assert row["folds"] == 4
        assert row["fold_mean"] == pytest.approx(np.mean(folds), abs=1e-12)
        assert row["fold_std"] == pytest.approx(np.std(folds, ddof=1), abs=1e-12)
        assert row["fold_min"] == pytest.approx(min(folds), abs=1e-12)
        assert row["fold_max"] == pytest.approx(max(folds), abs=1e-12)


def test_metrics_has_every_row_and_counts_tracks_and_artists_once(corpus):
    tables = evaluate_study([corpus.write("forest", corpus.predict(0.3))], resamples=100)
    metrics = tables["metrics"]
    assert metrics.height == 2 * (
        len(OVERALL["single_label"]) + len(LABELS) * len(PER_CLASS["single_label"])
    )
    row = overall(tables, "forest", "accuracy")
    tested = corpus.split.filter(pl.col("part") == "test")["track_id"].unique()
    assert row["tracks"] == row["support"] == len(tested) < 80
    per_class = metrics.filter(
        pl.col("target").is_not_null(), pl.col("part") == "test", pl.col("metric") == "recall"
    )
    assert per_class["support"].sum() == len(tested)
    assert (per_class["clusters"] < row["clusters"]).all()
    assert metrics.schema["folds"] == metrics.schema["support"] == pl.Int32
    run = tables["runs"].row(0, named=True)
    assert (run["train_tracks"], run["test_tracks"], run["folds"]) == (22, len(tested), 4)


def test_artists_are_drawn_as_splits_keep_them_together(corpus):
    """A copy names the artist of the track that counts, and joins him with another."""
    run = corpus.write("forest", corpus.predict(0.3))
    tracks = pl.read_parquet(run.tracks)
    before = overall(evaluate_study([run], resamples=100), "forest", "accuracy")["clusters"]
    # 000 and 007 are by nobody known, 001 and 002 by Artist 1 and Artist 2.
    copied = {"000.wav": "Artist 1", "007.wav": "artist  1", "001.wav": "Artist 2"}
    copies = pl.DataFrame(
        {
            "track_id": [f"copy of {track}" for track in copied],
            "artist": list(copied.values()),
            "digest": list(copied),
        }
    )
    pl.concat([tracks, copies]).write_parquet(run.tracks)
    aside = copies.select(
        "track_id",
        part=pl.lit("duplicate"),
        reason=pl.lit("a copy"),
        labels=pl.lit(None, dtype=pl.List(pl.String)),
    )
    folds = corpus.split.select("repeat", "fold").unique()
    aside = aside.join(folds, how="cross").select(corpus.split.columns)
    pl.concat([corpus.split, aside]).write_parquet(run.split_table)
    after = overall(evaluate_study([run], resamples=100), "forest", "accuracy")["clusters"]
    tested = set(corpus.split.filter(pl.col("part") == "test")["track_id"])
    gone = len({"000.wav", "007.wav"} & tested) + 1
    assert after == before - gone


def test_order_of_rows_and_runs_changes_no_bit(corpus):
    runs = [corpus.write(name, corpus.predict(skill)) for name, skill in (("a", 0.1), ("b", 0.5))]
    first = evaluate_study(runs, resamples=100)
    for run in runs:
        frame = pl.read_parquet(run.predictions)
        frame.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(run.predictions)
    second = evaluate_study(runs[::-1], resamples=100)
    for name, table in first.items():
        assert table.equals(second[name]), name


def test_confusion_has_all_cells(corpus):
    predictions = corpus.predict(2.0)
    confusion = evaluate_study([corpus.write("good", predictions)], resamples=100)["confusion"]
    assert confusion.height == 9
    assert confusion["count"].sum() == predictions.filter(pl.col("part") == "test").height / 3
    diagonal = confusion.filter(pl.col("truth") == pl.col("predicted"))
    assert (diagonal["share"] == 1).all()


def test_guesses_name_every_predicted_track(corpus):
    predictions = corpus.predict(0.3)
    guesses = evaluate_study([corpus.write("forest", predictions)], resamples=100)["guesses"]
    best = predictions.group_by("repeat", "fold", "part", "track_id").agg(pl.col("score").max())
    assert guesses.height == best.height
    joined = guesses.join(best, on=["repeat", "fold", "part", "track_id"])
    assert (joined["probability"] == joined["score"]).all()
    assert (
        guesses["track_id"].str.slice(0, 3).cast(int) % 3
        == pl.Series([LABELS.index(label) for label in guesses["truth"]])
    ).all()


def test_only_tracks_that_every_run_predicted_count(corpus):
    lacking = corpus.predict(0.3)
    gone = lacking.filter(pl.col("part") == "test")["track_id"].unique().sort().head(2)
    runs = [
        corpus.write("all", corpus.predict(0.3)),
        corpus.write("lacking", lacking.filter(~pl.col("track_id").is_in(gone.implode()))),
    ]
    tables = evaluate_study(runs, resamples=100)
    assert tables["runs"]["dropped"].to_list() == [2, 2]
    assert tables["runs"]["test_tracks"].n_unique() == 1
    assert not tables["guesses"]["track_id"].is_in(gone.implode()).any()


def test_class_that_one_run_does_not_know_scores_zero(corpus):
    one = corpus.predict(0.3)
    rock = one.filter(pl.col("target") == "rock", pl.col("truth") == 1)["track_id"]
    two = one.filter(~pl.col("track_id").is_in(rock.implode()), pl.col("target") != "rock")
    two = two.with_columns(
        pl.col("score") / pl.col("score").sum().over("repeat", "fold", "part", "track_id")
    )
    tables = evaluate_study([corpus.write("one", one), corpus.write("two", two)], resamples=100)
    rows = tables["metrics"].filter(pl.col("target") == "rock", pl.col("metric") == "recall")
    assert rows["value"].is_null().all() and (rows["support"] == 0).all()


def test_one_fold_and_one_artist_leave_nulls(tmp_path):
    corpus = Corpus(tmp_path, folds=1, repeats=1)
    tracks = pl.read_parquet(tmp_path / "tracks")
    tracks = tracks.with_columns(
        artist=pl.when(pl.Series(corpus.truth[:, 0])).then(pl.lit("X")).otherwise(pl.lit(None))
    )
    tracks.write_parquet(tmp_path / "tracks")
    metrics = evaluate_study([corpus.write("forest", corpus.predict(0.3))], resamples=100)[
        "metrics"
    ]
    for column in ("fold_mean", "fold_low", "fold_min", "fold_max"):
        assert metrics[column].is_null().all()
    blues = metrics.filter(pl.col("target") == "blues")
    assert blues["value"].is_not_null().all()
    assert blues["low"].is_null().all() and (blues["clusters"] == 1).all()
    assert metrics.filter(pl.col("target") == "jazz")["low"].is_not_null().all()


def test_runs_of_a_split_share_their_draws(corpus):
    predictions = corpus.predict(0.3)
    runs = [corpus.write("a", predictions), corpus.write("b", predictions)]
    metrics = evaluate_study(runs, resamples=100)["metrics"].drop("run")
    half = metrics.height // 2
    assert metrics.head(half).equals(metrics.tail(half))


def test_published_stands_beside_measured(corpus):
    entry = {"split": "random", "metric": "accuracy", "value": 0.755, "source": "a paper"}
    published = [
        {"run": "zebra", **entry, "protocol": "80/20", "same_protocol": True, "note": "9 genres"},
        {"run": "forest", **entry},
    ]
    skipped = Run("zebra", "random", "m", "f", "exact", "stratified", reason="no data")
    tables = evaluate_study(
        [skipped, corpus.write("forest", corpus.predict(0.3))], published, resamples=100
    )
    zebra, forest = tables["published"].iter_rows(named=True)
    assert zebra["run"] == "zebra" and zebra["same_protocol"] and zebra["measured"] is None
    assert (zebra["note"], forest["note"]) == ("9 genres", "")
    measured = overall(tables, "forest", "accuracy")
    assert (forest["published"], forest["measured"], forest["low"], forest["high"]) == (
        0.755,
        measured["value"],
        measured["low"],
        measured["high"],
    )
    runs = tables["runs"]
    assert runs["status"].to_list() == ["done", "skipped"]
    assert runs["reason"].to_list() == [None, "no data"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: pl.concat([f, f[5:6]]), "1 predictions stand there more than once"),
        (lambda f: pl.concat([f[:5], f[6:]]), "lack a target, the first"),
        (lambda f: f.with_columns(pl.col("score") * 1.00001), "scores that do not sum to 1"),
        (lambda f: f.with_columns(score=float("nan")), "scores that do not sum to 1"),
        (lambda f: f.with_columns(truth=1.0), "exactly one true label"),
        (
            lambda f: f.with_columns(truth=(pl.col("target") == "rock").cast(pl.Float64)),
            "has other labels in its split",
        ),
        (lambda f: f.with_columns(part=pl.lit("test")), "do not belong together"),
        (lambda f: f.filter(pl.col("part") != "test"), "no test track was predicted"),
    ],
)
def test_wrong_predictions_are_refused_by_name(corpus, spoil, message):
    run = corpus.write("forest", spoil(corpus.predict(0.3)))
    with pytest.raises(GenreflowError, match=message) as error:
        evaluate_study([run], resamples=100)
    assert "forest" in str(error.value) and "random" in str(error.value)


def test_a_study_names_the_metrics_that_there_are():
    schema = schema_of("study")["properties"]
    published = schema["published"]["items"]["properties"]["metric"]["enum"]
    assert sorted(published) == sorted({name for names in OVERALL.values() for name in names})
    assert schema["statistics"]["properties"]["metric"]["enum"] == published


def test_runs_are_ranked_by_what_their_task_has():
    assert ranking_metric("single_label", "f1_macro") == "f1_macro"
    assert ranking_metric("multi_label", "lrap") == "lrap"
    assert ranking_metric("multi_label", "accuracy") == "f1_macro"
    assert ranking_metric("single_label", "exact_match") == "accuracy"
    assert all(RANKING[task] in names for task, names in OVERALL.items())


def test_truth_is_that_of_the_split_in_each_fold(corpus):
    """A run that knows no rock is not excused from the tracks that are rock too."""
    corpus = Corpus(corpus.folder, task="multi_label")
    one = corpus.predict(0.3)
    two = one.filter(pl.col("target") != "rock")
    metrics = evaluate_study([corpus.write("one", one), corpus.write("two", two)], resamples=100)[
        "metrics"
    ]
    rock = metrics.filter(
        pl.col("target") == "rock", pl.col("metric") == "recall", pl.col("part") == "test"
    )
    assert rock["support"].n_unique() == 1 and rock["support"][0] > 0
    assert rock["value"][0] > 0 and rock["value"][1] == 0


def test_nothing_to_evaluate_is_an_error():
    skipped = Run("forest", "random", "m", "f", "exact", "stratified", reason="no data")
    with pytest.raises(GenreflowError, match="all runs of the study were skipped"):
        evaluate_study([skipped])


def test_script_writes_every_table_twice(corpus, tmp_path):
    run = corpus.write("forest", corpus.predict(0.3))
    spec = {"model": "m", "features": "f", "kind": "exact", "method": "stratified_kfold"}
    spec["task"] = "single_label"
    clusters_of(corpus, ["low", "low", "high"]).write_parquet(tmp_path / "kmeans")
    folder = tmp_path / "tables"
    folder.mkdir()
    evaluate(
        [
            {"run": "absent", "split": "random", **spec, "reason": "put the data there"},
            {"run": "forest", "split": "random", **spec},
        ],
        predictions=[run.predictions],
        records=[run.record],
        splits=[run.split_table],
        tracks=[run.tracks],
        clusterings=[{"clustering": "kmeans", "split": "random"}],
        clusters=[str(tmp_path / "kmeans")],
        published=[],
        confidence=0.95,
        resamples=100,
        seed=0,
        folder=folder,
    )
    names = ["agreement", "closeness", "clusters", "confusion", "differences", "guesses"]
    names += ["label_confusion", "metrics", "published", "runs", "values"]
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}.{suffix}" for name in names for suffix in ("csv", "parquet")
    ]
    metrics = pl.read_parquet(folder / "metrics.parquet")
    read = pl.read_csv(folder / "metrics.csv", schema=metrics.schema)
    assert read.equals(metrics)
