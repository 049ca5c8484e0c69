"""Turn a decoded image into the pixels that a model sees: RGB, central crop, resize.

Training from image folders, the parity gate and the runtime all go through this module, so that their pixels cannot
differ.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images.crop import Picture, seen_box
from galaxy_classify.images.resize import Resizer

CONSTANT: Final = "constant image: every pixel that the model would see is the same"


def picture_of(image: Image.Image, resizer: Resizer, note: str = "") -> Picture:
    """Convert a decoded image to upright RGB and find the part that the model sees.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any size and mode; its EXIF orientation is applied.
    resizer : Resizer
        Knows the model's input size and its crop.
    note : str, optional
        Remark for the image's row.

    Raises
    ------
    ImageError
        If the image is too small, or has pixels that cannot be scaled to 8 bits.
    """
    upright = _upright(image)
    box = seen_box(upright.width, upright.height, resizer.size, resizer.preprocessing.crop_fraction)
    return Picture(to_rgb(upright), box, lossy=image.format == "JPEG", note=note)


#: How an image is to be turned, by the number of its EXIF orientation.
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF data say; data that cannot be read say nothing, in whatever format."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    except Exception:
        # On garbage Pillow raises SyntaxError, struct.error, ValueError and more.
        return image
    return image if turn is None else image.transpose(turn)


def pixels_of(picture: Picture, resizer: Resizer) -> NDArray[np.uint8]:
    """Crop and resize a picture to a model's input.

    The crop comes first, so that the resize filter does not see beyond it. The fast resize is used for JPEGs only.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB pixels.

    Raises
    ------
    ImageError
        If the part that the model sees is constant.
    """
    height, width = resizer.size
    if picture.rgb.size == (width, height):
        pixels = np.asarray(picture.rgb)
    else:
        pixels = resizer(picture.rgb, picture.box, exact=not picture.lossy)
    check_varied(pixels, resizer.preprocessing.margin)
    return pixels


def without_margin(pixels: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
    """Return a model's input, uint8, shape (height, width, 3), with zeros where the model does not look."""
    height, width = pixels.shape[:2]
    seen = np.zeros_like(pixels)
    inner = slice(margin, height - margin), slice(margin, width - margin)
    seen[inner] = pixels[inner]
    return seen


def check_varied(pixels: NDArray[np.uint8], margin: int) -> None:
    """Raise `ImageError` if a model's input is constant: uint8, shape (height, width, 3), without the margin."""
    if are_constant(pixels[np.newaxis], margin)[0]:
        raise ImageError(CONSTANT)


def are_constant(pixels: NDArray[np.uint8], margin: int) -> list[bool]:
    """Tell which of several model inputs are constant: uint8, shape (images, height, width, 3), without the margin."""
    height, width = pixels.shape[1:3]
    seen = pixels[:, margin : height - margin, margin : width - margin]
    # The first row of nearly every image varies, so that the others need not be compared.
    constant = (seen[:, 0] == seen[:, 0, :1]).all(axis=(1, 2))
    for number in np.flatnonzero(constant):
        constant[number] = (seen[number] == seen[number, 0, 0]).all()
    return cast("list[bool]", constant.tolist())


#: Modes that Pillow converts to RGB right.
_CONVERTED: Final = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LA", "La", "PA", "RGBA", "RGBa")


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a decoded image of any mode to RGB.

    Transparent images are composited on black, the colour of the sky: Pillow's own conversion would show the colours
    of transparent pixels. 16-bit grey is scaled to 8 bits, where Pillow's own conversion would clip it.

    Raises
    ------
    ImageError
        If the pixels are 32-bit integers or floats, whose range is not known, or of a mode that has no RGB.
    """
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16"):
        levels = np.asarray(image)
        if isinstance(transparent := image.info.get("transparency"), int):
            levels = np.where(levels == transparent, 0, levels)
        return Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError("unsupported pixels: 32-bit grey has no known range; save the image with 8 or 16 bit")
    if image.mode not in _CONVERTED:
        raise ImageError(f"unsupported pixels: mode {image.mode}; convert the image to RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
