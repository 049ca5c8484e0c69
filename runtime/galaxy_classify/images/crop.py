"""Choose the part of an image that the model sees: the central crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PIL import Image

from galaxy_classify.errors import ImageError

#: Images with a shorter edge than this, in pixels, are refused: they hold no galaxy that could be told from noise.
MIN_EDGE: Final = 16


#: Left, upper, right and lower edge of a part of an image in pixels, as Pillow's ``crop`` takes them.
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded RGB image, and the part of it that a model sees.

    Parameters
    ----------
    rgb : PIL.Image.Image
        In mode RGB, upright.
    box : tuple of int
        The part.
    lossy : bool
        Whether it was a JPEG, whose compression has changed the pixels by more than a fast resize does.
    note : str
        Remark for the image's row; usually empty.
    doubt : str
        Why no prediction for this picture can be trusted; usually empty.
    """

    rgb: Image.Image
    box: Box
    lossy: bool = False
    note: str = ""
    doubt: str = ""


def central_crop_box(width: int, height: int, crop_fraction: float) -> Box:
    """Return the central square whose side is a fraction of the shorter edge, as GalaxyMNIST was cut.

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


def seen_box(width: int, height: int, model_size: tuple[int, int], crop_fraction: float) -> Box:
    """Return the part of an image that a model sees.

    An image that already has the model's size is seen whole: it is assumed to be cropped already, as GalaxyMNIST's are.

    Parameters
    ----------
    width, height : int
        Size of the image in pixels.
    model_size : tuple of int
        Height and width of the model's input in pixels.
    crop_fraction : float
        Side of the central crop, as a fraction of the shorter edge.

    Raises
    ------
    ImageError
        If the image is too small.
    """
    if min(width, height) < MIN_EDGE:
        raise ImageError(f"image too small: {width} x {height} pixels, at least {MIN_EDGE} are needed")
    if (height, width) == model_size:
        return 0, 0, width, height
    return central_crop_box(width, height, crop_fraction)
