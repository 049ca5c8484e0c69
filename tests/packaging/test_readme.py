"""README.md: short, true, and whole on the package index' page, which knows nothing of the source tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

#: Where an address of the project leads to in the source tree.
IN_THE_TREE = {
    "https://galaxy-classify.readthedocs.io/en/latest/": "docs/",
    "https://github.com/galaxy-classify/galaxy-classify/blob/main/": "",
    "https://raw.githubusercontent.com/galaxy-classify/galaxy-classify/main/": "",
}
MOST_LINES = 120


@pytest.fixture
def readme(repository: Path) -> str:
    """Return the text."""
    return (repository / "README.md").read_text(encoding="utf-8")


def addresses(text: str) -> list[str]:
    """Return the addresses of links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_it_is_read_in_a_few_minutes(readme: str) -> None:
    """All else stands in the documentation."""
    assert len(readme.splitlines()) <= MOST_LINES


def test_it_renders_on_the_package_index(readme: str) -> None:
    """With the renderer that the index uses: every heading, picture, table cell and code block survives."""
    markdown = pytest.importorskip("readme_renderer.markdown")
    page = markdown.render(readme)
    assert page is not None
    for heading in re.findall(r"^##? (.+)$", re.sub(r"```.*?```", "", readme, flags=re.DOTALL), re.MULTILINE):
        assert heading in page
    for address in addresses(readme):
        assert f'"{address}"' in page, address
    assert page.count("<img") == readme.count("![")
    assert page.count("<pre") == readme.count("```") // 2


def test_every_address_is_whole_and_leads_somewhere(repository: Path, readme: str) -> None:
    """A relative one is broken on the index' page; one of the project must be a file of this tree."""
    found = addresses(readme)
    assert len(found) > 20
    for address in found:
        assert address.startswith("https://"), address
        for start, folder in IN_THE_TREE.items():
            rest = address.removeprefix(start).partition("#")[0]
            if rest == address or not rest:
                continue
            name = f"{folder}{rest.removesuffix('.html')}.md" if folder else rest
            assert (repository / name).is_file(), address


@pytest.mark.slow
def test_what_is_uploaded_passes_the_check_of_the_index(repository: Path, tmp_path: Path) -> None:
    """twine check --strict, on the source distribution and the wheel."""
    pytest.importorskip("twine")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(repository)]
    subprocess.run(build, check=True, capture_output=True)
    files = [str(file) for file in tmp_path.iterdir()]
    assert len(files) == 2
    run = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("PASSED") == 2
