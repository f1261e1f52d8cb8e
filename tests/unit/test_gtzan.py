"""GTZAN's lists, against a table made from them by others."""

import hashlib
import shutil

import polars as pl
import pytest
import yaml

from genreflow.catalogue import refresh
from genreflow.config import SHIPPED
from genreflow.datasets import Dataset
from genreflow.datasets.gtzan import read_index
from genreflow.errors import GenreflowError

SETTINGS = yaml.safe_load((SHIPPED / "config/datasets/gtzan.yaml").read_text())
LISTS = [
    "GTZANindex.txt",
    *(f"{p}_{k}.txt" for p in ("train", "valid", "test") for k in ("filtered", "stratified")),
]


def gtzan(root, lists_folder):
    return Dataset.from_config("gtzan", SETTINGS | {"root": str(root)}, lists_folder=lists_folder)


def catalogue(dataset, folder):
    digest = refresh(dataset, folder, batch_size=64).digest
    return pl.read_parquet(folder / "snapshots" / f"{digest}.parquet")


def copy_lists(shared_data, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in LISTS:
        shutil.copyfile(shared_data / "gtzan_index" / name, folder / name)


@pytest.fixture
def oracle(shared_data):
    table = pl.read_csv(shared_data / "tabular" / "gtzan_tracks.csv", infer_schema=False)
    return table.with_columns(
        pl.col("filtered_split").replace({"valid": "validation"}),
        pl.col("artist", "title").replace("", None),
    ).sort("track")


@pytest.mark.parametrize(
    ("inside", "suffix", "lists"),
    [("", "wav", ""), ("genres", "au", "lists"), ("Data/genres_original", "WAV", "prepare")],
)
def test_all_tracks_are_as_others_read_them(tmp_path, shared_data, oracle, inside, suffix, lists):
    root, prepared = tmp_path / "gtzan", tmp_path / "prepare"
    for track, genre in oracle.select("track", "genre").iter_rows():
        path = root / inside / genre / f"{track}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    copy_lists(shared_data, prepared if lists == "prepare" else root / lists)
    dataset = gtzan(root, prepared)
    assert bool(dataset.to_fetch()) == (lists == "prepare")
    found = catalogue(dataset, tmp_path / "catalogue")
    assert found["labels"].list.get(0).to_list() == oracle["genre"].to_list()
    assert found["artist"].to_list() == oracle["artist"].to_list()
    assert found["title"].to_list() == oracle["title"].to_list()
    assert found["given_fault_filtered"].to_list() == oracle["filtered_split"].to_list()
    counts = dict(found["given_stratified"].value_counts().iter_rows())
    assert counts == {"train": 500, "validation": 250, "test": 250}


def test_a_table_in_root_serves_and_nothing_is_fetched(tmp_path, shared_data, oracle):
    dataset = gtzan(shared_data / "gtzan100", tmp_path / "prepare")
    assert dataset.to_fetch() == {}
    found = catalogue(dataset, tmp_path / "catalogue").with_columns(
        track=pl.col("track_id").str.extract(r"([a-z]+\.\d{5})\.\w+$")
    )
    assert len(found) == 100 and found["batch"].null_count() == 0
    both = found.join(oracle, on="track", suffix="_oracle", maintain_order="left")
    assert both["labels"].list.get(0).to_list() == both["genre"].to_list()
    for column in ("artist", "title"):
        assert both[column].to_list() == both[f"{column}_oracle"].to_list()
    assert both["given_fault_filtered"].to_list() == both["filtered_split"].to_list()


def test_the_checksums_are_those_of_the_lists(shared_data):
    for name in LISTS:
        content = (shared_data / "gtzan_index" / name).read_bytes()
        assert SETTINGS["fetch"][name]["sha256"] == hashlib.sha256(content).hexdigest()
    assert sorted(SETTINGS["fetch"]) == sorted(LISTS)


def test_only_the_lists_that_the_user_does_not_give_are_fetched(tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "GTZANindex.txt").touch()
    (tmp_path / "lists" / "train_filtered.txt").touch()
    wanted = set(gtzan(tmp_path, tmp_path / "prepare").to_fetch())
    assert wanted == set(LISTS) - {"GTZANindex.txt", "train_filtered.txt"}


def test_a_missing_list_is_named(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(GenreflowError, match=r"GTZANindex\.txt.*put it at"):
        catalogue(gtzan(tmp_path, None), tmp_path / "catalogue")


def test_a_track_in_two_parts_is_named(tmp_path, shared_data):
    copy_lists(shared_data, tmp_path)
    (tmp_path / "blues.00000.wav").touch()
    with (tmp_path / "test_filtered.txt").open("a") as file:
        file.write("blues/blues.00000.wav\n")
    with pytest.raises(GenreflowError, match=r"test_filtered\.txt, line 291: .*validation list"):
        catalogue(gtzan(tmp_path, None), tmp_path / "catalogue")


def test_a_line_of_another_form_is_named(tmp_path):
    index = tmp_path / "GTZANindex.txt"
    index.write_text("## comment\nblues.00000.wav ::: Ann ::: \n\nblues.00001.wav, Ann\n")
    with pytest.raises(GenreflowError, match="line 4"):
        read_index(index)


def test_without_audio_it_says_where_to_put_it(tmp_path):
    missing = gtzan(tmp_path / "gtzan", None).missing()
    assert str(tmp_path / "gtzan") in missing
    (tmp_path / "gtzan").mkdir()
    assert gtzan(tmp_path / "gtzan", None).missing() is None
