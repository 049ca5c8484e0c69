"""Names that are not UTF-8, wherever one may stand: each format writes them, and each input is read by them."""

from __future__ import annotations

import csv
import json
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from galaxy_painter import paint
from in_process import run_classify

#: A folder, an image and a file that is none.
FOLDER, IMAGE, BAD = "im\udcfe", "gal\udcff.png", "bad\udcff.jpg"
TYPED = {"parquet": None, "fits": "fits", "ecsv": "ascii.ecsv", "vot": "votable"}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Folder with images, a file that is none, and a tar, all with odd names; a list and a catalogue of them."""
    (tmp_path / FOLDER).mkdir()
    image = tmp_path / FOLDER / IMAGE
    with image.open("wb") as file:
        paint("edge_on_disk", seed=1, size=80).save(file, "PNG")
    (tmp_path / FOLDER / BAD).write_text("no image")
    with tarfile.open(tmp_path / FOLDER / "t\udcfd.tar", "w") as tar:
        tar.add(image, "m\udcfc.png")
    (tmp_path / "list").write_bytes(os.fsencode(f"{FOLDER}/{BAD}\n{FOLDER}/{IMAGE}\n{FOLDER}/t\udcfd.tar\n"))
    (tmp_path / "catalog.csv").write_bytes(os.fsencode(f"file,k\udcfe\n{FOLDER}/{BAD},v\udcfd\n{FOLDER}/{IMAGE},1\n"))
    (tmp_path / "labels.csv").write_bytes(os.fsencode(f"file,label\n{FOLDER}/{IMAGE},edge_on_disk\n"))
    return tmp_path


def paths_in(output: Path) -> list[str]:
    """Return the paths in a result."""
    kind = output.suffix.removeprefix(".")
    if kind == "csv":
        with output.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [row["path"] for row in csv.DictReader(file)]
    if kind == "jsonl":
        return [json.loads(line)["path"] for line in output.read_text(encoding="utf-8").splitlines()]
    if kind == "parquet":
        with output.open("rb") as file:
            return list(pq.read_table(file)["path"].to_pylist())
    with output.open("rb") as file:
        return [str(path) for path in Table.read(file, format=TYPED[kind])["path"].astype(str)]


@pytest.mark.filterwarnings("ignore::astropy.io.votable.exceptions.VOWarning")
@pytest.mark.parametrize("inputs", [(FOLDER,), ("--from-file", "list"), ("--catalog", "catalog.csv")])
@pytest.mark.parametrize("kind", ["csv", "jsonl", *TYPED])
def test_every_format_writes_them(kind: str, inputs: tuple[str, ...], images: Path) -> None:
    """As the path of a row, as a carried value, and as the name of a carried column and of the result itself."""
    output = images / f"rows\udcfb.{kind}"
    result = run_classify(*inputs, "-o", output.name, cwd=images)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False), result.stderr
    expected = [f"{FOLDER}/{BAD}", f"{FOLDER}/{IMAGE}", f"{FOLDER}/t\udcfd.tar::m\udcfc.png"]
    if inputs[0] == "--catalog":
        del expected[2]
    typed = [os.fsencode(path).decode("utf-8", "backslashreplace") for path in expected]
    found = paths_in(output)
    assert found == (
        expected if kind in ("csv", "jsonl") else [*map(escaped, expected)] if kind != "parquet" else typed
    )


def escaped(path: str) -> str:
    """Return a path as Astropy's formats keep it."""
    return "".join(f"\\u{ord(letter):04x}" if "\udc80" <= letter <= "\udcff" else letter for letter in path)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_result_is_continued_by_them(kind: str, images: Path) -> None:
    """The kept rows are found by the very bytes of their names, and the file ends up the same."""
    for inputs in ((FOLDER,), ("--catalog", "catalog.csv")):
        output = images / f"rows\udcfb{inputs[0][:2]}.{kind}"
        assert run_classify(*inputs, "-o", output.name, cwd=images).returncode == 1
        whole = output.read_bytes()
        result = run_classify(*inputs, "-o", output.name, "--resume", cwd=images)
        assert (result.returncode, "Traceback" in result.stderr) == (1, False), result.stderr
        assert "kept: " in result.stderr
        assert output.read_bytes() == whole


def test_whatever_else_is_named_so(images: Path) -> None:
    """Report, sorted copies, labels, tables, a Parquet file of images, and messages on the terminal."""
    options = ("--report", "page\udcff.html", "--sort-into", "sorted\udcff", "--labels", "labels.csv")
    result = run_classify(FOLDER, *options, "-o", "rows.csv", cwd=images)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False), result.stderr
    assert "on 1 image" in result.stderr
    assert (images / "page\udcff.html").stat().st_size > 10_000
    assert {path.name for path in (images / "sorted\udcff").rglob("*.png")} == {IMAGE, "m\udcfc.png"}
    table = pa.table({"image": [(images / FOLDER / IMAGE).read_bytes()], "file": [b"gal\xff.png"], "id": ["a"]})
    with (images / "images\udcff.parquet").open("wb") as file:
        pq.write_table(table, file)
    for inputs in (("images\udcff.parquet",), ("--catalog", "images\udcff.parquet", "--image-column", "image")):
        result = run_classify(*inputs, "-f", "csv", cwd=images)
        assert (result.returncode, result.stdout.count("::a,")) == (0, 1), result.stderr
    for wrong in (
        ("-m", "m\udcff.onnx", "."),
        ("--catalog", "c\udcff.csv"),
        ("--from-file", "l\udcff"),
        ("x", "-o", "\udcff/a"),
    ):
        result = run_classify(*wrong, cwd=images)
        assert result.returncode in (2, 3)
        assert result.stderr.startswith("error: ")
