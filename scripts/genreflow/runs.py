"""The runs of a study: which models, feature sets, variants and splits go together."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genreflow.errors import GenreflowError, require_known
from genreflow.models.check import LABELS, NUMBERS, tells
from genreflow.variants.names import parse

if TYPE_CHECKING:
    from genreflow.config import Study


def check_runs(study: "Study", features: Mapping[str, Mapping], source: str) -> None:
    """Refuse runs that cannot be done, whatever the data are.

    Parameters
    ----------
    study : Study
    features : mapping of str to mapping
        all feature sets that there are
    source : str
        the files that it came from, for messages

    Raises
    ------
    GenreflowError
        naming the run, what is wrong, and what to do
    """
    for name, run in study.settings["runs"].items():
        where = f"{source}: runs.{name}"
        _check_run(run, where)
        _check_taken(study, name, features, where)
    for run, split in study.pairs():
        for name in study.settings["runs"][run]["features"]:
            _check_given(study, split, name, f"{source}: runs.{run}")
        _check_task(study, run, split, f"{source}: runs.{run}")
    _check_variants(study, source)
    _check_clustered(study, source)
    _check_explained(study, source)


def _check_run(run: Mapping[str, Any], where: str) -> None:
    """Refuse variants that there are not."""
    for key, variants in (
        ("variants", run["variants"]),
        ("test_variant", [run["test_variant"]] if "test_variant" in run else []),
    ):
        for variant in variants:
            try:
                parse(variant)
            except GenreflowError as error:
                raise GenreflowError(f"{where}.{key}: {error}") from None


def _check_taken(study: "Study", run: str, features: Mapping[str, Mapping], where: str) -> None:
    """Refuse feature sets that a run's model does not take, or not together."""
    spec, model = study.settings["runs"][run], study.models[run]
    sets = {name: study.features[name] for name in spec["features"]}
    arrays = [name for name, own in sets.items() if own["gives"] == "array"]
    if arrays and model["takes"] == "vectors":
        fitting = ", ".join(name for name, own in features.items() if own["gives"] == "vector")
        raise GenreflowError(
            f"{where}: the feature set {arrays[0]!r} gives arrays, and the model {spec['model']!r} "
            f"takes vectors; sets of vectors are {fitting}. Models of arrays say 'takes: arrays'"
        )
    if len({own.get("segment_seconds") for own in sets.values()}) > 1:
        raise GenreflowError(
            f"{where}.features: {', '.join(sets)} describe segments of different lengths, which do "
            "not go together"
        )


def _check_task(study: "Study", run: str, split: str, where: str) -> None:
    """Refuse a model that tells labels where numbers are predicted, or the other way round."""
    model, numbers = study.models[run], study.settings["splits"][split]["task"] == "regression"
    wanted, other = (NUMBERS, LABELS) if numbers else (LABELS, NUMBERS)
    if tells(model["estimator"]) == other:
        fitting = "random_forest_regressor or ridge" if numbers else "random_forest"
        raise GenreflowError(
            f"{where}: {model['estimator']} tells {other}, and the split {split!r} is of {wanted}; "
            f"choose a model such as {fitting}, or name the run's splits"
        )
    if numbers and model["calibrate"]:
        raise GenreflowError(
            f"{where}: calibrate: probabilities are fitted by it, and the split {split!r} is of "
            "numbers; say 'calibrate: false'"
        )
    scoring = model.get("search", {}).get("scoring")
    if scoring and scoring.startswith(("r2", "neg_mean_")) != numbers:
        fitting = "r2, neg_mean_squared_error or neg_mean_absolute_error" if numbers else "accuracy"
        raise GenreflowError(
            f"{where}: search.scoring: {scoring!r} is of {other}, and the split {split!r} of "
            f"{wanted}; say such as {fitting}"
        )


def _check_given(study: "Study", split: str, name: str, where: str) -> None:
    """Refuse a feature set that the dataset of a split cannot give."""
    dataset = study.dataset_of(split)
    given = study.table_set(dataset)
    if given is None and "function" not in study.features[name]:
        raise GenreflowError(
            f"{where}: the feature set {name!r} comes from a table, and the dataset {dataset!r} of "
            f"the split {split!r} is audio; name the run's splits"
        )
    if given is not None and name != given:
        raise GenreflowError(
            f"{where}: the dataset {dataset!r} of the split {split!r} is a table, which gives the "
            f"feature set {given!r} and not {name!r}; name the run's splits"
        )


def _check_variants(study: "Study", source: str) -> None:
    """Refuse variants of what is no audio."""
    for run, split in study.pairs():
        spec = study.settings["runs"][run]
        if study.table_set(study.dataset_of(split)) and (
            spec["variants"] or "test_variant" in spec
        ):
            raise GenreflowError(
                f"{source}: runs.{run}: the split {split!r} is of a table, and variants are "
                "made of audio; name the run's splits"
            )


def _check_clustered(study: "Study", source: str) -> None:
    """See that every clustering has vectors to compare labels by."""
    for clustering, split in study.clustered():
        where = f"{source}: clusterings.{clustering}"
        name = study.features_of_clusters(clustering, split)
        if not name:
            raise GenreflowError(f"{where}: needs 'features', the set to compare labels by")
        require_known(name, study.features, f"{where}.features", "feature sets of the runs")
        _check_given(study, split, name, where)
        if study.features[name]["gives"] != "vector":
            raise GenreflowError(f"{where}.features: {name!r} gives arrays, not vectors")


def _check_explained(study: "Study", source: str) -> None:
    """Refuse explanations of what is not learned from one set of vectors, or is no label."""
    for number, (run, split) in enumerate(study.explained()):
        where = f"{source}: explain.{number}"
        sets = study.settings["runs"][run]["features"]
        if study.models[run]["takes"] == "arrays" or len(sets) > 1:
            raise GenreflowError(
                f"{where}.run: {run!r} learns from arrays or from several feature sets; what can "
                "be explained are runs on one set of vectors"
            )
        if study.settings["splits"][split]["task"] == "regression":
            raise GenreflowError(
                f"{where}.split: {split!r} is of numbers; what can be explained are labels"
            )
