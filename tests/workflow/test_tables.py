"""Tables of track features instead of audio: from the table to the report, and again."""

import csv
import os
import re
import signal
import time

import numpy as np
import polars as pl
import pytest
import yaml

from .conftest import Clone
from .test_own_data import write_example

GENRES = ("ambient", "folk", "house", "techno")
CENTRES = {"ambient": 70, "folk": 100, "house": 124, "techno": 136}
FILE = "data/songs/songs.csv"
HEADER = ["song", "artist", "genre", "tempo", "plays", "explicit", "key", "loudness", "year"]


def songs(per_genre: int = 24) -> list[list]:
    """Rows of made-up songs; some have two genres, some miss a number."""
    rng = np.random.default_rng(0)
    rows = []
    for g, genre in enumerate(GENRES):
        for i in range(per_genre):
            genres = genre if i % 4 else f"{genre}, {GENRES[(g + 1) % 4]}"
            numbers = [
                round(CENTRES[genre] + rng.normal(0, 6), 3) if i != 5 else "",
                int(rng.integers(10**4)),
                bool(rng.integers(2)),
                int(rng.integers(12)),
                round(-20 + 4 * g + rng.normal(0, 2), 3),
                2000 + i,
            ]
            rows.append([f"{genre} {i}", f"{genre} artist {i // 4}", genres, *numbers])
    return rows


def write_songs(clone: Clone, rows: list[list], **dialect) -> None:
    path = clone / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=dialect.pop("encoding", "utf-8")) as file:
        csv.writer(file, **dialect).writerows([HEADER, *rows])


def songs_study(clone: Clone, **changes) -> None:
    """A study of every kind of split that a table can have."""
    write_example(clone, "features table")
    network = {"model": "my_network", "features": "table", "parameters": {"epochs": 4}}
    study = {
        "study": "songs",
        "dataset": "songs",
        "runs": {
            "dummy": {"model": "dummy", "features": "table"},
            "forest": {
                "model": "random_forest",
                "features": "table",
                "parameters": {"n_estimators": 20},
            },
            "network": network,
        },
        "splits": {
            "one": {"method": "published", "several": "rarest", "test": 0.3},
            "several": {"task": "multi_label", "method": "stratified", "validation": 0.2},
            "grouped": {"method": "clusters", "of": "one", "clustering": "kmeans", "sample": 20},
            "by_hand": {"method": "clusters", "of": "one", "clustering": "by_hand"},
        },
        "clusterings": {
            "kmeans": {"algorithm": "kmeans", "clusters": 2},
            "by_hand": {"map": "mine"},
        },
        "explain": [{"run": "forest", "split": "one"}],
        "statistics": {"resamples": 100},
        "published": [
            {"run": "network", "split": "one", "metric": "accuracy", "value": 0.9}
            | {"source": "a paper", "note": "Their songs were others."}
        ],
    } | changes
    (clone / "config/models/my_network.yaml").write_text(
        yaml.safe_dump(
            {
                "estimator": "genreflow.models.network.Network",
                "parameters": {
                    "module": "genreflow.models.networks.feed_forward",
                    "module_parameters": {"layers": [16, "batch_norm", {"dropout": 0.2}]},
                    "epochs": 4,
                },
            }
        )
    )
    (clone / "config/maps").mkdir(exist_ok=True)
    (clone / "config/maps/mine.yaml").write_text(
        "clusters: {calm: [ambient, folk], fast: [techno]}\ndropped: [house]\n"
    )
    (clone / "config.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    clone.study = "songs"


@pytest.fixture
def table(clone) -> Clone:
    write_songs(clone, songs())
    songs_study(clone)
    return clone


def test_the_example_of_the_documentation_runs(clone):
    write_songs(clone, songs())
    write_example(clone, "features table")
    write_example(clone, "features study")
    clone.study = "songs"
    clone.run(configs=("config/studies/songs.yaml",))
    split = clone.table("splits/random.parquet")
    several = split.filter(pl.col("reason").str.starts_with("several labels"))
    assert len(several) == 24 and (several["part"] == "excluded").all()


def test_a_table_goes_all_the_way_and_nothing_is_done_twice(table):
    ran = table.jobs()
    assert ran == {
        "ingest": 1,
        "explore": 1,
        "split": 2,
        "cluster": 2,
        "relabel": 2,
        "train": 12,
        "evaluate": 1,
        "explain": 1,
        "report": 1,
    }
    assert table.jobs() == {}
    report = (table.results / "report.html").read_text()
    for part in ("curves", "explored", "clusterings", "explained"):
        assert f'id="{part}"' in report
    assert "Their songs were others." in report
    metrics = table.table("tables/metrics.parquet").filter(pl.col("target").is_null())
    assert set(metrics["split"]) == {"one", "several", "grouped", "by_hand"}
    assert set(table.table("tables/closeness.parquet")["clustering"]) == {"kmeans", "by_hand"}
    history = table.table("runs/network/several/history.parquet")
    assert set(history["part"]) == {"train", "validation"} and history["epoch"].max() == 4
    features = pl.read_parquet(next(table.folder.glob("results/datasets/songs/ingest/*/f*")))
    assert features["tempo"].null_count() == 4
    assert not (table.results / "checkpoints/network/one").exists()


def test_an_added_row_is_worked_in(table):
    table.edit_config(lambda c: c.update(runs={"forest": c["runs"]["forest"]}, explain=[]))
    table.edit_config(lambda c: c.update(published=[]))
    table.run()
    write_songs(table, [*songs(), ["new", "new", "folk", 100, 5, False, 3, -16, 2001]])
    ran = table.jobs()
    assert ran["ingest"] == 1 and ran["train"] == 4
    tracks = [pl.read_parquet(path) for path in table.folder.glob("results/datasets/*/ingest/*/t*")]
    assert sorted(map(len, tracks)) == [96, 97]


def test_spelling_and_order_of_a_table_change_no_result(table, tmp_path):
    table.edit_config(lambda c: c.update(runs={"forest": c["runs"]["forest"]}, explain=[]))
    table.edit_config(lambda c: c.update(published=[]))
    table.run()
    before = table.table("tables/metrics.parquet")
    rows = [[str(x).replace(".", ",") if isinstance(x, float) else x for x in r] for r in songs()]
    spelt = {"delimiter": ";", "lineterminator": "\r\n", "encoding": "utf-8-sig"}
    write_songs(table, rows[::-1], **spelt)
    table.run()
    assert table.table("tables/metrics.parquet").equals(before)


def test_a_killed_training_goes_on_to_the_same_result(table):
    table.edit_config(
        lambda c: c.update(
            runs={"network": c["runs"]["network"] | {"parameters": {"epochs": 300}}},
            splits={"several": c["splits"]["several"]},
            explain=[],
            published=[],
        )
    )
    process = table.start()
    checkpoint = table.results / "checkpoints/network/several/r0f0.pt"
    until = time.monotonic() + 300
    while not checkpoint.exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    _kill_children(process.pid)
    process.communicate(timeout=120)
    assert checkpoint.exists()
    assert not (table.results / "runs/network/several/predictions.parquet").exists()
    table.run("--unlock")
    table.run()
    went_on = table.table("runs/network/several/predictions.parquet")
    log = (table / "logs/train/songs/network/several.log").read_text()
    assert re.search("goes on|going on|resum", log), log
    assert not checkpoint.exists()

    table.run("--forcerun", "train")
    assert table.table("runs/network/several/predictions.parquet").equals(went_on)


def _kill_children(pid: int) -> None:
    """End a process and all that it started, as a machine that is switched off does."""
    import psutil

    parent = psutil.Process(pid)
    for process in [*parent.children(recursive=True), parent]:
        os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["features"].pop("plays"), ["'plays'", "ignored"]),
        (lambda d: d["features"].update(temp="number"), ["'temp'", "'tempo'"]),
        (lambda d: d["columns"].update(label="gener"), ["'gener'", "'genre'"]),
        (lambda d: d["features"].update(artist="number"), ["artist"]),
        (lambda d: d.update(tabel="x"), ["'tabel'", "'table'"]),
        (lambda d: d.update(audio={"seconds": 3}), ["audio", "table"]),
    ],
    ids=["role", "feature", "label", "kind", "key", "audio"],
)
def test_a_wrong_description_of_a_table_is_told(table, change, words):
    table.edit_config(change, "config/datasets/songs.yaml")
    printed = table.run(ok=False)
    assert "Traceback" not in printed
    for word in ["songs", *words]:
        assert word in printed


def test_one_class_only_is_told(table):
    write_songs(table, [row for row in songs() if row[2] == "folk"])
    printed = table.run(ok=False)
    assert "only the class 'folk'" in printed and "Traceback" not in printed


def test_a_missing_table_says_what_to_put_where(table):
    (table / FILE).unlink()
    printed = table.run(ok=False)
    assert "data/songs/songs.csv" in printed and "Traceback" not in printed
