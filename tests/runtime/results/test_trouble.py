"""What can go wrong with the tables and results of a run: one line that names the file, and the right exit code."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from galaxy_painter import paint
from in_process import run_classify as run
from ordinary_user import ordinary_user


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an image and with tables that have one oddity each."""
    folder = tmp_path_factory.mktemp("trouble")
    paint("smooth_round", seed=1, size=64).save(folder / "a.png")
    (folder / "list.txt").write_text("a.png\n")
    (folder / "c.csv").write_text("file\na.png\n")
    (folder / "größe.csv").write_text("file,größe\na.png,1\n")
    (folder / "torn.csv").write_text('file,z\na.png,"1\n')
    (folder / "ragged.csv").write_text("file,z\na.png,1\nb.png\n")
    image = (folder / "a.png").read_bytes()
    pq.write_table(pa.table({"file": ["a.png"], "n": pa.array([2**64 - 1], pa.uint64())}), folder / "u64.parquet")
    pq.write_table(pa.table([["a.png"], [1], [2]], ["file", "z", "z"]), folder / "twice.parquet")
    pq.write_table(pa.table({"image": [image]}), folder / "image.parquet")
    pq.write_table(pa.table({"file": ["a.png"], "z": [1.0]}), folder / "whole.parquet")
    whole = (folder / "whole.parquet").read_bytes()
    (folder / "damaged.parquet").write_bytes(whole[:8] + b"\0" * 40 + whole[48:])
    (folder / "cut.parquet").write_bytes(whole[:-9])
    Table({"file": ["a.png"], "n": np.array([2**64 - 1], np.uint64)}).write(folder / "u64.fits")
    vectors = {"file": ["a.png"], "v": [[1.5, 2.5]], "t": Time([60000.0], format="mjd")}
    Table(vectors | {"sky": SkyCoord([1.0], [2.0], unit="deg")}).write(folder / "v.fits")
    Table(vectors | {"sky": SkyCoord([1.0], [2.0], unit="deg")}).write(folder / "v.ecsv", format="ascii.ecsv")
    latin = [fits.Column("file", "5A", array=["a.png"]), fits.Column("name", "3A", array=np.array([b"M\xfcl"]))]
    fits.BinTableHDU.from_columns(latin).writeto(folder / "latin.fits")
    content = (folder / "latin.fits").read_bytes()
    (folder / "cut.fits").write_bytes(content[:-2875])
    (folder / "empty.fits").write_bytes(b"")
    (folder / "bad.vot").write_text("<VOTABLE><RESOURCE>")
    (folder / "bad.ecsv").write_text("# %ECSV 1.0\n# ---\n# datatype: [\n")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Iterator[Path]:
    """Copy of this folder."""
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    yield copy
    for path in copy.iterdir():
        path.chmod(0o700)


@pytest.mark.parametrize(
    "options",
    [
        "--catalog u64.parquet -o out.fits",
        "--catalog u64.parquet -o out.parquet",
        "--catalog u64.fits -o out.parquet",
        "--catalog u64.fits -o out.vot",
        "--catalog v.fits -o out.fits",
        "--catalog v.fits -o out.jsonl",
        "--catalog v.ecsv -o out.fits",
        "--catalog v.ecsv -o out.csv",
        "--catalog latin.fits -o out.fits",
        "--catalog latin.fits -o out.parquet",
        "--catalog größe.csv -o out.vot",
        "--catalog image.parquet --image-column image -o out.fits",
        "--catalog image.parquet --image-column image -o out.csv",
    ],
)
def test_odd_columns_give_a_row(folder: Path, options: str) -> None:
    """The image is classified whatever stands beside its name, and the result can be continued."""
    result = run(*options.split(), cwd=folder)
    assert (result.returncode, "1 image: 1 classified" in result.stderr) == (0, True), result.stderr
    again = run(*options.split(), "--resume", cwd=folder)
    assert (again.returncode, "kept: 1 row" in again.stderr) == (0, True), again.stderr


def unreadable(name: str) -> Callable[[Path], None]:
    """Take away all rights to a file or folder."""
    return lambda folder: (folder / name).chmod(0)


def unwritable(folder: Path) -> None:
    """Make a folder that may be read only."""
    (folder / "shut").mkdir(mode=0o500)


def unsearchable(folder: Path) -> None:
    """Make a folder that no one may look into."""
    (folder / "shut").mkdir(mode=0)


def nothing(folder: Path) -> None:
    """Leave everything as it is."""


@pytest.mark.parametrize(
    ("options", "trouble", "said"),
    [
        ("a.png -o shut/out.csv", unwritable, "shut/out.csv: cannot be written: its folder shut may not be written to"),
        ("a.png --report shut/a.html", unwritable, "shut/a.html: cannot be written: its folder shut may not be"),
        ("a.png --shard 1-2/2 -o shut/", unwritable, "shut/: cannot be written"),
        ("a.png --shard 1-2/2 -o shut/new/", unwritable, "shut/new/: cannot be written"),
        ("--catalog c.csv -o out.csv", unreadable("c.csv"), "c.csv: cannot be read as a table: Permission denied"),
        ("--catalog u64.fits -o out.csv", unreadable("u64.fits"), "u64.fits: cannot be read as a table: Permission"),
        ("--catalog v.ecsv -o out.csv", unreadable("v.ecsv"), "v.ecsv: cannot be read as a table: Permission denied"),
        ("--catalog u64.parquet -o out.csv", unreadable("u64.parquet"), "u64.parquet: cannot be read as a table: "),
        ("a.png --labels c.csv -o out.csv", unreadable("c.csv"), "c.csv: cannot be read: Permission denied"),
        ("--from-file list.txt -o out.csv", unreadable("list.txt"), "list.txt: cannot be read: Permission denied"),
        ("--check-shards shut", unsearchable, "shut: cannot be read: Permission denied"),
        ("--catalog größe.csv -o out.fits", nothing, "--format fits cannot hold a column 'größe'"),
        ("--catalog ragged.csv -o out.csv", nothing, "ragged.csv: cannot be read as a table: row 2 has 1 cells"),
        (
            "--catalog twice.parquet -o out.csv",
            nothing,
            "twice.parquet: cannot be read as a table: has two columns 'z'",
        ),
        ("--catalog damaged.parquet -o out.csv", nothing, "damaged.parquet: cannot be read as a table: "),
        ("--catalog cut.parquet -o out.parquet", nothing, "cut.parquet: cannot be read as a table: "),
        ("--catalog cut.fits -o out.csv", nothing, "cut.fits: cannot be read as a table: "),
        ("--catalog empty.fits -o out.csv", nothing, "empty.fits: cannot be read as a table: "),
        ("--catalog bad.vot -o out.csv", nothing, "bad.vot: cannot be read as a table: "),
        ("--catalog bad.ecsv -o out.csv", nothing, "bad.ecsv: cannot be read as a table: "),
    ],
)
def test_trouble_is_one_line_and_leaves_nothing(
    folder: Path, options: str, trouble: Callable[[Path], None], said: str
) -> None:
    """As an ordinary user, whom permissions stop; exit code 2, and no file has come."""
    before = set(os.listdir(folder))
    trouble(folder)
    with ordinary_user():
        result = run(*options.split(), cwd=folder)
    assert said in result.stderr
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    folder.chmod(0o700)
    assert set(os.listdir(folder)) - before <= {"shut"}


def little_room() -> None:
    """Let no file of this process grow beyond 200 bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))


@pytest.mark.slow
@pytest.mark.parametrize("options", ["-o out.csv", "-o out.parquet", "-o out.fits", "-o out.vot", "--report a.html"])
def test_a_full_disk_is_one_line(folder: Path, options: str) -> None:
    """In whichever format, and whatever the file that does not fit any more; with room, the run goes on."""
    command = [sys.executable, "-m", "galaxy_classify", "a.png", "-q", *options.split()]
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, preexec_fn=little_room
    )
    assert (result.returncode, result.stderr.count("\n")) == (4, 1), result.stderr
    assert "writing failed: File too large" in result.stderr
    again = run("a.png", *options.split(), *(["--resume"] if "-o" in options else ["--force"]), cwd=folder)
    assert again.returncode == 0, again.stderr
    left = {path.name for path in folder.iterdir()}
    assert not [name for name in left if name.endswith((".partial", ".lock", ".converted", ".retried"))]
