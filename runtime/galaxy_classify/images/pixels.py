"""From a decoded image to the pixels that a model sees: RGB, central crop, resize.

This is the only place where it is done: training from image folders, the parity gate and the
runtime all go through it, so that they cannot drift apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from galaxy_classify.errors import ImageError
from galaxy_classify.images.crop import Picture, seen_box
from galaxy_classify.images.resize import Resizer


def picture_of(image: Image.Image, resizer: Resizer, note: str = "") -> Picture:
    """Turn a decoded image into a picture of which the model sees a part.

    Parameters
    ----------
    image : PIL.Image.Image
        A decoded image of any size and mode; its EXIF orientation is applied.
    resizer : Resizer
        Knows the model's size and its crop.
    note : str, optional
        What should be known about the image.

    Raises
    ------
    ImageError
        If the image is too small, or has pixels that cannot be scaled to 8 bit.
    """
    upright = ImageOps.exif_transpose(image)
    box = seen_box(upright.width, upright.height, resizer)
    return Picture(to_rgb(upright), box, lossy=image.format == "JPEG", note=note)


def pixels_of(picture: Picture, resizer: Resizer) -> NDArray[np.uint8]:
    """Turn a picture into a model's input.

    The part that the model sees is cut out before the resize, so that the filter does not see beyond it.

    Parameters
    ----------
    picture : Picture
        For this model.
    resizer : Resizer
        Resizes to the size that the model wants. It may save time on JPEGs only.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB pixels.

    Raises
    ------
    ImageError
        If the image is constant.
    """
    height, width = resizer.size
    if picture.rgb.size == (width, height):
        pixels = np.asarray(picture.rgb)
    else:
        pixels = resizer(picture.rgb, picture.box, exact=not picture.lossy)
    margin = resizer.preprocessing.margin
    seen = pixels[margin : height - margin, margin : width - margin]
    # The first row settles it for nearly every image.
    if (seen[0] == seen[0, 0]).all() and (seen == seen[0, 0]).all():
        raise ImageError("constant image: every pixel that the model would see is the same")
    return pixels


def model_pixels(image: Image.Image, resizer: Resizer) -> NDArray[np.uint8]:
    """Turn a decoded image into a model's input.

    Parameters
    ----------
    image : PIL.Image.Image
        As for `picture_of`.
    resizer : Resizer
        Of the model.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB pixels.

    Raises
    ------
    ImageError
        If the image is too small, is constant, or has pixels that cannot be scaled to 8 bit.
    """
    return pixels_of(picture_of(image, resizer), resizer)


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB without clipping or uncovering anything.

    Transparent images are composited on black, the colour of the sky; 16-bit grey is scaled to 8 bit,
    where Pillow's own conversion would clip it.

    Parameters
    ----------
    image : PIL.Image.Image
        A decoded image.

    Returns
    -------
    PIL.Image.Image
        The image in mode RGB.

    Raises
    ------
    ImageError
        If the pixels are 32-bit integers or floats, whose range is not known.
    """
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError("unsupported pixels: 32-bit grey has no known range; save the image with 8 or 16 bit")
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
