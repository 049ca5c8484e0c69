"""Recognise image formats by their first bytes, and say why a file is no image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image, UnidentifiedImageError

from galaxy_classify.errors import ImageError
from galaxy_classify.text import one_line

#: Formats that Pillow may read. It knows more than 40; these are the ones that images of galaxies are stored in.
FORMATS: Final = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")


#: Formats that can be read: those of Pillow, and FITS with astropy.
SUPPORTED: Final = (*FORMATS, "FITS")


FITS_SIGNATURE: Final = b"SIMPLE  ="


GZIP_SIGNATURE: Final = b"\x1f\x8b"


#: Offset and bytes by which a format is recognised, readable or not.
SIGNATURES: Final = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (0, b"GIF8", "GIF"),
    (0, FITS_SIGNATURE, "FITS"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"\x93NUMPY", "NumPy"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIF"),
    (0, b"8BPS", "PSD"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"P5", "PGM"),
    (0, b"P6", "PPM"),
    (0, b"%PDF", "PDF"),
    (0, GZIP_SIGNATURE, "gzip"),
    (0, b"PK\3\4", "ZIP"),
)


SIGNATURE_BYTES: Final = max(offset + len(signature) for offset, signature, _ in SIGNATURES)


#: What is said of a file in no format that is known.
NOT_AN_IMAGE: Final = "not an image"


#: File name suffix of each format that can be read.
SUFFIXES: Final = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "GIF": ".gif",
    "FITS": ".fits",
}


def may_be_fits(head: bytes) -> bool:
    """Return whether a file may be FITS, bare or packed with gzip, from its first bytes."""
    return head.startswith((FITS_SIGNATURE, GZIP_SIGNATURE))


def suffix_of(head: bytes) -> str:
    r"""Return the file name suffix for a readable format, told from the first bytes; empty for any other.

    Examples
    --------
    >>> suffix_of(b"\x89PNG\r\n\x1a\n"), suffix_of(b"")
    ('.png', '')
    """
    names = (name for offset, signature, name in SIGNATURES if head.startswith(signature, offset))
    return SUFFIXES.get(next(names, ""), "")


def why_not_an_image(head: bytes) -> str:
    """Say why Pillow did not recognise a file, from its first `SIGNATURE_BYTES` bytes.

    The reason is a damaged header of a supported format, an unsupported format, or that it is no image at all.

    Examples
    --------
    >>> why_not_an_image(b"%PDF-1.7")
    'unsupported format: PDF (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF, FITS)'
    >>> why_not_an_image(b"<html>404 Not Found</html>")
    'not an image (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF, FITS)'
    """
    if not head:
        return "empty file"
    for offset, signature, name in SIGNATURES:
        if head.startswith(signature, offset):
            if name in FORMATS:
                return f"damaged or incomplete image: its {name} header cannot be read"
            return f"unsupported format: {name} (supported: {', '.join(SUPPORTED)})"
    return f"{NOT_AN_IMAGE} (supported: {', '.join(SUPPORTED)})"


@contextmanager
def image_errors() -> Iterator[None]:
    """Turn whatever Pillow and astropy raise on a bad image into an `ImageError` with a short reason.

    Pillow's ``UnidentifiedImageError`` passes: the caller knows more about a file of unknown format.
    """
    try:
        yield
    except (ImageError, UnidentifiedImageError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError("too many pixels: more than Pillow's own limit") from None
    except Exception as error:
        # On damaged files Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more, and so does
        # astropy.
        raise ImageError(f"damaged or incomplete image: {one_line(error)}") from error
