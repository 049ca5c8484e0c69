"""``--write-standalone``: the file that programs in other languages run, and its use by this one."""

from __future__ import annotations

import base64
import csv
import errno
import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from galaxy_classify.inference.embedded import embedded_standalone
from in_process import run_classify

EXAMPLES = Path(__file__).parents[3] / "examples" / "images"


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the standalone file."""
    path = tmp_path_factory.mktemp("written") / "galaxy.onnx"
    run = run_classify("--write-standalone", path)
    assert (run.returncode, run.stderr) == (0, "")
    assert str(path) in run.stdout
    return path


def test_its_rows_are_those_of_the_default_model(standalone: Path, tmp_path: Path) -> None:
    """Only the model's checksum differs, which is that of the file; bad files are the same error rows."""
    (tmp_path / "broken.jpg").write_bytes((EXAMPLES / "smooth_round_1.jpg").read_bytes()[:3000])
    source, _ = embedded_standalone()
    rows = []
    for arguments in ([], ["-m", standalone]):
        run = run_classify(EXAMPLES, tmp_path / "broken.jpg", "-f", "csv", "-q", *arguments)
        assert run.returncode == 1
        rows.append(list(csv.DictReader(run.stdout.splitlines())))
    assert {row.pop("model") for row in rows[1]} == {f"galaxy-cnn@{(source.sha256 or '')[:12]}"}
    assert {row.pop("model") for row in rows[0]} != {f"galaxy-cnn@{(source.sha256 or '')[:12]}"}
    assert rows[0] == rows[1]
    assert len(rows[0]) == 13


def test_it_passes_the_self_test(standalone: Path) -> None:
    """The golden images that are written beside it are its own."""
    run = run_classify("--self-test", "-m", standalone)
    assert run.returncode == 0
    assert "self-test passed" in run.stdout


def test_the_golden_pixels_are_what_its_graph_gives(standalone: Path, tmp_path: Path) -> None:
    """A program in another language can compare the output `pixels` with them, byte for byte."""
    golden = json.loads(standalone.with_suffix(".golden.json").read_text())
    session = onnxruntime.InferenceSession(standalone, providers=["CPUExecutionProvider"])
    for image in golden["images"]:
        file = tmp_path / image["name"]
        file.write_bytes(base64.b64decode(image["content"]))
        decoded = np.asarray(Image.open(file).convert("RGB"))
        probabilities, pixels = session.run(["probabilities", "pixels"], {"image": decoded})
        assert pixels.tobytes() == base64.b64decode(image["pixels"]), image["name"]
        assert np.abs(probabilities[0] - image["probabilities"]).max() <= golden["probability_tolerance"]


def test_no_file_is_overwritten_but_by_force(standalone: Path) -> None:
    """Neither the model file nor the golden images beside it."""
    content = standalone.read_bytes()
    standalone.write_bytes(b"mine")
    run = run_classify("--write-standalone", standalone)
    assert run.returncode == 2
    assert f"{standalone}: exists already" in run.stderr
    assert standalone.read_bytes() == b"mine"
    standalone.unlink()
    run = run_classify("--write-standalone", standalone)
    assert f"{standalone.with_suffix('.golden.json')}: exists already" in run.stderr
    assert not standalone.exists()
    assert run_classify("--write-standalone", standalone, "--force").returncode == 0
    assert standalone.read_bytes() == content


def test_what_it_cannot_do_is_said_with_the_remedy(tmp_path: Path) -> None:
    """Another model, another suffix, a missing folder, or inputs beside it: one line, nothing written."""
    for arguments, code, message in (
        (["-m", "galaxy-mlp"], 2, "galaxy-export standalone galaxy-mlp -o"),
        ([EXAMPLES], 2, "standalone classifies nothing"),
        (["-o", "x.csv"], 2, "standalone classifies nothing"),
    ):
        run = run_classify("--write-standalone", tmp_path / "s.onnx", *arguments)
        assert (run.returncode, run.stdout, len(run.stderr.splitlines())) == (code, "", 1)
        assert message in run.stderr
    for name, code, message in (
        (str(tmp_path / "s.on"), 2, "a model file ends with .onnx"),
        ("", 2, "a model file ends with .onnx"),
        (str(tmp_path / "none" / "s.onnx"), 4, "cannot be written: No such file or directory"),
        (str(Path(__file__) / "s.onnx"), 4, "s.onnx: cannot be written: Not a directory"),
    ):
        run = run_classify("--write-standalone", name)
        assert (run.returncode, len(run.stderr.splitlines())) == (code, 1), name
        assert message in run.stderr
    assert list(tmp_path.iterdir()) == []
    assert run_classify("--write-standalone", tmp_path / "s.onnx", "-m", "galaxy-cnn").returncode == 0


def test_a_full_disk_or_a_folder_in_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the model file without its golden images, nor a part of either."""
    (tmp_path / "s.golden.json").mkdir()
    run = run_classify("--write-standalone", tmp_path / "s.onnx", "--force")
    assert (run.returncode, run.stderr) == (2, f"error: {tmp_path}/s.golden.json: is a folder; choose another name\n")
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        write(self, content[:1000])
        if "golden" in self.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    run = run_classify("--write-standalone", tmp_path / "t.onnx")
    assert (run.returncode, len(run.stderr.splitlines())) == (4, 1)
    assert "t.golden.json: cannot be written: No space left on device" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.golden.json"]
