import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

HOME = Path(workflow.current_basedir).parents[1]
sys.path.insert(0, str(HOME / "scripts"))

from genreflow.config import read_study
from genreflow.errors import GenreflowError
from genreflow.project import Project
from genreflow.schema import read_yaml
from genreflow.weights import files_of

# A default beside a --configfile would mix two studies.
if not workflow.configfiles and "study" not in config:
    own = Path("config/config.yaml")

    configfile: str(own if own.is_file() else HOME / own)


try:
    for file in workflow.configfiles:
        read_yaml(Path(file))  # says so where a key stands twice
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

# Every batch is decoded at this rate; other rates are made where a feature set asks for them.
BASE_RATE = 22050
DONE_SPLITS = list(dict.fromkeys(split for _, split in DONE))

DONE_DATASETS = list(dict.fromkeys(map(STUDY.dataset_of, DONE_SPLITS)))

DONE_AUDIO = [name for name in DONE_DATASETS if not STUDY.table_set(name)]

SPLITS = STUDY.settings["splits"]
RELABELLED = [name for name, split in SPLITS.items() if split["method"] == "clusters"]
DIVIDED = [name for name in SPLITS if name not in RELABELLED]
CLUSTERED = [pair for pair in STUDY.clustered() if pair[1] in DONE_SPLITS]

EXPLORED = [(name, STUDY.table_set(name)) for name in DONE_DATASETS if STUDY.table_set(name)]
EXPLAINED = [pair for pair in STUDY.explained() if pair in DONE]

# The order of evaluate's outputs.
TABLES = [
    "metrics",
    "confusion",
    "label_confusion",
    "guesses",
    "values",
    "differences",
    "published",
    "runs",
    "closeness",
    "clusters",
    "agreement",
]


wildcard_constraints:
    batch="[0-9a-f]{16}",
    dataset="[^/]+",
    rate="[0-9]+",
    run="[^/]+",
    set="[^/]+",
    snapshot="[0-9a-f]+",
    split="[^/]+",
    variant="[^/]+",


def one_of(names):
    """Pattern of a wildcard that is one of some names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def code(rule, *functions):
    """The code that a rule runs, with the functions that the config names, and its digest."""
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
    if STUDY.table_set(dataset):
        return f"results/datasets/{dataset}/ingest/{snapshot_of(dataset)}/tracks.parquet"
    return f"results/datasets/{dataset}/tracks/{snapshot_of(dataset)}.parquet"


def tracks_of_split(wildcards):
    """Table of the tracks that a split divides."""
    return tracks_of(STUDY.dataset_of(wildcards.split))


def prepare_code(wildcards):
    """Digest of the code that makes or fetches a dataset."""
    return code("prepare", *filter(None, [PROJECT.dataset(wildcards.dataset).make]))


def prepare_settings(wildcards):
    """What a dataset is made or fetched from."""
    return PROJECT.prepare_settings(wildcards.dataset)


def table_files(wildcards):
    """The user's own tables that are a dataset."""
    return list(map(str, PROJECT.dataset(wildcards.dataset).tables))


def table_settings(wildcards):
    """What a dataset's file says of its tables."""
    told = ("title", "citation", "audio")
    settings = STUDY.datasets[wildcards.dataset]
    return {key: value for key, value in settings.items() if key not in told}


def lists_folder(wildcards):
    """Where fetched lists of a dataset are."""
    return str(PROJECT.dataset(wildcards.dataset).lists_folder)


def decoded_tables(wildcards):
    """Tables of all batches that a snapshot uses."""
    batches = PROJECT.batches(wildcards.dataset, wildcards.snapshot)
    return expand(f"{DATASET}/decoded/{{batch}}.parquet", dataset=wildcards.dataset, batch=batches)


def label_sources(wildcards):
    """Where the dataset's labels are found."""
    return list(PROJECT.dataset(wildcards.dataset).labels)


def audio_root(wildcards):
    """Folder of a dataset's audio."""
    return str(PROJECT.dataset(wildcards.dataset).root)


def audio_settings(wildcards):
    """How a dataset's files are read, and which are refused."""
    return STUDY.datasets[wildcards.dataset]["audio"]


def reads_tags(wildcards):
    """Whether labels and artists are found in the files' own tags."""
    return "tags" in PROJECT.dataset(wildcards.dataset).labels


def feature_audio(wildcards, suffix):
    """Audio of a batch at the rate that a feature set asks for."""
    rate = STUDY.features[wildcards.set]["rate"]
    return f"results/datasets/{wildcards.dataset}/audio/{rate}/{wildcards.batch}.{suffix}"


def feature_pcm(wildcards):
    """Samples of a batch at the rate that a feature set asks for."""
    return feature_audio(wildcards, "npy")


def feature_index(wildcards):
    """Where each track's samples stand."""
    return feature_audio(wildcards, "parquet")


def feature_code(wildcards):
    """Digest of the code of a feature set."""
    return code("extract", STUDY.features[wildcards.set]["function"])


def variant_code(wildcards):
    """Digest of the code of a feature set and of the variants."""
    return code("augment", STUDY.features[wildcards.set]["function"])


def feature_settings(wildcards):
    """Definition of a feature set."""
    return STUDY.features[wildcards.set]


def tables_of(dataset, features, variant):
    """Tables of a feature set of all batches of a dataset as it is now."""
    if STUDY.table_set(dataset):
        return [f"results/datasets/{dataset}/ingest/{snapshot_of(dataset)}/features.parquet"]
    return expand(
        f"{DATASET}/features/{{set}}/{{variant}}/{{batch}}.parquet",
        dataset=dataset,
        set=features,
        variant=variant,
        batch=PROJECT.batches(dataset, snapshot_of(dataset)),
    )


def feature_tables(wildcards):
    """All feature tables of the study."""
    return [
        table
        for dataset in DONE_DATASETS
        for features, variant in STUDY.described_as(dataset)
        if not PROJECT.lacks_weights(features)
        for table in tables_of(dataset, features, variant)
    ]


def feature_weights(wildcards):
    """The files of the pretrained weights of a feature set, where it has any."""
    weights = STUDY.features[wildcards.set].get("weights")
    return files_of(weights["path"]) if weights else []


def seconds_needed():
    """Length of the shortest track that all runs of the study can use."""
    runs = STUDY.settings["runs"].values()
    sets = [STUDY.features[name] for run in runs for name in run["features"]]
    return max(max(spec["min_seconds"], spec.get("segment_seconds", 0)) for spec in sets)


def divided_split(wildcards):
    """The split whose tracks and parts a split of clusters takes."""
    return f"{RESULTS}/splits/{SPLITS[wildcards.split]['of']}.parquet"


def counts_copies(wildcards):
    """Whether the split that is relabelled counts every copy of a recording."""
    return SPLITS[SPLITS[wildcards.split]["of"]]["method"] == "published"


def clusters_of_split(wildcards):
    """The clusters that are the labels of a split."""
    split = SPLITS[wildcards.split]
    return f"{RESULTS}/cluster/{split['clustering']}/{split['of']}.parquet"


def clustering_settings(wildcards):
    """How labels are clustered."""
    return STUDY.clusterings[wildcards.clustering]


def clustered_features(wildcards):
    """Feature tables by which labels are clustered."""
    name = STUDY.features_of_clusters(wildcards.clustering, wildcards.split)
    return tables_of(STUDY.dataset_of(wildcards.split), name, "original")


def explored_features(wildcards):
    """Feature tables of a set that is explored."""
    return tables_of(wildcards.dataset, wildcards.set, "original")


def split_settings(wildcards):
    """Method of a split and its numbers."""
    return SPLITS[wildcards.split]


def run_tables(wildcards, *variants):
    """Feature tables of variants of the tracks of a run, of each variant set by set."""
    dataset = STUDY.dataset_of(wildcards.split)
    return [
        path
        for variant in variants
        for features in run_sets(wildcards)
        for path in tables_of(dataset, features, variant)
    ]


def run_sets(wildcards):
    """Names of the feature sets of a run."""
    return STUDY.settings["runs"][wildcards.run]["features"]


def run_targets(wildcards):
    """The numbers that a run predicts, where it is not all of its split."""
    return STUDY.settings["runs"][wildcards.run].get("targets")


def run_weights(wildcards):
    """The files of the pretrained weights that a run's model begins with, where it does."""
    weights = STUDY.models[wildcards.run].get("weights")
    return files_of(weights["path"]) if weights else []


def run_threads(wildcards):
    """Threads that a run's model takes: those of its file, whatever the number of cores."""
    return STUDY.models[wildcards.run]["parameters"].get("n_jobs", 1)


def run_features(wildcards):
    """Feature tables of the tracks that a run is trained on, as they are."""
    return run_tables(wildcards, "original")


def run_copies(wildcards):
    """Feature tables of the variants that a run is trained on too."""
    return run_tables(wildcards, *STUDY.settings["runs"][wildcards.run]["variants"])


def run_test_features(wildcards):
    """Feature tables of the variant that a run is tested on, where it is not the original."""
    variant = STUDY.settings["runs"][wildcards.run].get("test_variant")
    return run_tables(wildcards, variant) if variant else []


def run_model(wildcards):
    """Estimator of a run and its hyper-parameters."""
    return {k: v for k, v in STUDY.models[wildcards.run].items() if k != "title"}


def run_preparation(wildcards):
    """What the columns of a table need before a model takes them."""
    try:
        return PROJECT.dataset(STUDY.dataset_of(wildcards.split)).preparation
    except GenreflowError as error:
        raise WorkflowError(str(error)) from None


def run_thresholds(wildcards):
    """From which probability on a run gives a label, where a track may have several."""
    several = SPLITS[wildcards.split]["task"] == "multi_label"
    return STUDY.settings["runs"][wildcards.run]["thresholds"] if several else None


def run_code_of(rule):
    """Digest of the code of a rule, with what a run's model names where that is the user's own."""

    def run_code(wildcards):
        return code(rule, *STUDY.named_by_model(wildcards.run))

    return run_code


def run_provenance(wildcards):
    """What run.json says of a run beyond what the training itself knows."""
    dataset = STUDY.dataset_of(wildcards.split)
    run = STUDY.settings["runs"][wildcards.run]
    made_by = {}
    for features in run["features"]:
        if STUDY.table_set(dataset):
            made_by[features] = code("ingest")
            continue
        function = STUDY.features[features]["function"]
        made_by[features] = code("extract", function).split()[0]
        if run["variants"] or "test_variant" in run:
            made_by[f"{features} of variants"] = code("augment", function).split()[0]
    return {
        "study": STUDY.name,
        "dataset": dataset,
        "split": wildcards.split,
        "split_method": SPLITS[wildcards.split]["method"],
        "task": SPLITS[wildcards.split]["task"],
        "snapshot": snapshot_of(dataset),
        "features": run["features"],
        "feature_code": made_by,
        "weights": {weights.name: weights.sha256 for weights in STUDY.weights_of(wildcards.run)},
        "test_variant": run.get("test_variant"),
    }


def kind_of(split):
    """Whether a split's sides are fixed whatever data comes, or exact for the data of today."""
    divided = SPLITS[SPLITS[split].get("of", split)]
    return "fixed" if divided["method"] == "fixed" else "exact"


def runs_to_evaluate():
    """Every (run, split) of the study: what it is, and why it was skipped where it was."""
    return [
        {
            "run": run,
            "split": split,
            "model": STUDY.settings["runs"][run]["model"],
            "features": " + ".join(STUDY.settings["runs"][run]["features"]),
            "targets": STUDY.settings["runs"][run].get("targets"),
            "variants": STUDY.settings["runs"][run]["variants"],
            "test_variant": STUDY.settings["runs"][run].get("test_variant"),
            "kind": kind_of(split),
            "method": SPLITS[split]["method"],
            "task": SPLITS[split]["task"],
            "reason": SKIPPED.get((run, split)),
        }
        for run, split in STUDY.pairs()
    ]


def of_done_runs(pattern):
    """A file of every run that is done, in the order of the study."""
    return [pattern.format(run=run, split=split) for run, split in DONE]


def of_clusterings(pattern):
    """A file of every clustering of the labels of a split."""
    return [pattern.format(clustering=name, split=split) for name, split in CLUSTERED]


def of_explained(pattern):
    """SHAP values and importances of every run that is explained."""
    stems = [pattern.format(run=run, split=split) for run, split in EXPLAINED]
    return [f"{stem}{end}" for stem in stems for end in (".parquet", ".importance.parquet")]


def tracks_of_done_runs(wildcards):
    """Tracks table of every run that is done, in the order of the study."""
    return [tracks_of(STUDY.dataset_of(split)) for _, split in DONE]


def tracks_of_dataset(wildcards):
    """Table of all tracks of a dataset as it is now."""
    return tracks_of(wildcards.dataset)


def tracks_of_done_datasets(wildcards):
    """Tables of all tracks of the datasets that the study uses."""
    return [tracks_of(dataset) for dataset in DONE_DATASETS]
