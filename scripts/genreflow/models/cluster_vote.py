"""Clusters of all tracks, each named by the labels of the training tracks in it."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from genreflow.errors import GenreflowError, closest
from genreflow.threads import limit_threads


def _kmeans(n_clusters: int, seed: int) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(n_clusters, n_init=1, random_state=seed)


def _gaussian_mixture(n_clusters: int, seed: int) -> Any:
    from sklearn.mixture import GaussianMixture

    # One variance for each feature: one-hot columns have no full covariance.
    return GaussianMixture(n_clusters, covariance_type="diag", random_state=seed)


ALGORITHMS = {"kmeans": _kmeans, "gaussian_mixture": _gaussian_mixture}


class ClusterVote(ClassifierMixin, BaseEstimator):
    """Cluster the training tracks without their labels; a cluster's labels are its prediction.

    The first idea of Adzich, Koni, Mubeen, "Genre Classification using Feedforward Neural
    Networks". A track falls into one cluster, under a Gaussian mixture too: the most probable one.

    Parameters
    ----------
    algorithm : {"kmeans", "gaussian_mixture"}
        the mixture has a diagonal covariance for each cluster
    n_clusters : int > 0 or None
        None: as many as there are labels
    random_state : int >= 0

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
    n_features_in_ : int
    clusterer_ : sklearn.cluster.KMeans or sklearn.mixture.GaussianMixture
    shares_ : np.ndarray [shape=(n_clusters, n_classes), dtype=float64]
        share of each label in each cluster; in an empty one, that in the whole training part
    """

    def __init__(
        self,
        algorithm: str = "kmeans",
        n_clusters: int | None = None,
        random_state: int = 0,
    ):
        self.algorithm = algorithm
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "ClusterVote":
        """Cluster the rows of X, and count the labels in each cluster.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)]
        y : np.ndarray [shape=(n,)]

        Returns
        -------
        self

        Raises
        ------
        GenreflowError
            if there is no such algorithm
        """
        if self.algorithm not in ALGORITHMS:
            raise GenreflowError(
                f"algorithm: there is no {self.algorithm!r}{closest(self.algorithm, ALGORITHMS)}"
            )
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, label = np.unique(y, return_inverse=True)
        n_clusters = self.n_clusters or len(self.classes_)
        # With more threads than one, sums depend on the order in which they end.
        with limit_threads(1):
            self.clusterer_ = ALGORITHMS[self.algorithm](n_clusters, self.random_state).fit(X)
            cluster = self.clusterer_.predict(X)
        counts = np.zeros((n_clusters, len(self.classes_)))
        np.add.at(counts, (cluster, label), 1)
        counts[~counts.any(axis=1)] = counts.sum(axis=0)
        self.shares_ = counts / counts.sum(axis=1, keepdims=True)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Share of each label in the cluster that a row falls into.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)]

        Returns
        -------
        np.ndarray [shape=(n, n_classes), dtype=float64]
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with limit_threads(1):
            return self.shares_[self.clusterer_.predict(X)]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The commonest label of the cluster that a row falls into, the first where several are.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)]

        Returns
        -------
        np.ndarray [shape=(n,)]
        """
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]
