"""Train a recipe as a fixture does, and run the commands of trainer and exporter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galaxy_export.cli import main as galaxy_export
from galaxy_train.cli import main as galaxy_train
from in_process import run_in_process

#: Runs a command with some arguments.
Convert = Callable[..., subprocess.CompletedProcess[str]]

#: What starts galaxy-train in a process of its own.
TRAIN_COMMAND = [sys.executable, "-c", "from galaxy_train.cli import main; main()"]

#: What starts galaxy-export in a process of its own.
EXPORT_COMMAND = [sys.executable, "-c", "from galaxy_export.cli import main; main()"]


def train(data: Path, folder: Path, recipe: str, size: int | None = None, **chosen: Any) -> Path:
    """Train a recipe on a data set, and return the run folder."""
    from galaxy_train.data.load import load_data
    from galaxy_train.run_folder import RunFolder
    from galaxy_train.training.fit import fit
    from galaxy_train.training.parameters import FitParameters

    with open(os.devnull, "w") as progress:
        fit(load_data(data, size=size), RunFolder(folder), FitParameters.of_recipe(recipe, **chosen), progress)
    return folder


def run_train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``galaxy-train`` in this process, which has imported TensorFlow already."""
    return run_in_process(galaxy_train, *arguments)


def run_export(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``galaxy-export`` in this process."""
    return run_in_process(galaxy_export, *arguments)


def run_as_process(command: list[str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, in a process of its own."""
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


def run_exports_as_process(*exports: list[str | Path]) -> None:
    """Run several exports in one process, but not this one; all must succeed."""
    code = (
        "import json, sys\nfrom galaxy_export.cli import main\n"
        "for arguments in json.loads(sys.stdin.read()):\n"
        "    sys.argv[1:] = arguments\n"
        "    try:\n        main()\n"
        "    except SystemExit as ended:\n        assert not ended.code\n"
    )
    calls = json.dumps([list(map(str, arguments)) for arguments in exports])
    result = subprocess.run([sys.executable, "-c", code], input=calls, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
