"""The pages on other languages and on the contract: with them and a standalone file anyone can classify an image."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from galaxy_classify import GalaxyClassifier
from galaxy_classify.inference.contract import METADATA_PREFIX
from galaxy_classify.inference.embedded import embedded_standalone
from galaxy_classify.inference.model import OnnxModel
from in_process import run_classify


def test_the_ten_lines_of_python_classify_an_image(repository: Path, tmp_path: Path) -> None:
    """They run as they stand there, with bare onnxruntime, NumPy and Pillow, and give the package's answer."""
    page = (repository / "docs" / "how-to" / "other-languages.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert "galaxy_classify" not in code.replace("galaxy_classify.classes", "")
    (command,) = re.findall(r"^galaxy-classify (standalone \S+)$", page, re.MULTILINE)
    assert run_classify(*command.split(), cwd=tmp_path).returncode == 0
    image = repository / "examples" / "images" / "edge_on_disk_2.jpg"
    run = subprocess.run([sys.executable, "-c", code, image], cwd=tmp_path, capture_output=True, text=True, check=True)
    label, confidence, familiarity = run.stdout.split()
    (row,) = GalaxyClassifier().classify(image)
    assert label == row.label
    assert abs(float(confidence) - (row.confidence or 0)) < 1e-4
    assert abs(float(familiarity) - (row.familiarity or 0)) < 1e-4


def test_the_ten_lines_of_javascript_are_those_of_the_example(repository: Path) -> None:
    """They are run where Node is installed, as the file that the page shows."""
    page = (repository / "docs" / "how-to" / "other-languages.md").read_text(encoding="utf-8")
    example = repository / "examples" / "javascript" / "ten-lines.mjs"
    assert f"```js\n{example.read_text(encoding='utf-8')}```" in page


def test_every_key_of_the_metadata_is_named(repository: Path) -> None:
    """The table lists all keys that a file has, so that nobody has to read the source for their meaning."""
    page = (repository / "docs" / "reference" / "model-contract.md").read_text(encoding="utf-8")
    source, _ = embedded_standalone()
    for key in OnnxModel(source).description.to_metadata():
        short = key.removeprefix(METADATA_PREFIX)
        assert f"`{key}`" in page or f"`.{short}`" in page, key
