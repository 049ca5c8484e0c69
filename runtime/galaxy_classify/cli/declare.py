"""Declare a command's options once: as the annotated fields of a dataclass, which the command then receives."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_type_hints

import typer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


#: What the help shows as the value of an option that takes none.
FLAG: Final = " "


def option(*names: str, panel: str | None = None, **settings: Any) -> Any:
    """Declare an option that takes a value: ``Annotated[str, option(metavar="FILE", help="…")]``."""
    return typer.Option(*names, rich_help_panel=panel, **settings)


def flag(*names: str, panel: str | None = None, **settings: Any) -> Any:
    """Declare an option that takes no value. Its name must be given, or typer adds a ``--no-`` form."""
    return typer.Option(*names, metavar=FLAG, rich_help_panel=panel, **settings)


def with_options(options: type[T]) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Let a command take the fields of a dataclass as its options, and receive them as one object."""
    hints = get_type_hints(options, include_extras=True)
    signature = inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default if field.default_factory is MISSING else field.default_factory(),
                annotation=hints[field.name],
            )
            for field in fields(options)
        ]
    )

    def decorate(function: Callable[[T], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**values: Any) -> None:
            function(options(**values))

        # Typer reads the options from here instead of the function's own parameters.
        command.__signature__ = signature  # type: ignore[attr-defined]
        return command

    return decorate
