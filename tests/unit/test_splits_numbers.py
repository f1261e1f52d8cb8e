"""Splits for regression: labels do not matter, numbers do."""

import logging

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sklearn.model_selection import GroupShuffleSplit, KFold, train_test_split
from test_splits import BAD, corpus
from test_tracks import by_id, table_of

from genreflow.errors import GenreflowError
from genreflow.protocol import UNLABELLED
from genreflow.splits import make_split
from genreflow.splits.describe import describe_split

SIDES = ["train", "validation", "test"]
METHODS = [
    {"method": "fixed", "test": 0.3, "validation": 0.2, "seed": 3},
    {"method": "fixed", "test": 0.3, "group": "track", "seed": 3},
    {"method": "group", "test": 0.3, "validation": 0.2, "repeats": 2, "seed": 1},
    {"method": "kfold", "folds": 3, "validation": 0.2, "repeats": 2},
    {"method": "group_kfold", "folds": 3, "validation": 0.2, "repeats": 2},
    {"method": "given", "list": "mine"},
    {"method": "published", "test": 0.3, "repeats": 2},
]


def numbered(rows: list[dict]) -> list[dict]:
    """The same rows, each with two numbers."""
    return [
        {"target_tempo": 60.0 + n, "target_energy": 1 / (1 + n), **row}
        for n, row in enumerate(rows)
    ]


def split_of(rows: list[dict], config: dict, **keywords) -> pl.DataFrame:
    asked = {"task": "regression", "targets": ["tempo"]} | config
    return make_split(table_of(rows), asked, **({"min_seconds": 3.0} | keywords))


def test_methods_are_all_tried():
    assert {config["method"] for config in METHODS} == set(UNLABELLED)


@pytest.mark.parametrize("config", METHODS, ids=lambda s: s["method"])
def test_a_split_states_names_and_numbers_of_every_track(config):
    rows = numbered(corpus() + BAD)
    split = split_of(rows, config | {"targets": ["tempo", "energy"]})
    assert split.columns == ["track_id", "repeat", "fold", "part", "reason", "labels", "values"]
    assert split.schema["values"] == pl.List(pl.Float64)
    assert split["labels"].to_list() == [["tempo", "energy"]] * len(split)
    known = {row["track_id"]: [row["target_tempo"], row["target_energy"]] for row in rows}
    assert split["values"].to_list() == [known[track] for track in split["track_id"]]
    turned = split_of(rows, config | {"targets": ["energy", "tempo"]})
    assert_frame_equal(turned.drop("labels", "values"), split.drop("labels", "values"))
    assert turned["values"].to_list() == [known[track][::-1] for track in turned["track_id"]]


@pytest.mark.parametrize("config", METHODS, ids=lambda s: s["method"])
def test_tracks_are_left_out_for_what_they_lack_and_never_for_a_label(config):
    lacking = [
        {"track_id": "y/one", "target_tempo": None, "given_mine": "train"},
        {"track_id": "y/both", "target_tempo": None, "target_energy": None},
        {"track_id": "y/unneeded", "labels": ["a"], "target_other": None, "given_mine": "test"},
    ]
    rows = numbered(corpus("ab") + BAD + lacking)
    split = split_of(rows, config | {"targets": ["tempo", "energy"]}).filter(repeat=0, fold=0)
    reasons, values = by_id(split, "reason"), by_id(split, "values")
    out = {
        "y/both": "no value of tempo, energy",
        "y/one": "no value of tempo",
        "z/broken": "empty file",
        "z/gone": "named in the table, but not in the folder",
        "z/short": "2.999 s, shorter than the 3.0 s that the feature sets need",
    }
    copies = {"z/copy": "same recording as a/0-0", "z/two": "same recording as z/one"}
    found = {track: reason for track, reason in reasons.items() if reason}
    assert found == out | ({} if config["method"] == "published" else copies)
    assert set(split.filter(track_id="z/copy")["part"]) <= {"duplicate", *SIDES}
    assert values["y/one"] == [None, 1 / 57] and values["y/both"] == [None, None]
    parts = by_id(split, "part")
    assert {parts[t] for t in ("z/several", "z/unlabelled", "z/one", "y/unneeded")} <= set(SIDES)


@pytest.mark.parametrize("config", METHODS, ids=lambda s: s["method"])
def test_labels_do_not_change_a_split_of_numbers(config):
    rows = numbered(corpus() + BAD)
    other = [row | {"labels": None if n % 2 else ["x"]} for n, row in enumerate(rows)]
    assert_frame_equal(split_of(rows, config), split_of(other, config))


@pytest.mark.parametrize("config", METHODS, ids=lambda s: s["method"])
def test_the_order_of_the_rows_does_not_matter(config):
    rows = numbered(corpus() + BAD)
    assert_frame_equal(split_of(rows, config), split_of(rows[::-1], config))


def test_the_copy_that_counts_has_the_number_that_is_taken(caplog):
    copies = [
        {"track_id": "0", "digest": "x", "target_tempo": None},
        {"track_id": "1", "digest": "x", "target_tempo": 100.0},
        {"track_id": "2", "digest": "x", "target_tempo": 200.0},
        {"track_id": "3", "digest": "y", "target_tempo": 90.0},
        {"track_id": "4", "digest": "y", "target_tempo": 90.0},
    ]
    with caplog.at_level(logging.WARNING, "genreflow"):
        split = split_of(numbered(corpus()) + copies, {"method": "kfold"}).filter(fold=0)
    parts, values = by_id(split, "part"), by_id(split, "values")
    assert parts["0"] == "excluded" and parts["2"] == parts["4"] == "duplicate"
    assert parts["1"] in SIDES and values["1"] == [100.0]
    (line,) = caplog.messages
    assert line.startswith("1 recordings have copies with other numbers")


@pytest.mark.parametrize("seed", [0, 5])
def test_numbers_are_divided_as_scikit_learn_divides_their_tracks(seed):
    rows = numbered(corpus("ab", artists=20))
    tracks = sorted(row["track_id"] for row in rows)

    def drawn(split: pl.DataFrame, part: str, **fold: int) -> list[str]:
        return split.filter(part=part, **fold)["track_id"].to_list()

    folds = split_of(rows, {"method": "kfold", "folds": 4, "seed": seed})
    for fold, (_, test) in enumerate(KFold(4, shuffle=True, random_state=seed).split(tracks)):
        assert drawn(folds, "test", fold=fold) == [tracks[i] for i in test]
    published = split_of(rows, {"method": "published", "test": 0.25, "seed": seed})
    _, test = train_test_split(tracks, test_size=0.25, random_state=seed)
    assert drawn(published, "test") == sorted(test)
    grouped = split_of(rows, {"method": "group", "test": 0.25, "seed": seed})
    artists = [track.split("-")[0].replace("/", " artist ") for track in tracks]
    _, test = next(
        GroupShuffleSplit(1, test_size=0.25, random_state=seed).split(tracks, groups=artists)
    )
    assert drawn(grouped, "test") == [tracks[i] for i in sorted(test)]


@given(
    config=st.fixed_dictionaries(
        {
            "method": st.sampled_from(["kfold", "group_kfold"]),
            "folds": st.integers(2, 5),
            "validation": st.sampled_from([0.0, 0.2]),
            "repeats": st.integers(1, 2),
            "seed": st.integers(0, 1000),
        }
    ),
    draw=st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None)
def test_every_track_is_tested_once_and_no_recording_or_group_is_parted(config, draw):
    rows = numbered(corpus("ab", artists=10, tracks=2))
    for n in range(draw.randrange(8)):
        original = draw.choice(rows[:40])
        artist = draw.choice([original["artist"], "a artist 0", None])
        copy = {"digest": original["track_id"], "artist": artist, "target_tempo": float(n)}
        rows.append({"track_id": f"{draw.choice('0z')}{n}", **copy})
    tracks = table_of(rows)
    split = split_of(rows, config)
    folds = describe_split(tracks, split)["folds"]
    assert folds["shared_recordings"].sum() == 0
    assert folds.select(*SIDES).sum_horizontal().unique().to_list() == [40]
    once = split.filter(part="test").group_by("repeat", "track_id").len()
    assert once["len"].unique().to_list() == [1] and len(once) == 40 * config["repeats"]
    assert folds["train"].min() > 0 and folds["test"].min() > 0
    assert (folds["validation"] > 0).all() == (config["validation"] > 0)
    if config["method"] == "group_kfold":
        assert folds["shared_artists"].sum() == 0


def test_describe_counts_the_tracks_of_each_part():
    rows = numbered(corpus() + BAD)
    split = split_of(rows, {"method": "kfold", "folds": 3, "targets": ["tempo", "energy"]})
    described = describe_split(table_of(rows), split)
    counts = described["labels"].filter(repeat=0, fold=1)
    assert counts["label"].to_list() == [None] * 4 and counts.schema["label"] == pl.String
    assert dict(counts.select("part", "tracks").iter_rows()) == {
        **{"duplicate": 2, "excluded": 3, "test": 25, "train": 50}
    }
    assert described["folds"]["excluded"].to_list() == [3, 3, 3]


@pytest.mark.parametrize(
    ("rows", "config", "words"),
    [
        (corpus(), {"targets": ["tmpo"]}, ["'tmpo'", "did you mean 'tempo'"]),
        (corpus()[:1], {}, ["only one track can be used", "1 of 1 tracks count"]),
        (BAD[:1], {}, ["no track can be used", "0 of 1 tracks count (1 empty file)"]),
        (corpus()[:4], {}, ["5 folds need 5 recordings, there are 4", "4 of 4 tracks count"]),
        (corpus(), {"method": "group_kfold", "folds": 30}, ["30 artists, there are 24"]),
        (corpus(artists=1)[:3], {"method": "group"}, ["cannot divide", "3 of 3 tracks count"]),
        (
            corpus(artists=1)[:3],
            {"method": "fixed", "group": "artist"},
            ["at least 2 artists, there are 1", "3 of 3 tracks count"],
        ),
        (corpus(), {"method": "kfold", "validation": 0.9}, ["'kfold' cannot divide"]),
        (
            corpus(),
            {"method": "group_kfold", "validation": 0.9},
            ["'group_kfold' cannot divide", "72 of 72 tracks count"],
        ),
        (
            [row | {"target_tempo": 120.0} for row in corpus()],
            {"targets": ["energy", "tempo"]},
            ["tempo is 120 for all 72 tracks", "nothing to predict", "targets"],
        ),
        (
            [row | {"target_tempo": None} for row in corpus()],
            {},
            ["no track can be used", "0 of 72 tracks count (72 no value of tempo)"],
        ),
        (
            [row | {"given_mine": "train"} for row in corpus()],
            {"method": "given", "list": "mine"},
            ["leaves parts without a track", "72 train, 0 test", "Complete the list"],
        ),
        (
            corpus(),
            {"method": "fixed", "test": 1e-6},
            ["72 train, 0 test", "No seed up to 300 works; use kfold or group_kfold"],
        ),
    ],
)
def test_what_leaves_nothing_to_learn_is_said(rows, config, words):
    with pytest.raises(GenreflowError) as error:
        split_of(numbered(rows), {"method": "kfold"} | config)
    for word in words:
        assert word in str(error.value)
    assert "class" not in str(error.value)


def test_an_empty_part_names_seeds_that_work():
    rows = numbered(corpus("a", artists=3))
    config = {"method": "fixed", "test": 0.3}
    with pytest.raises(GenreflowError, match="leaves parts without a track") as error:
        for seed in range(20):
            split_of(rows, config | {"seed": seed})
    for seed in str(error.value).split("Seeds that work: ")[1].split(";")[0].split(", "):
        split_of(rows, config | {"seed": int(seed)})


def test_a_validation_part_that_is_empty_in_a_list_is_no_error(caplog):
    rows = numbered(corpus("a", artists=3))
    for n, row in enumerate(rows):
        row["given_mine"] = "test" if n % 2 else "train"
    split = split_of(rows, {"method": "given", "list": "mine"})
    assert set(split["part"]) == {"train", "test"} and not caplog.messages
