rule split:
    input:
        tracks=tracks_of_split,
    output:
        f"{RESULTS}/splits/{{split}}.parquet",
    log:
        f"logs/split/{STUDY.name}/{{split}}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("split"),
        settings=split_settings,
        # One number for the whole study: its runs are compared on the same tracks.
        min_seconds=seconds_needed(),
        task=STUDY.settings["task"],
    message:
        "Splitting: {wildcards.split}"
    script:
        "../../scripts/split.py"
