"""Datasets: where the audio is, and where labels, artists and given splits are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from genreflow.errors import GenreflowError


@dataclass(frozen=True)
class Dataset:
    """A dataset of audio as its file in ``config/datasets`` describes it.

    Datasets of kind table are a `genreflow.datasets.layout.TableDataset`.

    Attributes
    ----------
    name : str
    root : Path
        folder of the audio, relative to the working directory
    labels : tuple of str
        where a label is found, in order of preference: ``"folder"``, ``"table"``, ``"tags"``
    table : str or None
        a CSV or TSV relative to `root`
    columns : mapping
        names of the table's columns: path, label, artist, title, given (list to column) and
        targets (name of a number to column)
    separator : str or None
        what stands between several labels in one cell
    lists : str or None
        format of published lists of artists and splits; they serve where the table is not there
    fetch : mapping of str to mapping
        the published lists by file name, each with url and sha256
    make : str or None
        import path of a function that makes the audio
    lists_folder : Path or None
        where fetched lists are put
    kind : str
        audio or table
    preparation : mapping or None
        what the pipeline does with the features before anything else
    """

    kind: ClassVar[str] = "audio"
    preparation: ClassVar[Mapping[str, Any] | None] = None

    name: str
    root: Path
    labels: tuple[str, ...] = ("folder",)
    table: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    separator: str | None = None
    lists: str | None = None
    fetch: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    make: str | None = None
    lists_folder: Path | None = None

    @classmethod
    def from_config(
        cls, name: str, mapping: Mapping[str, Any], *, lists_folder: Path | None
    ) -> "Dataset":
        """The dataset of a checked dataset file.

        Parameters
        ----------
        name : str
        mapping : mapping
            the file's keys; those that do not concern the catalogue are left alone
        lists_folder : Path or None

        Raises
        ------
        GenreflowError
            where labels or targets shall come from a table and none is named
        """
        labels = mapping.get("labels", "folder")
        dataset = cls(
            name=name,
            root=Path(mapping["root"]),
            labels=(labels,) if isinstance(labels, str) else tuple(labels),
            table=mapping.get("table"),
            columns=mapping.get("columns", {}),
            separator=mapping.get("separator"),
            lists=mapping.get("lists"),
            fetch=mapping.get("fetch", {}),
            make=mapping.get("make"),
            lists_folder=lists_folder,
        )
        wanted = {"labels": "table" in dataset.labels, "targets": bool(dataset.targets)}
        if dataset.table is None and any(wanted.values()):
            found = " and ".join(name for name, is_wanted in wanted.items() if is_wanted)
            raise GenreflowError(
                f"{dataset.file}: {found} are to come from a table, and none is named; "
                "add a line such as `table: tracks.csv`"
            )
        return dataset

    @property
    def file(self) -> str:
        """The dataset's file, for messages."""
        return f"config/datasets/{self.name}.yaml"

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the numbers that the table states of each track."""
        return tuple(self.columns.get("targets", {}))

    @property
    def table_path(self) -> Path | None:
        """The table to be read; none where published lists stand in for it."""
        if self.table is None:
            return None
        path = self.root / self.table
        return path if path.is_file() or not self.lists else None

    def missing(self) -> str | None:
        """What the user has to put where before this dataset can be used, or None."""
        if self.make or self.root.is_dir():
            return None
        return (
            f"the dataset {self.name!r} is not there: put or link its audio at {self.root} "
            f"(or change root in {self.file})"
        )

    def find_list(self, file_name: str) -> Path | None:
        """A published list: the user's own copy in root or root/lists, else the fetched one."""
        folders = [self.root, self.root / "lists", self.lists_folder]
        paths = (folder / file_name for folder in folders if folder)
        return next((path for path in paths if path.is_file()), None)

    def to_fetch(self) -> dict[str, dict[str, str]]:
        """The lists that the user does not provide; the same before and after they are fetched."""
        if self.table_path:
            return {}
        own = (self.root, self.root / "lists")
        return {
            name: dict(source)
            for name, source in self.fetch.items()
            if not any((folder / name).is_file() for folder in own)
        }
