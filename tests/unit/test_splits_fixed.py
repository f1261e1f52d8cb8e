"""The fixed split: no track ever changes sides."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_splits import corpus, split_of
from test_tracks import by_id, table_of

from genreflow.splits import make_split

SIDES = {"train", "validation", "test"}
FIXED = {"method": "fixed", "test": 0.3, "validation": 0.2, "seed": 3}


def universe() -> list[dict]:
    """Tracks with copies under the same, another and an unknown artist, and another label."""
    draw = random.Random(0)
    extra = []
    for n in range(60):
        label, artist = draw.choice("abc"), draw.randrange(30)
        same = draw.random() < 0.8
        extra.append(
            {
                "track_id": f"{draw.choice('0z')}/{n}",
                "labels": [label if same else draw.choice("abc")],
                "artist": draw.choice([f"{label} ARTIST {artist}", "somebody else", None, None]),
                "digest": f"{label}/{artist}-{draw.randrange(2)}",
            }
        )
    return corpus(artists=30, tracks=2) + extra


@pytest.mark.parametrize("group", ["artist", "track"])
def test_no_track_changes_sides_when_others_come_and_go(group):
    rows, draw = universe(), random.Random(1)
    config = FIXED | {"group": group}
    sides: dict[str, set[str]] = {}
    parts = set()
    for _ in range(100):
        some = draw.sample(rows, draw.randint(len(rows) // 2, len(rows)))
        for track, part in by_id(split_of(some, config), "part").items():
            parts.add(part)
            if part in SIDES:
                sides.setdefault(track, set()).add(part)
    assert parts == SIDES | {"duplicate", "excluded"}
    assert {len(seen) for seen in sides.values()} == {1}


def test_all_at_once_is_the_same_as_in_steps():
    rows = universe()
    random.Random(2).shuffle(rows)
    final = by_id(split_of(rows, FIXED), "part")
    for step in (0.5, 0.8):
        part = by_id(split_of(rows[: int(step * len(rows))], FIXED), "part")
        for track in part:
            if {part[track], final[track]} <= SIDES:
                assert part[track] == final[track]


def test_the_side_does_not_depend_on_label_or_path():
    rows = corpus()
    renamed = [row | {"track_id": f"moved/{row['track_id']}", "digest": "0"} for row in rows]
    renamed = [
        new | {"digest": old["track_id"], "labels": ["c" if old["labels"] == ["a"] else "a"]}
        for old, new in zip(rows, renamed, strict=True)
        if old["labels"] != ["b"]
    ]
    first = by_id(split_of(rows, FIXED), "part")
    second = by_id(split_of(renamed, FIXED), "part")
    assert all(first[track.removeprefix("moved/")] == part for track, part in second.items())


def test_artists_stay_together_and_recordings_with_their_copies():
    tracks = table_of(universe())
    split = make_split(tracks, FIXED, min_seconds=1.0).filter(pl.col("part").is_in(SIDES))
    both = split.join(tracks, on="track_id").with_columns(pl.col("artist").str.to_lowercase())
    for name in ("artist", "digest"):
        known = both.drop_nulls(name).group_by(name).agg(pl.col("part").n_unique())
        assert known["part"].unique().to_list() == [1]


def test_a_copy_that_joins_two_sides_is_excluded():
    rows = corpus()
    parts = by_id(split_of(rows, FIXED), "part")
    inside = next(track for track, part in parts.items() if part == "test")
    outside = next(row for row in rows if parts[row["track_id"]] == "train")
    copy = {"digest": inside, "artist": outside["artist"], "labels": [inside[0]]}
    split = split_of([*rows, {"track_id": "copy"} | copy], FIXED)
    reasons = by_id(split, "reason")
    assert reasons["copy"] == f"same recording as {inside}, whose artist falls on another side"
    assert reasons[inside] == "same recording as copy, whose artist falls on another side"
    assert all(
        part == "excluded" or part == parts[t]
        for t, part in by_id(split, "part").items()
        if t != "copy"
    )


@pytest.mark.parametrize(("test", "validation"), [(0.2, 0.0), (0.3, 0.2), (0.1, 0.4)])
def test_shares_hold_in_expectation(test, validation):
    rows = corpus("ab", artists=2000, tracks=1)
    config = {"method": "fixed", "test": test, "validation": validation}
    parts = split_of(rows, config)["part"]
    for part, share in {"test": test, "validation": validation}.items():
        assert (parts == part).mean() == pytest.approx(share, abs=4 * (0.25 / 4000) ** 0.5)


@given(
    seed=st.integers(0, 50),
    test=st.floats(0.2, 0.4),
    validation=st.floats(0.0, 0.1),
    more=st.floats(0.0, 0.2),
)
@settings(max_examples=25, deadline=None)
def test_a_larger_validation_share_takes_from_training_alone(seed, test, validation, more):
    tracks = table_of(corpus("ab", artists=150, tracks=1))
    config = {"method": "fixed", "seed": seed, "test": test}
    one, two = (
        by_id(make_split(tracks, config | {"validation": v}, min_seconds=1.0), "part")
        for v in (0.1 + validation, 0.1 + validation + more)
    )
    changed = {(one[track], two[track]) for track in one if one[track] != two[track]}
    assert changed <= {("train", "validation")}


def test_the_hash_is_the_documented_one():
    """Sides of published studies must not move with a new version of this program."""
    from hashlib import blake2b

    rows = [
        row | {"artist": row["artist"].upper() if "0" in row["artist"] else None}
        for row in corpus()
    ]
    parts = by_id(split_of(rows, FIXED), "part")
    for row in rows:
        known = row["artist"] and f"artist {row['artist'].lower()}"
        text = f"3 {known or 'recording ' + row['track_id']}"
        place = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
        side = "test" if place < 0.3 else "validation" if place < 0.5 else "train"
        assert parts[row["track_id"]] == side
