"""Figures of the embedded models: one command measures them, one file keeps them, and every document agrees with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from galaxy_classify.inference.embedded import embedded_models
from galaxy_classify.inference.model import OnnxModel
from in_process import run_classify

#: Where documents quote a figure: file, pattern with one group, and the model and format that make the group.
QUOTED = [
    ("README.md", r"default model is right for ([\d.]+ %)", "galaxy-cnn", "{accuracy:.1%}"),
    ("README.md", r"\(macro recall ([\d.]+ %)", "galaxy-cnn", "{macro_recall:.1%}"),
    ("README.md", r"calibration error ([\d.]+)\)", "galaxy-cnn", "{calibration_error:.3f}"),
    ("README.md", r"started from, for ([\d.]+ %)", "galaxy-mlp", "{accuracy:.1%}"),
    ("README.md", r"without a galaxy ([\d]+ %)", "galaxy-cnn", "{out_of_class[not_a_galaxy][ok]:.0%}"),
    ("README.md", r"mergers ([\d]+ %)", "galaxy-cnn", "{out_of_class[merger][ok]:.0%}"),
    ("README.md", r"barred spirals ([\d]+ %)", "galaxy-cnn", "{out_of_class[barred_spiral][ok]:.0%}"),
    *(
        ("docs/reference/shipped-models.md", rf"^\| {name} {cells}$", model, wording)
        for name, wording in (
            ("accuracy", "{accuracy:.1%}"),
            ("macro recall", "{macro_recall:.1%}"),
            ("expected calibration error", "{calibration_error:.3f}"),
        )
        for model, cells in (
            ("galaxy-cnn", r"\| ([\d.]+(?: %)?) \| [\d.]+(?: %)? \|"),
            ("galaxy-mlp", r"\| [\d.]+(?: %)? \| ([\d.]+(?: %)?) \|"),
        )
    ),
    ("docs/how-to/own-program.md", r"\((\d+ of [\d,]+) images\)", "galaxy-cnn", "{uncertain} of {images:,}"),
]


@pytest.fixture
def figures(repository: Path) -> Any:
    """Return what ``benchmarks/figures.py`` has measured, by model."""
    return json.loads((repository / "docs" / "figures.json").read_text())["models"]


def test_the_figures_are_of_the_embedded_files(figures: Any) -> None:
    """A model that is exchanged must be measured again."""
    assert {name: found["model"] for name, found in figures.items()} == {
        name: OnnxModel(source).identity for name, source in embedded_models().items()
    }


@pytest.mark.parametrize(("file", "pattern", "model", "wording"), QUOTED)
def test_documents_quote_them(
    repository: Path, figures: Any, file: str, pattern: str, model: str, wording: str
) -> None:
    """Not figures of another version, nor of the float network that an int8 file was made from."""
    (quoted,) = re.findall(pattern, (repository / file).read_text(), re.MULTILINE)
    assert quoted.replace(" %", "%") == wording.format(**figures[model])


def test_the_list_of_models_quotes_them(figures: Any) -> None:
    """What the command says of a model is what the documents say."""
    lines = run_classify("models").stdout.splitlines()[1:]
    assert {line.split()[0]: re.findall(r"[\d.]+%", line)[0] for line in lines} == {
        name: f"{found['accuracy']:.1%}" for name, found in figures.items()
    }


@pytest.mark.slow
@pytest.mark.data
def test_the_command_gives_them_again(repository: Path, galaxy_data: Path, figures: Any, tmp_path: Path) -> None:
    """On another machine an image or two may fall on the other side."""
    output = tmp_path / "figures.json"
    command = [
        sys.executable,
        str(repository / "benchmarks" / "figures.py"),
        "--data",
        str(galaxy_data),
        "--output",
        str(output),
    ]
    subprocess.run(command, check=True)
    for name, again in json.loads(output.read_text())["models"].items():
        assert again["images"] == figures[name]["images"]
        assert again["accuracy"] == pytest.approx(figures[name]["accuracy"], abs=0.003)
        assert again["uncertain"] == pytest.approx(figures[name]["uncertain"], abs=3)
        for kind, found in again["out_of_class"].items():
            assert found["ok"] == pytest.approx(figures[name]["out_of_class"][kind]["ok"], abs=0.03)
