"""Files as they are found in real collections: broken ones of every kind, and odd names."""

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf

RATE = 22050

# Names that a shell, a table, a template or a terminal may stumble over.
ODD_NAMES = (
    b"with space.wav",
    b'it\'s "quoted".wav',
    b"two\nlines.wav",
    b"{wildcard}.wav",
    b"$HOME & `id`; %s.wav",
    "émoji 🎺 日本.wav".encode(),
    b"caf\xe9.wav",
    b"-rf.wav",
    b"back\\slash.wav",
    b"comma,semicolon;.wav",
    b"<script>alert(1)</script>.wav".replace(b"/", b""),
)


class BadFile(NamedTuple):
    """A file, and what has to be said of it."""

    path: Path
    status: str
    reason: str


def music(seconds: float, *, rate: int = RATE, channels: int = 1, seed: int = 0) -> np.ndarray:
    """A chord with a little noise [shape=(n,) or (n, channels), dtype=float32]."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6)) / 6
    noise = rng.standard_normal((t.size, channels)) * 0.05
    return np.squeeze(chord[:, None] + noise, axis=1 if channels == 1 else ()).astype(np.float32)


def write_music(path: Path, seconds: float = 3.0, *, rate: int = RATE, **how) -> Path:
    """Write music in the format of the name's suffix."""
    if path.suffix == ".opus":
        sf.write(path, music(seconds, rate=24000), 24000, format="OGG", subtype="OPUS")
    else:
        sf.write(path, music(seconds, rate=rate, **how), rate)
    return path


def cut(path: Path, share: float = 0.6) -> None:
    """Take a file's end away."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def patch(path: Path, at: int, layout: str, value: int) -> None:
    """Overwrite a number in a header."""
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, at, value)
    path.write_bytes(content)


def without_xing(path: Path) -> None:
    """Take away the first frame of an mp3, which counts the others."""
    content = path.read_bytes()
    assert b"Xing" in content[:64] or b"Info" in content[:64]
    path.write_bytes(content[content.index(content[:2], 4) :])


def make_bad_files(folder: Path) -> dict[str, BadFile]:
    """Make one file of every bad kind that can be made as this user.

    Parameters
    ----------
    folder : Path
        an existing folder

    Returns
    -------
    dict of str to BadFile
        by kind: the path, the status that it has to get, and a part of the reason
    """
    made = {}
    for name, (suffix, make, status, reason) in _KINDS.items():
        path = folder / f"{name}{suffix}"
        make(path)
        made[name] = BadFile(path, status, reason)
    return made


def _truncated(path: Path) -> None:
    cut(write_music(path))


def _truncated_late(path: Path) -> None:
    cut(write_music(path), 0.8)


def _truncated_to_little(path: Path) -> None:
    cut(write_music(path), 0.1)


def _header_only(path: Path) -> None:
    write_music(path)
    path.write_bytes(path.read_bytes()[:44])


def _samples(make: Callable[[], np.ndarray], subtype: str = "PCM_16") -> Callable[[Path], None]:
    return lambda path: sf.write(path, make(), RATE, subtype=subtype)


def _holed(value: float) -> np.ndarray:
    y = music(3.0)
    y[RATE] = value
    return y


def _patched(at: int, layout: str, value: int) -> Callable[[Path], None]:
    return lambda path: patch(write_music(path), at, layout, value)


def _unfinished(path: Path) -> None:
    """A header as it is before a program comes back to complete it."""
    patch(write_music(path), 40, "<I", 0)


def _flac_of_years(path: Path) -> None:
    content = bytearray(write_music(path).read_bytes())
    content[21] |= 0x0F  # the upper bits of the number of samples
    path.write_bytes(content)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _unreadable(path: Path) -> None:
    write_music(path).chmod(0)


_BAD, _WARN = "quarantined", "warning"
_KINDS: dict[str, tuple[str, Callable[[Path], object], str, str]] = {
    "folder": (".wav", Path.mkdir, _BAD, "not a file but a folder"),
    "fifo": (".wav", os.mkfifo, _BAD, "not a file but a FIFO"),
    "socket": (".wav", _socket, _BAD, "not a file but a socket"),
    "dangling": (".wav", lambda p: p.symlink_to("nowhere"), _BAD, "a link to a file that is not"),
    "loop": (".wav", lambda p: p.symlink_to(p.name), _BAD, "cannot be opened: too many levels"),
    "empty": (".wav", Path.touch, _BAD, "empty file"),
    "text": (".wav", lambda p: p.write_text("no music\n" * 999), _BAD, "not audio"),
    "zeros": (".mp3", lambda p: p.write_bytes(bytes(9999)), _BAD, "not audio"),
    "m4a": (".m4a", lambda p: p.write_bytes(b"\0\0\0 ftypM4A " + bytes(99)), _BAD, "MPEG-4"),
    "truncated_wav": (".wav", _truncated, _WARN, "truncated: 1.80 s of 3.00 s"),
    "truncated_au": (".au", _truncated, _WARN, "truncated: 1.80 s of 3.00 s"),
    "truncated_aiff": (".aiff", _truncated, _WARN, "truncated: 1.80 s of 3.00 s"),
    "truncated_flac": (".flac", _truncated, _WARN, "truncated: 1.00 s of 3.00 s"),
    "truncated_mp3": (".mp3", _truncated, _WARN, "s of 3.00 s"),
    "truncated_ogg": (".ogg", _truncated, _WARN, "truncated: breaks off after 1."),
    "truncated_opus": (".opus", _truncated_late, _WARN, "truncated: breaks off after 1."),
    "stump": (".wav", _truncated_to_little, _BAD, "truncated: 0.30 s of 3.00 s, at least 1 s"),
    "header_only": (".wav", _header_only, _BAD, "no samples (truncated: 0.00 s of 3.00 s)"),
    "half_a_header": (".wav", lambda p: p.write_bytes(b"RIFF\xff\0\0\0WAVEfmt "), _BAD, "damaged"),
    "unfinished": (".wav", _unfinished, _BAD, "no samples by its header, though 132300 bytes"),
    "zero_samples": (".wav", _samples(lambda: music(0.0)), _BAD, "no samples"),
    "nan": (".wav", _samples(lambda: _holed(np.nan), "FLOAT"), _BAD, "the first at 1.00 s"),
    "infinity": (".wav", _samples(lambda: _holed(-np.inf), "FLOAT"), _BAD, "the first at 1.00 s"),
    "rate_1": (".wav", _patched(24, "<I", 1), _BAD, "a sampling rate of 1 Hz"),
    "rate_huge": (".wav", _patched(24, "<I", 2**31), _BAD, "damaged header"),
    "channels_0": (".wav", _patched(22, "<H", 0), _BAD, "absurd header: 0 channels"),
    "channels_200": (".wav", _patched(22, "<H", 200), _BAD, "200 channels, more than 32"),
    "hours": (".wav", _patched(40, "<I", 0x30000000), _BAD, "too long: 18261 s by its header"),
    "years": (".flac", _flac_of_years, _BAD, "too long"),
    "silent": (".wav", _samples(lambda: music(3.0) * 1e-4), _BAD, "silent: 100.0%"),
    "digital_silence": (".flac", _samples(lambda: np.zeros(3 * RATE)), _BAD, "silent: 100.0%"),
    "constant": (".wav", _samples(lambda: np.full(3 * RATE, 0.5)), _BAD, "constant: all samples"),
    "short": (".wav", lambda p: write_music(p, 0.5), _BAD, "too short: 0.50 s, at least 1 s"),
    "clipped": (".wav", _samples(lambda: np.clip(music(3.0) * 9, -1, 1)), _WARN, "clipped: "),
}
if os.geteuid() != 0:  # nothing is unreadable to the superuser
    _KINDS["unreadable"] = (".wav", _unreadable, _BAD, "cannot be opened: permission denied")
