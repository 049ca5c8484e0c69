"""Tell from a file's first bytes why it could not be opened as an image."""

from __future__ import annotations

from typing import Final

#: Pillow registers more than 40 formats; these are the ones that pictures of galaxies come in.
FORMATS: Final = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")


#: Formats that can be read, FITS with astropy.
SUPPORTED: Final = (*FORMATS, "FITS")


FITS_SIGNATURE: Final = b"SIMPLE  ="


GZIP_SIGNATURE: Final = b"\x1f\x8b"


#: Bytes that a file of each format has at an offset.
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


#: Suffixes of the formats that can be read.
SUFFIXES: Final = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "GIF": ".gif",
    "FITS": ".fits",
}


def suffix_of(head: bytes) -> str:
    r"""Return the suffix that a file of this beginning should have, or nothing.

    Examples
    --------
    >>> suffix_of(b"\x89PNG\r\n\x1a\n"), suffix_of(b"")
    ('.png', '')
    """
    names = (name for offset, signature, name in SIGNATURES if head.startswith(signature, offset))
    return SUFFIXES.get(next(names, ""), "")


def why_not_an_image(head: bytes) -> str:
    """Say why Pillow did not recognise a file.

    Parameters
    ----------
    head : bytes
        The first `SIGNATURE_BYTES` of the file, or all of it.

    Returns
    -------
    str
        A short reason: a supported format with a damaged header, an unsupported format, or no image at all.

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
    return f"not an image (supported: {', '.join(SUPPORTED)})"
