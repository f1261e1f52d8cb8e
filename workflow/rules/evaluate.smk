rule evaluate:
    input:
        predictions=of_done_runs(f"{RUN}/predictions.parquet"),
        records=of_done_runs(f"{RUN}/run.json"),
        splits=of_done_runs(f"{RESULTS}/splits/{{split}}.parquet"),
        tracks=tracks_of_done_runs,
        clusters=of_clusterings(f"{RESULTS}/cluster/{{clustering}}/{{split}}.parquet"),
    output:
        report(
            f"{RESULTS}/tables/metrics.csv",
            caption="../report/metrics.rst",
            category="Tables",
        ),
        expand(f"{RESULTS}/tables/{{table}}.csv", table=TABLES[1:]),
        expand(f"{RESULTS}/tables/{{table}}.parquet", table=TABLES),
    log:
        f"logs/evaluate/{STUDY.name}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("evaluate"),
        runs=runs_to_evaluate(),
        clusterings=[{"clustering": name, "split": split} for name, split in CLUSTERED],
        published=STUDY.settings["published"],
        statistics=STUDY.settings["statistics"],
        seed=STUDY.settings["seed"],
    message:
        f"Evaluating the study {STUDY.name}"
    script:
        "../../scripts/evaluate.py"
