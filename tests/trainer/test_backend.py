"""The package that Keras computes with: TensorFlow, unless KERAS_BACKEND names another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from galaxy_export.cli import main as export
from galaxy_train import quiet_tensorflow
from galaxy_train.cli import main as train
from galaxy_train.quiet_tensorflow import import_keras_quietly, keras_backend, make_deterministic
from galaxy_train.run_folder import RunFolder
from in_process import run_in_process


@pytest.mark.parametrize(("value", "backend"), [(None, "tensorflow"), ("", "tensorflow"), ("jax", "jax")])
def test_the_backend_is_tensorflow_by_default(value: str | None, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Keras itself has it, for which an empty variable is none."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if value is not None:
        monkeypatch.setenv("KERAS_BACKEND", value)
    assert keras_backend() == backend


@pytest.mark.parametrize(("backend", "imported"), [("tensorflow", ["tensorflow"]), ("jax", ["keras"])])
def test_only_the_backend_is_imported(backend: str, imported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow takes seconds to import, and may not be there where another one is used."""
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with mock.patch.object(quiet_tensorflow, "import_module") as import_module:
        import_keras_quietly()
    assert [call.args[0] for call in import_module.call_args_list] == imported


def test_only_tensorflow_has_to_be_made_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch is TensorFlow's; with another backend there is no such module to ask."""
    for backend, modules in (("tensorflow", ["tensorflow"]), ("jax", [])):
        monkeypatch.setenv("KERAS_BACKEND", backend)
        with mock.patch.object(quiet_tensorflow, "import_module") as import_module:
            make_deterministic()
        assert [call.args[0] for call in import_module.call_args_list] == modules
        switched_on = import_module.return_value.config.experimental.enable_op_determinism.call_count
        assert switched_on == len(modules)


def test_what_tensorflow_says_is_shown_only_if_it_fails() -> None:
    """Messages about builds and missing GPUs would drown the progress; those of a broken installation are needed."""
    code = (
        "import os, sys\n"
        "from unittest import mock\n"
        "from galaxy_train import quiet_tensorflow\n"
        "def talk(name):\n"
        "    os.write(2, f'{name} talks\\n'.encode())\n"
        "    if sys.argv[1] == 'broken':\n"
        "        raise ImportError('no library')\n"
        "with mock.patch.object(quiet_tensorflow, 'import_module', talk):\n"
        "    quiet_tensorflow.import_tensorflow_quietly()\n"
        "os.write(2, b'afterwards\\n')\n"
    )
    errors = {
        state: subprocess.run([sys.executable, "-c", code, state], capture_output=True, text=True, check=False).stderr
        for state in ("whole", "broken")
    }
    assert errors["whole"] == "afterwards\n"
    assert errors["broken"].startswith("tensorflow talks\n")
    assert errors["broken"].endswith("ImportError: no library\n")


def test_a_backend_that_is_not_installed_is_named() -> None:
    """The extra does not bring it, so that installing the extra again would not help."""
    result = run_in_process(train, "fit", "--data", "none", KERAS_BACKEND="no_such_backend")
    assert result.returncode == 2
    assert result.stderr == (
        "error: no_such_backend, which KERAS_BACKEND names, not installed: install it, or unset that\n"
    )


@pytest.mark.parametrize("command", ["convert", "verify"])
def test_exporting_needs_tensorflow(command: str, tmp_path: Path) -> None:
    """A network that another backend has trained can be exported, by TensorFlow: one line says so."""
    arguments = {
        "convert": ["convert", "run", "-o", tmp_path / "model.onnx", "--images", tmp_path],
        "verify": ["verify", tmp_path / "model.onnx", "--against", "run", "--images", tmp_path],
    }
    with mock.patch.object(RunFolder, "check_complete"):
        result = run_in_process(export, *arguments[command], KERAS_BACKEND="jax")
    assert result.returncode == 2
    assert result.stderr == "error: exporting needs TensorFlow, but KERAS_BACKEND is 'jax'; unset it\n"
