# Batches and snapshots are not made by rules: the main process writes them while it reads the
# Snakefile (see genreflow/catalogue.py), so that a dry run knows every job.


def prepare_settings(wildcards):
    """What a dataset is made or fetched from."""
    return PROJECT.prepare_settings(wildcards.dataset)


def decoded_tables(wildcards):
    """Tables of all batches that a snapshot uses."""
    batches = PROJECT.batches(wildcards.dataset, wildcards.snapshot)
    return expand(f"{DATASET}/decoded/{{batch}}.parquet", dataset=wildcards.dataset, batch=batches)


def label_sources(wildcards):
    """Where the dataset's labels are found."""
    return list(PROJECT.dataset(wildcards.dataset).labels)


checkpoint prepare:
    output:
        f"{DATASET}/prepare/prepared.json",
    log:
        "logs/prepare/{dataset}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("prepare", *PROJECT.makers()),
        settings=prepare_settings,
    message:
        "Preparing the dataset {wildcards.dataset}"
    script:
        "../../scripts/prepare.py"


rule tracks:
    input:
        snapshot=f"{DATASET}/catalogue/snapshots/{{snapshot}}.parquet",
        decoded=decoded_tables,
    output:
        f"{DATASET}/tracks/{{snapshot}}.parquet",
    log:
        "logs/tracks/{dataset}/{snapshot}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("tracks"),
        labels=label_sources,
    message:
        "Listing the tracks of {wildcards.dataset}"
    script:
        "../../scripts/tracks.py"
