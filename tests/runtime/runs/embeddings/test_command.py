"""The option ``--embeddings``: what it writes, with what it goes together, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import tarfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from galaxy_classify import GalaxyClassifier
from galaxy_painter import KINDS, paint
from in_process import run_classify as run
from tiny_model import save_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model whose embedding is the mean colour."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "e.onnx", embedding=True)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Folder with twelve galaxies, one file that is no image, and a tar that a stream reads in order."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(12):
        paint(KINDS[number % 4], seed=number, size=64).save(folder / f"{number:02}.png")
    (folder / "05b.png").write_text("no image")
    with tarfile.open(folder / "more.tar.gz", "w:gz") as archive:
        archive.add(folder / "00.png", "first.png")
        archive.add(folder / "01.png", "second.png")
    return folder


def table(path: Path) -> Any:
    """Return the file of embeddings."""
    return pq.read_table(path)


def vectors(path: Path) -> np.ndarray:
    """Return the vectors of a file, shape (rows, features)."""
    found = table(path)
    return np.array(found["embedding"].to_pylist(), np.float32).reshape(found.num_rows, -1)


@pytest.mark.parametrize("output", ["out.csv", "out.parquet", None])
def test_vectors_stand_beside_the_rows(model: Path, images: Path, tmp_path: Path, output: str | None) -> None:
    """One for each row with a class, in its order, of a fixed length in float32, with the model in the metadata."""
    target = tmp_path / "e.parquet"
    destination = () if output is None else ("-o", tmp_path / output)
    result = run(images, "-m", model, "--embeddings", target, "--batch-size", 3, *destination)
    assert result.returncode == 1  # for 05b.png
    assert f"embeddings: 14 vectors of 3 features in {target}\n" in result.stderr
    found = table(target)
    assert found.schema.names == ["row", "path", "status", "label", "embedding"]
    assert found.schema.field("embedding").type == pa.list_(pa.float32(), 3)
    provenance = json.loads(found.schema.metadata[b"galaxy_classify"])
    classifier = GalaxyClassifier(model, threads=1)
    assert provenance["model"]["sha256"] == classifier.model.sha256
    if output == "out.csv":
        rows = list(csv.DictReader((tmp_path / output).read_text().splitlines()))
    elif output == "out.parquet":
        rows = pq.read_table(tmp_path / output).to_pylist()
    else:
        rows = list(csv.DictReader(result.stdout.splitlines()))
    assert len(rows) == 15
    for number, row in enumerate(found.to_pylist()):
        place = row["row"]
        assert {name: rows[place][name] for name in ("path", "status", "label")} == {
            name: row[name] for name in ("path", "status", "label")
        }
        assert "05b" not in row["path"]
        if "::" not in row["path"]:
            assert vectors(target)[number] == pytest.approx(classifier.embed(Path(row["path"]).read_bytes())[0])
    assert {path.name for path in tmp_path.iterdir()} == {
        "images", "e.parquet", *([output, f"{output}.meta.json"] if output else []),
    }  # fmt: skip


def test_the_result_is_the_same_with_and_without(model: Path, images: Path, tmp_path: Path) -> None:
    """Asking for embeddings changes no row."""
    run(images, "-m", model, "-o", tmp_path / "with.csv", "--embeddings", tmp_path / "e.parquet")
    run(images, "-m", model, "-o", tmp_path / "without.csv")
    assert (tmp_path / "with.csv").read_bytes() == (tmp_path / "without.csv").read_bytes()


def test_a_result_without_embeddings_is_completed(model: Path, images: Path, tmp_path: Path) -> None:
    """With --resume the vectors of its rows are made, from archives too: the file is that of one run for both."""
    names = ("-m", model, "-o", tmp_path / "out.csv")
    run(images, *names)
    rows = (tmp_path / "out.csv").read_bytes()
    with mock.patch("galaxy_classify.runs.embeddings.recorder.TOGETHER", 4):
        result = run(images, *names, "--embeddings", tmp_path / "e.parquet", "--resume")
    assert "embeddings: 14 vectors" in result.stderr
    assert (tmp_path / "out.csv").read_bytes() == rows
    run(images, "-m", model, "-o", tmp_path / "new.csv", "--embeddings", tmp_path / "new.parquet")
    assert table(tmp_path / "e.parquet").equals(table(tmp_path / "new.parquet"))
    assert (tmp_path / "e.parquet").read_bytes() == (tmp_path / "new.parquet").read_bytes()


def test_an_image_that_was_replaced_gets_no_vector(model: Path, images: Path, tmp_path: Path) -> None:
    """Not even if the new one is of the same class: its vector would stand beside the numbers of the old one."""
    options = (images, "-m", model, "-o", tmp_path / "out.csv")
    run(*options)
    with Image.open(images / "03.png") as image:
        image.point(lambda level: level * 0.8).save(images / "03.png")
    rows = (tmp_path / "out.csv").read_text()
    result = run(*options, "--embeddings", tmp_path / "e.parquet", "--resume")
    assert result.returncode == 1
    assert f"1 missing: {images / '03.png'}: the image has changed since it was classified" in result.stderr
    assert (tmp_path / "out.csv").read_text() == rows
    assert 3 not in table(tmp_path / "e.parquet")["row"].to_pylist()
    labels = [row["label"] for row in csv.DictReader(rows.splitlines())]
    run(images, "-m", model, "-o", tmp_path / "new.csv")
    assert [row["label"] for row in csv.DictReader((tmp_path / "new.csv").read_text().splitlines())] == labels


def test_an_error_that_is_mended_gets_its_vector_in_its_place(model: Path, images: Path, tmp_path: Path) -> None:
    """It is tried again at the end of a resumed run, and its row stands where it stood."""
    options = (images, "-m", model, "-o", tmp_path / "out.csv", "--embeddings", tmp_path / "e.parquet")
    run(*options)
    paint("smooth_round", seed=77, size=64).save(images / "05b.png")
    assert run(*options, "--resume").returncode == 0
    assert table(tmp_path / "e.parquet")["row"].to_pylist() == list(range(15))
    paths = [row["path"] for row in csv.DictReader((tmp_path / "out.csv").read_text().splitlines())]
    assert table(tmp_path / "e.parquet")["path"].to_pylist() == paths


def test_shards_in_a_folder_have_one_file(model: Path, images: Path, tmp_path: Path) -> None:
    """Their rows come one shard after the other; the file lies elsewhere, as the folder is read as one table."""
    (tmp_path / "shards").mkdir()
    options = (images, "-m", model, "-o", tmp_path / "shards", "--shard", "1-3/3")
    result = run(*options, "--embeddings", tmp_path / "shards" / "e.parquet")
    assert result.returncode == 2
    assert "whose Parquet files are read as one table" in result.stderr
    run(*options, "--embeddings", tmp_path / "e.parquet")
    rows = pq.read_table(tmp_path / "shards")["path"].to_pylist()
    found = table(tmp_path / "e.parquet")
    assert [rows[number] for number in found["row"].to_pylist()] == found["path"].to_pylist()
    assert found.num_rows == 14
    run(*options, "--embeddings", tmp_path / "e.parquet", "--resume")
    assert table(tmp_path / "e.parquet").equals(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--embeddings e.csv", "e.csv: --embeddings writes Parquet: name a file FILE.parquet"),
        ("--embeddings -", "-: --embeddings writes Parquet"),
        ("--embeddings there.parquet", "there.parquet: exists already; --force replaces it, --resume completes it"),
        ("--embeddings begun.parquet", "begun.parquet.partial: holds the embeddings of an interrupted run; --resume"),
        ("--embeddings no/e.parquet", "no/e.parquet: cannot be written: its folder no is not there"),
        ("--embeddings e.parquet -o e.parquet", "would be written by --embeddings and, as e.parquet, by --output"),
        ("--embeddings e.parquet -o e.parquet.lock -f csv", "e.parquet.lock, by --output"),
        (
            "--embeddings e.parquet --report e.parquet",
            "by --report and, as e.parquet, by --embeddings",
        ),
        ("--embeddings there.parquet --from-file there.parquet --force", "would be written for --embeddings"),
        ("--embeddings e.parquet --watch", "--watch does not go with --embeddings: their file is complete at the end"),
        ("--embeddings e.parquet --dask local -o out", "--embeddings does not go with --dask"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    model: Path, tmp_path: Path, options: str, said: str
) -> None:
    """A message says why, and nothing is written or replaced."""
    (tmp_path / "images").mkdir()
    paint("smooth_round", seed=1, size=64).save(tmp_path / "images" / "a.png")
    (tmp_path / "there.parquet").write_bytes(b"there")
    (tmp_path / "begun.parquet.partial").write_bytes(b"begun")
    before = sorted(tmp_path.rglob("*"))
    inputs = () if "--from-file" in options else ("images",)
    result = run(*inputs, "-m", model, *options.split(), cwd=tmp_path)
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "there.parquet").read_bytes() == b"there"


def test_a_pipe_is_no_place_for_parquet(model: Path, images: Path, tmp_path: Path) -> None:
    """Nothing waits for its reader."""
    os.mkfifo(tmp_path / "pipe.parquet")
    result = run(images, "-m", model, "--embeddings", tmp_path / "pipe.parquet")
    assert (result.returncode, "is no regular file" in result.stderr) == (2, True)


def test_a_model_without_embedding_is_refused(tiny_model: Path, images: Path, tmp_path: Path) -> None:
    """The message names the model and what helps, and there is no file."""
    result = run(images, "-m", tiny_model, "-o", tmp_path / "out.csv", "--embeddings", tmp_path / "e.parquet")
    assert result.returncode == 2
    assert "error: the model tiny@" in result.stderr
    assert "gives no embedding; choose a model whose file has the output 'embedding'" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_without_pyarrow_the_extra_is_named(model: Path, images: Path, tmp_path: Path) -> None:
    """Before anything is classified."""
    with mock.patch("galaxy_classify.extras.find_spec", return_value=None):
        result = run(images, "-m", model, "--embeddings", tmp_path / "e.parquet")
    assert result.returncode == 2
    assert "pyarrow not installed: run pip install 'galaxy-classify[parquet]'" in result.stderr


def test_the_file_is_replaced_by_force(model: Path, images: Path, tmp_path: Path) -> None:
    """And only with the rows that belong to it."""
    options = ("-m", model, "-o", tmp_path / "out.csv", "--embeddings", tmp_path / "e.parquet")
    run(images, *options)
    assert run(images / "03.png", *options).returncode == 2
    assert table(tmp_path / "e.parquet").num_rows == 14
    assert run(images / "03.png", *options, "--force").returncode == 0
    assert table(tmp_path / "e.parquet")["path"].to_pylist() == [str(images / "03.png")]


@pytest.mark.parametrize("resumed", [False, True])
def test_a_report_has_a_map_if_the_model_has_an_embedding(
    model: Path, tiny_model: Path, images: Path, tmp_path: Path, resumed: bool
) -> None:
    """Without further options, of kept rows too: the vectors are made of the images that it shows."""
    for name, used in (("with", model), ("without", tiny_model)):
        options = (images, "-m", used, "-o", tmp_path / f"{name}.csv")
        if resumed:
            run(*options)
        run(*options, "--report", tmp_path / f"{name}.html", *(["--resume"] if resumed else []))
    found, none = (
        json.loads((tmp_path / f"{name}.html").read_text().partition('id="data">')[2].partition("</script>")[0])
        for name in ("with", "without")
    )
    assert none["map"] is None
    assert [len(point) for point in found["map"]["points"]] == [2] * len(found["rows"]) == [2] * 14
    names = [os.path.basename(row["path"]) for row in found["rows"]]
    # The members of the archive are the same pictures as two of the files.
    for name, same in (("00.png", "more.tar.gz::first.png"), ("01.png", "more.tar.gz::second.png")):
        assert found["map"]["points"][names.index(name)] == found["map"]["points"][names.index(same)]
