"""Plain command lines, which are read without typer: what they mean, what they cost, and how they end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command

from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.cli.declare import declarations, declared, read_plain
from galaxy_classify.cli.options import Options
from galaxy_classify.cli.with_typer.app import app
from galaxy_classify.cli.with_typer.errors import WrongCommandLine
from in_process import run_classify as run

#: A valid value of each option whose value is no plain text.
VALUES = {
    "output_format": "jsonl", "provenance": "row", "q": "8", "crop": "0.5", "threshold": ".9", "min_familiarity": "1",
    "decoder": "pillow", "sets": "0.9",
}  # fmt: skip

TYPER = get_command(app)

#: Words of command lines, right and wrong.
WORDS = [
    "a.jpg", "", "-", "--", "\udcff.jpg", "a\0b", "*.jpg", "-o", "out.csv", "--output", "--output=x", "--output=",
    "--threads=2", "-o=x", "-ox", "-q", "-qo", "--quiet", "--quiet=1", "-f", "--format", "csv", "xml", "--json", "-m",
    "galaxy-mlp", "--threshold", "0.9", "2", "nan", "--threads", "1_0", " 3", "--top-k", "--help", "-h", "-V",
    "--version", "--no-recursive", "--watc", "--help-all", "--install-completion", "--show-completion", "-1",
    "--stretch", "auto",
]  # fmt: skip


def read_by_typer(words: list[str]) -> Any:
    """Return the options that typer reads, or None if it finds something else or a mistake."""
    try:
        found = TYPER(words, standalone_mode=False)
    except WrongCommandLine:
        return None
    return found if isinstance(found, Options) else None


def test_each_option_means_what_it_means_to_typer() -> None:
    """By each of its names, on its own and with all others, before and behind the inputs."""
    everything = ["a.jpg"]
    for field in declarations(Options):
        declaration = declared(Options, field)
        if declaration.kind == "argument" or field == "help_all":
            continue
        value = [VALUES.get(field, "3")] if declaration.kind == "option" else []
        for name in declaration.names_for(field):
            forms = [[name, *value], [f"{name}={value[0]}"]] if value and name.startswith("--") else [[name, *value]]
            for form in forms:
                words = [*form, "a.jpg", "b.jpg"]
                plain = read_plain(Options, words)
                assert plain is not None, words
                assert plain == read_by_typer(words), words
        everything += [name, *value]
    plain = read_plain(Options, everything)
    assert plain is not None
    assert plain == read_by_typer(everything)
    assert len(list(plain.given())) > 40


@settings(max_examples=250, derandomize=True, deadline=None, database=None)
@given(st.lists(st.sampled_from(WORDS), max_size=5))
def test_what_is_read_without_typer_is_what_typer_reads(words: list[str]) -> None:
    """A line that typer refuses, or takes for something else, is left to it."""
    plain = read_plain(Options, words)
    assert plain is None or plain == read_by_typer(words)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["a.jpg", "--help-all"],
        ["--install-completion"],
        ["--", "a.jpg"],
        ["a.jpg", "-qo", "out.csv"],
        ["a.jpg", "--quiet=1"],
        ["a.jpg", "-o=out.csv"],
        ["a.jpg", "--threads=many"],
        ["a.jpg", "-o"],
        ["a.jpg", "-o", "-q"],
        ["a.jpg", "-q", "-q"],
        ["a.jpg", "--threads", "many"],
        ["a.jpg", "--nonsense"],
    ],
)
def test_what_is_not_plain_is_left_to_typer(words: list[str]) -> None:
    """It shows the help, completes words and says what is wrong."""
    assert read_plain(Options, words) is None


@pytest.mark.parametrize("words", [["a.jpg"], ["a.jpg", "-m", "galaxy-cnn"], ["a.jpg", "--model=galaxy-cnn"]])
@pytest.mark.parametrize("model", ["galaxy-mlp", ""])
def test_the_model_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch, words: list[str], model: str) -> None:
    """An option beside it has precedence, and an empty variable is none."""
    monkeypatch.setenv("GALAXY_MODEL", model)
    plain = read_plain(Options, words)
    assert plain is not None
    assert plain == read_by_typer(words)
    assert plain.model == ("galaxy-cnn" if len(words) > 1 else model or None)


def test_what_windows_leaves_to_programs_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It expands patterns, variables and home folders there."""
    monkeypatch.setattr("galaxy_classify.cli.declare.os", SimpleNamespace(name="nt", environ={}))
    assert read_plain(Options, [r"C:\galaxies\a.jpg", "-q"]) == Options(inputs=[r"C:\galaxies\a.jpg"], quiet=True)
    for word in ("*.jpg", "~\\a.jpg", "%TEMP%\\a.jpg", "$HOME"):
        assert read_plain(Options, [word]) is None


def test_a_shell_that_asks_for_completion_gets_it() -> None:
    """Whatever stands on the command line."""
    asked = {"_GALAXY_CLASSIFY_COMPLETE": "complete_bash", "COMP_WORDS": "galaxy-classify --thre", "COMP_CWORD": "1"}
    code = "import sys; sys.argv[0] = 'galaxy-classify'; from galaxy_classify.__main__ import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "a.jpg"], capture_output=True, text=True, check=True, env=os.environ | asked
    )
    assert result.stdout.split() == ["--threshold", "--threads"]


#: The command in a process of its own, which says in the end what it has loaded and set.
TOLD = """
import atexit, gc, os, sys
from galaxy_classify.__main__ import main
def tell():
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    print(gc.isenabled(), gc.get_freeze_count() > 0, threads, file=sys.stderr)
    print(*{name.split(".")[0] for name in sys.modules}, file=sys.stderr)
atexit.register(tell)
main()
"""
HEAVY = {"typer", "click", "rich", "pydantic", "pydantic_core", "pygments", "dask", "distributed", "pyarrow", "astropy"}


def test_a_plain_run_starts_fast(drawn_images: Path, tmp_path: Path) -> None:
    """It loads nothing but its three libraries, starts no threads, and looks for no garbage among their objects."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    result = subprocess.run(
        [sys.executable, "-c", TOLD, drawn_images / "smooth_round.jpg", "-q", "-o", tmp_path / "rows.csv"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    settled, modules = result.stderr.splitlines()
    assert settled == "True True 1"
    assert {"numpy", "onnxruntime", "PIL"} <= set(modules.split())
    assert not HEAVY & set(modules.split())
    assert (tmp_path / "rows.csv").read_text().count("\n") == 2


def test_version_loads_no_typer() -> None:
    """Nor anything else that is not of the standard library."""
    result = subprocess.run([sys.executable, "-c", TOLD, "-V"], capture_output=True, text=True, check=True)
    assert not (HEAVY | {"numpy", "onnxruntime", "PIL"}) & set(result.stderr.splitlines()[-1].split())


def test_garbage_is_collected_in_a_run(drawn_images: Path) -> None:
    """Only the start does without: the garbage of a long run would fill the memory."""
    gc.disable()
    try:
        assert run(drawn_images / "smooth_round.jpg").returncode == 0
        assert gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("words", [["-q"], ["--quiet", "-f", "jsonl"], ["--threshold", "1"], ["-o", "-", "-q"]])
def test_both_ways_do_the_same(drawn_images: Path, tmp_path: Path, words: list[str]) -> None:
    """``--`` in front of the inputs makes typer read the line."""
    inputs = [drawn_images / "smooth_round.jpg", tmp_path / "none.jpg"]
    plain, by_typer = run(*words, *inputs), run(*words, "--", *inputs)
    assert (plain.returncode, plain.stdout) == (by_typer.returncode, by_typer.stdout) == (1, plain.stdout)
    assert plain.stderr.partition(" (0.")[0] == by_typer.stderr.partition(" (0.")[0]


@pytest.mark.parametrize("front", [[], ["--"]])
def test_an_interrupt_before_the_first_row(
    drawn_images: Path, monkeypatch: pytest.MonkeyPatch, front: list[str]
) -> None:
    """Ctrl-C while the model is loaded ends with 130 and one word, whoever has read the command line."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(GalaxyClassifier, "__init__", interrupted)
    result = run(*front, drawn_images)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("words", [["--model-card"], ["--model-card", "-mgalaxy-cnn"], ["--help-all"]])
def test_nobody_reads_what_is_printed(words: list[str]) -> None:
    """``galaxy-classify --model-card | head`` ends quietly with the exit code of a broken pipe."""
    ours, theirs = os.pipe()
    os.close(ours)
    result = subprocess.run(
        [sys.executable, "-m", "galaxy_classify", *words], stdout=theirs, stderr=subprocess.PIPE, check=False
    )
    os.close(theirs)
    assert (result.returncode, result.stderr) == (141, b"")
