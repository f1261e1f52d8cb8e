"""What a split takes each track's labels, or numbers, to be."""

from collections.abc import Sequence

import polars as pl

from genreflow.errors import require_known


def view_labels(
    tracks: pl.DataFrame, *, task: str = "single_label", choose: Sequence[str] | None = None
) -> pl.DataFrame:
    """Leave of every track the labels that count.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table
    task : str
        single_label: the track's own labels; multi_label: all those under which its recording
        stands
    choose : sequence of str or None
        the labels that count; all where None

    Returns
    -------
    pl.DataFrame
        the tracks with other ``labels`` [list of str], each once, null where none is left;
        ``unchosen``: whether there were some, but none of the chosen ones; and ``lacking``, null,
        see `view_targets`

    Raises
    ------
    GenreflowError
        where no track has one of the chosen labels
    """
    name = "all_labels" if task == "multi_label" else "labels"
    labels = pl.col(name).list.unique(maintain_order=True)
    labelled = labels.list.len() > 0
    if choose is not None:
        known = tracks[name].explode().drop_nulls().unique().sort().to_list()
        for label in choose:
            require_known(label, known, "choose", "labels of the dataset")
        labels = labels.list.filter(pl.element().is_in(list(choose)))
    left = labels.list.len() > 0
    return tracks.with_columns(
        labels=pl.when(left).then(labels),
        unchosen=(labelled & ~left).fill_null(False),
        lacking=pl.lit(None, pl.String),
    )


def view_targets(tracks: pl.DataFrame, targets: Sequence[str]) -> pl.DataFrame:
    """Leave of every track the numbers that count.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table
    targets : sequence of str
        names of the numbers

    Returns
    -------
    pl.DataFrame
        the tracks with other ``labels`` [list of str], the names, the same for all;
        ``values`` [list of f64], the numbers in this order, null where they are not known;
        ``lacking`` [str], the names of these, null where there are none; and ``unchosen``, False,
        see `view_labels`

    Raises
    ------
    GenreflowError
        where the dataset has no such number
    """
    known = [name.removeprefix("target_") for name in tracks.columns if name[:7] == "target_"]
    for name in targets:
        require_known(name, known, "targets", "numbers that the dataset's file names")
    columns = [f"target_{name}" for name in targets]
    missing = [
        pl.when(pl.col(column).is_null()).then(pl.lit(name))
        for name, column in zip(targets, columns, strict=True)
    ]
    lacking = pl.concat_str(missing, separator=", ", ignore_nulls=True)
    return tracks.with_columns(
        labels=pl.lit(pl.Series([list(targets)], dtype=pl.List(pl.String))).first(),
        values=pl.concat_list(columns),
        lacking=pl.when(lacking != "").then(lacking),
        unchosen=pl.lit(False),
    )


def take_rarest(rows: pl.DataFrame, eligible: pl.Expr) -> pl.DataFrame:
    """Leave of several labels the one that the fewest recordings have.

    Parameters
    ----------
    rows : pl.DataFrame
        track_id, digest, labels
    eligible : pl.Expr
        the rows whose recordings are counted, each once for each of its labels; of labels with
        equal counts the first by name is taken
    """
    each = rows.select("track_id", "digest", "labels", eligible=eligible).explode("labels")
    each = each.drop_nulls("labels")
    held = each.filter("eligible").group_by("labels").agg(held=pl.col("digest").n_unique())
    rarest = (
        each.join(held, on="labels", how="left")
        .sort(pl.col("held").fill_null(0), "labels")
        .group_by("track_id")
        .agg(rarest=pl.col("labels").first())
    )
    return (
        rows.join(rarest, on="track_id", how="left", maintain_order="left")
        .with_columns(labels=pl.when(pl.col("rarest").is_not_null()).then(pl.concat_list("rarest")))
        .drop("rarest")
    )
