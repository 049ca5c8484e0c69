"""Write YAML of mappings, lists, texts and numbers; whatever a text holds, it stays one text on one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from galaxy_classify.text import utf8


def yaml_text(content: Mapping[str, Any]) -> str:
    r"""Return a mapping as YAML in block style.

    Keys are written as they are. Mappings and lists in it must not be empty.

    Examples
    --------
    >>> print(yaml_text({"name": "a: b\n---", "tags": ["x"], "share": 1e-5}), end="")
    name: "a: b\x0a---"
    tags:
      - "x"
    share: 0.00001
    """
    return "".join(f"{line}\n" for line in _lines(content))


def _lines(value: Mapping[str, Any] | list[Any]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if isinstance(entry, Mapping | list):
                yield f"{key}:"
                yield from (f"  {line}" for line in _lines(entry))
            else:
                yield f"{key}: {_scalar(entry)}"
        return
    for entry in value:
        first, *others = _lines(entry) if isinstance(entry, Mapping | list) else [_scalar(entry)]
        yield f"- {first}"
        yield from (f"  {line}" for line in others)


def _scalar(value: str | int | float) -> str:
    if isinstance(value, float):
        # Not 1e-05: readers of YAML 1.1 take that for text.
        return format(Decimal(repr(value)), "f")
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    """Return text in double quotes, in which only quote and backslash have a meaning.

    Some characters that cannot be seen would end a line, or must not occur in YAML at all.
    """
    return '"' + "".join(map(_escaped, utf8(text))) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
