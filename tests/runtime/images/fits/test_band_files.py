"""Images whose bands are files of their own."""

from __future__ import annotations

import functools
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fits_galaxies import fits_bytes, image_hdu, nanomaggies, write_fits
from galaxy_classify import FitsOptions, GalaxyClassifier, Prediction
from galaxy_classify.errors import UsageError
from galaxy_classify.images.fits.band_files import BandPattern, band_file, existing_files, is_joined

GALAXY = nanomaggies("smooth_cigar", seed=3)
PATTERN = "{id}-{band}.fits"

pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")


def write_bands(folder: Path, bands: str = "grz", **header: Any) -> Path:
    """Write a galaxy's bands as files, and return the path that they go by."""
    return write_planes(folder, GALAXY, bands, **header)


def write_planes(folder: Path, planes: NDArray[np.float32], bands: str, **header: Any) -> Path:
    """Write planes in these bands as files, and return the path that they go by."""
    for number, band in enumerate(bands):
        write_fits(folder / f"m51-{band}.fits", planes[number % 3], **header)
    return folder / "m51-{band}.fits"


@functools.cache
def classifier_with(options: FitsOptions) -> GalaxyClassifier:
    """Return a classifier with the default model, which is loaded once for all tests with the same options."""
    return GalaxyClassifier(threads=1, fits=options)


def row_of(path: Path, **options: Any) -> Prediction:
    """Return the row of an image with one file for each band."""
    (row,) = classifier_with(FitsOptions(pattern=PATTERN, **options)).classify(path)
    assert row.path == str(path)
    return row


@pytest.mark.parametrize(
    ("pattern", "name", "expected", "joined"),
    [
        (PATTERN, "m51-g.fits", ("m51", "g"), "m51-{band}.fits"),
        (PATTERN, "m51-core-z.fits", ("m51-core", "z"), "m51-core-{band}.fits"),
        (PATTERN, "m51-F814W.fits", ("m51", "F814W"), "m51-{band}.fits"),
        (PATTERN, "a\nb-g.fits", ("a\nb", "g"), "a\nb-{band}.fits"),
        ("{band}_{id}.fit.gz", "r_17.fit.gz", ("17", "r"), "{band}_17.fit.gz"),
        ("x+{id}.{band}.fits", "x+1.g.fits", ("1", "g"), "x+1.{band}.fits"),
        (PATTERN, "m51-g.fits.gz", None, None),
        (PATTERN, "m51-.fits", None, None),
        (PATTERN, "-g.fits", None, None),
        (PATTERN, "m51-g_fits", None, None),
        ("x+{id}.{band}.fits", "xx1.g.fits", None, None),
    ],
)
def test_names_are_taken_apart(pattern: str, name: str, expected: tuple[str, str] | None, joined: str | None) -> None:
    """What is no placeholder in a pattern stands for itself."""
    assert BandPattern(pattern).match(name) == expected
    assert BandPattern(pattern).joined(name) == joined


@pytest.mark.parametrize("pattern", ["", "{id}.fits", "{band}.fits", "{id}-{band}-{band}.fits", "{id}/{band}.fits"])
def test_a_pattern_needs_both_placeholders_and_no_folder(pattern: str) -> None:
    """Otherwise images could not be told apart, or bands."""
    with pytest.raises(UsageError, match="pattern "):
        BandPattern(pattern)


def test_a_path_stands_for_the_files_that_are_there(tmp_path: Path) -> None:
    """Only the file's name is filled in, not a folder that happens to be called so."""
    folder = tmp_path / "{band}"
    folder.mkdir()
    path = str(write_bands(folder, "rgi"))
    assert existing_files(path) == [str(folder / f"m51-{band}.fits") for band in "gri"]
    assert existing_files(path, ["z", "r"]) == [str(folder / "m51-r.fits")]
    assert band_file(path, "g") == str(folder / "m51-g.fits")
    assert is_joined(path)
    assert not is_joined(band_file(path, "g"))


def test_files_of_bands_are_the_galaxy_of_their_cube(tmp_path: Path) -> None:
    """The same pixels in three files or in one have the same class, and the same picture."""
    cube = write_fits(tmp_path / "cube.fits", GALAXY, BANDS="grz")
    path = write_bands(tmp_path)
    found, expected = row_of(path), row_of(cube)
    assert (found.probabilities, found.message) == (expected.probabilities, "g, r, z by galaxy-zoo-decals")
    classifier = GalaxyClassifier(threads=1, fits=FitsOptions(pattern=PATTERN))
    assert classifier.picture(str(path)) == classifier.picture(str(cube))


@pytest.mark.parametrize(
    ("there", "options", "expected"),
    [
        ("griz", {}, "g, r, z by galaxy-zoo-decals"),
        ("gri", {}, "g, r, i by lupton with stretch 0.0752 and Q 8"),
        ("griz", {"recipe": "lupton"}, "g, r, i by lupton; no contrast in the central part"),
        ("gr", {"recipe": "sdss"}, "no file for band i"),
        ("rizy", {"bands": ("y", "z", "i")}, "i, z, y by lupton with stretch 0.0752 and Q 8"),
        ("r", {"bands": ("r",)}, "r as grey by galaxy-zoo-decals"),
        ("gr", {}, "no file for band z"),
        ("gri", {"recipe": "galaxy-zoo-decals"}, "no file for band z"),
        ("grz", {"recipe": "lupton"}, "no file for band i"),
        ("", {}, "no file for band g"),
    ],
)
def test_the_files_that_a_recipe_needs_are_opened(
    there: str, options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    """The name of a file says its band, whatever its header says; one that is missing is named."""
    row = row_of(write_bands(tmp_path, there, BAND="u"), **options)
    assert row.message == expected


@pytest.mark.parametrize(
    ("there", "header", "expected"),
    [
        ("griz", {"ORIGIN": "SDSS"}, "g, r, i by sdss"),
        ("gri", {"ORIGIN": "SDSS"}, "g, r, i by sdss"),
        ("griz", {"SURVEY": "SDSS"}, "g, r, i by sdss"),
        ("griz", {"SURVEY": "DES"}, "g, r, z by galaxy-zoo-decals"),
        ("grz", {"ORIGIN": "SDSS"}, "g, r, z by galaxy-zoo-decals"),
    ],
)
def test_frames_of_sdss_are_shown_as_sdss_does(
    there: str, header: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """Its archive has a file for each band, whose headers say where they are from."""
    brightness = 20 if expected.endswith("sdss") else 1  # DECaLS is deeper
    path = write_planes(tmp_path, brightness * GALAXY, there, **header)
    assert row_of(path).message == expected


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Each file holds one plane, of one size, in FITS; the message says which does not."""
    path = write_bands(tmp_path)
    bad = tmp_path / "m51-z.fits"
    for content, expected in (
        (fits_bytes(image_hdu(GALAXY[2][:, :99])), "bands of different sizes: 100 x 100, 100 x 100, 99 x 100 pixels"),
        (fits_bytes(image_hdu(GALAXY)), "3 planes, not one"),
        (fits_bytes(image_hdu(GALAXY[2], BUNIT="adu")), "pixels are in adu, not in nanomaggies or another flux"),
        (fits_bytes(image_hdu(GALAXY[2]))[:9000], "damaged or incomplete image: "),
        (fits_bytes(image_hdu(0 * GALAXY[2])), "band z is blank"),
        (b"<html>404 Not Found</html>", "not a FITS file"),
        (b"", "empty file"),
    ):
        bad.write_bytes(content)
        row = row_of(path)
        assert row.status == "error"
        assert row.message.startswith(expected)
        assert "band z" in row.message or "g, r, z" in row.message


def test_one_plane_of_a_cube_and_packed_files_do_as_well(tmp_path: Path) -> None:
    """A file for a band may hold its plane as a cube, and be packed."""
    path = write_bands(tmp_path)
    expected = row_of(path)
    (tmp_path / "m51-g.fits").write_bytes(gzip.compress(fits_bytes(image_hdu(GALAXY[:1]))))
    assert row_of(path) == expected


def test_without_a_pattern_a_name_is_a_name(tmp_path: Path) -> None:
    """A picture may be called so."""
    path = tmp_path / "m51-{band}.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    (row,) = GalaxyClassifier(threads=1).classify(path)
    assert (row.status != "error", row.message) == (True, "")
