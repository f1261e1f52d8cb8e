"""Tables of the tracks that were set aside or noted, with the reasons."""

import polars as pl

from genreflow.report.material import Material

MOST_ROWS = 500


def problems(material: Material, name: str, tracks: pl.DataFrame) -> list[dict]:
    """Return the tables of what was set aside or noted, each with its reasons.

    At most `MOST_ROWS` rows of each are given; ``total`` says how many there are.
    """
    labels = pl.col("labels").list.join("; ").alias("labels")
    copies = tracks.filter(pl.col("duplicate_of").is_not_null(), pl.col("conflict").is_null())
    kinds = [
        (
            "Quarantine",
            "These files were left out.",
            ["Track", "Label", "Reason"],
            tracks.filter(pl.col("status") == "quarantined").select("track_id", labels, "reason"),
        ),
        (
            "Warnings",
            "These tracks were used all the same.",
            ["Track", "Label", "Reason"],
            tracks.filter(pl.col("status") == "warning").select("track_id", labels, "reason"),
        ),
        (
            "Duplicates",
            "The same recording under several names: the first one counts, the copies do not.",
            ["Copy", "Label", "Stands for"],
            copies.select("track_id", labels, "duplicate_of"),
        ),
        (
            "Label conflicts",
            "The same recording under different labels: no copy counts until one label is removed.",
            ["Track", "Label", "Reason"],
            tracks.filter(pl.col("conflict").is_not_null()).select("track_id", labels, "conflict"),
        ),
        _set_aside(material, name, tracks),
        _not_made(material, name),
    ]
    return [
        {
            "title": title,
            "lead": lead,
            "head": head,
            "rows": table.sort(table.columns[:2]).head(MOST_ROWS).rows(),
            "total": len(table),
        }
        for title, lead, head, table in kinds
        if len(table)
    ]


def _set_aside(material: Material, name: str, tracks: pl.DataFrame) -> tuple:
    """Tracks that a split itself left out, with its reason."""
    known = tracks.filter(
        (pl.col("status") == "quarantined")
        | pl.col("conflict").is_not_null()
        | pl.col("duplicate_of").is_not_null()
    ).select("track_id")
    tables = [
        material.splits[split]
        .filter(pl.col("part") == "excluded")
        .join(known, on="track_id", how="anti")
        .group_by("track_id")
        .agg(pl.col("reason").drop_nulls().first())
        .select("track_id", pl.lit(split).alias("split"), "reason")
        for split in material.split_names
        if material.split_dataset(split) == name
    ]
    empty = pl.DataFrame(schema=dict.fromkeys(["track_id", "split", "reason"], pl.String))
    return (
        "Left out by a split",
        "These tracks are in no part of a split.",
        ["Track", "Split", "Reason"],
        pl.concat([empty, *tables]),
    )


def _not_made(material: Material, name: str) -> tuple:
    """Tracks whose features could not be made, from the run files."""
    rows = {
        (track, ", ".join(file["features"]["sets"]), reason)
        for file in material.run_files
        if file["dataset"] == name
        for fold in file["folds"]
        for track, reason in (fold.get("dropped") or {}).items()
    }
    schema = dict.fromkeys(["track_id", "features", "reason"], pl.String)
    return (
        "Without features",
        "A feature set could not be made of these tracks, so no run was measured on them.",
        ["Track", "Features", "Reason"],
        pl.DataFrame(sorted(rows), schema=schema, orient="row"),
    )
