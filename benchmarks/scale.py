"""Measure the cost of parallel processes, shards and Dask against one plain run, and extrapolate to a billion galaxies.

Run ``python benchmarks/scale.py`` (about five minutes on two cores). All variants take turns on one folder of synthetic
JPEGs, and medians over the turns are printed, start-up included. Parallel processes have one thread and one shard each.
The estimate for surveys uses the measured CPU seconds and bytes per image. ``dask_overhead.py`` separates Dask's
start-up from the cost of its partitions, and measures the memory of its workers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from folder import COMMAND
from image_folder import make_folder

#: Numbers of parallel processes to measure.
PROCESSES = (1, 2, 4)
SURVEYS = (10_000_000, 1_000_000_000)


@dataclass(frozen=True)
class Cost:
    """Cost of a group of processes: time until the last one ended, CPU time of all, highest peak memory of one."""

    seconds: float
    processor_seconds: float
    megabytes: float


def together(commands: list[list[str]]) -> Cost:
    """Run commands in parallel."""
    started = time.perf_counter()
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    used = memory = 0.0
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{process.args!r} ended with {process.returncode}")
        used += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1024)
    return Cost(time.perf_counter() - started, used, memory)


def one_by_one(commands: list[list[str]]) -> Cost:
    """Run commands one after the other."""
    costs = [together([command]) for command in commands]
    return Cost(
        sum(cost.seconds for cost in costs),
        sum(cost.processor_seconds for cost in costs),
        max(cost.megabytes for cost in costs),
    )


def typical(costs: list[Cost]) -> Cost:
    """Return the medians over several turns."""
    return Cost(*(statistics.median(getattr(cost, field) for cost in costs) for field in Cost.__annotations__))


def measure(folder: Path, scratch: Path, shard_size: int, files: int, turns: int) -> dict[str, list[Cost]]:
    """Measure all variants in turns, and return the costs of each."""
    options = ["-q", "--force", "--threads", "1"]
    ours = [*COMMAND, str(folder), *options]
    one_image = [*COMMAND, str(next(folder.rglob("*.jpg"))), *options]

    def shards(count: int) -> list[list[str]]:
        return [
            [*ours, "--shard", f"{index}/{count}", "-o", f"{scratch}/shards-{count}/"] for index in range(1, count + 1)
        ]

    costs: dict[str, list[Cost]] = {}
    for turn in range(turns):
        found = {f"{count} processes": together(shards(count)) for count in PROCESSES}
        found["plain"] = together([[*ours, "-o", f"{scratch}/plain.parquet"]])
        found["shards, one by one"] = one_by_one(shards(files // shard_size))
        several = f"1-{files // shard_size}/{files // shard_size}"
        found["shards, in one run"] = together([[*ours, "--shard", several, "-o", f"{scratch}/one-run/"]])
        partitions = ["--dask", "local", "--partition-size", str(shard_size), "-o", f"{scratch}/partitions"]
        found["--dask local"] = together([[*ours, *partitions]])
        found["one image, plain"] = together([[*one_image, "-o", f"{scratch}/one.parquet"]])
        found["one image, --dask local"] = together([[*one_image, *partitions]])
        for name, cost in found.items():
            costs.setdefault(name, []).append(cost)
            print(f"turn {turn + 1}: {name}: {cost.seconds:.2f} s", file=sys.stderr)
    return costs


def beyond_plain(way: list[Cost], plain: list[Cost]) -> float:
    """Return the median over the turns of a variant's extra time, as a fraction of a plain run's time."""
    return statistics.median(own.seconds / of.seconds for own, of in zip(way, plain, strict=True)) - 1


def report(
    turns: dict[str, list[Cost]], files: int, shard_size: int, image_bytes: float, row_bytes: float
) -> dict[str, Any]:
    """Print the tables, and return their contents for JSON."""
    costs = {way: typical(all_turns) for way, all_turns in turns.items()}
    print("\n| processes of one thread | images/s | against one | MB each |\n| --- | ---: | ---: | ---: |")
    one = costs[f"{PROCESSES[0]} processes"].seconds
    for count in PROCESSES:
        cost = costs[f"{count} processes"]
        print(f"| {count} | {files / cost.seconds:,.0f} | {one / cost.seconds:.2f} | {cost.megabytes:.0f} |")
    print(f"\n| in pieces of {shard_size:,} images, one process | images/s | against a plain run | MB |")
    print("| --- | ---: | ---: | ---: |")
    overhead = {}
    for way in ("plain", "shards, in one run", "shards, one by one", "--dask local"):
        overhead[way] = beyond_plain(turns[way], turns["plain"])
        print(f"| {way} | {files / costs[way].seconds:,.0f} | {overhead[way]:+.1%} | {costs[way].megabytes:.0f} |")
    starts = [f"{costs[f'one image, {way}'].seconds:.2f} s by {way}" for way in ("plain", "--dask local")]
    print(f"\none image takes {' and '.join(starts)}")
    per_image = costs["plain"].processor_seconds / files
    size = f"{image_bytes / 1e3:.1f} kB, {row_bytes:.0f} B of Parquet"
    print(f"an image: {per_image * 1e3:.2f} ms of a core, {size}")
    print("\n| galaxies | core hours | images, TB | results, GB |\n| ---: | ---: | ---: | ---: |")
    bill = []
    for galaxies in SURVEYS:
        hours, terabytes = galaxies * per_image / 3600, galaxies * image_bytes / 1e12
        gigabytes = galaxies * row_bytes / 1e9
        bill.append({"galaxies": galaxies, "core_hours": hours, "images_tb": terabytes, "results_gb": gigabytes})
        print(f"| {galaxies:,} | {hours:,.0f} | {terabytes:,.1f} | {gigabytes:,.1f} |")
    return {"costs": {name: vars(cost) for name, cost in costs.items()}, "overhead": overhead, "bill": bill}


def main() -> None:
    """Measure, print the tables, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=8000)
    parser.add_argument("--shard-size", type=int, default=1000)
    parser.add_argument("--size", type=int, default=424, help="edge of the synthetic images in pixels")
    parser.add_argument("--images", type=Path, help="folder of JPEGs to use instead of synthetic ones")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = scratch / "images"
        make_folder(folder, arguments.files, arguments.size, arguments.images)
        costs = measure(folder, scratch, arguments.shard_size, arguments.files, arguments.turns)
        image_bytes = statistics.mean(path.stat().st_size for path in folder.rglob("*.jpg"))
        row_bytes = (scratch / "plain.parquet").stat().st_size / arguments.files
        results = report(costs, arguments.files, arguments.shard_size, image_bytes, row_bytes)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
