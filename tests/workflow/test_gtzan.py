"""The study on real music: GTZAN with a table of tracks, and with the published lists."""

import functools
import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest

from .conftest import Clone, make_clone

STUDY = "config/studies/gtzan_representations.yaml"
DATASET = "config/datasets/gtzan.yaml"
NOWHERE = "http://127.0.0.1:9"
CLASSICAL = {
    "dummy",
    "knn",
    "logistic_regression",
    "random_forest",
    "sgd",
    "svm",
    "xgboost",
    "xgboost_tuned",
}
# Networks whose published weights are not among the data.
WAITING = ("alexnet", "resnet18", "vgg16", "wav2vec2")


def train_networks_once(study):
    """Train networks on one split of the audio: all of them on all would take ten minutes."""
    for name, run in study["runs"].items():
        if name not in CLASSICAL:
            splits = run.get("splits", study["splits"])
            run["splits"] = [split for split in splits if split not in ("artist", "fault_filtered")]


def link_weights(clone: Clone, shared_data: Path) -> None:
    (clone / "data/weights").mkdir(parents=True)
    name = "msd_fcn.pth"
    (clone / "data/weights" / name).symlink_to(shared_data / "pretrained" / name)


def accuracies(clone: Clone, split: str) -> dict[str, float]:
    metrics = clone.table("tables/metrics.parquet").filter(
        pl.col("target").is_null(), metric="accuracy", part="test", split=split
    )
    return dict(metrics.select("run", "value").iter_rows())


@pytest.fixture(scope="module")
def studied(shared_data, tmp_path_factory) -> Clone:
    """A clone in which the study has run on a hundred excerpts, linked as one folder."""
    clone = make_clone(tmp_path_factory.mktemp("gtzan") / "clone")
    clone.study = "gtzan_representations"
    (clone / "data/gtzan").symlink_to(shared_data / "gtzan100")
    link_weights(clone, shared_data)
    clone.edit_config(train_networks_once, STUDY)
    clone.run(configs=(STUDY, "config/quick.yaml"))
    return clone


@pytest.fixture
def bare(clone, shared_data) -> Clone:
    """A clone with links to the folders of the genres, without a table, and a short study."""
    (clone / "data/gtzan").mkdir()
    for genre in (shared_data / "gtzan100/genres").iterdir():
        (clone / "data/gtzan" / genre.name).symlink_to(genre)
    clone.edit_config(lambda d: d.update(audio={"seconds": 3.0}), DATASET)
    clone.edit_config(
        lambda c: c.update(
            study="lists",
            dataset="gtzan",
            batch_size=64,
            runs={"dummy": {"model": "dummy", "features": "summary"}},
            splits={"listed": {"method": "given", "list": "fault_filtered"}},
        )
    )
    clone.study = "lists"
    return clone


@pytest.fixture(scope="module")
def server(shared_data):
    """Address of the published lists, and what has been asked for there."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path.lstrip("/"))

    handler = functools.partial(Handler, directory=shared_data / "gtzan_index")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def tracks(clone: Clone) -> pl.DataFrame:
    """The table of tracks, by their names without folder and suffix."""
    table = Clone(clone.folder, study="gtzan").tracks()
    return table.with_columns(name=pl.col("track_id").str.extract(r"([^/]+)\.\w+$")).sort("name")


def fetch_from(clone: Clone, address: str) -> None:
    def change(dataset):
        for name, source in dataset["fetch"].items():
            source["url"] = f"{address}/{name}"

    clone.edit_config(change, DATASET)


def assert_facts(clone: Clone, shared_data: Path) -> None:
    """Artists, titles and the fault-filtered list are those of the table that was made of them."""
    known = pl.read_csv(shared_data / "gtzan100/tracks.csv").select(
        pl.col("path").str.extract(r"([^/]+)\.\w+$").alias("name"),
        pl.concat_list("genre").alias("labels"),
        pl.col("artist", "title").str.strip_chars().replace("", None),
        pl.col("fault_filtered_split")
        .replace({"valid": "validation", "not in filtered lists": None})
        .alias("given_fault_filtered"),
    )
    found = tracks(clone)
    assert found.select(known.columns).to_dicts() == known.sort("name").to_dicts()
    assert set(found["given_stratified"]) == {"train", "validation", "test"}


def test_every_run_has_an_accuracy_with_its_interval(studied):
    metrics = studied.table("tables/metrics.parquet").filter(
        pl.col("target").is_null(), metric="accuracy", part="test"
    )
    classical = metrics.filter(pl.col("run").is_in(CLASSICAL))
    assert classical.group_by("run").agg(pl.len())["len"].to_list() == [3] * 8
    for row in classical.filter(pl.col("run") != "dummy").iter_rows(named=True):
        assert 0.1 < row["low"] < row["value"] < row["high"] < 0.9, row
        assert row["high"] - row["low"] > 0.1  # ten tracks of a genre tell little


def test_all_networks_are_trained_but_those_whose_weights_are_missing(studied):
    runs = studied.table("tables/runs.parquet").filter(split="random")
    skipped = runs.filter(status="skipped")
    assert all(run.startswith(WAITING) for run in skipped["run"])
    assert skipped["reason"].str.contains("into data/weights").all()
    done = set(runs.filter(status="done")["run"])
    networks = {"cnn", "cnn_augmented", "crnn", "crnn_augmented", "lstm", "mlp", "tagger_mlp"}
    assert networks < done
    for name in networks:
        history = studied.table(f"runs/{name}/random/history.parquet")
        assert history["loss"].is_finite().all()


def test_copies_are_trained_on_six_times_and_never_tested(studied):
    once, six = (
        json.loads((studied.results / f"runs/{name}/random/run.json").read_text())["folds"][0]
        for name in ("cnn", "cnn_augmented")
    )
    assert six["train_rows"] == 6 * once["train_rows"] == 6 * once["train_tracks"]
    assert six["test_tracks"] == once["test_tracks"]


def test_the_taggers_embeddings_know_more_of_genres_than_statistics(studied):
    accuracy = accuracies(studied, "random")
    tagger = accuracy["tagger_logistic_regression"]
    assert tagger > 0.6
    assert tagger > max(accuracy[name] for name in CLASSICAL)


def test_networks_on_several_feature_sets(clone, shared_data):
    """The second study, on the first seconds of each clip."""
    clone.study = "gtzan_hybrid"
    (clone / "data/gtzan").symlink_to(shared_data / "gtzan100")
    link_weights(clone, shared_data)
    clone.edit_config(lambda d: d.update(audio={"seconds": 4.0}), DATASET)
    study = "config/studies/gtzan_hybrid.yaml"
    clone.edit_config(lambda c: c["splits"].pop("fault_filtered"), study)
    clone.run(configs=(study, "config/quick.yaml"))
    runs = clone.table("tables/runs.parquet")
    skipped = dict(runs.filter(status="skipped").select("run", "reason").iter_rows())
    assert set(skipped) == {"hybrid", "vggish_random_forest"}
    assert all("vggish-10086976.pth" in reason for reason in skipped.values())
    features = dict(runs.select("run", "features").iter_rows())
    assert features["hybrid_without_vggish"] == "mel + chroma + wavelet_frames + mfcc"
    accuracy = accuracies(clone, "published")
    assert accuracy["random_forest"] > accuracy["dummy"]
    assert set(features) - set(skipped) == set(accuracy)


def test_the_published_table_is_skipped_where_it_is_not(studied):
    runs = studied.table("tables/runs.parquet")
    of_table = pl.col("split").str.starts_with("table_")
    own = ~of_table & pl.col("run").is_in(CLASSICAL)
    assert set(runs.filter(own)["status"]) == {"done"}
    assert set(runs.filter(of_table)["status"]) == {"skipped"}
    assert runs.filter(of_table)["reason"].str.contains("data/gtzan_features").all()


def test_the_published_table_gives_the_figures_that_others_measured_on_it(clone, shared_data):
    """Without tuning, on the fault-filtered list: kNN 0.424, logistic regression 0.534."""
    lists = clone / "data/gtzan_features/lists"
    lists.parent.mkdir()
    lists.symlink_to(shared_data / "gtzan_index")
    table = "features_30_sec.csv"
    (clone / "data/gtzan_features" / table).symlink_to(shared_data / "tabular" / table)
    wanted = {"knn": 0.424, "logistic_regression": 0.534}
    split = {"dataset": "gtzan_features", "method": "given", "list": "fault_filtered"}
    clone.edit_config(
        lambda c: c.update(
            study="table",
            dataset="gtzan_features",
            runs={name: {"model": name, "features": "summary"} for name in wanted},
            splits={"listed": split | {"merge_validation": True}},
        )
    )
    clone.study = "table"
    clone.run()
    metrics = clone.table("tables/metrics.parquet").filter(
        pl.col("target").is_null(), metric="accuracy", part="test"
    )
    found = {row["run"]: round(row["value"], 3) for row in metrics.iter_rows(named=True)}
    assert found == wanted


def test_the_report_counts_tracks_and_unknown_artists(studied):
    assert tracks(studied).height == 100
    assert tracks(studied)["artist"].null_count() == 8
    page = (studied.results / "report.html").read_text()
    assert "unknown for 8 tracks" in re.sub(r"\s+", " ", page)


def test_the_given_list_leaves_tracks_out(studied):
    split = studied.table("splits/fault_filtered.parquet")
    assert split.filter(part="excluded").height == 8
    assert set(split.filter(part="excluded")["reason"]) == {"not in the list fault_filtered"}
    given = tracks(studied).filter(given_fault_filtered="test")
    assert set(split.filter(part="test")["track_id"]) == set(given["track_id"])


def test_no_artist_is_on_both_sides_of_the_artist_split(studied):
    split = studied.table("splits/artist.parquet").join(tracks(studied), on="track_id")
    sides = split.drop_nulls("artist").group_by("repeat", "fold", "artist").agg(pl.col("part"))
    assert sides["part"].list.n_unique().max() == 1


def test_lists_are_fetched_once(bare, server, shared_data):
    address, asked = server
    fetch_from(bare, address)
    asked.clear()
    ran = bare.jobs()
    assert ran["prepare"] == 1 and ran["train"] == 1
    assert sorted(asked) == sorted(path.name for path in (shared_data / "gtzan_index").iterdir())
    assert_facts(bare, shared_data)
    asked.clear()
    assert bare.jobs() == {}
    assert not asked


def test_lists_given_by_hand_are_not_fetched(bare, shared_data):
    fetch_from(bare, NOWHERE)
    (bare / "data/gtzan/lists").mkdir()
    for path in (shared_data / "gtzan_index").iterdir():
        (bare / "data/gtzan/lists" / path.name).write_bytes(path.read_bytes())
    ran = bare.jobs()
    assert "prepare" not in ran and ran["train"] == 1
    assert_facts(bare, shared_data)


def test_lists_that_cannot_be_fetched_are_asked_for(bare):
    fetch_from(bare, NOWHERE)
    printed = bare.run(ok=False)
    assert f"{NOWHERE}/GTZANindex.txt cannot be fetched" in printed
    assert "Put the file at data/gtzan/GTZANindex.txt by hand" in printed
    assert "Traceback" not in printed
