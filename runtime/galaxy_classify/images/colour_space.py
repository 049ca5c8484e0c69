"""Refuse images whose numbers are far from sRGB, the colour space of the models' training images.

Profiles of displays and cameras change colours by less than two surveys differ, and are ignored. But linear light shown
as sRGB is a much darker picture, and printing inks without their profile have other colours.
"""

from __future__ import annotations

import struct
from typing import Final

from PIL import Image

from galaxy_classify.errors import ImageError

#: Light at half of the greatest level: 0.21 for sRGB, 0.29 for a gamma of 1.8, 0.5 for linear light.
_LEAST_LIGHT, _MOST_LIGHT = 0.1, 0.36


#: ``gAMA`` of PNG: 0.45 for sRGB, 1 for linear light.
_LEAST_GAMMA, _MOST_GAMMA = 0.36, 0.68


#: Tags of an ICC profile that hold the curve of grey, red, green and blue.
_CURVES: Final = (b"kTRC", b"rTRC", b"gTRC", b"bTRC")


def check_colour_space(image: Image.Image) -> None:
    """Check what an opened image says of its colours.

    Raises
    ------
    ImageError
        If its levels are not near those of sRGB.
    """
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and len(profile) >= 132:
        if image.mode == "CMYK":
            raise ImageError("unsupported pixels: CMYK with a profile of inks; convert the image to sRGB")
        if not _LEAST_LIGHT <= _light_at_half(profile) <= _MOST_LIGHT:
            raise ImageError("unsupported pixels: a profile far from sRGB, as of linear light; convert to sRGB")
        return
    gamma = image.info.get("gamma")
    if isinstance(gamma, float) and "srgb" not in image.info and not _LEAST_GAMMA <= gamma <= _MOST_GAMMA:
        raise ImageError(f"unsupported pixels: gamma {gamma:g} in place of 0.45455 of sRGB; convert the image to sRGB")


def _light_at_half(profile: bytes) -> float:
    """Return the light of the level 0.5 by the first curve of an ICC profile; that of sRGB if it has none.

    Notes
    -----
    ICC.1:2022, sections 7.3 (tag table), 10.6 (``curv``) and 10.18 (``para``).
    """
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for number in range(min(count, 100)):
            name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * number)
            if name in _CURVES:
                return _value_at_half(profile[offset:])
    except (struct.error, ArithmeticError, ValueError):
        pass
    return float(0.5**2.2)


def _value_at_half(curve: bytes) -> float:
    if curve.startswith(b"curv"):
        (count,) = struct.unpack_from(">I", curve, 8)
        if count == 0:
            return 0.5
        if count == 1:
            return float(0.5 ** (struct.unpack_from(">H", curve, 12)[0] / 256))
        return float(struct.unpack_from(">H", curve, 12 + 2 * (count // 2))[0] / 65535)
    if curve.startswith(b"para"):
        kind, gamma, *numbers = (number / 65536 for number in struct.unpack_from(">5i", curve.ljust(28, b"\0"), 8))
        a, b = numbers[:2] if int(kind) else (1.0, 0.0)
        return float(max(0.0, a * 0.5 + b) ** gamma)
    raise ValueError
