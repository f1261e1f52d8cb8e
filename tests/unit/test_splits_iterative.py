"""Iterative stratification, and the splits that are drawn by it."""

import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold
from test_splits import split_of
from test_tracks import by_id, table_of

from genreflow.errors import GenreflowError
from genreflow.splits import make_split
from genreflow.splits.describe import describe_split
from genreflow.splits.iterative import iterative_folds

SHARES = st.lists(st.integers(0, 5), min_size=1, max_size=5).filter(any)


def off(counts: np.ndarray, found: np.ndarray, shares: list[float]) -> np.ndarray:
    """How many tracks of each label every share has too many; negative where too few."""
    wanted = np.outer(np.array(shares) / sum(shares), counts.sum(axis=0))
    given = np.array([counts[found == share].sum(axis=0) for share in range(len(shares))])
    return given - wanted


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    shares=SHARES,
    seed=st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_where_each_unit_has_one_label_shares_hold_to_less_than_a_track(labels, shares, seed):
    counts = np.eye(4, dtype=int)[labels]
    found = iterative_folds(counts, shares, seed)
    assert np.abs(off(counts, found, shares)).max() < 1
    assert not {share for share in range(len(shares)) if not shares[share]} & set(found)


def test_one_label_each_gives_the_counts_of_stratified_kfold():
    labels = np.random.default_rng(0).integers(4, size=203)
    found = iterative_folds(np.eye(4, dtype=int)[labels], [1] * 5, seed=0)
    for label in range(4):
        oracle = [
            (labels[test] == label).sum() for _, test in StratifiedKFold(5).split(labels, labels)
        ]
        mine = [(labels[found == fold] == label).sum() for fold in range(5)]
        assert sorted(mine) == sorted(oracle)


def several_labels(units: int, labels: int, seed: int = 0) -> np.ndarray:
    """Labels of which some are common and some rare, one at least for each unit."""
    luck = np.random.default_rng(seed)
    drawn = luck.random((units, labels)) < 0.3 / np.arange(1, labels + 1)
    drawn[np.arange(units), luck.integers(labels, size=units)] = True
    return drawn.astype(int)


@pytest.mark.parametrize("shares", [[1] * 5, [0.7, 0.1, 0.2]])
def test_shares_of_several_labels_hold_far_better_than_by_luck(shares):
    counts = several_labels(2000, 20)
    mine = off(counts, iterative_folds(counts, shares, seed=0), shares)
    drawn = np.random.default_rng(1).choice(
        len(shares), size=len(counts), p=np.array(shares) / sum(shares)
    )
    assert np.abs(mine).mean() < 0.2 * np.abs(off(counts, drawn, shares)).mean()
    if len(set(shares)) == 1:
        plain = np.empty(len(counts), int)
        for fold, (_, test) in enumerate(KFold(5, shuffle=True, random_state=0).split(counts)):
            plain[test] = fold
        assert np.abs(mine).mean() < 0.2 * np.abs(off(counts, plain, shares)).mean()


def artists(labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Label and artist of tracks; artists differ in how much they have made, and of what."""
    luck = np.random.default_rng(seed)
    artist = np.repeat(np.arange(400), luck.geometric(0.1, size=400))
    label = luck.integers(labels, size=400)[artist]
    other = luck.random(len(label)) < 0.2
    label[other] = luck.integers(labels, size=other.sum())
    return label, artist


@pytest.mark.parametrize("seed", range(3))
def test_groups_keep_the_shares_as_well_as_stratified_group_kfold(seed):
    label, artist = artists(labels=8, seed=seed)
    tracks = np.eye(8, dtype=int)[label]
    counts = np.zeros((400, 8), int)
    np.add.at(counts, artist, tracks)
    mine = iterative_folds(counts, [1] * 5, seed, sizes=counts.sum(axis=1))[artist]
    oracle = np.empty(len(label), int)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(label, label, artist)):
        oracle[test] = fold
    one, two = (np.abs(off(tracks, found, [1] * 5)).mean() for found in (mine, oracle))
    assert one < 1.2 * two
    assert np.ptp(np.bincount(mine)) <= np.ptp(np.bincount(oracle)) + 3


def test_groups_of_several_labels_keep_all_shares():
    counts = np.random.default_rng(0).poisson(several_labels(400, 8) * 5)
    sizes = counts.max(axis=1) + 2
    found = iterative_folds(counts, [7, 1, 2], seed=0, sizes=sizes)
    by_luck = np.random.default_rng(1).choice(3, size=400, p=[0.7, 0.1, 0.2])
    mine, lucky = (np.abs(off(counts, f, [7, 1, 2])).mean() for f in (found, by_luck))
    assert mine < 0.2 * lucky
    assert np.bincount(found, weights=sizes) / sizes.sum() == pytest.approx(
        [0.7, 0.1, 0.2], abs=0.01
    )


def test_the_seed_decides_and_nothing_else():
    counts = several_labels(300, 8)
    first = iterative_folds(counts, [3, 1], seed=5)
    assert (first == iterative_folds(counts.astype(bool), [0.75, 0.25], seed=5)).all()
    assert (first != iterative_folds(counts, [3, 1], seed=6)).any()


def test_units_without_a_label_fill_up_what_lacks_tracks():
    counts = np.zeros((100, 2), int)
    counts[:10] = 1
    found = iterative_folds(counts, [4, 1], seed=0)
    assert np.bincount(found).tolist() == [80, 20]


def test_a_large_table_takes_seconds():
    counts = several_labels(60_000, 114)
    start = time.process_time()
    iterative_folds(counts, [1] * 5, seed=0)
    assert time.process_time() - start < 20


def songs(units: int = 300) -> list[dict]:
    """Songs of several labels and artists, a third of them listed twice, under other labels."""
    luck, rows = np.random.default_rng(3), []
    for n, held in enumerate(several_labels(units, 5)):
        labels = [name for name, has in zip("abcde", held, strict=True) if has]
        artist = f"artist {luck.integers(60)}" if n % 4 else None
        song = {"track_id": f"{n:03}", "labels": labels, "artist": artist, "digest": f"d{n}"}
        rows.append(song)
        if n % 3 == 0:
            rows.append(song | {"track_id": f"{n:03} again", "labels": ["abcde"[n % 5]]})
    return rows


MULTI = [
    {"method": "stratified", "test": 0.2, "validation": 0.2, "repeats": 2},
    {"method": "stratified_kfold", "folds": 4, "validation": 0.2, "repeats": 2},
    {"method": "stratified_group_kfold", "folds": 4, "validation": 0.2, "repeats": 2},
]


@pytest.mark.parametrize("config", MULTI, ids=lambda s: s["method"])
@pytest.mark.parametrize(
    "view", [{"task": "multi_label"}, {"conflicts": "keep", "several": "rarest"}]
)
def test_labels_keep_their_shares_and_recordings_their_side(config, view):
    tracks = table_of(songs())
    split = make_split(tracks, config | view, min_seconds=1.0)
    folds = describe_split(tracks, split)["folds"]
    assert folds["shared_recordings"].sum() == 0
    if "group" in config["method"]:
        assert folds["shared_artists"].sum() == 0
    assert folds.height == 2 * config.get("folds", 1)
    sides = ["train", "validation", "test"]
    total = folds.select(pl.sum_horizontal(sides)).to_series()
    assert total.n_unique() == 1
    shares = {"validation": 0.2, "test": 1 / config["folds"] if "folds" in config else 0.2}
    for part, share in shares.items():
        assert (folds[part] / total - share).abs().max() < 0.03
    held = split.filter(pl.col("part").is_in(sides)).explode("labels")
    of_label = held.group_by("repeat", "fold", "labels").agg(
        (pl.col("part") == part).sum().alias(part) for part in sides
    )
    for part, share in shares.items():
        wanted = share * of_label.select(pl.sum_horizontal(sides)).to_series()
        assert (of_label[part] - wanted).abs().max() <= 6, part
    if "folds" in config:
        tested = split.filter(part="test").group_by("repeat", "track_id").len()
        assert tested["len"].unique().to_list() == [1]


@pytest.mark.parametrize("config", MULTI, ids=lambda s: s["method"])
def test_the_order_of_rows_and_labels_does_not_matter(config):
    rows = songs(120)
    turned = [row | {"labels": row["labels"][::-1]} for row in rows[::-1]]
    one, two = (split_of(r, config | {"task": "multi_label"}) for r in (rows, turned))
    assert by_id(one, "part") == by_id(two, "part")


def test_impossible_shares_are_the_users_error():
    keep = {"conflicts": "keep", "several": "rarest"}
    with pytest.raises(GenreflowError, match="validation part leaves nothing to train on"):
        split_of(songs(), {"method": "stratified_kfold", "folds": 2, "validation": 0.5} | keep)
    with pytest.raises(GenreflowError, match="200 folds need 200 artists, there are"):
        split_of(songs(), {"method": "stratified_group_kfold", "folds": 200} | keep)
