"""The feature engine against the usual librosa script, on real clips.

    python benchmarks/features.py --clips FOLDER [--number 12] [--json FILE] [--only ROW ...]

All ways of a row do the same work on the same clips in turn, in one process and on one thread,
after one call of each that is not counted. What is taken is the processor's time, which other
programs disturb less than the clock's; for the row `workflow` it is the clock's. Prints the
medians over the clips as a table in Markdown, and writes them as JSON.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import whole_workflow
from clips import Clip, some_clips
from rows import Row, rows

from genreflow.threads import limit_threads

PACKAGES = ("librosa", "numpy", "scipy", "numba", "soundfile", "soxr", "essentia", "opensmile")


def measure(row: Row, clips: list[Clip]) -> dict[str, Any]:
    """Medians of a row over the clips; times in milliseconds per clip."""
    ways = {"ours": row.ours, "usual": row.usual, "each": row.each, "floor": row.floor}
    ways = {name: way for name, way in ways.items() if way} | row.peers
    times: dict[str, list[float]] = {name: [] for name in ways}
    for i, clip in enumerate([clips[0], *clips]):
        given = getattr(clip, row.given)
        for name, way in ways.items():
            begin = time.process_time()
            way(given)
            if i > 0:
                times[name].append(1e3 * (time.process_time() - begin))
    result = {
        "goal": row.goal,
        "ratio": _ratio(times["usual"], times["ours"]),
        "ms": statistics.median(times["ours"]),
        "librosa_ms": statistics.median(times["usual"]),
        "peers_ms": {name: statistics.median(times[name]) for name in row.peers},
    }
    if row.each:
        result |= {
            "goal_each": row.goal_each,
            "ratio_each": _ratio(times["usual"], times["each"]),
            "ms_each": statistics.median(times["each"]),
        }
    if row.floor:
        result |= {
            "goal_floor": row.goal_floor,
            "times_floor": _ratio(times["ours"], times["floor"]),
            "floor_ms": statistics.median(times["floor"]),
        }
    return result


def _ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median([a / b for a, b in zip(slow, fast, strict=True)])


def about(number: int) -> dict[str, Any]:
    """The machine, the versions, and how many clips were measured."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0))
    return {
        "clips": number,
        "cores": cores,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": versions,
    }


def as_markdown(results: dict[str, Any]) -> str:
    """The results as a table, and a line that says where they were measured."""
    lines = ["| row | goal | ratio | ms | librosa ms | others |", "|---|---|---|---|---|---|"]
    for name, result in results.items():
        if name == "about":
            continue
        lines.append(
            f"| {name} | {result['goal']:g} x | {result['ratio']:.1f} x | {result['ms']:.1f} "
            f"| {result['librosa_ms']:.1f} | {_others(result)} |"
        )
    where = results["about"]
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    lines += [
        "",
        f"{where['clips']} clips, {where['cores']} cores, {where['machine']}, "
        f"Python {where['python']}, {versions}",
    ]
    return "\n".join(lines)


def _others(result: dict[str, Any]) -> str:
    cells = []
    if "ms_each" in result:
        goal = f", goal {result['goal_each']:g} x" if result["goal_each"] else ""
        cells.append(
            f"each by itself {result['ms_each']:.1f} ms, {result['ratio_each']:.1f} x{goal}"
        )
    if "floor_ms" in result:
        cells.append(
            f"floor {result['floor_ms']:.1f} ms, times {result['times_floor']:.1f}, "
            f"goal at most {result['goal_floor']:g}"
        )
    if "seconds" in result:
        cells.append(whole_workflow.describe(result))
    cells += [f"{name} {ms:.0f} ms" for name, ms in result["peers_ms"].items()]
    return "; ".join(cells)


def main() -> None:
    measured = {row.name: row for row in rows()}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of wav or au files")
    parser.add_argument("--number", type=int, default=12, help="how many of them")
    parser.add_argument("--files", type=int, default=1000, help="files of the row workflow")
    parser.add_argument("--json", type=Path, help="where the results are written")
    parser.add_argument(
        "--only", nargs="+", metavar="ROW", choices=[*measured, "workflow"], help="only these rows"
    )
    arguments = parser.parse_args()
    wanted = arguments.only or [*measured, "workflow"]

    with tempfile.TemporaryDirectory() as folder, limit_threads(1):
        clips = some_clips(arguments.clips, arguments.number, Path(folder))
        results = {"about": about(len(clips))}
        for name in wanted:
            if name == "workflow":
                results[name] = whole_workflow.measure(arguments.clips, arguments.files, clips)
            else:
                results[name] = measure(measured[name], clips)
            if arguments.json:
                arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    print(as_markdown(results))


if __name__ == "__main__":
    main()
