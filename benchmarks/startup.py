"""Measure the start-up of the command: processor time of one image against that of the bare imports.

Run ``python benchmarks/startup.py``. Processes take turns; the first table has medians of the processor time (user and
system) of whole processes. The second table says where the command's own part goes: imports, which the bare imports do
without, and the steps of the run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from galaxy_painter import paint

TURNS = 21
TARGET = 1.7
IMPORTS = ["-c", "import numpy, onnxruntime, PIL.Image"]
COMMAND = ["-m", "galaxy_classify"]
#: An installed package is compiled: without this, an editable one would be compiled again in each process.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
#: Steps of a run, by the module and the name that it calls them by.
STEPS = {
    "model: read, hash, check, open": ("galaxy_classify.classifier", "OnnxModel"),
    "- of it: check the bytes": ("galaxy_classify.inference.model", "check_onnx_file"),
    "- of it: open the session": ("galaxy_classify.inference.model", "open_session"),
    "session of lanczos.onnx": ("galaxy_classify.images.resize", "open_session"),
    "decode, classify, first use of Pillow": ("galaxy_classify.classifier", "classify_batch"),
}
TIMED = f"""
import importlib, json, sys, time
import onnxruntime

spent = {{}}

def timed(name, function):
    def run(*arguments, **settings):
        started = time.process_time()
        try:
            return function(*arguments, **settings)
        finally:
            spent[name] = spent.get(name, 0) + time.process_time() - started
    return run

for name, (module, attribute) in {STEPS!r}.items():
    module = importlib.import_module(module)
    setattr(module, attribute, timed(name, getattr(module, attribute)))
from galaxy_classify.cli.main import main
try:
    main()
finally:
    print(json.dumps(spent), file=sys.stderr)
"""


def processor_milliseconds(command: list[str]) -> float:
    """Return the processor time of a process that must succeed."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return (usage.ru_utime + usage.ru_stime) * 1e3


def whole_processes(image: str, turns: int) -> None:
    """Print the processor time of the command in several uses, and its ratio to the bare imports."""
    commands = {
        "imports of numpy, onnxruntime, PIL.Image": IMPORTS,
        "galaxy-classify galaxy.jpg": [*COMMAND, image, "-q"],
        "galaxy-classify galaxy.jpg, read by typer": [*COMMAND, "-q", "--", image],
        "galaxy-classify --version": [*COMMAND, "--version"],
        "galaxy-classify --help": [*COMMAND, "--help"],
        "python -c pass": ["-c", "pass"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, command in commands.items():
            spent = processor_milliseconds(command)
            if turn:  # the first turn compiles modules and fills caches
                times[name].append(spent)
    medians = {name: statistics.median(found) for name, found in times.items()}
    reference = next(iter(medians.values()))
    print(f"| {'processor time of a process':42} | median ms | ratio |\n| --- | ---: | ---: |")
    for name, milliseconds in medians.items():
        print(f"| {name:42} | {milliseconds:9.0f} | {milliseconds / reference:5.2f} |")
    ratio = medians["galaxy-classify galaxy.jpg"] / reference
    print(f"\none image: {ratio:.2f} times the bare imports, the target is {TARGET}")


def import_times(command: list[str]) -> dict[str, float]:
    """Return the milliseconds that each module takes to import, without those that it imports."""
    said = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True,
                          env=ENVIRONMENT).stderr  # fmt: skip
    return {name: int(spent) / 1e3 for spent, name in re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", said)}


def own_parts(image: str, turns: int) -> None:
    """Print the largest parts of what the command takes beyond the bare imports, the least of several turns of each."""
    bare = import_times(IMPORTS)
    least: dict[str, float] = {}
    steps: dict[str, list[float]] = {}
    for _ in range(turns):
        for name, spent in import_times([*COMMAND, image, "-q"]).items():
            if name not in bare:
                least[name] = min(spent, least.get(name, spent))
        said = subprocess.run([sys.executable, "-c", TIMED, image, "-q"], capture_output=True, text=True, check=False,
                              env=ENVIRONMENT).stderr  # fmt: skip
        for name, seconds in json.loads(said.splitlines()[-1]).items():
            steps.setdefault(name, []).append(seconds * 1e3)
    parts: Counter[str] = Counter()
    for name, spent in least.items():
        depth = 2 if name.startswith("galaxy_classify.") else 1
        parts[".".join(name.split(".")[:depth])] += spent  # type: ignore[assignment] # it counts milliseconds
    print(f"\n| {'own part':42} | ms |\n| --- | ---: |")
    for name in STEPS:
        print(f"| {name:42} | {min(steps[name], default=0) if name in steps else 0:5.1f} |")
    print(f"| {'imports, all':42} | {parts.total():5.1f} |")
    for name, spent in parts.most_common(14):
        print(f"| {f'- import {name}':42} | {spent:5.1f} |")


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=TURNS)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as scratch:
        image = str(Path(scratch) / "galaxy.jpg")
        paint("smooth_round", seed=1).save(image, quality=85)
        whole_processes(image, turns)
        own_parts(image, turns)


if __name__ == "__main__":
    main()
