"""What decoding tells of a file: columns of the decoded tables, and of the tracks table."""

import polars as pl

# Lengths in seconds, rates in Hz, levels relative to full scale, shares between 0 and 1.
MEASURED = {
    "status": pl.String,
    "reason": pl.String,
    "digest": pl.String,
    "seconds": pl.Float64,
    "rate": pl.Int32,
    "channels": pl.Int16,
    "format": pl.String,
    "peak": pl.Float64,
    "rms": pl.Float64,
    "mean_amplitude": pl.Float64,
    "clipped": pl.Float64,
    "silent": pl.Float64,
}

# What the files' own tags say; null where the dataset does not ask for them.
TAGS = {"tag_labels": pl.List(pl.String), "tag_artist": pl.String, "tag_title": pl.String}
