"""The conda file and the pip lock name the same versions, and all that is imported is in them."""

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[2] / "envs"
# Names that differ between conda-forge and PyPI.
ON_CONDA = {
    "matplotlib": "matplotlib-base",
    "snakemake": "snakemake-minimal",
    "soxr": "soxr-python",
    "torch": "pytorch-cpu",
    "xgboost-cpu": "py-xgboost-cpu",
}


def locked():
    lock = (ENVS / "requirements.lock").read_text()
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", lock, re.M))


def wanted():
    """Names in requirements.in: what runs, and what only tests need."""
    runs, tests = (ENVS / "requirements.in").read_text().split("# tests and checks")
    return [
        re.findall(r"^[a-z0-9-]+", part, re.M)
        for part in (re.sub("#.*", "", runs), re.sub("#.*", "", tests))
    ]


def test_conda_file_and_pip_lock_are_in_step():
    conda = yaml.safe_load((ENVS / "genreflow.yaml").read_text())["dependencies"]
    versions = dict(entry.split(" =") for entry in conda)
    assert versions.pop("python") == "3.11"
    runs, _ = wanted()
    assert versions == {ON_CONDA.get(name, name): locked()[name] for name in runs}


def test_everything_wanted_is_locked():
    runs, tests = wanted()
    assert set(runs) | set(tests) <= set(locked())


def test_the_lock_names_no_address_and_no_path():
    assert not re.search(
        r"https?://|file:|--find-links|--index", (ENVS / "requirements.lock").read_text()
    )


def test_the_lock_brings_no_cuda_and_nothing_that_breaks_beside_a_torch_for_the_cpu():
    names = set(locked())
    assert not {name for name in names if name.startswith(("nvidia", "cuda", "triton"))}
    assert not names & {"torchvision", "timm"}
