"""The code and the rows that the tutorials and the page on calibration show: they run, and give what stands there."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
from pathlib import Path

import pytest

from galaxy_painter import KINDS
from in_process import run_classify


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's code in a language; the empty name is that of output."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [code for name, code in found if name == language]


def test_the_first_hour_shows_what_the_command_prints(repository: Path) -> None:
    """A newcomer who sees other rows than the page would doubt the installation."""
    page = repository / "docs" / "tutorials" / "first-hour.md"
    shown = [line for block in blocks(page, "") for line in block.splitlines()]
    table = {line.split()[0]: line.split()[1:] for line in shown if line.startswith("images/") and "," not in line}
    result = run_classify("images", "-f", "csv", cwd=repository / "examples")
    rows = {row["path"]: row for row in csv.DictReader(result.stdout.splitlines())}
    assert table.keys() == rows.keys()
    for path, (label, *numbers) in table.items():
        assert label == rows[path]["label"]
        for number, column in zip(numbers, ("confidence", "familiarity"), strict=True):
            assert float(number) == pytest.approx(float(rows[path][column]), abs=1e-2)


def test_the_first_hour_shows_the_reasons_of_failures(repository: Path, tmp_path: Path) -> None:
    """As rows of CSV: the text of the messages, too."""
    shown = "".join(blocks(repository / "docs" / "tutorials" / "first-hour.md", ""))
    shutil.copytree(repository / "examples" / "images", tmp_path / "images")
    (tmp_path / "notes.txt").write_text("not a picture\n")
    result = run_classify("images/smooth_round_1.jpg", "notes.txt", "none.jpg", cwd=tmp_path)
    header, _, *failures = result.stdout.splitlines()
    assert header in shown
    assert len(failures) == 2
    for line in failures:
        assert line in shown


@pytest.mark.slow
def test_the_tutorial_on_fits_runs(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program makes the cutouts, its commands classify them, and the table has the labels that the page shows."""
    page = repository / "docs" / "tutorials" / "fits-and-catalogues.md"
    monkeypatch.chdir(tmp_path)
    make, show = blocks(page, "python")
    exec(compile(make, page.name, "exec"), {})  # noqa: S102
    (command,) = [block for block in blocks(page, "sh") if "--catalog" in block]
    result = run_classify(*shlex.split(command)[1:], cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    printed: list[object] = []
    exec(compile(show, page.name, "exec"), {"print": printed.append})  # noqa: S102
    (table,) = [block for block in blocks(page, "") if block.startswith("objid status")]
    shown = [line.split() for line in table.splitlines()[2:]]
    found = [line.split() for line in str(printed[0]).splitlines()[2:]]
    assert [(row[0], row[2], row[5]) for row in found] == [(row[0], row[2], row[5]) for row in shown]
    assert len(shown) == 6


def test_the_program_that_measures_calibration_runs(
    repository: Path, drawn_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One label of four is wrong, so three predictions are right."""
    page = repository / "docs" / "explanation" / "calibration-and-familiarity.md"
    labels = [f"{kind}.jpg,{KINDS[0] if kind == KINDS[-1] else kind}\n" for kind in KINDS]
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(labels))
    assert run_classify(drawn_images, "none.jpg", "-o", "results.csv", cwd=tmp_path).returncode == 1
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"print": lambda table: None}
    (code,) = blocks(page, "python")
    exec(compile(code, page.name, "exec"), names)  # noqa: S102
    table = names["table"]
    assert table["accuracy"].tolist().count(True) == 3  # type: ignore[index]
    assert len(table) == 4  # type: ignore[arg-type]
