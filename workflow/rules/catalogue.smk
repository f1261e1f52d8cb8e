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


rule ingest:
    input:
        # The snapshot's name tells whether a table has changed, whatever its time.
        ancient(table_files),
    output:
        tracks=f"{DATASET}/ingest/{{snapshot}}/tracks.parquet",
        features=f"{DATASET}/ingest/{{snapshot}}/features.parquet",
    log:
        "logs/ingest/{dataset}/{snapshot}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("ingest"),
        settings=table_settings,
        lists_folder=lists_folder,
    message:
        "Reading the table of {wildcards.dataset}"
    script:
        "../../scripts/ingest.py"
