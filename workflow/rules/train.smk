rule train:
    input:
        tracks=tracks_of_split,
        split=f"{RESULTS}/splits/{{split}}.parquet",
        features=run_features,
        copies=run_copies,
        test_features=run_test_features,
        weights=run_weights,
    output:
        predictions=f"{RUN}/predictions.parquet",
        model=directory(f"{RUN}/model"),
        history=f"{RUN}/history.parquet",
        run=f"{RUN}/run.json",
    log:
        f"logs/train/{STUDY.name}/{{run}}/{{split}}.log",
    conda:
        "../../envs/genreflow.yaml"
    # What is asked of the machine: the training itself takes the number of its model's file.
    threads: run_threads
    params:
        code=run_code_of("train"),
        model=run_model,
        sets=run_sets,
        targets=run_targets,
        provenance=run_provenance,
        preparation=run_preparation,
        thresholds=run_thresholds,
        # Not under the outputs, which are gone when a job is killed.
        checkpoints=f"{RESULTS}/checkpoints/{{run}}/{{split}}",
        seed=STUDY.settings["seed"],
    message:
        "Training {wildcards.run} on the split {wildcards.split}"
    script:
        "../../scripts/train.py"
