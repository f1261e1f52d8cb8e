"""Decode one file, and judge it.

A track is ``ok``, or used with a ``warning``, or ``quarantined``; the latter two with a reason,
a short sentence that is the same each time. What is measured of a quarantined file before it is
refused is kept.
"""

import os
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from genreflow.audio.excerpt import Excerpt
from genreflow.audio.integrity import (
    Refused,
    check_file,
    ends_as_it_should,
    open_audio,
    promised_frames,
)
from genreflow.audio.measure import Measure
from genreflow.audio.read import Resampler, Sound, blocks, to_mono, window_frames
from genreflow.audio.settings import DecodeSettings


@dataclass(frozen=True)
class Job:
    """A file to decode.

    Attributes
    ----------
    track_id : str
    path : bytes
    size, mtime_ns : int
        what the catalogue noted of it
    settings : DecodeSettings
    rate : int > 0 [Hz] or None
        the rate of the PCM; None where none is wanted
    pcm : str or None
        file to which it is written, as raw little-endian float32
    tags : bool
        whether its own tags are read
    """

    track_id: str
    path: bytes
    size: int
    mtime_ns: int
    settings: DecodeSettings
    rate: int | None = None
    pcm: str | None = None
    tags: bool = False


@dataclass
class Decoded:
    """What is known of a track after decoding; None where it is not known.

    Attributes
    ----------
    status : str
        ``"ok"``, ``"warning"`` or ``"quarantined"``
    reason : str or None
    digest : str or None
        BLAKE2b-128 of the mono float32 PCM of the excerpt at the file's own rate; only of tracks
        that are used
    seconds : float [s]
        length of the excerpt as it was decoded
    rate, channels, format : int [Hz], int, str
        of the file
    peak, rms, mean_amplitude : float
        of the mono PCM at the file's own rate, full scale being 1
    clipped : float
        share of samples at full scale, over all channels
    silent : float
        share of the time in tenths of a second that are silent
    tag_labels, tag_artist, tag_title : list of str, str, str
    """

    status: str = "ok"
    reason: str | None = None
    digest: str | None = None
    seconds: float | None = None
    rate: int | None = None
    channels: int | None = None
    format: str | None = None
    peak: float | None = None
    rms: float | None = None
    mean_amplitude: float | None = None
    clipped: float | None = None
    silent: float | None = None
    tag_labels: list[str] | None = None
    tag_artist: str | None = None
    tag_title: str | None = None


def decode_track(job: Job) -> Decoded:
    """Decode a file, write its PCM, measure and judge it.

    Parameters
    ----------
    job : Job

    Returns
    -------
    Decoded
        Where it is quarantined, what stands in the PCM file is of no use.
    """
    track = Decoded()
    try:
        check_file(job.path, job.size, job.mtime_ns)
        if job.tags:
            _add_tags(track, job.path)
        warnings = _decode(track, job)
        check_file(job.path, job.size, job.mtime_ns)
    except Refused as refusal:
        track.status, track.reason, track.digest = "quarantined", str(refusal), None
    else:
        track.status = "warning" if warnings else "ok"
        track.reason = "; ".join(warnings) or None
    return track


def _add_tags(track: Decoded, path: bytes) -> None:
    from genreflow.audio.tags import read_tags

    tags = read_tags(path)
    track.tag_labels, track.tag_artist, track.tag_title = tags.labels, tags.artist, tags.title


def _decode(track: Decoded, job: Job) -> list[str]:
    """Decode the excerpt, note everything in `track`, and return the warnings."""
    settings = job.settings
    with open_audio(job.path) as sound:
        track.rate, track.channels = sound.samplerate, sound.channels
        track.format = f"{sound.format} {sound.subtype}"
        excerpt = Excerpt.of(sound, promised_frames(job.path, sound), settings)
        ended = ends_as_it_should(job.path, sound)
        measure = Measure(window_frames(sound.samplerate), settings.silence)
        complete = _read(sound, excerpt, measure, job)
    _note(track, measure)
    truncated = excerpt.judge(measure.frames, ended=ended and complete, settings=settings)
    _refuse_silence(measure, settings)
    return [text for text in (truncated, _clipping(measure, settings)) if text]


def _read(sound: Sound, excerpt: Excerpt, measure: Measure, job: Job) -> bool:
    """Measure the excerpt and write its PCM; False where the decoder gives up on the way."""
    resampler = Resampler(sound.samplerate, job.rate or sound.samplerate)
    complete = True
    with open(job.pcm or os.devnull, "wb") as pcm:  # noqa: PTH123
        try:
            for block in blocks(sound, excerpt.start, excerpt.frames):
                _refuse_not_finite(block, measure.frames, sound.samplerate)
                y = to_mono(block)
                measure.add(block, y)
                pcm.write(resampler.push(y).astype("<f4", copy=False))
        except sf.LibsndfileError:
            complete = False
        pcm.write(resampler.finish().astype("<f4", copy=False))
    return complete


def _refuse_not_finite(block: np.ndarray, before: int, rate: int) -> None:
    finite = np.isfinite(block)
    if not finite.all():
        at = (before + int(np.argmin(finite.all(axis=1)))) / rate
        raise Refused(f"NaN or infinity among its samples, the first at {at:.2f} s")


def _note(track: Decoded, measure: Measure) -> None:
    track.seconds = measure.frames / track.rate
    if measure.frames:
        track.digest = measure.digest
        track.peak, track.rms = measure.peak, measure.rms
        track.mean_amplitude = measure.mean_amplitude
        track.clipped, track.silent = measure.clipped, measure.silent


def _refuse_silence(measure: Measure, settings: DecodeSettings) -> None:
    if measure.silent >= settings.max_silent:
        raise Refused(f"silent: {measure.silent:.1%} of it below {settings.silence_db:g} dB")
    if measure.swing < settings.silence:
        raise Refused(f"constant: all samples lie around {measure.middle:.3g}")


def _clipping(measure: Measure, settings: DecodeSettings) -> str | None:
    if measure.clipped > settings.max_clipped:
        return f"clipped: {measure.clipped:.1%} of the samples at full scale"
    return None
