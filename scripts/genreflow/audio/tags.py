"""Genres, artist and title from a file's own tags."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Tags:
    """What a file says of itself; None where it says nothing."""

    labels: list[str] | None = None
    artist: str | None = None
    title: str | None = None


def read_tags(path: str | bytes | os.PathLike) -> Tags:
    """Read the tags of an mp3, flac, ogg, opus, m4a, wav or aiff file.

    Parameters
    ----------
    path : str, bytes or path-like

    Returns
    -------
    Tags
        empty where there are none, or where they cannot be read
    """
    import mutagen

    try:
        file = mutagen.File(os.fsencode(path), easy=True)
    except Exception:  # whatever a damaged tag leads to: the audio may be sound
        return Tags()
    found = (file.tags if file is not None else None) or {}
    if "TCON" in found or "TPE1" in found or "TIT2" in found:  # wav and aiff: plain ID3 frames
        found = _from_frames(found)
    return Tags(
        labels=_texts(found, "genre") or None,
        artist="; ".join(_texts(found, "artist")) or None,
        title="; ".join(_texts(found, "title")) or None,
    )


def _from_frames(tags) -> dict[str, list[str]]:
    """ID3 frames by the names that the other formats use."""
    return {
        "genre": tags["TCON"].genres if "TCON" in tags else [],
        "artist": tags["TPE1"].text if "TPE1" in tags else [],
        "title": tags["TIT2"].text if "TIT2" in tags else [],
    }


def _texts(tags, name: str) -> list[str]:
    """The values of a tag as clean lines of text, each once."""
    lines = (" ".join(str(value).split()) for value in tags.get(name, []))
    printable = (line.encode(errors="replace").decode() for line in lines if line)
    return list(dict.fromkeys(printable))
