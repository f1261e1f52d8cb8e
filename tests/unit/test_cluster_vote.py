"""Clusters that are named by the labels in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.utils.estimator_checks import parametrize_with_checks
from training_fixtures import points

from genreflow.errors import GenreflowError
from genreflow.models.cluster_vote import ALGORITHMS, ClusterVote

X, Y, _ = points(n=90)


@parametrize_with_checks([ClusterVote(name) for name in ALGORITHMS])
def test_it_is_an_estimator(estimator, check):
    check(estimator)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(0, 100), st.sampled_from(sorted(ALGORITHMS)))
def test_probabilities_are_shares_of_the_training_tracks_in_the_cluster(clusters, seed, algorithm):
    made = ClusterVote(algorithm, clusters, random_state=seed).fit(X, Y)
    where = made.clusterer_.predict(X)
    held = points(n=30, seed=7)[0]
    for scores, cluster in zip(
        made.predict_proba(held), made.clusterer_.predict(held), strict=True
    ):
        inside = Y[where == cluster] if (where == cluster).any() else Y
        np.testing.assert_allclose(scores, np.bincount(inside, minlength=3) / len(inside))


def test_kmeans_is_that_of_scikit_learn_with_as_many_clusters_as_labels():
    made = ClusterVote(random_state=3).fit(X, Y)
    expected = KMeans(3, n_init=1, random_state=3).fit(X)
    assert np.array_equal(made.clusterer_.labels_, expected.labels_)
    names = [np.bincount(Y[expected.labels_ == k]).argmax() for k in range(3)]
    assert np.array_equal(made.predict(X), np.take(names, expected.labels_))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_clusters_that_are_the_labels_are_found(algorithm):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2)) + 100 * np.array([[0, 0], [0, 1], [1, 0]])[Y]
    names = np.array(["blues", "jazz", "rock"])[Y]
    made = ClusterVote(algorithm).fit(x, names)
    assert np.array_equal(made.predict(x), names)
    assert list(made.classes_) == ["blues", "jazz", "rock"]


def test_an_unknown_algorithm_is_explained():
    with pytest.raises(GenreflowError, match="no 'k_means'; did you mean 'kmeans'"):
        ClusterVote("k_means").fit(X, Y)
