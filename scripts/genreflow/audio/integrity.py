"""What can be told of a file before its samples are looked at.

libsndfile reads a file that was cut off as if it were whole, and says little of use about what it
cannot read. So this module looks at the file itself: whether it is one, whether it is still the
one that was listed, and how many frames its container promises.
"""

import os
import stat
import struct
from collections.abc import Iterator
from typing import BinaryIO

import soundfile as sf

from genreflow.audio.read import Sound

CHANGED = "changed since listed"
MIN_RATE, MAX_RATE = 4000, 768_000
MAX_CHANNELS = 32

# libsndfile's number of frames where the container does not say.
UNKNOWN_FRAMES = 2**63 - 1
# Programs that cannot go back to correct the size in a wav or au header write 0xFFFFFFFF there, or
# somewhat under 2 GiB.
_UNFINISHED = 0x7FFFF000
_NO_CHANNELS = 32  # libsndfile's code
_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b".snd", b"fLaC", b"OggS")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Refused(Exception):  # noqa: N818  (not an error of the program, but what is said of a file)
    """The file is not used; the message, a short sentence, says why."""


def check_file(path: bytes, size: int, mtime_ns: int) -> None:
    """See whether a path still names the regular, readable file that was listed.

    Parameters
    ----------
    path : bytes
    size : int [bytes]
    mtime_ns : int [ns]
        what the catalogue noted

    Raises
    ------
    Refused
    """
    found = _stat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise Refused(f"not a file but {kind}")
    if found.st_size != size:
        raise Refused(f"{CHANGED}: {size} bytes then, {found.st_size} now")
    if found.st_mtime_ns != mtime_ns:
        raise Refused(f"{CHANGED}: written anew")
    if size == 0:
        raise Refused("empty file")


def _stat(path: bytes) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116  (pathlib knows no bytes)
    except FileNotFoundError:
        if os.path.lexists(path):
            raise Refused("a link to a file that is not there") from None
        raise Refused(f"{CHANGED}: the file is gone") from None
    except OSError as error:
        raise _cannot_open(error) from None


def _cannot_open(error: OSError) -> Refused:
    return Refused(f"cannot be opened: {(error.strerror or str(error)).lower()}")


def open_audio(path: bytes) -> Sound:
    """Open a regular file for decoding.

    Parameters
    ----------
    path : bytes

    Returns
    -------
    Sound

    Raises
    ------
    Refused
        where it is not audio, or its header is absurd
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (pathlib knows no bytes)
            head = file.read(16)
    except OSError as error:
        raise _cannot_open(error) from None
    try:
        sound = Sound(path)
    except sf.LibsndfileError as error:
        raise _not_audio(head, error) from None
    if not MIN_RATE <= sound.samplerate <= MAX_RATE:
        raise Refused(
            f"absurd header: a sampling rate of {sound.samplerate} Hz, "
            f"not between {MIN_RATE} and {MAX_RATE}"
        )
    if sound.channels > MAX_CHANNELS:
        raise Refused(f"absurd header: {sound.channels} channels, more than {MAX_CHANNELS}")
    return sound


def _not_audio(head: bytes, error: sf.LibsndfileError) -> Refused:
    """Reason of our own: what libsndfile says is often of something else."""
    if head[4:8] == b"ftyp":
        return Refused("MPEG-4 audio (m4a, AAC) is not read; convert it to flac or wav")
    if error.code == _NO_CHANNELS:
        return Refused("absurd header: 0 channels")
    if head.startswith(_MAGIC):
        return Refused("damaged header: nothing can be decoded")
    return Refused("not audio: none of wav, au, aiff, flac, ogg, opus, mp3")


def promised_frames(path: bytes, sound: sf.SoundFile) -> int | None:
    """Number of frames that the file's container promises.

    Parameters
    ----------
    path : bytes
    sound : soundfile.SoundFile
        the same file, open

    Returns
    -------
    int or None
        None where the container does not say: ogg, opus, mp3 without a Xing header, and files
        that were written to a pipe

    Raises
    ------
    Refused
        where a header that was never completed hides the samples
    """
    if sound.format == "OGG" or sound.frames == UNKNOWN_FRAMES:
        return None
    with open(path, "rb") as file:  # noqa: PTH123
        if sound.format == "MP3":
            return sound.frames if _has_xing_header(file) else None
        if sound.format in {"WAV", "WAVEX", "AIFF"}:
            found = _data_chunk(file)
        elif sound.format == "AU":
            found = _au_data(file)
        else:
            return sound.frames
    if found is None:
        return sound.frames
    size, follow = found
    if size == 0 < follow:
        raise Refused(f"no samples by its header, though {follow} bytes follow")
    if size <= follow:
        return sound.frames
    if size >= _UNFINISHED and sound.frames:
        return None
    if not sound.frames:
        return size // _frame_bytes(sound)
    return round(sound.frames * size / follow)


def _frame_bytes(sound: sf.SoundFile) -> int:
    """Bytes of a frame; one per sample where the codec has no fixed number."""
    widths = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
    return sound.channels * widths.get(sound.subtype, 1)


def _data_chunk(file: BinaryIO) -> tuple[int, int] | None:
    """Size of the samples of a wav or aiff file as it says, and how many bytes follow."""
    for name, size, follow in _chunks(file):
        if name in {b"data", b"SSND"}:
            return size, follow
    return None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, size and number of bytes that follow, of each chunk of a RIFF, RIFX or FORM file."""
    end = os.fstat(file.fileno()).st_size
    form = file.read(12)[:4]
    layout = {b"RIFF": "<4sI", b"RIFX": ">4sI", b"FORM": ">4sI"}.get(form)
    at = 12
    while layout and at + 8 <= end:
        file.seek(at)
        name, size = struct.unpack(layout, file.read(8))
        yield name, size, end - at - 8
        at += 8 + size + size % 2


def _au_data(file: BinaryIO) -> tuple[int, int] | None:
    head = file.read(12)
    if head[:4] not in {b".snd", b"dns."} or len(head) < 12:
        return None
    start, size = struct.unpack(">II" if head[:4] == b".snd" else "<II", head[4:])
    return size, os.fstat(file.fileno()).st_size - start


def _has_xing_header(file: BinaryIO) -> bool:
    """Whether the first frame of an mp3 says how many frames follow."""
    at, head = 0, file.read(10)
    while head[:3] == b"ID3" and len(head) == 10:
        # The size has 7 bits per byte; a footer repeats the header.
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
        at += 10 + size + (10 if head[5] & 0x10 else 0)
        file.seek(at)
        head = file.read(10)
    file.seek(at)
    start = file.read(4096)
    sync = start.find(b"\xff")
    for name in (b"Xing", b"Info"):
        found = start.find(name, sync, sync + 64)
        if sync >= 0 and found >= 0 and len(start) > found + 7:
            return bool(start[found + 7] & 1)
    return False


def ends_as_it_should(path: bytes, sound: sf.SoundFile) -> bool:
    """Whether a file's last bytes are those of its end, as far as they tell.

    Ogg files (Vorbis, Opus, FLAC) end with a whole page that is marked as the last. Other formats
    have no such mark.

    Parameters
    ----------
    path : bytes
    sound : soundfile.SoundFile
        the same file, open
    """
    if sound.format != "OGG":
        return True
    largest_page = 27 + 255 + 255 * 255
    with open(path, "rb") as file:  # noqa: PTH123
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * largest_page))
        tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    lengths = page[27 : 27 + page[26]] if len(page) > 27 else b""
    return bool(lengths and page[5] & 0x04 and len(page) >= 27 + len(lengths) + sum(lengths))
