"""The source distribution holds what the repository holds, so that its tests run from it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from galaxy_classify.version import __version__

#: What the build adds.
ADDED = {"PKG-INFO"}


def listed_by_git(repository: Path, *options: str) -> set[str]:
    """Return the files that git lists, without those that are deleted but not committed."""
    listed = subprocess.run(
        ["git", "-C", repository, "ls-files", "-z", *options],  # noqa: S607 - whichever git there is
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {name for name in listed.stdout.split("\0") if (repository / name).is_file()}


def lying_there(repository: Path) -> set[str]:
    """Return all files but those that .gitignore names: in a copy of a commit, all that git tracks."""
    ignored = [line.rstrip("/") for line in (repository / ".gitignore").read_text(encoding="utf-8").split()]
    found, folders = set(), [repository]
    while folders:
        for entry in folders.pop().iterdir():
            name = entry.relative_to(repository).as_posix()
            if any(fnmatch(f"/{name}" if pattern.startswith("/") else entry.name, pattern) for pattern in ignored):
                continue
            if entry.is_dir():
                folders.append(entry)
            else:
                found.add(name)
    return found


@pytest.mark.slow
def test_the_sdist_holds_what_git_tracks(repository: Path, tmp_path: Path) -> None:
    """A file that a test needs would else be missed only by who packages a release; and nothing slips in."""
    if (repository / ".git").exists():
        needed = listed_by_git(repository)
        allowed = needed | listed_by_git(repository, "--others", "--exclude-standard")
    else:
        needed = allowed = lying_there(repository)
    subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, repository],
        check=True, capture_output=True,
    )  # fmt: skip
    top = f"galaxy_classify-{__version__}"
    with tarfile.open(tmp_path / f"{top}.tar.gz") as archive:
        names = {member.name.removeprefix(f"{top}/") for member in archive.getmembers() if member.isfile()}
    assert len(needed) > 500
    assert needed - names == set()
    assert names - allowed <= ADDED
