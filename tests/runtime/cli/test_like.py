"""``--like``: the options of an earlier run, from its sidecar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from in_process import run_classify


def options_of(sidecar: Path) -> dict[str, Any]:
    """Return the options that a sidecar records."""
    found: dict[str, Any] = json.loads(sidecar.read_text())
    return {
        **found["options"],
        "model": found["model"]["name"],
        "crop": found["preprocessing"]["crop_fraction"],
    }


@pytest.fixture
def earlier(drawn_images: Path, tmp_path: Path) -> Path:
    """Return the sidecar of a run with many options."""
    options = (
        "--threshold 0.5,smooth_cigar=0.9 --top-k 2 --exact --crop 0.6 --sets 0.9 --coarse --prior uniform "
        "--min-familiarity 0.3 --bands grz --recipe lupton --stretch 0.5 --q 4 --hdu 1 --max-pixels 1000000"
    )
    assert run_classify(drawn_images, "-o", tmp_path / "a.csv", *options.split()).returncode == 0
    return tmp_path / "a.csv.meta.json"


def test_all_that_decides_about_rows_is_repeated(drawn_images: Path, tmp_path: Path, earlier: Path) -> None:
    """The rows of the second run are those of the first."""
    assert run_classify(drawn_images, "-o", tmp_path / "b.csv", "--like", earlier).returncode == 0
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "a.csv").read_text()
    assert options_of(tmp_path / "b.csv.meta.json") == options_of(earlier)


def test_options_on_the_command_line_win(drawn_images: Path, tmp_path: Path, earlier: Path) -> None:
    """To change one thing is what an earlier run is repeated for."""
    changed = ("--threshold", "0.7", "--model", "galaxy-cnn", "--prior", "train")
    assert run_classify(drawn_images, "-o", tmp_path / "b.csv", "--like", earlier, *changed).returncode == 0
    before, now = options_of(earlier), options_of(tmp_path / "b.csv.meta.json")
    assert (now["threshold"], now["sets"], now["top_k"]) == (0.7, 0.9, 2)
    assert now["prior"] != before["prior"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read as the sidecar"),
        ("{}", "is not the sidecar of a result"),
        ("[]", "cannot be read as the sidecar"),
        ("nonsense", "cannot be read as the sidecar"),
        ({"threshold": "high"}, "is not the sidecar of a result, or damaged"),
        ({"top_k": [1]}, "is not the sidecar of a result, or damaged"),
        ({"fits": None}, "is not the sidecar of a result, or damaged"),
        ({"prior": 3}, "is not the sidecar of a result, or damaged"),
    ],
)
def test_what_is_no_sidecar_is_refused(
    drawn_images: Path, tmp_path: Path, earlier: Path, content: Any, message: str
) -> None:
    """With its name and what to name instead, before anything is classified."""
    other = tmp_path / "other.json"
    if isinstance(content, str):
        other.write_text(content)
    elif content is not None:
        found = json.loads(earlier.read_text())
        other.write_text(json.dumps(found | {"options": found["options"] | content}))
    result = run_classify(drawn_images, "--like", other)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"--like {other}: {message}" in result.stderr


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"sha256": "0" * 64}, "which is another one in this version of the package"),
        ({"name": "my-model"}, "which does not come with this package"),
    ],
)
def test_another_model_is_never_taken_for_the_earlier_one(
    drawn_images: Path, tmp_path: Path, earlier: Path, model: dict[str, str], message: str
) -> None:
    """The user names one; then the other options are repeated with that."""
    found = json.loads(earlier.read_text())
    earlier.write_text(json.dumps(found | {"model": found["model"] | model}))
    result = run_classify(drawn_images, "--like", earlier)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert "--model" in result.stderr
    assert run_classify(drawn_images, "--like", earlier, "--model", "galaxy-cnn").returncode == 0
