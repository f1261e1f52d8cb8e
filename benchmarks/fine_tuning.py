"""Fine-tuning of all layers of VGG16 against a plain loop of PyTorch, on as many pictures as GTZAN.

    python benchmarks/fine_tuning.py [--device auto] [--clips 800] [--epochs 4] [--rounds 3]

Ours is `Network` on pictures in a mapped file, as the workflow has them. The usual way is a
DataLoader whose workers decode a PNG file for each picture and normalise it, and a loop over it, in
float32 and in bfloat16. One after the other is measured in each round, in one process. An epoch is
timed by the clock; the first one of each training is not counted.

How long the device is idle is the share of an epoch beyond its steps alone: as many steps, with the
same precision and optimiser, on a batch that is on the device already. Prints medians, and the
ratio of the epochs, as a table in Markdown.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from genreflow.features.inputs import Inputs
from genreflow.features.sets import FeatureSet
from genreflow.features.store import writer_of
from genreflow.features.table import Arrays
from genreflow.models.computing import computing, find_autocast, find_device
from genreflow.models.network import Network
from genreflow.models.vgg import vgg16

SIDE = 128
N_LABELS = 10
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RATE = 5e-5


class Pictures(Dataset):
    """PNG files, decoded and normalised when they are asked for."""

    def __init__(self, paths: list[Path], labels: np.ndarray) -> None:
        self.paths, self.labels = paths, labels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        with Image.open(self.paths[number]) as picture:
            values = torch.from_numpy(np.array(picture.convert("RGB")))
        values = values.permute(2, 0, 1).float() / 255
        for colour, (mean, std) in enumerate(zip(MEAN, STD, strict=True)):
            values[colour].sub_(mean).div_(std)
        return values, int(self.labels[number])


def made_pictures(number: int) -> np.ndarray:
    """Smooth pictures with some noise, uint8 [shape=(number, 3, SIDE, SIDE)]."""
    draw = np.random.default_rng(0)
    made = np.empty((number, 3, SIDE, SIDE), np.uint8)
    for picture in made:
        coarse = Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.int16)
        noisy = smooth + draw.integers(-8, 9, smooth.shape)
        picture[:] = noisy.clip(0, 255).transpose(2, 0, 1)
    return made


def mapped(pictures: np.ndarray, folder: Path) -> Inputs:
    """Pictures in an array file, as the workflow writes and reads it."""
    table, arrays = folder / "made.parquet", folder / "made.npy"
    feature_set = FeatureSet("mel_image", "genreflow.features.mel_image.mel_image", gives="array")
    names = [f"{number:05d}" for number in range(len(pictures))]
    with writer_of(feature_set, table, arrays) as writer:
        for name, picture in zip(names, pictures, strict=True):
            writer.write(name, "made", [(picture, None)])
    wanted = pl.DataFrame({"track_id": names, "batch": ["made"] * len(names)})
    return Inputs({"mel_image": Arrays([str(table)], wanted)})


def decoded(pictures: np.ndarray, folder: Path) -> list[Path]:
    """The same pictures as PNG files."""
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(folder / f"{number:05d}.png")
        Image.fromarray(picture.transpose(1, 2, 0)).save(paths[-1])
    return paths


def ours(rows: Inputs, labels: np.ndarray, arguments: argparse.Namespace) -> list[float]:
    """Seconds of each epoch of our training."""
    network = Network(
        "genreflow.models.vgg.vgg16",
        standardize=False,
        learning_rate=RATE,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        device=arguments.device,
        n_jobs=arguments.workers,
    )
    network.fit(rows, labels)
    return [row["seconds"] for row in network.history_]


class Loop:
    """A module and the steps of a plain loop over batches."""

    def __init__(self, device: torch.device, autocast: torch.dtype | None, *, fused: bool) -> None:
        torch.manual_seed(0)
        self.device, self.autocast = device, autocast
        whole = vgg16(((3, SIDE, SIDE),), N_LABELS)
        parts = (whole.features, whole.avgpool, nn.Flatten(), whole.classifier)
        self.module = nn.Sequential(*parts).to(device).train()
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=RATE, fused=fused)

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        """Train on a batch that is on the device; its loss."""
        enabled = self.autocast is not None
        with torch.autocast(self.device.type, dtype=self.autocast, enabled=enabled):
            outputs = self.module(x)
        loss = functional.cross_entropy(outputs.float(), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def epoch(self, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
        """Seconds of an epoch, as usual scripts have it."""
        begin, total = time.perf_counter(), 0.0
        for x, y in batches:
            x, y = (part.to(self.device, non_blocking=True) for part in (x, y))
            total += self.step(x, y).item()
        return time.perf_counter() - begin

    def steps_alone(self, arguments: argparse.Namespace) -> float:
        """Seconds of as many steps as an epoch has, on a batch that is on the device."""
        whole, rest = divmod(arguments.clips, arguments.batch_size)
        sizes = [arguments.batch_size] * whole + [rest] * (rest > 0)
        x = torch.randn(sizes[0], 3, SIDE, SIDE, device=self.device)
        y = torch.arange(sizes[0], device=self.device) % N_LABELS
        begin = time.perf_counter()
        for size in sizes:
            loss = self.step(x[:size], y[:size])
        loss.item()
        return time.perf_counter() - begin


def usual(loop: Loop, loader: DataLoader, arguments: argparse.Namespace) -> list[float]:
    """Seconds of each epoch of the plain loop."""
    return [loop.epoch(loader) for _ in range(arguments.epochs)]


def measure(arguments: argparse.Namespace, folder: Path) -> tuple[dict, dict]:
    """Seconds of all counted epochs, by way, and of their steps alone."""
    pictures = made_pictures(arguments.clips)
    labels = np.arange(arguments.clips) % N_LABELS
    rows, paths = mapped(pictures, folder), decoded(pictures, folder)
    device = find_device(arguments.device)
    half = find_autocast("auto", device, arrays=True)
    precisions = {"usual, float32": None} | ({"usual, bfloat16": half} if half else {})
    epochs: dict[str, list[float]] = {way: [] for way in ("ours", *precisions)}
    alone: dict[str, list[float]] = {way: [] for way in epochs}
    for _ in range(arguments.rounds):
        epochs["ours"] += ours(rows, labels, arguments)[1:]
        with computing(device, arguments.workers):
            loop = Loop(device, half, fused=True)
            alone["ours"] += [loop.steps_alone(arguments) for _ in range(2)][1:]
        for way, autocast in precisions.items():
            loop = Loop(device, autocast, fused=False)
            epochs[way] += usual(loop, loader_of(paths, labels, device, arguments), arguments)[1:]
            alone[way].append(loop.steps_alone(arguments))
    return epochs, alone


def loader_of(
    paths: list[Path], labels: np.ndarray, device: torch.device, arguments: argparse.Namespace
) -> DataLoader:
    """The usual loader, whose workers stay from epoch to epoch."""
    return DataLoader(
        Pictures(paths, labels),
        batch_size=arguments.batch_size,
        shuffle=True,
        num_workers=arguments.workers,
        persistent_workers=arguments.workers > 0,
        pin_memory=device.type == "cuda",
    )


def report(epochs: dict, alone: dict, arguments: argparse.Namespace) -> None:
    """Print what was measured."""
    device = find_device(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    print(
        f"{arguments.clips} pictures, batches of {arguments.batch_size}, {arguments.workers} "
        f"workers, {len(os.sched_getaffinity(0))} cores, {name}, torch {torch.__version__}; "
        f"{arguments.rounds} rounds of {arguments.epochs} epochs, the first not counted\n"
    )
    print("| way | epoch | pictures a second | steps alone | idle | times as long as ours |")
    print("|---|---|---|---|---|---|")
    of_ours = statistics.median(epochs["ours"])
    for way in epochs:
        epoch, steps = statistics.median(epochs[way]), statistics.median(alone[way])
        idle = max(0.0, 1 - steps / epoch)
        numbers = f"{epoch:.3f} s | {arguments.clips / epoch:.1f} | {steps:.3f} s | {idle:.1%}"
        print(f"| {way} | {numbers} | {epoch / of_ours:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clips", type=int, default=800)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=4, help="of a training, from 2 on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=min(8, len(os.sched_getaffinity(0))))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="genreflow-benchmark-") as place:
        report(*measure(arguments, Path(place)), arguments)


if __name__ == "__main__":
    main()
