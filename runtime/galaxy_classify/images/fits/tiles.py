"""Check the tiles of a compressed FITS image before astropy unpacks them."""

from __future__ import annotations

import re
import zlib
from typing import Any, Final

import numpy as np

from galaxy_classify.errors import ImageError

#: Tile compressions that are read. On a damaged tile, astropy's decoder of HCOMPRESS_1 writes beyond its buffer and
#: crashes the process; its decoder of PLIO_1, which is for masks, is as old.
TILE_COMPRESSIONS: Final = ("RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS")


#: Bytes of a gzipped tile that are unpacked without a check. Deflate packs at most 1032 bytes into one, and astropy
#: unpacks whatever a tile holds: a file of 1 MB has taken 2 GB.
UNCHECKED_BYTES: Final = 60_000


#: Largest item of a pixel, in bytes.
_LARGEST_ITEM: Final = 8


_WITH_GZIP: Final = re.compile("GZIP_[12]")


#: Columns that hold gzipped tiles: the second only those that another compression could not take.
_COLUMNS: Final = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA")


_ITEM_BYTES: Final = {"B": 1, "I": 2, "J": 4, "K": 8}


def check_tiles(fits: Any, hdus: Any, hdu: Any, file: Any) -> None:
    """Check the compression, the shape and the unpacked size of the tiles of an HDU.

    Raises
    ------
    ImageError
        If the compression is not read, or tiles are larger than the image, or unpack to more than their shape has.
    Exception
        Of any kind, if the file is damaged.
    """
    if hdu.compression_type not in TILE_COMPRESSIONS:
        raise ImageError(f"unsupported tile compression: not one of {', '.join(TILE_COMPRESSIONS)}")
    if any(tile > axis for tile, axis in zip(hdu.tile_shape, hdu.shape, strict=True)):
        raise ImageError("damaged or incomplete image: its tiles are larger than itself")
    gzipped = _COLUMNS if _WITH_GZIP.fullmatch(hdu.compression_type) else _COLUMNS[1:]
    table = hdu.compressed_data
    present = [name for name in gzipped if table is not None and name in table.dtype.names]
    # Each descriptor is the number of items of a tile, and where they begin.
    if any(np.asarray(table[name])[:, 0].max(initial=0) * _LARGEST_ITEM > UNCHECKED_BYTES for name in present):
        number = next(number for number, other in enumerate(hdus) if other is hdu)
        limit = int(np.prod(hdu.tile_shape)) * _LARGEST_ITEM
        file.seek(0)
        with fits.open(file, mode="readonly", memmap=False, disable_image_compression=True) as plain:
            _check_gzipped(plain[number], present, limit, file)


def _check_gzipped(table: Any, columns: list[str], limit: int, file: Any) -> None:
    header = table.header
    heap = table.fileinfo()["datLoc"] + header.get("THEAP", header["NAXIS1"] * header["NAXIS2"])
    # Without the columns' own classes: astropy would read the whole heap.
    rows = np.frombuffer(_read(file, table.fileinfo()["datLoc"], table.data.nbytes), table.data.dtype)
    for name in columns:
        form = re.match(r"\d*[PQ]([BIJK])", table.columns[name].format)
        if form is None:
            raise ImageError("damaged or incomplete image: its tiles are of no known type")
        for items, offset in rows[name].reshape(-1, 2).tolist():
            _check_unpacked(_read(file, heap + offset, items * _ITEM_BYTES[form[1]]), limit)


def _read(file: Any, place: int, size: int) -> bytes:
    file.seek(place)
    return bytes(file.read(max(0, size)))


def _check_unpacked(packed: bytes, limit: int) -> None:
    left = limit
    while packed:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        left -= len(unpacker.decompress(packed, left + 1))
        if left < 0:
            raise ImageError("damaged or incomplete image: a tile unpacks to more than its size")
        packed = unpacker.unused_data


CARD_BYTES: Final = 80


#: Number of axes and columns above that of the FITS standard (Pence et al. 2010, A&A 524, A42: 999), in a card.
_TOO_MANY: Final = re.compile(rb"(?:HIERARCH +)?(?:Z?NAXIS|TFIELDS) *= *[+]?0*[1-9]\d{3}", re.IGNORECASE)


def check_cards(cards: bytes) -> None:
    """Raise `ImageError` if cards of a header claim more axes or columns than the standard allows.

    Astropy would look for a card of each.
    """
    # Only where a card begins: a search of every byte would take as long as decoding a small image.
    if any(_TOO_MANY.match(cards, start) for start in range(0, len(cards), CARD_BYTES)):
        raise ImageError("damaged or incomplete image: its FITS header claims more than 999 axes or columns")
