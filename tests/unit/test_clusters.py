"""Clusters of labels: by algorithms on the training part, and by hand."""

import logging
from itertools import chain

import numpy as np
import polars as pl
import pytest

from genreflow.clusters import CLUSTERS, cluster_labels
from genreflow.config import SHIPPED
from genreflow.errors import GenreflowError
from genreflow.schema import check, read_yaml

# Three groups of labels, far from each other; the middle one of a group is the nearest to its mean.
CENTRES = {
    "ambient": (0.0, 0.0),
    "drone": (0.4, 0.0),
    "new-age": (0.8, 0.1),
    "metal": (10.0, 10.0),
    "metalcore": (10.4, 10.0),
    "grindcore": (10.8, 10.1),
    "pop": (0.0, 10.0),
    "k-pop": (0.4, 10.0),
    "j-pop": (0.8, 10.1),
}
GROUPS = [
    {"ambient", "drone", "new-age"},
    {"metal", "metalcore", "grindcore"},
    {"pop", "k-pop", "j-pop"},
]


def made(folder, *, of=12, folds=1, labels=CENTRES, seed=0):
    """Tracks, a split and a feature table of `of` tracks per label."""
    rng = np.random.default_rng(seed)
    names = [name for name in labels for _ in range(of)]
    x = np.array([labels[name] for name in names]) + rng.normal(0, 0.05, (len(names), 2))
    ids = [f"{number:04d}" for number in range(len(names))]
    tracks = pl.DataFrame({"track_id": ids, "batch": ["b"] * len(ids)})
    split = pl.concat(
        pl.DataFrame(
            {
                "track_id": ids,
                "repeat": pl.Series([0] * len(ids), dtype=pl.Int32),
                "fold": pl.Series([fold] * len(ids), dtype=pl.Int32),
                "part": ["test" if at % 4 == fold else "train" for at in range(len(ids))],
                "labels": [[name] for name in names],
            }
        )
        for fold in range(folds)
    )
    vectors = tracks.with_columns(
        segment=pl.lit(0, pl.Int32),
        reason=pl.lit(None, pl.String),
        energy=pl.Series(x[:, 0]),
        # The algorithms must not see that one feature is a thousand times the other.
        tempo=pl.Series(1000 * x[:, 1]),
    )
    return tracks, split, write(folder, vectors)


def write(folder, vectors):
    vectors.write_parquet(folder / "b.parquet")
    return [str(folder / "b.parquet")]


def groups_of(table):
    grouped = table.filter(pl.col("cluster").is_not_null()).group_by("cluster").agg("label")
    return [set(own) for own in grouped["label"].to_list()]


ALGORITHMS = [
    {"algorithm": "kmeans", "clusters": 3},
    {"algorithm": "spectral", "clusters": 3},
    {"algorithm": "affinity_propagation"},
]


@pytest.mark.parametrize("settings", ALGORITHMS, ids=lambda s: s["algorithm"])
def test_labels_that_resemble_each_other_stand_together(tmp_path, settings):
    table = cluster_labels(*made(tmp_path), settings, seed=0)
    assert dict(table.schema) == CLUSTERS
    assert table["label"].to_list() == sorted(CENTRES)
    assert sorted(map(sorted, groups_of(table))) == sorted(map(sorted, GROUPS))
    assert set(table["cluster"]) == {"drone", "metalcore", "k-pop"}  # in the middle of each


def test_the_clusters_are_those_of_sklearn_on_scaled_means(tmp_path):
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import adjusted_rand_score
    from sklearn.preprocessing import MinMaxScaler

    rng = np.random.default_rng(1)
    labels = {f"genre {number:02d}": tuple(rng.random(2)) for number in range(30)}
    tracks, split, paths = made(tmp_path, labels=labels)
    table = cluster_labels(tracks, split, paths, {"algorithm": "kmeans", "clusters": 6}, seed=3)
    trained = split.filter(pl.col("part") == "train").with_columns(pl.col("labels").list.first())
    means = (
        pl.read_parquet(paths)
        .join(trained, on="track_id")
        .group_by("labels")
        .agg(pl.col("energy", "tempo").mean())
        .sort("labels")
    )
    scaled = MinMaxScaler().fit_transform(means.select("energy", "tempo").to_numpy())
    expected = KMeans(6, n_init=10, random_state=3).fit_predict(scaled)
    assert adjusted_rand_score(expected, table["cluster"].to_list()) == 1
    places = PCA(2, svd_solver="full").fit_transform(scaled)
    np.testing.assert_allclose(table.select("x", "y").to_numpy(), places, atol=1e-9)


@pytest.mark.parametrize("settings", ALGORITHMS, ids=lambda s: s["algorithm"])
def test_only_the_training_part_of_each_fold_is_looked_at(tmp_path, settings):
    tracks, split, paths = made(tmp_path, folds=2)
    before = cluster_labels(tracks, split, paths, settings, seed=0)
    assert before.select("repeat", "fold").unique(maintain_order=True).rows() == [(0, 0), (0, 1)]
    tested = split.filter(pl.col("fold") == 0, pl.col("part") == "test")["track_id"].to_list()
    out = pl.col("track_id").is_in(tested)
    vectors = pl.read_parquet(paths).with_columns(
        energy=pl.when(out).then(99.0).otherwise("energy"),
        tempo=pl.when(out).then(-1e6).otherwise("tempo"),
    )
    after = cluster_labels(tracks, split, write(tmp_path, vectors), settings, seed=0)
    first, second = (pl.col("fold") == fold for fold in (0, 1))
    assert after.filter(first).equals(before.filter(first))
    assert not after.filter(second).select("x", "y").equals(before.filter(second).select("x", "y"))


@pytest.mark.parametrize("settings", ALGORITHMS, ids=lambda s: s["algorithm"])
def test_the_order_of_the_rows_does_not_matter(tmp_path, settings):
    tracks, split, paths = made(tmp_path)
    before = cluster_labels(tracks, split, paths, settings, seed=0)
    shuffled = [t.sample(fraction=1, shuffle=True, seed=5) for t in (tracks, split)]
    vectors = pl.read_parquet(paths).sample(fraction=1, shuffle=True, seed=6)
    assert cluster_labels(*shuffled, write(tmp_path, vectors), settings, seed=0).equals(before)


def test_missing_values_are_left_out_of_the_means(tmp_path):
    tracks, split, paths = made(tmp_path)
    vectors = pl.read_parquet(paths)
    alone = cluster_labels(tracks, split, paths, ALGORITHMS[0], seed=0)
    # The means without a track are those with its values missing.
    lacking = pl.col("track_id") == "0001"
    fewer = cluster_labels(tracks, split.filter(~lacking), paths, ALGORITHMS[0], seed=0)
    values = [pl.when(~lacking).then(name).alias(name) for name in ("energy", "tempo")]
    missing = write(tmp_path, vectors.with_columns(values))
    assert cluster_labels(tracks, split, missing, ALGORITHMS[0], seed=0).equals(fewer)
    assert not fewer.equals(alone)
    # A feature that nobody knows changes nothing.
    blank = write(tmp_path, vectors.with_columns(level=pl.lit(None, pl.Float64)))
    assert cluster_labels(tracks, split, blank, ALGORITHMS[0], seed=0).equals(alone)


def test_a_track_of_several_labels_counts_for_each(tmp_path):
    tracks, split, paths = made(tmp_path)
    both = pl.when(pl.col("labels").list.first() == "drone").then(pl.lit(["drone", "metal"]))
    split = split.with_columns(labels=both.otherwise("labels"))
    table = cluster_labels(tracks, split, paths, ALGORITHMS[0], seed=0)
    x = dict(table.select("label", "x").iter_rows())
    alone = cluster_labels(*made(tmp_path), ALGORITHMS[0], seed=0)
    x_alone = dict(alone.select("label", "x").iter_rows())
    assert abs(x["metal"] - x["drone"]) < 0.6 * abs(x_alone["metal"] - x_alone["drone"])


def test_a_number_in_several_columns_counts_once(tmp_path):
    """As published, where a genre has a mean key: twelve shares would outvote the rest."""
    tracks, split, paths = made(tmp_path)
    vectors = pl.read_parquet(paths)
    key = pl.Series("key", np.random.default_rng(0).integers(0, 12, len(vectors)))
    encoded = vectors.hstack(key.to_frame().to_dummies(separator="=").cast(pl.Float64))
    number = vectors.with_columns(key.cast(pl.Float64))
    tables = [
        cluster_labels(tracks, split, write(tmp_path, some), ALGORITHMS[0], seed=0)
        for some in (encoded, number)
    ]
    assert tables[0].equals(tables[1])
    # A track without a key has 0 in all columns, and is left out of the mean.
    lacking = pl.col("track_id") == "0001"
    keys = [name for name in encoded.columns if name.startswith("key=")]
    encoded = encoded.with_columns(pl.when(~lacking).then(name).otherwise(0.0) for name in keys)
    number = number.with_columns(pl.when(~lacking).then("key"))
    tables = [
        cluster_labels(tracks, split, write(tmp_path, some), ALGORITHMS[0], seed=0)
        for some in (encoded, number)
    ]
    assert tables[0].equals(tables[1])


HAND = {"clusters": {"calm": ["ambient", "drone", "new-age"], "loud": ["metal", "metalcore"]}}
DROPPED = ["grindcore", "pop", "k-pop", "j-pop"]


def test_a_map_names_its_clusters_and_drops_labels(tmp_path):
    table = cluster_labels(*made(tmp_path), {"map": HAND | {"dropped": DROPPED}}, seed=0)
    found = dict(table.select("label", "cluster").iter_rows())
    assert found == {
        **dict.fromkeys(HAND["clusters"]["calm"], "calm"),
        **dict.fromkeys(HAND["clusters"]["loud"], "loud"),
        **dict.fromkeys(DROPPED),
    }
    assert table["x"].is_finite().all()  # labels that are dropped have a place, too


def test_a_label_that_the_map_does_not_know_is_an_error_with_the_closest(tmp_path):
    with pytest.raises(GenreflowError, match=r"does not place 'j-pop'.*did you mean 'k-pop'"):
        cluster_labels(*made(tmp_path), {"map": HAND | {"dropped": DROPPED[:-1]}}, seed=0)


def test_a_label_that_no_track_has_is_a_warning(tmp_path, caplog):
    given = HAND | {"dropped": [*DROPPED, "polka"]}
    with caplog.at_level(logging.WARNING):
        cluster_labels(*made(tmp_path), {"map": given}, seed=0)
    assert "'polka', which no track has" in caplog.text


def test_a_label_without_features_is_in_no_cluster(tmp_path, caplog):
    tracks, split, paths = made(tmp_path)
    unknown = split.filter(pl.col("labels").list.first() == "drone")["track_id"].to_list()
    vectors = pl.read_parquet(paths).with_columns(
        pl.when(~pl.col("track_id").is_in(unknown)).then(name).alias(name)
        for name in ("energy", "tempo")
    )
    table = cluster_labels(tracks, split, write(tmp_path, vectors), ALGORITHMS[0], seed=0)
    assert "drone" not in table["label"].to_list()
    assert "drone is in no cluster" in caplog.text


def test_as_many_clusters_as_labels_are_an_error(tmp_path):
    settings = {"algorithm": "spectral", "clusters": 9}
    with pytest.raises(GenreflowError, match="spectral: 9 clusters of 9 labels; ask for fewer"):
        cluster_labels(*made(tmp_path), settings, seed=0)


def test_the_shipped_map_places_each_of_the_114_genres_once(shared_data):
    schema = read_yaml(SHIPPED / "workflow/schemas/map.schema.yaml")
    given = read_yaml(SHIPPED / "config/maps/spotify_by_hand.yaml")
    check(given, schema, "spotify_by_hand")
    assert len(given["clusters"]) == 5
    placed = [*chain(*given["clusters"].values()), *given["dropped"]]
    tables = sorted((shared_data / "tabular").glob("spotify_tracks_sample_*.csv"))
    genres = pl.concat(pl.read_csv(table, columns=["track_genre"]) for table in tables)
    assert sorted(placed) == sorted(genres["track_genre"].unique())
