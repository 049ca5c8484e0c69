"""The order of the source tree: each part imports only what stands below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Each line is a floor: its parts may import parts of the lines above it, and themselves.
FLOORS = {
    "runtime/galaxy_classify": """
        errors version defaults prediction parallel text
        extras process probabilities
        inference
        images tables
        inputs
        batch
        classifier
        containers
        results
        report runs fetch
        dask
        cli
        __main__""",
    "trainer/galaxy_train": """
        quiet_tensorflow checksum run_metrics
        run_folder
        networks data
        teachers
        evaluation
        training printing
        cli""",
    "exporter/galaxy_export": """
        gate
        parity graph
        galaxy_parity gate_images metadata partial_model
        int8 standalone
        report golden model_file model_card
        verify
        export embed hub
        cli""",
}
MOST_MODULES = 12


def imports(file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, anywhere in it but under TYPE_CHECKING."""
    nodes: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", FLOORS)
def test_parts_import_only_what_stands_below_them(repository: Path, package: str) -> None:
    """A newcomer who knows the floors knows where a thing can be used, and there are no circles."""
    floor = {part: number for number, line in enumerate(FLOORS[package].split("\n")) for part in line.split()}
    root = repository / package
    seen = set()
    for file in root.rglob("*.py"):
        part = file.relative_to(root).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        seen.add(part)
        for name in imports(file):
            if name.startswith(f"{root.name}."):
                other = name.split(".")[1]
                below = floor.get(other, -1) < floor[part] or other == part
                assert below, f"{file.relative_to(repository)} imports {name}"
    assert seen == floor.keys()


def test_no_folder_has_more_modules_than_one_can_take_in(repository: Path) -> None:
    """A folder with many modules hides how they work together."""
    folders = [folder for package in FLOORS for folder in [repository / package, *(repository / package).rglob("*/")]]
    modules = {folder: len(set(folder.glob("*.py")) - {folder / "__init__.py"}) for folder in folders}
    assert {folder: count for folder, count in modules.items() if count > MOST_MODULES} == {}
