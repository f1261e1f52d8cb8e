"""Statistics of a feature set over a dataset."""

import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genreflow.errors import GenreflowError
from genreflow.explore import explore, explore_features, load_explored, save_explored

LABELS = ["blues", "jazz", "rock"]


def made(n=60, features=5, missing=0.1, seed=0):
    """x with related columns and missing values, and which tracks stand under which labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)) * 10.0 ** np.arange(features) + 1000
    x[:, 1] = x[:, 0] * 3 + rng.normal(size=n)
    x[rng.random(x.shape) < missing] = np.nan
    members = rng.random((n, len(LABELS))) < 0.4
    return x, members


def described(x, members=None):
    members = np.ones((len(x), 1), dtype=bool) if members is None else members
    names = [f"f{number}" for number in range(x.shape[1])]
    return explore(x, names, members, LABELS[: members.shape[1]])


def test_statistics_are_those_of_numpy():
    x, members = made()
    found = described(x, members)
    assert found.missing.tolist() == np.isnan(x).sum(axis=0).tolist()
    np.testing.assert_allclose(found.mean, np.nanmean(x, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.std, np.nanstd(x, axis=0, ddof=1), rtol=1e-12)
    assert np.array_equal(found.min, np.nanmin(x, axis=0))
    assert np.array_equal(found.max, np.nanmax(x, axis=0))
    assert found.label_tracks.tolist() == members.sum(axis=0).tolist()


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_matrices_are_those_of_numpy_over_the_tracks_that_know_both(missing):
    x, members = made(missing=missing)
    found = described(x, members)
    scaled = (x - np.nanmin(x, axis=0)) / (np.nanmax(x, axis=0) - np.nanmin(x, axis=0))
    for i in range(x.shape[1]):
        for j in range(x.shape[1]):
            both = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
            r = np.corrcoef(x[both, i], x[both, j])[0, 1]
            assert found.correlation[i, j] == pytest.approx(r, abs=1e-9)
            covariance = np.cov(scaled[both, i], scaled[both, j])[0, 1]
            assert found.covariance[i, j] == pytest.approx(covariance, abs=1e-12)


def test_label_means_are_in_standard_deviations_of_all_tracks():
    x, members = made()
    found = described(x, members)
    for row, own in enumerate(members.T):
        mean = np.nanmean(x[own], axis=0)
        z = (mean - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0, ddof=1)
        np.testing.assert_allclose(found.label_means[row], z, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.one_of(st.just(np.nan), st.integers(-3, 3).map(lambda v: v / 10)),
    )
)
def test_whatever_is_missing_the_matrices_are_finite_symmetric_and_ordered(x):
    found = described(x)
    for matrix in (found.correlation, found.covariance, found.label_means):
        assert np.isfinite(matrix).all()
    assert np.array_equal(found.correlation, found.correlation.T)
    assert (np.abs(found.correlation) <= 1).all()
    assert sorted(found.order) == list(range(x.shape[1]))
    varied = [len(set(column[~np.isnan(column)])) > 1 for column in x.T]
    assert found.constant.tolist() == [not some for some in varied]
    assert np.diag(found.correlation) == pytest.approx(np.asarray(varied, dtype=float))


def test_related_features_stand_side_by_side():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    x = np.stack([a, b, -a, b + 0.1 * rng.normal(size=200)], axis=1)
    order = described(x).order.tolist()
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def write(folder, **changes):
    tracks = pl.DataFrame(
        {
            "track_id": ["a", "b", "c", "d", "e"],
            "batch": ["b1", "b1", "b1", "b1", "b1"],
            "status": ["ok", "warning", "quarantined", "ok", "ok"],
            "duplicate_of": [None, None, None, "a", None],
            "all_labels": [["jazz", "rock"], ["jazz"], None, ["jazz", "rock"], None],
        }
        | changes
    )
    rows = pl.DataFrame(
        {
            "track_id": ["e", "a", "b", "b", "c", "d"],
            "batch": ["b1"] * 6,
            "segment": pl.Series([0, 0, 1, 0, 0, 0], dtype=pl.Int32),
            "reason": pl.Series([None] * 6, dtype=pl.String),
            "tempo": [0.0, 100.0, 150.0, 130.0, 999.0, 100.0],
            "level": [0.0, None, 2.0, None, 999.0, None],
        }
    )
    rows.write_parquet(folder / "b1.parquet")
    return tracks, [str(folder / "b1.parquet")]


def test_a_recording_counts_once_under_all_its_labels_with_the_mean_of_its_segments(tmp_path):
    found = explore_features(*write(tmp_path))
    assert found.tracks == 3  # neither the quarantined one nor the copy
    assert found.names.tolist() == ["tempo", "level"]
    assert found.mean.tolist() == [80.0, 1.0]  # 100, (150 + 130) / 2, 0; and 2, 0
    assert found.missing.tolist() == [0, 1]
    assert found.labels.tolist() == ["jazz", "rock"]
    assert found.label_tracks.tolist() == [2, 1]


def test_what_is_saved_is_loaded(tmp_path):
    found = explore_features(*write(tmp_path))
    save_explored(tmp_path / "explored.npz", found)
    again = load_explored(tmp_path / "explored.npz")
    for name, value in vars(found).items():
        assert np.array_equal(
            value, getattr(again, name), equal_nan=name not in ("names", "labels")
        )
    assert isinstance(again.tracks, int)


def test_a_dataset_without_features_is_an_error(tmp_path):
    tracks, paths = write(tmp_path, batch=["b2"] * 5)
    with pytest.raises(GenreflowError, match="none of the 3 tracks has features"):
        explore_features(tracks, paths)


def test_published_correlations_of_the_top_hits(shared_data):
    table = pl.read_csv(shared_data / "tabular/songs_normalize.csv")
    names = ["energy", "loudness", "valence", "danceability", "acousticness"]
    x = table.select(names).to_numpy()
    found = explore(x, names, np.ones((len(x), 1), dtype=bool), ["any"])
    # Their 18 columns are those of the paper, though of 2000 songs.
    assert found.correlation[0, 1] == pytest.approx(0.63, abs=0.05)
    assert found.correlation[2, 3] == pytest.approx(0.45, abs=0.06)
    assert found.correlation[0, 4] < -0.3


def test_the_library_is_not_loaded_before_it_is_needed():
    import subprocess

    code = "import sys, genreflow.explore; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
