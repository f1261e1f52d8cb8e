"""What the size of a batch costs: overhead against parallelism.

    python benchmarks/batches.py --clips FOLDER [--sizes 16 64 ...] [--files 1000] [--many 50000]

Prints, for each size, the seconds that the workflow takes for the files on two cores, and for a
large collection the number of jobs and the seconds that Snakemake needs before the first of them.
"""

import argparse
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

    print(
        f"| batch size | {arguments.files} files, s | jobs of {arguments.many} | before them, s |"
    )
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="genreflow-benchmark-") as place:
        cache = Path(place, "cache")
        few = Workflow(Path(place, "few"), arguments.clips, arguments.files)
        many = Workflow(Path(place, "many"), arguments.clips, arguments.many)
        few.run(cores=2, cache=cache)  # compiles the kernels
        for size in arguments.sizes:
            seconds = few.run(cores=2, batch_size=size, cache=cache)
            jobs = JOBS_PER_BATCH * -(-arguments.many // size)
            before = planning(many, size, cache)
            print(f"| {size} | {seconds:.1f} | {jobs} | {before:.1f} |", flush=True)


def planning(workflow: Workflow, batch_size: int, cache: Path) -> float:
    """Seconds of a dry run from nothing."""
    workflow.clear()
    begin = time.perf_counter()
    workflow.snakemake("--dry-run", "--quiet=all", batch_size=batch_size, cache=cache)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
