"""Tables of the tracks that were set aside or noted, with the reasons."""

import polars as pl

from genreflow.report.material import Material

# Longer tables are told reason by reason.
MOST_ROWS = 40
MOST_REASONS = 20
EXAMPLES = 3


def problems(material: Material, name: str) -> list[dict]:
    """Return the tables of what was set aside or noted in a dataset, each with its reasons.

    Up to `MOST_ROWS` tracks are listed one by one in ``rows``: track, label or split, and reason.
    Of more, ``reasons`` holds kind, number of tracks and up to `EXAMPLES` of them, the most
    frequent first and at most `MOST_REASONS`. Reasons that differ in figures or quoted words only
    are one kind.
    """
    tracks = material.tracks[name]
    labels = pl.col("labels").list.join("; ").alias("about")
    quarantined = tracks.filter(pl.col("status") == "quarantined")
    conflict = tracks.filter(pl.col("conflict").is_not_null())
    copies = tracks.filter(pl.col("duplicate_of").is_not_null(), pl.col("conflict").is_null())
    noun = "rows" if material.is_table(name) else "files"
    kinds = [
        (
            "Quarantine",
            f"These {noun} were left out.",
            ["Track", "Label", "Reason"],
            quarantined.select("track_id", labels, "reason", kind=_kind()),
        ),
        (
            "Warnings",
            "These tracks were used all the same.",
            ["Track", "Label", "Reason"],
            tracks.filter(pl.col("status") == "warning").select(
                "track_id", labels, "reason", kind=_kind()
            ),
        ),
        (
            "Duplicates",
            "The same recording under several names: the first one counts, the copies do not, "
            "unless a split says that every row does.",
            ["Copy", "Label", "Stands for"],
            _stands_for(material, name, copies).with_columns(kind=pl.lit("copy of another track")),
        ),
        (
            "Label conflicts",
            "The same recording under different labels. A split that wants one label for each "
            "track leaves it out, unless it says that such recordings are kept.",
            ["Track", "Label", "Reason"],
            conflict.select(
                "track_id",
                labels,
                reason="conflict",
                kind=pl.format("labelled {}", pl.col("all_labels").list.join(", ")),
            ),
        ),
        _set_aside(material, name),
        _not_made(material, name),
    ]
    names = material.track_names(name)
    return [
        _told(title, lead, head, table.join(names, on="track_id", how="left"))
        for title, lead, head, table in kinds
        if len(table)
    ]


def _told(title: str, lead: str, head: list[str], table: pl.DataFrame) -> dict:
    """One kind of problem: its rows, or its reasons where there are many rows."""
    name = pl.coalesce("name", "track_id").alias("name")
    table = table.with_columns(name).sort("name", "about", "track_id")
    told = {"title": title, "lead": lead, "head": head, "total": len(table)}
    if len(table) <= MOST_ROWS:
        return told | {"rows": table.select("name", "about", "reason").rows(), "reasons": []}
    reasons = (
        table.group_by("kind", maintain_order=True)
        .agg(tracks=pl.len(), examples=pl.col("name").head(EXAMPLES))
        .sort("tracks", descending=True, maintain_order=True)
    )
    rest = reasons.slice(MOST_REASONS)
    return told | {
        "rows": [],
        "reasons": reasons.head(MOST_REASONS).rows(named=True),
        "more_reasons": len(rest),
        "more_tracks": int(rest["tracks"].sum()),
    }


def _kind() -> pl.Expr:
    """A reason, without the figures and quoted words in which those of two tracks differ."""
    reason = pl.col("reason")
    kind = reason.str.replace_all(r"'[^']*'", "'…'").str.replace_all(r"\d[\d.,]*\d|\d", "…")
    return pl.when(reason.n_unique().over(kind) == 1).then(reason).otherwise(kind)


def _stands_for(material: Material, name: str, copies: pl.DataFrame) -> pl.DataFrame:
    """Copies with the name of the track that counts for them, as their reason."""
    names = material.track_names(name).rename({"track_id": "duplicate_of", "name": "reason"})
    labels = pl.col("labels").list.join("; ").alias("about")
    return copies.join(names, on="duplicate_of", how="left").select("track_id", labels, "reason")


def _set_aside(material: Material, name: str) -> tuple:
    """Tracks that a split itself left out, with its reason."""
    known = (
        material.tracks[name]
        .filter(
            (pl.col("status") == "quarantined")
            | pl.col("conflict").is_not_null()
            | pl.col("duplicate_of").is_not_null()
        )
        .select("track_id")
    )
    tables = [
        material.splits[split]
        .filter(pl.col("part") == "excluded")
        .join(known, on="track_id", how="anti")
        .group_by("track_id")
        .agg(pl.col("reason").drop_nulls().first())
        .select("track_id", pl.lit(split).alias("about"), "reason")
        for split in material.split_names
        if material.split_dataset(split) == name
    ]
    empty = pl.DataFrame(schema=dict.fromkeys(["track_id", "about", "reason"], pl.String))
    why = pl.col("reason").fill_null("no reason given")
    return (
        "Left out by a split",
        "These tracks are in no part of a split.",
        ["Track", "Split", "Reason"],
        pl.concat([empty, *tables]).with_columns(kind=pl.format("{}: {}", "about", why)),
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
    schema = dict.fromkeys(["track_id", "about", "reason"], pl.String)
    return (
        "Without features",
        "A feature set could not be made of these tracks, so no run was measured on them.",
        ["Track", "Features", "Reason"],
        pl.DataFrame(sorted(rows), schema=schema, orient="row").with_columns(
            kind=pl.format("{}: {}", "about", _kind())
        ),
    )
