"""What a split takes each track's labels to be: chosen, rarest, several, kept, sampled."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_splits import ALL_METHODS, corpus, split_of
from test_tracks import by_id, table_of

from genreflow.errors import GenreflowError
from genreflow.splits import make_split
from genreflow.splits.describe import describe_split

SIDES = ["train", "validation", "test"]
STRATIFIED = {"method": "stratified", "test": 0.3}


def track(name: str, labels: list[str] | None, **keys) -> dict:
    return {"track_id": name, "labels": labels, "given_mine": "train"} | keys


def used(split: pl.DataFrame) -> pl.DataFrame:
    return split.filter(pl.col("part").is_in(SIDES))


def counts_of(split: pl.DataFrame) -> dict[str, int]:
    labels = used(split.filter(repeat=0, fold=0)).explode("labels")["labels"]
    return dict(labels.value_counts().iter_rows())


def test_the_split_says_which_labels_it_gives():
    rows = [
        *corpus("ab"),
        track("z/broken", ["a"], status="quarantined", reason="empty file"),
        track("z/copy", ["a"], digest="a/0-0", artist="a artist 0"),
        track("z/several", ["b", "a"]),
        track("z/twice", ["b", "b"]),
        track("z/unlabelled", None),
    ]
    labels = by_id(split_of(rows, STRATIFIED), "labels")
    assert labels["a/0-0"] == labels["z/broken"] == labels["z/copy"] == ["a"]
    assert sorted(labels["z/several"]) == ["a", "b"]
    assert labels["z/twice"] == ["b"]
    assert labels["z/unlabelled"] is None


def test_only_chosen_labels_count():
    rows = [*corpus("abc"), track("z/both", ["a", "c"]), track("z/none", None)]
    split = split_of(rows, STRATIFIED | {"choose": ["a", "b"]})
    parts, reasons, labels = (by_id(split, name) for name in ("part", "reason", "labels"))
    assert counts_of(split) == {"a": 25, "b": 24}
    assert parts["z/both"] in SIDES and labels["z/both"] == ["a"]
    assert reasons["c/0-0"] == "none of the chosen labels" and labels["c/0-0"] is None
    assert reasons["z/none"] == "no label"


def test_a_recording_that_also_stands_under_a_label_not_chosen_is_no_conflict():
    rows = [*corpus("abc"), track("z/a", ["a"], digest="x"), track("z/c", ["c"], digest="x")]
    assert by_id(split_of(rows, STRATIFIED), "part")["z/a"] == "excluded"
    chosen = split_of(rows, STRATIFIED | {"choose": ["a", "b"]})
    assert by_id(chosen, "part")["z/a"] in SIDES


def test_a_chosen_label_that_no_track_has_is_named_with_the_closest():
    rows = [row | {"labels": [{"a": "rock", "b": "pop"}[row["labels"][0]]]} for row in corpus("ab")]
    with pytest.raises(GenreflowError, match=r"'rokc' is not one.*did you mean 'rock'"):
        split_of(rows, STRATIFIED | {"choose": ["pop", "rokc"]})


def test_a_chosen_label_whose_tracks_cannot_be_used_is_an_error():
    rows = [*corpus("ab"), *(track(f"z{n}", ["a", "c"]) for n in range(5))]
    with pytest.raises(GenreflowError) as error:
        split_of(rows, STRATIFIED | {"choose": ["a", "b", "c"]})
    assert "c: 0 of 5 tracks count (5 several labels)" in str(error.value)
    assert "several: rarest" in str(error.value)
    short = [*corpus("ab"), track("z", ["c"], seconds=1.0)]
    with pytest.raises(GenreflowError, match=r"c: 0 of 1 tracks count \(1 shorter") as error:
        split_of(short, STRATIFIED | {"choose": ["a", "b", "c"]})
    assert "rarest" not in str(error.value)


def test_a_small_class_can_be_left_out_as_the_message_says():
    rows = [*corpus("ab"), track("z", ["rare"])]
    with pytest.raises(GenreflowError, match=r"rare: 1 of 1 tracks count\n.*choose"):
        split_of(rows, STRATIFIED)
    assert counts_of(split_of(rows, STRATIFIED | {"choose": ["a", "b"]})) == {"a": 24, "b": 24}


def test_one_chosen_class_alone_is_said():
    rows = [row | {"seconds": 1.0} if row["labels"] == ["b"] else row for row in corpus("abc")]
    with pytest.raises(GenreflowError, match="b: 0 of 24 tracks count"):
        split_of(rows, STRATIFIED | {"choose": ["a", "b"]})


def test_the_rarest_label_is_taken():
    rows = [
        *corpus("ab"),
        *corpus("c", artists=7),
        track("y/ab", ["b", "a"]),
        track("y/abc", ["a", "c", "b"]),
        track("y/c1", ["c"], status="quarantined", reason="empty"),
        track("y/c2", ["c"], seconds=1.0),
        *(track(f"y/c{n}", ["c"], digest="c/0-0") for n in range(3, 8)),
    ]
    labels = by_id(split_of(rows, STRATIFIED | {"several": "rarest"}), "labels")
    assert labels["y/ab"] == ["a"], "equally many: the first by name"
    assert labels["y/abc"] == ["c"], "copies and what cannot be used do not count"
    with_more = rows + [track(f"x{n}", ["a"]) for n in range(3)]
    labels = by_id(split_of(with_more, STRATIFIED | {"several": "rarest"}), "labels")
    assert labels["y/ab"] == ["b"]


def test_copies_that_get_one_label_are_duplicates_not_a_conflict():
    rows = [
        *corpus("ab"),
        *corpus("c", artists=3),
        track("z/1", ["a", "c"], digest="x"),
        track("z/2", ["c", "b"], digest="x"),
        track("z/3", ["b"], digest="x2"),
        track("z/4", ["b", "c"], digest="x2"),
    ]
    split = split_of(rows, STRATIFIED | {"several": "rarest"})
    parts = by_id(split, "part")
    assert parts["z/1"] in SIDES and parts["z/2"] == "duplicate"
    assert parts["z/3"] == parts["z/4"] == "excluded"


KEEP = [s for s in ALL_METHODS if s["method"] != "published"]


def twins() -> list[dict]:
    """Recordings under two labels, some listed twice under one, some of unknown artists."""
    rows = corpus("abc")
    more = []
    for n, row in enumerate(rows[:60:5]):
        label = "abc"[("abc".index(row["labels"][0]) + 1) % 3]
        row["artist"] = row["artist"] if n % 2 else None
        again = row | {"digest": row["track_id"], "given_mine": row["given_mine"]}
        more.append(again | {"track_id": f"{'0z'[n % 2]}/{n} other", "labels": [label]})
        more.append(again | {"track_id": f"z/{n} same"})
    return rows + more


@pytest.mark.parametrize("config", KEEP, ids=lambda s: s["method"])
def test_recordings_under_two_labels_count_once_under_each_and_are_never_parted(config):
    tracks = table_of(twins())
    split = make_split(tracks, config | {"conflicts": "keep"}, min_seconds=1.0)
    folds = describe_split(tracks, split)["folds"]
    assert folds["duplicate"].unique().to_list() == [12]
    assert folds["shared_recordings"].sum() == 0
    if "group" in config["method"] or config == KEEP[0]:
        assert folds["shared_artists"].sum() == 0
    counts = used(split.filter(repeat=0, fold=0)).join(tracks, on="track_id")
    assert counts.select("digest", pl.col("labels").list.first()).is_duplicated().sum() == 0
    assert len(counts) == 84
    without = make_split(tracks, config, min_seconds=1.0).filter(repeat=0, fold=0)
    assert (without["part"] == "excluded").sum() == 36


def test_published_keeps_all_rows_whatever_conflicts_says():
    config = {"method": "published", "test": 0.3}
    one, two = (split_of(twins(), config | {"conflicts": c}) for c in ("keep", "exclude"))
    assert by_id(one, "part") == by_id(two, "part")
    assert set(one["part"]) == {"train", "test"}


def test_a_list_that_parts_a_recording_loses_it():
    rows = [
        *corpus("ab"),
        track("z/1", ["a"], digest="x", given_mine="train"),
        track("z/2", ["b"], digest="x", given_mine="test"),
        track("z/3", ["a"], digest="y", given_mine="validation"),
        track("z/4", ["b"], digest="y", given_mine="train"),
    ]
    config = {"method": "given", "list": "mine", "conflicts": "keep"}
    reasons = by_id(split_of(rows, config), "reason")
    assert reasons["z/1"] == "same recording as z/2, which the list puts on another side"
    assert reasons["z/4"] == "same recording as z/3, which the list puts on another side"
    merged = by_id(split_of(rows, config | {"merge_validation": True}), "part")
    assert merged["z/1"] == "excluded" and merged["z/3"] == merged["z/4"] == "train"


def test_a_class_with_too_few_recordings_is_named():
    rows = [*corpus("ab"), track("z", ["c"], digest="a/0-0", artist="a artist 0")]
    for method, unit in (
        ("stratified", "recordings"),
        ("stratified_kfold", "recordings"),
        ("stratified_group_kfold", "artists"),
    ):
        with pytest.raises(GenreflowError, match=rf"\d {unit} of every class:\n  c: 1 of 1"):
            split_of(rows, {"method": method, "conflicts": "keep"})


@pytest.mark.parametrize("config", ALL_METHODS, ids=lambda s: s["method"])
def test_with_several_labels_copies_are_one_track_with_all_of_them(config):
    rows = [
        *corpus(),
        track("z/1", ["a", "b"], digest="x"),
        track("z/2", ["c"], digest="x"),
        track("z/3", None, digest="y"),
        track("z/4", ["b"], digest="y"),
    ]
    split = split_of(rows, config | {"task": "multi_label"}).filter(repeat=0, fold=0)
    parts, labels = by_id(split, "part"), by_id(split, "labels")
    assert labels["z/1"] == labels["z/2"] == ["a", "b", "c"] and labels["z/3"] == ["b"]
    assert parts["z/1"] in SIDES and parts["z/3"] in SIDES
    if config["method"] != "published":
        assert parts["z/2"] == parts["z/4"] == "duplicate"
    chosen = split_of(rows, config | {"task": "multi_label", "choose": ["a", "b"]})
    assert by_id(chosen, "labels")["z/2"] == ["a", "b"]
    assert by_id(chosen, "reason")["c/0-0"] == "none of the chosen labels"


@pytest.mark.parametrize(
    "config",
    [
        {"method": "stratified", "validation": 0.2},
        {"method": "group", "validation": 0.2},
        {"method": "fixed", "validation": 0.2, "seed": 1},
        {"method": "given", "list": "mine"},
    ],
    ids=lambda s: s["method"],
)
def test_with_several_labels_one_is_needed_for_training_alone(config, caplog):
    rows = [*corpus(), track("z", ["a", "rare"], artist="b artist 0")]
    tasked = config | {"task": "multi_label"}
    for seed in range(10):
        seeded = tasked | ({"seed": seed} if config["method"] != "given" else {})
        caplog.clear()
        try:
            split = split_of(rows, seeded)
            break
        except GenreflowError as error:
            assert "rare: 0 train" in str(error)
    assert by_id(split.filter(repeat=0, fold=0), "part")["z"] in ("train", "test")
    assert any("no track of rare in test" in line for line in caplog.messages)


@pytest.mark.parametrize("method", ["stratified_kfold", "stratified_group_kfold"])
def test_what_is_tested_once_needs_another_to_train_on(method):
    rows = [*corpus(), track("z/1", ["a", "rare"]), track("z/2", ["b", "scarce"])]
    rows.append(track("z/3", ["a", "scarce"]))
    with pytest.raises(GenreflowError, match=r"at least 2 .* of every class:\n  rare: 1") as error:
        split_of(rows, {"method": method, "task": "multi_label"})
    assert "scarce" not in str(error.value) and "fewer folds" not in str(error.value)
    split_of(rows[:-3] + rows[-2:], {"method": method, "task": "multi_label"})


SAMPLED = [s for s in ALL_METHODS if s["method"] != "fixed"]


@pytest.mark.parametrize("config", SAMPLED, ids=lambda s: s["method"])
def test_a_sample_has_so_many_tracks_of_each_label(config):
    rows = corpus("abc") + corpus("d", artists=6)
    split = split_of(rows, config | {"sample": 20})
    assert counts_of(split) == {"a": 20, "b": 20, "c": 20, "d": 18}
    out = split.filter(repeat=0, fold=0, part="excluded")
    assert out["reason"].to_list() == ["not in the sample"] * 12
    assert counts_of(split_of(rows, config | {"sample": "smallest"})) == dict.fromkeys("abcd", 18)


def test_a_sample_depends_on_seed_and_recording_alone():
    rows = corpus(artists=20)
    config = STRATIFIED | {"sample": 30, "seed": 4}
    first = set(used(split_of(rows, config))["track_id"])
    turned = [row | {"artist": None, "digest": row["track_id"]} for row in rows[::-1]]
    turned = [row | {"track_id": f"moved/{row['track_id']}"} for row in turned]
    assert set(used(split_of(turned, config))["track_id"]) == {f"moved/{name}" for name in first}
    assert set(used(split_of(rows, config | {"seed": 5}))["track_id"]) != first
    fewer = [row for n, row in enumerate(rows) if n % 7]
    stayed = set(used(split_of(fewer, config))["track_id"])
    assert stayed >= first & {row["track_id"] for row in fewer}


@given(seed=st.integers(0, 100), most=st.integers(10, 60), keep=st.booleans())
@settings(max_examples=20, deadline=None)
def test_no_label_has_more_tracks_than_the_sample_says(seed, most, keep):
    rows = twins() + [track(f"z/m{n}", list("ab"[: 1 + n % 2] + "c")) for n in range(20)]
    view = {"conflicts": "keep"} if keep else {"task": "multi_label"}
    split = split_of(rows, STRATIFIED | view | {"sample": most, "seed": seed})
    assert max(counts_of(split).values()) <= most


def test_a_sample_does_not_lean_to_one_side_of_a_fixed_split():
    rows = corpus("ab", artists=400, tracks=1)
    split = split_of(rows, {"method": "fixed", "test": 0.3, "group": "track", "sample": 200})
    assert (used(split)["part"] == "test").mean() == pytest.approx(0.3, abs=0.1)


def test_seeds_that_are_said_to_work_do_with_the_sample():
    rows, config = corpus(artists=4), {"method": "group", "test": 0.3, "sample": 6}
    with pytest.raises(GenreflowError, match="Seeds that work") as error:
        for seed in range(50):
            split_of(rows, config | {"seed": seed})
    for seed in str(error.value).split("Seeds that work: ")[1].split(";")[0].split(", "):
        split_of(rows, config | {"seed": int(seed)})
