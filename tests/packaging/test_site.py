"""The documentation site: it builds without a warning and without network, and nothing is missing from it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command

import galaxy_classify
import galaxy_classify.containers
import galaxy_classify.dask
import galaxy_classify.errors
import galaxy_export.parity
from galaxy_classify.cli.fetch.app import app as fetch_app
from galaxy_classify.cli.with_typer.app import app as classify_app
from galaxy_export.cli import app as export_app
from galaxy_train.cli import app as train_app

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(find_spec, ("sphinx", "myst_parser", "numpydoc", "furo"))), reason="needs the extra docs"
    ),
]

#: Page and declaration of each command, by the words that run it.
COMMANDS = {
    "galaxy-classify": ("galaxy-classify", classify_app),
    "galaxy-classify fetch": ("galaxy-classify", fetch_app),
    "galaxy-train": ("galaxy-train", train_app),
    "galaxy-export": ("galaxy-export", export_app),
}


@dataclass
class Page:
    """What a page of the site refers to, what can be referred to in it, and its text."""

    file: Path
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    text: str = ""


class Reader(HTMLParser):
    """Collect the links, pictures, scripts, styles and ids of a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to."""
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.page.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self.page.links.append(values["href"])
        elif tag in ("img", "script", "source", "iframe") and "src" in values:
            self.page.loaded.append(values["src"])
        elif tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload"):
            self.page.loaded.append(values["href"])

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.page.text += data


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """Build the site as CI and Read the Docs do, and return its pages by their places."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", str(repository / "docs"), str(folder)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, ""), built.stderr
    pages = {}
    for file in sorted(folder.rglob("*.html")):
        pages[file.relative_to(folder).as_posix()] = page = Page(file)
        Reader(page).feed(file.read_text(encoding="utf-8"))
    return pages


def test_every_source_page_is_a_page(repository: Path, site: dict[str, Page]) -> None:
    """Nobody writes a page that no reader finds; the model notes are a part of each model card instead."""
    sources = {file.relative_to(repository / "docs").with_suffix(".html").as_posix() for file in
               (repository / "docs").rglob("*.md")}  # fmt: skip
    assert len(sources) > 40
    assert sources - site.keys() == {"model_notes.html"}


def test_no_link_or_picture_is_broken(site: dict[str, Page]) -> None:
    """Each link within the site leads to a file that is there, and to a place in it that is there."""
    by_file = {page.file.resolve(): page for page in site.values()}
    checked, broken = 0, []
    for place, page in site.items():
        for address in {*page.links, *page.loaded}:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            checked += 1
            target = (page.file.parent / unquote(parts.path)).resolve() if parts.path else page.file.resolve()
            ids = by_file[target].ids if target in by_file else set()
            if not target.is_file() or (target in by_file and parts.fragment and unquote(parts.fragment) not in ids):
                broken.append(f"{place}: {address}")
    assert checked > 1_000
    assert broken == []


def test_the_pages_load_nothing_from_elsewhere(site: dict[str, Page]) -> None:
    """They can be read without network, and nobody learns who reads them."""
    loaded = {address for page in site.values() for address in page.loaded}
    assert [address for address in loaded if urlsplit(address).scheme not in ("", "data")] == []


def test_every_public_name_has_its_entry(site: dict[str, Page]) -> None:
    """What `__all__` promises is documented."""
    names = {
        f"{module.__name__}.{name}"
        for module in (galaxy_classify, galaxy_classify.containers, galaxy_classify.dask, galaxy_export.parity)
        for name in module.__all__
    }
    checks = {f"galaxy_classify.errors.{kind.__name__}" for kind in galaxy_classify.errors.ParityError.__subclasses__()}
    methods = {
        f"galaxy_classify.GalaxyClassifier.{name}"
        for name in ("classify", "classify_and_embed", "close", "embed", "picture", "predict", "predict_proba", "seen")
    }
    entries = site["reference/api.html"].ids | site["reference/errors.html"].ids
    assert (names | checks | methods) - entries == set()


def options(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield the options of a command and of its subcommands, with the words that run each."""
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from options(f"{words} {name}", subcommand)
    if not getattr(command, "commands", {}):
        yield from ((words, option) for option in command.params if option.param_type_name == "option")


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_is_on_the_command_s_page(site: dict[str, Page], words: str) -> None:
    """With the text of its help, so that page and help cannot differ."""
    name, app = COMMANDS[words]
    page = site[f"reference/{name}.html"]
    text = " ".join(page.text.split())
    found = list(options(words, get_command(app)))
    assert len(found) > 10
    for command, option in found:
        longest = max(option.opts, key=len)
        assert f"{command.replace(' ', '-')}{longest[1:]}" in page.ids, longest
        if option.name not in ("install_completion", "show_completion"):  # typer's own, with texts of ours
            assert " ".join(option.help.split()) in text, longest


def test_every_variable_of_the_environment_is_on_its_page(site: dict[str, Page]) -> None:
    """Also those that an option is taken from."""
    text = site["reference/environment.html"].text
    declared = [option.envvar for _, app in COMMANDS.values() for _, option in options("", get_command(app))]
    assert [name for name in filter(None, declared) if name not in text] == []
    assert "GALAXY_MODEL" in declared


def test_the_pictures_are_small(repository: Path) -> None:
    """A page is read on a phone, too."""
    pictures = [file for file in (repository / "docs").rglob("*") if file.suffix in (".webp", ".png", ".svg", ".jpg")]
    assert len(pictures) > 4
    assert [file.name for file in pictures if file.stat().st_size > 100_000] == []
