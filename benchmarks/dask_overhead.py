"""Measure the overhead of ``--dask local`` over a plain run: time, CPU time and memory, with start-up apart.

Run ``python benchmarks/dask_overhead.py`` (about two minutes on two cores). Both commands classify the same folder of
synthetic JPEGs, one with as many processes as the other has threads, and write Parquet. They take turns, and medians
over the turns are printed. Start-up is the time for one image per process. ``÷ plain`` compares the CPU time after
start-up: the median of the ratios of each turn. On a shared machine, CPU time is more reliable than elapsed time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from folder import COMMAND
from image_folder import make_folder

#: Seconds between two readings of the processes' memory. The kernel records the peak, so few readings suffice.
LOOK_EVERY = 0.5
EDGE = 424


@dataclass(frozen=True)
class Run:
    """Cost of one run: seconds, CPU seconds of all processes, peak memory of command and largest worker in MB."""

    seconds: float
    processor_seconds: float
    command_megabytes: float
    worker_megabytes: float


def ways(threads: int, partition: int) -> dict[str, list[str]]:
    """Return the options of the two commands that are compared."""
    return {
        "plain": ["--threads", str(threads)],
        "--dask local": ["--threads", str(threads), "--dask", "local", "--partition-size", str(partition)],
    }


def peak_megabytes(session: int) -> dict[int, float]:
    """Return the peak memory so far of each process of a session, in MB."""
    peaks = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, KeyError):  # the process has just ended
            if os.getsid(int(folder.name)) == session:
                about = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                peaks[int(folder.name)] = int(about["VmHWM"].split()[0]) / 1024
    return peaks


def measure(folder: Path, output: Path, options: list[str]) -> Run:
    """Run the command once, and watch the memory of its processes."""
    started = time.perf_counter()
    command = [*COMMAND, str(folder), "-q", "-o", str(output), *options]
    process = subprocess.Popen(command, start_new_session=True)
    peaks: dict[int, float] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_EVERY):
            peaks.update(peak_megabytes(process.pid))

    looking = threading.Thread(target=look)
    looking.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    done.set()
    looking.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    own = peaks.pop(process.pid, 0.0)
    return Run(seconds, usage.ru_utime + usage.ru_stime, own, max(peaks.values(), default=0.0))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--partition", type=int, default=1000, help="inputs of a partition")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    few, many = arguments.threads, arguments.files
    # For start-up, each image is a partition of its own, so that all processes load the model.
    commands = {few: ways(arguments.threads, 1), many: ways(arguments.threads, arguments.partition)}
    runs: dict[tuple[str, int], list[Run]] = {(way, files): [] for way in commands[few] for files in (few, many)}
    with tempfile.TemporaryDirectory() as name:
        for files in (few, many):
            make_folder(Path(name) / f"images_{files}", files, EDGE, None)
        for turn in range(arguments.repeats):
            for way, files in runs:
                output = Path(name) / f"{turn}_{way.removeprefix('--')}_{files}.parquet"
                runs[way, files].append(measure(Path(name) / f"images_{files}", output, commands[files][way]))
    print(
        f"{many:,} drawn JPEGs of {EDGE} px, {arguments.threads} threads or processes, partitions of "
        f"{arguments.partition:,}, {arguments.repeats} turns"
    )
    print(
        "| way | start-up s | processor s | then images/s | processor ms an image | ÷ plain | command MB | worker MB |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    more = many - few
    busy = {
        way: [
            (long.processor_seconds - short.processor_seconds) / more
            for short, long in zip(runs[way, few], runs[way, many], strict=True)
        ]
        for way in commands[few]
    }
    for way in commands[few]:
        short, long = runs[way, few], runs[way, many]
        startup = median(run.seconds for run in short)
        cells = (
            f"{startup:.2f}",
            f"{median(run.processor_seconds for run in short):.2f}",
            f"{more / (median(run.seconds for run in long) - startup):,.0f}",
            f"{1000 * median(busy[way]):.3f}",
            f"{median(own / plain for own, plain in zip(busy[way], busy['plain'], strict=True)):.2f}",
            f"{median(run.command_megabytes for run in long):.0f}",
            f"{median(run.worker_megabytes for run in long):.0f}",
        )
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
