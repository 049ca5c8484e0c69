"""Words in place of an input: ``galaxy-classify models`` and others."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutout_server import jpeg
from in_process import run_classify


@pytest.mark.parametrize(
    ("word", "option"),
    [
        (["models"], ["--list-models"]),
        (["card"], ["--model-card"]),
        (["card", "galaxy-mlp"], ["--model-card", "--model", "galaxy-mlp"]),
        (["card", "-m", "galaxy-mlp"], ["--model-card", "--model", "galaxy-mlp"]),
        (["self-test"], ["--self-test"]),
        (["self-test", "galaxy-mlp"], ["--self-test", "-m", "galaxy-mlp"]),
        (["check-shards", "none"], ["--check-shards", "none"]),
    ],
)
def test_a_word_does_what_its_option_does(tmp_path: Path, word: list[str], option: list[str]) -> None:
    """Scripts with the old options go on, and both say the same."""
    by_word, by_option = (run_classify(*arguments, cwd=tmp_path) for arguments in (word, option))
    assert by_word.stdout or by_word.stderr
    assert (by_word.returncode, by_word.stdout, by_word.stderr) == (
        by_option.returncode,
        by_option.stdout,
        by_option.stderr,
    )


def test_the_word_standalone_writes_the_file(tmp_path: Path) -> None:
    """With --force behind it, as behind the option."""
    assert run_classify("standalone", "s.onnx", cwd=tmp_path).returncode == 0
    assert "exists already" in run_classify("standalone", "s.onnx", cwd=tmp_path).stderr
    assert run_classify("standalone", "s.onnx", "--force", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("word", ["models", "card", "self-test", "check-shards", "standalone"])
def test_a_file_or_folder_of_that_name_is_an_input(tmp_path: Path, word: str) -> None:
    """So no name is lost, and ./models is always a path."""
    (tmp_path / word).write_bytes(jpeg())
    for name in (word, f"./{word}"):
        result = run_classify(name, cwd=tmp_path)
        assert (result.returncode, result.stdout.count("\n")) == (0, 2)
    (tmp_path / word).unlink()
    assert run_classify(f"./{word}", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(("word", "value"), [("check-shards", "DIR"), ("standalone", "FILE.onnx")])
def test_a_word_without_its_value_says_what_is_missing(tmp_path: Path, word: str, value: str) -> None:
    """Otherwise typer would complain of an option that the user has not written."""
    result = run_classify(word, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"error: {word} lacks its {value}: galaxy-classify {word} {value}\n"
    assert "Usage" in run_classify(word, "--help", cwd=tmp_path).stdout


def test_a_word_beside_an_input_is_refused(drawn_images: Path, tmp_path: Path) -> None:
    """A word classifies nothing, and a second input is taken for nothing else."""
    result = run_classify("models", drawn_images, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "models classifies nothing" in result.stderr
