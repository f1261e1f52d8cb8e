"""What models read that take arrays: rows of which each has an array of every feature set."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from genreflow.errors import GenreflowError


class Inputs:
    """Rows with an array of each feature set, which are read when they are asked for.

    Rows are chosen as those of a matrix are, by numbers or by a mask, and so scikit-learn's
    searches and pipelines can divide them; nothing is read by that.

    Parameters
    ----------
    sets : mapping of str to sequence of np.ndarray
        by feature set, an array for each row, such as `genreflow.features.table.Arrays` or a list;
        a vector is an array of one axis
    rows : np.ndarray [shape=(n,), dtype=int64], optional
        which ones are meant, in order; all where absent

    Attributes
    ----------
    names : tuple of str
        the feature sets
    shape : (int, int)
        numbers of rows and of feature sets

    Examples
    --------
    >>> X = Inputs({"mel": [np.zeros((128, 40)), np.ones((128, 50))]})
    >>> X[np.array([1])].row(0)[0].shape
    (128, 50)
    """

    ndim = 2

    def __init__(
        self, sets: Mapping[str, Sequence[np.ndarray]], rows: np.ndarray | None = None
    ) -> None:
        self.names = tuple(sets)
        self._sets = tuple(sets.values())
        lengths = {len(arrays) for arrays in self._sets}
        if len(lengths) != 1:
            raise ValueError(f"the feature sets have different numbers of rows: {sorted(lengths)}")
        self._rows = np.arange(lengths.pop()) if rows is None else np.asarray(rows, dtype=np.int64)
        self._digests: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and of feature sets."""
        return len(self._rows), len(self.names)

    def __getitem__(self, chosen: Any) -> "Inputs":
        """Some of the rows: by their numbers, a mask or a slice; a single number is no choice."""
        if isinstance(chosen, tuple) and chosen[1:] == (Ellipsis,):
            chosen = chosen[0]  # scikit-learn says X[rows, ...]
        some = Inputs.__new__(Inputs)
        some.names, some._sets, some._digests = self.names, self._sets, self._digests
        some._rows = np.atleast_1d(self._rows[chosen])
        return some

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse to become a matrix: arrays of different shapes are none."""
        raise GenreflowError(
            f"the arrays of {', '.join(self.names)} are no matrix of numbers. Give the model "
            "'scaler: genreflow.models.flat.FlatScaler', which makes one, or an estimator that "
            "takes arrays, such as genreflow.models.network.Network"
        )

    def row(self, number: int) -> tuple[np.ndarray, ...]:
        """The arrays of one row, in the order of `names`; mapped files are read here."""
        return tuple(arrays[self._rows[number]] for arrays in self._sets)

    def shapes(self) -> list[tuple[tuple[int, ...], ...]]:
        """Of every feature set, the shapes of the arrays of all rows; nothing is read."""
        return [tuple(_shape(arrays, row) for row in self._rows) for arrays in self._sets]

    def digest(self) -> str:
        """Digest of all values, names and types, in the order of the rows.

        Returns
        -------
        str
            SHA-256, 64 hexadecimal digits; a row is read once, however often it is asked for
        """
        digest = hashlib.sha256("\n".join(self.names).encode())
        for row in self._rows.tolist():
            if row not in self._digests:
                self._digests[row] = self._digest_of(row)
            digest.update(self._digests[row])
        return digest.hexdigest()

    @classmethod
    def concatenate(cls, parts: Sequence["Inputs"]) -> "Inputs":
        """The rows of several inputs of the same feature sets, one behind the other.

        Raises
        ------
        ValueError
            if their feature sets are not the same, or there is nothing
        """
        if len({part.names for part in parts}) != 1:
            raise ValueError(f"different feature sets: {[part.names for part in parts]}")
        of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        rows = np.concatenate([part._rows for part in parts])
        names = enumerate(parts[0].names)
        return cls({name: Picked([part._sets[k] for part in parts], of, rows) for k, name in names})

    def _digest_of(self, row: int) -> bytes:
        digest = hashlib.sha256()
        for arrays in self._sets:
            array = np.ascontiguousarray(arrays[row])
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(array.data)
        return digest.digest()


class Picked(Sequence[np.ndarray]):
    """Arrays from some sequences of arrays, in any order; nothing is read by picking.

    Parameters
    ----------
    sources : sequence of sequence of np.ndarray
    of, rows : np.ndarray [shape=(n,), dtype=int]
        from which of the sources each array is, and its number there
    """

    def __init__(
        self, sources: Sequence[Sequence[np.ndarray]], of: np.ndarray, rows: np.ndarray
    ) -> None:
        self._sources = tuple(sources)
        self._places = list(zip(of.tolist(), rows.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> np.ndarray:
        """The array at a place."""
        source, row = self._places[number]
        return self._sources[source][row]

    def shape_of(self, number: int) -> tuple[int, ...]:
        """Shape of the array at a place; it is not read."""
        source, row = self._places[number]
        return _shape(self._sources[source], row)


def _shape(arrays: Sequence[np.ndarray], row: int) -> tuple[int, ...]:
    """Shape of an array, from its file's table where it is in a file."""
    known = getattr(arrays, "shape_of", None)
    return tuple(known(row)) if known else arrays[row].shape
