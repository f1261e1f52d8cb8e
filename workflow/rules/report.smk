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


rule explore:
    input:
        tracks=tracks_of_dataset,
        features=explored_features,
    output:
        f"{RESULTS}/explore/{{dataset}}/{{set}}.npz",
    log:
        f"logs/explore/{STUDY.name}/{{dataset}}/{{set}}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("explore"),
    message:
        "Exploring {wildcards.set} of the dataset {wildcards.dataset}"
    script:
        "../../scripts/explore.py"


rule explain:
    input:
        model=f"{RUN}/model",
        run=f"{RUN}/run.json",
        tracks=tracks_of_split,
        split=f"{RESULTS}/splits/{{split}}.parquet",
        features=run_features,
    output:
        shap=f"{RESULTS}/explain/{{run}}/{{split}}.parquet",
        importance=f"{RESULTS}/explain/{{run}}/{{split}}.importance.parquet",
    log:
        f"logs/explain/{STUDY.name}/{{run}}/{{split}}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=run_code_of("explain"),
        model=run_model,
        statistics=STUDY.settings["statistics"],
        seed=STUDY.settings["seed"],
    message:
        "Explaining {wildcards.run} on the split {wildcards.split}"
    script:
        "../../scripts/explain.py"


rule report:
    input:
        metrics=f"{RESULTS}/tables/metrics.parquet",
        confusion=f"{RESULTS}/tables/confusion.parquet",
        label_confusion=f"{RESULTS}/tables/label_confusion.parquet",
        guesses=f"{RESULTS}/tables/guesses.parquet",
        values=f"{RESULTS}/tables/values.parquet",
        differences=f"{RESULTS}/tables/differences.parquet",
        published=f"{RESULTS}/tables/published.parquet",
        runs=f"{RESULTS}/tables/runs.parquet",
        closeness=f"{RESULTS}/tables/closeness.parquet",
        clusters=f"{RESULTS}/tables/clusters.parquet",
        agreement=f"{RESULTS}/tables/agreement.parquet",
        splits=expand(f"{RESULTS}/splits/{{split}}.parquet", split=DONE_SPLITS),
        tracks=tracks_of_done_datasets,
        examples=expand(f"{RESULTS}/describe/{{dataset}}.npz", dataset=DONE_AUDIO),
        run_files=of_done_runs(f"{RUN}/run.json"),
        histories=of_done_runs(f"{RUN}/history.parquet"),
        explained=of_explained(f"{RESULTS}/explain/{{run}}/{{split}}"),
        explored=[f"{RESULTS}/explore/{d}/{s}.npz" for d, s in EXPLORED],
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
        audio=DONE_AUDIO,
        done=DONE,
        explained=EXPLAINED,
        explored=EXPLORED,
    message:
        f"Writing the report of the study {STUDY.name}"
    script:
        "../../scripts/report.py"
