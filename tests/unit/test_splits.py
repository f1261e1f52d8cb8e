"""Who counts in a split, the shape of the result, and the errors."""

import inspect
import logging

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from test_tracks import by_id, table_of

import split as script
from genreflow.errors import GenreflowError
from genreflow.protocol import SPLIT_KEYS, VIEW_KEYS
from genreflow.schema import SHIPPED, read_yaml
from genreflow.splits import BALANCED, METHODS, VIEW, make_split
from genreflow.splits.describe import describe_split
from genreflow.splits.eligible import find_eligible

ALL_METHODS = [
    {"method": "fixed", "test": 0.3, "validation": 0.2, "seed": 3},
    {"method": "fixed", "test": 0.3, "group": "track", "seed": 3},
    {"method": "stratified", "test": 0.3, "validation": 0.2, "repeats": 2},
    {"method": "stratified_kfold", "folds": 3, "validation": 0.2, "repeats": 2},
    {"method": "group", "test": 0.3, "validation": 0.2, "repeats": 2, "seed": 1},
    {"method": "stratified_group_kfold", "folds": 3, "validation": 0.2, "repeats": 2},
    {"method": "kfold", "folds": 3, "validation": 0.2, "repeats": 2},
    {"method": "group_kfold", "folds": 3, "validation": 0.2, "repeats": 2, "seed": 1},
    {"method": "given", "list": "mine"},
    {"method": "published", "test": 0.3, "stratify": True},
]


def corpus(labels="abc", artists=8, tracks=3) -> list[dict]:
    return [
        {
            "track_id": f"{label}/{artist}-{n}",
            "labels": [label],
            "artist": f"{label} artist {artist}",
            "given_mine": ("test", "train", "validation", "train")[(artist + n) % 4],
        }
        for label in labels
        for artist in range(artists)
        for n in range(tracks)
    ]


BAD = [
    {"track_id": "z/broken", "labels": ["a"], "status": "quarantined", "reason": "empty file"},
    {"track_id": "z/copy", "labels": ["a"], "digest": "a/0-0", "artist": "a artist 0"},
    {"track_id": "z/gone", "labels": ["b"], "batch": None},
    {"track_id": "z/one", "labels": ["a"], "digest": "conflict"},
    {"track_id": "z/several", "labels": ["a", "b"]},
    {"track_id": "z/short", "labels": ["c"], "seconds": 2.99999},
    {"track_id": "z/two", "labels": ["b"], "digest": "conflict"},
    {"track_id": "z/unlabelled"},
]
BAD = [{"given_mine": "train", **row} for row in BAD]


def split_of(rows: list[dict], settings: dict, **keywords) -> pl.DataFrame:
    return make_split(table_of(rows), settings, **({"min_seconds": 3.0} | keywords))


@pytest.mark.parametrize("settings", ALL_METHODS, ids=lambda s: s["method"])
def test_every_track_stands_in_every_fold_with_its_reason(settings):
    rows = corpus() + BAD
    split = split_of(rows, settings)
    assert split.columns == ["track_id", "repeat", "fold", "part", "reason", "labels"]
    assert split.schema["repeat"] == split.schema["fold"] == pl.Int32
    assert_frame_equal(split, split.sort("repeat", "fold", "track_id"))
    repeats, folds = settings.get("repeats", 1), settings.get("folds", 1)
    assert split.select("repeat", "fold").unique().sort("repeat", "fold").rows() == [
        (r, f) for r in range(repeats) for f in range(folds)
    ]
    published = settings["method"] == "published"
    for _, fold in split.group_by("repeat", "fold"):
        assert sorted(fold["track_id"]) == sorted(row["track_id"] for row in rows)
        sides = pl.col("part").is_in(["train", "validation", "test"])
        assert fold.filter(sides)["reason"].null_count() == fold.filter(sides).height
        out = {row["track_id"]: (row["part"], row["reason"]) for row in fold.rows(named=True)}
        expected = {
            "z/broken": ("excluded", "empty file"),
            "z/copy": ("duplicate", "same recording as a/0-0"),
            "z/gone": ("excluded", "named in the table, but not in the folder"),
            "z/one": ("excluded", "same recording as z/two, which is labelled b"),
            "z/several": ("excluded", "several labels: a, b"),
            "z/short": ("excluded", "2.999 s, shorter than the 3.0 s that the feature sets need"),
            "z/two": ("excluded", "same recording as z/one, which is labelled a"),
            "z/unlabelled": ("excluded", "no label"),
        }
        if published:
            for name in ("z/copy", "z/one", "z/two"):
                del expected[name]
        assert {k: v for k, v in out.items() if v[1] is not None} == expected


@pytest.mark.parametrize("settings", ALL_METHODS, ids=lambda s: s["method"])
def test_the_order_of_the_rows_does_not_matter(settings):
    tracks = table_of(corpus() + BAD)
    expected = make_split(tracks, settings, min_seconds=3.0)
    for seed in range(3):
        shuffled = tracks.sample(fraction=1, shuffle=True, seed=seed)
        assert_frame_equal(make_split(shuffled, settings, min_seconds=3.0), expected)


def test_several_labels_count_where_the_task_wants_them():
    rows = [*corpus(), {"track_id": "z", "labels": ["a", "b"]}]
    split = split_of(rows, {"method": "published", "task": "multi_label"})
    assert by_id(split, "part")["z"] in ("train", "test")


def test_defaults_and_keys_are_those_of_the_schema():
    schema = read_yaml(SHIPPED / "workflow" / "schemas" / "study.schema.yaml")
    split = schema["properties"]["splits"]["additionalProperties"]["properties"]
    assert sorted(METHODS) == sorted(SPLIT_KEYS)
    assert sorted([*METHODS, "clusters"]) == sorted(split["method"]["enum"])
    assert sorted(VIEW_KEYS) == sorted(("dataset", "sample", *VIEW))
    view = inspect.signature(find_eligible).parameters
    for key in VIEW:
        assert view[key].default == split[key].get("default", view[key].default), key
    for name, method in [*METHODS.items(), *BALANCED.items()]:
        keys = dict(list(inspect.signature(method).parameters.items())[1:])
        assert sorted(keys) == sorted(SPLIT_KEYS[name]), name
        for key, parameter in keys.items():
            if key != "list":
                assert parameter.default == split[key]["default"], (name, key)


def test_a_dataset_key_is_passed_over():
    rows = corpus()
    settings = {"method": "stratified", "seed": 3}
    assert_frame_equal(split_of(rows, settings), split_of(rows, settings | {"dataset": "demo"}))


@pytest.mark.parametrize(
    ("settings", "needs"),
    [
        ({"method": "stratified"}, "at least 2 tracks"),
        ({"method": "stratified", "validation": 0.2}, "at least 3 tracks"),
        ({"method": "stratified_kfold", "folds": 4}, "at least 4 tracks"),
        ({"method": "group"}, "at least 2 artists"),
        ({"method": "stratified_group_kfold", "validation": 0.1}, "at least 3 artists"),
        ({"method": "kfold"}, "at least 2 recordings"),
        ({"method": "group_kfold", "validation": 0.1}, "at least 3 artists"),
        ({"method": "fixed"}, "at least 2 artists"),
        ({"method": "fixed", "group": "track"}, "at least 2 recordings"),
        ({"method": "published", "stratify": True}, "at least 2 tracks"),
    ],
)
def test_a_class_that_is_too_small_is_named_with_what_it_lost(settings, needs):
    rare = [
        {"track_id": "r/0", "labels": ["rare"], "artist": "X"},
        {"track_id": "r/1", "labels": ["rare"], "seconds": 0.5},
        {"track_id": "r/2", "labels": ["rare"], "status": "quarantined", "reason": "truncated"},
        {"track_id": "r/3", "labels": ["rare"], "status": "quarantined", "reason": "truncated"},
    ]
    with pytest.raises(GenreflowError) as error:
        split_of(corpus() + rare, settings)
    message = str(error.value)
    assert needs in message and settings["method"] in message
    assert "rare: 1 of 4 tracks count" in message
    assert "2 truncated; 1 shorter than the 3.0 s that the feature sets need" in message
    assert "  a:" not in message


def test_a_class_of_which_nothing_is_left_is_an_error():
    lost = {"track_id": "r", "labels": ["rare"], "status": "quarantined", "reason": "empty"}
    with pytest.raises(GenreflowError, match=r"rare: 0 of 1 tracks count \(1 empty\)"):
        split_of([*corpus(), lost], {"method": "stratified"})


def test_one_class_alone_cannot_be_told_from_others():
    with pytest.raises(GenreflowError, match="only the class 'a' has tracks"):
        split_of(corpus("a"), {"method": "stratified"})
    quarantined = [row | {"status": "quarantined", "reason": "silent"} for row in corpus("ab")]
    with pytest.raises(GenreflowError, match=r"no class has tracks.*\n  48 tracks: silent"):
        split_of(quarantined, {"method": "stratified"})


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "fixed", "test": 0.3, "validation": 0.2},
        {"method": "group", "test": 0.3, "validation": 0.2},
    ],
    ids=lambda s: s["method"],
)
def test_an_empty_cell_names_seeds_that_work(settings):
    rows = [*corpus(artists=4), BAD[0]]
    with pytest.raises(GenreflowError) as error:
        for seed in range(20):
            split_of(rows, settings | {"seed": seed})
    message = str(error.value)
    assert "0 test" in message or "0 validation" in message
    seeds = message.split("Seeds that work: ")[1].split(";")[0].split(", ")
    assert len(seeds) == 3
    for seed in seeds:
        split_of(rows, settings | {"seed": int(seed)})


def test_it_is_said_when_no_seed_works():
    with pytest.raises(GenreflowError, match=r"No seed up to 300 works; use stratified or"):
        split_of(corpus(), {"method": "fixed", "test": 1e-6})


def test_an_impossible_share_is_the_users_error():
    with pytest.raises(GenreflowError, match="'stratified' cannot divide"):
        split_of(corpus(), {"method": "stratified", "test": 0.01})
    with pytest.raises(GenreflowError, match="30 folds need 30 artists, there are 24"):
        split_of(corpus(), {"method": "stratified_group_kfold", "folds": 30})
    with pytest.raises(GenreflowError, match="validation part would be larger"):
        split_of(corpus(), {"method": "stratified_group_kfold", "validation": 0.7})


def test_folds_that_lack_a_class_are_logged(caplog):
    rows = corpus("ab") + corpus("c", artists=2)
    with caplog.at_level(logging.WARNING, "genreflow"):
        split_of(rows, {"method": "stratified_group_kfold", "folds": 4})
    assert sum("no track of c in test" in line for line in caplog.messages) == 2


def test_describe_counts_parts_artists_and_leaks():
    rows = [
        {"track_id": "a1", "labels": ["a"], "artist": "X", "given_l": "train"},
        {"track_id": "a2", "labels": ["a"], "artist": "x ", "given_l": "test"},
        {"track_id": "a3", "labels": ["a"], "given_l": "test"},
        {"track_id": "b1", "labels": ["b"], "artist": "Y", "given_l": "train"},
        {"track_id": "b2", "labels": ["b"], "artist": "Z", "given_l": "test"},
        {"track_id": "b3", "labels": ["b"], "artist": "Z", "digest": "b2", "given_l": "train"},
        {"track_id": "b4", "labels": ["b"], "artist": "Y"},
    ]
    described = describe_split(table_of(rows), split_of(rows, {"method": "given", "list": "l"}))
    assert described["folds"].rows(named=True) == [
        {
            **{"repeat": 0, "fold": 0, "train": 2, "validation": 0, "test": 3, "duplicate": 1},
            **{"excluded": 1, "artists": 3, "unknown_artists": 1, "shared_artists": 1},
            **{"shared_tracks": 1, "shared_recordings": 0},
        }
    ]
    assert described["labels"].drop("repeat", "fold").rows() == [
        ("a", "test", 2, 1, 1),
        ("a", "train", 1, 1, 0),
        ("b", "duplicate", 1, 1, 0),
        ("b", "excluded", 1, 1, 0),
        ("b", "test", 1, 1, 0),
        ("b", "train", 1, 1, 0),
    ]


def test_the_script_writes_the_split(tmp_path):
    tracks, settings = table_of(corpus()), {"method": "stratified"}
    tracks.write_parquet(tmp_path / "tracks.parquet")
    paths = str(tmp_path / "tracks.parquet"), str(tmp_path / "split.parquet")
    script.split(paths[0], settings, 3.0, paths[1])
    expected = make_split(tracks, settings, min_seconds=3.0)
    assert_frame_equal(pl.read_parquet(paths[1]), expected)
