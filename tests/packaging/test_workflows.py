"""What GitHub reads: workflows, the action, forms for issues and Dependabot's file. They run nowhere but there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from schemas import assert_valid, read_yaml

#: Where GitHub looks for each kind of file, and the schema that it publishes for it.
FILES = {
    "github-workflows": (".github/workflows/*.yml",),
    "github-actions": ("action.yml",),
    "github-issue-forms": (".github/ISSUE_TEMPLATE/[!c]*.yml",),
    "github-issue-config": (".github/ISSUE_TEMPLATE/config.yml",),
    "dependabot": (".github/dependabot.yml",),
}


@pytest.mark.parametrize("schema", FILES)
def test_files_for_github_are_valid(repository: Path, schema: str) -> None:
    """GitHub ignores a file that it cannot read, or a form that lacks a required key, without a word to us."""
    assert_valid(schema, *(file for pattern in FILES[schema] for file in sorted(repository.glob(pattern))))


def workflows(repository: Path) -> dict[str, dict[str, Any]]:
    """Return the parsed workflows by the names of their files."""
    found = {file.name: read_yaml(file) for file in (repository / ".github" / "workflows").glob("*.yml")}
    assert {"ci.yml", "release.yml"} <= found.keys()
    return found


def test_actions_of_others_are_pinned(repository: Path) -> None:
    """A tag can be moved to other code, a commit cannot; the version beside it tells a reader what it is."""
    for file in (repository / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"^\s*(?:- )?uses: (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert used
        pinned = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+")
        assert [name for name in used if name != "./" and not pinned.fullmatch(name)] == []


def test_one_action_has_one_version(repository: Path) -> None:
    """Two commits of one action in the workflows mean that one was forgotten."""
    text = "".join(file.read_text(encoding="utf-8") for file in (repository / ".github" / "workflows").glob("*.yml"))
    used = set(re.findall(r"uses: ([\w.-]+/[\w./-]+)@(\w+)", text))
    assert len(used) == len(dict(used))


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_every_classified_python_is_tested(repository: Path, name: str) -> None:
    """On Linux, macOS and Windows, as the classifiers promise; and no other version is."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    jobs = workflows(repository)[name]["jobs"]
    matrix = jobs["wheel" if name == "ci.yml" else "test-wheel"]["strategy"]["matrix"]
    assert matrix["python"] == promised
    assert {"ubuntu-latest", "macos-latest", "windows-latest"} <= set(matrix["os"])


def test_a_token_can_do_no_more_than_its_job_needs(repository: Path) -> None:
    """Jobs get what they declare; those that may write run no code of the repository."""
    for name, workflow in workflows(repository).items():
        assert workflow["permissions"] in ({}, {"contents": "read"})
        for job, content in workflow["jobs"].items():
            assert content["timeout-minutes"] <= 90, (name, job)
            if "write" in content.get("permissions", {}).values():
                assert not any("checkout" in step.get("uses", "") for step in content["steps"]), (name, job)


def test_a_release_publishes_what_was_tested(repository: Path) -> None:
    """Files are built once; the tests and the publication take these, and publication waits for the tests."""
    jobs = workflows(repository)["release.yml"]["jobs"]
    builds = [name for name, job in jobs.items() for step in job["steps"] if "-m build" in step.get("run", "")]
    assert builds == ["build"]
    for name in ("test-wheel", "test-sdist", "publish"):
        assert any("download-artifact" in step.get("uses", "") for step in jobs[name]["steps"])
    assert jobs["test-wheel"]["needs"] == jobs["test-sdist"]["needs"] == "build"
    assert set(jobs["publish"]["needs"]) == {"test-wheel", "test-sdist"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
