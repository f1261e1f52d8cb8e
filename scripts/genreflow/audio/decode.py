"""Decode the files of a batch: measure them, judge them, and keep their PCM."""

import csv
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from genreflow.audio.guard import Failed, Limits, guarded
from genreflow.audio.settings import DecodeSettings
from genreflow.audio.store import PcmWriter, read_pcm
from genreflow.audio.track import Decoded, Job, decode_track
from genreflow.datasets.names import decode_path
from genreflow.errors import GenreflowError
from genreflow.journal import progress
from genreflow.measured import MEASURED, TAGS
from genreflow.npy import release

log = logging.getLogger("genreflow")

_SCHEMA = {"track_id": pl.String, "batch": pl.String, **MEASURED, **TAGS}


def decode_batch(
    *,
    batch_csv: str | Path,
    root: str | Path,
    rate: int,
    settings: DecodeSettings,
    keep_audio: bool,
    read_tags: bool,
    workers: int,
    path_to_table: str | Path,
    path_to_pcm: str | Path,
    path_to_index: str | Path,
) -> None:
    """Decode every file of a batch; a bad one gets a reason and harms nothing else.

    Parameters
    ----------
    batch_csv : str or Path
        the batch's list: track_id, size [bytes], mtime_ns [ns]
    root : str or Path
        folder of the audio
    rate : int > 0 [Hz]
        sampling rate of the PCM
    settings : DecodeSettings
    keep_audio : bool
        whether the PCM is kept; without it, the two audio files hold no track
    read_tags : bool
        whether the files' own tags are read
    workers : int > 0
        number of processes; results do not depend on it
    path_to_table : str or Path
        one row per line of the list, sorted by track_id: track_id, batch, and the fields of
        `genreflow.audio.track.Decoded`
    path_to_pcm, path_to_index : str or Path
        the PCM of the tracks that are not quarantined, see `genreflow.audio.store`
    """
    jobs = _read_jobs(batch_csv, root, settings, tags=read_tags)
    rows = []
    with PcmWriter(path_to_pcm, path_to_index) as store:
        decoded = _decode_all(jobs, rate if keep_audio else None, workers)
        for job, track, pcm in progress(decoded, "tracks decoded", total=len(jobs)):
            rows.append({"track_id": job.track_id, "batch": Path(batch_csv).stem, **asdict(track)})
            if track.reason:
                log.warning("%s: %s: %s", job.track_id, track.status, track.reason)
            if pcm and track.status != "quarantined":
                store.append(job.track_id, pcm)
    pl.DataFrame(rows, schema=_SCHEMA).write_parquet(path_to_table)


def resample_batch(
    *,
    batch_csv: str | Path,
    root: str | Path,
    rate: int,
    settings: DecodeSettings,
    keep_audio: bool,
    decoded_table: str | Path,
    workers: int,
    path_to_pcm: str | Path,
    path_to_index: str | Path,
) -> None:
    """Keep the PCM of a decoded batch at another rate, made from the files once more.

    Parameters
    ----------
    batch_csv, root, rate, settings, keep_audio, workers, path_to_pcm, path_to_index
        as for `decode_batch`
    decoded_table : str or Path
        what `decode_batch` wrote; its quarantined tracks are left out, and so are files that are
        gone, or no longer the ones that were decoded, which the log says
    """
    with PcmWriter(path_to_pcm, path_to_index) as store:
        if keep_audio:
            jobs = _read_jobs(batch_csv, root, settings)
            for track_id, pcm in _decode_again(jobs, rate, decoded_table, workers):
                store.append(track_id, pcm)


def iterate_pcm(
    batch_csv: str | Path,
    root: str | Path,
    rate: int,
    settings: DecodeSettings,
    decoded_table: str | Path,
    path_to_pcm: str | Path,
    path_to_index: str | Path,
    *,
    workers: int = 1,
) -> Iterator[tuple[str, np.ndarray]]:
    """PCM of the usable tracks of a batch: as it was kept, or else decoded from the files again.

    Parameters
    ----------
    batch_csv, root, rate, settings, decoded_table, path_to_pcm, path_to_index, workers
        as for `resample_batch`

    Yields
    ------
    track_id, y
        sorted by track_id; y : np.ndarray [shape=(n,), dtype=float32], mono at `rate`, a read-only
        memory map, of which no more than one track stays in memory. Files that are gone, or no
        longer the ones that were decoded, are left out, which the log says.
    """
    kept = False
    for track_id, y in read_pcm(path_to_pcm, path_to_index):
        kept = True
        yield track_id, y
    if not kept:
        jobs = _read_jobs(batch_csv, root, settings)
        for track_id, pcm in _decode_again(jobs, rate, decoded_table, workers):
            mapped = np.memmap(pcm, "<f4", mode="r")
            yield track_id, np.asarray(mapped)
            release(mapped)


def _read_jobs(
    batch_csv: str | Path, root: str | Path, settings: DecodeSettings, *, tags: bool = False
) -> list[Job]:
    """The files that a batch lists, sorted by track_id."""
    base = os.fsencode(root) + b"/"
    with Path(batch_csv).open(encoding="utf-8", newline="") as lines:
        return [
            Job(
                track_id=row["track_id"],
                path=base + decode_path(row["track_id"]),
                size=int(row["size"]),
                mtime_ns=int(row["mtime_ns"]),
                settings=settings,
                tags=tags,
            )
            for row in sorted(csv.DictReader(lines), key=lambda row: row["track_id"])
        ]


def _decode_all(
    jobs: list[Job], rate: int | None, workers: int
) -> Iterator[tuple[Job, Decoded, Path | None]]:
    """Each job in its turn, with what became of it and the raw PCM, which is gone after that."""
    if not jobs:
        return
    limits = Limits(jobs[0].settings.timeout, jobs[0].settings.memory_mb)
    with TemporaryDirectory(prefix="genreflow-") as folder:
        if rate is not None:
            jobs = [
                replace(job, rate=rate, pcm=str(Path(folder, str(number))))
                for number, job in enumerate(jobs)
            ]
        try:
            for job, result in guarded(decode_track, jobs, workers=workers, limits=limits):
                pcm = None if job.pcm is None else Path(job.pcm)
                yield job, _as_decoded(result), pcm
                if pcm:
                    pcm.unlink(missing_ok=True)
        except OSError as error:
            raise GenreflowError(
                f"decoded audio cannot be written to {folder}: {error.strerror}; "
                "make room there, or set TMPDIR to a folder on a larger disk"
            ) from error


def _as_decoded(result: Decoded | Failed) -> Decoded:
    if isinstance(result, Failed):
        return Decoded(status="quarantined", reason=result.reason)
    return result


def _decode_again(
    jobs: Iterable[Job], rate: int, decoded_table: str | Path, workers: int
) -> Iterator[tuple[str, Path]]:
    """Raw PCM of the usable tracks, of which it is certain that they are what they were.

    A batch lists its files for ever: some may be gone, or have become part of another batch.
    """
    table = pl.read_parquet(decoded_table, columns=["track_id", "status", "digest"])
    usable = table.filter(pl.col("status") != "quarantined")
    digests = dict(zip(usable["track_id"], usable["digest"], strict=True))
    wanted = [job for job in jobs if job.track_id in digests]
    decoded = _decode_all(wanted, rate, workers)
    for job, track, pcm in progress(decoded, f"tracks decoded at {rate} Hz", total=len(wanted)):
        if track.digest == digests[job.track_id]:
            yield job.track_id, pcm
        else:
            reason = "its samples are not those of before" if track.digest else track.reason
            log.warning("%s is left out: %s", job.track_id, reason)
