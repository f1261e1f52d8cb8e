"""The study that a config describes, checked before anything runs.

A study names datasets, models and feature sets. Each of these is a file of its own under
``config/``, looked for in the working directory first and then among those that are shipped.
Everything is checked by the schemas in ``workflow/schemas``; a mistake is reported with the file,
the key and the closest name that is known.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genreflow import importing
from genreflow.audio.settings import DecodeSettings
from genreflow.errors import GenreflowError, require_known
from genreflow.evaluation.names import OVERALL
from genreflow.models.check import check_model, check_parameters
from genreflow.network_settings import NETWORKS, USUAL_MODULE, check_network
from genreflow.protocol import (
    check_lists,
    check_one_fold,
    check_targets,
    check_targets_of_runs,
    read_clusterings,
    read_splits,
)
from genreflow.runs import check_runs
from genreflow.schema import SHIPPED, check, check_file, read_part, schema_of
from genreflow.variants.names import ORIGINAL
from genreflow.weights import Weights

# What a model's `weights` says where there are none.
FROM_SCRATCH = "none"

# Keys of a study that change how it is worked on, and nothing in its results.
HANDLING = ("accept_loss", "batch_size", "keep_audio")


@dataclass(frozen=True)
class Study:
    """A study with everything that it names, as plain dictionaries with all defaults filled in.

    Attributes
    ----------
    settings : dict
        the study itself
    datasets, models, features, clusterings : dict[str, dict]
        what it names; models by run
    weights : dict[str, Weights]
        pretrained weights that its models and feature sets name
    """

    settings: dict[str, Any]
    datasets: dict[str, dict] = field(default_factory=dict)
    models: dict[str, dict] = field(default_factory=dict)
    features: dict[str, dict] = field(default_factory=dict)
    clusterings: dict[str, dict] = field(default_factory=dict)
    weights: dict[str, Weights] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the study, which is its folder under results/studies."""
        return self.settings["study"]

    def described(self) -> dict[str, Any]:
        """What a reader is told: the settings, and the titles of models and datasets."""
        kept = ("title", "citation")
        return {k: v for k, v in self.settings.items() if k not in HANDLING} | {
            "titles": {run: model["title"] for run, model in self.models.items()},
            "datasets": {
                name: {key: dataset[key] for key in kept if key in dataset}
                for name, dataset in self.datasets.items()
            },
        }

    def dataset_of(self, split: str) -> str:
        """Name of the dataset that a split divides."""
        return self.settings["splits"][split]["dataset"]

    def pairs(self) -> list[tuple[str, str]]:
        """All (run, split) of the study, in the order of the config."""
        return [
            (run, split)
            for run, spec in self.settings["runs"].items()
            for split in spec.get("splits", self.settings["splits"])
        ]

    def table_set(self, dataset: str) -> str | None:
        """Name of the feature set that a dataset's table gives; None for a dataset of audio."""
        return _table_set(self.datasets[dataset])

    def described_as(self, dataset: str) -> list[tuple[str, str]]:
        """All (feature set, variant) of a dataset that its runs need, or the study asks for."""
        needed = [(features, ORIGINAL) for features in self.settings["features"]]
        for run, split in self.pairs():
            if self.dataset_of(split) == dataset:
                spec = self.settings["runs"][run]
                variants = [ORIGINAL, *spec["variants"], spec.get("test_variant", ORIGINAL)]
                needed += [(name, variant) for name in spec["features"] for variant in variants]
        for clustering, split in self.clustered():
            if self.dataset_of(split) == dataset:
                needed.append((self.features_of_clusters(clustering, split), ORIGINAL))
        if given := self.table_set(dataset):
            return [(given, ORIGINAL)]
        return list(dict.fromkeys(needed))

    def clustered(self) -> list[tuple[str, str]]:
        """All (clustering, split) whose clusters are labels of another split."""
        made = self.settings["splits"].values()
        pairs = [(s["clustering"], s["of"]) for s in made if s["method"] == "clusters"]
        return list(dict.fromkeys(pairs))

    def weights_of(self, run: str) -> list[Weights]:
        """The pretrained weights that a run needs, for its model or its feature sets."""
        specs = [self.models[run], *map(self.features.get, self.settings["runs"][run]["features"])]
        names = [spec["weights"]["name"] for spec in specs if spec.get("weights")]
        return [self.weights[name] for name in dict.fromkeys(names)]

    def explained(self) -> list[tuple[str, str]]:
        """All (run, split) whose models are explained."""
        return [(entry["run"], entry["split"]) for entry in self.settings["explain"]]

    def named_by_model(self, run: str) -> list[str]:
        """Import paths that a run's model names; a network that names no module takes the usual."""
        model = self.models[run]
        named = [model["estimator"], model.get("scaler")]
        usual = USUAL_MODULE if model["estimator"] in NETWORKS else None
        named.append(model["parameters"].get("module", usual))
        named += model.get("search", {}).get("space", {}).get("module", [])
        return list(dict.fromkeys(filter(None, named)))

    def features_of_clusters(self, clustering: str, split: str) -> str:
        """Name of the feature set by which a clustering compares labels."""
        wished = self.clusterings[clustering].get("features")
        return wished or self.table_set(self.dataset_of(split)) or ""


def read_study(config: Mapping[str, Any], *, source: str, folder: Path = Path()) -> Study:
    """Check a study's config and read what it names.

    Parameters
    ----------
    config : mapping
        the merged config
    source : str
        the files that it came from, for error messages
    folder : Path
        the working directory, whose config/ goes before the shipped one

    Returns
    -------
    Study

    Raises
    ------
    GenreflowError
        where a key, type, name or path is wrong
    """
    settings = check(config, schema_of("study"), source)
    settings.setdefault("title", settings["study"])
    settings["splits"] = read_splits(settings, config, source)
    splits, runs = settings["splits"], settings["runs"]
    for run in runs.values():
        given = run["features"]
        run["features"] = [given] if isinstance(given, str) else given
    names = sorted({split["dataset"] for split in splits.values()})
    datasets = {name: _read_dataset(name, source, folder) for name in names}
    check_lists(splits, datasets, source)
    check_targets(splits, datasets, source)
    features = _sets_of_tables(datasets) | _read_features(folder)
    _check_tables(datasets, features)
    _check_names(settings, features, source)
    check_targets_of_runs(runs, splits, source)
    statistics, limits = settings["statistics"], settings["limits"]
    statistics["resamples"] = min(statistics["resamples"], limits.get("resamples", 10**9))
    used = [*(name for run in runs.values() for name in run["features"]), *settings["features"]]
    weights = _read_weights(folder)
    for name in dict.fromkeys(used):
        if "function" in features[name]:
            _check_features(features[name], f"config/features.yaml: {name}")
        _locate(features[name], weights, f"config/features.yaml: {name}.weights", folder)
    study = Study(
        settings=settings,
        datasets=datasets,
        models={
            name: _model_of(run, f"{source}: runs.{name}", limits, weights, folder)
            for name, run in runs.items()
        },
        features={name: features[name] for name in used},
        clusterings=read_clusterings(settings["clusterings"], source, folder),
        weights=weights,
    )
    check_one_fold(splits, study.clusterings, source)
    check_runs(study, features, source)
    return study


def _check_names(settings: Mapping[str, Any], features: Mapping[str, Mapping], source: str) -> None:
    """Refuse names of runs, splits and feature sets that there are not."""
    splits, runs = settings["splits"], settings["runs"]
    for name, run in runs.items():
        for wished in run["features"]:
            require_known(wished, features, f"{source}: runs.{name}.features", "feature sets")
        for split in run.get("splits", splits):
            require_known(split, splits, f"{source}: runs.{name}.splits", "splits")
    for key in ("published", "explain"):
        for number, entry in enumerate(settings[key]):
            where = f"{source}: {key}.{number}"
            require_known(entry["run"], runs, f"{where}.run", "runs")
            known = runs[entry["run"]].get("splits", splits)
            require_known(entry["split"], known, f"{where}.split", f"splits of {entry['run']}")
            if "metric" in entry:
                metrics = OVERALL[splits[entry["split"]]["task"]]
                what = f"metrics of the split {entry['split']!r}"
                require_known(entry["metric"], metrics, f"{where}.metric", what)
    for name in settings["features"]:
        require_known(name, features, f"{source}: features", "feature sets")


def _model_of(
    run: Mapping, where: str, limits: Mapping, weights: Mapping[str, Weights], folder: Path
) -> dict[str, Any]:
    """The model that a run names, with the run's own hyper-parameters and weights."""
    model = read_part("model", run["model"], f"{where}.model", folder)
    model["parameters"] = model["parameters"] | run["parameters"]
    model["weights"] = run.get("weights", model["weights"])
    if model["weights"] == FROM_SCRATCH:
        del model["weights"]
    _locate(model, weights, f"{where}.weights", folder)
    if "weights" in model:
        model["parameters"]["weights"] = model["weights"]["path"]
    model.setdefault("title", run["model"])
    if "search" in model and "search_iterations" in limits:
        # A random sample of a grid, where the whole would take too long.
        iterations = min(model["search"]["iterations"], limits["search_iterations"])
        model["search"] |= {"method": "randomized", "iterations": iterations}
    if "epochs" in model["parameters"] and "epochs" in limits:
        model["parameters"]["epochs"] = min(model["parameters"]["epochs"], limits["epochs"])
    told = f"{where}: config/models/{run['model']}.yaml"
    check_model(told, model)
    if model["estimator"] in NETWORKS:
        check_network(told, model)
    return model


def _read_dataset(name: str, where: str, folder: Path) -> dict[str, Any]:
    """The dataset of a name, whose audio settings make sense."""
    dataset = read_part("dataset", name, f"{where}: dataset", folder)
    if "make" in dataset:
        importing.check(dataset["make"], needed_by=f"config/datasets/{name}.yaml: make")
    if dataset["kind"] == "audio":
        try:
            DecodeSettings(**dataset["audio"])
        except GenreflowError as error:
            raise GenreflowError(f"config/datasets/{name}.yaml: {error}") from None
    return dataset


def _read_features(folder: Path) -> dict[str, dict]:
    """The feature sets that are shipped, and those of the working directory."""
    return _read_entries("features", folder)


def _read_weights(folder: Path) -> dict[str, Weights]:
    """The pretrained weights that are known, and those of the working directory."""
    return {
        name: Weights(name, **entry) for name, entry in _read_entries("weights", folder).items()
    }


def _read_entries(kind: str, folder: Path) -> dict[str, dict]:
    """Entries of config/KIND.yaml, the shipped one and that of the working directory."""
    bases = {SHIPPED.resolve(): SHIPPED, folder.resolve(): folder}
    entries: dict[str, dict] = {}
    for base in bases.values():
        if (base / f"config/{kind}.yaml").is_file():
            entries |= check_file(kind, f"config/{kind}.yaml", base)
    return entries


def _locate(spec: dict[str, Any], weights: Mapping[str, Weights], where: str, folder: Path) -> None:
    """Put what is known of the weights in the place of their name."""
    if "weights" in spec and isinstance(spec["weights"], str):
        require_known(spec["weights"], weights, where, "weights")
        spec["weights"] = weights[spec["weights"]].located(folder)


def _table_set(dataset: Mapping[str, Any]) -> str | None:
    return dataset["feature_set"] if dataset["kind"] == "table" else None


def _sets_of_tables(datasets: Mapping[str, Mapping]) -> dict[str, dict]:
    """The feature sets that tables give and config/features.yaml does not know."""
    given = filter(None, map(_table_set, datasets.values()))
    return {name: {"gives": "vector", "min_seconds": 0} for name in given}


def _check_tables(datasets: Mapping[str, Mapping], features: Mapping[str, Mapping]) -> None:
    """Refuse a table whose feature set is known to be of arrays."""
    for name, dataset in datasets.items():
        if (given := _table_set(dataset)) and features[given]["gives"] != "vector":
            raise GenreflowError(
                f"config/datasets/{name}.yaml: feature_set: {given!r} of config/features.yaml "
                "gives arrays, and a table gives vectors; choose another name"
            )


def _check_features(spec: Mapping[str, Any], where: str) -> None:
    """Refuse a feature set whose function is not there, or whose keys contradict each other."""
    importing.check(spec["function"], needed_by=f"{where}.function")
    known = importing.keywords(spec["function"])
    if known is not None:
        check_parameters(spec["parameters"], known, spec["function"], f"{where}.parameters")
    _check_told(spec, known, where)
    if "dtype" in spec and spec["gives"] != "array":
        raise GenreflowError(f"{where}.dtype: only arrays are kept as another type")
    if spec.get("segment_seconds", math.inf) < spec["min_seconds"]:
        raise GenreflowError(
            f"{where}.segment_seconds: no segment would be described; min_seconds is "
            f"{spec['min_seconds']:g}"
        )


def _check_told(spec: Mapping[str, Any], known: list[str] | None, where: str) -> None:
    """Refuse weights that a function does not take, and one that is not told all it needs."""
    function = spec["function"]
    if "weights" in spec and known is not None and "weights" not in known:
        raise GenreflowError(f"{where}: {function} takes no 'weights'; take them out")
    # The sample rate and the seed are told by the workflow.
    told = {"sr", "seed", *spec["parameters"], *(["weights"] if "weights" in spec else [])}
    for name in importing.needed(function):
        if name not in told:
            advice = "weights: NAME" if name == "weights" else f"parameters: {{{name}: VALUE}}"
            raise GenreflowError(
                f"{where}: {function.rpartition('.')[2]} needs {name!r}; say '{advice}'"
            )
