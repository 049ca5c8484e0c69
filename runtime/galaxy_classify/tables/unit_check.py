"""Refuse ECSV and VOTable files with a unit that Astropy would compute for hours."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any, Final
from xml.parsers import expat

#: A power of ten of five digits or more, as ``10**(999999999) Jy``: Astropy computes it exactly.
_HUGE_POWER: Final = re.compile(r"10\s*(?:\*\*|\^|\+)[\s(+]*0*[1-9]\d{4}")


#: Escapes by which YAML can hide one, of characters that need none, and of the end of a line.
_HIDDEN: Final = re.compile(r"\\(?:x[2-7]|u00[2-7]|U000000[2-7]|$)", re.MULTILINE)


def check_units(path: str, form: str) -> None:
    """Check the units of a file before Astropy reads it; `form` is ``ascii.ecsv`` or ``votable``.

    Raises
    ------
    ValueError
        If one has a huge power of ten, or the file is no XML.
    OSError
        If it cannot be read.
    """
    if form == "votable":
        _check_votable(path)
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        header = "\n".join(line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), file))
    _check(header)
    if _HIDDEN.search(header):
        raise ValueError("its header escapes characters that need no escape; write it anew")


def _check(text: str) -> None:
    found = _HUGE_POWER.search(text)
    if found is not None:
        raise ValueError(f"a unit has a huge power of ten, {found[0]!r}; correct it")


def _check_votable(path: str) -> None:
    from astropy.utils.data import get_readable_fileobj

    def check_element(_: str, attributes: dict[str, str]) -> None:
        if "unit" in attributes:
            _check(attributes["unit"])

    parser: Any = expat.ParserCreate()
    parser.StartElementHandler = check_element
    with get_readable_fileobj(path, encoding="binary") as file:
        try:
            while chunk := file.read(1 << 20):
                parser.Parse(chunk, False)
        except expat.ExpatError as error:
            raise ValueError(str(error)) from None
