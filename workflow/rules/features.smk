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


def feature_settings(wildcards):
    """Definition of a feature set."""
    return STUDY.features[wildcards.set]


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
