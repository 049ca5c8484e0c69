"""One table of exit codes for the three commands, and what a script may conclude from each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from galaxy_classify import errors
from galaxy_classify.cli import runner
from galaxy_classify.cli.main import main as classify
from galaxy_classify.errors import GalaxyClassifyError
from galaxy_export.cli import main as export
from galaxy_train.cli import main as train
from in_process import run_classify, run_in_process

ROOT = Path(__file__).parents[2]


def test_the_documented_codes_are_those_of_the_errors() -> None:
    """docs/reference/exit-codes.md lists every exit code, and no other."""
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert documented == {0} | {code for name, code in vars(errors).items() if name.startswith("EXIT_")}
    described = dict(re.findall(r"(\w+Error) +(?:exit code )?(\d)", str(errors.__doc__)))
    for name, code in described.items():
        assert getattr(errors, name).exit_code == int(code), name


def test_only_a_complete_result_ends_with_1() -> None:
    """Scripts take 1 for a complete result with failures in it: no error that stops a run may end with it."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GalaxyClassifyError)]
    assert [kind for kind in kinds if kind.exit_code == 1 and not issubclass(kind, errors.ParityError)] == []


@pytest.mark.parametrize(
    ("main", "arguments", "code"),
    [
        (classify, ["images", "bad.jpg"], 1),
        (classify, ["images", "-o", "nodir/out.csv"], 2),
        (classify, ["images", "--shard", "3-1/3"], 2),
        (classify, ["images", "-m", "none.onnx"], 3),
        (classify, ["images", "-m", "text.onnx"], 3),
        (train, ["fit", "--data", "none"], 2),
        (train, ["fit", "--data", "images"], 2),
        (train, ["fit", "--recipe", "none"], 2),
        (train, ["evaluate", "none"], 2),
        (export, ["convert", "none", "-o", "x.onnx", "--images", "images"], 2),
        (export, ["embed", "text.onnx", "--into", "images"], 3),
    ],
)
def test_what_each_code_is_for(
    drawn_images: Path, tmp_path: Path, main: Callable[[], None], arguments: list[str], code: int
) -> None:
    """The same mistake gets the same code from each command, and one line."""
    (tmp_path / "images").symlink_to(drawn_images)
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "text.onnx").write_text("no model")
    result = run_in_process(main, *arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    if code > 1:
        assert (result.stdout, result.stderr.count("\n")) == ("", 1)
        assert result.stderr.startswith("error: ")


@pytest.mark.parametrize("extra", ["parquet", "fits", "watch", "dask"])
def test_a_missing_extra_is_no_failed_image(
    drawn_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    """It ends with 2, before anything is done: with 1 a cluster script would take the part for complete."""
    arguments: dict[str, list[object]] = {
        "parquet": ["-o", "out.parquet"],
        "fits": ["-o", "out.fits"],
        "watch": ["--watch", "-o", "out.csv"],
        "dask": ["--dask", "local", "-o", "out"],
    }
    monkeypatch.setattr("galaxy_classify.extras.find_spec", lambda module: None)
    result = run_classify(drawn_images, *arguments[extra], cwd=tmp_path)
    assert (result.returncode, list(tmp_path.iterdir())) == (2, [])
    assert f"pip install 'galaxy-classify[{extra}]'" in result.stderr


def test_a_fault_of_the_command_is_no_failed_image(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python itself would end with 1; the traceback is kept for whoever mends it."""

    def broken() -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(runner, "secure_standard_streams", lambda: None)
    with pytest.raises(SystemExit) as ended:
        runner.run(broken)
    assert ended.value.code == 4
    assert "ZeroDivisionError" in (said := capsys.readouterr().err)
    assert said.splitlines()[-1].startswith("error: this is a fault of the command itself")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        ("> /dev/full", 4, "standard output: writing failed: No space left on device"),
        (">&-", 4, "standard output: writing failed: Bad file descriptor"),
        ("| head -n 1; exit ${PIPESTATUS[0]}", 141, ""),
        ("> rows.csv 2> /dev/full", 1, ""),
        ("> rows.csv 2>&-", 1, ""),
        ("-o rows.csv <&- >&- 2>&-", 1, ""),
        ("-o rows.csv > /dev/full 2> /dev/full", 1, ""),
    ],
)
def test_broken_streams(drawn_images: Path, tmp_path: Path, redirection: str, code: int, said: str) -> None:
    """Lost rows are never a success; lost messages never cost a row."""
    command = f"{sys.executable} -m galaxy_classify {drawn_images} none.jpg -f csv"
    # More rows than a pipe holds.
    listed = "".join(f"{drawn_images}/smooth_round.jpg\n" for _ in range(40)) + "none.jpg\n" * 3_000
    (tmp_path / "list.txt").write_text(listed)
    result = subprocess.run(
        ["/bin/bash", "-c", f"{command} --from-file list.txt {redirection}"],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert (result.returncode, "Traceback" in result.stderr) == (code, False), result.stderr
    assert said in result.stderr
    if "rows.csv" in redirection:
        rows = (tmp_path / "rows.csv").read_text().splitlines()
        assert len(rows) == 1 + 40 + 3_000 + len(list(drawn_images.iterdir())) + 1
