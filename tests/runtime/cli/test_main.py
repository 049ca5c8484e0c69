"""The command as users and scripts meet it; in a process of its own where pipes, signals or memory matter."""

from __future__ import annotations

import csv
import ctypes
import json
import os
import pty
import signal
import subprocess
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest
from typer.main import get_command

from galaxy_classify import __version__
from galaxy_classify.cli.about.words import WORDS
from galaxy_classify.cli.with_typer.app import app
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_classify.inference.embedded import find_model
from galaxy_painter import KINDS
from in_process import run_classify as run
from terminal import read_terminal

COMMAND = [sys.executable, "-m", "galaxy_classify"]
COLUMNS = [
    "path",
    "status",
    "label",
    "confidence",
    "familiarity",
    *(f"prob_{name}" for name in GALAXY_MNIST_CLASSES),
    "message",
    "model",
]


def rows(text: str) -> list[dict[str, str]]:
    """Read CSV."""
    return list(csv.DictReader(text.splitlines()))


def test_a_folder_in_a_pipe_gives_csv(drawn_images: Path) -> None:
    """Every image has its row, in sorted order, with the exact model; stdout holds nothing else."""
    result = subprocess.run(
        [*COMMAND, str(drawn_images)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0
    assert result.stdout.splitlines()[0] == ",".join(COLUMNS)
    found = rows(result.stdout)
    assert [row["path"] for row in found] == [str(drawn_images / f"{kind}.jpg") for kind in sorted(KINDS)]
    source = find_model()
    assert source.sha256 is not None
    assert {row["model"] for row in found} == {f"{source.name}@{source.sha256[:12]}"}
    for row in found:
        assert sum(float(row[f"prob_{name}"]) for name in GALAXY_MNIST_CLASSES) == pytest.approx(1, abs=1e-5)
    assert "4 images: 4 classified" in result.stderr


def test_a_failure_is_a_row_and_exit_code_1(drawn_images: Path, tmp_path: Path) -> None:
    """The others are done all the same."""
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    good = drawn_images / "smooth_round.jpg"
    result = run(tmp_path / "broken.jpg", good, tmp_path / "none.jpg", "-q")
    assert result.returncode == 1
    assert [row["status"] for row in rows(result.stdout)][0::2] == ["error", "error"]
    assert [row["message"] for row in rows(result.stdout)][2] == "no such file"
    assert rows(result.stdout)[1]["label"]
    assert result.stderr == ""


def test_files_in_folders_without_an_image_suffix_are_counted(drawn_images: Path, tmp_path: Path) -> None:
    """They are no inputs, and they are mentioned."""
    (tmp_path / "labels.csv").touch()
    (tmp_path / "a.jpg").symlink_to(drawn_images / "smooth_round.jpg")
    result = run(tmp_path)
    assert result.returncode == 0
    assert len(rows(result.stdout)) == 1
    assert "skipped: 1 file in folders or archives without an image suffix" in result.stderr


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    """A header without rows, and a word about it."""
    result = run(tmp_path)
    assert (result.returncode, result.stdout) == (0, ",".join(COLUMNS) + "\n")
    assert "no images found" in result.stderr


def test_paths_from_standard_input(drawn_images: Path) -> None:
    """find … | galaxy-classify - works."""
    result = run("-", stdin=b"".join(os.fsencode(path) + b"\n" for path in sorted(drawn_images.iterdir())))
    assert result.returncode == 0
    assert len(rows(result.stdout)) == 4


def test_output_file_by_suffix(drawn_images: Path, tmp_path: Path) -> None:
    """With -o nothing is printed to stdout, and the suffix is the format."""
    for name in ("out.csv", "out.jsonl"):
        result = run(drawn_images, "-o", tmp_path / name)
        assert (result.returncode, result.stdout) == (0, "")
    from_csv = rows((tmp_path / "out.csv").read_text())
    from_json = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert list(from_json[0]) == COLUMNS
    assert [row["label"] for row in from_csv] == [row["label"] for row in from_json]


def test_format_option_beats_the_suffix(drawn_images: Path) -> None:
    """A table in a pipe is complete and without colour codes."""
    result = run(drawn_images, "--format", "table")
    assert "4 images: 4 classified" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


def test_a_terminal_gets_a_table(drawn_images: Path) -> None:
    """Without options, an astronomer at a terminal sees a table with a summary."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen([*COMMAND, str(drawn_images)], stdout=terminal, stderr=terminal, stdin=terminal)
    os.close(terminal)
    text = read_terminal(controller)
    assert process.wait(timeout=60) == 0
    assert "confidence" in text
    assert "4 images: 4 classified" in text
    assert "path,status" not in text


def test_a_terminal_gets_a_progress_bar(drawn_images: Path, tmp_path: Path) -> None:
    """It shows the rate, and once the folder is listed, as it is anyway, the number of images and the time left."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(400):
        os.link(drawn_images / "smooth_round.jpg", folder / f"{number}.jpg")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, str(folder), "-o", str(tmp_path / "out.csv"), "--threads", "1"],
        stderr=terminal,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "120", "TERM": "xterm"},
    )
    os.close(terminal)
    text = read_terminal(controller)
    assert process.wait(timeout=60) == 0
    assert " of 400 images" in text
    assert "images/s" in text
    assert "left:" in text
    assert "400 images: 400 classified" in text


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_memory_is_not_asked_for_anew_with_every_image(drawn_images: Path, tmp_path: Path) -> None:
    """Pages that the system has to clear for each image would take as long as its decoding."""
    listing = tmp_path / "list.txt"
    faults = []
    for images in (20, 120):
        listing.write_text(f"{drawn_images / 'smooth_round.jpg'}\n" * images)
        with listing.open("rb") as stdin:
            process = subprocess.Popen([*COMMAND, "-", "--exact", "-q"], stdin=stdin, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        faults.append(usage.ru_minflt)
    assert (faults[1] - faults[0]) / 100 < 100


def test_a_provider_that_is_not_there_is_a_usage_error(drawn_images: Path) -> None:
    """The message lists those that are."""
    result = run(drawn_images, "--provider", "tpu")
    assert result.returncode == 2
    assert "'tpu' is not available: the installed ONNX Runtime offers cpu" in result.stderr
    assert result.stdout == ""


def test_threshold_marks_uncertain_rows(drawn_images: Path) -> None:
    """The best guess is kept, and it is no failure."""
    result = run(drawn_images, "--threshold", "1")
    assert result.returncode == 0
    assert {row["status"] for row in rows(result.stdout)} <= {"uncertain", "ok"}
    assert "uncertain" in result.stdout
    assert all(row["label"] for row in rows(result.stdout))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.jpg", "-o", "out.xlsx"],
        ["a.jpg", "--format", "xml"],
        ["a.jpg", "--threshold", "2"],
        ["a.jpg", "--batch-size", "0"],
        ["a.jpg", "--threads", "0"],
        ["a.jpg", "--nonsense"],
        ["a.jpg", "-o", "no/such/folder/out.csv"],
        ["a.jpg", "--resume"],
        ["a.jpg", "-o", "out.csv", "--resume", "--force"],
        ["a.jpg", "-o", "out.txt", "--format", "table", "--resume"],
        ["a.jpg", "--max-pixels", "0"],
    ],
)
def test_usage_errors_have_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    """A wrong command line is told apart from failed inputs, and leaves no traceback."""
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_an_unusable_model_has_exit_code_3(drawn_images: Path, tmp_path: Path) -> None:
    """One line that names the file, from the option and from the environment alike."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for result in (run(drawn_images, "-m", broken), run(drawn_images, GALAXY_MODEL=str(broken))):
        assert (result.returncode, result.stdout) == (3, "")
        assert result.stderr.startswith(f"error: {broken}: not a usable ONNX model")
        assert result.stderr.count("\n") == 1
    assert run(drawn_images, "-m", "nonsense").returncode == 3


def test_a_model_file_of_ones_own(drawn_images: Path, tiny_model: Path) -> None:
    """Its name and checksum stand in every row."""
    result = run(drawn_images, "-m", tiny_model)
    assert result.returncode == 0
    assert all(row["model"].startswith("tiny@") for row in rows(result.stdout))


def test_version_names_the_exact_model(tiny_model: Path) -> None:
    """Package, model and SHA-256, of the embedded model and of a file."""
    source = find_model()
    said = run("--version").stdout
    assert said.startswith(
        f"galaxy-classify {__version__}\nmodel {source.name}\nsha256 {source.sha256}\ndecoder of JPEGs "
    )
    assert "model tiny\n" in run("--version", "-m", tiny_model).stdout


def test_short_help_fits_one_screen_and_the_other_names_every_option() -> None:
    """In groups; those for FITS, clusters and tuning are mentioned, and shown when asked for."""
    short, everything = (run(option, COLUMNS="80") for option in ("-h", "--help"))
    assert (short.returncode, everything.returncode) == (0, 0)
    assert len(short.stdout.splitlines()) <= 50
    assert "--help: all" in short.stdout
    assert "GALAXY_MODEL" in short.stdout
    assert "Exit codes: 0 all classified" in short.stdout
    options = {option for parameter in get_command(app).params for option in parameter.opts if option.startswith("--")}
    assert len(options) > 30
    old = {"--help-all", *(word.option for word in WORDS.values())}  # words have taken their place
    for option in options:
        assert (option in everything.stdout) == (option not in old), option
    for word in WORDS:
        assert word in short.stdout, word
    for group, text in (("Input", short), ("Output", short), ("FITS", everything), ("Cluster", everything)):
        assert f"─ {group} ─" in text.stdout
    assert "--bands" not in short.stdout


def test_a_closed_pipe_ends_quietly(drawn_images: Path) -> None:
    """galaxy-classify … | head leaves no traceback, and the exit code of a broken pipe."""
    listing = "\n".join([str(drawn_images / "smooth_round.jpg")] * 300)
    process = subprocess.Popen([*COMMAND, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(listing.encode())
    process.stdin.close()
    assert process.wait(timeout=60) == 141
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_an_interrupt_keeps_the_rows_so_far(drawn_images: Path, tmp_path: Path) -> None:
    """Ctrl-C ends with exit code 130 and says where the rows are."""
    good = drawn_images / "smooth_round.jpg"
    output = tmp_path / "out.csv"
    process = subprocess.Popen(
        [*COMMAND, "-", "-o", str(output), "--threads", "2", "--batch-size", "1"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Tests that run as a background job inherit an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(os.fsencode(good) + b"\n")
    for _ in range(20):
        process.stdin.write(os.fsencode(good) + b"\n")
    process.stdin.flush()
    partial = tmp_path / "out.csv.partial"
    deadline = time.monotonic() + 60
    while not partial.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    errors = process.stderr.read().decode()
    assert process.wait(timeout=60) == 130
    process.stdin.close()
    process.stderr.close()
    assert f"{partial} keeps them, --resume continues it" in errors
    assert "Traceback" not in errors
    assert not output.exists()
    done = rows(partial.read_text())
    assert len(done) >= 10
    assert all(row["status"] in ("ok", "uncertain") for row in done)


def test_closed_standard_input_is_a_usage_error() -> None:
    """A daemon without stdin that asks for it is told so."""
    result = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m galaxy_classify - <&-"], capture_output=True, check=False
    )
    assert result.returncode == 2
    assert b"standard input, but that is closed" in result.stderr


@pytest.mark.slow
@pytest.mark.data
def test_real_cutouts_classify_as_well_as_the_trained_network(galaxy_data: Path, tmp_path: Path) -> None:
    """The figures that the model file claims for the test set hold for a user's folder of JPEGs."""
    from galaxy_classify.inference.embedded import ModelSource
    from galaxy_classify.inference.model import OnnxModel

    folder = galaxy_data / "images" / "test"
    result = run(folder, "-o", tmp_path / "out.csv")
    assert result.returncode == 0
    found = {Path(row["path"]).name: row["label"] for row in rows((tmp_path / "out.csv").read_text())}
    with (folder / "labels.csv").open() as file:
        truth = {row["file"]: row["label"] for row in csv.DictReader(file)}
    assert found.keys() == truth.keys()
    accuracy = sum(found[name] == label for name, label in truth.items()) / len(truth)
    model: OnnxModel = OnnxModel(ModelSource(find_model().path))
    assert accuracy == pytest.approx(model.description.training["test"]["accuracy"], abs=0.01)


def test_an_interrupt_while_the_command_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the first tenths of a second is no traceback either."""
    from galaxy_classify import __main__ as starter

    class Interrupted(MetaPathFinder):
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            if name == "galaxy_classify.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "galaxy_classify.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    monkeypatch.setattr("gc.disable", lambda: None)  # the tests go on in this process
    with pytest.raises(SystemExit) as ended:
        starter.main()
    assert ended.value.code == 130
