"""A clone of the workflow in a folder of its own, with the micro corpus, run as a user runs it."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml

from micro.audio import write_corpus

ROOT = Path(__file__).parents[2]
LEFT_BEHIND = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".snakemake",
    "results",
    "logs",
    "data",
    "*.egg-info",
    "__pycache__",
    ".*_cache",
)


@dataclass
class Clone:
    """A clone with a study in it."""

    folder: Path
    study: str = "micro"

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    @property
    def results(self) -> Path:
        return self / f"results/studies/{self.study}"

    def start(
        self, *args: str, cores: int = 2, configs: tuple = ("config.yaml",)
    ) -> subprocess.Popen:
        """Start snakemake and do not wait for it."""
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
        if configs:
            command += ["--configfile", *configs]
        environment = os.environ | {"PYTHONPATH": str(self / "scripts"), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*command, *args],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *args: str, ok: bool = True, **how) -> str:
        """Run snakemake to its end and give back what it printed."""
        process = self.start(*args, **how)
        printed, _ = process.communicate(timeout=600)
        assert (process.returncode == 0) == ok, printed
        return printed

    def jobs(self, *args: str, **how) -> dict[str, int]:
        """Run snakemake, and count the jobs that really ran, by rule."""
        before = time.time_ns()
        self.run(*args, **how)
        ran: dict[str, int] = {}
        for log in (self / "logs").rglob("*.log"):
            if log.stat().st_mtime_ns > before:
                rule = log.relative_to(self / "logs").parts[0]
                ran[rule] = ran.get(rule, 0) + 1
        return ran

    def edit_config(self, change, path: str = "config.yaml") -> None:
        """Change a YAML file: change(settings) works on the dictionary in place."""
        settings = yaml.safe_load((self / path).read_text())
        change(settings)
        (self / path).write_text(yaml.safe_dump(settings, sort_keys=False))

    def table(self, path: str) -> pl.DataFrame:
        return pl.read_parquet(self.results / path)

    def tracks(self) -> pl.DataFrame:
        """The newest table of tracks."""
        found = (self / f"results/datasets/{self.study}/tracks").glob("*.parquet")
        return pl.read_parquet(max(found, key=lambda p: p.stat().st_mtime_ns))


def make_clone(folder: Path) -> Clone:
    shutil.copytree(ROOT, folder, ignore=LEFT_BEHIND)
    shutil.copytree(ROOT / "tests/micro", folder, dirs_exist_ok=True)
    write_corpus(folder / "data/micro")
    return Clone(folder)


@pytest.fixture
def clone(tmp_path) -> Clone:
    """A clone in which nothing has run yet."""
    return make_clone(tmp_path / "clone")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Clone:
    clone = make_clone(tmp_path_factory.mktemp("finished") / "clone")
    clone.run()
    return clone


@pytest.fixture
def done(finished, tmp_path) -> Clone:
    """A clone in which the micro study has run to its end."""
    shutil.copytree(finished.folder, tmp_path / "clone", symlinks=True)
    return Clone(tmp_path / "clone")
