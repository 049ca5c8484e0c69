"""The pixel scale, as Galaxy Zoo chose it."""

from __future__ import annotations

import pytest

from galaxy_classify.fetch.failures import NoCutoutError
from galaxy_classify.fetch.framing import Framing

BOTH = Framing(424, 0.1, r50="r50", r90="r90")


@pytest.mark.parametrize(
    ("r50", "r90", "scale"),
    [(5.0, 12.0, 0.2), (5.0, 8.0, 0.16), (1.0, 20.0, 0.1), (2.5, 5.0, 0.1), (212.0, 430.0, 8.48)],
)
def test_galaxy_zoo_decals(r50: float, r90: float, scale: float) -> None:
    """Equation 1 of Walmsley et al. (2022): max(min(0.04 p50, 0.02 p90), 0.1)."""
    assert BOTH.scale(r50, r90) == pytest.approx(scale)


def test_one_radius_is_enough() -> None:
    """Half of the equation where a catalogue has one radius; with R90 and no limit it is Galaxy Zoo 2's."""
    assert Framing(424, 0.1, r50="r50").scale(5.0, None) == pytest.approx(0.2)
    assert Framing(424, 0.015, r90="petroR90_r").scale(None, 4.0) == pytest.approx(0.08)
    assert str(Framing(424, 0.015, r90="petroR90_r")) == "424 px of max(0.02 petroR90_r, 0.015) arcsec"
    assert str(BOTH) == "424 px of max(min(0.04 r50, 0.02 r90), 0.1) arcsec"


def test_one_width_for_all() -> None:
    """The scale is the width over the pixels, however fine: the user chose it."""
    assert Framing(424, 0.1, arcsec=21.2).scale(None, None) == pytest.approx(0.05)
    assert str(Framing(424, 0.1, arcsec=21.2)) == "424 px, 21.2 arcsec wide"


@pytest.mark.parametrize("radius", [None, float("nan"), float("inf"), 0.0, -0.0, -9999.0])
def test_what_is_no_radius_is_refused(radius: float | None) -> None:
    """Catalogues write missing radii in many ways; a cutout framed by one would show nothing."""
    with pytest.raises(NoCutoutError, match=r"r90 is .*, which is no radius in arcsec"):
        BOTH.scale(5.0, radius)


def test_a_radius_of_no_galaxy_is_refused() -> None:
    """It is a mistake of the catalogue, as for 1 % of the galaxies that Galaxy Zoo DECaLS looked at, or of the unit."""
    with pytest.raises(NoCutoutError, match=r"3,612 arcsec wide, more than 3,600: r50 and r90 in arcsec\?"):
        BOTH.scale(213.0, 9e9)
