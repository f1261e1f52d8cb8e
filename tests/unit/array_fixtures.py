"""Runs on arrays: files of several feature sets and variants of made tracks."""

import numpy as np
import polars as pl
from training_fixtures import points, write_run_inputs

from genreflow.features.sets import FeatureSet
from genreflow.features.store import writer_of

VARIANTS = ["stretch0.81", "stretch0.93", "stretch1.07", "stretch1.23", "shift5s"]
NUMBERS = {name: number for number, name in enumerate(["original", *VARIANTS, "noise20"])}


def write_set(folder, inputs, name, variant="original", *, segments=1, reasons=(), dtype="float16"):
    """Tables of arrays of the tracks of `inputs`: their numbers, then what tells their label.

    `segments` is a number or a function of the track's number; a reason is of a track, or of
    (track, segment).
    """
    tracks = pl.read_parquet(inputs["tracks"]).sort("track_id")
    x, _, _ = points(len(tracks))
    described = FeatureSet(name, "made.up", gives="array", dtype=dtype)
    place = folder / name / variant
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for (batch,), own in tracks.group_by("batch", maintain_order=True):
        paths.append(str(place / f"{batch}.parquet"))
        with writer_of(described, paths[-1], place / f"{batch}.npy") as writer:
            for track_id in own["track_id"]:
                number = int(track_id[:3])
                count = segments(number) if callable(segments) else segments
                outcomes = []
                for segment in range(count):
                    reason = dict(reasons).get(track_id) or dict(reasons).get((track_id, segment))
                    values = np.zeros((2, 5 + number % 3))
                    values[0, :4] = number, NUMBERS[variant], segment, len(name)
                    values[1, :4] = x[number, :4] + 0.1 * NUMBERS[variant] + 0.2 * segment
                    outcomes.append((None, reason) if reason else (values, None))
                writer.write(track_id, batch, outcomes)
    return sorted(paths)


def array_inputs(folder, *, names=("mel", "chroma"), variants=(), change=None, **given) -> dict:
    """Inputs of a run on arrays, of several sets and variants."""
    inputs = write_run_inputs(folder / "tables", change=change)
    return inputs | {
        "features": {name: write_set(folder, inputs, name, **given) for name in names},
        "copies": {
            variant: {name: write_set(folder, inputs, name, variant, **given) for name in names}
            for variant in variants
        },
    }
