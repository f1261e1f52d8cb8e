"""The study that a config describes, checked before anything runs.

A study names datasets, models and feature sets. Each of these is a file of its own under
``config/``, looked for in the working directory first and then among those that are shipped.
Everything is checked by the schemas in ``workflow/schemas``; a mistake is reported with the file,
the key and the closest name that is known.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from genreflow import importing
from genreflow.audio.settings import DecodeSettings
from genreflow.datasets import gtzan
from genreflow.errors import GenreflowError, closest
from genreflow.models.check import check_model, check_parameters
from genreflow.variants.names import ORIGINAL, parse

SHIPPED = Path(__file__).parents[2]

# Lists that published formats of `lists` bring along.
LISTS = {"gtzan": tuple(gtzan.SPLITS)}

# Keys of a study that change how it is worked on, and nothing in its results.
HANDLING = ("accept_loss", "batch_size", "keep_audio")

# Keys of a split beside `method` and `dataset`, by method.
SPLIT_KEYS = {
    "fixed": ("test", "validation", "group", "seed"),
    "stratified": ("test", "validation", "repeats", "seed"),
    "stratified_kfold": ("folds", "validation", "repeats", "seed"),
    "group": ("test", "validation", "repeats", "seed"),
    "stratified_group_kfold": ("folds", "validation", "repeats", "seed"),
    "given": ("list", "merge_validation"),
    "published": ("test", "stratify", "seed"),
}


@dataclass(frozen=True)
class Study:
    """A study with everything that it names, as plain dictionaries with all defaults filled in.

    Attributes
    ----------
    settings : dict
        the study itself
    datasets, models, features : dict[str, dict]
        what it names
    """

    settings: dict[str, Any]
    datasets: dict[str, dict] = field(default_factory=dict)
    models: dict[str, dict] = field(default_factory=dict)
    features: dict[str, dict] = field(default_factory=dict)

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

    def described_as(self, dataset: str) -> list[tuple[str, str]]:
        """All (feature set, variant) of a dataset that its runs need, or the study asks for."""
        needed = [(features, ORIGINAL) for features in self.settings["features"]]
        for run, split in self.pairs():
            if self.dataset_of(split) == dataset:
                spec = self.settings["runs"][run]
                variants = [ORIGINAL, *spec["variants"], spec.get("test_variant", ORIGINAL)]
                needed += [(spec["features"], variant) for variant in variants]
        return list(dict.fromkeys(needed))


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
    settings = check(config, _schema("study"), source)
    settings.setdefault("title", settings["study"])
    features = _read_features(folder)
    for name, split in settings["splits"].items():
        written = config["splits"][name]
        _check_split(split, written, f"{source}: splits.{name}")
        settings["splits"][name] = _limited_split(split, settings)
    for name, run in settings["runs"].items():
        _known(run["features"], features, f"{source}: runs.{name}.features", "feature sets")
        _check_run(run, features, f"{source}: runs.{name}")
        for split in run.get("splits", ()):
            _known(split, settings["splits"], f"{source}: runs.{name}.splits", "splits")
    for number, entry in enumerate(settings["published"]):
        _known(entry["run"], settings["runs"], f"{source}: published.{number}.run", "runs")
        _known(entry["split"], settings["splits"], f"{source}: published.{number}.split", "splits")
    for name in settings["features"]:
        _known(name, features, f"{source}: features", "feature sets")
    statistics, limits = settings["statistics"], settings["limits"]
    statistics["resamples"] = min(statistics["resamples"], limits.get("resamples", 10**9))
    datasets = sorted({split["dataset"] for split in settings["splits"].values()})
    used = [*(run["features"] for run in settings["runs"].values()), *settings["features"]]
    for name in used:
        _check_features(features[name], f"config/features.yaml: {name}")
    read = {name: _read_dataset(name, source, folder) for name in datasets}
    for name, split in settings["splits"].items():
        if "list" in split:
            lists = _lists_of(read[split["dataset"]])
            _known(split["list"], lists, f"{source}: splits.{name}.list", "dataset's lists")
    return Study(
        settings=settings,
        datasets=read,
        models={
            name: _model_of(run, f"{source}: runs.{name}", limits, folder)
            for name, run in settings["runs"].items()
        },
        features={name: features[name] for name in used},
    )


def check(value: Mapping[str, Any], schema: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Check a config against a JSON schema, and fill in the schema's defaults.

    Parameters
    ----------
    value, schema : mapping
    source : str
        the file, for error messages

    Returns
    -------
    dict
        a deep copy with defaults

    Raises
    ------
    GenreflowError
        naming file, key, and the closest valid name
    """
    if not isinstance(value, Mapping):
        raise GenreflowError(f"{source}: expected keys and values, found {_kind(value)}")
    from jsonschema import Draft202012Validator

    plain = _plain(value)
    errors = sorted(
        Draft202012Validator(schema).iter_errors(plain), key=lambda e: list(map(str, e.path))
    )
    if errors:
        lines = dict.fromkeys(f"{source}: {_explain(error)}" for error in errors)
        raise GenreflowError("\n".join(lines))
    return _with_defaults(plain, schema)


def _explain(error) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    prefix = f"{where}: " if where else ""
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", ()))
        extra = [key for key in error.instance if key not in known]
        return "; ".join(f"{prefix}unknown key {key!r}{closest(key, known)}" for key in extra)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{prefix}missing {' and '.join(map(repr, missing))}"
    if error.validator == "enum":
        near = closest(error.instance, error.validator_value)
        return f"{prefix}{error.instance!r} is not known{near}"
    if error.validator == "type":
        expected = error.validator_value
        expected = " or ".join(expected) if isinstance(expected, list) else expected
        return f"{prefix}expected {expected}, found {_kind(error.instance)}"
    return f"{prefix}{error.message}"


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}
    return names.get(type(value), f"a {type(value).__name__}") + f" ({value!r})"


def _known(name: str, known: Iterable[str], where: str, what: str) -> None:
    known = list(known)
    if name not in known:
        raise GenreflowError(f"{where}: {name!r} is not one of the {what}{closest(name, known)}")


def _check_split(split: Mapping, written: Mapping, where: str) -> None:
    """Refuse keys that mean nothing to the split's method, and shares that leave nothing."""
    allowed = ("method", "dataset", *SPLIT_KEYS[split["method"]])
    for key in written:
        if key not in allowed:
            raise GenreflowError(
                f"{where}: {key!r} means nothing to the method {split['method']!r}; "
                f"its keys are {', '.join(allowed)}"
            )
    if split["method"] == "given" and "list" not in split:
        raise GenreflowError(f"{where}: the method 'given' needs 'list', the name of the list")
    if "test" in allowed and split["test"] + split["validation"] >= 1:
        raise GenreflowError(f"{where}: test and validation leave nothing to train on")


def _limited_split(split: Mapping, settings: Mapping) -> dict[str, Any]:
    """The keys that the method knows, at most as large as the study's limits."""
    allowed = ("method", "dataset", *SPLIT_KEYS[split["method"]])
    kept = {"dataset": settings["dataset"]} | {k: v for k, v in split.items() if k in allowed}
    limits = settings["limits"]
    return kept | {
        k: min(kept[k], limits[k]) for k in ("folds", "repeats") if {k} <= kept.keys() & limits
    }


def _model_of(run: Mapping, where: str, limits: Mapping, folder: Path) -> dict[str, Any]:
    """The model that a run names, with the run's own hyper-parameters."""
    model = _read_part("model", run["model"], f"{where}.model", folder)
    model["parameters"] = model["parameters"] | run["parameters"]
    model.setdefault("title", run["model"])
    if "search" in model and "search_iterations" in limits:
        # A random sample of a grid, where the whole would take too long.
        iterations = min(model["search"]["iterations"], limits["search_iterations"])
        model["search"] |= {"method": "randomized", "iterations": iterations}
    check_model(f"{where}: config/models/{run['model']}.yaml", model)
    return model


def _read_dataset(name: str, where: str, folder: Path) -> dict[str, Any]:
    """The dataset of a name, whose audio settings make sense."""
    dataset = _read_part("dataset", name, f"{where}: dataset", folder)
    if "make" in dataset:
        importing.check(dataset["make"], needed_by=f"config/datasets/{name}.yaml: make")
    try:
        DecodeSettings(**dataset["audio"])
    except GenreflowError as error:
        raise GenreflowError(f"config/datasets/{name}.yaml: {error}") from None
    return dataset


def _read_part(kind: str, name: str, where: str, folder: Path) -> dict[str, Any]:
    """Read and check the file of a dataset or a model."""
    inside = f"config/{kind}s"
    for base in (folder, SHIPPED):
        if (base / inside / f"{name}.yaml").is_file():
            return _checked(kind, f"{inside}/{name}.yaml", base)
    known = {p.stem for base in (folder, SHIPPED) for p in (base / inside).glob("*.yaml")}
    raise GenreflowError(
        f"{where}: there is no {kind} {name!r}, which would be the file {inside}/{name}.yaml"
        f"{closest(name, sorted(known))}"
    )


def _read_features(folder: Path) -> dict[str, dict]:
    """The feature sets that are shipped, and those of the working directory."""
    bases = {SHIPPED.resolve(): SHIPPED, folder.resolve(): folder}
    sets: dict[str, dict] = {}
    for base in bases.values():
        if (base / "config/features.yaml").is_file():
            sets |= _checked("features", "config/features.yaml", base)
    return sets


def _checked(kind: str, file: str, base: Path) -> dict[str, Any]:
    return check(read_yaml(base / file), _schema(kind), file)


def _lists_of(dataset: Mapping[str, Any]) -> list[str]:
    """Names of the lists that give the tracks of a dataset their parts."""
    published = LISTS.get(dataset.get("lists"), ())
    return sorted({*dataset.get("columns", {}).get("given", {}), *published})


def _check_run(run: Mapping[str, Any], features: Mapping[str, Mapping], where: str) -> None:
    """Refuse variants that there are not, and features that no model takes."""
    for key, variants in (
        ("variants", run["variants"]),
        ("test_variant", [run["test_variant"]] if "test_variant" in run else []),
    ):
        for variant in variants:
            try:
                parse(variant)
            except GenreflowError as error:
                raise GenreflowError(f"{where}.{key}: {error}") from None
    if features[run["features"]]["gives"] == "array":
        fitting = ", ".join(name for name, spec in features.items() if spec["gives"] == "vector")
        raise GenreflowError(
            f"{where}: the feature set {run['features']!r} gives arrays, and the model "
            f"{run['model']!r} takes vectors; sets of vectors are {fitting}"
        )


def _check_features(spec: Mapping[str, Any], where: str) -> None:
    """Refuse a feature set whose function is not there, or whose keys contradict each other."""
    importing.check(spec["function"], needed_by=f"{where}.function")
    known = importing.keywords(spec["function"])
    if known is not None:
        check_parameters(spec["parameters"], known, spec["function"], f"{where}.parameters")
    if "dtype" in spec and spec["gives"] != "array":
        raise GenreflowError(f"{where}.dtype: only arrays are kept as another type")
    if spec.get("segment_seconds", math.inf) < spec["min_seconds"]:
        raise GenreflowError(
            f"{where}.segment_seconds: no segment would be described; min_seconds is "
            f"{spec['min_seconds']:g}"
        )


def read_yaml(path: Path) -> Any:
    """Read a YAML file as plain data.

    Raises
    ------
    GenreflowError
        where the file is not YAML, or has a key twice; the message names file and line
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for key in keys:
                if keys.count(key) > 1:
                    line = node.start_mark.line + 1
                    raise GenreflowError(f"{path}, line {line} on: the key {key!r} stands twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(path.read_bytes(), Loader=Loader)
    except yaml.YAMLError as error:
        raise GenreflowError(f"{path}: not YAML: {error}") from None


@cache
def _schema(kind: str) -> dict[str, Any]:
    return read_yaml(SHIPPED / "workflow" / "schemas" / f"{kind}.schema.yaml")


def _with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "integer":
        return int(value)  # 4.0 is an integer to JSON schema
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        others = others if isinstance(others, Mapping) else {}
        filled = {k: _with_defaults(v, known.get(k, others)) for k, v in value.items()}
        for key, part in known.items():
            if key not in filled and "default" in part:
                filled[key] = _with_defaults(_plain(part["default"]), part)
        return filled
    if isinstance(value, list):
        return [_with_defaults(item, schema.get("items", {})) for item in value]
    return value


def _plain(value: Any) -> Any:
    """A deep copy made of dict, list and scalars."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
