"""What others need to cite the software and its data: CITATION.cff, Zenodo's file, and the page of acknowledgements."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from galaxy_classify.version import __version__
from schemas import assert_valid, read_yaml


@pytest.fixture(scope="module")
def citation(repository: Path) -> dict[str, Any]:
    """Return the parsed file."""
    content: dict[str, Any] = read_yaml(repository / "CITATION.cff")
    return content


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    """Return the table ``project`` of pyproject.toml."""
    content: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return content


def test_the_citation_file_is_valid(repository: Path) -> None:
    """GitHub, Zenodo and reference managers can read it."""
    assert_valid("citation-file-format", repository / "CITATION.cff")


def test_the_citation_is_of_this_version(citation: dict[str, Any], repository: Path) -> None:
    """It would be forgotten when a version is released; so would its date."""
    assert citation["version"] == __version__
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    dates = re.findall(rf"^## \[{re.escape(__version__)}\] - (\S+)$", changelog, re.MULTILINE)
    assert dates in ([], [citation["date-released"]])  # none before the release


def test_citation_zenodo_and_package_agree(citation: dict[str, Any], project: dict[str, Any], repository: Path) -> None:
    """Title, authors, licence, keywords and address are the same wherever they are read."""
    zenodo = json.loads((repository / ".zenodo.json").read_text(encoding="utf-8"))
    assert citation["title"] == zenodo["title"] == project["name"]
    assert citation["abstract"] == zenodo["description"]
    assert citation["authors"] == zenodo["creators"] == project["authors"]
    assert citation["license"] == zenodo["license"] == project["license"]
    assert citation["keywords"] == zenodo["keywords"] == project["keywords"]
    assert citation["repository-code"] == project["urls"]["Source"]
    cited = [entry["identifier"] for entry in zenodo["related_identifiers"]]
    assert cited == [reference["doi"] for reference in citation["references"]]


def test_the_page_of_acknowledgements_cites_the_same_papers(citation: dict[str, Any], repository: Path) -> None:
    """Each paper of CITATION.cff has its link there, and each text of a survey begins as the survey wrote it."""
    (page,) = (repository / "docs").rglob("acknowledgements.md")
    text = page.read_text(encoding="utf-8")
    assert [each["doi"] for each in citation["references"] if f"(https://doi.org/{each['doi']})" not in text] == []
    for beginning in (
        "> Funding for the SDSS and SDSS-II has been provided by",
        "> Funding for SDSS-III has been provided by",
        "> Funding for the Sloan Digital Sky Survey IV has been provided by",
        "> Funding for the Sloan Digital Sky Survey V has been provided by",
        "> The Legacy Surveys consist of three individual and complementary projects",
        "> The data in this paper are the result of the efforts of the Galaxy Zoo volunteers",
        "> This publication uses data generated via the Zooniverse.org platform",
    ):
        assert text.count(beginning) == 1
