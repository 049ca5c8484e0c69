"""Which part of an image the model sees."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images.resize import Box, Resizer

#: Images with a shorter edge than this hold no galaxy that could be told from noise.
MIN_EDGE = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """An image in colour, and the part of it that a model sees.

    Parameters
    ----------
    rgb : PIL.Image.Image
        In mode RGB, upright.
    box : tuple of int
        Left, upper, right and lower edge of the part, in pixels.
    lossy : bool
        Whether it was a JPEG, whose compression has changed the pixels by more than a fast resize does.
    note : str
        What should be known about the image although it could be used; empty as a rule.
    """

    rgb: Image.Image
    box: Box
    lossy: bool = False
    note: str = ""


def central_crop_box(width: int, height: int, crop_fraction: float) -> tuple[int, int, int, int]:
    """Return the central square that GalaxyMNIST keeps.

    Parameters
    ----------
    width, height : int
        Size of the image in pixels.
    crop_fraction : float
        Side of the square, as a fraction of the shorter edge.

    Returns
    -------
    tuple of int
        Left, upper, right and lower edge in pixels, as Pillow's ``crop`` takes them.

    Examples
    --------
    >>> central_crop_box(424, 424, 0.75)
    (53, 53, 371, 371)
    >>> central_crop_box(640, 424, 0.75)
    (161, 53, 479, 371)
    """
    crop = max(1, round(crop_fraction * min(width, height)))
    left = (width - crop) // 2
    top = (height - crop) // 2
    return left, top, left + crop, top + crop


def seen_box(width: int, height: int, resizer: Resizer) -> Box:
    """Return the part of an image that a model sees.

    An image that already has the model's size is seen whole: it is taken to be cropped already, as GalaxyMNIST's are.

    Parameters
    ----------
    width, height : int
        Size of the image in pixels.
    resizer : Resizer
        Knows the model's size and its crop.

    Returns
    -------
    tuple of int
        Left, upper, right and lower edge in pixels.

    Raises
    ------
    ImageError
        If the image is too small.
    """
    if min(width, height) < MIN_EDGE:
        raise ImageError(f"image too small: {width} x {height} pixels, at least {MIN_EDGE} are needed")
    if (height, width) == resizer.size:
        return 0, 0, width, height
    return central_crop_box(width, height, resizer.preprocessing.crop_fraction)
