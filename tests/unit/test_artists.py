"""Artists: how their names are compared, and who is kept on one side."""

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_splits import corpus
from test_tracks import table_of

from genreflow.artists import artist_key, split_groups
from genreflow.splits import make_split


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("John  Lee Hooker ", "john lee hooker"),
        ("JOHN LEE HOOKER", "john lee hooker"),
        ("Beyonce\u0301", "beyonc\u00e9"),
        ("\uff21\uff22\uff22\uff21", "abba"),
        ("Die \u00c4rzte", "die \u00e4rzte"),
        ("Stra\u00dfe", "strasse"),
        (" \t", None),
        (None, None),
    ],
)
def test_artist_names_are_compared_in_one_spelling(name, key):
    assert artist_key(name) == key


def groups_of(rows: list[dict], parts: Mapping[str, str] = MappingProxyType({})) -> dict:
    """Groups of tracks that train, where `parts` does not say otherwise."""
    tracks = table_of(rows)
    split = tracks.select(
        "track_id",
        repeat=pl.lit(0, pl.Int32),
        fold=pl.lit(0, pl.Int32),
        part=pl.col("track_id").replace_strict(parts, default="train", return_dtype=pl.String),
    )
    return dict(split_groups(tracks, split).iter_rows())


def test_artists_are_told_apart_but_not_by_case_or_spaces():
    names = ["The  Band", "the band ", None, "", "Straße", "STRASSE"]
    found = groups_of([{"track_id": t, "artist": n} for t, n in zip("abcdef", names, strict=True)])
    assert found["a"] == found["b"] and found["e"] == found["f"]
    assert len(set(found.values())) == 4


def test_an_unknown_artist_is_not_the_artist_of_that_name():
    found = groups_of([{"track_id": "x"}, {"track_id": "y", "artist": "x"}])
    assert found["x"] != found["y"]


def test_copies_tell_the_artist_and_join_artists():
    rows = [
        {"track_id": "a", "digest": "1"},
        {"track_id": "b", "digest": "1", "artist": "Ann"},
        {"track_id": "c", "artist": "Ann"},
        {"track_id": "d", "digest": "2", "artist": "Ben"},
        {"track_id": "e", "digest": "2", "artist": "Cay"},
        {"track_id": "f", "artist": "cay"},
        {"track_id": "g", "digest": "3", "artist": "Dee"},
        {"track_id": "h", "digest": "3", "artist": "Eve"},
        {"track_id": "i", "artist": "Eve"},
    ]
    found = groups_of(rows, {"b": "duplicate", "e": "duplicate", "h": "excluded"})
    assert sorted(found) == ["a", "c", "d", "f", "g", "i"]
    assert found["a"] == found["c"]
    assert found["d"] == found["f"]
    assert found["g"] != found["i"], "an excluded track joins nobody"
    assert len(set(found.values())) == 4


METHODS = [
    {"method": "fixed", "test": 0.4},
    {"method": "group", "test": 0.4, "repeats": 2},
    {"method": "stratified_group_kfold", "folds": 3},
]


@pytest.mark.parametrize("settings_of", METHODS, ids=lambda s: s["method"])
@settings(max_examples=15, deadline=None)
@given(draw=st.data())
def test_groups_are_those_that_a_split_keeps_together(settings_of, draw):
    rows = corpus("ab", artists=14, tracks=2)
    digests = st.sampled_from([row["track_id"] for row in rows])
    for row in draw.draw(st.lists(st.sampled_from(rows), max_size=6, unique_by=id)):
        row["digest"] = draw.draw(digests)
    for row in draw.draw(st.lists(st.sampled_from(rows), max_size=6, unique_by=id)):
        row["artist"] = None
    tracks = table_of(rows)
    split = make_split(tracks, settings_of, min_seconds=1.0)
    groups = split_groups(tracks, split)
    used = split.filter(pl.col("part").is_in(["train", "validation", "test"]))
    assert set(groups["track_id"]) == set(used["track_id"])
    sides = used.join(groups, on="track_id").group_by("repeat", "fold", "group")
    assert sides.agg(pl.col("part").n_unique())["part"].max() == 1


def test_groups_do_not_depend_on_the_order_of_the_rows():
    rows = [
        {"track_id": f"{i:02d}", "digest": f"{i % 11}", "artist": [None, "A", "b", " "][i % 4]}
        for i in range(30)
    ]
    parts = {row["track_id"]: "duplicate" for row in rows[11:]}
    assert groups_of(rows, parts) == groups_of(rows[::-1], parts)


def test_copies_of_unknown_artists_are_one_group_where_each_counts():
    rows = [
        {"track_id": "a", "digest": "1"},
        {"track_id": "b", "digest": "1"},
        {"track_id": "c", "digest": "2"},
        {"track_id": "d", "digest": "3"},
        {"track_id": "e", "digest": "3", "artist": "Ann"},
        {"track_id": "f", "digest": "3"},
    ]
    found = groups_of(rows)
    assert found["a"] == found["b"] != found["c"]
    assert found["d"] == found["e"] == found["f"] == "artist ann"
