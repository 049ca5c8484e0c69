"""Start a Dask cluster on this machine or connect to one, and check that its processes are set up as this one."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from galaxy_classify.errors import ClusterError, UsageError
from galaxy_classify.parallel import available_threads
from galaxy_classify.version import __version__

if TYPE_CHECKING:
    from distributed import Client


#: Address that stands for a cluster on this machine, started for the run.
LOCAL: Final = "local"


#: Seconds within which a scheduler must answer, and within which it must have a first worker.
CONNECT_SECONDS: Final = 10


WORKER_SECONDS: Final = 60


@contextmanager
def connected(address: str, processes: int | None) -> Iterator[Client]:
    """Yield a client of a cluster that has a worker and whose processes have this version of the package.

    Parameters
    ----------
    address : str
        Address of a scheduler, or ``local`` for a cluster of processes on this machine, which no other can reach.
    processes : int or None
        How many processes, each with one thread; by default as many as this process may keep busy.

    Raises
    ------
    UsageError
        If it is no address.
    ClusterError
        If the cluster cannot be reached, has no workers, or is not set up as the client is.
    """
    import dask.config
    from distributed import Client, LocalCluster

    # Silence Dask: the run reports a lost worker or scheduler itself.
    for name in ("distributed", "distributed.client"):  # Dask's own configuration sets the level of each
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        settings = {
            # Do not warn of a large graph: a user's model may be large, and is sent once.
            "distributed.admin.large-graph-warning-threshold": "1 GiB",
            # A local cluster has no dashboard to show the profile, and sampling at 100 Hz takes 5 % of the time.
            "distributed.worker.profile.enabled": address != LOCAL,
        }
        stack.enter_context(dask.config.set(settings))
        if address == LOCAL:
            with _interrupts_for_us_only():
                cluster = LocalCluster(
                    n_workers=processes or available_threads(),
                    threads_per_worker=1,
                    host="127.0.0.1",
                    # Without a dashboard Dask still starts a server: let it choose a free port.
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                )
            stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster))
        else:
            try:
                client = stack.enter_context(Client(address, timeout=CONNECT_SECONDS))
            except ValueError as error:
                raise UsageError(f"{address}: is no address of a Dask scheduler: {error}") from None
            except OSError as error:
                raise ClusterError(f"{address}: no Dask scheduler answers there: {error}") from None
            try:
                client.wait_for_workers(1, timeout=WORKER_SECONDS)
            except TimeoutError:
                raise ClusterError(f"{address}: has had no workers for {WORKER_SECONDS} s") from None
        check_processes(client)
        yield client


@contextmanager
def _interrupts_for_us_only() -> Iterator[None]:
    """Let processes that are started here ignore Ctrl-C, which a terminal sends to all of them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def check_processes(client: Client, *modules: str) -> None:
    """Check that the scheduler and all workers have this version of galaxy-classify and its dependencies.

    Parameters
    ----------
    client : distributed.Client
        A client of the cluster.
    *modules : str
        Other modules that they must have.

    Raises
    ------
    ClusterError
        If not; the message names the process, what is wrong with it, and the remedy.
    """
    probe = _probe(("galaxy_classify.dask.worker", *modules))
    found = client.run(probe) | {"the scheduler": client.run_on_scheduler(probe)}
    wrong = [f"{process} {problem}" for process, answer in found.items() if (problem := _problem(*answer))]
    if wrong:
        others = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        raise ClusterError(
            f"{wrong[0]}{others}: run  pip install 'galaxy-classify[dask]=={__version__}'  in its environment"
        )


def _probe(modules: tuple[str, ...]) -> Callable[[], tuple[str, str]]:
    # A nested function is pickled whole, not by a module name that the other process may lack.
    def probe() -> tuple[str, str]:
        from importlib import import_module

        version = ""
        try:
            version = import_module("galaxy_classify").__version__
            for module in modules:
                import_module(module)
        except Exception as error:
            return version, f"{type(error).__name__}: {error}"
        return version, ""

    return probe


def _problem(version: str, error: str) -> str:
    if version and version != __version__:
        return f"has galaxy-classify {version}, this process has {__version__}"
    if error:
        return f"cannot use galaxy-classify ({error})"
    return ""
