"""The first lines of the page: what was run on what, what came out, and what to beware of."""

import polars as pl

from genreflow.report import numbers
from genreflow.report.corpus import usable
from genreflow.report.material import Material
from genreflow.report.numbers import count, counted, listed

FEW_ARTISTS = 20
SMALL_TEST = 200
SMALL_LABEL = 10

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
    seconds = sum(float(table["seconds"].sum()) for table in tables)
    done = material.runs.filter(pl.col("status") == "done")["run"].n_unique()
    pairs = [
        (sum(len(table) for table in tables), "track", "tracks"),
        (len(labels), "label", "labels"),
        (len(artists), "artist", "artists"),
        (done, "run", "runs"),
        (len(material.splits), "split", "splits"),
    ]
    figures = [(count(number), one if number == 1 else many) for number, one, many in pairs]
    return [*figures[:3], (numbers.seconds(seconds), "of music"), *figures[3:]]


def headlines(material: Material) -> list[dict]:
    """Return one line for each split: its best run, with the figure and its interval."""
    lines = []
    for split in material.split_names:
        ranked = material.ranked(split)
        if not ranked:
            continue
        best = ranked[0]
        score = material.score(split, best["run"], material.metric_name)
        if not score or score["value"] is None:
            continue
        floor = next((r for r in ranked if str(r["model"]).startswith("dummy")), None)
        base = floor and material.score(split, floor["run"], material.metric_name)
        lines.append(
            {
                "split": split,
                "apart": APART[material.protocol(split)],
                "run": best["run"],
                "value": material.metric.value(score["value"]),
                "interval": material.metric.interval(score["low"], score["high"]),
                "floor": material.metric.value(base["value"]) if base and floor != best else None,
            }
        )
    return lines


def warnings(material: Material) -> list[str]:
    """Return what a reader must know before believing the figures, as sentences."""
    found = [*_small_tests(material), *_unknown_artists(material)]
    random = [s for s in material.split_names if material.protocol(s) == "random"]
    if len(random) == len(material.split_names):
        found.append(
            "No split keeps artists apart: a model may know an artist's sound and not the genre's, "
            "so the figures are likely too high for new artists."
        )
    dropped = material.runs["dropped"].drop_nulls() if "dropped" in material.runs.columns else []
    if len(dropped) and dropped.max():
        found.append(
            f"{counted(int(dropped.max()), 'test track')} at most are left out of a comparison, "
            "because not every run could predict them."
        )
    skipped = material.runs.filter(pl.col("status") != "done")["run"].unique().sort().to_list()
    if skipped:
        verb = "was" if len(skipped) == 1 else "were"
        found.append(f"{listed(skipped)} {verb} not run; the reason stands under the leaderboard.")
    return found


def _small_tests(material: Material) -> list[str]:
    """Warnings about few artists, few test tracks, and labels with very few."""
    found = []
    for split in material.split_names:
        own = material.metrics.filter(pl.col("split") == split, pl.col("part") == "test")
        overall = own.filter(pl.col("target").is_null())
        clusters, tracks = overall["clusters"].min(), overall["tracks"].min()
        if clusters is not None and clusters < FEW_ARTISTS:
            found.append(
                f"Split {split} tests on {counted(clusters, 'artist')} only: with fewer than "
                f"{FEW_ARTISTS}, the intervals are rough, and likely too narrow."
            )
        if tracks is not None and tracks < SMALL_TEST:
            found.append(
                f"Split {split} tests on {counted(tracks, 'track')} only: differences of a few "
                "points between runs may be chance."
            )
        small = (
            own.filter(pl.col("support") < SMALL_LABEL)
            .group_by("target")
            .agg(pl.col("support").min())
            .sort("support", "target")
        )
        if len(small):
            labels = [f"{row[0]} ({row[1]})" for row in small.head(5).iter_rows()]
            more = len(small) - len(labels)
            if more:
                labels.append(f"{count(more)} more")
            found.append(
                f"Split {split} has fewer than {SMALL_LABEL} test tracks of {listed(labels)}: "
                "their figures per label mean little."
            )
    return found


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
