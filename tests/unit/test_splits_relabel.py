"""Splits whose labels are the clusters of a clustering."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from test_splits import corpus
from test_tracks import by_id, table_of

import relabel as script
from genreflow.errors import GenreflowError
from genreflow.splits import make_split
from genreflow.splits.relabel import relabel_split

SIDES = ["train", "validation", "test"]
NAMES = {"a": "x", "b": "x", "c": "y", "d": None}


def clusters_of(folds: list[dict[str, str | None]], repeats: int = 1) -> pl.DataFrame:
    rows = [
        {"repeat": repeat, "fold": fold, "label": label, "cluster": cluster, "x": 0.0, "y": 0.0}
        for repeat in range(repeats)
        for fold, names in enumerate(folds)
        for label, cluster in names.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"repeat": pl.Int32, "fold": pl.Int32})


def songs() -> list[dict]:
    return [
        *corpus("abcd", artists=20),
        {"track_id": "z/1", "labels": ["a"], "digest": "s"},
        {"track_id": "z/2", "labels": ["b"], "digest": "s"},
        {"track_id": "z/3", "labels": ["c"], "digest": "s"},
        {"track_id": "z/4", "labels": ["c"], "digest": "s"},
        {"track_id": "z/5", "labels": ["a"], "status": "quarantined", "reason": "empty"},
    ]


@pytest.fixture(scope="module")
def tracks() -> pl.DataFrame:
    return table_of(songs())


def divide(tracks: pl.DataFrame, **settings) -> pl.DataFrame:
    config = settings or {"method": "stratified", "test": 0.2, "validation": 0.1}
    return make_split(tracks, config | {"conflicts": "keep"}, min_seconds=1.0)


def counts_of(split: pl.DataFrame) -> dict[tuple[str, str], int]:
    used = split.filter(pl.col("part").is_in(SIDES)).explode("labels")
    return {row[:2]: row[2] for row in used.group_by("labels", "part").len().iter_rows()}


def test_no_track_changes_sides_and_labels_are_clusters(tracks):
    split = divide(tracks)
    new = relabel_split(split, clusters_of([NAMES]), tracks)
    assert new.columns == split.columns and new.schema == split.schema
    assert_frame_equal(new.select("track_id", "repeat", "fold"), split.select(new.columns[:3]))
    before, after = by_id(split, "part"), by_id(new, "part")
    labels, reasons = by_id(new, "labels"), by_id(new, "reason")
    assert all(after[t] in (before[t], "excluded", "duplicate") for t in before)
    for name in ("a/0-0", "b/0-0"):
        assert labels[name] == ["x"] and after[name] == before[name]
    assert labels["d/0-0"] is None and after["d/0-0"] == "excluded"
    assert reasons["d/0-0"] == "its genre is in no cluster"
    assert (after["z/5"], reasons["z/5"], labels["z/5"]) == ("excluded", "empty", ["x"])


def test_a_recording_counts_once_in_each_cluster(tracks):
    new = relabel_split(divide(tracks), clusters_of([NAMES]), tracks)
    parts, reasons = by_id(new, "part"), by_id(new, "reason")
    assert parts["z/1"] == parts["z/3"] in SIDES
    assert (parts["z/2"], reasons["z/2"]) == ("duplicate", "same recording as z/1")
    assert (parts["z/4"], reasons["z/4"]) == ("duplicate", "same recording as z/3")


def test_each_copy_counts_where_the_split_counted_it(tracks):
    split = divide(tracks, method="published")
    new = relabel_split(split, clusters_of([NAMES]), tracks, copies=True)
    for name in ("z/1", "z/2", "z/3", "z/4"):
        assert by_id(new, "part")[name] == by_id(split, "part")[name]


def test_folds_have_their_own_clusters(tracks):
    split = divide(tracks, method="stratified_kfold", folds=2, repeats=2)
    other = {"a": "x", "b": "y", "c": "y", "d": "y"}
    new = relabel_split(split, clusters_of([NAMES, other], repeats=2), tracks)
    for repeat in range(2):
        assert by_id(new.filter(repeat=repeat, fold=0), "labels")["b/0-0"] == ["x"]
        assert by_id(new.filter(repeat=repeat, fold=1), "labels")["b/0-0"] == ["y"]
        assert by_id(new.filter(repeat=repeat, fold=1), "labels")["d/0-0"] == ["y"]


def test_a_sample_is_divided_over_the_parts_by_their_sizes(tracks):
    split, clusters = divide(tracks), clusters_of([NAMES])
    new = relabel_split(split, clusters, tracks, sample=31)
    assert counts_of(new) == {
        (cluster, part): count
        for cluster in "xy"
        for part, count in (("train", 22), ("validation", 3), ("test", 6))
    }
    out = new.filter(reason="not in the sample")
    assert set(out["part"]) == {"excluded"} and len(out) > 0
    whole = relabel_split(split, clusters, tracks)
    kept = by_id(new, "part")
    assert all(kept[t] in (part, "excluded") for t, part in by_id(whole, "part").items())
    again = relabel_split(split, clusters, tracks.sample(fraction=1, shuffle=True), sample=31)
    assert_frame_equal(new, again)
    other = relabel_split(split, clusters, tracks, sample=31, seed=1)
    assert by_id(other, "part") != kept


def test_the_smallest_cluster_gives_the_size_of_the_sample(tracks):
    new = relabel_split(divide(tracks), clusters_of([NAMES]), tracks, sample="smallest")
    counts = counts_of(new)
    assert sum(n for (cluster, _), n in counts.items() if cluster == "y") <= 61
    assert counts["x", "train"] in (counts["y", "train"], counts["y", "train"] + 1)
    assert relabel_split(divide(tracks), clusters_of([NAMES]), tracks, sample=1_000_000).equals(
        relabel_split(divide(tracks), clusters_of([NAMES]), tracks)
    )


def test_too_few_clusters_are_an_error(tracks):
    one = dict.fromkeys("abcd", "x")
    with pytest.raises(GenreflowError, match="fold 0: only the cluster 'x' has tracks"):
        relabel_split(divide(tracks), clusters_of([one]), tracks)
    with pytest.raises(GenreflowError, match="fold 0: no cluster has tracks"):
        relabel_split(divide(tracks), clusters_of([dict.fromkeys("abcd")]), tracks)


def test_a_fold_without_clusters_is_an_error(tracks):
    split = divide(tracks, method="stratified_kfold", folds=2)
    with pytest.raises(GenreflowError, match="no clusters for repeat 0, fold 1"):
        relabel_split(split, clusters_of([NAMES]), tracks)


def moved(split: pl.DataFrame, label: str, one: str, other: str) -> pl.DataFrame:
    """The split with the tracks of a label in another part."""
    hit = (pl.col("part") == one) & (pl.col("labels").list.first() == label)
    return split.with_columns(part=pl.when(hit).then(pl.lit(other)).otherwise("part"))


def test_a_part_that_lacks_a_cluster_is_said(tracks, caplog):
    split, clusters = divide(tracks), clusters_of([NAMES])
    relabel_split(split, clusters, tracks, sample=10)
    assert not caplog.messages
    relabel_split(moved(split, "c", "test", "validation"), clusters, tracks)
    assert caplog.messages == ["repeat 0, fold 0: no track of the cluster y in test"]


def test_a_part_without_tracks_and_an_untrained_cluster_are_errors(tracks):
    split, clusters = divide(tracks), clusters_of([NAMES])
    with pytest.raises(GenreflowError, match=r"no track .* in validation; take a larger sample"):
        relabel_split(split, clusters, tracks, sample=2)
    with pytest.raises(GenreflowError, match="no track of the cluster 'y' in train"):
        relabel_split(moved(split, "c", "train", "test"), clusters, tracks)


def test_the_script_writes_the_split(tmp_path, tracks):
    tables = {"split": divide(tracks), "clusters": clusters_of([NAMES]), "tracks": tracks}
    paths = {name: str(tmp_path / f"{name}.parquet") for name in tables}
    for name, table in tables.items():
        table.write_parquet(paths[name])
    settings = {"method": "clusters", "of": "s", "clustering": "c", "sample": 20, "seed": 3}
    made = str(tmp_path / "made.parquet")
    script.relabel(*paths.values(), settings, False, made)
    expected = relabel_split(*tables.values(), sample=20, seed=3)
    assert_frame_equal(pl.read_parquet(made), expected)


def test_a_sample_has_no_more_copies_on_both_sides_than_all_tracks_have():
    """Drawn together, the copies of a recording would be half of the sample's test part."""
    pairs = pl.concat(
        [
            pl.DataFrame({"digest": [f"d{i}" for i in range(1000)]}).with_columns(
                track_id=pl.format("{}/{}", pl.lit(copy), "digest"),
                labels=pl.when(pl.int_range(1000) < 500).then(pl.lit("a")).otherwise(pl.lit("b")),
            )
            for copy in "xy"
        ]
    ).with_columns(labels=pl.concat_list("labels"))
    side = pl.Series(np.random.default_rng(0).choice(["train", "test"], 2000))
    split = pairs.select(
        "track_id",
        repeat=pl.lit(0, pl.Int32),
        fold=pl.lit(0, pl.Int32),
        part=side,
        reason=pl.lit(None, pl.String),
        labels="labels",
    )
    clusters = clusters_of([{"a": "A", "b": "B"}])
    drawn = relabel_split(split, clusters, pairs, sample=100, copies=True).join(
        pairs.select("track_id", "digest"), on="track_id"
    )
    train, test = (drawn.filter(part=part)["digest"] for part in ("train", "test"))
    assert test.is_in(train.to_list()).mean() < 0.2
