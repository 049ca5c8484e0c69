"""The astronomer's loop: from a catalogue to cutouts, rows, a checked report, corrected labels, a better network."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cutout_server import serving_cutouts
from galaxy_classify.fetch import run as fetch_run
from galaxy_classify.fetch.pace import Pace
from galaxy_painter import KINDS
from in_process import run_classify
from trainings import Convert, run_train

pytestmark = pytest.mark.slow

PER_CLASS = 12


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_catalogue_becomes_a_checked_table_and_a_network_that_has_learnt_from_it(
    convert: Convert, trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command takes what the one before has written, and each galaxy keeps its id all the way."""
    monkeypatch.setattr(fetch_run, "Pace", lambda rate, sleep: Pace(1000 * rate, sleep))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    ids = [f"g{number:03d}" for number in range(PER_CLASS * len(KINDS))]
    lines = [f"{name},{number},{number / 10},6.5" for number, name in enumerate(ids)]
    Path("galaxies.csv").write_text("\n".join(["objid,ra,dec,r90", *lines]) + "\n")

    # The cutout of the galaxy at right ascension n shows the kind n modulo four.
    with serving_cutouts() as service:
        fetched = run_classify(
            "fetch", "galaxies.csv", "--service", service.template, "--size90-column", "r90", "--id-column", "objid",
            "--pixels", 128, "-o", "cutouts",
        )  # fmt: skip
    assert fetched.returncode == 0, fetched.stderr
    assert len(service.requests) == len(ids)

    catalog = ["--catalog", "cutouts/cutouts.csv", "--id-column", "objid"]
    classified = run_classify(*catalog, "-o", "first.csv", "--report", "first.html", "-q")
    assert classified.returncode == 0, classified.stderr
    rows = rows_of(Path("first.csv"))
    assert [row["objid"] for row in rows] == ids
    assert all(row["path"] in Path("first.html").read_text(encoding="utf-8") for row in rows)

    # What the report's "Save CSV" writes: here the verdicts are the true kinds, and one galaxy is none of these.
    verdicts = [(row["path"], KINDS[number % len(KINDS)]) for number, row in enumerate(rows)]
    verdicts[-1] = (verdicts[-1][0], "none of these")
    with Path("verdicts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label"), *verdicts])
    checked = run_classify(*catalog, "-o", "checked.csv", "--labels", "verdicts.csv", "--report", "checked.html")
    assert checked.returncode == 0, checked.stderr
    assert f"on {len(ids) - 1} images" in checked.stderr

    fit: list[str | Path] = [
        "fit",
        "--data",
        "verdicts.csv",
        "--recipe",
        "mlp",
        "--init",
        trained_run,
        "--epochs",
        "2",
        "--out",
        "second",
    ]
    learnt = run_train(*fit, whole=True)
    assert learnt.returncode == 0, learnt.stderr
    converted = convert("second", "-o", "second.onnx", "--images", "cutouts")
    assert converted.returncode == 0, converted.stderr

    again = run_classify(*catalog, "-m", "second.onnx", "-o", "second.csv", "--labels", "verdicts.csv", "-q")
    assert again.returncode == 0, again.stderr
    rows = rows_of(Path("second.csv"))
    assert [row["objid"] for row in rows] == ids
    assert all(row["model"].startswith("second@") for row in rows)
    right = sum(row["label"] == label for row, (_, label) in zip(rows, verdicts, strict=True))
    assert right >= 0.7 * len(ids)
