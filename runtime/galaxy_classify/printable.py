"""Text that is safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return text that cannot move the cursor or colour the terminal.

    Examples
    --------
    >>> printable("\x1b[31mm51.jpg")
    '\\x1b[31mm51.jpg'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
