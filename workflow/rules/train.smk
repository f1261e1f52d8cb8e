rule train:
    input:
        tracks=tracks_of_split,
        split=f"{RESULTS}/splits/{{split}}.parquet",
        features=run_features,
        copies=run_copies,
        test_features=run_test_features,
    output:
        predictions=f"{RUN}/predictions.parquet",
        model=directory(f"{RUN}/model"),
        run=f"{RUN}/run.json",
    log:
        f"logs/train/{STUDY.name}/{{run}}/{{split}}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=run_code,
        model=run_model,
        provenance=run_provenance,
        seed=STUDY.settings["seed"],
        task=STUDY.settings["task"],
    message:
        "Training {wildcards.run} on the split {wildcards.split}"
    script:
        "../../scripts/train.py"
