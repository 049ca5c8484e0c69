"""Change images as another survey, another file format or a mistake might.

Each change takes and returns uint8 pixels, shape (N, edge, edge, 3), and gives the same for the same images. What was
beyond the frame becomes the image's own sky.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Images = NDArray[np.uint8]
Change = Callable[[Images], Images]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A change to images: its family, its level as text, and what it does."""

    family: str
    level: str
    apply: Change

    @property
    def name(self) -> str:
        """Family and level, as in ``jpeg 50``."""
        return f"{self.family} {self.level}"


SEED: Final = 0


#: Edge in pixels of the patches that sky is made of: the noise of neighbouring pixels is alike.
PATCH: Final = 4


#: Which of the border's patches are sky, by rank of their brightness: neighbours lie above, dark artefacts below.
SKY_RANKS: Final = (0.1, 0.6)


#: Parts of red, green and blue in a grey pixel (ITU-R BT.601, as Pillow converts).
LUMA: Final = (0.299, 0.587, 0.114)


def compress(images: Images, quality: int) -> Images:
    """Save each image as a JPEG of this quality, and read it again."""

    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _each(images, change)


def add_noise(images: Images, sigma: float) -> Images:
    """Add Gaussian noise of this standard deviation, in levels, to each pixel and band."""
    noise = np.random.default_rng(SEED).standard_normal(images.shape, np.float32)
    return _to_uint8(images + np.float32(sigma) * noise)


def blur(images: Images, sigma: float) -> Images:
    """Blur with a Gaussian of this standard deviation, in pixels."""
    return _each(images, lambda image: image.filter(ImageFilter.GaussianBlur(sigma)))


def map_levels(images: Images, curve: NDArray[Any]) -> Images:
    """Replace each of the 256 levels by its value on a curve, as near as 0 to 255 permits."""
    return _to_uint8(curve)[images]


def mix_bands(images: Images, matrix: NDArray[Any]) -> Images:
    """Make each band, a row of a 3 x 3 matrix, of parts of the present bands, its columns."""
    return _to_uint8(images @ matrix.astype(np.float32).T)


def shift(images: Images, share: float) -> Images:
    """Move the galaxy by a share of the edge: the first to the right, each other one in another direction."""
    edge = images.shape[1]
    margin = math.ceil(share * edge)
    wide = _with_sky(images, margin)
    # Multiples of the golden angle cover all directions evenly, however many images there are.
    angles = np.arange(len(images)) * math.pi * (3 - math.sqrt(5))
    left = margin - np.rint(share * edge * np.cos(angles)).astype(int)
    top = margin + np.rint(share * edge * np.sin(angles)).astype(int)
    cuts = zip(wide, top.tolist(), left.tolist(), strict=True)
    return np.stack([image[y : y + edge, x : x + edge] for image, y, x in cuts])


def rotate(images: Images, degrees: float) -> Images:
    """Turn anticlockwise about the centre."""
    edge = images.shape[1]
    margin = math.ceil(edge * (math.sqrt(2) - 1) / 2)
    turned = _each(_with_sky(images, margin), lambda image: image.rotate(degrees, Image.Resampling.BICUBIC))
    return np.ascontiguousarray(turned[:, margin : margin + edge, margin : margin + edge])


def zoom(images: Images, factor: float) -> Images:
    """Enlarge about the centre, or below 1 reduce, as if the cutout had been made of another size."""
    edge = images.shape[1]
    margin = max(0, math.ceil((edge / factor - edge) / 2))
    centre, half = margin + edge / 2, edge / factor / 2
    box = (centre - half, centre - half, centre + half, centre + half)
    wide = _with_sky(images, margin) if margin else images
    return _each(wide, lambda image: image.resize((edge, edge), Image.Resampling.LANCZOS, box))


def _with_sky(images: Images, margin: int) -> Images:
    """Add a margin of the image's own sky on all four sides.

    Noise drawn anew would have neither the colours nor the grain of the image's own, so the margin is made of patches
    of its border.
    """
    count, edge = images.shape[:2]
    fitting = edge // PATCH
    views = (images, images.transpose(0, 2, 1, 3))
    sides = [view[:, rows, : fitting * PATCH] for view in views for rows in (slice(PATCH), slice(-PATCH, None))]
    patches = np.concatenate([side.reshape(count, PATCH, fitting, PATCH, 3).swapaxes(1, 2) for side in sides], axis=1)
    order = patches.sum(axis=(2, 3, 4), dtype=np.int64).argsort(axis=1, kind="stable")
    lowest, highest = (int(rank * order.shape[1]) for rank in SKY_RANKS)
    needed = math.ceil((edge + 2 * margin) / PATCH)
    chosen = order[:, np.random.default_rng(SEED).integers(lowest, highest, (needed, needed))]
    tiles = patches[np.arange(count)[:, np.newaxis, np.newaxis], chosen]
    whole = tiles.transpose(0, 1, 3, 2, 4, 5).reshape(count, needed * PATCH, needed * PATCH, 3)
    wide: Images = whole[:, : edge + 2 * margin, : edge + 2 * margin]
    wide[:, margin : margin + edge, margin : margin + edge] = images
    return wide


def _each(images: Images, change: Callable[[Image.Image], Image.Image]) -> Images:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def _to_uint8(values: NDArray[Any]) -> Images:
    pixels: Images = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


_LEVELS: Final = np.arange(256)


_COLOURS: Final = {
    "redder": np.diag([1.3, 1, 1 / 1.3]),
    "bluer": np.diag([1 / 1.3, 1, 1.3]),
    "bgr": np.eye(3)[::-1],
    "grey": np.array([LUMA] * 3),
    "red-only": np.diag([1, 0, 0]),
    "green-only": np.diag([0, 1, 0]),
    "blue-only": np.diag([0, 0, 1]),
    "no-red": np.diag([0, 1, 1]),
    "no-green": np.diag([1, 0, 1]),
    "no-blue": np.diag([1, 1, 0]),
}


#: Every change that a network is measured under, by family.
PERTURBATIONS: Final = (
    *(Perturbation("jpeg", f"{quality}", partial(compress, quality=quality)) for quality in (90, 70, 50, 30, 15)),
    *(Perturbation("noise", f"{sigma}", partial(add_noise, sigma=sigma)) for sigma in (4, 8, 16, 32)),
    *(Perturbation("blur", f"{sigma:g}", partial(blur, sigma=sigma)) for sigma in (0.5, 1, 2, 3)),
    *(
        Perturbation("brightness", f"x{factor:g}", partial(map_levels, curve=_LEVELS * factor))
        for factor in (0.5, 0.7, 1.4, 2)
    ),
    *(Perturbation("sky", f"+{added}", partial(map_levels, curve=_LEVELS + added)) for added in (10, 20, 40, 80)),
    *(
        Perturbation("gamma", f"{gamma:g}", partial(map_levels, curve=255 * (_LEVELS / 255) ** gamma))
        for gamma in (0.5, 0.7, 1.4, 2)
    ),
    *(Perturbation("colour", level, partial(mix_bands, matrix=matrix)) for level, matrix in _COLOURS.items()),
    Perturbation("colour", "negative", partial(map_levels, curve=255 - _LEVELS)),
    *(Perturbation("shift", f"{share:.0%}", partial(shift, share=share)) for share in (0.08, 0.16, 0.25, 0.35)),
    *(Perturbation("rotation", f"{degrees}", partial(rotate, degrees=degrees)) for degrees in (15, 30, 45, 90)),
    *(
        Perturbation("zoom", f"x{factor:g}", partial(zoom, factor=factor))
        for factor in (0.4, 0.5, 0.67, 0.75, 1.25, 1.5, 2, 3, 4)
    ),
)
