"""Print where the time of an image goes in a run of the command: microseconds of CPU time by step.

Run ``python benchmarks/budget.py`` (a minute). The command runs in a process of its own with one thread. For 64 rows
the functions of each step are timed, for the next 64 they run as they are, and so on; the first and the last tenth of
the rows do not count. A step has the time of its functions without that of other steps, so that the steps sum to the
whole. The last lines say what the command takes as it is, and what a second thread costs.

The images are drawn JPEGs of 424 px; ``--images`` takes the files of a folder instead. ``--format png`` and
``--format fits`` take PNGs, and three-band FITS cutouts with random noise. All other options go to the command.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from image_folder import SUFFIXES, make_folder
from PIL import Image
from steady import LEAST_FILES, ROUND, Marks, read_steady, run_command
from stopwatch import Function, Replacements, Stopwatch

HERE = Path(__file__).resolve()

WHOLE = "the command as it is"
REST = "the rest: loops of the command, generators"
LISTING = "list the folder"
FILES = "stat, open, read, close: system calls"
CHECKS = "checks of the file, wrappers"
OPENING = "Image.open and load, around the decoder"
ZEROING = "a new image of zeros for the decoder"
DECODING = "decoding by Pillow: libjpeg, zlib or a copy"
ORIENTATION = "EXIF orientation, RGB"
CROP = "copy of the crop"
RESIZE = "resize"
RESIZE_GLUE = "zeros, feeds, assignment, constant check"
BATCH = "assembling the batch"
NETWORK = "network"
PREDICTIONS = "checks of the outputs, predictions"
ROWS = "rows, CSV, counts"
COMPILED = "compiled decoder: read, decode, crop, resize"
FITS_OPEN = "FITS: open, headers"
FITS_PLANES = "FITS: read planes"
FITS_SKY = "FITS: bad pixels, sky, blank bands"
FITS_COLOUR = "FITS: colours"

#: The steps in the order of the table.
STEPS = (
    LISTING,
    FILES,
    CHECKS,
    OPENING,
    ZEROING,
    DECODING,
    ORIENTATION,
    CROP,
    COMPILED,
    FITS_OPEN,
    FITS_PLANES,
    FITS_SKY,
    FITS_COLOUR,
    RESIZE,
    RESIZE_GLUE,
    BATCH,
    NETWORK,
    PREDICTIONS,
    ROWS,
    REST,
)


def _session_step(session: object, outputs: object, feeds: dict[str, Any], *others: object) -> str:
    """Tell ONNX Runtime's two uses apart: the network and the resize."""
    return NETWORK if "images" in feeds else RESIZE


#: Step of each timed function. What a function calls is in its step unless listed itself.
FUNCTIONS: tuple[tuple[str | Callable[..., str], str], ...] = (
    (LISTING, "galaxy_classify.inputs.discovery:Discovery.sources"),
    (FILES, "os:stat"),
    (CHECKS, "galaxy_classify.images.decode:Decoder.read"),
    (CHECKS, "galaxy_classify.images.pillow_faults:check_file"),
    (CHECKS, "galaxy_classify.images.pillow_faults:check_colour_space"),
    (OPENING, "PIL.Image:open"),
    (OPENING, "PIL.ImageFile:ImageFile.load"),
    (OPENING, "PIL.Image:Image.__exit__"),
    (ZEROING, "PIL._imaging:new"),
    (ORIENTATION, "galaxy_classify.images.pixels:picture_of"),
    (CROP, "PIL.Image:Image.crop"),
    (CROP, "PIL.Image:Image.tobytes"),
    (RESIZE, "PIL.Image:Image.resize"),
    (_session_step, "onnxruntime:InferenceSession.run"),
    (RESIZE_GLUE, "galaxy_classify.images.pixels:pixels_of"),
    (COMPILED, "galaxy_classify_turbo:decode"),
    (BATCH, "galaxy_classify.images.turbo:TurboDecoder.decode"),
    (FITS_OPEN, "galaxy_classify.images.fits.picture:FitsDecoder.decode"),
    (FITS_PLANES, "galaxy_classify.images.fits.reader:FitsImage.plane"),
    (FITS_SKY, "galaxy_classify.images.fits.picture:FitsDecoder._coloured"),
    (FITS_COLOUR, "galaxy_classify.images.fits.colour:colour"),
    *((FILES, f"os:{name}") for name in ("open", "read", "fstat", "close")),
    (BATCH, "galaxy_classify.batch:classify_batch"),
    (PREDICTIONS, "galaxy_classify.inference.outputs:value_faults"),
    (PREDICTIONS, "galaxy_classify.images.picture_check:doubts"),
    (PREDICTIONS, "galaxy_classify.batch:_prediction"),
    (ROWS, "galaxy_classify.results.csv_rows:CsvWriter.write"),
    (ROWS, "galaxy_classify.runs.job:Job.count"),
)
#: Modules with such functions that a run need not have; nothing is said where they are missing.
OPTIONAL = ("galaxy_classify_turbo", "galaxy_classify.images.turbo")


class Phases:
    """Time a run in turns by step and as it is."""

    def __init__(self, files: int) -> None:
        self.stopwatch = Stopwatch(REST, small_work())
        self.functions = Replacements()
        self.missing = instrument(self.stopwatch, self.functions)
        self.first, self.last = Marks(files).limits
        #: Microseconds an image of each phase: by step, and of the others as a whole.
        self.timed: list[dict[str, float]] = []
        self.plain: list[float] = []
        self._begun: tuple[int, dict[str, float]] | None = None
        self._is_timed = True
        self.functions.switch(on=True)

    def note(self, rows: int) -> None:
        """End a phase if so many rows end one, and begin the next."""
        if rows % ROUND or not self.first <= rows <= self.last:
            return
        now, times = time.thread_time_ns(), self.stopwatch.times()
        if self._begun is not None:
            began, before = self._begun
            if self._is_timed:
                self.timed.append({name: (times[name] - before.get(name, 0.0)) / ROUND / 1000 for name in times})
            else:
                self.plain.append((now - began) / ROUND / 1000)
        self._is_timed = not self._is_timed
        self.functions.switch(on=self._is_timed)
        times = self.stopwatch.times()
        self._begun = time.thread_time_ns(), times


def small_work() -> Callable[[], object]:
    """Return a function that does a little of what a run does: it decodes a JPEG of 64 px."""
    encoded = io.BytesIO()
    Image.effect_noise((64, 64), 30).convert("RGB").save(encoded, "JPEG")
    return lambda: Image.open(encoded).load()


def instrument(stopwatch: Stopwatch, functions: Replacements) -> list[str]:
    """Prepare to time the functions of all steps, and return those that were not found."""
    for module in ("galaxy_classify.cli.command", "galaxy_classify.images.fits.picture"):
        importlib.import_module(module)  # and with them all that have imported such a function
    missing = []
    for step, place in FUNCTIONS:
        found = functions.add(place, partial(stopwatch.timed, step=step))
        if not found and not place.startswith(OPTIONAL):
            missing.append(place)
    if not functions.add("PIL.Image:_getdecoder", partial(_timed_decoders, stopwatch=stopwatch)):
        missing.append("PIL.Image:_getdecoder")
    functions.add("builtins:open", partial(_timed_open, stopwatch=stopwatch))
    return missing


def _timed_open(original: Function, stopwatch: Stopwatch) -> Function:
    """Time the system calls of files that are opened for reading."""

    class TimedFile(io.FileIO):
        readinto = stopwatch.timed(io.FileIO.readinto, FILES)
        readall = stopwatch.timed(io.FileIO.readall, FILES)
        close = stopwatch.timed(io.FileIO.close, FILES)

    open_raw = stopwatch.timed(TimedFile, FILES)

    def timed_open(file: Any, mode: str = "r", buffering: int = -1, *others: Any, **named: Any) -> Any:
        if mode != "rb" or others or named:
            return original(file, mode, buffering, *others, **named)
        raw = open_raw(file)
        return raw if buffering == 0 else io.BufferedReader(raw, raw._blksize)

    return timed_open


def _timed_decoders(get_decoder: Function, stopwatch: Stopwatch) -> Function:
    """Time what Pillow's decoders decode."""

    class Decoder:
        def __init__(self, decoder: Any) -> None:
            self.pulls_fd, self.setimage, self.setfd = decoder.pulls_fd, decoder.setimage, decoder.setfd
            self.decode = stopwatch.timed(decoder.decode, DECODING)
            self.cleanup = decoder.cleanup

    return lambda *arguments: Decoder(get_decoder(*arguments))


def run_by_step(options: list[str], files: int, result: Path) -> None:
    """Run the command in this process; write microseconds an image of each phase to a file."""
    phases = Phases(files)
    if phases.missing:
        print(f"not found, so their time is in other steps: {', '.join(phases.missing)}", file=sys.stderr)
    run_command([*options, "--threads", "1"], phases.note)
    result.write_text(json.dumps({"timed": phases.timed, "plain": phases.plain}))


def run_as_it_is(options: list[str], files: int, result: Path) -> None:
    """Run the command in this process; write when its rows came."""
    marks = Marks(files)
    run_command(options, marks.note)
    marks.write(result)


def measure(folder: Path, options: list[str], files: int, way: str, result: Path) -> None:
    """Run the command in a new process."""
    command = [sys.executable, str(HERE), "--run", way, "--files", str(files), "--result", str(result)]
    code = subprocess.run([*command, str(folder), "-q", "-f", "csv", *options], check=False).returncode
    if code:
        sys.exit(code)


def print_table(timed: list[dict[str, float]], plain: list[float], hand_over: float) -> dict[str, float]:
    """Print microseconds by step, medians over the phases, and return them."""
    names = {name for phase in timed for name, spent in phase.items() if spent}
    budget = {name: statistics.median(phase.get(name, 0.0) for phase in timed) for name in STEPS if name in names}
    total = sum(budget.values())
    whole = statistics.median(plain)
    print(f"| {'step':48} |    µs |     % |\n| {'-' * 48} | ----: | ----: |")
    for name, spent in [*budget.items(), ("sum", total), (WHOLE, whole), ("off by", total - whole)]:
        print(f"| {name:48} | {spent:5,.0f} | {100 * spent / total:5.1f} |")
    print(f"| {'hand-over between two threads, besides':48} | {hand_over:5,.0f} | {100 * hand_over / total:5.1f} |")
    return budget | {"sum": total, WHOLE: whole, "hand-over": hand_over}


def main() -> None:
    """Measure in turns, print the table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--format", choices=list(SUFFIXES), default="jpeg", help="format of the images")
    parser.add_argument("--size", type=int, default=424, help="edge of the drawn images in pixels")
    parser.add_argument("--images", type=Path, help="folder of images to use instead of drawn ones")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to write the table")
    parser.add_argument("--run", choices=("steps", "whole"), help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    arguments, options = parser.parse_known_args()
    if arguments.run:
        run = run_by_step if arguments.run == "steps" else run_as_it_is
        run(options, arguments.files, arguments.result)
        return
    if arguments.files < LEAST_FILES:
        parser.error(f"--files {arguments.files}: at least {LEAST_FILES} are needed")
    timed, plain, extra = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder, result = Path(scratch) / "images", Path(scratch) / "result"
        make_folder(
            folder,
            arguments.files,
            arguments.size,
            arguments.images,
            file_format=arguments.format,
            pictures=ROUND,  # every phase of a run sees all of them
        )
        for _ in range(arguments.turns):
            measure(folder, options, arguments.files, "steps", result)
            phases = json.loads(result.read_text())
            timed += phases["timed"]
            plain += phases["plain"]
            by_threads = []
            for threads in ("1", "2"):
                measure(folder, [*options, "--threads", threads], arguments.files, "whole", result)
                steady = read_steady(result)
                by_threads.append(1000 * steady.cpu_ms)
            extra.append(by_threads[1] - by_threads[0])
    what = arguments.images or f"drawn {arguments.format.upper()}s of {arguments.size} px"
    print(f"{arguments.files:,} files, {what}, {arguments.turns} turns {' '.join(options)}")
    budget = print_table(timed, plain, statistics.median(extra))
    if arguments.json:
        arguments.json.write_text(json.dumps(budget, indent=2) + "\n")


if __name__ == "__main__":
    main()
