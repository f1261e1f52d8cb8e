"""Make the tracks table and the feature table of a dataset that is itself a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genreflow.catalogue_table import table_digest
from genreflow.datasets.layout import TableDataset
from genreflow.datasets.table import read_tables
from genreflow.errors import GenreflowError
from genreflow.journal import log_to
from genreflow.provenance import made_by


def ingest(
    dataset: str,
    settings: Mapping[str, Any],
    lists_folder: str,
    snapshot: str,
    path_to_tracks: str,
    path_to_features: str,
) -> None:
    """Write the tracks and their features.

    Parameters
    ----------
    dataset : str
        its name
    settings : mapping
        the dataset's file
    lists_folder : str
        where fetched lists are
    snapshot : str
        name of the state of the tables that is meant
    path_to_tracks, path_to_features : str
        the parquet files to write

    Raises
    ------
    GenreflowError
        where the tables have been edited since the run began, or cannot be read
    """
    found = TableDataset.from_config(dataset, settings, lists_folder=Path(lists_folder))
    tables = read_tables(found, snapshot)
    if table_digest(found) != snapshot:
        raise GenreflowError(
            f"{', '.join(map(str, found.tables))}: edited since this run started; "
            "run the workflow again"
        )
    tables.tracks.write_parquet(path_to_tracks)
    tables.features.write_parquet(path_to_features)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        ingest(
            dataset=snakemake.wildcards.dataset,
            settings=snakemake.params.settings,
            lists_folder=snakemake.params.lists_folder,
            snapshot=snakemake.wildcards.snapshot,
            path_to_tracks=snakemake.output.tracks,
            path_to_features=snakemake.output.features,
        )
