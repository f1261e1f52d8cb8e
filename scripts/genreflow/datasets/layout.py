"""Datasets of kind table: which tables they are, and what the columns mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from genreflow.datasets import Dataset
from genreflow.datasets.cells import read_header
from genreflow.errors import GenreflowError, closest

# Stands for all columns that have no other role.
OTHERS = "*"


@dataclass(frozen=True)
class Layout:
    """The columns of a table of track features.

    Attributes
    ----------
    label : str
        column of the label or labels
    features : mapping of str to tuple of str
        what the column of each feature holds: ``number``, ``boolean``, ``one_hot`` (a category,
        which becomes a column of 0 and 1 for each), ``log`` (a number, of which the logarithm is
        taken) and ``min_max`` (a number that the pipeline puts between 0 and 1). ``"*"`` stands
        for all columns without another role.
    id, artist, title : str or None
        columns
    given : mapping of str to str
        column of the parts by name of the list
    targets : mapping of str to str
        column of a number that regression can predict, by the number's name
    separator : str or None
        what stands between several labels in one cell
    no_label : tuple of str
        cells of the label column that mean that there is none
    ignored : tuple of str
        columns
    feature_set : str
        name of the feature set that the table gives
    varying : tuple of str
        features in which two rows of one recording may differ
    missing : str
        what the pipeline puts in place of a missing value (median, mean, most_frequent), or
        exclude, where such rows are left out
    duplicates : str
        whether rows that are equal in every column count once (drop) or each (keep)
    """

    label: str
    features: Mapping[str, tuple[str, ...]]
    id: str | None = None
    artist: str | None = None
    title: str | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    no_label: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    feature_set: str = "table"
    varying: tuple[str, ...] = ()
    missing: str = "median"
    duplicates: str = "drop"

    @classmethod
    def from_config(cls, mapping: Mapping[str, Any], file: str) -> "Layout":
        """The layout of a checked dataset file.

        Parameters
        ----------
        mapping : mapping
            the file's keys
        file : str
            its name, for messages

        Raises
        ------
        GenreflowError
            where kinds of a feature exclude each other, or a column has two roles
        """
        columns = mapping["columns"]
        layout = cls(
            **{role: columns.get(role) for role in ("label", "id", "artist", "title")},
            given=columns.get("given", {}),
            targets=columns.get("targets", {}),
            features={
                name: (kinds,) if isinstance(kinds, str) else tuple(kinds)
                for name, kinds in mapping["features"].items()
            },
            separator=mapping.get("separator"),
            no_label=tuple(mapping.get("no_label", ())),
            ignored=tuple(mapping.get("ignored", ())),
            feature_set=mapping.get("feature_set", cls.feature_set),
            varying=tuple(mapping.get("varying", ())),
            missing=mapping.get("missing", cls.missing),
            duplicates=mapping.get("duplicates", cls.duplicates),
        )
        for name, kinds in layout.features.items():
            if len(kinds) > 1 and set(kinds) != {"log", "min_max"}:
                raise GenreflowError(
                    f"{file}: features.{name}: {' and '.join(kinds)} exclude each other; "
                    "only log and min_max go together"
                )
        declared = [*layout.described, *layout.ignored, *layout.features]
        for name in declared:
            if declared.count(name) > 1:
                raise GenreflowError(f"{file}: the column {name!r} has two roles; keep one of them")
        return layout

    @property
    def described(self) -> tuple[str, ...]:
        """Columns that say what a track is, each once."""
        named = (self.label, self.id, self.artist, self.title)
        columns = (*named, *self.given.values(), *self.targets.values())
        return tuple(dict.fromkeys(filter(None, columns)))

    @property
    def people(self) -> dict[str, str]:
        """Columns of artist and title, those that there are."""
        columns = {"artist": self.artist, "title": self.title}
        return {role: column for role, column in columns.items() if column}

    def features_of(self, names: Sequence[str], file: str) -> dict[str, tuple[str, ...]]:
        """What each column of a table that is a feature holds, in the order of the table.

        Parameters
        ----------
        names : sequence of str
            headers of the table
        file : str
            the table's name, for messages

        Raises
        ------
        GenreflowError
            where a column is missing, or one has no role
        """
        features = [name for name in self.features if name != OTHERS]
        for name in (*self.described, *self.ignored, *features):
            if name not in names:
                raise GenreflowError(f"{file}: there is no column {name!r}{closest(name, names)}")
        others = [n for n in names if n not in {*self.described, *self.ignored, *features}]
        # The column without a name is how pandas saves the numbers of the rows.
        odd = next((n for n in others if OTHERS not in self.features or not n), None)
        if odd is not None:
            raise GenreflowError(
                f"{file}: nothing says what the column {odd!r} (number {names.index(odd) + 1}) is; "
                "list it under features or under ignored in the dataset's file"
            )
        found = {n: self.features.get(n, self.features.get(OTHERS)) for n in names}
        found = {n: kinds for n, kinds in found.items() if n in {*features, *others}}
        if not found:
            raise GenreflowError(
                f"{file}: no column is a feature; list one at least under features"
            )
        for name in self.varying:
            if name not in found:
                raise GenreflowError(
                    f"{file}: {name!r}, listed under varying, is no feature{closest(name, found)}"
                )
        return found


@dataclass(frozen=True)
class TableDataset(Dataset):
    """A dataset of tables of track features, which stand in place of audio.

    Attributes
    ----------
    layout : Layout
    tables : tuple of Path
        their rows belong one below the other
    """

    kind: ClassVar[str] = "table"

    layout: Layout = field(kw_only=True)
    tables: tuple[Path, ...] = field(kw_only=True)

    @classmethod
    def from_config(
        cls, name: str, mapping: Mapping[str, Any], *, lists_folder: Path | None
    ) -> "TableDataset":
        """The dataset of a checked dataset file.

        Parameters
        ----------
        name : str
        mapping : mapping
            the file's keys
        lists_folder : Path or None

        Raises
        ------
        GenreflowError
            where what is said of the columns makes no sense
        """
        root, tables = Path(mapping["root"]), mapping["table"]
        return cls(
            name=name,
            root=root,
            lists=mapping.get("lists"),
            fetch=mapping.get("fetch", {}),
            lists_folder=lists_folder,
            layout=Layout.from_config(mapping, f"config/datasets/{name}.yaml"),
            tables=tuple(root / t for t in ([tables] if isinstance(tables, str) else tables)),
        )

    @property
    def preparation(self) -> dict[str, Any]:
        """What the pipeline does with the features before anything else.

        Returns
        -------
        dict
            ``missing``, as in `Layout`, and ``min_max``, the names of the features that it puts
            between 0 and 1
        """
        kinds = self.layout.features
        if "min_max" in kinds.get(OTHERS, ()):
            first = self.tables[0]
            kinds = self.layout.features_of(read_header(first), str(first))
        scaled = [name for name, of_column in kinds.items() if "min_max" in of_column]
        return {"missing": self.layout.missing, "min_max": scaled}

    def missing(self) -> str | None:
        """What the user has to put where before this dataset can be used, or None."""
        absent = ", ".join(str(path) for path in self.tables if not path.is_file())
        if not absent:
            return None
        return (
            f"the dataset {self.name!r} is not there: put or link its table at {absent} "
            f"(or change root or table in {self.file})"
        )
