"""Pictures that the model saw, saved for a person to look at."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fits_galaxies import nanomaggies, write_fits
from galaxy_classify import GalaxyClassifier
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.runs.seen import SeenPictures
from galaxy_painter import paint
from in_process import run_classify as run

PIXELS = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)


def below(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def titles(folder: Path) -> dict[str, str]:
    """Return the title of each picture below a folder."""
    found = {}
    for name in below(folder):
        with Image.open(folder / name) as picture:
            found[name] = picture.info["Title"]
    return found


def row(label: str | None = "round") -> Prediction:
    """Return a prediction."""
    return Prediction("", "ok" if label else "error", "m@0", label)


def never(_: object) -> Image.Image:
    """Fail if a picture is made again."""
    raise AssertionError


@pytest.fixture
def images(drawn_images: Path, tmp_path: Path) -> Path:
    """Folder with a galaxy of each kind in a subfolder, a FITS file, and a file that is no image."""
    folder = tmp_path / "images"
    (folder / "field").mkdir(parents=True)
    for path in drawn_images.glob("*.jpg"):
        os.link(path, folder / "field" / path.name)
    write_fits(folder / "cube.fits", nanomaggies("smooth_round", 1), BANDS="grz")
    (folder / "bad.jpg").write_text("no image")
    return folder


PICTURES = {
    "cube.fits.png",
    *(f"field/{kind}.jpg.png" for kind in ("smooth_round", "smooth_cigar", "edge_on_disk", "unbarred_spiral")),
}


@pytest.mark.parametrize("threads", [1, 3])
def test_each_picture_is_the_models_input(images: Path, tmp_path: Path, threads: int) -> None:
    """To the pixel, after colouring, crop and resize: classified by itself it gives the same probabilities."""
    target = tmp_path / "seen"
    options = ("--threads", threads, "--batch-size", 2)
    result = run(images, "-o", tmp_path / "out.csv", "--save-seen", target, *options)
    assert result.returncode == 1  # for bad.jpg
    assert f"seen: 5 pictures saved to {target}\n" in result.stderr
    assert below(target) == PICTURES
    classifier = GalaxyClassifier(threads=1)
    for name in PICTURES:
        original = images / name.removesuffix(".png")
        with Image.open(target / name) as picture:
            assert (picture.mode, picture.size, picture.info["Title"]) == ("RGB", (64, 64), str(original))
            assert picture.tobytes() == classifier.seen(str(original)).tobytes()
        again, first = classifier.classify([target / name, original])
        assert again.probabilities == pytest.approx(first.probabilities, abs=1e-6)


def test_a_second_run_leaves_the_pictures_as_they_are(images: Path, tmp_path: Path) -> None:
    """The same ones are there already; another one of that name gets a number, and nothing is overwritten."""
    target = tmp_path / "seen"
    run(images, "--save-seen", target)
    before = {name: (target / name).read_bytes() for name in below(target)}
    assert "seen: 0 pictures saved to" in (result := run(images, "--save-seen", target)).stderr
    assert "5 were there already" in result.stderr
    run(images / "field", "--save-seen", target, "--crop", "0.5")
    assert before.items() <= {name: (target / name).read_bytes() for name in below(target)}.items()
    # Of a folder that is named, the pictures keep no folder.
    assert below(target) - PICTURES == {name.removeprefix("field/") for name in PICTURES if name.startswith("field/")}
    (images / "field" / "smooth_cigar.jpg").unlink()  # a hard link
    paint("smooth_round", 7, 100).save(images / "field" / "smooth_cigar.jpg")
    run(images, "--save-seen", target)
    assert before.items() <= {name: (target / name).read_bytes() for name in below(target)}.items()
    assert (target / "field" / "smooth_cigar.jpg-2.png").is_file()


def test_names_that_meet_keep_their_pictures_apart(tmp_path: Path) -> None:
    """Each picture's title is the path of its input."""
    saver = SeenPictures(str(tmp_path / "seen"), never)
    for path, place in (("a/m51.jpg", "m51.jpg"), ("b/m51.jpg", "m51.jpg"), ("c/m51.jpg", "m51.jpg")):
        saver.save(source := Source(path, place), PIXELS)
        saver.see(source, row())
    assert titles(tmp_path / "seen") == {
        "m51.jpg.png": "a/m51.jpg", "m51.jpg-2.png": "b/m51.jpg", "m51.jpg-3.png": "c/m51.jpg",
    }  # fmt: skip
    assert (saver.done, saver.there, saver.failed) == (3, 0, 0)


@pytest.mark.parametrize(
    ("path", "place", "expected"),
    [
        ("../../etc/m51.jpg", "", "etc/m51.jpg.png"),
        ("/m51.jpg", "", "m51.jpg.png"),
        ("..", "..", "picture.png"),
        ("a\x1b[31m\x00.jpg", "", "a_[31m_.jpg.png"),
        ("s3://bucket/field/m51.jpg", "", "s3:/bucket/field/m51.jpg.png"),
        (os.fsdecode(b"caf\xe9.jpg"), "", os.fsdecode(b"caf\xe9.jpg.png")),
        ("x" * 300 + ".jpg", "", "x" * 200 + "-aac810c5.png"),
        ("d" * 300 + "/m51.jpg", "", "d" * 200 + "-63c29b7d/m51.jpg.png"),
    ],
)
def test_a_name_leads_nowhere_else(path: str, place: str, expected: str, tmp_path: Path) -> None:
    """Whatever an archive, a list or an object store calls an input."""
    saver = SeenPictures(str(tmp_path / "a" / "b" / "seen"), never)
    saver.save(source := Source(path, place), PIXELS)
    saver.see(source, row())
    assert below(tmp_path) == {os.path.join("a", "b", "seen", expected)}


def test_members_of_archives_have_pictures(tmp_path: Path) -> None:
    """Those of a stream that goes forward only, and two members of one name."""
    contents = []
    for seed in (1, 2):
        paint("smooth_round", seed, 80).save(buffer := io.BytesIO(), "PNG")
        contents.append(buffer.getvalue())
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for content in contents:
            member = tarfile.TarInfo("../x.png")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as zipped:
        zipped.writestr("f/y.png", contents[0])
    result = run(tmp_path / "a.tar.gz", tmp_path / "b.zip", "--save-seen", tmp_path / "seen")
    rows = [line.split(",")[:2] for line in result.stdout.splitlines()[1:]]
    named = sorted(path for path, status in rows if status != "error")
    found = titles(tmp_path / "seen")
    assert sorted(found.values()) == named
    assert "b.zip/f/y.png.png" in found


def test_a_resumed_run_has_all_pictures(images: Path, tmp_path: Path) -> None:
    """Those of rows that it keeps are made, unless the earlier run has saved them."""
    output, target = tmp_path / "out.csv", tmp_path / "seen"
    run(images, "-o", output)
    result = run(images, "-o", output, "--resume", "--save-seen", target)
    assert "kept: 5 rows" in result.stderr or "kept: 6 rows" in result.stderr
    assert f"seen: 5 pictures saved to {target}\n" in result.stderr
    assert below(target) == PICTURES
    classifier = GalaxyClassifier(threads=1)
    with Image.open(target / "field" / "smooth_round.jpg.png") as picture:
        assert picture.tobytes() == classifier.seen(str(images / "field" / "smooth_round.jpg")).tobytes()
    again = run(images, "-o", output, "--resume", "--save-seen", target)
    assert f"seen: 0 pictures saved to {target}, 5 were there already\n" in again.stderr
    assert below(target) == PICTURES


def test_shards_share_a_folder(images: Path, tmp_path: Path) -> None:
    """Each saves its own inputs."""
    for shard in ("1/2", "2/2"):
        run(images, "-o", tmp_path / f"{shard[0]}.csv", "--shard", shard, "--save-seen", tmp_path / "seen")
    assert below(tmp_path / "seen") == PICTURES


def test_a_picture_that_cannot_be_saved_is_named(images: Path, tmp_path: Path) -> None:
    """All rows are there; the exit code says that not all was done, and no partial file is left."""
    (images / "bad.jpg").unlink()
    target = tmp_path / "seen"
    target.mkdir()
    (target / "field").write_text("in the way")
    result = run(images, "-o", tmp_path / "out.csv", "--save-seen", target)
    assert result.returncode == 1
    assert "5 images: 5 classified" in result.stderr
    assert "seen: 1 picture saved to" in result.stderr
    assert f"4 could not be: {target}/field/" in result.stderr
    assert below(target) == {"cube.fits.png", "field"}
    result = run(images, "--save-seen", target / "field")
    assert (result.returncode, "field: is a file; a folder is to be written" in result.stderr) == (2, True)


def test_where_it_makes_no_sense_it_is_refused(images: Path, tmp_path: Path) -> None:
    """Before anything is classified or made."""
    within = run(images, "--save-seen", images / "seen")
    assert (within.returncode, "whose images are classified; choose another" in within.stderr) == (2, True)
    assert not (images / "seen").exists()
    spread = run(images, "--dask", "local", "-o", tmp_path / "out", "--save-seen", tmp_path / "seen")
    assert (spread.returncode, "--save-seen does not go with --dask" in spread.stderr) == (2, True)


def test_a_member_in_a_thousand_folders_is_a_failure(tmp_path: Path) -> None:
    """It ends neither the worker that saves it nor the run."""
    pictures = SeenPictures(str(tmp_path / "seen"), never)
    pictures.save(deep := Source("x", "d/" * 1500 + "a.jpg"), PIXELS)
    pictures._make = lambda _: Image.fromarray(PIXELS)
    pictures.see(deep, row())
    assert (pictures.done, pictures.failed) == (0, 1)
    assert "too many folders" in pictures.summary()


def test_characters_that_file_names_lack_become_escapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the locale is Latin-1, an archive may still hold any name."""
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))
    pictures = SeenPictures(str(tmp_path), never)
    pictures.save(Source("x", "星.jpg"), PIXELS)
    assert below(tmp_path) == {"\\u661f.jpg.png"}


def test_a_resumed_run_counts_the_pictures_that_are_there(tmp_path: Path) -> None:
    """Those of the rows that were kept, too."""
    source = Source("x", "a.jpg")
    SeenPictures(str(tmp_path), never).save(source, PIXELS)
    resumed = SeenPictures(str(tmp_path), never)
    resumed.see(source, row())
    assert (resumed.done, resumed.there) == (0, 1)


@pytest.mark.parametrize("option", ["--save-seen", "--sort-into"])
def test_a_refused_run_leaves_no_folder(images: Path, tmp_path: Path, option: str) -> None:
    """The result is checked after the folder, which is made with its first file."""
    assert run(images / "cube.fits", "-o", tmp_path / "a.csv").returncode == 0
    (tmp_path / "a.csv.meta.json").unlink()
    assert run(images, "-o", tmp_path / "a.csv", "--resume", option, tmp_path / "new").returncode == 2
    assert not (tmp_path / "new").exists()
