"""Make typer's commands, parameters and help of what the commands declare.

Versions of typer word metavars, usage lines and the errors of its own types differently. The commands declare with what
stands here, so that users, documentation and tests meet one text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from typing import Annotated, Any, Final, TypeVar, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from galaxy_classify.cli import declare
from galaxy_classify.cli.declare import BadValueError, Dataclass, Declaration
from galaxy_classify.version import __version__

T = TypeVar("T", bound=Dataclass)
Result = TypeVar("Result")

#: How all commands ask for help.
HELP: Final = {"help_option_names": ["-h", "--help"]}

#: What the help shows as the value of an option that takes none. Without it, typer 0.29 shows ``<bool>``.
FLAG: Final = " "


def as_typer(declaration: Declaration) -> Any:
    """Return typer's description of a declared argument or option."""
    settings = dict(declaration.settings)
    if "parser" in settings:
        settings["parser"] = _with_typers_error(settings["parser"])
    if declaration.kind == "argument":
        return typer.Argument(**settings)
    if declaration.kind == "flag":
        settings["metavar"] = FLAG
    return typer.Option(*declaration.names, **settings)


def _with_typers_error(parser: Callable[[str], Any]) -> Callable[[str], Any]:
    @wraps(parser)
    def parse(value: str) -> Any:
        try:
            return parser(value)
        except BadValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parse


def option(*names: str, **settings: Any) -> Any:
    """Declare an option of a command that only typer reads, as `declare.option` does."""
    return as_typer(declare.option(*names, **settings))


def flag(*names: str, **settings: Any) -> Any:
    """Declare a flag of a command that only typer reads, as `declare.flag` does."""
    return as_typer(declare.flag(*names, **settings))


def argument(metavar: str) -> Any:
    """Declare an argument of a command that only typer reads, as `declare.argument` does."""
    return as_typer(declare.argument(metavar))


def version_option(command: str) -> Any:
    """Declare ``--version`` of a command that has subcommands."""

    def show(wanted: bool) -> None:
        if wanted:
            typer.echo(f"{command} {__version__}")
            raise typer.Exit

    return flag("--version", "-V", help="Show the version.", is_eager=True, callback=show)


def with_options(options: type[T]) -> Callable[[Callable[[T], Result]], Callable[..., Result]]:
    """Let a command take the fields of a dataclass as its options, and receive them as one object."""
    signature = inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                # None stands for an empty list: click 8.1 wants no other default for an argument.
                default=field.default if field.default_factory is MISSING else None,
                annotation=_for_typer(declare.declarations(options)[field.name]),
            )
            for field in fields(options)
        ]
    )

    def decorate(function: Callable[[T], Result]) -> Callable[..., Result]:
        @wraps(function)
        def command(**values: Any) -> Result:
            return function(declare.made_of(options, values))

        # Typer reads the options from here instead of the function's own parameters.
        command.__signature__ = signature  # type: ignore[attr-defined]
        return command

    return decorate


def _for_typer(annotation: Any) -> Any:
    kind, declared = get_args(annotation)
    return Annotated[kind, as_typer(declared) if isinstance(declared, Declaration) else declared]


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
