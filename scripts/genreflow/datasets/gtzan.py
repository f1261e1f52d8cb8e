"""GTZAN's published lists: artists and titles, and the splits in common use.

``GTZANindex.txt`` names artist and title of each excerpt [#]_. ``{train,valid,test}_filtered.txt``
is the fault-filtered split, without replicas and distortions and with no artist on two sides;
``{train,valid,test}_stratified.txt`` is a stratified one of all excerpts [#]_.

.. [#] B. L. Sturm, "An analysis of the GTZAN music genre dataset", ACM MIRUM, 2012.
.. [#] C. Kereliuk, B. L. Sturm, J. Larsen, "Deep learning and music adversaries",
   IEEE Transactions on Multimedia 17(11), 2015.
"""

from collections.abc import Iterator
from pathlib import Path

from genreflow.datasets import Dataset
from genreflow.datasets.labels import PARTS, Facts, Sheet, stem
from genreflow.errors import GenreflowError

INDEX = "GTZANindex.txt"
SPLITS = {"fault_filtered": "filtered", "stratified": "stratified"}


def read_lists(dataset: Dataset) -> Sheet:
    """Read the lists that are there.

    Parameters
    ----------
    dataset : Dataset
        whose lists stand in root, in root/lists or in its folder of fetched lists

    Returns
    -------
    Sheet
        by stem, such as ``blues.00000``, so that .au and .wav are both found

    Raises
    ------
    GenreflowError
        where a list of the dataset's file is missing, or a list cannot be read
    """
    for name in dataset.fetch:
        if not dataset.find_list(name):
            raise GenreflowError(f"the list {name} is missing; put it at {dataset.root / name}")
    index = dataset.find_list(INDEX)
    people = read_index(index) if index else {}
    splits = {name: read_split(dataset, ending) for name, ending in SPLITS.items()}
    splits = {name: parts for name, parts in splits.items() if parts}
    facts = {
        track: people.get(track, Facts())._replace(
            given={name: parts.get(track) for name, parts in splits.items()}
        )
        for track in sorted({*people, *(track for parts in splits.values() for track in parts)})
    }
    return Sheet(facts, tuple(splits), by_stem=True)


def read_index(path: Path) -> dict[str, Facts]:
    """Artist and title by stem.

    Parameters
    ----------
    path : Path
        lines ``file ::: artist ::: title``, where artist and title may be empty; comments begin
        with ``##``

    Raises
    ------
    GenreflowError
        naming the line that is not of this form
    """
    facts = {}
    for number, line in _lines(path):
        if line.startswith("##"):
            continue
        cells = [cell.strip() or None for cell in line.split(":::")]
        if len(cells) != 3 or not cells[0]:
            raise GenreflowError(
                f"{path}, line {number}: expected `file ::: artist ::: title`, found {line!r}"
            )
        file, artist, title = cells
        facts[stem(file)] = Facts(artist=artist, title=title)
    return facts


def read_split(dataset: Dataset, ending: str) -> dict[str, str]:
    """Part (train, validation or test) by stem, from ``{train,valid,test}_{ending}.txt``.

    Raises
    ------
    GenreflowError
        where a track stands in two parts
    """
    parts: dict[str, str] = {}
    for part in ("train", "valid", "test"):
        path = dataset.find_list(f"{part}_{ending}.txt")
        for number, line in _lines(path) if path else ():
            if parts.setdefault(stem(line), PARTS[part]) != PARTS[part]:
                raise GenreflowError(
                    f"{path}, line {number}: {line} is in the {parts[stem(line)]} list too"
                )
    return parts


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()
