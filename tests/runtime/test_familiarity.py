"""Models that say how familiar an image is: the status unfamiliar, its column, and what becomes of both everywhere."""

from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from onnx import helper, numpy_helper
from PIL import Image

from forked_commands import ForkedCommands
from galaxy_classify import GalaxyClassifier, UsageError
from galaxy_classify.inference.embedded import ModelSource, embedded_models
from galaxy_classify.inference.golden import GoldenImage, golden_file, pixels_sha256
from galaxy_classify.inference.model import OnnxModel
from in_process import run_classify
from tiny_model import description, output_info, save_tiny_model

#: Mean red, green and blue of each image. The tiny model takes their mean for the familiarity, 1 for white.
COLOURS: Final = {"black": (1, 0, 0), "dim": (150, 10, 10), "grey": (150, 150, 150), "red": (205, 110, 110)}
#: Status of each by default: black is unfamiliar, not uncertain for its picture, and dim is unfamiliar, however sure.
STATUSES: Final = {
    "bad": "error",
    "black": "unfamiliar",
    "dim": "unfamiliar",
    "grey": "uncertain",
    "red": "ok",
}
BLACK: Final = "almost all black"
SUMMARY: Final = "5 images: 2 classified (1 of them uncertain), 2 unfamiliar, 1 failed"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny model that gives the brightness of an image for its familiarity."""
    return save_tiny_model(tmp_path_factory.mktemp("model") / "familiar.onnx", familiarity=True)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a picture of each colour, and a file that is no image."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "bad.png").write_text("no image")
    for name, colour in COLOURS.items():
        contrast = 1.0 if name == "black" else 0.2  # a picture that is the same everywhere is none
        column = np.where(np.arange(64) % 2, 1 - contrast, 1 + contrast)[:, np.newaxis] * np.array(colour)
        pixels = np.broadcast_to(column.round(), (64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a CSV file by the name of the image."""
    with path.open(newline="") as file:
        return {Path(row["path"]).stem: row for row in csv.DictReader(file)}


def statuses_of(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the status of each row."""
    return {name: row["status"] for name, row in rows.items()}


def familiarity_of(name: str) -> float:
    """Return the familiarity that the tiny model gives a picture."""
    return sum(COLOURS[name]) / 3 / 255


def sidecar_of(path: Path) -> dict[str, Any]:
    """Return the content of a result's sidecar."""
    content: dict[str, Any] = json.loads(path.with_name(f"{path.name}.meta.json").read_text())
    return content


def test_rows_below_the_minimum_are_unfamiliar(model: Path, images: Path, tmp_path: Path) -> None:
    """They keep their best guess and their remark, are no failures, and summary and sidecar count them."""
    output = tmp_path / "out.csv"
    result = run_classify(images, "-m", model, "-o", output)
    assert result.returncode == 1  # for bad.png
    assert result.stderr.startswith(SUMMARY)
    rows = rows_of(output)
    assert list(rows["red"])[:6] == ["path", "status", "label", "confidence", "familiarity", "prob_smooth_round"]
    assert statuses_of(rows) == STATUSES
    for name in COLOURS:
        assert float(rows[name]["familiarity"]) == pytest.approx(familiarity_of(name), abs=2e-6)
        assert len(rows[name]["familiarity"].partition(".")[2]) == 6
    assert (rows["dim"]["label"], rows["dim"]["message"]) == ("smooth_round", "")
    assert float(rows["dim"]["confidence"]) > 0.9
    assert BLACK in rows["black"]["message"]
    assert (rows["bad"]["familiarity"], rows["bad"]["label"]) == ("", "")
    sidecar = sidecar_of(output)
    assert sidecar["counts"] == {"ok": 1, "uncertain": 1, "unfamiliar": 2, "error": 1}
    assert (sidecar["options"]["min_familiarity"], sidecar["model"]["contract"]) == (0.5, "2")
    good = [images / f"{name}.png" for name in COLOURS]
    assert run_classify(*good, "-m", model).returncode == 0


@pytest.mark.parametrize(
    ("minimum", "unfamiliar"), [(0, set()), (0.1, {"black"}), (0.57, {"black", "dim", "red"}), (1, set(COLOURS))]
)
def test_the_minimum_can_be_chosen(
    model: Path, images: Path, tmp_path: Path, minimum: float, unfamiliar: set[str]
) -> None:
    """With 0 nothing is unfamiliar, and a picture that no one would recognise is uncertain as before."""
    output = tmp_path / "out.csv"
    run_classify(images, "-m", model, "-o", output, "--min-familiarity", minimum)
    found = statuses_of(rows_of(output))
    assert {name for name, status in found.items() if status == "unfamiliar"} == unfamiliar
    assert found["black"] == ("unfamiliar" if unfamiliar else "uncertain")
    assert sidecar_of(output)["options"]["min_familiarity"] == minimum


def test_a_model_without_familiarity_is_as_it_was(tiny_model: Path, images: Path, tmp_path: Path) -> None:
    """No column, no word in the summary, and a sidecar with earlier versions' entries and the decoder."""
    output = tmp_path / "out.csv"
    result = run_classify(images, "-m", tiny_model, "-o", output)
    assert result.stderr.startswith("5 images: 4 classified (2 of them uncertain), 1 failed (")
    rows = rows_of(output)
    assert list(rows["red"])[:5] == ["path", "status", "label", "confidence", "prob_smooth_round"]
    assert statuses_of(rows) == STATUSES | {"black": "uncertain", "dim": "ok"}
    sidecar = sidecar_of(output)
    assert sidecar.keys() == {"package", "package_version", "model", "preprocessing", "options", "decoder"}
    assert sidecar["model"]["contract"] == "1"
    assert sidecar["options"].keys() == {
        "threshold", "top_k", "shard", "catalog_columns", "image_column", "max_pixels", "exact", "provider", "fits",
    }  # fmt: skip


def test_a_minimum_without_familiarity_is_refused(tiny_model: Path, images: Path, tmp_path: Path) -> None:
    """It would do nothing: the message names the model and the remedy, and nothing is written."""
    result = run_classify(images, "-m", tiny_model, "-o", tmp_path / "out.csv", "--min-familiarity", 0.5)
    assert (result.returncode, result.stderr.count("\n"), list(tmp_path.iterdir())) == (2, 1, [])
    assert "the model tiny@" in result.stderr
    assert "gives no familiarity" in result.stderr
    assert "galaxy-classify models" in result.stderr
    with pytest.raises(UsageError, match="gives no familiarity"):
        GalaxyClassifier(tiny_model, min_familiarity=0.5)


@pytest.mark.parametrize("minimum", ["-0.1", "1.5", "nan", "much"])
def test_a_minimum_is_a_number_from_0_to_1(model: Path, images: Path, minimum: str) -> None:
    """Of the command and of the class."""
    result = run_classify(images, "-m", model, "--min-familiarity", minimum)
    assert result.returncode == 2
    assert f"'{minimum}' is not a number between 0 and 1" in " ".join(result.stderr.split())
    value: Any = minimum if minimum == "much" else float(minimum)
    with pytest.raises(UsageError, match="min_familiarity"):
        GalaxyClassifier(model, min_familiarity=value)


def test_the_class_does_the_same(model: Path, images: Path) -> None:
    """Predictions have the number, a pickle keeps the minimum, and probabilities are those of before."""
    classifier = GalaxyClassifier(model, threads=1)
    assert classifier.min_familiarity == 0.5
    strict = pickle.loads(pickle.dumps(GalaxyClassifier(model, threads=1, min_familiarity=0.9)))  # noqa: S301
    assert strict.min_familiarity == 0.9
    rows = {Path(row.path).stem: row for row in classifier.classify(sorted(images.iterdir()))}
    assert {name: row.status for name, row in rows.items()} == STATUSES
    assert rows["red"].familiarity == pytest.approx(familiarity_of("red"))
    assert rows["bad"].familiarity is None
    (row,) = strict.classify([("in memory", (images / "red.png").read_bytes())])
    assert (row.status, row.label) == ("unfamiliar", rows["red"].label)
    assert strict.predict_proba((images / "red.png").read_bytes()).max() == rows["red"].confidence


def test_a_rounding_beyond_0_and_1_is_cut_off(tmp_path: Path, images: Path) -> None:
    """The outputs of an int8 network may lie there; a row says 0 to 1."""
    nodes = [
        helper.make_node("Constant", [], ["little"], value=numpy_helper.from_array(np.array(0.0005, np.float32))),
        helper.make_node("Ceil", ["brightness"], ["one"]),
        helper.make_node("Add", ["one", "little"], ["familiarity"]),
    ]
    outputs = [output_info("familiarity", ["batch"])]
    model = save_tiny_model(tmp_path / "a.onnx", further=nodes, further_outputs=outputs)
    (row,) = GalaxyClassifier(model, threads=1, min_familiarity=1).classify(images / "red.png")
    assert (row.status, row.familiarity) == ("ok", 1.0)


def test_a_catalogue_may_have_such_a_column(tiny_model: Path, model: Path, images: Path, tmp_path: Path) -> None:
    """It gets a prefix only beside the result's own."""
    catalog = tmp_path / "cat.csv"
    catalog.write_text(f"file,familiarity\n{images}/red.png,7\n")
    for used, expected in ((model, ["familiarity", "catalog_familiarity"]), (tiny_model, ["familiarity"])):
        output = tmp_path / f"{used.stem}.csv"
        run_classify("--catalog", catalog, "-m", used, "-o", output)
        row = rows_of(output)["red"]
        assert [name for name in row if "familiarity" in name] == expected
        assert row[expected[-1]] == "7"


def test_json_lines_have_the_column(model: Path, images: Path) -> None:
    """A number, or null for an error; the provenance in the rows names the minimum."""
    result = run_classify(images, "-m", model, "--json")
    rows = {Path(row["path"]).stem: row for row in map(json.loads, result.stdout.splitlines())}
    assert list(rows["red"])[3:5] == ["confidence", "familiarity"]
    assert rows["red"]["familiarity"] == pytest.approx(familiarity_of("red"), abs=1e-6)
    assert rows["bad"]["familiarity"] is None
    assert rows["red"]["provenance"]["options"]["min_familiarity"] == 0.5


@pytest.mark.parametrize("suffix", ["parquet", "fits", "ecsv", "vot"])
def test_typed_tables_have_the_column(model: Path, images: Path, tmp_path: Path, suffix: str) -> None:
    """With its meaning for astronomers' tools, and a resumed run gives the same bytes."""
    output = tmp_path / f"out.{suffix}"
    run_classify(images, "-m", model, "-o", output)
    if suffix == "parquet":
        field = pq.read_schema(output).field("familiarity")
        assert field.metadata[b"ucd"] == b"stat.confidenceLevel"
        assert field.metadata[b"description"].startswith(b"how much the image is like")
        values = pq.read_table(output).to_pydict()
        assert values["familiarity"][0] is None
    else:
        table = Table.read(output, **({"format": "votable"} if suffix == "vot" else {}))
        values = {name: table[name].tolist() for name in table.colnames}
        assert np.ma.getmaskarray(table["familiarity"])[0] or np.isnan(table["familiarity"][0])
        if suffix == "vot":
            assert table["familiarity"].meta["ucd"] == "stat.confidenceLevel"
    assert list(values)[2:5] == ["label", "confidence", "familiarity"]
    assert values["familiarity"][4] == pytest.approx(familiarity_of("red"), abs=1e-6)
    assert [name.decode() if isinstance(name, bytes) else name for name in values["status"]] == list(STATUSES.values())
    whole = output.read_bytes()
    result = run_classify(images, "-m", model, "-o", output, "--resume")
    assert "kept: 5 rows" in result.stderr
    assert result.stderr.startswith(SUMMARY)
    assert output.read_bytes() == whole


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("kept", [0, 1, 3, 5])
def test_a_resumed_run_gives_the_same_bytes(model: Path, images: Path, tmp_path: Path, suffix: str, kept: int) -> None:
    """Rows that are unfamiliar are kept as such, and counted, wherever the run was interrupted."""
    output = tmp_path / f"out.{suffix}"
    run_classify(images, "-m", model, "-o", output)
    whole, sidecar = output.read_bytes(), sidecar_of(output)
    rows = tmp_path / f"rows.{'csv' if suffix == 'csv' else 'jsonl'}"
    run_classify(images, "-m", model, "-o", rows)
    lines = rows.read_text().splitlines(keepends=True)
    partial = tmp_path / f"out.{suffix}.partial"
    partial.write_text("".join(lines[: kept + (suffix == "csv")]) + "torn")
    output.rename(tmp_path / "whole")
    os.rename(f"{output}.meta.json", f"{partial}.meta.json")
    result = run_classify(images, "-m", model, "-o", output, "--resume")
    assert result.stderr.startswith(SUMMARY)
    assert f"kept: {kept} row" in result.stderr or not kept
    assert (output.read_bytes(), sidecar_of(output)) == (whole, sidecar)


def test_another_minimum_is_another_result(model: Path, images: Path, tmp_path: Path) -> None:
    """As another threshold is: rows of both are not mixed."""
    output = tmp_path / "out.csv"
    run_classify(images, "-m", model, "-o", output)
    result = run_classify(images, "-m", model, "-o", output, "--resume", "--min-familiarity", 0.3)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "options min_familiarity was 0.5, now it is 0.3; --force starts anew" in result.stderr
    result = run_classify(images, "-m", model, "-o", output, "--resume", "--min-familiarity", 0.5)
    assert result.returncode == 1


def test_the_table_shows_it(model: Path, images: Path) -> None:
    """The number behind the confidence, the status as a word, and a count of its own below."""
    lines = run_classify(images, "-m", model, "-f", "table").stdout.splitlines()
    assert lines[0].split() == ["image", "class", "confidence", "familiarity"]
    rows = {Path(line.split()[0]).stem: line.split()[1:] for line in lines[1:6]}
    assert rows["dim"] == ["smooth_round", "0.967", "0.222", "unfamiliar"]
    assert rows["red"] == ["smooth_round", "0.906", "0.556"]
    assert rows["grey"][3] == "uncertain"
    assert rows["black"][3:] == ["unfamiliar", *BLACK.split()]
    assert lines[7] == SUMMARY
    assert [line.split()[:2] for line in lines[8:13]] == [
        ["smooth_round", "2"], ["smooth_cigar", "0"], ["edge_on_disk", "0"], ["unbarred_spiral", "0"],
        ["unfamiliar", "2"],
    ]  # fmt: skip


def test_unfamiliar_images_are_sorted_into_a_folder_of_their_own(model: Path, images: Path, tmp_path: Path) -> None:
    """Nobody finds them among the galaxies of a class; a resumed run puts them in the same place."""
    for resumed in (False, True):
        target = tmp_path / f"sorted {resumed}"
        arguments = ["-o", tmp_path / "out.csv", *(["--resume"] if resumed else [])]
        result = run_classify(images, "-m", model, "--sort-into", target, *arguments)
        assert "sorted: 4 copied" in result.stderr
        assert {str(path.relative_to(target)) for path in target.rglob("*.png")} == {
            "smooth_round/red.png", "smooth_round/grey.png", "unfamiliar/dim.png", "unfamiliar/black.png",
        }  # fmt: skip


@pytest.mark.parametrize("name", ["unfamiliar", "Unfamiliar"])
def test_a_class_of_that_name_cannot_be_told_apart(images: Path, tmp_path: Path, name: str) -> None:
    """Sorting is refused before anything is written, with a way out; otherwise such a class does no harm."""
    metadata = description(contract="2", classes=(name, "b", "c", "d")).to_metadata()
    model = save_tiny_model(tmp_path / "a.onnx", familiarity=True, metadata=metadata)
    target = tmp_path / "sorted"
    result = run_classify(images, "-m", model, "-o", tmp_path / "out.csv", "--sort-into", target)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"images of the class '{name}' and unfamiliar images would share a folder" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx"}
    result = run_classify(images, "-m", model, "--sort-into", target, "--min-familiarity", 0)
    assert "sorted: 4 copied" in result.stderr
    assert {path.name for path in target.iterdir()} == {name}
    output = tmp_path / "out.csv"
    run_classify(images, "-m", model, "-o", output)
    row = rows_of(output)["dim"]
    assert (row["status"], row["label"], row[f"prob_{name}"]) == ("unfamiliar", name, row["confidence"])


def test_labels_of_unfamiliar_images_count_and_are_named(model: Path, images: Path, tmp_path: Path) -> None:
    """Leaving them out would flatter the model."""
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\nred.png,smooth_round\ndim.png,smooth_cigar\nblack.png,smooth_round\n")
    output = tmp_path / "out.csv"
    result = run_classify(images, "-m", model, "-o", output, "--labels", labels)
    assert "labels: accuracy 0.6667" in result.stderr
    assert "2 labelled images unfamiliar to the model, all counted" in result.stderr
    sidecar = sidecar_of(output)
    assert "2 labelled images unfamiliar to the model, all counted" in sidecar["evaluation"]["notes"]
    assert sidecar["counts"]["unfamiliar"] == 2


def test_shards_have_it_and_their_own_counts(model: Path, images: Path, tmp_path: Path) -> None:
    """A check of the shards knows the status, and each sidecar counts the rows of its own file."""
    folder = tmp_path / "shards"
    result = run_classify(images, "-m", model, "--shard", "1-3/3", "-o", f"{folder}/")
    assert result.stderr.startswith(SUMMARY)
    found: dict[str, int] = {}
    for file in sorted(folder.glob("*.parquet")):
        counts = json.loads(file.with_name(f"_{file.name}.meta.json").read_text())["counts"]
        rows = pq.read_table(file).column("status").to_pylist()
        assert counts == {status: rows.count(status) for status in ("ok", "uncertain", "unfamiliar", "error")}
        found = {status: found.get(status, 0) + number for status, number in counts.items()}
    assert found == {"ok": 1, "uncertain": 1, "unfamiliar": 2, "error": 1}
    result = run_classify("--check-shards", folder)
    assert (result.returncode, result.stdout) == (0, "3 of 3 shards, 5 rows, 1 of them failed\nwhole\n")


def test_the_report_shows_a_group_of_its_own(model: Path, images: Path, tmp_path: Path) -> None:
    """Its data have the number, the minimum, and for each card status and familiarity."""
    page = tmp_path / "report.html"
    run_classify(images, "-m", model, "-o", tmp_path / "out.csv", "--report", page)
    text = page.read_text(encoding="utf-8")
    assert f"{SUMMARY}. By class: smooth_round 2, smooth_cigar 0," in text
    data = json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
    assert (data["classified"], data["unfamiliar"], data["failed"], data["min_familiarity"]) == (2, 2, 1, 0.5)
    assert (data["labels"], sum(data["uncertain"])) == ([2, 0, 0, 0], 1)
    assert (sum(map(sum, data["histograms"])), sum(data["unfamiliar_histogram"])) == (2, 2)
    cards = {Path(card["path"]).stem: card for card in data["rows"]}
    assert {name: card["unfamiliar"] for name, card in cards.items()} == {
        name: STATUSES[name] == "unfamiliar" for name in COLOURS
    }
    assert {name: card["familiarity"] for name, card in cards.items()} == {
        name: pytest.approx(familiarity_of(name), abs=1e-6) for name in COLOURS
    }


def test_pictures_that_the_model_saw_are_saved_too(model: Path, images: Path, tmp_path: Path) -> None:
    """Whoever wants to know why an image is unfamiliar looks at them."""
    result = run_classify(images, "-m", model, "-o", tmp_path / "out.csv", "--save-seen", tmp_path / "seen")
    assert result.returncode == 1  # for bad.png
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {f"{name}.png.png" for name in COLOURS}


def test_the_list_of_models_says_which_have_it() -> None:
    """A column beside the metrics."""
    head, *lines = run_classify("--list-models").stdout.splitlines()
    place = head.index("familiarity")
    expected = ["yes" if OnnxModel(source).has_familiarity else "no" for source in embedded_models().values()]
    assert [line[place:].split()[0] for line in lines] == expected


def write_golden(model: Path, images: Path, change: float | None = 0.0) -> None:
    """Write a golden file with one image, and its familiarity with this change; None leaves it out."""
    content = (images / "red.png").read_bytes()
    pixels = np.asarray(Image.open(images / "red.png"))
    outputs = OnnxModel(ModelSource(model)).run(pixels[np.newaxis])
    probabilities = tuple(outputs.probabilities[0].tolist())
    familiarity = None
    if change is not None:
        familiarity = change + (0.5 if outputs.familiarity is None else float(outputs.familiarity[0]))
    image = GoldenImage("red", content, pixels_sha256(pixels), probabilities, (), probabilities, familiarity)
    entry = image.to_json()
    golden = {"model_sha256": OnnxModel(ModelSource(model)).sha256, "images": [entry]}
    golden_file(model).write_text(json.dumps(golden))


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (None, 0, []),
        (0.0, 0, ["the largest difference of a familiarity is 0.0e+00 (limit 1e-04)"]),
        (5e-5, 0, ["the largest difference of a familiarity is 5.0e-05"]),
        (2e-4, 3, ["the largest difference of a familiarity is 2.0e-04", "self-test failed"]),
        (float("nan"), 3, ["the largest difference of a familiarity is inf"]),
    ],
)
def test_the_self_test_compares_it(
    model: Path, images: Path, tmp_path: Path, change: float | None, code: int, said: list[str]
) -> None:
    """If it was recorded; files of models without it are as they were."""
    copy = tmp_path / "model.onnx"
    shutil.copy(model, copy)
    write_golden(copy, images, change)
    assert ("familiarity" in golden_file(copy).read_text()) == (change is not None)
    result = run_classify("--self-test", "-m", copy)
    assert result.returncode == code, result.stdout + result.stderr
    assert ("of a familiarity" in result.stdout) == bool(said)
    for text in said:
        assert text in result.stdout


def test_a_golden_familiarity_needs_a_model_that_gives_it(tiny_model: Path, images: Path, tmp_path: Path) -> None:
    """Else it would go untested."""
    copy = tmp_path / "model.onnx"
    shutil.copy(tiny_model, copy)
    write_golden(copy, images)
    result = run_classify("--self-test", "-m", copy)
    assert result.returncode == 3
    assert "has familiarities, which the model does not give" in result.stderr


@pytest.mark.slow
def test_a_watched_folder_has_it(model: Path, images: Path, tmp_path: Path, forked_commands: ForkedCommands) -> None:
    """Rows that are there are counted and sorted as they are, new ones are added to them."""
    folder, output, target = tmp_path / "in", tmp_path / "out.csv", tmp_path / "sorted"
    folder.mkdir()
    shutil.copy(images / "dim.png", folder)
    for number, name in enumerate(("dim", "red")):
        shutil.copy(images / f"{name}.png", folder)
        options = ["--resume"] if number else []
        arguments = map(str, (folder, "--watch", "-m", model, "-o", output, "--sort-into", target, *options))
        process = forked_commands.start(*arguments, stderr=-1)
        wait_for(lambda: output.exists() and name in rows_of(output))  # noqa: B023
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert errors.decode().splitlines()[1] == "2 images: 1 classified (0 of them uncertain), 1 unfamiliar, 0 failed"
    assert sidecar_of(output)["counts"] == {"ok": 1, "uncertain": 0, "unfamiliar": 1, "error": 0}
    assert {str(path.relative_to(target)) for path in target.rglob("*.png")} == {
        "unfamiliar/dim.png", "smooth_round/red.png",
    }  # fmt: skip


def wait_for(reached: Callable[[], object]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)
