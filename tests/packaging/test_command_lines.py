"""The command lines of all three commands: the same clean text with every version of typer that is allowed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.main import get_command

from galaxy_classify.cli.fetch.app import app as fetch_app
from galaxy_classify.cli.main import main as classify
from galaxy_classify.cli.with_typer.app import app as classify_app
from galaxy_export.cli import app as export_app
from galaxy_export.cli import main as export
from galaxy_train.cli import app as train_app
from galaxy_train.cli import main as train
from in_process import run_in_process

#: What one or another version of typer would show of a type: ``<bool>``, ``INTEGER RANGE``, ``x>=1``, ``{RUN}``.
TYPER_WORDS = re.compile(
    r"<|\brange\b|x>=|\bINTEGER\b|\bTEXT\b|\bFLOAT\b|\bBOOLEAN\b|\bPATH\b|\.\.\.\]|\{[A-Z]|Value error|Input should"
)
COMMANDS: list[tuple[Callable[[], None], list[str]]] = [
    (classify, ["--help"]),
    (classify, ["--help"]),
    (classify, ["fetch", "--help"]),
    (train, ["--help"]),
    (export, ["--help"]),
    *((train, [name, "--help"]) for name in ("fit", "cross-validate", "evaluate", "download")),
    *((export, [name, "--help"]) for name in ("convert", "verify", "hub", "embed")),
]


def parameters(command: Any) -> Iterator[Any]:
    """Yield the parameters of a command and of its subcommands."""
    yield from command.params
    for subcommand in getattr(command, "commands", {}).values():
        yield from parameters(subcommand)


@pytest.mark.parametrize(("main", "arguments"), COMMANDS)
def test_the_help_shows_no_types(main: Callable[[], None], arguments: list[str]) -> None:
    """Each version of typer names the types of options in its own way; metavars of ours stand in for them."""
    result = run_in_process(main, *arguments, COLUMNS="100")
    assert (result.returncode, result.stderr) == (0, "")
    assert "--help" in result.stdout
    assert TYPER_WORDS.findall(result.stdout) == []


@pytest.mark.parametrize("app", [classify_app, fetch_app, train_app, export_app])
def test_every_option_says_what_its_value_is(app: Any) -> None:
    """In a word that is not the option's own name, which typer 0.27 takes for the name itself."""
    for parameter in parameters(get_command(app)):
        if parameter.name not in ("install_completion", "show_completion"):
            assert parameter.metavar is not None, parameter.name
            assert parameter.metavar != parameter.name.upper()


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (classify, ["a.jpg", "--threads", "1.5"], "--threads: '1.5' is not a whole number between 1 and 1024"),
        (classify, ["a.jpg", "--top-k", "0"], "--top-k: '0' is not a whole number of at least 1"),
        (
            classify,
            ["a.jpg", "--batch-size", "9" * 20],
            f"--batch-size: '{'9' * 20}' is not a whole number between 1 and 65536",
        ),
        (
            classify,
            ["a.jpg", "--max-pixels", "9" * 20],
            f"--max-pixels: '{'9' * 20}' is too large",
        ),
        (classify, ["a.jpg", "--threshold", "many"], "--threshold: 'many' is not a number between 0 and 1"),
        (classify, ["a.jpg", "--threshold", "nan"], "--threshold: 'nan' is not a number between 0 and 1"),
        (
            classify,
            ["a.jpg", "-f", "xml"],
            "--format: 'xml' is not one of table, csv, jsonl, parquet, fits, ecsv, vot",
        ),
        (classify, ["a.jpg", "--quiet=3"], "option '--quiet' does not take a value"),
        (classify, ["a.jpg", "-o"], "option '-o' requires an argument"),
        (classify, ["--no-recursiv", "a"], "no such option: --no-recursiv; did you mean --no-recursive?"),
        (train, ["fit", "--overwrite"], "no such option: --overwrite; did you mean --force?"),
        (classify, ["--\x1b[31m"], "no such option: --\\x1b[31m"),
        (train, ["fit", "--learning-rate", "-1"], "--learning-rate: '-1' is not a number of at least 0"),
        (train, ["fit", "--seed", "4294967296"], "--seed: '4294967296' is not a whole number between 0 and 4294967295"),
        (train, ["fit", "x"], "got unexpected extra argument (x)"),
        (train, ["evaluate"], "missing argument 'RUN'"),
        (train, ["nonsense"], "no such command 'nonsense'"),
        (export, ["convert", "run"], "missing option '--output' / '-o'"),
        (export, ["verify", "x.onnx", "--against", "run"], "missing option '--images'"),
    ],
)
def test_a_wrong_command_line_gets_one_line(main: Callable[[], None], arguments: list[str], message: str) -> None:
    """It reads like any other error of the commands, names the option, and is the same with every version of typer."""
    result = run_in_process(main, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.sub(r" \(see [^()]* --help\)$", "", result.stderr.strip()) == f"error: {message}"
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("arguments", [["--help"], ["card"], ["models"]])
def test_a_terminal_that_knows_few_characters(arguments: list[str], encoding: str) -> None:
    """Frames and dashes that it does not know are written as escapes, and end nothing."""
    code = (
        f"import sys; sys.argv = {['galaxy-classify', *arguments]}; from galaxy_classify.cli.main import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}, check=False
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(result.stdout) > 100


@pytest.mark.parametrize("main", [train, export])
def test_a_command_without_its_subcommand_shows_the_help(main: Callable[[], None]) -> None:
    """With the exit code of a wrong command line, as nothing was done."""
    result = run_in_process(main)
    assert (result.returncode, result.stderr) == (2, "")
    assert "Commands" in result.stdout


@pytest.mark.parametrize(
    ("command", "extra", "subcommand"),
    [("galaxy_train", "train", ["evaluate", "run"]), ("galaxy_export", "export", ["embed", "model.onnx"])],
)
def test_the_help_needs_no_extra(command: str, extra: str, subcommand: list[str]) -> None:
    """Whoever has the runtime alone can read what the other commands do; the work itself names the extra it needs."""
    missing = ("tensorflow", "keras", "h5py", "matplotlib", "platformdirs", "onnx", "tf2onnx")
    for arguments, code in (["--help"], 0), ([subcommand[0], "--help"], 0), (subcommand, 2):
        script = f"import sys; sys.modules.update(dict.fromkeys({missing})); sys.argv = {['it', *arguments]}\n"
        script += f"from {command}.cli import main; main()"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert result.returncode == code, result.stderr
        assert ("Usage:" in result.stdout) == (code == 0)
        assert (f"pip install 'galaxy-classify[{extra}]'" in result.stderr) == (code == 2)
