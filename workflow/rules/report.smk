rule describe:
    input:
        tracks=tracks_of_dataset,
    output:
        f"{RESULTS}/describe/{{dataset}}.npz",
    log:
        f"logs/describe/{STUDY.name}/{{dataset}}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("describe"),
        root=audio_root,
        audio=audio_settings,
    message:
        "Describing the dataset {wildcards.dataset}"
    script:
        "../../scripts/describe.py"


rule report:
    input:
        metrics=f"{RESULTS}/tables/metrics.parquet",
        confusion=f"{RESULTS}/tables/confusion.parquet",
        guesses=f"{RESULTS}/tables/guesses.parquet",
        published=f"{RESULTS}/tables/published.parquet",
        runs=f"{RESULTS}/tables/runs.parquet",
        splits=expand(f"{RESULTS}/splits/{{split}}.parquet", split=DONE_SPLITS),
        tracks=tracks_of_done_datasets,
        examples=expand(f"{RESULTS}/describe/{{dataset}}.npz", dataset=DONE_DATASETS),
        run_files=of_done_runs(f"{RUN}/run.json"),
    output:
        html=report(
            f"{RESULTS}/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
        figures=report(
            directory(f"{RESULTS}/figures"),
            patterns=["{name}.svg"],
            caption="../report/figures.rst",
            category="Figures",
        ),
    log:
        f"logs/report/{STUDY.name}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("report"),
        study=STUDY.described(),
        splits=DONE_SPLITS,
        datasets=DONE_DATASETS,
    message:
        f"Writing the report of the study {STUDY.name}"
    script:
        "../../scripts/report.py"
