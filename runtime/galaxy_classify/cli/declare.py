"""Declare a command's options once: as the annotated fields of a dataclass, which the command then receives.

Versions of typer word metavars, usage lines and the errors of its own types differently. The commands declare with what
stands here, so that users, documentation and tests meet one text.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import StrEnum
from functools import cache, wraps
from typing import Any, ClassVar, Final, Protocol, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from galaxy_classify.text import did_you_mean
from galaxy_classify.version import __version__


class Dataclass(Protocol):
    """Any dataclass; the standard library has no type for it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=Dataclass)
Number = TypeVar("Number", int, float)


#: How all commands ask for help.
HELP: Final = {"help_option_names": ["-h", "--help"]}

#: What the help shows as the value of an option that takes none. Without it, typer 0.29 shows ``<bool>``.
FLAG: Final = " "


def option(*names: str, metavar: str, panel: str | None = None, **settings: Any) -> Any:
    """Declare an option that takes a value: ``Annotated[str, option(metavar="FILE", help="…")]``.

    The metavar must not be the option's own name: typer 0.27 would write ``--NAME`` for ``--name NAME``.
    """
    return typer.Option(*names, metavar=metavar, rich_help_panel=panel, **settings)


def flag(name: str, *names: str, panel: str | None = None, **settings: Any) -> Any:
    """Declare an option that takes no value. Typer would add a ``--no-`` form to one whose name is not given."""
    return typer.Option(name, *names, metavar=FLAG, rich_help_panel=panel, **settings)


def argument(metavar: str) -> Any:
    """Declare an argument. The command's docstring describes it, since typer's tables of arguments differ."""
    return typer.Argument(metavar=metavar, hidden=True)


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
                raise typer.BadParameter(f"{value!r} is too large")
            if least <= found and (most is None or found <= most):
                return found
        raise typer.BadParameter(f"{str(value)!r} is not {kind} {limits}")

    return parse


def one_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Return a parser of an option whose value is one of some names."""

    def parse(value: str) -> StrEnum:
        try:
            return choices(value)
        except ValueError:
            question = did_you_mean(value, map(str, choices)).strip()
            message = f"{value!r} is not one of {', '.join(choices)}{question and f'; {question}'}"
            raise typer.BadParameter(message) from None

    return parse


def version_option(command: str) -> Any:
    """Declare ``--version`` of a command that has subcommands."""

    def show(wanted: bool) -> None:
        if wanted:
            typer.echo(f"{command} {__version__}")
            raise typer.Exit

    return flag("--version", "-V", help="Show the version.", is_eager=True, callback=show)


@cache
def declarations(options: type) -> dict[str, Any]:
    """Return the annotations of a dataclass of options by field; to resolve them takes milliseconds of each start."""
    return get_type_hints(options, include_extras=True)


def with_options(options: type[T]) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Let a command take the fields of a dataclass as its options, and receive them as one object."""
    hints = declarations(options)
    signature = inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                # None stands for an empty list: click 8.1 wants no other default for an argument.
                default=field.default if field.default_factory is MISSING else None,
                annotation=hints[field.name],
            )
            for field in fields(options)
        ]
    )

    def decorate(function: Callable[[T], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**values: Any) -> None:
            function(options(**{name: value for name, value in values.items() if value is not None}))

        # Typer reads the options from here instead of the function's own parameters.
        command.__signature__ = signature  # type: ignore[attr-defined]
        return command

    return decorate


class PlainCommand(TyperCommand):
    """A command with the same usage line and the same ``--help`` in every version of typer."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words after the command's name: arguments as they are declared, without brackets or braces."""
        parameters: list[Any] = list(self.params)
        return ["[OPTIONS]", *(each.metavar for each in parameters if each.param_type_name == "argument")]

    def get_help_option(self, ctx: Any) -> Any:
        """Return ``--help`` without a type."""
        return _without_type(super().get_help_option(ctx))


class PlainGroup(TyperGroup):
    """A command of subcommands with the same ``--help`` in every version of typer; without a subcommand it shows it."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Show the help and end with exit code 2 if there is nothing else to do."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        """Return ``--help`` without a type."""
        return _without_type(super().get_help_option(ctx))


def _without_type(help_option: Any) -> Any:
    if help_option is not None:
        help_option.metavar = FLAG
    return help_option
