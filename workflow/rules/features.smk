ruleorder: extract > augment


rule features:
    input:
        feature_tables,


rule extract:
    input:
        batch=f"{DATASET}/catalogue/batches/{{batch}}.csv",
        decoded=f"{DATASET}/decoded/{{batch}}.parquet",
        pcm=feature_pcm,
        index=feature_index,
        weights=feature_weights,
    output:
        table=f"{DATASET}/features/{{set}}/original/{{batch}}.parquet",
        arrays=f"{DATASET}/features/{{set}}/original/{{batch}}.npy",
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


rule augment:
    input:
        batch=f"{DATASET}/catalogue/batches/{{batch}}.csv",
        decoded=f"{DATASET}/decoded/{{batch}}.parquet",
        pcm=feature_pcm,
        index=feature_index,
        weights=feature_weights,
    output:
        table=f"{DATASET}/features/{{set}}/{{variant}}/{{batch}}.parquet",
        arrays=f"{DATASET}/features/{{set}}/{{variant}}/{{batch}}.npy",
    log:
        "logs/augment/{dataset}/{set}/{variant}/{batch}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=variant_code,
        root=audio_root,
        audio=audio_settings,
        settings=feature_settings,
    message:
        "Augmenting batch {wildcards.batch} of {wildcards.dataset}: {wildcards.variant}, {wildcards.set}"
    script:
        "../../scripts/augment.py"
