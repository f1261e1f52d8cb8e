import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

HOME = Path(workflow.current_basedir).parents[1]
sys.path.insert(0, str(HOME / "scripts"))

from genreflow.config import read_study
from genreflow.errors import GenreflowError
from genreflow.project import Project

# A default beside a --configfile would mix two studies.
if not workflow.configfiles and not config:
    own = Path("config/config.yaml")

    configfile: str(own if own.is_file() else HOME / own)


try:
    STUDY = read_study(config, source=", ".join(map(str, workflow.configfiles)) or "config")
    PROJECT = Project(STUDY, main=workflow.is_main_process)
    PROJECT.refresh()
except GenreflowError as error:
    raise WorkflowError(str(error)) from None

DATASET = "results/datasets/{dataset}"
RESULTS = f"results/studies/{STUDY.name}"
RUN = f"{RESULTS}/runs/{{run}}/{{split}}"
SKIPPED = PROJECT.skipped()
DONE = [pair for pair in STUDY.pairs() if pair not in SKIPPED]

# The order of evaluate's outputs.
TABLES = ["metrics", "confusion", "guesses", "published", "runs"]


wildcard_constraints:
    batch="[0-9a-f]{16}",
    dataset="[^/]+",
    rate="[0-9]+",
    run="[^/]+",
    set="[^/]+",
    snapshot="[0-9a-f]+",
    split="[^/]+",


def code(rule, *functions):
    """Digest of the code that a rule runs, and of the functions that the config names."""
    return PROJECT.code(rule, *functions)


def snapshot_of(dataset):
    """Digest of a dataset's snapshot; a dataset that the workflow makes or fetches comes first."""
    if workflow.is_main_process and PROJECT.needs_prepare(dataset):
        checkpoints.prepare.get(dataset=dataset)
    try:
        return PROJECT.snapshot(dataset)
    except GenreflowError as error:
        raise WorkflowError(str(error)) from None


def tracks_of(dataset):
    """Table of all tracks of a dataset as it is now."""
    return f"results/datasets/{dataset}/tracks/{snapshot_of(dataset)}.parquet"


def tracks_of_split(wildcards):
    """Table of the tracks that a split divides."""
    return tracks_of(STUDY.dataset_of(wildcards.split))
