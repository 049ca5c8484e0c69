"""Declare a command's options once, as the annotated fields of a dataclass, and read plain command lines by them.

Typer reads all others, shows the help and words the errors: `galaxy_classify.cli.with_typer` hands it the declarations.
To load typer takes longer than to classify an image, as it imports pydantic. So nothing here imports it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar, get_type_hints

from galaxy_classify.text import did_you_mean


class Dataclass(Protocol):
    """Any dataclass; the standard library has no type for it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=Dataclass)
Number = TypeVar("Number", int, float)

#: Typer expands patterns, variables and ``~`` on Windows, whose shells leave that to programs.
EXPANDED_ON_WINDOWS: Final = frozenset("*?[~$%")


class BadValueError(ValueError):
    """A value that an option cannot have; the message says why."""


@dataclass(frozen=True)
class Declaration:
    """An argument or option: its names, if they are not made of the field's name, and what typer is told of it."""

    kind: Literal["argument", "option", "flag"]
    names: tuple[str, ...]
    settings: dict[str, Any]

    def names_for(self, field: str) -> tuple[str, ...]:
        """Return the names on the command line of the option that a field declares."""
        return self.names or (f"--{field.replace('_', '-')}",)

    def value_of(self, text: str) -> Any:
        """Return the value that a word stands for; raise `BadValueError` if it stands for none."""
        return self.settings.get("parser", str)(text)


def option(*names: str, metavar: str, panel: str | None = None, **settings: Any) -> Any:
    """Declare an option that takes a value: ``Annotated[str, option(metavar="FILE", help="…")]``.

    The metavar must not be the option's own name: typer 0.27 would write ``--NAME`` for ``--name NAME``.
    """
    return Declaration("option", names, {"metavar": metavar, "rich_help_panel": panel, **settings})


def flag(name: str, *names: str, panel: str | None = None, **settings: Any) -> Any:
    """Declare an option that takes no value. Typer would add a ``--no-`` form to one whose name is not given."""
    return Declaration("flag", (name, *names), {"rich_help_panel": panel, **settings})


def argument(metavar: str) -> Any:
    """Declare an argument. The command's docstring describes it, since typer's tables of arguments differ."""
    return Declaration("argument", (), {"metavar": metavar, "hidden": True})


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a parser of an option whose value is a whole number within limits."""
    return _number(int, "a whole number", least, most)


def number(least: float, most: float | None = None) -> Callable[[str], float]:
    """Return a parser of an option whose value is a number within limits."""
    return _number(float, "a number", least, most)


def _number(convert: Callable[[str], Number], kind: str, least: Number, most: Number | None) -> Callable[[str], Number]:
    limits = f"of at least {least}" if most is None else f"between {least} and {most}"

    def parse(value: str) -> Number:
        try:
            found = convert(value)
        except ValueError:
            pass
        else:
            if most is None and found > sys.maxsize:
                raise BadValueError(f"{value!r} is too large")
            if least <= found and (most is None or found <= most):
                return found
        raise BadValueError(f"{str(value)!r} is not {kind} {limits}")

    return parse


def one_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Return a parser of an option whose value is one of some names."""

    def parse(value: str) -> StrEnum:
        try:
            return choices(value)
        except ValueError:
            question = did_you_mean(value, map(str, choices)).strip()
            message = f"{value!r} is not one of {', '.join(choices)}{question and f'; {question}'}"
            raise BadValueError(message) from None

    return parse


@cache
def declarations(options: type) -> dict[str, Any]:
    """Return the annotations of a dataclass of options by field."""
    return get_type_hints(options, include_extras=True)


def declared(options: type, field: str) -> Declaration:
    """Return the declaration of a field."""
    (found,) = declarations(options)[field].__metadata__
    return found  # type: ignore[no-any-return]


def made_of(options: type[T], values: dict[str, Any]) -> T:
    """Return the options of a command line; None stands for an option that was not given."""
    return options(**{name: value for name, value in values.items() if value is not None})


def read_plain(options: type[T], words: Sequence[str]) -> T | None:
    """Read a plain command line: inputs, and options by their whole names, each once and with a valid value.

    Return None if there is anything else, right or wrong: typer knows all of what a command line may be. So it does if
    there is nothing, as a shell may be asking for completion.
    """
    if not words or (os.name == "nt" and not EXPANDED_ON_WINDOWS.isdisjoint("".join(words))):
        return None
    by_name: dict[str, tuple[str, Declaration]] = {}
    inputs: list[str] = []
    given: dict[str, Any] = {}
    from_environment: dict[str, Any] = {}
    rest = iter(words)
    try:
        for field in fields(options):
            declaration = declared(options, field.name)
            if declaration.kind == "argument":
                given[field.name] = inputs
            elif "callback" not in declaration.settings:
                by_name |= dict.fromkeys(declaration.names_for(field.name), (field.name, declaration))
            if text := os.environ.get(declaration.settings.get("envvar", "")):
                from_environment[field.name] = declaration.value_of(text)
        for word in rest:
            if not _is_option(word):
                inputs.append(word)
                continue
            name, equals, text = word.partition("=") if word.startswith("--") else (word, "", "")
            found = by_name.get(name)
            if found is None or found[0] in given:
                return None
            field_name, declaration = found
            if declaration.kind == "flag":
                if equals:
                    return None
                given[field_name] = True
                continue
            if not equals and _is_option(text := next(rest, "--")):
                return None
            given[field_name] = declaration.value_of(text)
    except BadValueError:
        return None
    return made_of(options, from_environment | given)


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"
