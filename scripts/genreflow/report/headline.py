"""The first lines of the page: what was run on what, what came out, and what to beware of."""

import polars as pl

from genreflow.evaluation.bootstrap import FEW_CLUSTERS
from genreflow.report import numbers
from genreflow.report.corpus import usable
from genreflow.report.material import Material
from genreflow.report.numbers import count, counted, listed

SMALL_TEST = 200
SMALL_LABEL = 10
MOST_NAMED = 4

APART = {
    "artist": "artists kept apart",
    "random": "artists mixed",
    "given": "by a published list",
}


def about(material: Material) -> list[tuple[str, str]]:
    """Return the key figures under the title: pairs of a number and what it counts."""
    tables = [usable(tracks) for tracks in material.tracks.values()]
    labels = {label for table in tables for label in table.explode("labels")["labels"]}
    artists = {artist for table in tables for artist in table["artist"].drop_nulls()}
    known = "known " if any(table["artist"].null_count() for table in tables) else ""
    seconds = sum(float(table["seconds"].sum()) for table in tables)
    done = material.runs.filter(pl.col("status") == "done")["run"].n_unique()
    pairs = [
        (sum(len(table) for table in tables), "track", "tracks"),
        (len(labels), "label", "labels"),
        (len(artists), *(f"{known}{noun}" for noun in ("artist", "artists"))),
        (done, "run", "runs"),
        (len(material.splits), "split", "splits"),
    ]
    figures = [(count(number), one if number == 1 else many) for number, one, many in pairs]
    return [*figures[:3], (numbers.seconds(seconds), "of music"), *figures[3:]]


def headlines(material: Material) -> list[dict]:
    """Return one line for each split: its best run, those as good, the figure, its interval."""
    lines = []
    for split in material.split_names:
        ranked = material.ranked(split)
        if not ranked:
            continue
        best = ranked[0]
        score = material.score(split, best["run"], material.metric_name)
        if not score or score["value"] is None:
            continue
        scores = [material.score(split, row["run"], material.metric_name) for row in ranked[1:]]
        tied = [
            row["run"]
            for row, other in zip(ranked[1:], scores, strict=True)
            if other and other["value"] == score["value"]
        ]
        floor = next((r for r in ranked if str(r["model"]).startswith("dummy")), None)
        base = floor and material.score(split, floor["run"], material.metric_name)
        lines.append(
            {
                "split": split,
                "apart": APART[material.protocol(split)],
                "run": best["run"],
                "tied": listed(tied),
                "value": material.metric.value(score["value"]),
                "interval": material.metric.interval(score["low"], score["high"]),
                "floor": material.metric.value(base["value"]) if base and floor != best else None,
            }
        )
    return lines


def warnings(material: Material) -> list[str]:
    """Return what a reader must know before believing the figures, as sentences."""
    found = [*_small_tests(material), *_small_labels(material), *_unknown_artists(material)]
    if all(material.protocol(split) == "random" for split in material.split_names):
        found.append(
            "No split keeps artists apart: a model may know an artist's sound and not the genre's, "
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
            f"{who} {verb} not run on at least one split; the reason stands under the leaderboard."
        )
    return found


def _tests(material: Material) -> pl.DataFrame:
    """Rows of the metrics on the test part, splits in the order of the page."""
    order = pl.Enum(material.split_names)
    tests = material.metrics.filter(
        pl.col("part") == "test", pl.col("split").is_in(material.split_names)
    )
    return tests.with_columns(pl.col("split").cast(order)).sort("split", "target")


def _small_tests(material: Material) -> list[str]:
    """Warnings about splits that test few tracks, or tracks of few artists."""
    overall = _tests(material).filter(pl.col("target").is_null())
    sizes = overall.group_by("split", maintain_order=True).agg(pl.col("tracks", "clusters").min())
    found = []
    for column, limit, what, meaning in [
        ("tracks", SMALL_TEST, "Few test tracks", "differences of a few points may be chance."),
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
    labels = (
        _tests(material)
        .filter(pl.col("target").is_not_null())
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
    for name, tracks in material.tracks.items():
        good = usable(tracks)
        unknown = good["artist"].null_count()
        if unknown:
            who = "No artist is" if unknown == len(good) else "Some artists are not"
            found.append(
                f"{who} known in {name} ({counted(unknown, 'track')} of {count(len(good))}): each "
                "such track counts as an artist of its own, so an artist may be on both sides."
            )
    return found
