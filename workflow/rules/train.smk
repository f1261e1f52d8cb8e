def run_features(wildcards):
    """Feature tables of all batches that a run is trained on."""
    dataset = STUDY.dataset_of(wildcards.split)
    return expand(
        f"{DATASET}/features/{{set}}/original/{{batch}}.parquet",
        dataset=dataset,
        set=STUDY.settings["runs"][wildcards.run]["features"],
        batch=PROJECT.batches(dataset, snapshot_of(dataset)),
    )


def run_model(wildcards):
    """Estimator of a run and its hyper-parameters."""
    return {k: v for k, v in STUDY.models[wildcards.run].items() if k != "title"}


def run_code(wildcards):
    """Digest of the code of training, with the estimator where it is the user's own."""
    return code("train", STUDY.models[wildcards.run]["estimator"])


def run_provenance(wildcards):
    """What run.json says of a run beyond what the training itself knows."""
    dataset = STUDY.dataset_of(wildcards.split)
    features = STUDY.settings["runs"][wildcards.run]["features"]
    return {
        "study": STUDY.name,
        "dataset": dataset,
        "split": wildcards.split,
        "split_method": STUDY.settings["splits"][wildcards.split]["method"],
        "snapshot": snapshot_of(dataset),
        "features": features,
        "feature_code": code("extract", STUDY.features[features]["function"]),
    }


rule train:
    input:
        tracks=tracks_of_split,
        split=f"{RESULTS}/splits/{{split}}.parquet",
        features=run_features,
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
