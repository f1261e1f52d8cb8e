rule split:
    input:
        tracks=tracks_of_split,
    output:
        f"{RESULTS}/splits/{{split}}.parquet",
    log:
        f"logs/split/{STUDY.name}/{{split}}.log",
    wildcard_constraints:
        split=one_of(DIVIDED),
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("split"),
        settings=split_settings,
        # One number for the whole study: its runs are compared on the same tracks.
        min_seconds=seconds_needed(),
    message:
        "Splitting: {wildcards.split}"
    script:
        "../../scripts/split.py"


rule cluster:
    input:
        tracks=tracks_of_split,
        split=f"{RESULTS}/splits/{{split}}.parquet",
        features=clustered_features,
    output:
        f"{RESULTS}/cluster/{{clustering}}/{{split}}.parquet",
    log:
        f"logs/cluster/{STUDY.name}/{{clustering}}/{{split}}.log",
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("cluster"),
        settings=clustering_settings,
        seed=STUDY.settings["seed"],
    message:
        "Clustering the labels of {wildcards.split}: {wildcards.clustering}"
    script:
        "../../scripts/cluster.py"


rule relabel:
    input:
        tracks=tracks_of_split,
        split=divided_split,
        clusters=clusters_of_split,
    output:
        f"{RESULTS}/splits/{{split}}.parquet",
    log:
        f"logs/relabel/{STUDY.name}/{{split}}.log",
    wildcard_constraints:
        split=one_of(RELABELLED),
    conda:
        "../../envs/genreflow.yaml"
    params:
        code=code("relabel"),
        settings=split_settings,
        copies=counts_copies,
    message:
        "Relabelling: {wildcards.split}"
    script:
        "../../scripts/relabel.py"
