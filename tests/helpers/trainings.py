"""Train a recipe as a fixture does, and run the commands of trainer and exporter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

from galaxy_export.cli import main as galaxy_export
from galaxy_train.cli import main as galaxy_train
from in_process import run_in_process

#: Runs a command with some arguments.
Convert = Callable[..., subprocess.CompletedProcess[str]]

#: What starts galaxy-train in a process of its own.
TRAIN_COMMAND = [sys.executable, "-c", "from galaxy_train.cli import main; main()"]


@contextmanager
def step_by_step() -> Iterator[None]:
    """Let Keras compute operation by operation: where it takes few steps, compiling them first would take longer."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Even though the `tf.config", category=UserWarning)
            yield
    finally:
        tf.config.run_functions_eagerly(False)


@contextmanager
def only_the_network() -> Iterator[None]:
    """Let trainings leave out pictures and the agreement of orientations, which take longer than a short training."""
    from galaxy_train.evaluation import evaluate
    from galaxy_train.training import fit

    names = ("plot_accuracy", "plot_confusion_matrix", "plot_reliability")
    nothing: dict[str, Any] = {name: lambda *_: None for name in names}
    with mock.patch.multiple(fit, **nothing), mock.patch.object(evaluate, "symmetry_agreement", return_value=1.0):
        yield


def train(
    data: Path, folder: Path, recipe: str, size: int | None = None, *, whole: bool = False, **chosen: Any
) -> Path:
    """Train a recipe on a data set, and return the run folder, with all that belongs to it if it is to be whole."""
    from galaxy_train.data.load import load_data
    from galaxy_train.run_folder import RunFolder
    from galaxy_train.training.fit import fit
    from galaxy_train.training.parameters import FitParameters

    with open(os.devnull, "w") as progress, nullcontext() if whole else only_the_network():
        fit(load_data(data, size=size), RunFolder(folder), FitParameters.of_recipe(recipe, **chosen), progress)
    return folder


def run_train(*arguments: str | Path, whole: bool = False) -> subprocess.CompletedProcess[str]:
    """Run ``galaxy-train`` in this process, which has imported TensorFlow already.

    What it trains has all that belongs to a run folder if it is to be whole; an evaluation is whole in any case.
    """
    with nullcontext() if whole or arguments[0] == "evaluate" else only_the_network():
        return run_in_process(galaxy_train, *arguments)


def run_export(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``galaxy-export`` in this process."""
    return run_in_process(galaxy_export, *arguments)


def run_as_process(command: list[str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, in a process of its own."""
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


def run_exports_as_process(*exports: list[str | Path], first: str = "") -> subprocess.CompletedProcess[str]:
    """Run several exports, after other code, in one process that is not this one: each must succeed before the next.

    A network that is exported twice is loaded and converted once.
    """
    code = (
        "import json, os, sys\n"
        "if 'PYTEST_XDIST_WORKER' in os.environ:\n"
        "    from one_thread import use_one_thread\n"
        "    use_one_thread()\n"
        "from galaxy_export.cli import main\n"
        "from galaxy_train.quiet_tensorflow import import_tensorflow_quietly\n"
        "import_tensorflow_quietly()\n"
        f"{first}\n"
        "from galaxy_export import export\n"
        "from keras_once import KerasOnce\n"
        "*exports, last = json.loads(sys.stdin.read())\n"
        "with KerasOnce().inside(export):\n"
        "    for arguments in exports:\n"
        "        sys.argv[1:] = arguments\n"
        "        try:\n"
        "            main()\n"
        "        except SystemExit as ended:\n"
        "            assert not ended.code\n"
        "sys.argv[1:] = last\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([list(map(str, arguments)) for arguments in exports]),
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
