"""What makes the command pleasant to use: ways to name inputs, helpful errors, completion, colours."""

from __future__ import annotations

import csv
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from forked_commands import ForkedCommands
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from in_process import run_classify as run
from terminal import read_terminal

COMMAND = [sys.executable, "-m", "galaxy_classify"]


def paths(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the paths of the rows."""
    return [row["path"] for row in csv.DictReader(result.stdout.splitlines())]


@pytest.fixture
def nested(drawn_images: Path, tmp_path: Path) -> Path:
    """Folder with images a.jpg, b[1].jpg and sub/c.jpg."""
    (tmp_path / "images" / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b[1].jpg", "sub/c.jpg"):
        os.link(drawn_images / "smooth_round.jpg", tmp_path / "images" / name)
    return tmp_path


def test_subfolders_can_be_left_out(nested: Path) -> None:
    """--no-recursive takes the images of the folder itself."""
    assert paths(run("images", cwd=nested)) == ["images/a.jpg", "images/b[1].jpg", "images/sub/c.jpg"]
    assert paths(run("images", "--no-recursive", cwd=nested)) == ["images/a.jpg", "images/b[1].jpg"]


def test_quoted_patterns_are_expanded(nested: Path) -> None:
    """In sorted order; a file whose name looks like a pattern is that file; a pattern without a match is a row."""
    assert paths(run("images/*.jpg", cwd=nested)) == ["images/a.jpg", "images/b[1].jpg"]
    assert paths(run("images/**/c.jpg", cwd=nested)) == ["images/sub/c.jpg"]
    assert paths(run("images/b[1].jpg", cwd=nested)) == ["images/b[1].jpg"]
    result = run("images/*.png", cwd=nested)
    assert (result.returncode, paths(result)) == (1, ["images/*.png"])


def test_a_pattern_across_folders_finds_a_file_once(nested: Path) -> None:
    """``**`` matches folders and the files in them: what lies in a folder that is searched anyway has one row."""
    everything = ["images/a.jpg", "images/b[1].jpg", "images/sub/c.jpg"]
    for pattern in ("images/**", "**", "./**/images", "images/**/*"):
        assert [os.path.normpath(path) for path in paths(run(pattern, cwd=nested))] == everything
    for pattern in ("images/**", "**", "images/**/*"):
        found = paths(run(pattern, "--no-recursive", cwd=nested))
        assert [os.path.normpath(path) for path in found] == everything
    assert paths(run("**/sub", cwd=nested)) == ["images/sub/c.jpg"]


def test_paths_from_a_file(nested: Path) -> None:
    """A line each, before what else is named; a list that is missing is a usage error."""
    (nested / "list.txt").write_text("images/sub/c.jpg\r\n\nimages/a.jpg\n")
    assert paths(run("--from-file", "list.txt", cwd=nested)) == ["images/sub/c.jpg", "images/a.jpg"]
    assert paths(run("images/a.jpg", "--from-file", "list.txt", cwd=nested))[-1] == "images/a.jpg"
    result = run("--from-file", "none.txt", cwd=nested)
    assert (result.returncode, "none.txt: no such file" in result.stderr) == (2, True)


def test_the_next_classes_have_columns_of_their_own(drawn_images: Path, tmp_path: Path) -> None:
    """--top-k names the most probable classes in order; a failure has none; there are no more than the model has."""
    result = run(drawn_images / "smooth_round.jpg", tmp_path / "none.jpg", "--top-k", "3")
    good, bad = csv.DictReader(result.stdout.splitlines())
    likely = sorted(GALAXY_MNIST_CLASSES, key=lambda name: -float(good[f"prob_{name}"]))
    assert [good["label"], good["label_2"], good["label_3"]] == likely[:3]
    assert [good["confidence_2"], good["confidence_3"]] == [good[f"prob_{name}"] for name in likely[1:3]]
    assert (bad["label_2"], bad["confidence_3"]) == ("", "")
    table = run(drawn_images / "smooth_round.jpg", "--top-k", "2", "-f", "table").stdout.splitlines()
    assert [word for word in table[1].split() if word in likely] == likely[:2]
    result = run(drawn_images, "--top-k", "5")
    assert (result.returncode, "the model has 4 classes" in result.stderr) == (2, True)


def test_a_result_with_more_classes_is_not_mixed_with_one_without(drawn_images: Path, tmp_path: Path) -> None:
    """--resume with other columns is refused."""
    run(drawn_images, "-o", tmp_path / "out.csv")
    result = run(drawn_images, "-o", tmp_path / "out.csv", "--top-k", "2", "--resume")
    assert (result.returncode, "options top_k was 1, now it is 2" in result.stderr) == (2, True)


def test_misspelt_names_are_asked_about(nested: Path) -> None:
    """Options, models, folders and columns."""
    assert "--threads" in run("images", "--thread", "2", cwd=nested).stderr
    assert "did you mean 'galaxy-cnn'?" in run("images", "-m", "galaxy-cn", cwd=nested).stderr
    result = run("imagse", cwd=nested)
    assert "imagse: no such file or folder, did you mean 'images'?" in result.stderr
    assert paths(result) == ["imagse"]
    (nested / "cat.csv").write_text("fiel\nimages/a.jpg\n")
    assert "did you mean 'fiel'?" in run("--catalog", "cat.csv", cwd=nested).stderr


def test_habits_of_other_commands(drawn_images: Path, tmp_path: Path) -> None:
    """-h, --help-all, -V, -o -, --json, and a format that is called otherwise."""
    assert "Usage" in run("-h").stdout
    assert run("--help-all").stdout == run("--help").stdout
    assert run("-V").stdout == run("--version").stdout
    assert run(drawn_images, "-o", "-", cwd=tmp_path).stdout == run(drawn_images).stdout
    assert list(tmp_path.iterdir()) == []
    assert run(drawn_images, "--json").stdout == run(drawn_images, "-f", "jsonl").stdout
    assert "leave one of them out" in run(drawn_images, "--json", "-f", "csv").stderr
    assert "did you mean 'jsonl'?" in run(drawn_images, "-f", "json").stderr


def test_the_first_inputs_only(nested: Path) -> None:
    """--limit tries a long run on its first inputs, however they are listed; --resume then does the others."""
    (nested / "list.txt").write_text("images/a.jpg\nimages/none.jpg\nimages/sub/c.jpg\n")
    assert paths(run("images", "--limit", "2", cwd=nested)) == ["images/a.jpg", "images/b[1].jpg"]
    assert paths(run("--from-file", "list.txt", "--limit", "2", cwd=nested)) == ["images/a.jpg", "images/none.jpg"]
    run("images", "-o", "out.csv", "--limit", "1", cwd=nested)
    result = run("images", "-o", "out.csv", "--resume", cwd=nested)
    assert "kept: 1 row of" in result.stderr
    assert (nested / "out.csv").read_text() == run("images", cwd=nested).stdout
    assert run("images", "--watch", "--limit", "1", cwd=nested).returncode == 2


def test_nothing_to_classify(tmp_path: Path) -> None:
    """An empty folder is a success without a rate, unless --fail-if-empty says that it is a mistake."""
    result = run(tmp_path)
    assert (result.returncode, "images/s" in result.stderr, "no images found" in result.stderr) == (0, False, True)
    result = run(tmp_path, "--fail-if-empty", "-o", tmp_path / "rows.csv")
    assert (result.returncode, result.stderr.splitlines()[-1][:23]) == (2, "error: no images found,")
    assert not list(tmp_path.iterdir())  # 2 means that nothing was done
    assert "images/s" not in run(tmp_path / "lost.jpg").stderr


def test_the_progress_bar_can_be_left_out(drawn_images: Path, forked_commands: ForkedCommands) -> None:
    """--no-progress keeps the summary, which --quiet leaves out as well."""
    for arguments, bar, summary in ((["--no-progress"], False, True), (["-q"], False, False), ([], True, True)):
        controller, terminal = pty.openpty()
        process = forked_commands.start(
            drawn_images, *arguments, stdout=subprocess.DEVNULL, stderr=terminal, stdin=terminal,
            environment=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
        )  # fmt: skip
        os.close(terminal)
        shown = read_terminal(controller)
        assert process.wait(timeout=60) == 0
        assert ("left:" in shown, "4 images: 4 classified" in shown) == (bar, summary)


@pytest.mark.parametrize("alone", ["--version", "--list-models", "--model-card", "--self-test"])
def test_what_would_be_ignored_is_refused(drawn_images: Path, alone: str) -> None:
    """Beside an option that only prints something, inputs and other options are a mistake; the model may be named."""
    for ignored in (drawn_images, "--force", "--check-shards"):
        others = [ignored, "folder"] if ignored == "--check-shards" else [ignored]
        result = run(alone, *others)
        assert (result.returncode, result.stdout) == (2, "")
        assert "classifies nothing: leave out " in result.stderr
        assert str(ignored).removeprefix("--check") in result.stderr
    assert run(alone, GALAXY_MODEL="galaxy-mlp").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "name it with --output"),
        (["--resume", "--force", "-o", "x.csv"], "--force replaces it"),
        (["--resume", "-f", "table", "-o", "x.csv"], "a table is none"),
        (["--gpu"], "did you mean --provider cuda?"),
        (["--cpu"], "did you mean --provider cpu?"),
        (["--device", "cuda"], "did you mean --provider?"),
        (["--jobs", "4"], "did you mean --threads?"),
    ],
)
def test_messages_say_what_is_needed(nested: Path, arguments: list[str], message: str) -> None:
    """One line, and exit code 2."""
    result = run("images", *arguments, cwd=nested)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--catalog", "cat.csv", "a.jpg"],
        ["--catalog", "cat.csv", "images", "images"],
        ["--catalog", "cat.csv", "--from-file", "cat.csv"],
        ["images", "--id-column", "id"],
        ["images", "--top-k", "0"],
        ["images", "-f", "parquet"],
        ["images", "-o", "/dev/null", "-f", "fits"],
    ],
)
def test_options_that_make_no_sense_together(nested: Path, arguments: list[str]) -> None:
    """One line, exit code 2, and nothing is done."""
    (nested / "cat.csv").write_text("file,id\nimages/a.jpg,1\n")
    result = run(*arguments, cwd=nested)
    assert (result.returncode, result.stdout, "Traceback" in result.stderr) == (2, "", False)


def test_catalogue_paths_start_at_a_folder_that_is_named(nested: Path) -> None:
    """Else beside the catalogue."""
    (nested / "lists").mkdir()
    (nested / "lists" / "cat.csv").write_text("file,z\nsub/c.jpg,0.5\n")
    result = run("images", "--catalog", "lists/cat.csv", cwd=nested)
    assert (result.returncode, paths(result)) == (0, ["images/sub/c.jpg"])
    assert run("--catalog", "lists/cat.csv", cwd=nested).returncode == 1


def test_a_terminal_without_colours(nested: Path, forked_commands: ForkedCommands) -> None:
    """NO_COLOR is heeded; without it the classes are coloured."""
    for environment, coloured in (({"NO_COLOR": "1"}, False), ({}, True)):
        controller, terminal = pty.openpty()
        variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        process = forked_commands.start(
            "images", cwd=nested, stdout=terminal, stderr=terminal, stdin=terminal,
            environment=variables | {"TERM": "xterm-256color"} | environment,
        )  # fmt: skip
        os.close(terminal)
        shown = read_terminal(controller)
        assert process.wait(timeout=60) == 0
        assert ("\x1b[38;5;" in shown) == coloured


def test_shell_completion(tmp_path: Path) -> None:
    """The shells ask for options, for the embedded models, and for the columns of a catalogue that was named before."""
    (tmp_path / "cat.csv").write_text("objid,file\n1,a.jpg\n")
    (tmp_path / "bad.parquet").write_text("nonsense")
    environment = {"_GALAXY_CLASSIFY_COMPLETE": "complete_bash"}
    code = "import sys; sys.argv[0] = 'galaxy-classify'; from galaxy_classify.cli.main import main; main()"
    for words, expected in (
        ("galaxy-classify --thre", "--threads"),
        ("galaxy-classify --ban", "--bands"),
        ("galaxy-classify -m galaxy-m", "galaxy-mlp"),
        ("galaxy-classify --catalog cat.csv --id-column ob", "objid"),
        ("galaxy-classify --catalog bad.parquet --id-column ob", ""),
        ("galaxy-classify --id-column ob", ""),
    ):
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=os.environ | environment | {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)},
            check=False,
            cwd=tmp_path,
        )
        shown = result.stdout.split()
        assert expected in shown if expected else not shown
        assert result.stderr == ""
