"""The features of a dataset, put together from the tables of its batches."""

from collections.abc import Sequence

import polars as pl

from genreflow.errors import GenreflowError
from genreflow.features.extract import HEAD

KEYS = ["track_id", "batch"]


def load_vectors(paths: Sequence[str], wanted: pl.DataFrame) -> pl.DataFrame:
    """Features of the tracks that are wanted.

    Parameters
    ----------
    paths : sequence of str
        feature tables of batches, of one feature set
    wanted : pl.DataFrame [columns: track_id, batch, ...]
        the tracks, one row each. The batch says which version of a file is meant.

    Returns
    -------
    pl.DataFrame [columns: track_id, batch, reason, then one Float64 per feature]
        one row per wanted track, sorted by track_id. Where there is a `reason`, the features are
        null.

    Raises
    ------
    GenreflowError
        if the batches have different features
    """
    tables = [pl.read_parquet(path) for path in paths]
    names: list[str] = []
    for path, table in zip(paths, tables, strict=True):
        found = [column for column in table.columns if column not in HEAD]
        # A batch of which no track could be described knows no features.
        if names and found and found != names:
            odd = ", ".join(sorted(set(found) ^ set(names))) or "their order"
            raise GenreflowError(
                f"{path}: its features are not those of the other batches; different: {odd}. "
                "Delete the file and run again"
            )
        names = names or found
    columns = pl.Schema(HEAD | dict.fromkeys(names, pl.Float64))
    features = pl.concat([columns.to_frame(), *tables], how="diagonal")
    missing = pl.lit("no features were extracted")
    return (
        wanted.select(KEYS)
        .join(features.with_columns(extracted=True), on=KEYS, how="left", validate="1:1")
        .with_columns(reason=pl.when("extracted").then("reason").otherwise(missing))
        .select(columns.names())
        .sort("track_id")
    )
