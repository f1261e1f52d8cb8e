"""The exact splits against scikit-learn's own splitters, and against published lists."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    train_test_split,
)
from test_splits import corpus, split_of
from test_tracks import by_id, table_of

from genreflow.splits import make_split
from genreflow.splits.describe import describe_split

SIDES = ["train", "validation", "test"]


@pytest.fixture(scope="module")
def gtzan(shared_data) -> pl.DataFrame:
    """The 1000 tracks of GTZAN, with its copies and without its audio."""
    listed = pl.read_csv(shared_data / "tabular" / "gtzan_tracks.csv")
    features = pl.read_csv(shared_data / "tabular" / "features_30_sec.csv")
    values = features.drop("filename", "label").rows()
    digests = {name[:-4]: repr(row) for name, row in zip(features["filename"], values, strict=True)}
    return table_of(
        [
            {
                "track_id": track,
                "labels": [genre],
                "artist": artist,
                "digest": digests[track],
                "given_fault_filtered": "validation" if side == "valid" else side,
            }
            for track, genre, artist, _, side in listed.iter_rows()
        ]
    )


@pytest.fixture(scope="module")
def distinct(gtzan) -> pl.DataFrame:
    """Those that count, in order: one of each recording, none under two labels."""
    return gtzan.filter(pl.col("duplicate_of").is_null(), pl.col("conflict").is_null())


def tracks_in(split: pl.DataFrame, part: str, repeat: int = 0, fold: int = 0) -> list[str]:
    chosen = split.filter(part=part, repeat=repeat, fold=fold)
    return chosen["track_id"].to_list()


def labels_of(tracks: pl.DataFrame) -> np.ndarray:
    return tracks["labels"].list.first().to_numpy()


def picked(tracks: pl.DataFrame, indices: np.ndarray) -> list[str]:
    return tracks["track_id"].gather(np.sort(indices)).to_list()


@pytest.mark.parametrize("seed", [0, 42])
@pytest.mark.parametrize("stratify", [False, True])
def test_published_is_train_test_split_of_all_rows(gtzan, seed, stratify):
    config = {"method": "published", "test": 0.2, "seed": seed, "stratify": stratify}
    split = make_split(gtzan, config | {"repeats": 3}, min_seconds=1.0)
    labels = labels_of(gtzan)
    for repeat in range(3):
        train, test = train_test_split(
            gtzan["track_id"].to_list(),
            test_size=0.2,
            random_state=seed + repeat,
            stratify=labels if stratify else None,
        )
        assert tracks_in(split, "test", repeat) == sorted(test)
        assert tracks_in(split, "train", repeat) == sorted(train)
    split = split.filter(repeat=0)
    shared = describe_split(gtzan, split)["folds"]["shared_recordings"].item()
    sides = by_id(split, "part")
    pairs = gtzan.drop_nulls("duplicate_of").select("track_id", "duplicate_of").rows()
    assert shared == sum(sides[a] != sides[b] for a, b in pairs) > 0


def test_published_says_how_many_recordings_stand_on_both_sides(gtzan, caplog):
    with caplog.at_level("INFO", "genreflow"):
        split = make_split(gtzan, {"method": "published"}, min_seconds=1.0)
    shared = describe_split(gtzan, split)["folds"]["shared_recordings"].item()
    assert f"repeat 0: {shared} recordings stand on both sides" in caplog.messages


def test_stratified_is_stratified_shuffle_split(distinct, gtzan):
    config = {"method": "stratified", "test": 0.2, "validation": 0.2, "repeats": 3, "seed": 7}
    split = make_split(gtzan, config, min_seconds=1.0)
    labels = labels_of(distinct)
    for repeat in range(3):
        outer = StratifiedShuffleSplit(1, test_size=0.2, random_state=7 + repeat)
        rest, test = next(outer.split(labels, labels))
        assert tracks_in(split, "test", repeat) == picked(distinct, test)
        rest = np.sort(rest)
        size = -(-len(labels) // 5)
        inner = StratifiedShuffleSplit(1, test_size=size, random_state=7 + repeat)
        validation = rest[next(inner.split(rest, labels[rest]))[1]]
        assert tracks_in(split, "validation", repeat) == picked(distinct, validation)


def test_published_and_stratified_agree_where_there_are_no_copies():
    rows, shares = corpus(artists=20), {"test": 0.25, "seed": 3}
    one = split_of(rows, {"method": "stratified"} | shares)
    two = split_of(rows, {"method": "published", "stratify": True} | shares)
    assert by_id(one, "part") == by_id(two, "part")


def test_stratified_kfold_is_scikit_learns(distinct, gtzan):
    config = {"method": "stratified_kfold", "folds": 5, "repeats": 2, "seed": 3}
    split = make_split(gtzan, config, min_seconds=1.0)
    labels = labels_of(distinct)
    for repeat in range(2):
        oracle = StratifiedKFold(5, shuffle=True, random_state=3 + repeat)
        for fold, (train, test) in enumerate(oracle.split(labels, labels)):
            assert tracks_in(split, "test", repeat, fold) == picked(distinct, test)
            assert tracks_in(split, "train", repeat, fold) == picked(distinct, train)


def groups_of(tracks: pl.DataFrame) -> np.ndarray:
    """Known artists in the order of their names, then the tracks of unknown ones."""
    names = [
        (artist is None, track if artist is None else artist.casefold())
        for track, artist in tracks.select("track_id", "artist").iter_rows()
    ]
    order = {name: index for index, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names])


def test_group_is_group_shuffle_split(distinct, gtzan):
    config = {"method": "group", "test": 0.2, "validation": 0.2, "repeats": 2, "seed": 0}
    split = make_split(gtzan, config, min_seconds=1.0)
    groups = groups_of(distinct)
    for repeat in range(2):
        outer = GroupShuffleSplit(1, test_size=0.2, random_state=repeat)
        rest, test = next(outer.split(groups, groups=groups))
        assert tracks_in(split, "test", repeat) == picked(distinct, test)
        size = -(-len(set(groups)) // 5)
        inner = GroupShuffleSplit(1, test_size=size, random_state=repeat)
        validation = rest[next(inner.split(rest, groups=groups[rest]))[1]]
        assert tracks_in(split, "validation", repeat) == picked(distinct, validation)


def test_stratified_group_kfold_is_scikit_learns(distinct, gtzan):
    config = {"method": "stratified_group_kfold", "folds": 5, "repeats": 2, "seed": 1}
    split = make_split(gtzan, config, min_seconds=1.0)
    validated = make_split(gtzan, config | {"validation": 0.2}, min_seconds=1.0)
    labels, groups = labels_of(distinct), groups_of(distinct)
    for repeat in range(2):
        oracle = StratifiedGroupKFold(5, shuffle=True, random_state=1 + repeat)
        for fold, (train, test) in enumerate(oracle.split(labels, labels, groups)):
            assert tracks_in(split, "test", repeat, fold) == picked(distinct, test)
            assert tracks_in(split, "train", repeat, fold) == picked(distinct, train)
            inner = StratifiedGroupKFold(4, shuffle=True, random_state=1 + repeat)
            inside = next(inner.split(train, labels[train], groups[train]))[1]
            assert tracks_in(validated, "validation", repeat, fold) == picked(
                distinct, train[inside]
            )


def test_kfold_is_scikit_learns(distinct, gtzan):
    config = {"method": "kfold", "folds": 5, "repeats": 2, "seed": 3}
    split = make_split(gtzan, config, min_seconds=1.0)
    validated = make_split(gtzan, config | {"validation": 0.2}, min_seconds=1.0)
    for repeat in range(2):
        oracle = KFold(5, shuffle=True, random_state=3 + repeat)
        for fold, (train, test) in enumerate(oracle.split(distinct)):
            assert tracks_in(split, "test", repeat, fold) == picked(distinct, test)
            assert tracks_in(split, "train", repeat, fold) == picked(distinct, train)
            size = -(-len(distinct) // 5)
            inner = ShuffleSplit(1, test_size=size, random_state=3 + repeat)
            inside = next(inner.split(train))[1]
            assert tracks_in(validated, "test", repeat, fold) == picked(distinct, test)
            assert tracks_in(validated, "validation", repeat, fold) == picked(
                distinct, train[inside]
            )


def test_group_kfold_is_scikit_learns(distinct, gtzan):
    config = {"method": "group_kfold", "folds": 5, "repeats": 2, "seed": 1}
    split = make_split(gtzan, config, min_seconds=1.0)
    validated = make_split(gtzan, config | {"validation": 0.2}, min_seconds=1.0)
    groups = groups_of(distinct)
    for repeat in range(2):
        oracle = GroupKFold(5, shuffle=True, random_state=1 + repeat)
        for fold, (train, test) in enumerate(oracle.split(groups, groups=groups)):
            assert tracks_in(split, "test", repeat, fold) == picked(distinct, test)
            size = -(-len(set(groups)) // 5)
            inner = GroupShuffleSplit(1, test_size=size, random_state=1 + repeat)
            inside = next(inner.split(train, groups=groups[train]))[1]
            assert tracks_in(validated, "validation", repeat, fold) == picked(
                distinct, train[inside]
            )


def test_the_fault_filtered_list_is_taken_as_it_is(gtzan):
    """Sturm's list names one of each two copies, and not always the first."""
    split = make_split(gtzan, {"method": "given", "list": "fault_filtered"}, min_seconds=1.0)
    for part, count in zip(SIDES, (443, 197, 290), strict=True):
        expected = gtzan.filter(pl.col("given_fault_filtered") == part)["track_id"].to_list()
        assert tracks_in(split, part) == expected
        assert len(expected) == count
    out = split.filter(part="excluded")
    assert set(out["reason"]) == {"not in the list fault_filtered"}
    assert len(out) == 70


def test_a_lists_validation_part_can_be_trained_on(gtzan):
    settings = {"method": "given", "list": "fault_filtered", "merge_validation": True}
    split = make_split(gtzan, settings, min_seconds=1.0)
    assert [len(tracks_in(split, part)) for part in SIDES] == [640, 0, 290]


def test_a_list_that_names_both_copies_keeps_one():
    rows = corpus("ab", artists=4)
    twin = {"track_id": "zz", "digest": "a/0-0", "artist": "a artist 0"}
    for label, part in (("a", "duplicate"), ("b", "excluded")):
        added = twin | {"labels": [label], "given_mine": "test"}
        split = split_of([*rows, added], {"method": "given", "list": "mine"})
        assert by_id(split, "part")["zz"] == part


def test_a_list_that_does_not_exist_is_named():
    with pytest.raises(Exception, match="no list 'mien', it has mine"):
        split_of(corpus(), {"method": "given", "list": "mien"})


def test_a_list_without_test_tracks_of_a_class_is_an_error():
    rows = [row | {"given_mine": "train"} if row["labels"] == ["b"] else row for row in corpus()]
    with pytest.raises(Exception, match="b: 24 train, 0 test\nComplete the list"):
        split_of(rows, {"method": "given", "list": "mine"})


def test_a_recording_of_two_artists_keeps_both_on_one_side():
    rows = [*corpus("ab", artists=6), {"track_id": "zz", "labels": ["a"], "digest": "a/0-0"}]
    rows[-1]["artist"] = "a artist 5"
    for seed in range(10):
        config = {"method": "stratified_group_kfold", "folds": 3, "seed": seed}
        split = split_of(rows, config).filter(part="test")
        folds = dict(split.select("track_id", "fold").iter_rows())
        assert len({folds[f"a/{artist}-{n}"] for artist in (0, 5) for n in range(3)}) == 1


def test_a_copy_tells_the_artist_of_the_track_that_counts():
    rows = corpus("ab", artists=6)
    rows[0] = rows[0] | {"artist": None}
    rows.append({"track_id": "zz", "labels": ["a"], "digest": "a/0-0", "artist": "A Artist 0"})
    split = split_of(rows, {"method": "stratified_group_kfold", "folds": 3}).filter(part="test")
    folds = dict(split.select("track_id", "fold").iter_rows())
    assert folds["a/0-0"] == folds["a/0-1"] == folds["a/0-2"]


METHODS = st.one_of(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["stratified", "group"]),
            "test": st.floats(0.2, 0.4),
            "validation": st.sampled_from([0.0, 0.2, 0.3]),
            "repeats": st.integers(1, 2),
        }
    ),
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(
                ["stratified_kfold", "stratified_group_kfold", "kfold", "group_kfold"]
            ),
            "folds": st.integers(2, 5),
            "validation": st.sampled_from([0.0, 0.2, 0.3]),
            "repeats": st.integers(1, 2),
        }
    ),
)


@given(config=METHODS, seed=st.integers(0, 1000), draw=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_parts_are_disjoint_and_keep_groups_and_copies_together(config, seed, draw):
    rows = [
        row | {"artist": draw.choice([row["artist"], row["artist"].upper(), None])}
        for row in corpus("ab", artists=14, tracks=2)
    ]
    for n in range(draw.randrange(8)):
        original = draw.choice(rows)
        artist = draw.choice([original["artist"], "a artist 0", None])
        copy = {"digest": original["track_id"], "artist": artist, "labels": original["labels"]}
        rows.append({"track_id": f"{draw.choice('0z')}{n}", **copy})
    rows = [row for row in rows if "digest" not in row or row["digest"][0] in "ab"]
    tracks = table_of(rows)
    try:
        split = make_split(tracks, config | {"seed": seed}, min_seconds=1.0)
    except Exception as error:
        assert "leaves parts without some class" in str(error)
        return
    described = describe_split(tracks, split)["folds"]
    assert described["shared_recordings"].sum() == 0
    assert described.select(
        pl.sum_horizontal(*SIDES, "duplicate", "excluded")
    ).to_series().unique().to_list() == [len(rows)]
    assert described.select(*SIDES).sum_horizontal().n_unique() == 1
    assert split.select("track_id", "repeat", "fold").is_duplicated().sum() == 0
    if "group" in config["method"]:
        assert described["shared_artists"].sum() == 0
    if config["validation"] > 0:
        assert described["validation"].min() > 0
    if "folds" in config:
        tested = split.filter(part="test")
        once = tested.group_by("repeat", "track_id").len()
        assert once["len"].unique().to_list() == [1]
        assert len(once) == described["test"].sum()
