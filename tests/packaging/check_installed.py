"""Check an installed wheel, alone: no TensorFlow, no source tree, and the probabilities that were recorded.

Run in the environment at hand, outside the source tree: ``python check_installed.py GOLDEN_CSV IMAGES [REAL_IMAGES]``.
REAL_IMAGES is a folder with a ``labels.csv`` (``file,label``). It needs nothing but the standard library.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

#: JPEG decoders and processors may differ in the last digits; an int8 model turns one into a level now and then.
TOLERANCE = 1e-2
#: Nothing of this may come with the runtime.
HEAVY = ("tensorflow", "keras", "onnx", "tf2onnx", "h5py", "matplotlib", "astropy", "pyarrow", "pandas", "watchfiles")
SCRIPTS = Path(sysconfig.get_path("scripts"))


def classify(*arguments: str | Path) -> list[dict[str, str]]:
    """Run the installed command and return its rows."""
    command = [SCRIPTS / "galaxy-classify", *arguments, "--format", "csv", "-q"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{command} ended with {result.returncode}: {result.stderr}")
    return list(csv.DictReader(result.stdout.splitlines()))


def check_environment() -> None:
    """Check that the package comes from the wheel, and that nothing heavy came along."""
    spec = find_spec("galaxy_classify")
    if spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(sysconfig.get_path("purelib")):
        sys.exit(f"galaxy_classify is not the installed wheel: {spec}")
    heavy = [name for name in HEAVY if find_spec(name)]
    if heavy:
        sys.exit(f"the runtime brings {heavy} along")


def check_help() -> None:
    """Check that all commands show their help, without their extras and without the types that typer would name."""
    for arguments in (
        ["galaxy-classify", "--help"],
        ["galaxy-train", "fit", "--help"],
        ["galaxy-export", "convert", "--help"],
    ):
        result = subprocess.run([SCRIPTS / arguments[0], *arguments[1:]], capture_output=True, text=True, check=False)
        if result.returncode or "Usage:" not in result.stdout or re.search(r"<|RANGE|range|TEXT|x>=", result.stdout):
            sys.exit(f"{arguments}: exit code {result.returncode}, {result.stdout}{result.stderr}")


def check_missing_extras() -> None:
    """Check that the other commands name the extra that they need."""
    for command, extra in (
        (["galaxy-train", "evaluate", "run"], "train"),
        (["galaxy-export", "embed", "model.onnx"], "export"),
    ):
        result = subprocess.run([SCRIPTS / command[0], *command[1:]], capture_output=True, text=True, check=False)
        remedy = f"pip install 'galaxy-classify[{extra}]'"
        if result.returncode != 2 or remedy not in result.stderr or result.stderr.count("\n") != 1 or result.stdout:
            sys.exit(f"{command} without its extra: exit code {result.returncode}, {result.stdout}{result.stderr}")


def check_missing_formats(images: Path) -> None:
    """Check that without their extras formats name the remedy, and that a page needs none."""
    fits = Path("cutout.fits")
    fits.write_bytes(b"SIMPLE  =                    T".ljust(2880))
    result = subprocess.run([SCRIPTS / "galaxy-classify", fits], capture_output=True, text=True, check=False)
    if result.returncode != 1 or "pip install 'galaxy-classify[fits]'" not in result.stdout:
        sys.exit(f"FITS without its extra: exit code {result.returncode}, {result.stdout}{result.stderr}")
    for suffix, extra in ((".parquet", "parquet"), (".fits", "fits")):
        command: list[str | Path] = [SCRIPTS / "galaxy-classify", images, "-o", f"out{suffix}"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 2 or f"pip install 'galaxy-classify[{extra}]'" not in result.stderr:
            sys.exit(f"{suffix} without its extra: exit code {result.returncode}, {result.stdout}{result.stderr}")
    classify(images, "--report", "report.html", "--force")
    if not re.search('"webp":"[A-Za-z0-9+/]{100}', Path("report.html").read_text(encoding="utf-8")):
        sys.exit("report.html: has no pictures")
    print("without the extras: remedies named, and a page written")


def check_golden(golden: Path, images: Path) -> None:
    """Check the example images against the recorded probabilities."""
    with golden.open(newline="", encoding="utf-8") as file:
        expected = {row["path"]: row for row in csv.DictReader(file)}
    found = {Path(row["path"]).name: row for row in classify(images)}
    if found.keys() != expected.keys() or not found:
        sys.exit(f"{images}: {sorted(found)} instead of {sorted(expected)}")
    for name, row in found.items():
        for column, value in expected[name].items():
            if column == "path":
                continue
            numeric = column in ("confidence", "familiarity") or column.startswith("prob_")
            if abs(float(row[column]) - float(value)) > TOLERANCE if numeric else row[column] != value:
                sys.exit(f"{name}: {column} is {row[column]}, recorded is {value}")
    print(f"{len(found)} example images: as recorded")


def check_real_galaxies(folder: Path) -> None:
    """Check that real survey cutouts reach the accuracy that the model claims, to one point."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        labels = {row["file"]: row["label"] for row in csv.DictReader(file)}
    rows = classify(folder)
    if len(rows) != len(labels):
        sys.exit(f"{folder}: {len(rows)} rows for {len(labels)} labelled images")
    accuracy = sum(labels[Path(row["path"]).name] == row["label"] for row in rows) / len(rows)
    code = (
        "import json; from galaxy_classify import GalaxyClassifier; "
        "print(json.dumps(GalaxyClassifier().model.description.training['test']['accuracy']))"
    )
    claimed = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    if abs(accuracy - claimed) > 0.01:
        sys.exit(f"{folder}: accuracy is {accuracy:.4f}, the model claims {claimed:.4f}")
    print(f"{len(rows)} real galaxies: accuracy {accuracy:.4f}, the model claims {claimed:.4f}")


if __name__ == "__main__":
    check_environment()
    check_help()
    check_missing_extras()
    check_missing_formats(Path(sys.argv[2]))
    check_golden(Path(sys.argv[1]), Path(sys.argv[2]))
    if len(sys.argv) > 3:
        check_real_galaxies(Path(sys.argv[3]))
