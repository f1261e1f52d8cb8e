"""What the size of a batch costs: overhead against parallelism.

    python benchmarks/batches.py --clips FOLDER [--sizes 16 64 ...] [--files 1000] [--many 50000]

Prints, for each size, what the workflow takes for the files on two cores, by the clock and of the
processors together, and for a large collection the number of jobs and the seconds that Snakemake
needs before the first of them.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from whole_workflow import Workflow

SIZES = (16, 64, 128, 256, 512)
JOBS_PER_BATCH = 2  # decode and extract


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of wav or au files")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--many", type=int, default=50_000)
    arguments = parser.parse_args()

    few_files, many_files = f"{arguments.files} files", f"jobs of {arguments.many}"
    print(f"| batch size | {few_files} | of processors | {many_files} | before them |")
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="genreflow-benchmark-") as place:
        cache = Path(place, "cache")
        few = Workflow(Path(place, "few"), arguments.clips, arguments.files)
        many = Workflow(Path(place, "many"), arguments.clips, arguments.many)
        few.run(cores=2, cache=cache)  # compiles the kernels
        for size in arguments.sizes:
            used = processor_seconds()
            seconds = few.run(cores=2, batch_size=size, cache=cache)
            used = processor_seconds() - used
            jobs = JOBS_PER_BATCH * -(-arguments.many // size)
            before = planning(many, size, cache)
            row = f"{size} | {seconds:.1f} s | {used:.1f} s | {jobs} | {before:.1f} s"
            print(f"| {row} |", flush=True)


def processor_seconds() -> float:
    """Processor time of all processes that were started so far and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def planning(workflow: Workflow, batch_size: int, cache: Path) -> float:
    """Seconds of a dry run from nothing."""
    workflow.clear()
    begin = time.perf_counter()
    workflow.snakemake("--dry-run", "--quiet=all", batch_size=batch_size, cache=cache)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
