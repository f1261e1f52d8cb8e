"""The share of a network's training that waits for its data: mel spectrograms in mapped files.

    python benchmarks/loading.py [--clips 1000] [--epochs 3] [--threads 1] [--device cpu]

The clips are made: noise of 30 s as `mel` describes it, float16 of 128 bands and 1293 frames. The
network is a `cnn` of three blocks of 8, 16 and 32 channels. What is told is the median over the
epochs.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from genreflow.features.inputs import Inputs
from genreflow.models.network import Network

SHAPE = (128, 1293)


def main() -> None:
    """Train on made clips, and print what the history says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = Inputs({"mel": _mapped(Path(folder) / "mel.npy", given.clips)})
        network = Network(
            "genreflow.models.cnn.cnn",
            {"channels": [8, 16, 32], "dense": 32},
            batch_size=16,
            epochs=given.epochs,
            length=SHAPE[-1],
            device=given.device,
            n_jobs=given.threads,
        )
        network.fit(clips, np.arange(given.clips) % 10)
    seconds = [row["seconds"] for row in network.history_]
    waited = [row["seconds_loading"] / row["seconds"] for row in network.history_]
    print(
        f"{given.clips} clips, {given.device}, {given.threads} threads: median epoch "
        f"{median(seconds):.2f} s, of which {100 * median(waited):.2f} % waits for data"
    )


def _mapped(path: Path, clips: int) -> np.ndarray:
    """Spectrograms in one file, which is written clip by clip."""
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(clips, *SHAPE))
    random = np.random.default_rng(0)
    for clip in file:
        clip[:] = random.normal(-40, 15, size=SHAPE)
    file.flush()
    return np.load(path, mmap_mode="r")


if __name__ == "__main__":
    main()
