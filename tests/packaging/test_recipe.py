"""The recipe for conda-forge, and the files for containers, against the package that they install."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from galaxy_classify.version import __version__
from schemas import read_yaml


@pytest.fixture(scope="module")
def pyproject(repository: Path) -> dict[str, Any]:
    """Return the parsed pyproject.toml."""
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def recipe(repository: Path) -> dict[str, Any]:
    """Return the parsed recipe."""
    content: dict[str, Any] = read_yaml(repository / "recipe" / "recipe.yaml")
    return content


def test_the_recipe_has_the_same_dependencies(recipe: dict[str, Any], pyproject: dict[str, Any]) -> None:
    """Whoever installs it with conda gets what pip installs, from the same Python on."""
    project = pyproject["project"]
    needed = {requirement.replace(">=", " >=") for requirement in project["dependencies"]}
    assert set(recipe["requirements"]["run"]) == needed | {"python >=${{ python_min }}"}
    assert project["requires-python"] == f">={recipe['context']['python_min']}"
    assert {entry.replace(">=", " >=") for entry in pyproject["build-system"]["requires"]} <= set(
        recipe["requirements"]["host"]
    )


def test_the_recipe_is_of_this_package(recipe: dict[str, Any], pyproject: dict[str, Any]) -> None:
    """Its version, its commands, its licence and its words are those of the package."""
    project, about = pyproject["project"], recipe["about"]
    assert recipe["context"]["version"] == __version__
    assert recipe["package"]["name"] == project["name"]
    commands = dict(entry.split(" = ") for entry in recipe["build"]["python"]["entry_points"])
    assert commands == project["scripts"]
    assert (about["summary"], about["license"]) == (project["description"], project["license"])
    assert about["repository"] == project["urls"]["Source"]
    assert about["documentation"] == project["urls"]["Documentation"]


def test_images_start_from_one_pinned_base(repository: Path) -> None:
    """Docker's stages and Apptainer's definition name the same image by its digest, which nobody can change."""
    docker = (repository / "Dockerfile").read_text(encoding="utf-8")
    apptainer = (repository / "containers" / "galaxy-classify.def").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", docker, re.MULTILINE) + re.findall(r"^From: (\S+)", apptainer, re.MULTILINE)
    assert len(bases) == 3
    assert len(set(bases)) == 1
    assert re.fullmatch(r"debian:[a-z]+-slim@sha256:[0-9a-f]{64}", bases[0])


def test_the_image_is_not_run_as_root(repository: Path) -> None:
    """By number, so that Kubernetes can see it, and the last word of the file on it."""
    docker = (repository / "Dockerfile").read_text(encoding="utf-8")
    assert [
        user
        for user in re.findall(r"^USER (.*)$", docker, re.MULTILINE)
        if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    ] == []
    assert docker.index("USER ") < docker.index("ENTRYPOINT ")


def test_images_get_all_that_builds_the_package(repository: Path, pyproject: dict[str, Any]) -> None:
    """Both take the packages, the files that their metadata are made of, and the script that installs them."""
    build = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {"containers", "pyproject.toml", pyproject["project"]["readme"], *pyproject["project"]["license-files"]}
    needed |= {package.partition("/")[0] for package in build}
    ignored = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == needed
    apptainer = (repository / "containers" / "galaxy-classify.def").read_text(encoding="utf-8")
    assert set(re.findall(r"^    (\S+) /source/\1$", apptainer, re.MULTILINE)) == needed
    assert all((repository / name).exists() for name in needed)
