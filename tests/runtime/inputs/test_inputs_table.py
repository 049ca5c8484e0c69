"""The table of inputs and outcomes in docs/reference/inputs.md, made true."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io.fits import PrimaryHDU
from PIL import Image

from fits_galaxies import fits_bytes, image_hdu, nanomaggies
from galaxy_classify import GalaxyClassifier, Prediction
from galaxy_classify.inputs.discovery import Discovery
from galaxy_painter import paint
from tiny_model import save_tiny_model

Make = Callable[[Path], Path | str]


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier with the default model, and room for small pictures only."""
    return GalaxyClassifier(threads=1, max_pixels=1_000_000)


def galaxy(size: int = 100) -> Image.Image:
    """Return a drawn galaxy."""
    return paint("unbarred_spiral", seed=1, size=size)


def saved(name: str, image: Image.Image, **options: object) -> Make:
    """Return a function that saves an image into a folder."""

    def make(folder: Path) -> Path:
        image.save(folder / name, **options)  # type: ignore[arg-type]
        return folder / name

    return make


def content(name: str, data: bytes) -> Make:
    """Return a function that writes a file into a folder."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def link(target: str) -> Make:
    """Return a function that links to a file in the folder."""

    def make(folder: Path) -> Path:
        galaxy().save(folder / "real.png")
        (folder / "link.png").symlink_to(folder / target)
        return folder / "link.png"

    return make


def fits(**header: object) -> bytes:
    """Return a galaxy in three bands as FITS content."""
    return fits_bytes(image_hdu(nanomaggies("unbarred_spiral", seed=1), **header))


def with_planes(value: float, **where: slice) -> bytes:
    """Return a galaxy as FITS content, with a value in some rows of the bands g, r, z that are named."""
    planes = nanomaggies("unbarred_spiral", seed=1)
    for band, rows in where.items():
        planes["grz".index(band), rows] = value
    return fits_bytes(image_hdu(planes, BANDS="grz"))


def truncated(suffix: str) -> Make:
    """Return a function that writes half an image."""

    def make(folder: Path) -> Path:
        path = folder / f"a.{suffix}"
        galaxy().save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path

    return make


def pipe(folder: Path) -> Path:
    """Make a FIFO."""
    os.mkfifo(folder / "a.png")
    return folder / "a.png"


def unix_socket(folder: Path) -> Path:
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "a.png"))
    return folder / "a.png"


def many_scans(folder: Path) -> Path:
    """Write a progressive JPEG with the header of a scan 100 times."""
    galaxy().save(folder / "a.jpg", progressive=True)
    content = (folder / "a.jpg").read_bytes()
    scan = content.rindex(b"\xff\xda")
    (folder / "a.jpg").write_bytes(content[:-2] + content[scan : scan + 10] * 100 + content[-2:])
    return folder / "a.jpg"


CLASSIFIED: dict[str, tuple[Make, str]] = {
    "RGB image of any size": (saved("a.jpg", galaxy(424)), ""),
    "image in the model's size": (saved("a.png", galaxy(64)), ""),
    "oblong image": (saved("a.png", galaxy().resize((300, 120))), ""),
    "grey": (saved("a.png", galaxy().convert("L")), ""),
    "black-and-white": (saved("a.png", galaxy().convert("1")), ""),
    "palette": (saved("a.png", galaxy().convert("P")), ""),
    "CMYK": (saved("a.jpg", galaxy().convert("CMYK")), ""),
    "image with transparency": (saved("a.png", galaxy().convert("RGBA")), ""),
    "16-bit grey": (saved("a.png", Image.fromarray(np.asarray(galaxy().convert("L")).astype(np.uint16) * 256)), ""),
    "animation": (
        saved("a.gif", galaxy(), save_all=True, append_images=[paint("smooth_round", seed=1, size=100)]),
        "first frame of several",
    ),
    "FITS with bands that are known": (content("a.fits", fits(BANDS="grz")), "g, r, z by galaxy-zoo-decals"),
    "FITS with one band": (
        content("a.fits", fits_bytes(image_hdu(nanomaggies("smooth_round", seed=1)[1], FILTER="r"))),
        "r as grey by galaxy-zoo-decals",
    ),
    "FITS with less than 5 % of bad pixels": (
        content("a.fits", with_planes(float("nan"), g=slice(0, 3))),
        "g, r, z by galaxy-zoo-decals; 1.0 % of the pixels are not finite: set to 0",
    ),
    "symbolic link to an image": (link("real.png"), ""),
    "any suffix, if the file is named outright": (saved("a.dat", galaxy(), format="PNG"), ""),
}

# Of a truncated FITS file astropy warns before it is refused.
pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")

ERRORS: dict[str, tuple[Make, str]] = {
    "file that does not exist": (lambda folder: folder / "none.png", "no such file"),
    "link that leads nowhere": (link("nothing"), "no such file"),
    "empty file": (content("a.png", b""), "empty file"),
    "folder in a list of files": (lambda folder: folder, "is a folder, not an image"),
    "pipe (FIFO)": (pipe, "not a regular file"),
    "device": (lambda _: "/dev/zero", "not a regular file"),
    "or socket": (unix_socket, "not a regular file"),
    "name that no file can have": (lambda _: "a\0b.png", "cannot be opened: "),
    "text": (content("a.png", b"<html>404 Not Found</html>"), "not an image (supported: "),
    "HDF5": (content("a.png", b"\x89HDF\r\n\x1a\n".ljust(2048)), "unsupported format: "),
    "PDF": (content("a.jpg", b"%PDF-1.7"), "unsupported format: "),
    **{
        f"truncated {suffix}": (truncated(suffix), "damaged or incomplete image: ")
        for suffix in ("jpg", "png", "tif", "webp", "bmp", "gif")
    },
    "truncated FITS": (content("a.fits", fits(BANDS="grz")[:50_000]), "damaged or incomplete image: "),
    "FITS without an image": (content("a.fits", fits_bytes(PrimaryHDU())), "no image in any HDU of the FITS file"),
    "cube of planes whose bands": (content("a.fits", fits()), "unknown bands: "),
    "more or fewer bands than planes": (content("a.fits", fits(BANDS="gr")), "wrong number of bands: "),
    "bands that no recipe is made for": (content("a.fits", fits(BANDS="JHK")), "lupton needs "),
    "pixels in counts": (content("a.fits", fits(BANDS="grz", BUNIT="adu")), "pixels are in adu, "),
    "band in which all pixels are the same": (content("a.fits", with_planes(0, z=slice(None))), "band z is blank"),
    "5 % of bad pixels": (
        content("a.fits", with_planes(float("inf"), g=slice(0, 15))),
        "5.0 % of the pixels are not finite, the limit is 5 %",
    ),
    "more pixels than `--max-pixels`": (saved("a.png", galaxy().resize((1001, 1000))), "too many pixels: "),
    "shorter edge below 16 px": (saved("a.png", galaxy().resize((200, 15))), "image too small: "),
    "blank image": (saved("a.png", Image.new("RGB", (424, 424), (5, 5, 5))), "constant image: "),
    "32-bit grey (integer": (saved("a.tif", Image.new("I", (64, 64), 7)), "unsupported pixels: "),
    "or float)": (saved("a.tif", Image.new("F", (64, 64), 0.5)), "unsupported pixels: "),
    "TIFF, JPEG, PNG, BMP or GIF of a kind": (saved("a.tif", galaxy().convert("LAB")), "unsupported pixels: "),
    "JPEG with more than 100 scans": (many_scans, "too many scans: "),
}


def classify(classifier: GalaxyClassifier, path: Path | str) -> Prediction:
    """Return the row of one input, and check that it is alone and spelled as given."""
    (row,) = classifier.classify([path])
    assert row.path == str(path)
    return row


@pytest.mark.parametrize("case", CLASSIFIED)
def test_what_can_be_classified_is(case: str, classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """A class, and a message only where there is something to be said."""
    make, message = CLASSIFIED[case]
    row = classify(classifier, make(tmp_path))
    assert (row.status != "error", row.message) == (True, message)
    assert row.label


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_classified_has_its_reason(case: str, classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """Never a score."""
    make, message = ERRORS[case]
    row = classify(classifier, make(tmp_path))
    assert row.status == "error"
    assert row.message.startswith(message)
    assert (row.label, row.confidence, dict(row.probabilities)) == (None, None, {})


def test_the_documentation_says_the_same(repository: Path) -> None:
    """Every case stands in the table, with its message; the table has no message that is not tested."""
    text = (repository / "docs" / "reference" / "inputs.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for case, (_, message) in {**CLASSIFIED, **ERRORS}.items():
        words = case.split()[0] if case.startswith("truncated") else case
        assert any(words in line and (not message or f"`{message}`" in line) for line in lines), case
    documented = {match for line in lines for match in re.findall(r"\| `([^`]+)` \|", line)}
    elsewhere = {  # see test_decode, test_fits, test_band_files, and below
        "the file changed while it was read",
        "permission denied",
        "the model gave no finite probabilities",
        "the model gave no probabilities: values outside 0 to 1",
        "the model gave no probabilities: their sum is not 1",
        "no file for band z",
        "FITS needs astropy: pip install 'galaxy-classify[fits]'",
    }
    assert documented == {message for _, message in {**CLASSIFIED, **ERRORS}.values() if message} | elsewhere


def test_a_model_that_gives_no_numbers_is_an_error(tmp_path: Path) -> None:
    """Not-a-number is no probability."""
    model = save_tiny_model(tmp_path / "nan.onnx", not_a_number=True)
    galaxy().save(tmp_path / "a.png")
    assert classify(GalaxyClassifier(model), tmp_path / "a.png").message == "the model gave no finite probabilities"


def test_files_that_vanish_during_the_run_are_rows(classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """A file that was found and is gone when its turn comes is said to be gone; the others do not move up."""
    for number in range(10):
        galaxy(64).save(tmp_path / f"{number}.png")

    def found() -> Iterator[str]:
        for path in Discovery().paths([str(tmp_path)], ()):
            if path.endswith(("3.png", "7.png")):
                os.remove(path)
            yield path

    rows = list(classifier.classify(found(), batch_size=4))
    assert [row.message for row in rows] == ["no such file" if number in (3, 7) else "" for number in range(10)]


def test_a_file_that_is_being_written_is_whole_or_an_error(classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """While a slow writer is at work, a row never shows half a picture as a galaxy."""
    reasons = ("empty file", "damaged or incomplete image: ", "the file changed while it was read: ")
    galaxy(300).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    expected = classify(classifier, tmp_path / "whole.png")
    path = tmp_path / "growing.png"

    def write_slowly() -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(whole), len(whole) // 20):
                file.write(whole[start : start + len(whole) // 20])
                time.sleep(0.01)

    writer = threading.Thread(target=write_slowly)
    path.touch()
    writer.start()
    rows = []
    while writer.is_alive():
        rows.append(classify(classifier, path))
    writer.join()
    rows.append(classify(classifier, path))
    assert {row.status for row in rows} >= {"error", expected.status}
    for row in rows:
        if row.status == "error":
            assert row.message.startswith(reasons)
        else:
            assert row.probabilities == expected.probabilities


@pytest.mark.slow
def test_ten_thousand_files_in_one_folder(tiny_model: Path, tmp_path: Path) -> None:
    """A survey's folder gives as many rows as it has files, in sorted order."""
    galaxy(64).save(tmp_path / "0.png")
    for number in range(1, 10_000):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
    rows = [row.path for row in GalaxyClassifier(tiny_model).classify(Discovery().paths([str(tmp_path)], ()))]
    assert rows == sorted(str(tmp_path / f"{number}.png") for number in range(10_000))
