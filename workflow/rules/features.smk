rule extract:
    input:
        batch=f"{DATASET}/catalogue/batches/{{batch}}.csv",
        decoded=f"{DATASET}/decoded/{{batch}}.parquet",
        pcm=feature_pcm,
        index=feature_index,
    output:
        f"{DATASET}/features/{{set}}/original/{{batch}}.parquet",
    log:
        "logs/extract/{dataset}/{set}/{batch}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=feature_code,
        root=audio_root,
        audio=audio_settings,
        settings=feature_settings,
    message:
        "Extracting {wildcards.set} from batch {wildcards.batch} of {wildcards.dataset}"
    script:
        "../../scripts/extract.py"
