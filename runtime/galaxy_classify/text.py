"""Prepare text for messages: safe to print, on one line, with a suggestion for a misspelled name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def printable(text: str) -> str:
    r"""Return text that cannot move the cursor or colour the terminal.

    Examples
    --------
    >>> printable("\x1b[31mm51.jpg")
    '\\x1b[31mm51.jpg'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def printable_lines(text: str) -> str:
    r"""Return text of several lines that cannot move the cursor or colour the terminal; line breaks and tabs stay.

    Examples
    --------
    >>> printable_lines("# Model\n\x1b[2Jgone")
    '# Model\n\\x1b[2Jgone'
    """
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask whether the known name that is spelled most alike was meant; empty if none is close.

    Examples
    --------
    >>> did_you_mean("galaxy-cn", ["galaxy-cnn", "galaxy-mlp"])
    "did you mean 'galaxy-cnn'? "
    """
    import difflib  # only those who misspell wait for it

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def one_line(error: Exception) -> str:
    r"""Return an error's message on one line, or its type if it has none.

    Examples
    --------
    >>> one_line(ValueError("bad\nheader")), one_line(EOFError())
    ('bad header', 'EOFError')
    """
    return " ".join(str(error).split()) or type(error).__name__


def utf8(value: Any) -> Any:
    r"""Escape bytes of a file name that are not UTF-8, as most formats cannot store them; leave other values.

    Examples
    --------
    >>> utf8("m\udcff.jpg"), utf8(1)
    ('m\\xff.jpg', 1)
    """
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a character of UTF-16, which is no byte
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
