"""Where the figures come from: versions, seeds, digests, settings, time and memory."""

import json
from collections.abc import Callable

import yaml

from genreflow.report import numbers
from genreflow.report.material import Material


def provenance(material: Material) -> dict:
    """Return what the page's last part shows."""
    files = sorted(material.run_files, key=lambda file: (file["split"], file["run"]))
    return {
        "versions": _versions(files),
        "digests": _digests(files),
        "runs": [_run(file) for file in files],
        "config": yaml.safe_dump(material.settings, sort_keys=False, allow_unicode=True, width=96),
    }


def _versions(files: list[dict]) -> list[tuple[str, str]]:
    """Every package with its version, or versions where runs were made with several."""
    found: dict[str, set[str]] = {}
    for file in files:
        for package, version in file["versions"].items():
            found.setdefault(package, set()).add(str(version))
    return [(package, ", ".join(sorted(found[package]))) for package in sorted(found)]


def _digests(files: list[dict]) -> list[tuple[str, str, str]]:
    """Rows of kind, name and digest: snapshots, code of sets, weights, tables trained on."""
    rows = {("Data snapshot", file["dataset"], file["snapshot"]) for file in files}
    rows |= {
        ("Code of feature set", name, digest)
        for file in files
        for name, digest in file["features"].get("code", {}).items()
    }
    rows |= {
        ("Pretrained weights, SHA-256", name, digest or "not named in the config")
        for file in files
        for name, digest in _weights(file).items()
    }
    trained: dict[tuple[str, str], list[str]] = {}
    for file in files:
        trained.setdefault((file["split"], file["data_digest"]), []).append(file["run"])
    tables = [
        ("Training table", f"split {split}: {numbers.listed(runs)}", digest)
        for (split, digest), runs in trained.items()
    ]
    return sorted(rows) + tables


def _run(file: dict) -> dict:
    folds = file["folds"]
    chosen = [
        (_fold_name(fold, folds), _parameters(fold["best_parameters"]))
        for fold in folds
        if fold.get("best_parameters")
    ]
    return {
        "run": file["run"],
        "split": file["split"],
        "estimator": str(file["model"].get("estimator", "")).rsplit(".", 1)[-1],
        "parameters": _parameters(file["model"].get("parameters") or {}),
        "chosen": chosen,
        # Arrays have no columns that could be counted.
        "features": len(file["features"].get("names") or [])
        or " + ".join(file["features"]["sets"]),
        "lines": [*_begun(file), *_variants(file), *_network(folds), *_thresholds(folds)],
        "seed": file["seed"],
        "folds": len(folds),
        "threads": file.get("threads"),
        "fit": numbers.seconds(sum(fold.get("seconds_fit") or 0 for fold in folds)),
        "predict": numbers.seconds(sum(fold.get("seconds_predict") or 0 for fold in folds)),
        "seconds": numbers.seconds(file.get("seconds")),
        "memory": numbers.megabytes(file.get("peak_memory_mb")),
    }


def _weights(file: dict) -> dict[str, str | None]:
    """SHA-256 of the pretrained weights of a run's model and feature sets, by name."""
    return file.get("weights") or {}


def _begun(file: dict) -> list[str]:
    names = list(_weights(file))
    return [f"with the weights {numbers.listed(names)}"] if names else []


def _variants(file: dict) -> list[str]:
    """Lines about the copies and rows that a run is trained on, and the variant of the test."""
    copies = [
        f"{name} ({count} missing)" if count else name
        for name, count in file["missing_copies"].items()
    ]
    rows = max(fold["train_rows"] for fold in file["folds"])
    lines = []
    if copies:
        lines.append(f"trained with {', '.join(copies)}")
    if rows > max(fold["train_tracks"] for fold in file["folds"]):
        lines.append(f"trained on {numbers.counted(rows, 'row')}")
    if file["features"]["test_variant"]:
        lines.append(f"tested on {file['features']['test_variant']}")
    return lines


def _fold_name(fold: dict, folds: list[dict]) -> str:
    if len(folds) == 1:
        return ""
    repeated = len({other["repeat"] for other in folds}) > 1
    return f"fold {fold['fold']}" + (f" of repeat {fold['repeat']}" if repeated else "")


def _network(folds: list[dict]) -> list[str]:
    """Lines about the size of a network and the epochs whose weights are kept."""
    sizes = {fold["n_parameters"] for fold in folds if fold.get("n_parameters")}
    epochs = [fold["best_epoch"] for fold in folds if fold.get("best_epoch") is not None]
    lines = [f"{numbers.count(size)} parameters" for size in sorted(sizes)]
    if epochs:
        lines.append(f"best epoch {_ends(min(epochs), max(epochs), str)}")
    return lines


def _thresholds(folds: list[dict]) -> list[str]:
    """A line about the probabilities from which on labels are given."""
    found = [value for fold in folds for value in (fold.get("thresholds") or {}).values()]
    if not found:
        return []
    ends = _ends(min(found), max(found), lambda value: f"{value:.2g}")
    return [f"labels given from a probability of {ends} on"]


def _ends(low: float, high: float, write: Callable[[float], str]) -> str:
    return write(low) if write(low) == write(high) else f"{write(low)} to {write(high)}"


def _parameters(values: dict) -> str:
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in sorted(values.items()))
