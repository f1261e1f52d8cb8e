"""Feature tables that come as a flat list, by what they describe."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def by_set(paths: Sequence[str], sets: Sequence[str]) -> dict[str, list[str]]:
    """Feature tables by their feature set.

    Parameters
    ----------
    paths : sequence of str
        the tables of the batches, as many of each set, one set behind the other
    sets : sequence of str

    Returns
    -------
    dict
        in the order of `sets`

    Raises
    ------
    ValueError
        if the sets do not have the same number of tables

    Examples
    --------
    >>> by_set(["mel/a", "mel/b", "chroma/a", "chroma/b"], ["mel", "chroma"])
    {'mel': ['mel/a', 'mel/b'], 'chroma': ['chroma/a', 'chroma/b']}
    """
    count, left = divmod(len(paths), len(sets))
    if left:
        raise ValueError(f"{len(paths)} tables are not the same number of each of {len(sets)} sets")
    return {name: list(paths[k * count : (k + 1) * count]) for k, name in enumerate(sets)}


def by_variant(paths: Iterable[str]) -> dict[str, list[str]]:
    """Feature tables by the variant that they describe, the folder in which they stand.

    Parameters
    ----------
    paths : iterable of str
        ``.../{variant}/{batch}.parquet``

    Returns
    -------
    dict
        in the order in which the variants come

    Examples
    --------
    >>> by_variant(["mel/gain-6/a", "chroma/gain-6/a", "mel/noise20/a"])
    {'gain-6': ['mel/gain-6/a', 'chroma/gain-6/a'], 'noise20': ['mel/noise20/a']}
    """
    tables: dict[str, list[str]] = {}
    for path in paths:
        tables.setdefault(Path(path).parent.name, []).append(path)
    return tables
