"""Recipes for colours, against the pictures and the code that they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.visualization import make_lupton_rgb
from numpy.typing import NDArray
from PIL import Image

from fits_galaxies import nanomaggies
from galaxy_classify.errors import ImageError
from galaxy_classify.images.fits.colour import Colouring, choose_colouring, colour, default_bands
from galaxy_classify.images.fits.names import UNKNOWN

DECALS = Colouring("galaxy-zoo-decals", ("g", "r", "z"))


def by_definition(g: NDArray[np.float64], r: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what Galaxy Zoo DECaLS shows, written down step by step in double precision, before the truncation."""
    black, white = np.arcsinh(-0.5), np.arcsinh(300)
    x = np.stack([np.arcsinh(z / 0.019), np.arcsinh(r / 0.014), np.arcsinh(g / 0.008)])
    x = (x - black) / (white - black)
    mean = x.mean(axis=0)
    mean[mean == 0] = 1
    weight = np.sin((1 - np.minimum((x / mean / 2.5).max(axis=0), 1)) * np.pi / 2)
    x = x * weight + mean * (1 - weight) + mean * (1 - weight) ** 2 * x
    return np.asarray(x.clip(0, 1).transpose(1, 2, 0) * 255)


@pytest.mark.data
@pytest.mark.parametrize("name", ["decals_a", "decals_b"])
def test_real_cutouts_look_as_galaxy_zoo_showed_them(name: str, galaxy_data: Path) -> None:
    """Nowhere more than one level of 255 from the published picture, and nearly nowhere that."""
    planes = fits.getdata(galaxy_data / "fits" / f"{name}.fits").astype(np.float32)
    with Image.open(galaxy_data / "fits" / f"{name}.png") as published:
        expected = np.asarray(published.convert("RGB")).astype(int)
    difference = np.abs(colour(DECALS, list(planes))[::-1] - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4


def test_the_recipe_is_what_is_written_down() -> None:
    """In single precision and rearranged, a level comes out at most one lower or higher; fluxes may be negative."""
    rng = np.random.default_rng(1)
    planes = [*nanomaggies("unbarred_spiral", seed=1), *rng.normal(0, 0.02, (3, 100, 100)).astype(np.float32)]
    for bands in (planes[:3], planes[3:]):
        found = colour(DECALS, bands)
        expected = by_definition(*(band.astype(np.float64) for band in bands)).astype(np.uint8)
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert (found != expected).mean() < 2e-3


def test_levels_are_truncated() -> None:
    """The published pictures are: a rounded one would be half a level brighter on average."""
    planes = list(nanomaggies("smooth_round", seed=2))
    exact = by_definition(*(plane.astype(np.float64) for plane in planes))
    assert 0.45 < (exact - colour(DECALS, planes))[(exact > 0) & (exact < 255)].mean() < 0.55


def test_the_blackest_pixel_is_black_and_the_brightest_is_white() -> None:
    """Where all bands are at the black point their mean is zero, by which nothing may be divided."""
    black = [np.full((2, 2), -0.5 * scale, np.float32) for scale in (0.008, 0.014, 0.019)]
    white = [np.full((2, 2), 301 * scale, np.float32) for scale in (0.008, 0.014, 0.019)]
    assert colour(DECALS, black).max() == 0
    assert colour(DECALS, white).min() == 255


def sdss_by_definition(g: NDArray[np.float64], r: NDArray[np.float64], i: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what SDSS's parameters of Lupton et al. (2004) show, pixel by pixel in double precision."""
    shown = np.zeros((*g.shape, 3))
    for place in np.ndindex(g.shape):
        x = np.array([4.9 * i[place], 5.7 * r[place], 7.8 * g[place]])
        total = x.sum()
        if total != 0:
            x = x * np.arcsinh(3 * total) / (3 * total)
        shown[place] = x / max(1.0, x.max())
    return shown.clip(0, 1) * 255


def test_sdss_is_lupton_with_the_parameters_of_sdss() -> None:
    """Scales 4.9, 5.7, 7.8 for i, r, g and nonlinearity 3; bright pixels keep their colour, fluxes may be negative."""
    rng = np.random.default_rng(2)
    for planes in (
        20 * nanomaggies("unbarred_spiral", seed=1),
        rng.normal(0, 0.05, (3, 60, 60)),
        np.zeros((3, 20, 20)),
    ):
        bands = list(planes.astype(np.float32))
        found = colour(Colouring("sdss", ("g", "r", "i")), bands)
        expected = sdss_by_definition(*(band.astype(np.float64) for band in bands)).astype(np.uint8)
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert (found != expected).mean() < 2e-3


def test_sdss_shows_a_galaxy_as_bright_as_skyserver_does() -> None:
    """A galaxy of 21 mag per square arcsecond in r, in pixels of 0.396 arcseconds, with usual colours.

    SkyServer's pictures of the SDSS test set have a median of 146, 121, 87 within half of the galaxy's light.
    """
    r = 10 ** (0.4 * (22.5 - 21)) * 0.396**2
    flux = {"g": r * 10**-0.26, "r": r, "i": r * 10**0.14}  # g - r = 0.65 and r - i = 0.35
    (pixel,) = colour(Colouring("sdss", ("g", "r", "i")), [np.full((1, 1), flux[band], np.float32) for band in "gri"])[
        0
    ]
    assert np.abs(pixel.astype(int) - (146, 121, 87)).max() < 10


def test_red_is_the_band_of_longest_wavelength() -> None:
    """A galaxy that is bright in z is red, whatever the recipe."""
    faint, bright = np.full((4, 4), 0.02, np.float32), np.full((4, 4), 0.2, np.float32)
    for colouring in (DECALS, Colouring("lupton", ("g", "r", "i")), Colouring("sdss", ("g", "r", "i"))):
        assert colour(colouring, [faint, faint, bright])[0, 0].argmax() == 0


def test_lupton_is_astropys_with_its_defaults() -> None:
    """Its colours are those that a user of astropy gets."""
    g, r, i = (100 * plane for plane in nanomaggies("edge_on_disk", seed=3))
    assert np.array_equal(colour(Colouring("lupton", ("g", "r", "i")), [g, r, i]), make_lupton_rgb(i, r, g))
    grey = colour(Colouring("lupton", (UNKNOWN,)), [r])
    assert np.array_equal(grey, make_lupton_rgb(r, r, r))
    assert len(np.unique(grey)) > 50


@pytest.mark.parametrize(("number", "band"), list(enumerate("grz")))
def test_one_band_is_grey_on_its_own_scale(number: int, band: str) -> None:
    """The stretch is that of the band, without the desaturation, for which there is no colour."""
    flux = nanomaggies("smooth_cigar", seed=4)[number]
    scale = (0.008, 0.014, 0.019)[number]
    black, white = np.arcsinh(-0.5), np.arcsinh(300)
    expected = ((np.arcsinh(flux.astype(np.float64) / scale) - black) / (white - black)).clip(0, 1) * 255
    found = colour(Colouring("galaxy-zoo-decals", (band,)), [flux])
    assert (np.ptp(found, axis=2) == 0).all()
    assert np.abs(found[..., 0].astype(int) - expected.astype(np.uint8)).max() <= 1


@pytest.mark.parametrize(
    ("bands", "recipe", "expected"),
    [
        ("grz", None, "g, r, z by galaxy-zoo-decals"),
        ("zgr", None, "g, r, z by galaxy-zoo-decals"),
        ("griz", None, "g, r, z by galaxy-zoo-decals"),
        ("griz", "lupton", "g, r, i by lupton"),
        ("gri", None, "g, r, i by lupton"),
        ("ugriy", None, "g, r, i by lupton"),
        ("grz", "lupton", "g, r, z by lupton"),
        ("griz", "sdss", "g, r, i by sdss"),
        ("r", "sdss", "r as grey by sdss"),
        ("yzirx", None, "i, z, y by lupton"),
        ("r", None, "r as grey by galaxy-zoo-decals"),
        ("r", "lupton", "r as grey by lupton"),
        ("i", None, "i as grey by lupton"),
        ([UNKNOWN], None, "unknown band as grey by lupton"),
    ],
)
def test_a_recipe_is_chosen_by_the_bands(bands: str, recipe: str | None, expected: str) -> None:
    """The default is what the training images were made with, wherever its bands are there."""
    assert str(choose_colouring(list(bands), recipe)) == expected


@pytest.mark.parametrize(
    ("bands", "recipe", "expected"),
    [
        ("gri", None, "g, r, i by sdss"),
        ("ugriz", None, "g, r, i by sdss"),
        ("grz", None, "g, r, z by galaxy-zoo-decals"),
        ("riz", None, "r, i, z by lupton"),
        ("gri", "lupton", "g, r, i by lupton"),
        ("griz", "galaxy-zoo-decals", "g, r, z by galaxy-zoo-decals"),
        ("r", None, "r as grey by galaxy-zoo-decals"),
    ],
)
def test_images_of_sdss_are_shown_as_sdss_does(bands: str, recipe: str | None, expected: str) -> None:
    """Where their bands are there and the user has not named another recipe."""
    assert str(choose_colouring(list(bands), recipe, sdss=True)) == expected


@pytest.mark.parametrize(
    ("bands", "recipe", "reason"),
    [
        ("gri", "galaxy-zoo-decals", "galaxy-zoo-decals needs the bands g, r, z: z missing"),
        ("gr", "lupton", "lupton needs three of the bands u, g, r, i, z, y: 1 missing"),
        ("gr", None, "lupton needs three .*: 1 missing, and z missing for galaxy-zoo-decals"),
        ("JHK", None, "lupton needs three .*: 3 missing, and g, r, z missing for galaxy-zoo-decals"),
        ("grz", "sdss", "sdss needs the bands g, r, i: i missing"),
        ("z", "sdss", "sdss needs the band g, r or i, not z"),
        ("i", "galaxy-zoo-decals", "galaxy-zoo-decals needs the band g, r or z, not i"),
        ([UNKNOWN], "galaxy-zoo-decals", "galaxy-zoo-decals needs the band g, r or z, not one that is not known"),
    ],
)
def test_missing_bands_are_named(bands: str, recipe: str | None, reason: str) -> None:
    """No band stands in for another."""
    with pytest.raises(ImageError, match=f"^{reason}$"):
        choose_colouring(list(bands), recipe)


@pytest.mark.parametrize(
    ("there", "recipe", "expected"),
    [
        ("grz", None, "grz"),
        ("griz", None, "grz"),
        ("gri", None, "gri"),
        ("griz", "lupton", "gri"),
        ("griz", "sdss", "gri"),
        ("gri", "galaxy-zoo-decals", "grz"),
        ("gr", None, "grz"),
    ],
)
def test_files_of_the_usual_bands_are_looked_for(there: str, recipe: str | None, expected: str) -> None:
    """Those of Galaxy Zoo DECaLS, unless only those of SDSS's pictures are complete."""
    assert "".join(default_bands(there, recipe)) == expected
