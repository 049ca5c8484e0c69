"""Lupton's stretch where it follows from the image, and pictures in which the galaxy is lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from fits_galaxies import fits_bytes, image_hdu, nanomaggies, write_fits
from galaxy_classify import FitsOptions, GalaxyClassifier, Prediction
from galaxy_classify.images.fits.colour import Colouring, colour
from galaxy_classify.images.fits.sky import measure_sky
from galaxy_classify.images.fits.stretch import ASTROPY_STRETCH, stretch_of
from in_process import run_classify

GALAXY = nanomaggies("unbarred_spiral", seed=1)
LOST = "most of what stands out of the sky is shown as dark as the sky"


def row_of(
    planes: NDArray[np.float32], *, recipe: str | None = None, stretch: str | None = None, **header: str
) -> Prediction:
    """Return the row of an image in a file without a unit."""
    classifier = GalaxyClassifier(min_familiarity=0, threads=1, fits=FitsOptions(recipe=recipe, stretch=stretch))
    (row,) = classifier.classify([("galaxy", fits_bytes(image_hdu(planes, **header)))])
    return row


def noisy_disc(seed: int = 0) -> NDArray[np.float32]:
    """Return three bands of a disc that fills half of the image, with noise of 0.01, 0.02 and 0.03 and a sky of 5."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:300, :300] - 150.0
    disc = 2 * np.exp(-np.hypot(x, y / 0.6) / 30)
    return np.stack([5 + disc + rng.normal(0, noise, disc.shape) for noise in (0.01, 0.02, 0.03)]).astype(np.float32)


def test_the_sky_is_measured_beside_the_galaxy() -> None:
    """A galaxy that fills much of the image does not count as noise, nor does a blank border."""
    sky = measure_sky(list(noisy_disc()), [None] * 3)
    assert sky.levels == pytest.approx((5, 5, 5), abs=0.03)
    assert sky.noise == pytest.approx(np.hypot(np.hypot(0.01, 0.02), 0.03) / 3, rel=0.15)
    framed = np.pad(noisy_disc(), ((0, 0), (50, 50), (50, 50)))
    assert measure_sky(list(framed), [None] * 3).noise == pytest.approx(sky.noise, rel=0.3)


def test_bad_pixels_are_no_sky() -> None:
    """Wherever they are, and whatever value they have."""
    planes = noisy_disc()
    bad = np.zeros(planes.shape[1:], bool)
    bad[:, ::40] = True
    spoilt = np.where(bad, np.float32(np.nan), planes)
    sky, expected = measure_sky(list(spoilt), [bad] * 3), measure_sky(list(planes), [None] * 3)
    assert sky.noise == pytest.approx(expected.noise, rel=0.15)
    assert sky.levels == pytest.approx(expected.levels, abs=0.01)


def test_the_sky_is_dark_and_the_galaxy_is_bright_whatever_the_unit() -> None:
    """The unit of the fluxes and a pedestal make no difference."""
    shown = []
    for planes in (noisy_disc(), 1000 * noisy_disc(), noisy_disc() - 5):
        stretch = stretch_of(measure_sky(list(planes), [None] * 3), 8.0)
        shown.append(colour(Colouring("lupton", ("g", "r", "i")), list(planes), stretch))
    assert np.abs(shown[1].astype(int) - shown[0]).max() <= 1
    assert np.abs(shown[2].astype(int) - shown[0]).max() <= 1
    corner, core = shown[0][:40, :40], shown[0][145:155, 145:155]
    assert corner.mean() < 20
    assert 150 < core.max() < 255


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
def test_an_image_without_noise_or_galaxy_has_a_stretch_too(value: float) -> None:
    """It must be above 0; the check of the picture does the rest."""
    assert (
        stretch_of(measure_sky([np.full((64, 64), value, np.float32)], [None]), 8.0).stretch == ASTROPY_STRETCH.stretch
    )


def test_lupton_by_default_follows_the_image() -> None:
    """Where the recipe is named, its pictures stay those of astropy's defaults."""
    assert " with stretch " in row_of(GALAXY, BANDS="gri").message
    assert row_of(GALAXY, recipe="lupton", stretch="auto", BANDS="gri").message == row_of(GALAXY, BANDS="gri").message
    assert row_of(GALAXY, BANDS="gri") == row_of(GALAXY, recipe="lupton", stretch="auto", BANDS="gri")
    assert "stretch" not in row_of(20 * GALAXY, recipe="lupton", BANDS="gri").message


def test_a_galaxy_that_is_lost_in_the_sky_is_uncertain() -> None:
    """Its core alone would pass for a smooth galaxy."""
    planes = noisy_disc() - 5
    lost = row_of(planes, recipe="lupton", BANDS="gri")
    assert (lost.status, lost.message) == ("uncertain", f"g, r, i by lupton; {LOST}")
    assert LOST not in row_of(planes, BANDS="gri").message


def test_a_simulation_without_noise_is_not_lost() -> None:
    """However faint its outskirts are, they are not what one would miss."""
    y, x = np.mgrid[:300, :300] - 150.0
    disc = np.exp(-np.hypot(x, y / 0.6) / 12)
    planes = np.stack([2 * disc, 3 * disc, 4 * disc]).astype(np.float32)
    assert row_of(planes, BANDS="grz").message == "g, r, z by galaxy-zoo-decals"


@pytest.mark.data
@pytest.mark.parametrize("name", ["decals_a", "decals_b"])
def test_real_cutouts_are_recognised_or_uncertain(name: str, galaxy_data: Path) -> None:
    """With astropy's stretch, too bright or too faint they are never `ok`; with their own recipe they are.

    With a stretch that follows the picture they keep their class, and nothing is wrong with the picture.
    """
    planes = fits.getdata(galaxy_data / "fits" / f"{name}.fits").astype(np.float32)
    right = row_of(planes, BANDS="grz")
    assert right.status == "ok"
    followed = row_of(planes, recipe="lupton", stretch="auto", BANDS="grz")
    assert (followed.label, "; " in followed.message) == (right.label, False)
    for wrong in (
        row_of(planes, recipe="lupton", BANDS="grz"),
        row_of(1000 * planes, BANDS="grz"),
        row_of(planes / 100, BANDS="grz"),
    ):
        assert wrong.status == "uncertain"
        assert "; " in wrong.message


def test_a_star_cluster_in_an_unknown_band_is_uncertain() -> None:
    """Nothing in the file says how it should be shown, and the model may be sure of whatever it sees."""
    rng = np.random.default_rng(1)
    field = rng.normal(200, 8, (200, 200))
    for x, y in rng.normal(100, 25, (300, 2)).astype(int).clip(2, 197):
        field[y - 1 : y + 2, x - 1 : x + 2] += rng.exponential(2000)
    row = row_of(field.astype(np.float32))
    assert row.status == "uncertain"
    assert row.message.endswith("the picture is a guess without a known band: name it with --bands")


def test_the_uncalibrated_frames_of_sdss_are_refused(tmp_path: Path) -> None:
    """They are counts with a pedestal, and call their unit BUNITS."""
    path = write_fits(tmp_path / "fpC.fits", GALAXY[0], ORIGIN="SDSS", BUNITS="ADUs", FILTER="r")
    (row,) = GalaxyClassifier(threads=1).classify(path)
    assert row.message == "pixels are in ADUs, not in nanomaggies or another flux density"


def test_the_stretch_is_on_record_and_another_one_does_not_continue(tmp_path: Path) -> None:
    """Rows of one result are made in one way."""
    write_fits(tmp_path / "a.fits", GALAXY, BANDS="gri")
    output = tmp_path / "out.csv"
    options = ("--recipe", "lupton", "--stretch", "0.1", "--q", "10", "-o", output)
    assert run_classify(tmp_path / "a.fits", *options).returncode == 0
    assert json.loads((tmp_path / "out.csv.meta.json").read_text())["options"]["fits"]["stretch"] == 0.1
    assert "by lupton with stretch 0.1 and Q 10" in output.read_text()
    before = output.read_bytes()
    for other in (("--stretch", "auto"), ("--q", "9")):
        refused = run_classify(tmp_path / "a.fits", *options, *other, "--resume")
        assert refused.returncode == 2
        assert f"fits {other[0][2:]} was" in refused.stderr
        assert output.read_bytes() == before


def test_a_wrong_stretch_is_named() -> None:
    """As an error of usage, before anything is read."""
    for options, message in (
        (("--stretch", "auto"), "stretch and Q are those of the recipe lupton"),
        (("--recipe", "lupton", "--stretch", "much"), "stretch 'much' is neither auto nor a flux above 0"),
        (("--recipe", "lupton", "--q", "0"), "Q 0.0 is no number above 0"),
    ):
        result = run_classify("a.fits", *options)
        assert (result.returncode, result.stdout) == (2, "")
        assert message in result.stderr
