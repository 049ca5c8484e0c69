"""Start Dask's schedulers and workers from a process that has loaded Dask, which would take each a second."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

#: What schedulers, workers and their tasks import; of ONNX Runtime, whose telemetry is off, no thread.
MODULES: Final = (
    "distributed.cli.dask_scheduler", "distributed.cli.dask_worker", "dask.dataframe", "pyarrow.parquet", "onnxruntime",
    "PIL.JpegImagePlugin",
)  # fmt: skip


class DaskProcesses:
    """A process that loads Dask, but nothing of this project, and then forks a scheduler or a worker when asked to."""

    def __init__(self) -> None:
        self._template = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # a process with threads should not fork
            start_new_session=True,
        )

    def start(self, role: str, *arguments: str, path: list[str], **environment: str) -> DaskProcess:
        """Start ``dask scheduler`` or ``dask worker`` in a group of its own, with this path for its modules."""
        assert self._template.stdin is not None
        assert self._template.stdout is not None
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)} | environment
        order = {"role": role, "arguments": arguments, "path": path, "environment": environment}
        print(json.dumps(order), file=self._template.stdin, flush=True)
        return DaskProcess(int(self._template.stdout.readline()))

    def close(self) -> None:
        """End the process; those it has forked go on."""
        self._template.communicate()


class DaskProcess:
    """A scheduler, a worker, or a worker's nanny: it leads a group with what it has started itself."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def kill(self) -> None:
        """End the group, and wait until its leader is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
            while True:
                os.kill(self.pid, 0)
                time.sleep(0.005)


def serve() -> None:
    """Fork a process for each order that arrives on standard input, and tell its id."""
    for name in MODULES:
        importlib.import_module(name)

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(**json.loads(line))
        with suppress(ProcessLookupError):  # it may have ended already
            os.setpgid(pid, pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def become(role: str, arguments: list[str], path: list[str], environment: dict[str, str]) -> None:
    """Be the scheduler or the worker from now on."""
    import dask.config
    from distributed.cli import dask_scheduler, dask_worker

    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    dask.config.refresh()
    try:
        {"scheduler": dask_scheduler.main, "worker": dask_worker.main}[role].main(arguments, prog_name=f"dask {role}")
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    serve()
