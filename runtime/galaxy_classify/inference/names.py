"""Check the names that a model brings along: they become columns, folders and text on a terminal, on any system."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

#: Longest name, in characters and in bytes of UTF-8; file systems allow 255 bytes for a folder.
MOST_CHARACTERS: Final = 100
MOST_BYTES: Final = 240
#: Separators of folders and drives, on any system.
SEPARATORS: Final = "/\\:"
#: Windows opens devices under these names, in any folder and with any suffix.
DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [port + digit for port in ("com", "lpt") for digit in "0123456789\u00b9\u00b2\u00b3"]
)
#: Characters that Unicode counts as letters, marks or symbols, but that leave no trace on a screen: first and last.
INVISIBLE: Final = (
    ("\u034f", "\u034f"),  # combining grapheme joiner
    ("\u115f", "\u1160"),  # Hangul fillers
    ("\u17b4", "\u17b5"),  # Khmer inherent vowels
    ("\u180b", "\u180f"),  # Mongolian variation selectors
    ("\u2800", "\u2800"),  # blank Braille pattern
    ("\u3164", "\u3164"),  # Hangul filler
    ("\ufe00", "\ufe0f"),  # variation selectors
    ("\uffa0", "\uffa0"),  # Hangul filler, half width
    ("\U000e0100", "\U000e01ef"),  # more variation selectors
)


def text_fault(text: str) -> str | None:
    """Return why text, such as a version, cannot be shown on one line of a terminal; None if it can."""
    if not text:
        return "is empty"
    if len(text) > MOST_CHARACTERS or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return f"has more than {MOST_CHARACTERS} characters or {MOST_BYTES} bytes"
    for character in text:
        # Not printable are controls, format and bidirectional marks, surrogates, and all spaces but the plain one.
        if not character.isprintable() or any(first <= character <= last for first, last in INVISIBLE):
            return f"contains a character that cannot be seen, U+{ord(character):04X}"
    return None


def name_fault(name: str) -> str | None:
    r"""Return why text cannot be the name of a model or class; None if it can.

    Examples
    --------
    >>> name_fault("smooth round"), name_fault("../round")
    (None, 'contains a separator of folders or drives, /')
    >>> name_fault("round\u202e")
    'contains a character that cannot be seen, U+202E'
    """
    if fault := text_fault(name):
        return fault
    for character in SEPARATORS:
        if character in name:
            return f"contains a separator of folders or drives, {character}"
    if name != name.strip():
        return "begins or ends with a space"
    if name.endswith("."):  # `.` and `..` are folders that exist, and Windows drops dots at the end
        return "ends with a dot"
    if name.partition(".")[0].rstrip().casefold() in DEVICES:
        return "is the name of a device on Windows"
    return None


def class_fault(names: Sequence[str]) -> str | None:
    """Return what is wrong with the class names of a model, with the name at fault; None if they can be used.

    Two names must differ in more than upper and lower case, or two ways to write the same character: file systems and
    the columns of FITS and SQL do not tell such names apart.

    Examples
    --------
    >>> class_fault(["round", "spiral", "Round"])
    "class 'Round' differs from 'round' in upper and lower case only"
    """
    known: dict[str, str] = {}
    for name in names:
        if fault := name_fault(name):
            return f"class {name[:MOST_CHARACTERS]!a} {fault}"
        folded_name = folded(name)
        if folded_name not in known:
            known[folded_name] = name
        elif known[folded_name] == name:
            return f"class {name!r} is there twice"
        else:
            same_case = known[folded_name].casefold() != name.casefold()
            how = "the spelling in Unicode" if same_case else "upper and lower case"
            return f"class {name!r} differs from {known[folded_name]!r} in {how} only"
    return None


def folded(name: str) -> str:
    """Return a name in the form in which file systems may compare it with others."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
