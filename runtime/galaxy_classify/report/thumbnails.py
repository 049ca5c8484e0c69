"""Make thumbnails for the report: WebP, encoded as Base64."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.parallel import ordered_map

#: WebP needs half of a JPEG's bytes here. Method 2 needs half of the default method's time for 5 % more bytes.
QUALITY: Final = 80
METHOD: Final = 2
#: Up to this number of images, thumbnails are large; together they take about 6 MB.
FEW: Final = 2_000
LARGE_EDGE: Final = 192
SMALL_EDGE: Final = 96


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """Thumbnail as WebP in Base64 (``webp``), or the reason why there is none (``missing``); the other is empty.

    ``seen`` is what the model saw, in its input size, as WebP in Base64; empty if the page does not show it.
    ``embedding`` are the features that the model compares it by, None if the page has no map.
    """

    webp: str = ""
    missing: str = ""
    seen: str = ""
    embedding: NDArray[np.float32] | None = field(default=None, compare=False)


def edge_for(pictures: int) -> int:
    """Return the longest edge in pixels of the thumbnails on a page with this number of them.

    Examples
    --------
    >>> edge_for(1_000), edge_for(10_000)
    (192, 96)
    """
    return LARGE_EDGE if pictures <= FEW else SMALL_EDGE


def make_thumbnail(image: Image.Image, edge: int) -> Thumbnail:
    """Shrink an RGB image to a longest edge of ``edge`` pixels; smaller images are not enlarged."""
    small = image.copy()
    small.thumbnail((edge, edge))
    return Thumbnail(webp=_webp(small))


def _webp(image: Image.Image) -> str:
    """Encode an image as WebP in Base64."""
    content = io.BytesIO()
    # Pass empty metadata. Otherwise Pillow copies them from the image, and EXIF may hold a position.
    image.save(content, "WEBP", quality=QUALITY, method=METHOD, exif=b"", icc_profile=b"", xmp=b"")
    return base64.b64encode(content.getvalue()).decode("ascii")


def make_thumbnails(
    paths: Iterable[str],
    picture: Callable[[str], Image.Image],
    edge: int,
    threads: int,
    seen: Callable[[Image.Image], Image.Image] | None = None,
    embed: Callable[[Image.Image], NDArray[np.float32]] | None = None,
) -> Iterator[Thumbnail]:
    """Make thumbnails of many images in worker threads, in the order of ``paths``.

    ``picture`` reads a path as an RGB image, ``seen`` makes of it what the model saw, and ``embed`` the embedding of
    that; all may raise `ImageError`.
    """

    def shrink(path: str) -> Thumbnail:
        try:
            image = picture(path)
        except ImageError as error:
            return Thumbnail(missing=str(error))
        thumbnail = make_thumbnail(image, edge)
        if seen is not None:
            with suppress(ImageError):  # the file has changed since it was classified
                small = seen(image)
                thumbnail = replace(thumbnail, seen=_webp(small))
                if embed is not None:
                    thumbnail = replace(thumbnail, embedding=embed(small))
        return thumbnail

    return ordered_map(shrink, paths, threads)
