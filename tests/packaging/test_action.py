"""The GitHub Action, as far as it can be tested without GitHub: its inputs and outputs, and what its steps run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest

import foreign_models as foreign

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the steps are for bash")


@pytest.fixture(scope="module")
def action(repository: Path) -> dict[str, Any]:
    """Return the parsed file."""
    yaml: Any = pytest.importorskip("yaml")
    content: dict[str, Any] = yaml.safe_load((repository / "action.yml").read_text(encoding="utf-8"))
    return content


@dataclass
class Ran:
    """A step that has run: how it ended, its outputs, and what it wrote to the job's summary."""

    process: subprocess.CompletedProcess[str]
    outputs: dict[str, str]
    summary: str


def run_step(action: dict[str, Any], identifier: str, cwd: Path, inputs: dict[str, str], **environment: str) -> Ran:
    """Run a step's script as GitHub's runner does: inputs in the variables that the step declares."""
    (step,) = [step for step in action["runs"]["steps"] if step.get("id") == identifier]
    given = {name: str(entry.get("default", "")) for name, entry in action["inputs"].items()} | inputs
    variables: dict[str, str] = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: given[match[1]], value)
        for name, value in step["env"].items()
    }
    files = {name: cwd / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.write_text("")
    search = os.pathsep.join([str(cwd / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # noqa: S607 - as on GitHub
        cwd=cwd,
        env=os.environ
        | {"PATH": search, "RUNNER_TEMP": str(cwd), **variables, **environment}
        | {name: str(file) for name, file in files.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return Ran(process, outputs, files["GITHUB_STEP_SUMMARY"].read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the checkout of another project: two models, and samples."""
    foreign.save_pair(tmp_path)
    return tmp_path


INPUTS = {"candidate": "candidate.onnx", "reference": "reference.onnx", "data": "samples.npz"}


def test_no_input_gets_into_a_script(action: dict[str, Any]) -> None:
    """A value in the text of a script would be run; and what others maintain is pinned to a commit."""
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []
    assert all(step["shell"] == "bash" for step in steps if "run" in step)
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name) for name in used)


def test_each_input_and_output_is_used(action: dict[str, Any], repository: Path) -> None:
    """None is declared in vain, and docs/how-to/gate-in-ci.md names all."""
    text = json.dumps(action["runs"])
    page = (repository / "docs" / "how-to" / "gate-in-ci.md").read_text(encoding="utf-8")
    for name, entry in action["inputs"].items():
        assert f"inputs.{name} " in text
        assert entry.get("required", False) == ("default" not in entry)
        assert f"`{name}`" in page
    for name, entry in action["outputs"].items():
        assert entry["value"] == f"${{{{ steps.parity.outputs.{name} }}}}"
        assert f"`{name}`" in page


@pytest.mark.slow
def test_a_model_that_passes(action: dict[str, Any], folder: Path) -> None:
    """The summary has the table, and later steps can read the largest difference."""
    inputs = INPUTS | {"classes": "scores\nlabel=0.5\n", "rtol": "1e-3\nfeatures=0.01", "batch-sizes": "1,7"}
    ran = run_step(action, "parity", folder, inputs)
    assert (ran.process.returncode, ran.process.stderr) == (0, "")
    assert ran.outputs["passed"] == "true"
    assert 0 < float(ran.outputs["largest-difference"]) < 1e-5
    assert "### Parity of `candidate.onnx`\n\npassed\n" in ran.summary
    assert "| scores | 7 |" in ran.summary
    found = json.loads(Path(ran.outputs["report"]).read_text())
    assert {each["name"]: (each["rtol"], each["classes"]) for each in found["outputs"]} == {
        "scores": (1e-3, 1), "features": (0.01, None), "label": (None, 0.5),
    }  # fmt: skip


@pytest.mark.slow
def test_labels_have_no_largest_difference(action: dict[str, Any], folder: Path) -> None:
    """Where no numbers were compared, it is empty, and not infinite."""
    left_out = "scores=\n=scores\nfeatures=\n=features"
    ran = run_step(action, "parity", folder, INPUTS | {"classes": "label", "map": left_out})
    assert (ran.process.returncode, ran.outputs["passed"], ran.outputs["largest-difference"]) == (0, "true", "")


@pytest.mark.slow
def test_a_model_that_is_refused(action: dict[str, Any], folder: Path) -> None:
    """The step fails, the summary says why, and the worst sample is there to be uploaded."""
    proto = foreign.candidate()
    foreign.not_a_number(proto)
    onnx.save(proto, folder / "candidate.onnx")
    ran = run_step(action, "parity", folder, INPUTS | {"save-worst": "worst.npz"})
    assert ran.process.returncode == 1
    assert (ran.outputs["passed"], ran.outputs["largest-difference"]) == ("false", "infinite")
    assert "**failed** (difference)" in ran.summary
    assert (folder / "worst.npz").is_file()


@pytest.mark.slow
def test_hostile_inputs_are_only_names(action: dict[str, Any], folder: Path) -> None:
    """Nothing of them is run, and none is taken for an option; the step fails with one line."""
    hostile = '$(touch hacked)"; touch hacked; `touch hacked`\n--help'
    files = ("candidate", "reference", "data")
    for names in (files, [name for name in action["inputs"] if name not in (*files, "working-directory")]):
        ran = run_step(action, "parity", folder, INPUTS | dict.fromkeys(names, hostile))
        assert (ran.process.returncode, ran.process.stdout) == (2, "")
        assert ran.process.stderr.startswith("error: ")
        assert ran.outputs == {"passed": "false", "largest-difference": "", "report": ""}
        assert not list(folder.rglob("*hacked*"))


@pytest.mark.parametrize(
    ("inputs", "extra"),
    [
        ({}, ""),
        ({"reference": "models:predict"}, ""),
        ({"reference": "model.keras"}, "[export]"),
        ({"reference": "saved model"}, "[export]"),
        ({"data": "samples.hdf5"}, "[export]"),
    ],
)
def test_tensorflow_is_installed_only_where_it_is_needed(
    action: dict[str, Any], tmp_path: Path, inputs: dict[str, str], extra: str
) -> None:
    """It takes longer to install than most comparisons to run."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "saved model").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    ran = run_step(action, "install", tmp_path, INPUTS | inputs, GITHUB_ACTION_PATH="/the action")
    assert ran.process.returncode == 0
    assert ran.process.stdout.splitlines()[:3] == ["-m", "pip", "install"]
    assert ran.process.stdout.splitlines()[-1] == f"/the action{extra}"
