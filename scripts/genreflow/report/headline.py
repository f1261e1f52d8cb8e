"""The first lines of the page: what was run on what, what came out, and what to beware of."""

import polars as pl

from genreflow.evaluation.bootstrap import FEW_CLUSTERS
from genreflow.report import numbers
from genreflow.report.material import Material
from genreflow.report.numbers import count, counted, listed, metric_named
from genreflow.report.scores import is_clear

# What limits of a study shorten, in words.
SHORTENED = {
    "folds": ("fold", "folds"),
    "repeats": ("repeat", "repeats"),
    "epochs": ("epoch", "epochs"),
    "search_iterations": ("candidate of a search", "candidates of a search"),
    "resamples": ("resample", "resamples"),
}
SMALL_TEST = 200
SMALL_LABEL = 10
MOST_NAMED = 4

APART = {
    "artist": "artists kept apart",
    "random": "artists mixed",
    "given": "by a published list",
    "copies": "every row counts",
}


def about(material: Material) -> list[tuple[str, str]]:
    """Return the key figures under the title: pairs of a number and what it counts."""
    tables = list(material.used.values())
    tasks = {material.task_of(split) for split in material.splits}
    labels = {
        label
        for name, table in material.used.items()
        if material.has_labels(name)
        for label in table.explode("labels")["labels"].drop_nulls()
    }
    targets = {target for split in material.splits for target in material.predicted(split)}
    artists = {artist for table in tables for artist in table["artist"].drop_nulls()}
    known = "known " if any(table["artist"].null_count() for table in tables) else ""
    seconds = sum(float(table["seconds"].sum()) for table in tables)
    done = material.runs.filter(pl.col("status") == "done")["run"].n_unique()
    data = [
        (sum(len(table) for table in tables), "track", "tracks"),
        *([(len(labels), "label", "labels")] if tasks != {"regression"} else []),
        *([(len(targets), "number to predict", "numbers to predict")] if targets else []),
        *([(len(artists), *(f"{known}{n}" for n in ("artist", "artists")))] if artists else []),
    ]
    done_on = [(done, "run", "runs"), (len(material.splits), "split", "splits")]
    music = [(numbers.seconds(seconds), "of music")] if seconds else []
    return [*_counts(data), *music, *_counts(done_on)]


def _counts(pairs: list[tuple[int, str, str]]) -> list[tuple[str, str]]:
    return [(count(number), one if number == 1 else many) for number, one, many in pairs]


def headlines(material: Material) -> list[dict]:
    """Return one line for each ranking: its best run, those as good, the figure, its interval."""
    lines = [
        _line(material, split, target)
        for split in material.split_names
        for target in material.rankings(split)
    ]
    return [line for line in lines if line]


def _line(material: Material, split: str, target: str | None) -> dict | None:
    metric, name = material.metric_of(split), material.metric_name(split)
    ranked = material.ranked(split, target)
    scores = [material.score(split, row["run"], name, target=target) for row in ranked]
    if not scores or not scores[0] or scores[0]["value"] is None:
        return None
    best, score = ranked[0], scores[0]
    tied = [
        row["run"]
        for row, other in zip(ranked[1:], scores[1:], strict=True)
        if other and other["value"] == score["value"]
    ]
    floor = next((r for r in ranked if str(r["model"]).startswith("dummy")), None)
    base = floor and material.score(split, floor["run"], name, target=target)
    return {
        "split": split,
        "target": target,
        "apart": _apart(material, split),
        "run": best["run"],
        "tied": listed(tied),
        "value": metric.value(score["value"]),
        "interval": metric.interval(score["low"], score["high"]),
        "metric": metric.phrase,
        "lead": "" if tied or len(ranked) < 2 else _lead(material, split, target, ranked[1]),
        "mean": _beside_the_mean(score) if name == "r2" else "",
        "floor": metric.value(base["value"]) if base and floor != best else None,
        "only_floor": floor is not None and floor == best and len(ranked) > 1,
    }


def _lead(material: Material, split: str, target: str | None, second: dict) -> str:
    """Say how far the best run is ahead of the second, and whether that is clear."""
    row, metric = material.behind(split, second["run"], target), material.metric_of(split)
    if row is None or row["difference"] is None or row["low"] is None:
        return ""
    # The figure of a dummy stands beside it anyway.
    if is_clear(row) and str(second["model"]).startswith("dummy"):
        return ""
    # How much better the best is, whichever way the metric goes.
    ends = sorted(
        (row["low"], row["high"]) if not metric.higher_is_better else (-row["high"], -row["low"])
    )
    told = f"{metric.distance(row['difference'])} {metric.interval(*ends)}"
    clear = "clearly ahead of" if is_clear(row) else "not clearly ahead of"
    return f"{clear} {second['run']}: {told}"


def _beside_the_mean(score: dict) -> str:
    """Say of an R² whether it is better than always giving the mean, which has 0."""
    if score["value"] <= 0:
        return "no better than the mean"
    if score["low"] is not None and score["low"] <= 0:
        return "not clearly better than the mean"
    return "better than the mean"


def _apart(material: Material, split: str) -> str:
    """Say what a split predicts, where that is not one label each, and what it keeps apart."""
    protocol = material.protocol(split)
    known = protocol != "random" or material.knows_artists(split)
    words = [APART[protocol] if known else "recordings kept whole"]
    if material.is_of_clusters(split):
        words.insert(0, f"{counted(len(material.classes.get(split, [])), 'cluster')} of labels")
    if material.task_of(split) == "multi_label":
        words.insert(0, "several labels each")
    if material.rankings(split) == [None] and material.predicted(split):
        words.insert(0, listed(material.predicted(split)))
    return ", ".join(words)


def warnings(material: Material) -> list[str]:
    """Return what a reader must know before believing the figures, as sentences."""
    found = [
        *_shortened(material),
        *_ceilings(material),
        *_small_tests(material),
        *_small_labels(material),
        *_unknown_artists(material),
    ]
    mixing = [s for s in material.split_names if material.knows_artists(s)]
    if mixing and all(material.protocol(split) in ("random", "copies") for split in mixing):
        sound = (
            "the genre's" if any(map(material.has_labels, material.tracks)) else "what it predicts"
        )
        found.append(
            f"No split keeps artists apart: a model may know an artist's sound and not {sound}, "
            "so the figures are likely too high for new artists."
        )
    dropped = material.runs["dropped"].max()
    if dropped:
        found.append(
            f"Up to {counted(dropped, 'test track')} of a split are left out, because not every "
            "run could predict them."
        )
    skipped = material.runs.filter(pl.col("status") != "done")["run"].unique().sort().to_list()
    if skipped:
        who = listed(skipped) if len(skipped) <= MOST_NAMED else counted(len(skipped), "run")
        verb = "was" if len(skipped) == 1 else "were"
        found.append(
            f"{who} {verb} not run on at least one split; what is missing stands under Results."
        )
    return found


def _shortened(material: Material) -> list[str]:
    """A warning about a study that is run for a short look, as config/quick.yaml does."""
    limits = material.study.get("limits") or {}
    most = [counted(limits[key], *words) for key, words in SHORTENED.items() if key in limits]
    if not most:
        return []
    told = f"The study was shortened, to at most {listed(most)}."
    if "epochs" in limits and material.history:
        told += " The networks' figures are not those that they reach in full."
    return [told]


def _tests(material: Material) -> pl.DataFrame:
    """Rows of the metrics on the test part, splits in the order of the page."""
    order = pl.Enum(material.split_names)
    tests = material.metrics.filter(
        pl.col("part") == "test", pl.col("split").is_in(material.split_names)
    )
    return tests.with_columns(pl.col("split").cast(order)).sort("split", "target")


def _ceilings(material: Material) -> list[str]:
    """A warning about splits in which equal recordings stand under several labels."""
    where = []
    for split in material.split_names:
        top = ceiling(material, split)
        if top is not None:
            where.append(f"{metric_named('accuracy').value(top)} on {split}")
    if not where:
        return []
    return [
        "The same recording is tested under several labels: a model that gives equal recordings "
        f"equal labels is right about at most {listed(where)} of the test tracks."
    ]


def ceiling(material: Material, split: str) -> float | None:
    """Return the accuracy of a model that knows all labels, but gives a recording only one.

    None where each recording has one label in the test part, or tracks may have several anyway.
    """
    if material.task_of(split) != "single_label":
        return None
    tracks = material.tracks[material.split_dataset(split)].select("track_id", "digest")
    each = (
        material.splits[split]
        .filter(pl.col("part") == "test")
        .join(tracks, on="track_id")
        .explode("labels")
        .group_by("repeat", "fold", "digest", "labels")
        .len()
        .group_by("repeat", "fold", "digest")
        .agg(pl.col("len").max().alias("right"), pl.col("len").sum())
    )
    right, total = each["right"].sum(), each["len"].sum()
    # Next to none are no ceiling.
    return None if right > 0.999 * total else right / total


def _small_tests(material: Material) -> list[str]:
    """Warnings about splits that test few tracks, or tracks of few artists."""
    overall = _tests(material).filter(pl.col("target").is_null())
    sizes = overall.group_by("split", maintain_order=True).agg(pl.col("tracks", "clusters").min())
    found = []
    for column, limit, what, meaning in [
        ("tracks", SMALL_TEST, "Few test tracks", "small differences may be chance."),
        (
            "clusters",
            FEW_CLUSTERS,
            "Few artists in the test part",
            f"with fewer than {FEW_CLUSTERS}, the intervals are rough, and likely too narrow.",
        ),
    ]:
        few = sizes.filter(pl.col(column) < limit).select("split", column).rows()
        if few:
            where = [f"{number} on {split}" for split, number in few]
            found.append(f"{what} ({', '.join(where)}): {meaning}")
    return found


def _small_labels(material: Material) -> list[str]:
    """A warning about labels with so few test tracks that their own figures mean little."""
    where = []
    of_labels = [s for s in material.split_names if material.task_of(s) != "regression"]
    labels = (
        _tests(material)
        .filter(pl.col("target").is_not_null(), pl.col("split").is_in(of_labels))
        .group_by("split", "target", maintain_order=True)
        .agg(pl.col("support").min())
    )
    for (split,), own in labels.group_by("split", maintain_order=True):
        small = own.filter(pl.col("support") < SMALL_LABEL)["target"].to_list()
        if len(small) > MOST_NAMED:
            every = "all " if len(small) == len(own) else ""
            where.append(f"{every}{count(len(small))} on {split}")
        elif small:
            where.append(f"{listed(small)} on {split}")
    if not where:
        return []
    return [
        f"Labels with fewer than {SMALL_LABEL} test tracks: {'; '.join(where)}. "
        "Their figures per label mean little."
    ]


def _unknown_artists(material: Material) -> list[str]:
    """A warning for each dataset with tracks whose artist is not known."""
    found = []
    for name, used in material.used.items():
        unknown = used["artist"].null_count()
        if unknown:
            who = "No artist is" if unknown == len(used) else "Some artists are not"
            found.append(
                f"{who} known in {name} ({counted(unknown, 'track')} of {count(len(used))}): each "
                "such recording counts as an artist of its own, so an artist may be on both sides."
            )
    return found
