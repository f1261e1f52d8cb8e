def kind_of(split):
    """Whether a split's sides are fixed whatever data comes, or exact for the data of today."""
    return "fixed" if STUDY.settings["splits"][split]["method"] == "fixed" else "exact"


def runs_to_evaluate():
    """Every (run, split) of the study: what it is, and why it was skipped where it was."""
    return [
        {
            "run": run,
            "split": split,
            "model": STUDY.settings["runs"][run]["model"],
            "features": STUDY.settings["runs"][run]["features"],
            "kind": kind_of(split),
            "method": STUDY.settings["splits"][split]["method"],
            "reason": SKIPPED.get((run, split)),
        }
        for run, split in STUDY.pairs()
    ]


def of_done_runs(pattern):
    """A file of every run that is done, in the order of the study."""
    return [pattern.format(run=run, split=split) for run, split in DONE]


def tracks_of_done_runs(wildcards):
    """Tracks table of every run that is done, in the order of the study."""
    return [tracks_of(STUDY.dataset_of(split)) for _, split in DONE]


rule evaluate:
    input:
        predictions=of_done_runs(f"{RUN}/predictions.parquet"),
        records=of_done_runs(f"{RUN}/run.json"),
        splits=of_done_runs(f"{RESULTS}/splits/{{split}}.parquet"),
        tracks=tracks_of_done_runs,
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
        published=STUDY.settings["published"],
        statistics=STUDY.settings["statistics"],
        seed=STUDY.settings["seed"],
    message:
        f"Evaluating the study {STUDY.name}"
    script:
        "../../scripts/evaluate.py"
