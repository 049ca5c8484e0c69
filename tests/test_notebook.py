"""The notebooks in examples/ run from top to bottom."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nbformat
import pytest
from nbclient import NotebookClient

from draw_dataset import draw_dataset

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def run_notebook(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Any]]:
    """Run a notebook in a copy of its folder, and return what its cells show."""
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def run(name: str) -> list[Any]:
        folder = tmp_path / "examples"
        shutil.copytree(repository / "examples", folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
        notebook: Any = nbformat.read(folder / name, as_version=4)  # type: ignore[no-untyped-call]
        assert not any(cell.get("outputs") for cell in notebook.cells), "kept without outputs, so that it stays small"
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
        return [output for cell in notebook.cells for output in cell.get("outputs", ())]

    return run


def texts(outputs: list[Any]) -> list[str]:
    """Return the outputs as text."""
    return [output.get("text", "") or str(output.get("data", {})) for output in outputs]


def test_the_notebook_for_programs_runs(run_notebook: Callable[[str], list[Any]]) -> None:
    """Readers copy from it: every cell works, shows what it promises, and leaves the source tree as it is."""
    outputs = run_notebook("embedding.ipynb")
    shown = texts(outputs)
    assert any("missing.jpg error None None no such file" in text for text in shown)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert any("label_2" in text and "text/html" in text for text in shown)
    assert any("smooth_cigar" in text and "id_str" in text for text in shown)


def copy_part(source: Path, folder: Path) -> None:
    """Copy the first images of a data set, on which training takes seconds."""
    folder.mkdir()
    for split, number in (("train", 400), ("test", 120)):
        name = f"{split}_dataset.hdf5"
        with h5py.File(source / name) as whole, h5py.File(folder / name, "w") as part:
            for key in ("images", "labels"):
                part[key] = whole[key][:number]


@pytest.mark.parametrize("galaxies", ["drawn", pytest.param("real", marks=pytest.mark.data)])
def test_the_notebook_from_the_blog_to_the_frontier_runs(
    galaxies: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A student who runs it gets all pictures, both networks, the proof, and rows that were made without TensorFlow."""
    data = tmp_path / "data"
    if galaxies == "real":
        copy_part(request.getfixturevalue("galaxy_data") / "galaxies64", data)
    else:
        draw_dataset(data, train=60, test=20)
    monkeypatch.setenv("GALAXY_NOTEBOOK_DATA", str(data))
    monkeypatch.setenv("GALAXY_NOTEBOOK_QUICK", "1")
    run_notebook = request.getfixturevalue("run_notebook")
    outputs = run_notebook("from_the_blog_to_the_frontier.ipynb")
    shown = texts(outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 7
    assert any("run folder: runs/mlp" in text for text in shown)
    assert any("run folder: runs/compact" in text for text in shown)
    assert any("Parity of `my-galaxies.onnx`" in text and "passed" in text for text in shown)
    assert any("TensorFlow was loaded: False" in text for text in shown)
    assert any("12 images: 12 classified" in text for text in shown)
