"""What is shipped, and what may import what."""

from __future__ import annotations

import ast
import csv
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from galaxy_classify import GalaxyClassifier
from galaxy_classify.cli.fetch.app import app as fetch_app
from galaxy_classify.cli.with_typer.app import app as classify_app
from galaxy_classify.errors import MissingExtraError
from galaxy_classify.extras import require_extra
from galaxy_export.cli import app as export_app
from galaxy_painter import KINDS
from galaxy_train.cli import app as train_app

PACKAGES = {"galaxy_classify": "runtime", "galaxy_export": "exporter", "galaxy_train": "trainer"}
#: Who may import whom: never the runtime from the others.
ALLOWED = {
    "galaxy_classify": {"galaxy_classify"},
    "galaxy_train": {"galaxy_classify", "galaxy_train"},
    "galaxy_export": {"galaxy_classify", "galaxy_train", "galaxy_export"},
}
#: What the runtime may import besides the standard library: its base dependencies.
RUNTIME_DEPENDENCIES = {"numpy", "onnxruntime", "PIL", "typer", "rich"}
#: What it may import where an extra has been asked for, within functions only.
OPTIONAL_DEPENDENCIES = {
    "astropy", "dask", "distributed", "fsspec", "galaxy_classify_turbo", "pandas", "pyarrow", "watchfiles",
}  # fmt: skip


def imported_by(file: Path) -> set[str]:
    """Return the top-level modules that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.add(str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(repository: Path, package: str) -> None:
    """The runtime works without the trainer and the exporter, and stays so."""
    files = sorted((repository / PACKAGES[package] / package).rglob("*.py"))
    assert len(files) > 3
    for file in files:
        ours = {name for name in imported_by(file) if name in PACKAGES}
        assert ours <= ALLOWED[package], f"{file} imports {ours}"


def test_the_runtime_imports_its_dependencies_only(repository: Path) -> None:
    """Nothing outside the base dependencies may slip in, and an extra only within a function that needs it."""
    for file in (repository / "runtime").rglob("*.py"):
        foreign = imported_by(file) - set(sys.stdlib_module_names) - {"galaxy_classify"}
        assert foreign <= RUNTIME_DEPENDENCIES | OPTIONAL_DEPENDENCIES, f"{file} imports {foreign}"
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            inside = isinstance(node, ast.Module | ast.If | ast.Try | ast.ClassDef)
            for child in ast.iter_child_nodes(node) if inside else ():
                if isinstance(child, ast.Import | ast.ImportFrom):
                    names = [child.module] if isinstance(child, ast.ImportFrom) else [a.name for a in child.names]
                    at_start = {str(name).split(".")[0] for name in names} & OPTIONAL_DEPENDENCIES
                    type_checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
                    assert type_checking or not at_start, f"{file} imports {at_start} before it is needed"


def test_base_dependencies_are_five(repository: Path) -> None:
    """Whoever classifies installs no more than this."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {re.split(r"[<>=!~\[ ]", entry)[0] for entry in project["dependencies"]} == {
        "numpy", "onnxruntime", "pillow", "rich", "typer",
    }  # fmt: skip
    assert project["requires-python"] == ">=3.11"


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    """The message is the remedy."""
    with pytest.raises(
        MissingExtraError, match=r"no_such_module not installed: run  pip install 'galaxy-classify\[train\]'"
    ):
        require_extra("train", ("numpy", "no_such_module"))


def source_files(repository: Path, folder: str) -> list[Path]:
    """Return the files that git tracks in a folder; without git, as in an sdist, all but what Python leaves there."""
    if (repository / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", repository, "ls-files", "-z", folder],  # noqa: S607 - whichever git there is
            check=True,
            capture_output=True,
            text=True,
        )
        return [repository / name for name in listed.stdout.split("\0") if name]
    return [file for file in (repository / folder).rglob("*") if file.is_file() and "__pycache__" not in file.parts]


@pytest.mark.slow
def test_the_wheel_holds_the_tracked_files(repository: Path, tmp_path: Path) -> None:
    """Nothing is missing from it, and no test, run or data set slips in."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, repository],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        info = {name.split(".dist-info/")[1] for name in archive.namelist() if ".dist-info/" in name}
    tracked = {
        file.relative_to(repository / folder).as_posix()
        for folder in PACKAGES.values()
        for file in source_files(repository, folder)
    }
    assert len(tracked) > 100
    assert names == tracked
    assert info == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert wheel.stat().st_size < 8_000_000


def option_names(command: Any) -> set[str]:
    """Return the options of a command and of its subcommands."""
    found = {option for parameter in command.params for option in parameter.opts}
    return found.union(*map(option_names, getattr(command, "commands", {}).values()))


@pytest.mark.parametrize(
    ("name", "app"), [("galaxy-classify", classify_app), ("galaxy-train", train_app), ("galaxy-export", export_app)]
)
def test_the_readme_names_real_options(repository: Path, name: str, app: typer.Typer) -> None:
    """A command line in the README that does not exist would be a lie."""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    lines = [line for line in readme.splitlines() if line.startswith((f"{name} ", f"$ {name} "))]
    written = {(line, option) for line in lines for option in re.findall(r"(?<=\s)--[a-z0-9-]+", line)}
    assert written
    known, of_fetch = (option_names(get_command(each)) for each in (app, fetch_app))
    is_fetch = re.compile(r"(\$ )?galaxy-classify fetch ").match
    assert {option for line, option in written if option not in (of_fetch if is_fetch(line) else known)} == set()


def test_every_option_is_documented(repository: Path) -> None:
    """In the README or in docs/, where a reader who looks for it finds an example."""
    pages = [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    options = {
        option
        for parameter in get_command(classify_app).params
        if not getattr(parameter, "hidden", False)  # those that words stand for now
        for option in parameter.opts
        if option.startswith("--")
    }
    assert len(options) > 50
    assert [option for option in sorted(options) if not re.search(rf"{option}\b", text)] == []


def test_example_images_classify_as_recorded(repository: Path) -> None:
    """The pictures of the README's first command give the probabilities that were recorded with the model."""
    classifier = GalaxyClassifier()
    with (repository / "tests" / "packaging" / "golden.csv").open(newline="", encoding="utf-8") as file:
        golden = {row["path"]: row for row in csv.DictReader(file)}
    rows = {
        Path(row.path).name: row for row in classifier.classify(sorted((repository / "examples" / "images").iterdir()))
    }
    assert rows.keys() == golden.keys()
    assert len(rows) == 3 * len(KINDS)
    for name, row in rows.items():
        assert row.model == golden[name]["model"]
        assert row.label == golden[name]["label"]
        assert row.familiarity == pytest.approx(float(golden[name]["familiarity"]), abs=1e-2)
        for label, probability in row.probabilities.items():
            assert probability == pytest.approx(float(golden[name][f"prob_{label}"]), abs=1e-2)
