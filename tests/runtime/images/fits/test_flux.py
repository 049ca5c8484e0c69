"""Fluxes in memory are coloured as those of a FITS file are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fits_galaxies import fits_bytes, image_hdu, nanomaggies
from galaxy_classify import Flux, GalaxyClassifier, ImageError, UsageError

GALAXY = nanomaggies("unbarred_spiral", seed=3)


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Load the default model."""
    return GalaxyClassifier(threads=1)


@pytest.mark.parametrize(
    ("planes", "bands", "header"),
    [
        (GALAXY, "grz", {"BANDS": "grz"}),
        (GALAXY[::-1], ("z", "r", "g"), {"BANDS": "zrg"}),
        (GALAXY.astype(np.float64), "gri", {"BANDS": "gri"}),
        (GALAXY[1], "r", {"BANDS": "r"}),
        (3.631 * GALAXY, "grz", {"BANDS": "grz", "BUNIT": "uJy"}),
        (np.where(GALAXY.max() == GALAXY, np.nan, GALAXY), "grz", {"BANDS": "grz"}),
    ],
)
def test_rows_are_those_of_a_file_with_these_planes(
    classifier: GalaxyClassifier, planes: Any, bands: Any, header: dict[str, str]
) -> None:
    """Same colours, same note, same probabilities, whatever the bands, units and bad pixels."""
    flux = Flux(planes, bands=bands, unit=header.get("BUNIT", ""))
    file = fits_bytes(image_hdu(np.ascontiguousarray(planes), **header))
    found, expected = classifier.classify([("x", flux), ("x", file)])
    assert found == expected
    assert found.status != "error"
    assert (classifier.predict_proba(flux) == classifier.predict_proba([file])).all()


def test_masked_pixels_are_missing(classifier: GalaxyClassifier) -> None:
    """They are treated as pixels that are not finite, and the row says so."""
    masked = np.ma.masked_where(GALAXY.max() == GALAXY, GALAXY)
    (row,) = classifier.classify([("x", Flux(masked, bands="grz"))])
    assert "are not finite" in row.message


@pytest.mark.parametrize(
    ("planes", "bands", "message"),
    [
        (GALAXY, "gr", r"fluxes have shape \(3, 100, 100\), not \(2, H, W\) for the bands g, r"),
        (GALAXY, "r", r"not \(H, W\) for the bands r"),
        (GALAXY.transpose(1, 2, 0), "grz", r"fluxes have shape \(100, 100, 3\), not \(3, H, W\)"),
        (GALAXY[0, 0], "g", "fluxes have shape"),
        (np.array("text"), "g", "not a type of numbers"),
        (GALAXY[:, :10], "grz", "image too small"),
        (GALAXY * 0, "grz", "is blank"),
        (GALAXY * np.nan, "grz", "not finite"),
    ],
)
def test_fluxes_that_cannot_be_used_are_error_rows(
    classifier: GalaxyClassifier, planes: Any, bands: str, message: str
) -> None:
    """One broken cutout does not affect the rows of the others."""
    rows = list(classifier.classify([("bad", Flux(planes, bands=bands)), ("good", Flux(GALAXY, bands="grz"))]))
    assert [row.status == "error" for row in rows] == [True, False]
    with pytest.raises(ImageError, match=message) as refused:
        classifier.predict_proba(Flux(planes, bands=bands))
    assert str(refused.value) == f"image 0: {rows[0].message}"


def test_bands_are_checked_at_once_and_floats_name_the_way() -> None:
    """A wrong name of a band is the program's mistake; a bare array of floats says how fluxes are given."""
    with pytest.raises(UsageError, match="same name"):
        Flux(GALAXY, bands="grg")
    with pytest.raises(ImageError, match=r"not uint8 \(0 to 255\); fluxes are given as Flux\(array, bands=…\)"):
        GalaxyClassifier(threads=1).predict(GALAXY)  # type: ignore[arg-type]
    assert repr(Flux(GALAXY, bands="grz")) == "Flux(shape=(3, 100, 100), bands='g,r,z', unit='')"
