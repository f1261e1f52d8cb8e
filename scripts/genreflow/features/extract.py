"""From the audio of a batch to its table of features."""

import inspect
import logging
import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.importing import load
from genreflow.journal import progress

log = logging.getLogger("genreflow")

# Columns that stand before the features, and their types.
HEAD = {"track_id": pl.String, "batch": pl.String, "reason": pl.String}


def extract_batch(
    pcm: Iterable[tuple[str, np.ndarray]],
    decoded: pl.DataFrame,
    *,
    name: str,
    function: str,
    rate: int,
    parameters: Mapping[str, Any],
    min_seconds: float,
) -> pl.DataFrame:
    """Describe every usable track of a batch.

    A track that cannot be described gets a reason and null features; it never stops the batch. A
    function that breaks its contract does.

    Parameters
    ----------
    pcm : iterable of (track_id, y)
        the audio of the usable tracks, ``y`` being np.ndarray [shape=(n,), dtype=float32] at `rate`
    decoded : pl.DataFrame [columns: track_id, batch, status, ...]
        the decoded table of the batch; tracks of status ``"quarantined"`` are left out
    name : str
        name of the feature set, for messages
    function : str
        import path of ``function(y, *, sr, **parameters) -> {feature: value}``; a module of the
        user's own is found in the working directory
    rate : int > 0 [Hz]
        sampling rate of the audio
    parameters : mapping
        further keyword arguments of the function
    min_seconds : number >= 0 [s]
        shorter tracks are not described

    Returns
    -------
    pl.DataFrame [columns: track_id, batch, reason, then one Float64 per feature]
        sorted by track_id. Without a single track described there are no feature columns.

    Raises
    ------
    GenreflowError
        if the function cannot be imported, does not take the parameters, gives no mapping of names
        to numbers, or not the same names for all tracks
    """
    where = f"config/features.yaml: feature set {name!r}"
    describe = load(function, needed_by=where)
    try:
        inspect.signature(describe).bind(None, sr=rate, **parameters)
    except TypeError as error:
        raise GenreflowError(f"{where}: {function} cannot be called so: {error}") from None
    usable = decoded.filter(pl.col("status") != "quarantined").select("track_id", "batch")
    vectors: dict[str, dict[str, float]] = {}
    reasons = dict.fromkeys(usable["track_id"], "its audio could not be read again")

    with _one_thread():
        for track_id, y in progress(pcm, f"tracks described by {name}", total=len(usable)):
            if len(y) < min_seconds * rate:
                reasons[track_id] = f"{len(y) / rate:.2f} s long; {name} needs {min_seconds:g} s"
                continue
            try:
                result = describe(y, sr=rate, **parameters)
            except MemoryError:
                raise  # of the machine, not of the track
            except Exception as error:
                reasons[track_id] = _as_reason(error)
                continue
            vector = _checked(result, f"feature set {name!r} ({function}), track {track_id!r}")
            _require_same_names(vector, vectors, name)
            vectors[track_id] = vector
            reasons[track_id] = _not_finite(vector)

    for track_id, reason in reasons.items():
        if reason:
            log.warning("%s: no %s: %s", track_id, name, reason)
    return _table(usable, vectors, reasons)


def _one_thread():
    """Keep numerical libraries to one thread: their sums depend on the number of threads."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _as_reason(error: Exception) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, GenreflowError) else f"{type(error).__name__}: {text}"


def _checked(result: Any, where: str) -> dict[str, float]:
    """The vector that a function gave, as a dictionary of floats."""
    if not isinstance(result, Mapping) or not result:
        raise GenreflowError(
            f"{where}: expected a dictionary of named numbers, got {type(result).__name__}"
        )
    for feature, value in result.items():
        if not isinstance(feature, str) or feature in HEAD:
            raise GenreflowError(f"{where}: {feature!r} cannot be the name of a feature")
        if not isinstance(value, Real):
            raise GenreflowError(
                f"{where}: feature {feature!r} is not a number but {type(value).__name__}"
            )
    return {feature: float(value) for feature, value in result.items()}


def _require_same_names(
    vector: dict[str, float], vectors: dict[str, dict[str, float]], name: str
) -> None:
    first = next(iter(vectors.values()), vector)
    if vector.keys() != first.keys():
        odd = ", ".join(sorted(vector.keys() ^ first.keys()))
        raise GenreflowError(
            f"feature set {name!r}: tracks have different features; not in all of them: {odd}"
        )


def _not_finite(vector: dict[str, float]) -> str | None:
    wrong = [feature for feature, value in vector.items() if not math.isfinite(value)]
    return f"not finite: {', '.join(wrong)}" if wrong else None


def _table(
    usable: pl.DataFrame, vectors: dict[str, dict[str, float]], reasons: dict[str, str | None]
) -> pl.DataFrame:
    """The batch's table: head and features; null features where there is a reason."""
    usable = usable.sort("track_id")
    track_ids = usable["track_id"].to_list()
    described = [None if reasons[track_id] else vectors[track_id] for track_id in track_ids]
    names = next(iter(vectors.values()), {})
    return usable.with_columns(
        pl.Series("reason", [reasons[track_id] for track_id in track_ids], pl.String),
        *(
            pl.Series(name, [vector and vector[name] for vector in described], pl.Float64)
            for name in names
        ),
    )
