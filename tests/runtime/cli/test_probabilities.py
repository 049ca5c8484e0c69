"""Priors, class fractions, prediction sets and coarse classes on the command line."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from astropy.table import Table

from galaxy_classify import GalaxyClassifier, UsageError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES as CLASSES
from in_process import run_classify as run
from simulated_galaxies import held_out, paint_colours, random_colours, save_model

NEW_COLUMNS = ["coarse_label", "coarse_confidence", "prediction_set"]
ALL = ("--prior", "estimate", "--sets", "0.9", "--coarse")
READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "csv": lambda path: list(csv.DictReader(path.read_text().splitlines())),
    "jsonl": lambda path: [json.loads(line) for line in path.read_text().splitlines()],
    "parquet": lambda path: pd.read_parquet(path).to_dict("records"),
    "fits": lambda path: Table.read(path, character_as_bytes=False).to_pandas().to_dict("records"),
    "ecsv": lambda path: Table.read(path).to_pandas().to_dict("records"),
    "vot": lambda path: Table.read(path, format="votable").to_pandas().to_dict("records"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny model with predictions on held-out galaxies."""
    return save_model(tmp_path_factory.mktemp("model") / "model.onnx", held_out())


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with 110 images, the last of which is none."""
    folder = paint_colours(tmp_path_factory.mktemp("many") / "images", random_colours(0, 110))
    (folder / "0109.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def few(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the first eight of them."""
    folder = tmp_path_factory.mktemp("few") / "images"
    folder.mkdir()
    for path in sorted(images.iterdir())[:8]:
        shutil.copy(path, folder)
    return folder


def sidecar(path: Path | str) -> dict[str, Any]:
    """Return the sidecar of a result."""
    content: dict[str, Any] = json.loads(Path(f"{path}.meta.json").read_text())
    return content


def prior_of(path: Path | str) -> dict[str, float]:
    """Return the class mix that a result was made with."""
    prior: dict[str, float] = sidecar(path)["options"]["prior"]
    return prior


def interrupt(result: Path) -> None:
    """Make a complete result of rows the half of one that was being written, with a torn row."""
    content = result.read_bytes()
    Path(f"{result}.partial").write_bytes(content[: len(content) // 2])
    os.replace(f"{result}.meta.json", f"{result}.partial.meta.json")
    result.unlink()


@pytest.mark.parametrize("suffix", READERS)
def test_every_format_has_the_columns_and_reads_them_back(suffix: str, few: Path, model: Path, tmp_path: Path) -> None:
    """A continued run gives the same bytes, whether the file was complete or, of rows, cut off."""
    result = tmp_path / f"result.{suffix}"
    command = (few, "--model", model, "-o", result, *ALL)
    assert run(*command).returncode == 0
    rows = READERS[suffix](result)
    assert len(rows) == 8
    for row in rows:
        names = [str(name) for name in row]
        assert names[names.index("confidence") + 1 :][:3] == NEW_COLUMNS
        members = str(row["prediction_set"]).split("|")
        assert members[0] == row["label"]
        assert set(members) <= set(CLASSES)
        assert row["coarse_label"] == ("smooth" if str(row["coarse_label"]).startswith("smooth") else "disk")
        expected = [float(row["prob_smooth_round"]) + float(row["prob_smooth_cigar"])]
        expected.append(float(row["prob_edge_on_disk"]) + float(row["prob_unbarred_spiral"]))
        assert float(row["coarse_confidence"]) == pytest.approx(max(expected), abs=2e-6)
    whole, prior = result.read_bytes(), prior_of(result)
    if suffix in ("csv", "jsonl"):
        interrupt(result)
    ended = run(*command, "--resume")
    assert ended.returncode == 0
    assert "the class mix of the run that is continued is used" in ended.stderr
    assert prior_of(result) == prior
    if suffix not in ("fits", "ecsv", "vot"):  # astropy's files may name the day
        assert result.read_bytes() == whole
    assert [row["prediction_set"] for row in READERS[suffix](result)] == [row["prediction_set"] for row in rows]


def test_an_estimate_does_not_change_when_the_inputs_do(few: Path, model: Path, tmp_path: Path) -> None:
    """A run that is continued with more images keeps its class mix, so that its rows can stay."""
    folder = Path(shutil.copytree(few, tmp_path / "images"))
    result = tmp_path / "result.csv"
    assert run(folder, "--model", model, "-o", result, *ALL).returncode == 0
    prior = prior_of(result)
    paint_colours(folder / "more", [(0, 0, 255)] * 30)
    ended = run(folder, "--model", model, "-o", result, *ALL, "--resume")
    assert (ended.returncode, prior_of(result)) == (0, prior)
    assert "kept: 8 rows" in ended.stderr
    assert run(folder, "--model", model, "-o", tmp_path / "anew.csv", *ALL).returncode == 0
    assert prior_of(tmp_path / "anew.csv") != prior


def test_all_shards_have_the_same_class_mix(images: Path, model: Path, tmp_path: Path) -> None:
    """That of all inputs, whichever shard a machine works on; their folder can be continued."""
    whole = tmp_path / "whole.csv"
    run(images, "--model", model, "-o", whole, "--prior", "estimate")
    single = tmp_path / "shard.parquet"
    run(images, "--model", model, "-o", single, "--prior", "estimate", "--shard", "2/3")
    folder = tmp_path / "shards"
    command = (images, "--model", model, "-o", f"{folder}/", "--prior", "estimate", "--shard", "1-3/3")
    ended = run(*command)
    sidecars = [json.loads(path.read_text()) for path in sorted(folder.glob("_*.meta.json"))]
    assert len(sidecars) == 3
    priors = [prior_of(whole), prior_of(single), *(content["options"]["prior"] for content in sidecars)]
    assert all(prior == priors[0] for prior in priors)
    assert sum(content["class_mix"]["galaxies"] for content in sidecars) == 109
    lines = ended.stderr.splitlines()
    assert lines[-1].startswith("class fractions, corrected: smooth_round ")  # of the whole run
    assert lines[-1] in lines[0]
    (folder / "shard-2-of-3.parquet").unlink()
    again = run(*command, "--resume")
    assert "the class mix of the run that is continued is used" in again.stderr
    assert len(pd.read_parquet(folder)) == 110


def test_archives_and_catalogues_are_estimated_from(few: Path, model: Path, tmp_path: Path) -> None:
    """The same images give the same class mix, wherever they come from."""
    archive = tmp_path / "images.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(few, "images")
    table = tmp_path / "cat.csv"
    table.write_text("id,file\n" + "".join(f"{path.stem},{path.name}\n" for path in sorted(few.iterdir())))
    results = [tmp_path / f"{name}.csv" for name in ("folder", "archive", "catalogue")]
    inputs: list[list[object]] = [[few], [archive], [few, "--catalog", table, "--path-column", "file"]]
    for named, result in zip(inputs, results, strict=True):
        assert run(*named, "--model", model, "-o", result, *ALL).returncode == 0
    assert [prior_of(result) for result in results] == [prior_of(results[0])] * 3
    assert [row["prediction_set"] for row in READERS["csv"](results[2])] == [
        row["prediction_set"] for row in READERS["csv"](results[0])
    ]


def test_threads_and_batches_change_nothing(images: Path, model: Path, tmp_path: Path) -> None:
    """Neither rows nor class mix."""
    written = []
    for threads, batch in ((1, 32), (2, 32), (2, 7)):
        result = tmp_path / f"{threads}-{batch}.csv"
        options = ("--threads", str(threads), "--batch-size", str(batch))
        run(images, "--model", model, "-o", result, *ALL, *options)
        written.append((result.read_bytes(), sidecar(result)["class_mix"], prior_of(result)))
    assert written == [written[0]] * 3


def test_inputs_that_are_read_once_are_refused(few: Path, model: Path) -> None:
    """Before anything is classified, and with a remedy."""
    ended = run("-", "--model", model, "--prior", "estimate", stdin=b"x.png\n")
    assert ended.returncode == 2
    assert "name it with --from-file" in ended.stderr
    assert run(few, "--model", model, "--prior", "estimate", "--watch").returncode == 2


def test_a_list_of_paths_is_estimated_from(few: Path, model: Path, tmp_path: Path) -> None:
    """It is the remedy that the message names."""
    (tmp_path / "list.txt").write_text("".join(f"{path}\n" for path in sorted(few.iterdir())))
    result = tmp_path / "result.csv"
    assert run("--from-file", tmp_path / "list.txt", "--model", model, "-o", result, *ALL).returncode == 0
    assert len(READERS["csv"](result)) == 8


def test_nothing_to_estimate_from(model: Path, tmp_path: Path) -> None:
    """The mix of the training is used, said so, and no fractions are made up."""
    (tmp_path / "none").mkdir()
    (tmp_path / "bad.png").write_bytes(b"no image")
    for name, code in (("none", 0), ("bad.png", 1)):
        result = tmp_path / f"{name}.csv"
        ended = run(tmp_path / name, "--model", model, "-o", result, *ALL)
        assert ended.returncode == code
        assert "no galaxy could be classified, the class mix of the training is used" in ended.stderr
        assert "class_mix" not in sidecar(result)
        expected = held_out().counts() / len(held_out())
        assert [prior_of(result)[each] for each in CLASSES] == pytest.approx(expected, abs=1e-6)


def test_unfamiliar_galaxies_belong_to_no_class_mix(few: Path, tmp_path: Path) -> None:
    """With a minimum of 1 all are unfamiliar."""
    familiar = save_model(tmp_path / "familiar.onnx", held_out(), familiarity=True)
    result = tmp_path / "result.csv"
    ended = run(few, "--model", familiar, "-o", result, *ALL, "--min-familiarity", "1")
    assert ended.returncode == 0
    assert "no galaxy could be classified" in ended.stderr
    assert "class_mix" not in sidecar(result)


def test_fractions_are_in_sidecar_summary_and_report(images: Path, few: Path, model: Path, tmp_path: Path) -> None:
    """In the summary from a hundred galaxies on; the sidecar has them always, with a remark if they are few."""
    many, small, page = tmp_path / "many.csv", tmp_path / "small.csv", tmp_path / "report.html"
    ended = run(images, "--model", model, "-o", many, "--report", page)
    mix = sidecar(many)["class_mix"]
    assert (mix["galaxies"], mix["notes"], sum(mix["counts"].values())) == (109, [], 109)
    assert sum(mix["fractions"].values()) == pytest.approx(1, abs=1e-5)
    first = f"smooth_round {mix['fractions']['smooth_round']:.3f} ± {mix['standard_errors']['smooth_round']:.3f}"
    assert f"class fractions, corrected: {first}, smooth_cigar " in ended.stderr
    assert json.dumps(mix["fractions"]["smooth_round"]) in page.read_text()
    found = GalaxyClassifier(model)
    estimate = found.class_mix(found.classify(images))
    assert estimate is not None
    assert json.loads(json.dumps(estimate.to_dict())) == mix
    ended = run(few, "--model", model, "-o", small)
    assert "class fractions" not in ended.stderr
    assert sidecar(small)["class_mix"]["notes"] == ["class fractions are rough: the run has only 8 galaxies"]


def test_a_sidecar_is_the_prior_of_another_run(images: Path, few: Path, model: Path, tmp_path: Path) -> None:
    """Its fractions are those that ``--prior estimate`` of that run finds."""
    first, second, estimated = (tmp_path / f"{name}.csv" for name in ("first", "second", "estimated"))
    run(images, "--model", model, "-o", first)
    assert run(few, "--model", model, "-o", second, "--prior", f"{first}.meta.json").returncode == 0
    run(images, "--model", model, "-o", estimated, "--prior", "estimate")
    assert prior_of(second) == pytest.approx(prior_of(estimated), abs=2e-6)


def test_the_file_of_a_prior_is_not_overwritten(few: Path, model: Path, tmp_path: Path) -> None:
    """Neither by the result nor by the report."""
    mix = tmp_path / "mix.csv"
    mix.write_text("class,fraction\n" + "".join(f"{name},1\n" for name in CLASSES))
    before = mix.read_text()
    ended = run(few, "--model", model, "--prior", mix, "-o", mix, "--force")
    assert (ended.returncode, mix.read_text()) == (2, before)
    assert "is read by this run" in ended.stderr


def test_another_prior_or_coverage_does_not_continue_a_run(few: Path, model: Path, tmp_path: Path) -> None:
    """Rows of two kinds are never mixed in one result."""
    result = tmp_path / "result.csv"
    command = (few, "--model", model, "-o", result, "--prior", "uniform", "--sets", "0.9")
    assert run(*command).returncode == 0
    for change in (["--prior", "train"], ["--sets", "0.8"], ["--coarse"]):
        ended = run(*command, *change, "--resume")
        assert ended.returncode == 2
        assert "cannot be continued" in ended.stderr
    assert run(*command, "--resume").returncode == 0


def test_other_classes_have_no_coarse_ones(few: Path, tmp_path: Path) -> None:
    """The message names the classes of the model, and another way."""
    other = save_model(tmp_path / "other.onnx", held_out(), classes=("a", "b", "c", "d"))
    ended = run(few, "--model", other, "--coarse")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "the model has a, b, c, d; sum the columns prob_" in ended.stderr
    swapped = save_model(tmp_path / "swapped.onnx", held_out(), classes=tuple(reversed(CLASSES)))
    rows = list(GalaxyClassifier(swapped, coarse=True).classify(few))
    assert {(row.label, row.coarse_label) for row in rows} <= {
        ("unbarred_spiral", "disk"), ("edge_on_disk", "disk"), ("smooth_cigar", "smooth"), ("smooth_round", "smooth"),
        ("edge_on_disk", "smooth"), ("smooth_cigar", "disk"),
    }  # fmt: skip
    for row in rows:
        disk = row.probabilities["edge_on_disk"] + row.probabilities["unbarred_spiral"]
        assert row.coarse_label == ("disk" if disk > 0.5 else "smooth")
        assert row.coarse_confidence == pytest.approx(max(disk, 1 - disk), abs=1e-6)


def test_classes_with_a_bar_have_no_sets(few: Path, tmp_path: Path) -> None:
    """Their sets could not be read back; everything else goes."""
    barred = save_model(tmp_path / "barred.onnx", held_out(), classes=("a|b", "b", "c", "d"))
    ended = run(few, "--model", barred, "--sets", "0.9")
    assert ended.returncode == 2
    assert "'a|b'" in ended.stderr
    assert run(few, "--model", barred, "--prior", "uniform").returncode == 0


@pytest.mark.parametrize("value", ["0", "1", "1.5", "x"])
def test_a_coverage_lies_between_0_and_1(few: Path, model: Path, value: str) -> None:
    """Neither none nor all can be promised."""
    assert run(few, "--model", model, "--sets", value).returncode == 2


def test_too_high_a_coverage_is_refused_before_the_run(few: Path, model: Path, tmp_path: Path) -> None:
    """With the number of held-out galaxies that there are."""
    ended = run(few, "--model", model, "--sets", "0.9999", "-o", tmp_path / "result.csv")
    assert ended.returncode == 2
    assert "800 held-out galaxies are too few" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_tables_of_predictions_have_the_columns(few: Path, model: Path, tmp_path: Path) -> None:
    """In dictionaries, pandas and astropy as in a result file; failures have none."""
    from galaxy_classify import to_pandas, to_table

    classifier = GalaxyClassifier(model, sets=0.9, coarse=True)
    rows = list(classifier.classify([tmp_path / "lost.png", *sorted(few.iterdir())]))
    assert not set(NEW_COLUMNS) & set(rows[0].to_dict())
    assert rows[1].to_dict()["prediction_set"] == "|".join(rows[1].prediction_set or ())
    frame, table = to_pandas(rows), to_table(rows)
    for names in (list(frame.columns), table.colnames):
        assert names[names.index("confidence") + 1 :][:3] == NEW_COLUMNS
    assert frame.prediction_set.isna().tolist() == [True] + [False] * 8
    assert "one of: " in rows[1]._repr_html_()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_takes_rows_and_gives_a_prior(few: Path, model: Path, tmp_path: Path) -> None:
    """As a process substitution of a shell does."""
    out, mix = tmp_path / "rows", tmp_path / "mix"
    for pipe in (out, mix):
        os.mkfifo(pipe)
    prior = "class,fraction\n" + "".join(f"{name},1\n" for name in CLASSES)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(out.read_text()), daemon=True),
        threading.Thread(target=lambda: mix.write_text(prior), daemon=True),
    ]
    for thread in threads:
        thread.start()
    ended: subprocess.CompletedProcess[str] = run(
        few, "--model", model, "-o", out, "-f", "csv", "--prior", mix, "--sets", "0.9"
    )
    for thread in threads:
        thread.join(10)
    assert ended.returncode == 0
    assert len(found[0].splitlines()) == 9


def test_a_table_for_people_has_sets_and_coarse_classes(few: Path, model: Path) -> None:
    """In braces, the most probable class first."""
    ended = run(few, "--model", model, "-f", "table", "--sets", "0.99", "--coarse")
    assert "{smooth_" in ended.stdout
    assert "smooth  0." in ended.stdout


def test_a_model_without_held_out_galaxies_classifies_as_ever(few: Path, tmp_path: Path) -> None:
    """Its sidecar has the keys of earlier versions, so that results of these can be continued."""
    plain = save_model(tmp_path / "plain.onnx", None)
    result = tmp_path / "result.csv"
    assert run(few, "--model", plain, "-o", result, "--coarse").returncode == 0
    assert "class_mix" not in sidecar(result)
    assert not {"prior", "sets"} & set(sidecar(result)["options"])
    for options in (["--prior", "estimate"], ["--prior", "uniform"], ["--sets", "0.9"]):
        ended = run(few, "--model", plain, *options)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "carries no predictions on held-out galaxies" in ended.stderr


def test_the_classifier_checks_its_own_options(model: Path) -> None:
    """As the command does."""
    wrong: list[dict[str, Any]] = [
        {"sets": 0},
        {"sets": 1.0},
        {"sets": "0.9"},
        {"coarse": 1},
        {"prior": {}},
        {"prior": 5},
    ]
    for options in wrong:
        with pytest.raises(UsageError):
            GalaxyClassifier(model, **options)
