"""A feature set: an entry of config/features.yaml, with its function."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genreflow.errors import GenreflowError
from genreflow.importing import load
from genreflow.weights import verify


@dataclass(frozen=True)
class FeatureSet:
    """What is told of a track, and how.

    Attributes
    ----------
    name : str
    function : str
        import path of ``function(y, *, sr, **parameters)``; a module of the user's own is found in
        the working directory. A keyword argument ``seed`` is given a number of the track's own.
    gives : str
        ``"vector"``: the function gives a mapping of names to finite numbers, the same names for
        all tracks; ``"array"``: a finite np.ndarray of any shape
    rate : int > 0 [Hz]
        sampling rate of the audio
    parameters : mapping
        further keyword arguments of the function
    min_seconds : number >= 0 [s]
        what is shorter is not described
    segment_seconds : number > 0 [s] or None
        length of the segments that are described one by one; None describes a track as a whole
    dtype : str or None
        how arrays are kept; None keeps them as the function gives them
    weights : mapping or None
        pretrained weights, as `genreflow.weights.Weights.located` gives them; their path is given
        to the function as a keyword argument, too
    """

    name: str
    function: str
    gives: str = "vector"
    rate: int = 22050
    parameters: Mapping[str, Any] = field(default_factory=dict)
    min_seconds: float = 0.0
    segment_seconds: float | None = None
    dtype: str | None = None
    weights: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"feature set {self.name!r} ({self.function})"

    @property
    def needed_seconds(self) -> float:
        """The shortest track that can be described [s]."""
        return max(self.min_seconds, self.segment_seconds or 0.0)

    def too_short(self, y: np.ndarray) -> str | None:
        """Why audio [shape=(n,)] cannot be described, where it is too short."""
        least = max(math.ceil(self.min_seconds * self.rate), self._segment_samples)
        if len(y) >= least:
            return None
        seconds = math.floor(100 * len(y) / self.rate) / 100
        return f"{seconds:.2f} s long; {self.name} needs {self.needed_seconds:g} s"

    def segments(self, y: np.ndarray) -> Iterator[np.ndarray]:
        """Views of the whole segments of the audio [shape=(n,)]; a remainder is left out."""
        length = self._segment_samples or len(y)
        for start in range(0, len(y) - length + 1, length):
            yield y[start : start + length]

    def load(self) -> Callable[[np.ndarray, int], Any]:
        """The function, to be called with audio and seed.

        Raises
        ------
        GenreflowError
            if it cannot be imported, or does not take the parameters, or the weights are others
        """
        where = f"config/features.yaml: feature set {self.name!r}"
        function = load(self.function, needed_by=where)
        arguments = {"sr": self.rate, **self.parameters}
        if self.weights:
            verify(self.weights)
            arguments["weights"] = self.weights["path"]
        signature = inspect.signature(function)
        seeded = "seed" in signature.parameters and "seed" not in arguments

        def describe(y: np.ndarray, seed: int) -> Any:
            return function(y, **arguments, **({"seed": seed} if seeded else {}))

        try:
            signature.bind(None, **arguments, **({"seed": 0} if seeded else {}))
        except TypeError as error:
            raise GenreflowError(f"{where}: {self.function} cannot be called so: {error}") from None
        return describe

    @property
    def _segment_samples(self) -> int:
        return round((self.segment_seconds or 0.0) * self.rate)
