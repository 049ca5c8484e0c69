"""Run galaxy-classify without what Windows lacks, and with what it has instead: ``as_on_windows.py FOLDER``.

The calls of the operating system that only POSIX has are taken away before the package is imported. ``msvcrt`` is made
up of POSIX' locks, unless the variable NO_LOCKS is set. A file that is open is neither renamed nor removed, as there.
FOLDER has the images; results go to the current folder. Prints what each command returned, as JSON.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess  # noqa: F401 - it looks for msvcrt to know where it is
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

POSIX_MODULES = ("fcntl", "grp", "pwd", "resource")
POSIX_CALLS = (
    "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fchmod", "fchown", "fork", "getegid", "geteuid",
    "getgid", "getuid", "killpg", "mkfifo", "mknod", "pathconf", "register_at_fork", "sched_getaffinity", "setsid",
    "statvfs",
)  # fmt: skip
POSIX_SIGNALS = ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def locking(number: int, mode: int, size: int) -> None:
    """Lock an open file as Windows does, which refuses with another error."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied") from None


def is_open(path: str | os.PathLike[str]) -> bool:
    """Tell whether this process has a file open."""
    links = (Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd"))
    return os.path.realpath(path) in {os.path.realpath(link) for link in links}


def refusing(call: Callable[..., None]) -> Callable[..., None]:
    """Return a call of ``os`` that refuses to touch open files."""

    def guarded(*paths: Any, **options: Any) -> None:
        if any(is_open(path) for path in paths):
            raise PermissionError(13, "The process cannot access the file because it is being used", *paths[:1])
        call(*paths, **options)

    return guarded


def become_windows() -> None:
    """Take away what only POSIX has."""
    for name in POSIX_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for module, names in ((os, POSIX_CALLS), (signal, POSIX_SIGNALS)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    msvcrt: Any = ModuleType("msvcrt")
    msvcrt.locking, msvcrt.LK_NBLCK = locking, 2
    sys.modules["msvcrt"] = None if "NO_LOCKS" in os.environ else msvcrt  # type: ignore[assignment]
    for name in ("remove", "unlink", "rename", "replace"):
        setattr(os, name, refusing(getattr(os, name)))


def main(folder: str) -> None:
    """Run the commands."""
    from galaxy_classify.results.safe_writing import only_writer
    from in_process import run_classify

    def ran(*arguments: str) -> tuple[int, str]:
        ended = run_classify(*arguments)
        return ended.returncode, ended.stderr

    found = {name: ran(folder, "-o", name) for name in ("a.csv", "a.jsonl", "a.parquet", "a.fits")}
    found["resume"] = ran(folder, "-o", "a.csv", "--resume")
    found["force"] = ran(folder, "-o", "a.csv", "--force")
    found["report"] = ran(folder, "-o", "b.csv", "--report", "b.html", "--embeddings", "b.embeddings.parquet")
    found["sorted"] = ran(folder, "-o", "c.csv", "--sort-into", "sorted")
    found["shard"] = ran(folder, "-o", "shards", "--shard", "1/1", "-f", "csv")
    with only_writer("locked.csv"):
        found["locked"] = ran(folder, "-o", "locked.csv")
    found["freed"] = ran(folder, "-o", "locked.csv", "--force")
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    become_windows()
    main(sys.argv[1])
