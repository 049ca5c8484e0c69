"""The notebook in examples/ runs from top to bottom."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_notebook_runs_from_top_to_bottom(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers copy from it: every cell works, shows what it promises, and leaves the source tree as it is."""
    shutil.copytree(repository / "examples", tmp_path / "examples")
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook: Any = nbformat.read(tmp_path / "examples" / "embedding.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells), "kept without outputs, so that it stays small"
    resources = {"metadata": {"path": str(tmp_path / "examples")}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output.get("text", "") or str(output.get("data", {})) for output in outputs]
    assert any("missing.jpg error None None no such file" in text for text in shown)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert any("label_2" in text and "text/html" in text for text in shown)
    assert any("smooth_cigar" in text and "id_str" in text for text in shown)
