"""A split whose labels are replaced by the clusters of a clustering, fold by fold."""

import logging
from collections.abc import Sequence

import polars as pl

from genreflow.errors import GenreflowError
from genreflow.parts import PARTS
from genreflow.splits.sample import NOT_DRAWN, places

log = logging.getLogger("genreflow")

FOLD = ["repeat", "fold"]
IN_NO_CLUSTER = "its genre is in no cluster"


def relabel_split(
    split: pl.DataFrame,
    clusters: pl.DataFrame,
    tracks: pl.DataFrame,
    *,
    sample: int | str | None = None,
    seed: int = 0,
    copies: bool = False,
) -> pl.DataFrame:
    """Give the tracks of a split the clusters of their labels.

    No track changes sides. Tracks whose labels are in no cluster are excluded; a recording that
    stood under two labels of one cluster counts once.

    Parameters
    ----------
    split : pl.DataFrame
        as `genreflow.splits.make_split` returns
    clusters : pl.DataFrame
        repeat i32, fold i32, label, cluster (null: the label is dropped); a label that it does
        not name is dropped, too
    tracks : pl.DataFrame
        the tracks table; of its columns track_id and digest count
    sample : int > 0, "smallest" or None
        most tracks of a cluster in a fold, divided over its parts in proportion to their sizes
        and drawn by hash; smallest: as many as the smallest cluster has; all where None
    seed : int
        of the hash
    copies : bool
        let every copy of a recording count, as in splits of the method published

    Returns
    -------
    pl.DataFrame
        as `split`, with other parts, reasons and labels

    Raises
    ------
    GenreflowError
        where a fold has no clusters, fewer than two of them have tracks, the training part lacks
        one, or another part lacks all
    """
    rows = _add_clusters(split, clusters).join(
        tracks.select("track_id", "digest"), on="track_id", how="left"
    )
    rows = _set_aside(rows, pl.col("labels").is_null(), "excluded", pl.lit(IN_NO_CLUSTER))
    if not copies:
        first = pl.col("track_id").filter(_counts()).min().over(*FOLD, "digest", "labels")
        rows = _set_aside(
            rows,
            first < pl.col("track_id"),
            "duplicate",
            pl.format("same recording as {}", first),
        )
    if sample is not None:
        rows = _draw_sample(rows, sample, seed, copies=copies)
    _check(rows, [part for part in PARTS if part in split["part"]])
    return rows.select(split.columns).sort(*FOLD, "track_id")


def _counts() -> pl.Expr:
    return pl.col("part").is_in(PARTS)


def _set_aside(rows: pl.DataFrame, out: pl.Expr, part: str, reason: pl.Expr) -> pl.DataFrame:
    """Take the rows where `out` is true out of those that count."""
    hit = _counts() & out
    return rows.with_columns(
        part=pl.when(hit).then(pl.lit(part)).otherwise("part"),
        reason=pl.when(hit).then(reason).otherwise("reason"),
    )


def _add_clusters(split: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """The split with the names of clusters as labels."""
    lost = split.select(FOLD).unique().join(clusters, on=FOLD, how="anti").sort(FOLD)
    if len(lost):
        repeat, fold = lost.row(0)
        raise GenreflowError(
            f"the clustering has no clusters for repeat {repeat}, fold {fold} of the split; "
            "delete the study's folder cluster/ under results/ and run again"
        )
    named = (
        split.select(*FOLD, "track_id", label="labels")
        .explode("label")
        .join(clusters.select(*FOLD, "label", "cluster"), on=[*FOLD, "label"])
        .drop_nulls("cluster")
        .group_by(*FOLD, "track_id")
        .agg(labels=pl.col("cluster").unique().sort())
    )
    return split.drop("labels").join(named, on=[*FOLD, "track_id"], how="left")


def _draw_sample(rows: pl.DataFrame, size: int | str, seed: int, *, copies: bool) -> pl.DataFrame:
    """Exclude tracks until no cluster has more than so many, each part giving its share."""
    each = rows.filter(_counts()).explode("labels")
    ranked = (
        each.with_columns(place=places(each, seed, copies=copies))
        .sort("place", "track_id")
        .with_columns(rank=pl.int_range(pl.len()).over(*FOLD, "part", "labels"))
    )
    quotas = []
    for (repeat, fold), of in each.group_by(FOLD):
        most = of["labels"].value_counts()["count"].min() if size == "smallest" else size
        parts = rows.filter(_counts(), repeat=repeat, fold=fold)["part"].value_counts().sort("part")
        quotas += [
            {"repeat": repeat, "fold": fold, "part": part, "quota": quota}
            for part, quota in zip(parts["part"], _divide(most, parts["count"]), strict=True)
        ]
    types = {"repeat": pl.Int32, "fold": pl.Int32, "part": pl.String, "quota": pl.Int64}
    out = (
        ranked.join(pl.DataFrame(quotas, schema=types), on=[*FOLD, "part"])
        .filter(pl.col("rank") >= pl.col("quota"))
        .select(*FOLD, "track_id", out=True)
        .unique()
    )
    rows = rows.join(out, on=[*FOLD, "track_id"], how="left")
    return _set_aside(rows, pl.col("out").fill_null(False), "excluded", pl.lit(NOT_DRAWN))


def _divide(number: int, sizes: pl.Series) -> list[int]:
    """Divide a number in proportion to sizes, what is left over by the largest remainders."""
    total = sizes.sum()
    whole = [number * size // total for size in sizes]
    remainders = [number * size % total for size in sizes]
    left = number - sum(whole)
    for index in sorted(range(len(whole)), key=lambda i: (-remainders[i], i))[:left]:
        whole[index] += 1
    return whole


def _check(rows: pl.DataFrame, parts: Sequence[str]) -> None:
    """Refuse folds that leave nothing to tell apart, and say which parts lack a cluster."""
    for (repeat, fold), all_of in rows.sort(FOLD).group_by(FOLD, maintain_order=True):
        of = all_of.filter(_counts()).explode("labels")
        names = of["labels"].unique().sort().to_list()
        where = f"repeat {repeat}, fold {fold}"
        if len(names) < 2:
            found = f"only the cluster {names[0]!r} has" if names else "no cluster has"
            raise GenreflowError(
                f"{where}: {found} tracks, two clusters at least are needed; "
                "ask for more clusters, or drop fewer labels"
            )
        held = set(of.select("labels", "part").iter_rows())
        for part in parts:
            lacking = [name for name in names if (name, part) not in held]
            if lacking and (part == "train" or lacking == names):
                raise GenreflowError(
                    f"{where}: no track of the cluster {lacking[0]!r} in {part}; "
                    "take a larger sample, or all"
                )
            for name in lacking:
                log.warning("%s: no track of the cluster %s in %s", where, name, part)
