"""The directive ``command``: what a command and its subcommands do, with all options, from their own declarations.

::

    ```{command} galaxy-export
    ```
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from docutils import nodes
from docutils.parsers.rst import Directive
from typer.main import get_command

#: Where typer's declaration of each command is, by the words that run it.
COMMANDS: Final = {
    "galaxy-classify": "galaxy_classify.cli.with_typer.app",
    "galaxy-classify fetch": "galaxy_classify.cli.fetch.app",
    "galaxy-train": "galaxy_train.cli",
    "galaxy-export": "galaxy_export.cli",
}
#: Typer declares these of galaxy-classify itself, and leaves their texts to `prepared_command`.
WITH_ITS_OWN_TEXTS: Final = "galaxy-classify"


def loaded_command(name: str) -> Any:
    """Return a command as typer has it."""
    module = import_module(COMMANDS[name])
    if name == WITH_ITS_OWN_TEXTS:
        return module.prepared_command(everything=True)
    return get_command(module.app)


def with_subcommands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield each command that does something, with the words that run it."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield name, command
    else:
        for word, subcommand in subcommands.items():
            yield from with_subcommands(f"{name} {word}", subcommand)


class CommandDirective(Directive):
    """A section for each subcommand: its usage, what it does, and its options by group."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the sections, or the content alone of a command without subcommands."""
        name = self.arguments[0]
        found = dict(with_subcommands(name, loaded_command(name)))
        if list(found) == [name]:
            return self._described(name, found[name])
        sections: list[nodes.Node] = []
        for words, command in found.items():
            section = nodes.section(ids=[words.replace(" ", "-")], names=[words])
            section += nodes.title(words, words)
            section += self._described(words, command)
            sections.append(section)
        return sections

    def _described(self, words: str, command: Any) -> list[nodes.Node]:
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        usage = " ".join([words, "[OPTIONS]", *(str(each.metavar) for each in arguments)])
        described: list[nodes.Node] = [nodes.literal_block(usage, usage, language="text")]
        described += self._text(str(command.help or "").split("\f")[0])
        groups: dict[str, list[Any]] = {}
        for option in command.params:
            if option.param_type_name != "argument":
                groups.setdefault(getattr(option, "rich_help_panel", None) or "Options", []).append(option)
        for title, options in groups.items():
            if len(groups) > 1:
                described.append(nodes.rubric(title, title))
            described.append(self._list(words, options))
        return described

    def _list(self, words: str, options: list[Any]) -> nodes.definition_list:
        listed = nodes.definition_list(classes=["options"])
        for option in options:
            names = ", ".join(sorted(option.opts, key=len))
            label = f"{names} {option.metavar or ''}".strip()
            longest = max(option.opts, key=len)
            term = nodes.term("", "", nodes.literal(label, label), ids=[f"{words.replace(' ', '-')}{longest[1:]}"])
            definition = nodes.definition("", *self._text(" ".join([option.help or "", *remarks(option)])))
            listed += nodes.definition_list_item("", term, definition)
        return listed

    def _text(self, text: str) -> list[nodes.Node]:
        """Return paragraphs of a help text, in which nothing is markup."""
        return [nodes.paragraph("", " ".join(part.split())) for part in text.strip().split("\n\n") if part.strip()]


def remarks(option: Any) -> Iterator[str]:
    """Yield what the help appends to an option's text: the environment variable and the default."""
    if option.envvar:
        yield f"Environment variable: {option.envvar}."
    if option.required:
        yield "Required."
    default = option.default
    shown = option.show_default is not False and not option.is_flag
    if shown and default not in (None, (), [], ""):
        yield f"Default: {getattr(default, 'value', default)}."


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command", CommandDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
