"""Compare our command with Keras, tf.data and a plain ONNX Runtime loop on a folder of JPEGs: speed and peak memory.

Run ``python benchmarks/folder.py`` (about ten minutes). Each candidate is a new process; they take turns, and medians
over the turns are printed: images a second of the whole run, start-up included; and in steady state, between the first
and the last tenth of the rows, images a second and milliseconds of CPU time an image. ``--size 64`` uses images that
need no resize; ``--scaling`` runs our command and Keras on 1,000, 10,000 and 100,000 files and draws a plot.

TensorFlow reads ahead while the network is compiled. With 2,000 files, that flatters its images a second in steady
state; its CPU time an image hardly changes. Compare speeds in steady state on 10,000 files or more.

The images are synthetic; ``--images`` uses real ones. Keras runs the network of the embedded model's recipe, untrained,
as the weights do not change the speed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from candidates import DECODING, KERAS, NAIVE, OURS, Setting, command_lines, other
from image_folder import make_folder
from steady import read_steady

COMMAND = [sys.executable, "-m", "galaxy_classify"]

#: What is measured of a run, by its name in JSON.
WHOLE, STEADY, CPU, MEMORY = "images_per_second", "steady_images_per_second", "steady_cpu_ms", "megabytes"
#: Candidates that others are compared with, and their short names.
AGAINST = {KERAS: "Keras", NAIVE: "naive", DECODING: "decoding"}


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return its elapsed seconds and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)} failed: {errors.decode()}")
    return seconds, usage.ru_maxrss / 1024


def measure_candidate(command: list[str], setting: Setting) -> dict[str, float]:
    """Run a candidate; return its speed with and without its start, and its peak memory."""
    seconds, megabytes = measure(command)
    steady = read_steady(setting.marks)
    return {
        WHOLE: setting.files / seconds,
        STEADY: steady.images_per_second,
        CPU: steady.cpu_ms,
        MEMORY: megabytes,
    }


def compare(setting: Setting, repeats: int) -> dict[str, dict[str, float]]:
    """Measure all candidates in turns, and return the medians of each."""
    commands = command_lines(setting)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for turn in range(repeats):
        for name, command in commands.items():
            found = measure_candidate(command, setting)
            results[name].append(found)
            print(f"turn {turn + 1}: {name}: {in_words(found)}", file=sys.stderr)
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in (WHOLE, STEADY, CPU, MEMORY)}
        for name, runs in results.items()
    }


def in_words(found: dict[str, float]) -> str:
    """Return what was measured of a run, on one line."""
    return (
        f"{found[WHOLE]:,.0f} images/s, steady {found[STEADY]:,.0f} images/s and {found[CPU]:.2f} ms CPU an image, "
        f"{found[MEMORY]:.0f} MB"
    )


def print_tables(results: dict[str, dict[str, float]]) -> None:
    """Print a table of whole runs and one of the steady state, with ratios to Keras, the loop and decoding alone."""
    width = max(map(len, results))
    against = {short: results[name] for name, short in AGAINST.items()}

    def head(columns: Iterable[str]) -> None:
        print(f"\n| {'candidate':{width}} | {' | '.join(columns)} |")
        print(f"| {'-' * width} | {' | '.join('---:' for _ in columns)} |")

    head(["whole run: images/s", *(f"÷ {short}" for short in against), "peak MB"])
    for name, found in results.items():
        ratios = " | ".join(f"{found[WHOLE] / other[WHOLE]:.2f}" for other in against.values())
        print(f"| {name:{width}} | {found[WHOLE]:,.0f} | {ratios} | {found[MEMORY]:.0f} |")
    head(["steady state: images/s", "÷ Keras", "CPU ms an image", "Keras ÷ this"])
    keras = against["Keras"]
    for name, found in results.items():
        speed, cost = found[STEADY] / keras[STEADY], keras[CPU] / found[CPU]
        print(f"| {name:{width}} | {found[STEADY]:,.0f} | {speed:.2f} | {found[CPU]:.2f} | {cost:.2f} |")


def scaling(setting: Setting, size: int, images: Path | None) -> Iterator[dict[str, Any]]:
    """Measure our command, as it runs by default and with Pillow, and Keras, on growing numbers of files."""
    candidates = (KERAS, OURS, f"{OURS} --decoder pillow")
    for files in (1_000, 10_000, 100_000):
        at = replace(setting, folder=setting.folder.with_name(f"files_{files}"), files=files)
        make_folder(at.folder, files, size, images)
        keras: dict[str, float] = {}
        for name, command in reversed(command_lines(at).items()):
            if name in candidates:
                found = measure_candidate(command, at)
                keras = keras or found
                whole, steady = (found[key] / keras[key] for key in (WHOLE, STEADY))
                ratios = f"whole {whole:.2f}, steady {steady:.2f}, CPU {keras[CPU] / found[CPU]:.2f}"
                print(f"{files:>7,} files: {name}: {in_words(found)}; Keras = 1: {ratios}", flush=True)
                yield {"way": name, "files": files, **found}
        shutil.rmtree(at.folder)


def plot(points: list[dict[str, Any]], path: Path) -> None:
    """Plot speed and memory against the number of files; dashed: the speed in steady state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    speed, memory = figure.subplots(1, 2)
    for number, name in enumerate(sorted({point["way"] for point in points})):
        own = [point for point in points if point["way"] == name]
        files = [point["files"] for point in own]
        for axes, key, style in ((speed, WHOLE, "o-"), (speed, STEADY, "--"), (memory, MEMORY, "o-")):
            axes.plot(files, [point[key] for point in own], style, color=f"C{number}", label=name)
    for axes, label in ((speed, "images per second"), (memory, "peak memory in MB")):
        axes.set(xscale="log", xlabel="files", ylabel=label)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    memory.legend(loc="center")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print the tables, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--size", type=int, default=424, help="edge of the synthetic images in pixels")
    parser.add_argument("--images", type=Path, help="folder of JPEGs to use instead of synthetic ones")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scaling", type=Path, metavar="PLOT", help="measure 1,000 to 100,000 files, and draw PLOT")
    parser.add_argument("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        setting = Setting(
            scratch / "images", arguments.files, scratch / "network.keras", scratch / "marks", arguments.threads
        )
        measure(other(setting, "network"))
        if arguments.scaling:
            results: Any = list(scaling(setting, arguments.size, arguments.images))
            plot(results, arguments.scaling)
        else:
            make_folder(setting.folder, arguments.files, arguments.size, arguments.images)
            what = arguments.images or f"drawn JPEGs of {arguments.size} px"
            print(f"{arguments.files:,} files, {what}, {arguments.threads} threads, {arguments.repeats} turns")
            results = compare(setting, arguments.repeats)
            print_tables(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
