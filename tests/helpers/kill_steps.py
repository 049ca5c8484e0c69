"""Kill a forked process before a step that it takes on files, as a power loss or kill -9 may.

It is forked from a small process that has loaded what it needs: to fork the tests' own, in which TensorFlow, Dask and
the rest are loaded, takes ten times as long.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pickle
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

import cloudpickle

from galaxy_classify.results.safe_writing import RecordFile
from galaxy_classify.tables.write import write_typed

KILLED: Final = 9
#: What runs import sooner or later, and each process would import again.
MODULES: Final = (
    "galaxy_classify.dask.part_folder", "galaxy_classify.runs.result_file", "astropy.io.ascii", "astropy.io.fits",
    "astropy.io.misc.yaml", "astropy.io.votable", "astropy.table", "pandas", "pyarrow.compute", "pyarrow.pandas_compat",
    "pyarrow.parquet", "encodings.unicode_escape", "_strptime",
)  # fmt: skip
#: Before an order, its length; and how a process has ended.
HEAD: Final = struct.Struct("!q")
#: Steps of the audited calls that touch a file.
TOUCHING = {"open", "os.remove", "os.rename", "os.truncate", "os.mkdir", "os.rmdir"}


class Steps:
    """Count the steps of this process on the files in a folder, and kill it before one, as no ``finally`` sees."""

    def __init__(self, folder: Path, last: int) -> None:
        self._folder = str(folder)
        self._left = last

    def take(self) -> None:
        """Take a step."""
        self._left -= 1
        if self._left == 0:
            os._exit(KILLED)

    def watch(self) -> None:
        """Count from now on; there is no way back, so this is for a forked process."""
        sys.addaudithook(self._audit)
        flush, fsync = RecordFile.flush, os.fsync

        def torn_flush(file: Any) -> None:
            whole = list(file._pending)
            if whole and self._left == 1:  # a kill cannot tear a write, but a power loss can
                file._pending[-1] = whole[-1][: len(whole[-1]) // 2]
                flush(file)
            self.take()
            flush(file)

        def torn_table(rows: Any, path: str, *others: Any) -> None:
            write_typed(rows, path, *others)
            if self._left == 1:
                os.truncate(path, os.path.getsize(path) // 2)
            self.take()

        def counted_fsync(file: int) -> None:
            self.take()
            fsync(file)

        mock.patch.object(RecordFile, "flush", torn_flush).start()
        mock.patch("galaxy_classify.runs.result_file.write_typed", torn_table).start()
        mock.patch("galaxy_classify.dask.part_folder.write_typed", torn_table).start()
        mock.patch("os.fsync", counted_fsync).start()

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in TOUCHING and str(arguments[0]).startswith(self._folder):
            writes = event != "open" or "r" not in str(arguments[1])
            if writes:
                self.take()


def killed(folder: Path, step: int, run: Callable[[], object]) -> bool:
    """Run in a process that is killed before its n-th step; tell whether it came so far."""
    server = _server()
    order = cloudpickle.dumps((folder, step, run))
    server.sendall(HEAD.pack(len(order)) + order)
    (status,) = HEAD.unpack(_received(server, HEAD.size))
    assert status in (0, KILLED)
    return bool(status == KILLED)


@cache
def _server() -> socket.socket:
    """Start the process that is forked, and return what it takes orders from."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno()), json.dumps([os.getcwd(), *sys.path])],
        pass_fds=[theirs.fileno()],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # a process with threads should not fork
    )
    theirs.close()

    def close() -> None:
        ours.close()
        process.wait()

    atexit.register(close)
    return ours


def _received(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        found = connection.recv(size - len(content))
        if not found:
            raise EOFError
        content += found
    return content


def serve(orders: socket.socket) -> None:
    """Fork a process for each order, and tell how it has ended."""
    mock.patch("os.fsync").start()  # no power is lost here
    for name in MODULES:
        importlib.import_module(name)
    while True:
        try:
            (size,) = HEAD.unpack(_received(orders, HEAD.size))
        except EOFError:
            return
        folder, step, run = pickle.loads(_received(orders, size))  # noqa: S301 - from the tests
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Steps(folder, step).watch()
                run()
                code = 0
            finally:
                os._exit(code)
        orders.sendall(HEAD.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[2])
    serve(socket.socket(fileno=int(sys.argv[1])))
