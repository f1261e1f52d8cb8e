"""Where the figures come from: versions, seeds, digests, settings, time and memory."""

import json

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
    """Rows of kind, name and digest: snapshots, code of feature sets, tables trained on."""
    rows = {("Data snapshot", file["dataset"], file["snapshot"]) for file in files}
    rows |= {
        ("Code of feature set", name, digest)
        for file in files
        for name, digest in file["features"].get("code", {}).items()
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
        (f"fold {fold['fold']}" if len(folds) > 1 else "", _parameters(fold["best_parameters"]))
        for fold in folds
        if fold.get("best_parameters")
    ]
    return {
        "run": file["run"],
        "split": file["split"],
        "estimator": str(file["model"].get("estimator", "")).rsplit(".", 1)[-1],
        "parameters": _parameters(file["model"].get("parameters") or {}),
        "chosen": chosen,
        "features": len(file["features"].get("names", [])),
        "variants": _variants(file),
        "seed": file["seed"],
        "folds": len(folds),
        "threads": file.get("threads"),
        "fit": numbers.seconds(sum(fold.get("seconds_fit") or 0 for fold in folds)),
        "predict": numbers.seconds(sum(fold.get("seconds_predict") or 0 for fold in folds)),
        "seconds": numbers.seconds(file.get("seconds")),
        "memory": numbers.megabytes(file.get("peak_memory_mb")),
    }


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


def _parameters(values: dict) -> str:
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in sorted(values.items()))
