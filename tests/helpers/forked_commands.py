"""Start ``galaxy-classify`` in processes of its own, forked from one that has imported what it needs.

A start costs a fresh interpreter half a second, most of it for imports. Tests of the start itself (imports, closed
streams, signals while it loads) use a fresh one all the same.
"""

from __future__ import annotations

import importlib
import io
import json
import locale
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any, Final

#: What the command imports sooner or later; all of it leaves a process without threads, which may fork.
MODULES: Final = (
    "numpy", "PIL.Image", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "rich.progress", "watchfiles",
    "galaxy_classify.cli.command", "galaxy_classify.runs.watch",
)  # fmt: skip
#: A file object, a descriptor, or one of the constants of `subprocess`; None is that of the tests.
Stream = IO[Any] | int | None


class ForkedCommand:
    """A started command, with those parts of `subprocess.Popen` that the tests use."""

    def __init__(self, pid: int, status: int, pipes: Mapping[str, IO[bytes]]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status = status
        self.stdin, self.stdout, self.stderr = (pipes.get(name) for name in ("stdin", "stdout", "stderr"))

    def poll(self) -> int | None:
        """Return the exit code, or None if it still runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("galaxy-classify", timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float) -> tuple[bytes, bytes]:
        """Read what it has still to say, close the pipes, and wait for its end."""
        if self.stdin is not None:
            self.stdin.close()
        deadline = time.monotonic() + timeout
        said: dict[IO[bytes] | None, bytes] = {self.stdout: b"", self.stderr: b""}
        open_pipes = [pipe for pipe in said if pipe is not None]
        while open_pipes:
            ready = select.select(open_pipes, [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                raise subprocess.TimeoutExpired("galaxy-classify", timeout)
            for pipe in ready:
                content = os.read(pipe.fileno(), 1 << 16)
                said[pipe] += content
                if not content:
                    pipe.close()
                    open_pipes.remove(pipe)
        self.wait(max(0, deadline - time.monotonic()))
        return said.get(self.stdout, b""), said.get(self.stderr, b"")

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _end(self) -> None:
        status = os.read(self._status, 16)
        os.close(self._status)
        self.returncode = os.waitstatus_to_exitcode(int(status))


class ForkedCommands:
    """The process that commands are forked from; it starts when the first one is asked for."""

    def __init__(self, modules: Sequence[str] = MODULES) -> None:
        self._modules = modules
        self._template: subprocess.Popen[bytes] | None = None

    def start(
        self,
        *arguments: str | Path,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        new_session: bool = False,
    ) -> ForkedCommand:
        """Start the command; `settings` change variables of its modules, by their full names."""
        if self._template is None:
            self._socket, theirs = socket.socketpair()
            self._template = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), json.dumps([sys.path, self._modules])],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
            theirs.close()
        ours: dict[str, IO[bytes]] = {}
        passed, to_close = [], []
        for number, (name, stream) in enumerate((("stdin", stdin), ("stdout", stdout), ("stderr", stderr))):
            if stream is None:
                passed.append(number)
            elif stream == subprocess.DEVNULL:
                to_close.append(os.open(os.devnull, os.O_RDWR))
                passed.append(to_close[-1])
            elif stream == subprocess.PIPE:
                read, write = os.pipe()
                ours[name] = os.fdopen(write, "wb") if name == "stdin" else os.fdopen(read, "rb", buffering=0)
                to_close.append(read if name == "stdin" else write)
                passed.append(to_close[-1])
            else:
                passed.append(stream if isinstance(stream, int) else stream.fileno())
        status, tell = os.pipe()
        order = {
            "arguments": list(map(str, arguments)),
            "environment": dict(os.environ if environment is None else environment),
            "cwd": str(cwd or Path.cwd()),
            "settings": dict(settings or {}),
            "new_session": new_session,
        }
        content = json.dumps(order).encode()
        socket.send_fds(self._socket, [len(content).to_bytes(4, "big")], [*passed, tell])
        self._socket.sendall(content)
        for descriptor in (*to_close, tell):
            os.close(descriptor)
        return ForkedCommand(int.from_bytes(self._socket.recv(4), "big"), status, ours)

    def close(self) -> None:
        """End the process; commands that still run go on."""
        if self._template is not None:
            self._socket.close()
            self._template.wait()


def serve(orders: socket.socket) -> None:
    """Fork a command for each order, and tell its process id and, on the last descriptor, how it has ended."""
    while True:
        head, descriptors, _, _ = socket.recv_fds(orders, 4, 4)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # those that have ended
                pass
        if not head:
            return
        content = b""
        while len(content) < int.from_bytes(head, "big"):
            content += orders.recv(1 << 20)
        if os.fork() == 0:  # a process that waits for the command, as its parent has to
            pid = os.fork()
            if pid == 0:
                orders.close()
                become(descriptors, **json.loads(content))
                return
            orders.sendall(pid.to_bytes(4, "big"))
            for descriptor in descriptors[:3]:
                os.close(descriptor)
            os.write(descriptors[3], str(os.waitpid(pid, 0)[1]).encode())
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def become(
    descriptors: Sequence[int],
    arguments: list[str],
    environment: dict[str, str],
    cwd: str,
    settings: dict[str, Any],
    new_session: bool,
) -> None:
    """Be the command from now on: streams, environment and signals are those of a process that has just started."""
    from galaxy_classify.cli.main import main

    if new_session:
        os.setsid()
    for stream in range(3):
        os.dup2(descriptors[stream], stream)
    for descriptor in descriptors:
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, value in settings.items():
        module, variable = name.rsplit(".", 1)
        setattr(importlib.import_module(module), variable, value)
    encoding = locale.getpreferredencoding(False)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)), encoding)
    for name, number, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        buffer = io.BufferedWriter(io.FileIO(number, "w"))
        line_by_line = number == 2 or os.isatty(number)
        setattr(sys, name, io.TextIOWrapper(buffer, encoding, errors, line_buffering=line_by_line))
    sys.argv = ["galaxy-classify", *arguments]
    main()


def load(modules: Sequence[str]) -> None:
    """Import modules, and what the command imports when it reads its arguments and when it loads a model."""
    from galaxy_classify.cli.main import main
    from galaxy_classify.inference.onnx_runtime import load_onnxruntime

    load_onnxruntime()
    for module in modules:
        importlib.import_module(module)
    sys.argv = ["galaxy-classify", "--version"]
    with redirect_stdout(io.StringIO()), suppress(SystemExit):
        main()


if __name__ == "__main__":
    orders = socket.socket(fileno=int(sys.argv[1]))
    sys.path[:], modules = json.loads(sys.argv[2])
    load(modules)
    serve(orders)
