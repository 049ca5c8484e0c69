"""Check that what a service has sent is a whole image, of the format and size that it was asked for."""

from __future__ import annotations

import io
import math
from typing import Final

from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.fetch.failures import NoCutoutError, TemporaryError
from galaxy_classify.fetch.services import CutoutFormat
from galaxy_classify.images.formats import FITS_SIGNATURE, SIGNATURES, image_errors
from galaxy_classify.images.jpeg import is_jpeg

JPEG_END: Final = b"\xff\xd9"
#: Pixels by which an edge may differ from what was asked for: the cutouts of Galaxy Zoo 2 have 423 or 424.
TOLERANCE: Final = 2
#: FITS standard 4.0, sections 3.1 and 4.1: the sizes of a block and of a line of the header.
BLOCK: Final = 2880
CARD: Final = 80
#: Blocks that a header may have.
MOST_HEADER_BLOCKS: Final = 1000
#: Characters of a text that was sent in place of an image that are shown.
SHOWN: Final = 60


def check_image(content: bytes, wanted: CutoutFormat, pixels: int | None) -> None:
    """Check an answer; `pixels` is the edge that the image must have, or None if any will do.

    Raises
    ------
    NoCutoutError
        If it is something else; `TemporaryError` if it was cut off.
    """
    if not content:
        raise TemporaryError("the answer is empty")
    if wanted is CutoutFormat.FITS:
        if not content.startswith(FITS_SIGNATURE):
            raise NoCutoutError(f"the server sent no FITS but {_what_it_is(content)}")
        width, height = _fits_size(content)
    else:
        if not is_jpeg(content):
            raise NoCutoutError(f"the server sent no JPEG but {_what_it_is(content)}")
        width, height = _jpeg_size(content)
    if pixels is not None and max(abs(width - pixels), abs(height - pixels)) > TOLERANCE:
        raise NoCutoutError(f"the server sent {width} x {height} pixels, not {pixels} x {pixels}: framed otherwise")


def _what_it_is(content: bytes) -> str:
    """Name what was sent in place of an image: another format, or the beginning of a text such as a web page."""
    for offset, signature, name in SIGNATURES:
        if content.startswith(signature, offset):
            return name
    text = " ".join(content[: 4 * SHOWN].decode("utf-8", "replace").split())
    return repr(text[:SHOWN] + ("..." if len(text) > SHOWN else ""))


def _jpeg_size(content: bytes) -> tuple[int, int]:
    if JPEG_END not in content[-64:]:  # behind it, some servers send zeros or a line break
        raise TemporaryError("the image is cut off: it has no end marker")
    try:
        with image_errors(), Image.open(io.BytesIO(content), formats=["JPEG", "MPO"]) as image:
            image.load()
            return image.size
    except (ImageError, OSError) as error:
        raise NoCutoutError(str(error)) from None


def _fits_size(content: bytes) -> tuple[int, int]:
    """Return the size of the first image of a FITS file, all of whose parts are there.

    What follows its header is as long as the header says (FITS standard 4.0, sections 4.4.1 and 7), so that a file that
    is cut off is found without astropy.
    """
    at = 0
    size = None
    while at < len(content) and content.startswith((FITS_SIGNATURE, b"XTENSION"), at):
        cards, at = _header(content, at)
        try:
            axes = [cards[f"NAXIS{number}"] for number in range(1, cards["NAXIS"] + 1)]
            items = cards.get("PCOUNT", 0) + math.prod(axes) if axes else 0
            length = abs(cards["BITPIX"]) // 8 * cards.get("GCOUNT", 1) * items
            if size is None and cards.get("ZNAXIS", 0) >= 2:  # compressed, as fpack does
                size = cards["ZNAXIS1"], cards["ZNAXIS2"]
            elif size is None and len(axes) >= 2 and "TFIELDS" not in cards:
                size = axes[0], axes[1]
        except KeyError as error:
            raise NoCutoutError(f"damaged FITS: its header has no {error.args[0]}") from None
        if length < 0 or at + length > len(content):
            raise TemporaryError(f"the image is cut off after {len(content):,} bytes")
        at += -(-length // BLOCK) * BLOCK
    if size is None:
        raise NoCutoutError("the server sent a FITS file without an image")
    return size


def _header(content: bytes, at: int) -> tuple[dict[str, int], int]:
    """Return the whole numbers of the header that begins at a byte, and where the data behind it begin."""
    cards: dict[str, int] = {}
    for start in range(at, min(len(content), at + MOST_HEADER_BLOCKS * BLOCK), CARD):
        card = content[start : start + CARD]
        if card.rstrip() == b"END":
            return cards, at + -(-(start + CARD - at) // BLOCK) * BLOCK
        key, value = card[:8].strip(), card[10:].split(b"/")[0].strip()
        if card[8:10] == b"= " and value.lstrip(b"+-").isdigit():
            cards[key.decode("ascii", "replace")] = int(value)
    raise TemporaryError("the image is cut off within its header")
