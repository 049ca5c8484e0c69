"""Words in place of an input, which ask for something else than to classify: ``galaxy-classify models``.

Each stands for an option, which is what the rest of the program knows. A file or folder of such a name is an input: it
is not taken for the word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from galaxy_classify.errors import UsageError


@dataclass(frozen=True, slots=True)
class Word:
    """The option that a word stands for, and what follows it: a value that it needs, or may have."""

    option: str
    value: str = ""
    optional: bool = False


#: ``--model`` takes the value of those whose value is optional.
WORDS: Final = {
    "models": Word("--list-models"),
    "card": Word("--model-card", "MODEL", optional=True),
    "self-test": Word("--self-test", "MODEL", optional=True),
    "standalone": Word("--write-standalone", "FILE.onnx"),
    "check-shards": Word("--check-shards", "DIR"),
}


HELP: Final = frozenset(("-h", "--help"))


def without_words(words: Sequence[str]) -> list[str]:
    """Return a command line with the option that its first word stands for, if it is such a word and no file.

    Raises
    ------
    UsageError
        If the word lacks its value.

    Examples
    --------
    >>> without_words(["card", "galaxy-mlp"])
    ['--model-card', '--model', 'galaxy-mlp']
    """
    asked = WORDS.get(words[0]) if words else None
    if asked is None or os.path.lexists(words[0]):
        return list(words)
    rest = list(words[1:])
    if asks_help := HELP.intersection(rest):
        return list(asks_help)
    given = bool(rest) and not rest[0].startswith("-")
    if asked.optional and given:
        return [asked.option, "--model", *rest]
    if asked.value and not asked.optional and not given:
        raise UsageError(f"{words[0]} lacks its {asked.value}: galaxy-classify {words[0]} {asked.value}")
    return [asked.option, *rest]
