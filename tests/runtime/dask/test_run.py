"""Real Dask clusters of several processes, and what may go wrong with them: always one row for each input."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pyarrow.parquet as pq
import pytest
from distributed import Client, Future

import galaxy_classify
from dask_processes import DaskProcess, DaskProcesses
from forked_commands import ForkedCommand, ForkedCommands
from galaxy_classify import ClusterError, UsageError, __version__
from galaxy_classify.dask import classify, read_parquet
from galaxy_classify.inference.embedded import find_model
from in_process import run_classify
from simulated_galaxies import held_out, paint_colours, random_colours, save_model
from tiny_model import save_tiny_model

#: Seconds that a step may take on a machine that tests share.
PATIENCE = 60.0
Start = Callable[..., ForkedCommand]
#: What the command imports for --dask.
MODULES = ("distributed", "dask.dataframe", "pyarrow.parquet", "galaxy_classify.dask.run")
#: Dask reads and writes Parquet in a way that pandas 3.1 warns of.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")]


def wait_until(reached: Callable[[], object]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Cluster:
    """A scheduler and workers, each a process of its own, as on the machines of a real cluster."""

    def __init__(self, dask_processes: DaskProcesses, scratch: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._dask_processes = dask_processes
        self._scratch = scratch
        self._processes: list[DaskProcess] = []

    def start_scheduler(self, *, allowed_failures: int = 3) -> DaskProcess:
        """Start the scheduler, at the address of an earlier one; it gives up a task after so many dead workers."""
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--idle-timeout", "300")
        return self._start("scheduler", *options, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=str(allowed_failures))

    def start_workers(
        self, number: int = 1, *options: str, first_on_path: Path | None = None, nanny: bool = False, wait: bool = True
    ) -> list[DaskProcess]:
        """Start workers, each of one thread, and wait until the scheduler knows them; a nanny replaces dead ones."""
        path = [*([str(first_on_path)] if first_on_path else []), *sys.path]
        workers = ["--nthreads", "1", "--no-dashboard", "--death-timeout", "60", *options]
        workers += ["--local-directory", str(self._scratch)]
        with Client(self.address, timeout=PATIENCE) as client:
            before = len(client.nthreads())
            workers.append("--nanny" if nanny else "--no-nanny")
            started = [self._start("worker", self.address, *workers, path=path) for _ in range(number)]
            if wait:
                client.wait_for_workers(before + number, timeout=PATIENCE)
        return started

    def worker_pids(self) -> list[int]:
        """Return the workers' process ids."""
        with Client(self.address, timeout=PATIENCE) as client:
            return list(client.run(os.getpid).values())

    def stop(self) -> None:
        """End all processes that are left, workers first, with what they have started."""
        for process in reversed(self._processes):
            process.kill()
        self._processes.clear()

    def _start(self, role: str, *arguments: str, path: list[str] | None = None, **environment: str) -> DaskProcess:
        # A nanny's next worker is there sooner, and none looks all the time at what it is doing.
        environment |= {
            "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",
            "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
        }
        process = self._dask_processes.start(role, *arguments, path=path or sys.path, **environment)
        self._processes.append(process)
        return process


@pytest.fixture(scope="module")
def dask_processes() -> Iterator[DaskProcesses]:
    """Return what starts schedulers and workers."""
    found = DaskProcesses()
    yield found
    found.close()


@pytest.fixture
def cluster(dask_processes: DaskProcesses, tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster without processes yet."""
    found = Cluster(dask_processes, tmp_path / "scratch")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def sound_cluster(dask_processes: DaskProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster with one worker that is as it should be; tests take away again what they add."""
    found = Cluster(dask_processes, tmp_path_factory.mktemp("scratch"))
    found.start_scheduler()
    found.start_workers(1)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def client(dask_processes: DaskProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return the current client, of a cluster of two processes that no test harms."""
    cluster = Cluster(dask_processes, tmp_path_factory.mktemp("scratch"))
    cluster.start_scheduler()
    cluster.start_workers(2)
    with Client(cluster.address, timeout=PATIENCE) as found:
        yield found
    cluster.stop()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, drawn_images: Path) -> Path:
    """Folder with 200 images and 40 files that are none, in no particular order."""
    folder = tmp_path_factory.mktemp("many")
    order = random.Random(0).sample(range(240), 240)
    originals = sorted(drawn_images.iterdir())
    for number, place in enumerate(order):
        file = folder / f"{place:03}.jpg"
        if number < 40:
            file.write_bytes(b"no image")
        else:
            os.link(originals[number % len(originals)], file)
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, images: Path) -> pd.DataFrame:
    """Rows of a run without Dask."""
    output = tmp_path_factory.mktemp("plain") / "out.parquet"
    assert run_classify(images, "-o", output).returncode == 1
    return pd.read_parquet(output)


@pytest.fixture(scope="module")
def dask_commands() -> Iterator[ForkedCommands]:
    """Return what starts the command in a process of its own that has loaded Dask."""
    found = ForkedCommands(MODULES)
    yield found
    found.close()


@pytest.fixture
def start(dask_commands: ForkedCommands) -> Iterator[Start]:
    """Return what starts the command in a group of its own, as a terminal does."""
    started: list[ForkedCommand] = []

    def start(*arguments: str | Path) -> ForkedCommand:
        process = dask_commands.start(*arguments, stderr=subprocess.PIPE, new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(PATIENCE)


def said_by(process: ForkedCommand) -> str:
    """Wait until a command ends, and return what it said on standard error, which is clean of what Dask logs."""
    return process.communicate(PATIENCE)[1].decode()


def run_fresh(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process that starts from nothing."""
    return subprocess.run(
        [sys.executable, "-m", "galaxy_classify", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def parts(output: Path) -> list[Path]:
    """Return the parts of a result, in order."""
    return sorted(output.glob("part-*.parquet"))


def rows_of(output: Path) -> pd.DataFrame:
    """Return all rows of a result in parts; what is not a row must not disturb the readers."""
    rows = pd.concat(map(pd.read_parquet, parts(output)), ignore_index=True)
    assert dd.read_parquet(output).path.compute().tolist() == rows.path.tolist()
    return rows


def test_the_rows_are_those_of_a_plain_run(images: Path, expected: pd.DataFrame, tmp_path: Path) -> None:
    """Same values, same order, within the parts and from part to part; each part says what it was made with."""
    output = tmp_path / "out"
    result = run_fresh(images, "--dask", "local", "-o", output, "--partition-size", "50")
    assert result.returncode == 1
    assert "240 images: 200 classified" in result.stderr
    assert [path.name for path in parts(output)] == [f"part-{number:06}.parquet" for number in range(5)]
    pd.testing.assert_frame_equal(rows_of(output), expected)
    said = json.loads((output / "_galaxy_classify.json").read_text())
    assert (said["partitions"], said["inputs"], said["partition_size"]) == (5, 240, 50)
    assert said["model"]["sha256"] == find_model().sha256
    for number, path in enumerate(parts(output)):
        about = json.loads(pq.read_schema(path).metadata[b"galaxy_classify"])
        assert about["partition"]["number"] == number
        assert about["model"] == said["model"]
    assert sorted(path.name for path in output.iterdir())[0] == "_galaxy_classify.json"
    assert len(list(output.iterdir())) == 6


def test_a_catalogue_with_relative_paths(client: Client, drawn_images: Path, tmp_path: Path) -> None:
    """Its columns are carried, and the workers find files that were named from where the client is."""
    table = tmp_path / "cat.csv"
    names = [f"{drawn_images.name}/{path.name}" for path in sorted(drawn_images.iterdir())]
    table.write_text("objid,file,z\n" + "".join(f"{n},{name},0.{n}\n" for n, name in enumerate([*names, "lost.jpg"])))
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{name},{Path(name).stem}\n" for name in names))
    options = (drawn_images.parent.name, "--catalog", table, "--id-column", "objid", "--top-k", "2")
    here = drawn_images.parents[1]
    plain, output = tmp_path / "plain.parquet", tmp_path / "out"
    assert run_classify(*options, "-o", plain, "--labels", labels, cwd=here).returncode == 1
    address = client.scheduler.address
    result = run_classify(
        *options, "-o", output, "--dask", address, "--labels", labels, "--partition-size", "2", cwd=here
    )
    assert result.returncode == 1
    assert "labels: accuracy 1.0000, macro recall 1.0000 on 4 images" in result.stderr
    pd.testing.assert_frame_equal(rows_of(output), pd.read_parquet(plain))
    figures = [json.loads(path.read_text())["evaluation"] for path in (output / "_galaxy_classify.json",
               Path(f"{plain}.meta.json"))]  # fmt: skip
    assert figures[0] == figures[1]


def test_a_folder_without_images_gives_one_empty_part(client: Client, tmp_path: Path) -> None:
    """A pipeline that reads the result finds its columns."""
    (tmp_path / "none").mkdir()
    result = run_classify(tmp_path / "none", "--dask", client.scheduler.address, "-o", tmp_path / "out")
    assert result.returncode == 0
    assert "no images found" in result.stderr
    assert len(pd.read_parquet(tmp_path / "out")) == 0
    assert "label" in pd.read_parquet(tmp_path / "out").columns


def test_a_model_file_that_only_the_client_has(
    start: Start, cluster: Cluster, images: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """It is sent to the workers, by its checksum, also when the first that had it has died."""
    cluster.start_scheduler()
    cluster.start_workers(2)
    output = tmp_path / "out"
    process = start(images, "--dask", cluster.address, "-o", output, "--partition-size", "5", "-m", tiny_model)
    wait_until(lambda: parts(output))
    first = cluster.worker_pids()
    cluster.start_workers(1)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    errors = said_by(process)
    assert process.returncode == 1, errors
    found = rows_of(output)
    assert len(found) == 240
    assert found.model.str.startswith("tiny@").all()


def test_a_resumed_run_does_what_is_missing_and_tries_errors_again(
    client: Client, images: Path, expected: pd.DataFrame, drawn_images: Path, tmp_path: Path
) -> None:
    """Whole parts stay as they are, damaged ones do not count."""
    folder, output = tmp_path / "images", tmp_path / "out"
    shutil.copytree(images, folder)
    options = (folder, "--dask", client.scheduler.address, "-o", output, "--partition-size", "50")
    assert run_classify(*options).returncode == 1
    healed = folder / Path(expected.path[expected.status == "error"].iloc[-1]).name
    shutil.copy(drawn_images / "smooth_round.jpg", healed)
    before = rows_of(output)
    parts(output)[1].unlink()
    parts(output)[0].write_bytes(parts(output)[0].read_bytes()[:-100])
    assert run_classify(*options).returncode == 2
    result = run_classify(*options, "--resume")
    assert result.returncode == 1
    assert "kept: 140 rows" in result.stderr
    assert "201 classified" in result.stderr
    found = rows_of(output)
    assert found.path.tolist() == before.path.tolist()
    changed = found.path == str(healed)
    pd.testing.assert_frame_equal(found[~changed], before[~changed])
    assert found[changed].status.tolist() == ["ok"]
    for other in (("--partition-size", "49"), ("--threshold", "0.9")):
        refused = run_classify(*options, "--resume", *other)
        assert refused.returncode == 2
        assert "cannot be continued" in refused.stderr


def test_inputs_that_have_changed_are_seen(client: Client, images: Path, tmp_path: Path) -> None:
    """What agrees is kept; a result of other inputs is not written into."""
    output = tmp_path / "out"
    options = ("--dask", client.scheduler.address, "-o", output, "--partition-size", "50")
    assert run_classify(images, *options).returncode == 1
    files = sorted(images.iterdir())
    result = run_classify(*files[:60], *files[61:], *options, "--resume")
    assert "kept: 50 rows" in result.stderr
    assert "the inputs have changed since" in result.stderr
    assert rows_of(output).path.tolist() == [str(file) for file in (*files[:60], *files[61:])]
    refused = run_classify(*files[1:], *options, "--resume")
    assert refused.returncode == 2
    assert "was made from other inputs than the first 50 of these" in refused.stderr


def test_a_killed_worker_loses_no_row(
    start: Start, cluster: Cluster, images: Path, expected: pd.DataFrame, tmp_path: Path
) -> None:
    """Its partitions are done by others, and once only."""
    cluster.start_scheduler()
    cluster.start_workers(2)
    output = tmp_path / "out"
    process = start(images, "--dask", cluster.address, "-o", output, "--partition-size", "10")
    wait_until(lambda: parts(output))
    os.kill(cluster.worker_pids()[0], signal.SIGKILL)
    errors = said_by(process)
    assert process.returncode == 1, errors
    assert errors.splitlines()[0].startswith("240 images: 200 classified"), errors
    pd.testing.assert_frame_equal(rows_of(output), expected)


def test_a_killed_scheduler_ends_the_run_and_resume_completes_it(
    start: Start, cluster: Cluster, images: Path, expected: pd.DataFrame, tmp_path: Path
) -> None:
    """The parts so far are kept; the message is one line and says how to go on."""
    scheduler = cluster.start_scheduler()
    cluster.start_workers(1)
    output = tmp_path / "out"
    options = (images, "--dask", cluster.address, "-o", output, "--partition-size", "10")
    process = start(*options)
    wait_until(lambda: parts(output))
    scheduler.kill()
    errors = said_by(process)
    assert process.returncode == 4, errors
    assert errors == (
        f"error: {cluster.address}: the scheduler is gone; {output} keeps the finished parts, --resume goes on\n"
    )
    kept = len(parts(output))
    assert 0 < kept < 24
    cluster.stop()
    cluster.start_scheduler()
    cluster.start_workers(1)
    result = run_classify(*options, "--resume")
    assert f"kept: {10 * kept} rows" in result.stderr
    pd.testing.assert_frame_equal(rows_of(output), expected)


def test_an_interrupt_keeps_whole_parts(
    start: Start, client: Client, images: Path, expected: pd.DataFrame, tmp_path: Path
) -> None:
    """Ctrl-C reaches the workers as well, since they belong to the terminal; none of them says so."""
    output = tmp_path / "out"
    options = (images, "-o", output, "--partition-size", "5")
    process = start(*options, "--dask", "local")
    wait_until(lambda: parts(output))
    os.killpg(process.pid, signal.SIGINT)
    errors = said_by(process)
    assert process.returncode == 130, errors
    said = re.fullmatch(rf"interrupted after (\d+) rows; {output} keeps them, --resume continues it\n", errors)
    assert said, errors
    assert 5 * len(parts(output)) == int(said[1])
    assert run_classify(*options, "--dask", client.scheduler.address, "--resume").returncode == 1
    pd.testing.assert_frame_equal(rows_of(output), expected)


def test_an_interrupt_while_a_partition_is_sent(
    client: Client, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits until Dask's future is made: the destructor of half a future fails, and Python prints that."""
    make = Future.__init__
    pressed = False

    def press(self: Future, key: str, *arguments: Any) -> None:
        nonlocal pressed
        if key.startswith("classify_paths") and not pressed:
            pressed = True
            signal.raise_signal(signal.SIGINT)
        make(self, key, *arguments)

    monkeypatch.setattr(Future, "__init__", press)
    result = run_classify(images, "--dask", client.scheduler.address, "-o", tmp_path / "out")
    assert (pressed, result.returncode) == (True, 130)
    assert result.stderr.startswith("interrupted")
    assert result.stderr.count("\n") == 1


def test_unfamiliar_rows_of_a_cluster(client: Client, drawn_images: Path, tmp_path: Path) -> None:
    """The workers have the minimum of the command; parts that are kept are counted, and another minimum is refused."""
    model = save_tiny_model(tmp_path / "a.onnx", familiarity=True)
    output = tmp_path / "out"
    options: list[object] = [drawn_images, drawn_images / "lost.jpg", "-m", model, "-o", output]
    options += ["--partition-size", "2", "--dask", client.scheduler.address, "--min-familiarity", "0.9"]
    summary = "5 images: 0 classified (0 of them uncertain), 4 unfamiliar, 1 failed"
    assert run_classify(*options).stderr.startswith(summary)
    found = rows_of(output)
    assert found.status.tolist() == ["unfamiliar"] * 4 + ["error"]
    assert found.familiarity.between(0, 0.9).tolist() == [True] * 4 + [False]
    said = json.loads((output / "_galaxy_classify.json").read_text())
    assert said["counts"] == {"ok": 0, "uncertain": 0, "unfamiliar": 4, "error": 1}
    assert said["options"]["min_familiarity"] == 0.9
    (output / "part-000001.parquet").unlink()
    assert run_classify(*options, "--resume").stderr.startswith(summary)
    pd.testing.assert_frame_equal(rows_of(output), found)
    assert json.loads((output / "_galaxy_classify.json").read_text()) == said
    result = run_classify(*options[:-1], "0.8", "--resume")
    assert (result.returncode, "min_familiarity was 0.9, now it is 0.8" in result.stderr) == (2, True)


def test_a_partition_of_bad_files_only(client: Client, tmp_path: Path) -> None:
    """A night of broken downloads has its rows, like any other."""
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(b"<html>502 Bad Gateway</html>")
    output = tmp_path / "out"
    bad = sorted(tmp_path.glob("*.jpg"))
    result = run_classify(*bad, "--dask", client.scheduler.address, "-o", output, "--partition-size", "3")
    assert result.returncode == 1
    found = rows_of(output)
    assert found.status.tolist() == ["error"] * 6
    assert found.path.tolist() == sorted(found.path)
    assert found.label.isna().all()


def test_what_the_client_knows_to_be_unreadable_has_its_reason(client: Client, images: Path, tmp_path: Path) -> None:
    """A heading, a refused address and a table in a list stand beside images; no worker is asked for them."""
    (tmp_path / "t.csv").write_text("file\na.jpg\n")
    good = sorted(images.glob("*.jpg"))[0]
    (tmp_path / "list").write_text(f"path\nreference://a::file:///b\n{good}\n{tmp_path}/t.csv\n")
    output = tmp_path / "out"
    options = ("--from-file", tmp_path / "list", "--dask", client.scheduler.address, "-o", output)
    for more in ((), ("--resume",)):
        assert run_classify(*options, "--partition-size", "3", *more).returncode == 1
        found = rows_of(output)
        assert [message.split(":")[0] for message in found.message] == [
            "no file of that name", "addresses with reference", "", "is a table, not an image",
        ]  # fmt: skip


def deadly(folder: Path, name: str) -> Path:
    """Write what a worker is to load, so that it dies of an image of this name."""
    preload = folder / "preload.py"
    preload.write_text(
        "import os, signal\n"
        "from galaxy_classify.images.decode import Decoder\n"
        "def make_deadly(decode_batch):\n"
        "    def deadly(self, images):\n"
        f"        if any(str(image).endswith('/{name}') for image in images):\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return decode_batch(self, images)\n"
        "    return deadly\n"
        "if Decoder.decode_batch.__name__ != 'deadly':  # Dask may load this twice\n"
        "    Decoder.decode_batch = make_deadly(Decoder.decode_batch)\n"
    )
    return preload


def test_an_input_that_kills_workers_is_named(start: Start, cluster: Cluster, images: Path, tmp_path: Path) -> None:
    """A run must not go on for ever; what else was done stays, and can be continued."""
    cluster.start_scheduler(allowed_failures=1)
    # In the last partition: nothing is queued behind it when the worker dies. A third worker makes lost results again.
    cluster.start_workers(3, "--preload", str(deadly(tmp_path, "215.jpg")))
    output = tmp_path / "out"
    process = start(images, "--dask", cluster.address, "-o", output, "--partition-size", "50")
    errors = said_by(process)
    assert process.returncode == 4
    assert errors.startswith(
        f"error: partition 4, which begins with {images / '200.jpg'}, was given up: 2 workers died that had it "
    ), errors
    assert errors.count("\n") == 1
    assert "part-000004.parquet" not in {path.name for path in parts(output)}
    assert len(pd.concat(map(pd.read_parquet, parts(output)))) % 10 == 0


def test_what_was_queued_behind_an_input_that_kills_workers_is_named_as_well(
    start: Start, cluster: Cluster, images: Path, tmp_path: Path
) -> None:
    """Dask gives up both, and may tell of the innocent one first: nobody should look for the fault in that alone."""
    cluster.start_scheduler(allowed_failures=0)
    cluster.start_workers(1, "--preload", str(deadly(tmp_path, "005.jpg")))
    files = sorted(images.iterdir())[:100]
    process = start(*files, "--dask", cluster.address, "-o", tmp_path / "out", "--partition-size", "50")
    errors = said_by(process)
    assert process.returncode == 4
    assert errors.startswith(
        f"error: partition 0, which begins with {files[0]}, and partition 1, which begins with {files[50]}, were given "
        "up: 1 worker died that had each running or queued"
    ), errors
    assert errors.count("\n") == 1


def stub(folder: Path, content: str) -> Path:
    """Write a package that goes by our name, and return where it is."""
    package = folder / "stub" / "galaxy_classify"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(content)
    return package.parent


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('__version__ = "0.0.9"', f"has galaxy-classify 0.0.9, this process has {__version__}"),
        (f'__version__ = "{__version__}"', "cannot use galaxy-classify (ModuleNotFoundError: No module named"),
        ('raise ImportError("not for this machine")', "cannot use galaxy-classify (ImportError: not for this machine)"),
    ],
    ids=["other version", "incomplete", "none"],
)
def test_a_worker_that_is_set_up_otherwise_is_refused(
    start: Start, sound_cluster: Cluster, images: Path, tmp_path: Path, content: str, problem: str
) -> None:
    """Before anything is classified, for the command and for a data frame; the message names worker and remedy."""
    cluster = sound_cluster
    (unsound,) = cluster.start_workers(1, first_on_path=stub(tmp_path, content))
    output = tmp_path / "out"
    process = start(images, "--dask", cluster.address, "-o", output)
    errors = said_by(process)
    assert process.returncode == 4
    assert errors.startswith("error: tcp://127.0.0.1:")
    assert problem in errors
    assert f"run  pip install 'galaxy-classify[dask]=={__version__}'".replace("  ", " ") in errors
    assert errors.count("\n") == 1
    assert not output.exists()
    frame = dd.from_pandas(pd.DataFrame({"file": ["a.jpg"]}), npartitions=1)
    with Client(cluster.address, timeout=PATIENCE) as client:
        with pytest.raises(ClusterError) as refused:
            classify(frame, path_column="file")
        assert problem in str(refused.value)
        unsound.kill()
        wait_until(lambda: len(client.nthreads()) == 1)


def test_a_worker_of_another_version_that_comes_later(
    start: Start, cluster: Cluster, images: Path, tmp_path: Path
) -> None:
    """The check at the start has not seen it; it refuses by itself."""
    real = str(Path(galaxy_classify.__file__).parent)
    cluster.start_scheduler()
    cluster.start_workers(1)
    process = start(*[images] * 20, "--dask", cluster.address, "-o", tmp_path / "out", "--partition-size", "1")
    wait_until(lambda: parts(tmp_path / "out"))
    cluster.start_workers(1, first_on_path=stub(tmp_path, f'__version__ = "0.0.9"\n__path__ = [{real!r}]'))
    errors = said_by(process)
    assert process.returncode == 4
    assert errors.count("\n") == 1
    assert f"has galaxy-classify 0.0.9, the client has {__version__}: install the same version on both" in errors


def test_a_worker_that_comes_later_without_the_package(
    start: Start, cluster: Cluster, images: Path, expected: pd.DataFrame, tmp_path: Path
) -> None:
    """Dask closes a worker that cannot unpack its tasks, and the others do them."""
    cluster.start_scheduler()
    cluster.start_workers(1)
    output = tmp_path / "out"
    process = start(images, "--dask", cluster.address, "-o", output, "--partition-size", "2")
    wait_until(lambda: parts(output))
    # Dask closes it so soon that it may never be counted.
    without = stub(tmp_path, 'raise ImportError("not for this machine")')
    cluster.start_workers(1, first_on_path=without, nanny=True, wait=False)
    errors = said_by(process)
    assert process.returncode == 1, errors
    pd.testing.assert_frame_equal(rows_of(output), expected)


@pytest.mark.parametrize(
    ("address", "code", "message"),
    [("nonsense", 2, "is no address of a Dask scheduler"), ("tcp://127.0.0.1:1", 4, "no Dask scheduler answers there")],
)
def test_an_address_where_nobody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, code: int, message: str
) -> None:
    """One line, and no half-made folder."""
    # Dask asks once more and once more until the time is over, also where the connection is refused.
    monkeypatch.setattr("galaxy_classify.dask.cluster.CONNECT_SECONDS", 0.5)
    result = run_classify("a.jpg", "--dask", address, "-o", tmp_path / "out")
    assert result.returncode == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_frame_on_a_cluster(client: Client, images: Path, expected: pd.DataFrame) -> None:
    """The current client is used without being named; each process makes one classifier."""

    # A function within a function is shipped as a whole: the workers cannot import this module.
    def classifiers_made() -> int:
        from galaxy_classify.dask import worker as dask_worker

        return len(dask_worker._classifiers)

    def forget_classifiers() -> None:
        from galaxy_classify.dask import worker as dask_worker

        dask_worker._classifiers.clear()

    client.run(forget_classifiers)
    frame = dd.from_pandas(pd.DataFrame({"file": expected.path}), npartitions=12)
    found = classify(frame, path_column="file").compute()
    for name in ("path", "status", "label", "confidence", "message", "model"):
        assert found[name].astype(object).fillna("").tolist() == expected[name].astype(object).fillna("").tolist()
    assert set(client.run(classifiers_made).values()) == {1}


def test_a_frame_loses_no_row_with_a_killed_worker(
    cluster: Cluster, images: Path, expected: pd.DataFrame, tiny_model: Path
) -> None:
    """Dask does its partitions again, and has the model for them."""
    cluster.start_scheduler()
    cluster.start_workers(2)
    frame = dd.from_pandas(pd.DataFrame({"file": expected.path}), npartitions=40)
    with Client(cluster.address, timeout=PATIENCE) as client:
        future = client.compute(classify(frame, path_column="file", model=tiny_model))
        time.sleep(0.3)
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        found = future.result(timeout=PATIENCE)
    assert found.path.tolist() == expected.path.tolist()
    assert found.status.tolist().count("error") == 40


def test_an_unreadable_parquet_file_is_named(client: Client, drawn_images: Path, tmp_path: Path) -> None:
    """Among the thousands of a survey one is broken, and somebody has to find it."""
    for number in range(4):
        table = pd.DataFrame({"file": [str(path) for path in drawn_images.iterdir()]})
        table.to_parquet(tmp_path / f"{number}.parquet")
    assert len(classify(read_parquet(tmp_path), path_column="file").compute()) == 16
    broken = tmp_path / "2.parquet"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    with pytest.raises(UsageError, match=f"{re.escape(str(broken))}: cannot be read as a table: "):
        classify(read_parquet(tmp_path), path_column="file").compute()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "writes a folder of Parquet files: name it with --output"),
        (["-o", "out.csv"], "writes a folder of Parquet files"),
        (["-o", "out", "-f", "csv"], "writes a folder of Parquet files"),
        (["-o", "out", "--report", "page.html"], "--report does not go with --dask"),
        (["-o", "out", "--sort-into", "sorted"], "--sort-into does not go with --dask"),
        (["-o", "out", "--partition-size", "0"], "--partition-size: '0' is not a whole number of at least 1"),
        (["-o", "out", "--threads", "2", "--dask", "tcp://127.0.0.1:1"], "--threads goes with --dask local"),
    ],
)
def test_options_that_do_not_go_with_dask(tmp_path: Path, options: list[str], message: str) -> None:
    """They are refused before a cluster is asked for."""
    result = run_classify("a.jpg", "--dask", "local", *options, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_estimated_class_mix_is_that_of_the_plain_command(client: Client, tmp_path: Path) -> None:
    """With the same rows and the same class fractions; a continued run keeps it, whatever has been added since."""
    model = save_model(tmp_path / "model.onnx", held_out())
    folder = paint_colours(tmp_path / "images", random_colours(0, 30))
    options = (folder, "--model", model, "--prior", "estimate", "--sets", "0.9", "--coarse")
    dask = ("--dask", client.scheduler.address, "--partition-size", "10", "-o", tmp_path / "parts")
    assert run_classify(*options, "-o", tmp_path / "plain.parquet").returncode == 0
    assert run_classify(*options, *dask).returncode == 0
    pd.testing.assert_frame_equal(rows_of(tmp_path / "parts"), pd.read_parquet(tmp_path / "plain.parquet"))
    sidecars = (tmp_path / "parts" / "_galaxy_classify.json", tmp_path / "plain.parquet.meta.json")
    parts, plain = (json.loads(path.read_text()) for path in sidecars)
    assert parts["options"]["prior"] == plain["options"]["prior"]
    assert parts["class_mix"]["fractions"] == pytest.approx(plain["class_mix"]["fractions"], abs=1e-5)
    paint_colours(folder / "more", [(0, 0, 255)] * 10)
    again = run_classify(*options, *dask, "--resume")
    assert "the class mix of the run that is continued is used" in again.stderr
    assert "kept: 30 rows" in again.stderr
    assert json.loads(sidecars[0].read_text())["options"]["prior"] == plain["options"]["prior"]


def test_an_unknown_class_of_a_threshold_leaves_the_folder_alone(client: Client, tmp_path: Path) -> None:
    """Found before parts are removed by --force."""
    folder = paint_colours(tmp_path / "images", [(255, 0, 0)] * 2)
    options = (folder, "--dask", client.scheduler.address, "-o", tmp_path / "parts")
    run_classify(*options)
    before = rows_of(tmp_path / "parts")
    ended = run_classify(*options, "--force", "--threshold", "round=0.5")
    assert ended.returncode == 2
    assert "threshold of 'round'" in ended.stderr
    pd.testing.assert_frame_equal(rows_of(tmp_path / "parts"), before)
