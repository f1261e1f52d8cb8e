"""A table dataset as the workflow sees it: its state, what is missing, and the rule's script."""

import json
from pathlib import Path

import polars as pl
import pytest
from test_datasets_table import ROWS, SETTINGS, Folder

from genreflow.catalogue_table import refresh_table, table_digest
from genreflow.config import Study
from genreflow.errors import GenreflowError
from genreflow.features.store import HEAD
from genreflow.project import HANDED_OVER, Project
from genreflow.schema import check, schema_of
from genreflow.snapshots import newest_snapshot, read_batches
from ingest import ingest

CATALOGUE = Path("results/datasets/mine/catalogue")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, with a dataset in data/mine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HANDED_OVER, "{}")
    mine = Folder(tmp_path / "data/mine")
    mine.root.mkdir(parents=True)
    mine.write(ROWS)
    return mine


def study(accept_loss=False, **datasets) -> Study:
    """A study with a run on a split of each dataset."""
    splits = {name: {"dataset": name} for name in datasets}
    settings = {"splits": splits, "runs": {"knn": {"features": []}}, "features": []}
    return Study(
        settings=settings | {"accept_loss": accept_loss, "batch_size": 9},
        models={"knn": {}},
        datasets={
            name: check(SETTINGS | changes, schema_of("dataset"), name)
            for name, changes in datasets.items()
        },
    )


def project(**how) -> Project:
    return Project(study(**{"mine": {}} | how), main=True)


def test_the_state_of_a_table_is_its_only_batch(here):
    first = project()
    first.refresh()
    snapshot = first.snapshot("mine")
    assert first.dataset("mine").kind == "table"
    assert first.batches("mine", snapshot) == (snapshot,)
    assert snapshot == table_digest(here.dataset()) == newest_snapshot(CATALOGUE)
    files = pl.read_parquet(f"{CATALOGUE}/snapshots/{snapshot}.parquet")
    assert files["file"].to_list() == ["t.csv"]
    # What the main process hands over is all that its jobs read.
    here.write(ROWS + "folk,1,2\n")
    job = Project(study(mine={}), main=False)
    assert job.snapshot("mine") == snapshot


@pytest.mark.parametrize(
    "change",
    [
        {"label": "genre", "artist": "energy"},
        {"label": "genre", "targets": {"pace": "tempo"}},
        {"features": {"*": "min_max"}},
        {"missing": "mean"},
        {"varying": ["energy"]},
    ],
)
def test_other_settings_are_another_state(here, change):
    if "label" in change:
        change = {"columns": change}
    assert project(mine=change).snapshot("mine") != project().snapshot("mine")


def test_a_row_more_is_another_state_and_nothing_new_is_none(here):
    before = project(mine={"title": "one"}).snapshot("mine")
    (here.root / "t.csv").touch()
    assert project(mine={"title": "two"}).snapshot("mine") == before
    here.write(ROWS + "folk,1,2\n")
    after = project().snapshot("mine")
    assert after != before
    assert read_batches(CATALOGUE, before) == (before,)
    here.write(ROWS)
    assert project().snapshot("mine") == before


def test_what_is_missing_is_said_and_its_runs_are_skipped(here):
    there = project(other={"root": "data/other", "table": ["a.csv", "b.parquet"]})
    there.refresh()
    ((pair, reason),) = there.skipped().items()
    assert pair == ("knn", "other")
    assert "data/other/a.csv, data/other/b.parquet" in reason
    assert "config/datasets/other.yaml" in reason
    (here.root / "t.csv").unlink()
    with pytest.raises(GenreflowError, match=r"unmounted"):
        project().refresh()
    lost = project(accept_loss=True)
    with pytest.raises(GenreflowError, match=r"data/mine/t\.csv"):
        lost.refresh()


def test_a_table_that_is_a_folder_is_not_there(here):
    (here.root / "folder.csv").mkdir()
    assert "folder.csv" in project(mine={"table": "folder.csv"}).dataset("mine").missing()


def test_published_lists_belong_to_the_state(here, tmp_path):
    settings = {"lists": "gtzan", "columns": {"label": "genre", "id": "energy"}}
    settings |= {"features": {"tempo": "number"}}
    before = table_digest(here.dataset(**settings))
    (here.root / "lists").mkdir()
    (here.root / "lists/test_filtered.txt").write_text("x/0.5.wav\n")
    assert table_digest(here.dataset(**settings)) != before


def test_lists_that_are_fetched_come_first(here):
    source = {"url": "https://localhost/x", "sha256": "0" * 64}
    fetching = project(mine={"lists": "gtzan", "fetch": {"GTZANindex.txt": source}})
    assert fetching.needs_prepare("mine")
    assert list(fetching.prepare_settings("mine")["fetch"]) == ["GTZANindex.txt"]


def script(here, snapshot, **settings):
    ingest(
        dataset="mine",
        settings=json.loads(json.dumps(SETTINGS | {"root": str(here.root)} | settings)),
        lists_folder="results/datasets/mine/prepare",
        snapshot=snapshot,
        path_to_tracks="tracks.parquet",
        path_to_features="features.parquet",
    )


def test_the_script_writes_tracks_and_features(here, tmp_path):
    snapshot = refresh_table(here.dataset(), tmp_path / "catalogue")
    script(here, snapshot)
    tracks, features = pl.read_parquet("tracks.parquet"), pl.read_parquet("features.parquet")
    assert tracks["batch"].to_list() == [snapshot] * 3
    assert features.columns == [*HEAD, "energy", "tempo"]
    assert features["track_id"].to_list() == tracks["track_id"].to_list()


def test_a_table_that_is_edited_meanwhile_is_not_used(here, tmp_path):
    snapshot = refresh_table(here.dataset(), tmp_path / "catalogue")
    here.write(ROWS + "folk,1,2\n")
    with pytest.raises(GenreflowError, match=r"t\.csv: edited since this run started"):
        script(here, snapshot)
    assert not (tmp_path / "tracks.parquet").exists()
