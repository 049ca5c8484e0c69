"""The class mix of a survey: read from files, checked, brought to a sum of 1."""

from __future__ import annotations

import csv
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galaxy_classify import GalaxyClassifier, UsageError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES as CLASSES
from galaxy_classify.probabilities.prior import MOST_CHARACTERS, SMALLEST, fractions_of, read_prior, resolve_prior
from simulated_galaxies import held_out, paint_colours, save_model

MIX = dict(zip(CLASSES, (0.4, 0.3, 0.2, 0.1), strict=True))
CSV = "class,fraction\n" + "".join(f"{name},{value}\n" for name, value in MIX.items())
HELD_OUT = held_out(galaxies=300)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mix.json", json.dumps(MIX)),
        ("sorted.json", json.dumps(MIX, sort_keys=True, indent=2)),
        ("bom.json", "\ufeff" + json.dumps(MIX)),
        ("mix.csv", CSV),
        ("bom.csv", "\ufeff" + CSV),
        ("windows.csv", CSV.replace("\n", "\r\n")),
        ("more.csv", "note,fraction,class\n" + "".join(f'"a, b",{value},{name}\n' for name, value in MIX.items())),
        ("run.csv.meta.json", json.dumps({"options": {}, "model": {}, "class_mix": {"fractions": MIX}})),
    ],
)
def test_each_form_of_a_file_gives_the_mix(tmp_path: Path, name: str, content: str) -> None:
    """JSON in any order, CSV with further columns, a sidecar; with a byte order mark as Excel writes it."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    assert read_prior(str(path)) == MIX
    assert resolve_prior(read_prior(str(path)), CLASSES, HELD_OUT) == tuple(MIX.items())


def test_a_sidecar_that_found_none_of_a_class_is_a_prior(tmp_path: Path) -> None:
    """An estimate of 0 does not mean that there can be none."""
    fractions = MIX | {"smooth_round": 0.0, "smooth_cigar": 0.7}
    path = tmp_path / "run.csv.meta.json"
    path.write_text(json.dumps({"options": {}, "model": {}, "class_mix": {"fractions": fractions}}))
    assert dict(resolve_prior(read_prior(str(path)), CLASSES, HELD_OUT))["smooth_round"] == SMALLEST


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither JSON nor CSV with the columns class and fraction"),
        (b"[0.25, 0.25]", "neither JSON nor CSV with the columns class and fraction"),
        (b"0.25", "neither JSON nor CSV with the columns class and fraction"),
        (b"name,share\na,1\n", "neither JSON nor CSV with the columns class and fraction"),
        (b"\x89PNG\r\n\xff", "cannot be read: it is not text in UTF-8"),
        (b'{"smooth_round": 0.', "is damaged, it is not JSON"),
        (b'{"a":' * 100_000, "is damaged, it is not JSON"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "is damaged, it is not JSON"),
        (b'{"smooth_round": 1, "smooth_round": 2}', "gives 'smooth_round' twice"),
        (b"class,fraction\nsmooth_round,1\nsmooth_round,2\n", "line 3 gives 'smooth_round' a second fraction"),
        (b"class,fraction\nsmooth_round,many\n", "line 2 has no number as fraction"),
        (b"class,fraction\nsmooth_round\n", "line 2 has no number as fraction"),
        (b"fraction,class\n0.5\n", "line 2 names no class"),
        (b"class,fraction\n" + b"a" * 200_000 + b",1\n", "is damaged, it is not CSV"),
        (b"a" * (MOST_CHARACTERS + 1), "is longer than 1,000,000 characters"),
        (b'{"options": {}, "model": {}}', "this sidecar has no estimated class mix"),
        (b'{"options": {}, "model": {}, "class_mix": 1}', "this sidecar has no estimated class mix"),
        (b'{"options": {}, "model": {}, "class_mix": {"fractions": [1]}}', "this sidecar has no estimated class mix"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes, reason: str) -> None:
    """One line that names the file and what is wrong with it."""
    path = tmp_path / "mix"
    path.write_bytes(content)
    limit = csv.field_size_limit(131_072)  # of the whole process, which may have read a table before
    try:
        with pytest.raises(UsageError) as raised:
            read_prior(str(path))
    finally:
        csv.field_size_limit(limit)
    assert str(raised.value).startswith(f"--prior {path}: ")
    assert reason in str(raised.value)


def test_a_missing_file_and_a_folder_name_the_other_choices(tmp_path: Path) -> None:
    """Who misspells ``uniform`` sees what there is."""
    with pytest.raises(UsageError, match=r"unifrom: .*No such file.* one of uniform, train, estimate"):
        read_prior(str(tmp_path / "unifrom"))
    with pytest.raises(UsageError, match=r"one of uniform, train, estimate"):
        read_prior(str(tmp_path))


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device without an end")
def test_a_file_without_an_end_is_not_read_to_it() -> None:
    """It would fill the memory."""
    with pytest.raises(UsageError, match="is longer than"):
        read_prior("/dev/zero")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"smooth_round": 0}, r"prior of 'smooth_round' is 0, it must be a finite number above 0"),
        ({"smooth_round": -0.1}, "must be a finite number above 0"),
        ({"smooth_round": float("nan")}, "is nan, it must be a finite number above 0"),
        ({"smooth_round": float("inf")}, "must be a finite number above 0"),
        ({"smooth_round": 10**400}, "must be a finite number above 0"),
        ({"smooth_round": "0.4"}, "is '0.4', it must be a finite number above 0"),
        ({"smooth_round": True}, "must be a finite number above 0"),
        ({"smooth_round": None}, "must be a finite number above 0"),
        ({"smoth_round": 0.1}, "prior of 'smoth_round': did you mean 'smooth_round'"),
    ],
)
def test_fractions_that_are_none_are_refused(changes: dict[str, Any], reason: str) -> None:
    """The message names class and value."""
    with pytest.raises(UsageError, match=reason):
        resolve_prior(MIX | changes, CLASSES, HELD_OUT)


def test_missing_classes_and_other_types_are_refused() -> None:
    """A class that is left out is not taken for one that there is none of."""
    with pytest.raises(UsageError, match="no fraction of smooth_cigar, unbarred_spiral; give a rare class a small one"):
        resolve_prior({"smooth_round": 1, "edge_on_disk": 1}, CLASSES, HELD_OUT)
    with pytest.raises(UsageError, match="prior is 'even', it must be uniform, train or"):
        resolve_prior("even", CLASSES, HELD_OUT)
    with pytest.raises(UsageError, match="prior is list"):
        resolve_prior([1, 2, 3, 4], CLASSES, HELD_OUT)  # type: ignore[arg-type]


def test_names_stand_for_mixes() -> None:
    """``train`` is the mix of the held-out galaxies, ``uniform`` an even one."""
    assert fractions_of(resolve_prior("uniform", CLASSES, HELD_OUT)).tolist() == [0.25] * 4
    expected = HELD_OUT.counts() / len(HELD_OUT)
    assert fractions_of(resolve_prior("train", CLASSES, HELD_OUT)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [1e308, 1e300, 5.0, 1e-6, 1e-300, 1e-320])
def test_fractions_may_have_any_sum(scale: float) -> None:
    """They are numbers proportional to the fractions, such as counts."""
    found = resolve_prior(dict.fromkeys(CLASSES, scale), CLASSES, HELD_OUT)
    assert fractions_of(found).tolist() == [0.25] * 4


@pytest.mark.parametrize("classes", [2, 4, 200])
def test_a_resolved_mix_stays_as_it_is(classes: int) -> None:
    """A continued run takes it from the sidecar: a sixth decimal that moved would forbid to continue it."""
    names = [f"class {number}" for number in range(classes)]
    for seed in range(20):
        drawn = np.random.default_rng(seed).dirichlet(np.full(classes, 0.1)) + 1e-12
        once = resolve_prior(dict(zip(names, drawn.tolist(), strict=True)), names, HELD_OUT)
        assert fractions_of(once).sum() == pytest.approx(1, abs=classes * 1e-6)
        assert fractions_of(once).min() >= SMALLEST
        assert resolve_prior(dict(once), names, HELD_OUT) == once


def test_predictions_hold_for_the_mix_by_every_way(tmp_path: Path) -> None:
    """`predict_proba`, `predict` and `classify` agree, and a copy in another process has the mix, too."""
    model = save_model(tmp_path / "model.onnx", held_out())
    paths = sorted(paint_colours(tmp_path / "images", [(120, 100, 90), (20, 200, 30)]).iterdir())
    plain, weighted = GalaxyClassifier(model), GalaxyClassifier(model, prior=MIX)
    images = [path.read_bytes() for path in paths]
    before, after = plain.predict_proba(images), weighted.predict_proba(images)
    assert after.sum(axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert (after[:, 0] / after[:, 3] > before[:, 0] / before[:, 3]).all()
    rows = list(weighted.classify(paths))
    assert [list(row.probabilities.values()) for row in rows] == after.tolist()
    assert weighted.predict(images).tolist() == [row.label for row in rows]
    copy = pickle.loads(pickle.dumps(weighted))  # noqa: S301
    assert copy.predict_proba(images).tolist() == after.tolist()
