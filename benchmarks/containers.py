"""Compare containers: speed, CPU time and peak memory for JPEGs in a folder, tar and zip archives and a Parquet file.

Run ``python benchmarks/containers.py`` (about three minutes on two cores). Each input is classified by a new process,
and start-up counts. The inputs take turns, and medians over the turns are printed. On a shared machine, CPU time is
more reliable than images per second. The images are synthetic.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from folder import COMMAND, measure
from image_folder import make_folder

HERE = Path(__file__).resolve()
NAMES = ("images", "images.tar", "images.tar.gz", "images.tar.xz", "images.zip", "images.parquet")


def make_containers(scratch: Path, files: int, size: int) -> None:
    """Draw images into a folder, and pack it into each kind of container."""
    folder = scratch / "images"
    make_folder(folder, files, size, images=None)
    for suffix, mode in ((".tar", "w:"), (".tar.gz", "w:gz"), (".tar.xz", "w:xz")):
        with tarfile.open(scratch / f"images{suffix}", mode) as tar:  # type: ignore[call-overload]
            tar.add(folder, "images")
    paths = sorted(folder.rglob("*.jpg"))
    with zipfile.ZipFile(scratch / "images.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.relative_to(scratch))
    columns = {
        "path": [str(path.relative_to(scratch)) for path in paths],
        "image": [path.read_bytes() for path in paths],
    }
    pq.write_table(pa.table(columns), scratch / "images.parquet")


def children_seconds() -> float:
    """Return the CPU seconds of all child processes so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--size", type=int, default=424, help="edge of the synthetic images in pixels")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        make_containers(arguments.make, arguments.files, arguments.size)
        return
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        # A child's reported peak memory includes its parent's at the fork. So make the files in another process, and
        # keep this one small.
        making = [sys.executable, str(HERE), "--make", name, "--files", str(arguments.files), "--size"]
        subprocess.run([*making, str(arguments.size)], check=True)
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
        for _ in range(arguments.repeats):
            for name, results in found.items():
                command = [*COMMAND, str(scratch / name), "-q", "-f", "csv", "--threads", str(arguments.threads)]
                before = children_seconds()
                seconds, megabytes = measure(command)
                results.append((seconds, children_seconds() - before, megabytes))
        print(
            f"{arguments.files:,} JPEGs of {arguments.size} px, {arguments.threads} threads, {arguments.repeats} turns"
        )
        print("| input | images/s | CPU ms an image | peak MB |\n| --- | ---: | ---: | ---: |")
        for name, results in found.items():
            seconds, cpu_seconds, megabytes = (statistics.median(values) for values in zip(*results, strict=True))
            speed, milliseconds = arguments.files / seconds, 1000 * cpu_seconds / arguments.files
            print(f"| {name} | {speed:,.0f} | {milliseconds:.2f} | {megabytes:.0f} |")


if __name__ == "__main__":
    main()
