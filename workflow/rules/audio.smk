ruleorder: decode > resample


rule decode:
    input:
        batch=f"{DATASET}/catalogue/batches/{{batch}}.csv",
    output:
        table=f"{DATASET}/decoded/{{batch}}.parquet",
        pcm=f"{DATASET}/audio/{BASE_RATE}/{{batch}}.npy",
        index=f"{DATASET}/audio/{BASE_RATE}/{{batch}}.parquet",
    log:
        "logs/decode/{dataset}/{batch}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("decode"),
        root=audio_root,
        rate=BASE_RATE,
        settings=audio_settings,
        keep_audio=STUDY.settings["keep_audio"],
        tags=reads_tags,
    message:
        "Decoding batch {wildcards.batch} of {wildcards.dataset}"
    script:
        "../../scripts/decode.py"


rule resample:
    input:
        batch=f"{DATASET}/catalogue/batches/{{batch}}.csv",
        decoded=f"{DATASET}/decoded/{{batch}}.parquet",
    output:
        pcm=f"{DATASET}/audio/{{rate}}/{{batch}}.npy",
        index=f"{DATASET}/audio/{{rate}}/{{batch}}.parquet",
    log:
        "logs/resample/{dataset}/{rate}/{batch}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("resample"),
        root=audio_root,
        settings=audio_settings,
        keep_audio=STUDY.settings["keep_audio"],
    message:
        "Resampling batch {wildcards.batch} of {wildcards.dataset} to {wildcards.rate} Hz"
    script:
        "../../scripts/resample.py"
