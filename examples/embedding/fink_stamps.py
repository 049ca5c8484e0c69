"""Classify the stamps of alerts, column by column: the part of `fink_processor` that runs in Spark's Python workers.

A stamp is a FITS file, gzipped in ZTF's alerts and bare in Rubin's. The shipped models were trained on colour images of
surveys, and a stamp is grey, with one band: its row is never ``ok``, but ``uncertain``, ``unfamiliar`` or ``error``.
"""

from __future__ import annotations

import zlib
from dataclasses import asdict
from functools import cache
from typing import Final

import pandas as pd

from galaxy_classify import FitsOptions, GalaxyClassifier

#: Columns of the result: those of `galaxy_classify.Prediction` without the path.
COLUMNS: Final = ("status", "label", "confidence", "familiarity", "probabilities", "message", "model")

#: Stamps are small (63 px in ZTF's alerts, 30 px and up in Rubin's): refuse files that claim to be much larger.
MOST_PIXELS: Final = 1024 * 1024

#: A gzipped stamp that unpacks to more bytes is left as it is.
MOST_BYTES: Final = 4 * MOST_PIXELS

#: Shows the range of each stamp, so that neither its unit nor the level of the sky matters. The band stays unnamed on
#: purpose, although the alert has it: the picture would be the same, but its row could be ``ok``.
STAMPS: Final = FitsOptions(recipe="lupton", stretch="auto")

NO_STAMP: Final = "no stamp: the alert has none, or cannot be read"

#: Length of a card of a FITS header.
CARD: Final = 80


@cache
def classifier() -> GalaxyClassifier:
    """Return this Python worker's classifier, with one thread, as Spark runs a worker on each core."""
    return GalaxyClassifier(threads=1, max_pixels=MOST_PIXELS, fits=STAMPS)


def mended(stamp: bytes) -> bytes:
    """Return a gzipped FITS stamp unpacked, with a header that the classifier takes, and anything else as it is.

    ZTF's stamps are in DN (``BUNIT``). The classifier refuses counts, because most recipes need a flux; `STAMPS` does
    not, so the unit is taken out. The first card is ``SIMPLE  =  T``, of which astropy warns: its T belongs in column
    30.
    """
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: gzip
    try:
        content = unpack.decompress(stamp, MOST_BYTES)
    except zlib.error:
        return stamp
    if not unpack.eof or content[:CARD].split()[:3] != [b"SIMPLE", b"=", b"T"]:
        return stamp  # truncated, too large, or no FITS file: the classifier says which
    content = b"SIMPLE  =".ljust(29) + b"T".ljust(CARD - 29) + content[CARD:]
    for start in range(0, len(content), CARD):
        keyword = content[start : start + 8].rstrip()
        if keyword == b"BUNIT":
            return content[:start] + b"COMMENT".ljust(CARD) + content[start + CARD :]
        if keyword == b"END":
            break
    return content


def classify_stamps(stamps: pd.Series) -> pd.DataFrame:
    """Classify the stamps of one batch, and return a row for each, in order; a null is an error row."""
    images = [mended(bytes(stamp)) if isinstance(stamp, bytes | bytearray) else b"" for stamp in stamps]
    found = classifier().classify((str(number), image) for number, image in enumerate(images))
    rows = pd.DataFrame(map(asdict, found), columns=list(COLUMNS), dtype=object)
    rows.loc[[not image for image in images], "message"] = NO_STAMP
    return rows
