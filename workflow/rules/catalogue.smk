# Batches and snapshots are not made by rules: the main process writes them while it reads the
# Snakefile (see genreflow/catalogue.py), so that a dry run knows every job.


checkpoint prepare:
    output:
        f"{DATASET}/prepare/prepared.json",
    log:
        "logs/prepare/{dataset}.log",
    conda:
        "../../envs/genreflow.yaml"
    threads: 8
    params:
        code=prepare_code,
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
