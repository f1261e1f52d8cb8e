"""Published files, fetched once and checked by their SHA-256."""

import hashlib
import http.client
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path

from genreflow.errors import GenreflowError

CHUNK = 1 << 20
TIMEOUT = 60.0


def fetch_lists(
    sources: Mapping[str, Mapping[str, str]], folder: Path, *, by_hand: Path
) -> dict[str, str]:
    """Fetch files into a folder; those that are there already are kept.

    Parameters
    ----------
    sources : mapping of str to mapping
        url and sha256 by file name
    folder : Path
        made where it does not exist
    by_hand : Path
        where the user may put the files instead, for error messages

    Returns
    -------
    dict of str to str
        SHA-256 by file name

    Raises
    ------
    GenreflowError
        where a file cannot be fetched, or is not the one that was expected
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sorted(sources.items()):
        fetch(source["url"], source["sha256"], folder / name, by_hand=by_hand / name)
    return {name: source["sha256"] for name, source in sorted(sources.items())}


def fetch(url: str, sha256: str, path: Path, *, by_hand: Path) -> None:
    """Fetch one file, unless it is there already.

    Parameters
    ----------
    url : str
    sha256 : str
        64 hexadecimal digits
    path : Path
        written only when the checksum is right
    by_hand : Path
        where the user may put the file instead, for error messages

    Raises
    ------
    GenreflowError
        naming the address, what was expected and what to do
    """
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return
    advice = f"Put the file at {by_hand} by hand, or try again later."
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        found = _download(url, part)
        if found != sha256:
            raise GenreflowError(
                f"{url}: expected a file with SHA-256 {sha256}, found one with {found}. {advice}"
            )
        part.replace(path)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise GenreflowError(
            f"{url} cannot be fetched ({error}); expected was a file with SHA-256 {sha256}. "
            f"{advice}"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _download(url: str, path: Path) -> str:
    """Write what an address holds to a file, and digest it."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=TIMEOUT) as source, path.open("wb") as target:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()
