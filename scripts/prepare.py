"""Make a dataset's audio, or fetch its published lists."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from genreflow.datasets.fetch import fetch_lists
from genreflow.datasets.names import encode_path
from genreflow.importing import load
from genreflow.journal import log_to
from genreflow.provenance import made_by

log = logging.getLogger("genreflow")


def prepare(
    *,
    make: str | None,
    root: str,
    fetch: Mapping[str, Mapping[str, str]],
    workers: int,
    path_to_marker: str,
) -> None:
    """Make a dataset's audio, or fetch its published lists, and note what came of it.

    Parameters
    ----------
    make : str or None
        import path of a function that is called with the dataset's root and ``workers=``
    root : str
        folder of the audio
    fetch : mapping of str to mapping
        url and sha256 of the lists to fetch, by file name
    workers : int > 0
        number of processes that the function may start
    path_to_marker : str
        JSON with the digests of all that was made or fetched; the lists are put beside it

    Raises
    ------
    GenreflowError
        where there is no such function, or a list cannot be fetched
    """
    done = {}
    if make:
        log.info("making %s with %s", root, make)
        load(make, needed_by="make")(Path(root), workers=workers)
        done["made"] = {"function": make, **_digest_files(Path(root))}
    if fetch:
        log.info("fetching %s", ", ".join(fetch))
        done["fetched"] = fetch_lists(fetch, Path(path_to_marker).parent, by_hand=Path(root))
    text = json.dumps(done, indent=1, sort_keys=True, ensure_ascii=False)
    Path(path_to_marker).write_text(text + "\n", encoding="utf-8")


def _digest_files(root: Path) -> dict[str, int | str]:
    """How many files a folder holds, and the digest of their names and contents."""
    digest, count = hashlib.sha256(), 0
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{encode_path(os.fsencode(path.relative_to(root)))} {content}\n".encode())
        count += 1
    return {"files": count, "sha256": digest.hexdigest()}


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        prepare(
            **snakemake.params.settings,
            workers=snakemake.threads,
            path_to_marker=snakemake.output[0],
        )
