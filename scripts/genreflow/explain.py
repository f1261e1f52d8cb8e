"""What a trained model goes by: Shapley values of its probabilities, and permutation importance.

A Shapley value [1]_ says how far the value of a feature moved the probability of a label, away from
what the model gives without knowing any feature; the values of all features add up to what it gives
the track. Those of forests are computed exactly, not knowing a feature being what the trees saw in
training [2]_. Those of other models are estimated: features that are not known take their values
from tracks of the training part, and are made known in random orders [3]_. Permutation importance
[4]_ says how many of the tracks that a model gets right it loses when a feature is shuffled among
the tracks.

.. [1] Lundberg, Lee (2017): A Unified Approach to Interpreting Model Predictions. NeurIPS.
.. [2] Lundberg et al. (2020): From local explanations to global understanding with explainable AI
   for trees. Nature Machine Intelligence 2, 56-67.
.. [3] Strumbelj, Kononenko (2014): Explaining prediction models and individual predictions with
   feature contributions. Knowledge and Information Systems 41, 647-665.
.. [4] Breiman (2001): Random Forests. Machine Learning 45, 5-32.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from genreflow.artists import split_groups
from genreflow.errors import GenreflowError
from genreflow.evaluation.bootstrap import draw, percentile_interval
from genreflow.features.means import mean_of_known, membership
from genreflow.features.table import as_matrix, load_vectors
from genreflow.journal import progress
from genreflow.models.build import ESTIMATOR, SCALER
from genreflow.models.predict import predict_probabilities, predict_tracks
from genreflow.threads import limit_threads

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

SHAP = {
    "label": pl.String,
    "track_id": pl.String,
    "feature": pl.String,
    "value": pl.Float64,
    "shap": pl.Float64,
}
IMPORTANCE = {
    "feature": pl.String,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "metric": pl.String,
}

# Test tracks that are explained, training tracks from which unknown features take their values, and
# test tracks on which importance is measured, all drawn by the seed; how often each is shuffled.
EXPLAINED, BACKGROUND, SHUFFLED, REPEATS = 200, 100, 2000, 10
# Orders in which the features of a track are made known, and how many sets of known features they
# may come to; one order is always gone through.
ORDERS, MOST_SETS = 10, 500

# What shap's explainer of trees knows, and gives probabilities.
FORESTS = ("DecisionTreeClassifier", "ExtraTreesClassifier", "RandomForestClassifier")


@dataclass(frozen=True)
class Rows:
    """Tracks of a part, sorted by track and segment.

    Attributes
    ----------
    track_ids : np.ndarray [shape=(n,), dtype=str]
    X : np.ndarray [shape=(n, n_features)]
        NaN where a value is missing
    """

    track_ids: np.ndarray
    X: np.ndarray

    @property
    def tracks(self) -> list[str]:
        """The tracks, one time each."""
        return np.unique(self.track_ids).tolist()

    @property
    def firsts(self) -> np.ndarray:
        """Where the rows of each track begin."""
        return np.unique(self.track_ids, return_index=True)[1]

    def of(self, tracks: Sequence[str], most: int, *, seed: Sequence[int]) -> "Rows":
        """Rows of at most so many of the tracks, drawn by a seed."""
        known = np.intersect1d(self.track_ids, np.asarray(tracks, dtype=str))
        if len(known) > most:
            known = np.random.default_rng(seed).choice(known, most, replace=False)
        chosen = np.isin(self.track_ids, known)
        return Rows(self.track_ids[chosen], self.X[chosen])


def explain_model(
    pipeline: "Pipeline",
    classes: Sequence[str],
    *,
    tracks: pl.DataFrame,
    split: pl.DataFrame,
    features: Sequence[str],
    thresholds: Mapping[str, float] | None,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Explain the model of the first fold by the tracks of its test part.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        the fitted model
    classes : sequence of str
        its labels
    tracks : pl.DataFrame
        the tracks table
    split : pl.DataFrame [columns: track_id, repeat, fold, part, labels, ...]
        the split, of which repeat 0, fold 0 is taken
    features : sequence of str
        feature tables of the dataset's batches
    thresholds : mapping of str to float, or None
        from which probability on a track gets a label; None where it gets the most probable one
    confidence : float in (0, 1)
        level of the intervals
    resamples : int > 0
        of the bootstrap over artists that gives them
    seed : int >= 0

    Returns
    -------
    shap : pl.DataFrame [columns: label, track_id, feature, value, shap]
        of at most `EXPLAINED` tracks: the feature's value as it stands in the table, null where it
        is missing, and how far it moved the label's probability. A track of several segments has
        their means.
    importance : pl.DataFrame [columns: feature, mean, low, high, metric]
        of at most `SHUFFLED` tracks: by how much the metric falls when the feature is shuffled, the
        mean over `REPEATS` times, with an interval; ``accuracy``, or ``exact_match`` where there
        are thresholds

    Raises
    ------
    GenreflowError
        if a part has no tracks with features, or the features are not those of the model
    """
    import shap  # noqa: F401  (threads of libraries are limited once they are loaded)

    fold = split.filter(pl.col("repeat") == 0, pl.col("fold") == 0)
    rows, names = _read_rows(features, tracks.join(fold, on="track_id", how="semi"))
    expected = getattr(pipeline, "n_features_in_", len(names))
    if len(names) != expected:
        raise GenreflowError(
            f"the model was trained on {expected} features, the tables have {len(names)}: "
            "train it again"
        )
    parts = {part: own["track_id"].to_list() for (part,), own in fold.group_by("part")}
    for part in ("train", "test"):
        if not np.isin(rows.track_ids, parts.get(part, [])).any():
            raise GenreflowError(f"the {part} part of the first fold has no tracks with features")
    multi_label = thresholds is not None
    explained = rows.of(parts["test"], EXPLAINED, seed=[seed, 0])
    background = rows.of(parts["train"], BACKGROUND, seed=[seed, 1])
    shuffled = rows.of(parts["test"], SHUFFLED, seed=[seed, 2])
    with limit_threads(1):
        values = shapley_values(
            pipeline, explained.X, background.X, multi_label=multi_label, seed=seed
        )
        told = _told(explained, values, names, classes)
        is_right = _judge(fold, shuffled.tracks, classes, thresholds)
        drops = shuffle_features(pipeline, shuffled, is_right, multi_label=multi_label, seed=seed)
        artists = _artists(tracks, split, shuffled.tracks)
        weights = draw(artists.max() + 1, resamples, seed)[artists].astype(np.float64)
        drawn = drops.T @ weights / weights.sum(axis=0)
    low, high = zip(*(percentile_interval(own, confidence) for own in drawn), strict=True)
    metric = "exact_match" if multi_label else "accuracy"
    columns = {"feature": names, "mean": drops.mean(axis=0), "low": low, "high": high}
    return told, pl.DataFrame(columns | {"metric": metric}, schema=IMPORTANCE)


def shapley_values(
    pipeline: "Pipeline", X: np.ndarray, background: np.ndarray, *, multi_label: bool, seed: int
) -> np.ndarray:
    """How far each feature moves the probability of each label.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model of n_labels labels
    X, background : np.ndarray [shape=(n, n_features)] and [shape=(m, n_features)]
        rows to explain, and rows that stand for values that are not known
    multi_label : bool
        whether each label has a probability of its own
    seed : int >= 0

    Returns
    -------
    np.ndarray [shape=(n, n_features, n_labels), dtype=float64]
    """
    explain = _explain_forests(pipeline)
    if explain is None:
        explain = _explain_by_permutations(pipeline, background, multi_label, seed)
    return np.stack([explain(row[np.newaxis]) for row in progress(X, "rows explained")])


def shuffle_features(
    pipeline: "Pipeline",
    rows: Rows,
    is_right: Callable[[np.ndarray], np.ndarray],
    *,
    multi_label: bool,
    seed: int,
) -> np.ndarray:
    """How much of each track is lost when a feature is shuffled among the rows.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model
    rows : Rows
    is_right : callable
        from the probabilities of the tracks [shape=(n_tracks, n_labels)] to whether each is guessed
        right [shape=(n_tracks,), dtype=bool]
    multi_label : bool
        whether each label has a probability of its own
    seed : int >= 0

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_features)]
        1 where a track is right as it is and always wrong with the feature shuffled, -1 the other
        way round; means over `REPEATS` times
    """

    def score(X: np.ndarray) -> np.ndarray:
        _, scores = predict_tracks(pipeline, X, rows.track_ids, multi_label=multi_label)
        return is_right(scores).astype(np.float64)

    right, drops = score(rows.X), []
    for column in progress(range(rows.X.shape[1]), "features shuffled"):
        rng = np.random.default_rng([seed, column])
        X, kept = rows.X.copy(), np.zeros_like(right)
        for _ in range(REPEATS):
            X[:, column] = rng.permutation(rows.X[:, column])
            kept += score(X)
        drops.append(right - kept / REPEATS)
    return np.stack(drops, axis=1)


def _read_rows(features: Sequence[str], wanted: pl.DataFrame) -> tuple[Rows, list[str]]:
    known = load_vectors(features, wanted).filter(pl.col("reason").is_null())
    names, X = as_matrix(known)
    return Rows(np.array(known["track_id"].to_list(), dtype=str), X), list(names)


def _explain_forests(pipeline: "Pipeline") -> Callable[[np.ndarray], np.ndarray] | None:
    """Explain a row by shap's explainer of trees; None where the model is not made of trees.

    The steps before the trees must leave each feature in its place, or its values would go to
    another one.
    """
    import shap
    from sklearn.base import OneToOneFeatureMixin
    from sklearn.multiclass import OneVsRestClassifier

    estimator = pipeline[ESTIMATOR]
    one_each = isinstance(estimator, OneVsRestClassifier)
    models = estimator.estimators_ if one_each else [estimator]
    # A label that all training tracks have needs no trees.
    trees = [type(model).__name__ != "_ConstantPredictor" for model in models]
    forests = [model for model, grown in zip(models, trees, strict=True) if grown]
    scaler = pipeline.named_steps.get(SCALER)
    if not (
        all(type(forest).__name__ in FORESTS for forest in forests)
        and (scaler is None or isinstance(scaler, OneToOneFeatureMixin))
    ):
        return None
    explainers = [
        shap.TreeExplainer(forest, feature_perturbation="tree_path_dependent") for forest in forests
    ]

    def explain(row: np.ndarray) -> np.ndarray:
        prepared = pipeline[:-1].transform(row) if len(pipeline) > 1 else row
        found = [explainer.shap_values(prepared)[0] for explainer in explainers]
        if not one_each:
            return found[0]
        values = np.zeros((row.shape[1], len(models)))
        values[:, trees] = np.stack([own[:, 1] for own in found], axis=1)
        return values

    return explain


def _explain_by_permutations(
    pipeline: "Pipeline", background: np.ndarray, multi_label: bool, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    import shap

    def predict(X: np.ndarray) -> np.ndarray:
        return predict_probabilities(pipeline, X, multi_label=multi_label)

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(predict, masker, seed=seed)
    of_order = 2 * background.shape[1] + 1  # there and back
    sets = max(of_order, min(MOST_SETS, ORDERS * of_order))
    return lambda row: explainer(row, max_evals=sets, silent=True).values[0]


def _told(
    rows: Rows, values: np.ndarray, names: Sequence[str], classes: Sequence[str]
) -> pl.DataFrame:
    """Shapley values as a table, sorted by label, track and the order of the features."""
    tracks, firsts = rows.tracks, rows.firsts
    counts = np.diff(firsts, append=len(values))
    means = np.add.reduceat(values, firsts) / counts[:, np.newaxis, np.newaxis]
    columns: dict[str, Any] = {
        "label": np.repeat(np.array(classes), len(tracks) * len(names)).tolist(),
        "track_id": np.tile(np.repeat(tracks, len(names)), len(classes)).tolist(),
        "feature": list(names) * (len(tracks) * len(classes)),
        "value": np.tile(mean_of_known(rows.X, firsts).ravel(), len(classes)),
        "shap": means.transpose(2, 0, 1).ravel(),
    }
    return pl.DataFrame(columns, schema=SHAP).with_columns(pl.col("value").fill_nan(None))


def _judge(
    fold: pl.DataFrame,
    tracks: list[str],
    classes: Sequence[str],
    thresholds: Mapping[str, float] | None,
) -> Callable[[np.ndarray], np.ndarray]:
    """From the tracks' probabilities to whether they have all labels of the track, and no other."""
    own = dict(fold.select("track_id", "labels").iter_rows())
    truth = membership([own[track] for track in tracks], classes)
    if thresholds is None:
        return lambda scores: truth[np.arange(len(truth)), scores.argmax(axis=1)]
    least = np.array([thresholds[label] for label in classes])
    # Labels that the model has not learned are never guessed.
    learned = truth.sum(axis=1) == [len(set(own[track])) for track in tracks]
    return lambda scores: learned & ((scores >= least) == truth).all(axis=1)


def _artists(tracks: pl.DataFrame, split: pl.DataFrame, chosen: list[str]) -> np.ndarray:
    """Number of the artist of each of some tracks."""
    groups = dict(split_groups(tracks, split).iter_rows())
    return np.unique([groups[track] for track in chosen], return_inverse=True)[1]
