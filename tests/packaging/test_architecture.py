"""The architecture page leads to modules that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOTS = ("runtime/galaxy_classify", "trainer/galaxy_train", "exporter/galaxy_export", ".")
QUESTIONS = {
    "where a CSV row is written": ("results/csv_rows.py", "def csv_line"),
    "where the crop is done": ("images/crop.py", "def central_crop_box"),
    "where a FITS file gets its colours": ("images/fits/colour.py", "arcsinh"),
    "where resume decides what stays": ("results/resume.py", "def keep_matching"),
    "where int8 is guarded": ("int8/guard.py", "raise QuantizationError"),
}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    """Text of the page."""
    return (repository / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")


def test_every_file_that_the_page_names_exists(repository: Path, page: str) -> None:
    """A newcomer who follows the page is not sent to a module that has moved."""
    named = set(re.findall(r"`([\w/]+/[\w.]*|[\w/]+\.(?:py|html|onnx|json))`", page))
    outputs = {"history.csv", "metrics.json"}
    files = {name for name in named - outputs if "/" in name or name.endswith(".py")}
    assert len(files) > 60
    missing = {name for name in files if not any((repository / root / name).exists() for root in ROOTS)}
    assert missing == set()


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_page_answers_where_things_are(repository: Path, page: str, question: str) -> None:
    """Each answer names the module that does it, and that module does."""
    module, code = QUESTIONS[question]
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {question} |")]
    (file,) = re.findall(r"`([^`]+)`", line)
    assert file.endswith(module)
    assert code in (repository / file).read_text(encoding="utf-8")
