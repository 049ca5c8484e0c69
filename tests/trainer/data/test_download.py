"""Downloads from a server on loopback, and everything that goes wrong with downloads."""

from __future__ import annotations

import errno
import gzip
import hashlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from file_server import FileServer, serving
from galaxy_classify.errors import DataError
from galaxy_train.cli import app
from galaxy_train.data import download as download_module
from galaxy_train.data import http_file as transfer
from galaxy_train.data.download import RESOURCES, Resource, download
from galaxy_train.data.galaxy_mnist import raw_folder
from galaxy_train.data.load import load_data

NAMES = ("train_dataset.hdf5", "test_dataset.hdf5")


def md5(content: bytes) -> str:
    """Return a checksum as GalaxyMNIST publishes it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def packed(tmp_path: Path, write_dataset: Callable[..., None]) -> dict[str, bytes]:
    """Both compressed files in the official layout, by name."""
    files = {}
    for number, name in enumerate(NAMES):
        images = np.random.default_rng(number).integers(0, 255, (40, 64, 64, 3), dtype=np.uint8)
        write_dataset(tmp_path / name, images, np.arange(40, dtype=np.uint8) % 4)
        files[name] = gzip.compress((tmp_path / name).read_bytes(), mtime=0)
        (tmp_path / name).unlink()
    return files


@pytest.fixture
def server(packed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serve them, at the official paths, as the official files."""
    resources, files = {}, {}
    for key, resource in RESOURCES.items():
        content = packed[f"{key[1]}_dataset.hdf5"]
        resources[key] = Resource(resource.path, md5(content))
        files["/" + resource.path] = content
    monkeypatch.setattr(download_module, "RESOURCES", resources)
    monkeypatch.setattr(transfer, "PAUSES", (0.0, 0.0, 0.0))
    with serving(files) as state:
        yield state


def fetch_all(server: FileServer, root: Path, resolution: int = 64) -> list[str]:
    """Download, and return what was announced."""
    lines: list[str] = []
    download(root, resolution, lines.append, server=server.address)
    return lines


def left_behind(root: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_the_official_addresses_and_checksums() -> None:
    """They are those of galaxy_mnist.py, to the letter."""
    assert {(key, resource.path, resource.md5) for key, resource in RESOURCES.items()} == {
        ((64, "train"), "5a14de0o7slyif9/train_dataset.hdf5.gz", "e408ae294e9b975482dc1abffeb373a6"),
        ((64, "test"), "5rza12nn24cwd2k/test_dataset.hdf5.gz", "7a940e4cea64a8b7cb60339098f74490"),
        ((224, "train"), "xenuo0ekgyi10ru/train_dataset.hdf5.gz", "3391dcddac14d5b4055db73fb600ae63"),
        ((224, "test"), "lczri4sb4bbcgyh/test_dataset.hdf5.gz", "fb272c4e94000b4d99a09d638977b0b9"),
    }
    assert download_module.SERVER == "https://dl.dropboxusercontent.com/s/"


@pytest.mark.parametrize("resolution", [64, 224])
def test_a_download_is_ready_to_train_on(server: FileServer, tmp_path: Path, resolution: int) -> None:
    """The files lie unpacked where the galaxy_mnist package looks for them, and nothing else is left."""
    lines = fetch_all(server, tmp_path, resolution)
    assert [path.name for path in sorted(raw_folder(tmp_path, resolution).iterdir())] == sorted(NAMES)
    assert left_behind(tmp_path) == set(NAMES)
    assert all(line.endswith("downloaded, the checksum is right") for line in lines)
    assert len(server.requests) == 2
    if resolution == 64:
        assert load_data(tmp_path).train.images.shape == (40, 64, 64, 3)


def test_what_is_there_is_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    """The second call asks the server for nothing, nor does the first where galaxy_mnist left its archives."""
    raw = raw_folder(tmp_path, 64)
    raw.mkdir(parents=True)
    for path, content in server.files.items():
        (raw / Path(path).name).write_bytes(content)
    fetch_all(server, tmp_path)
    assert server.requests == []
    assert left_behind(tmp_path) == {*NAMES, *(f"{name}.gz" for name in NAMES)}
    assert all(line.endswith("is there already") for line in fetch_all(server, tmp_path))


def test_a_damaged_file_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    """Someone else's half file under the final name is not taken for the data set."""
    fetch_all(server, tmp_path)
    damaged = raw_folder(tmp_path, 64) / NAMES[0]
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    lines = fetch_all(server, tmp_path)
    assert lines[0].endswith("is damaged, and is downloaded again")
    assert damaged.read_bytes() == whole


def test_a_broken_connection_is_taken_up_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    """Bytes that arrived are not asked for twice."""
    server.cut_after = [10_000, 20_000]
    fetch_all(server, tmp_path)
    assert [asked for _, asked in server.requests] == [None, "bytes=10000-", "bytes=30000-", None]
    assert left_behind(tmp_path) == set(NAMES)


def test_a_server_that_knows_no_ranges(server: FileServer, tmp_path: Path) -> None:
    """Its answer begins at the beginning, so the file does too."""
    server.knows_ranges = False
    server.cut_after = [10_000]
    fetch_all(server, tmp_path)
    assert load_data(tmp_path).test.images.shape == (40, 64, 64, 3)


def test_a_connection_that_keeps_breaking(server: FileServer, tmp_path: Path) -> None:
    """It ends with one line; what arrived is kept for the next call, but not under the final name."""
    server.cut_after = [1000] * 4
    with pytest.raises(DataError, match=r"broke off after 4,000 of .* bytes, 4 times; run the same command again"):
        fetch_all(server, tmp_path)
    assert left_behind(tmp_path) == {"train_dataset.hdf5.gz.partial"}
    fetch_all(server, tmp_path)
    assert server.requests[4][1] == "bytes=4000-"
    assert left_behind(tmp_path) == set(NAMES)


def test_a_partial_file_of_something_else(server: FileServer, tmp_path: Path) -> None:
    """It is found out by the checksum, dropped, and the file is fetched whole."""
    raw = raw_folder(tmp_path, 64)
    raw.mkdir(parents=True)
    (raw / "train_dataset.hdf5.gz.partial").write_bytes(b"<html>" * 1000)
    (raw / "test_dataset.hdf5.gz.partial").write_bytes(bytes(10**6))
    fetch_all(server, tmp_path)
    assert load_data(tmp_path).train.images.shape == (40, 64, 64, 3)


def test_a_wrong_checksum(server: FileServer, tmp_path: Path) -> None:
    """A corrupted file is refused, and nothing of it is left."""
    path = next(path for path in server.files if "train" in path)
    server.files[path] = server.files[path][:-1] + b"?"
    with pytest.raises(DataError, match=r"has the MD5 checksum .*, not .*; it was not kept"):
        fetch_all(server, tmp_path)
    assert left_behind(tmp_path) == set()


@pytest.mark.parametrize(
    ("codes", "message"),
    [([404], "the server answers 404 Not Found$"), ([403], "the server answers 403 Forbidden$"),
     ([503] * 4, "the server answers 503 Service Unavailable, 4 times")],
)  # fmt: skip
def test_a_server_that_refuses(server: FileServer, tmp_path: Path, codes: list[int], message: str) -> None:
    """It is said with the address; only what may pass is tried again."""
    server.refuse_with = list(codes)
    with pytest.raises(DataError, match=message):
        fetch_all(server, tmp_path)
    assert len(server.requests) == len(codes)
    assert left_behind(tmp_path) == set()


def test_a_busy_server_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    """One bad moment does not end a download."""
    server.refuse_with = [503, 500]
    fetch_all(server, tmp_path)
    assert left_behind(tmp_path) == set(NAMES)


def test_no_server_at_all(tmp_path: Path) -> None:
    """Offline is said in one line, at once."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(DataError, match=r"cannot be reached \(Connection refused\); is there a network\?"):
        download(tmp_path, 64, lambda line: None, server=address)
    assert left_behind(tmp_path) == set()


@pytest.mark.parametrize("full_while", ["fetching", "unpacking"])
def test_a_full_disk(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_while: str) -> None:
    """It is said with the file and the remedy, and no half file has the final name."""

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if full_while == "fetching":
        monkeypatch.setattr(transfer, "_store", full)
    else:
        monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DataError, match=r"\.hdf5(\.gz)?: cannot be written: No space left on device; free some space"):
        fetch_all(server, tmp_path)
    assert not left_behind(tmp_path) & set(NAMES)


def test_a_folder_that_cannot_be_made(server: FileServer, tmp_path: Path) -> None:
    """A file in the way is no traceback."""
    (tmp_path / "GalaxyMNIST").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written: Not a directory"):
        fetch_all(server, tmp_path)


def test_the_command_and_the_cache_folder(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --data the cache folder is filled, and used; while it is empty, the message says how to fill it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match="holds no GalaxyMNIST yet; fetch it with  galaxy-train download"):
        load_data(None)
    result = CliRunner().invoke(app, ["download", "--server", server.address], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert load_data(None).train.images.shape == (40, 64, 64, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupt_keeps_what_arrived(packed: dict[str, bytes], tmp_path: Path) -> None:
    """Ctrl-C in the middle leaves a partial file, which the next call goes on with."""
    content = packed["train_dataset.hdf5"]
    with serving({"/a.gz": content}) as server:
        code = (
            "import sys, time\nfrom pathlib import Path\n"
            "from galaxy_train.data import http_file as transfer\ntransfer.CHUNK = 4096\n"
            "transfer.fetch(sys.argv[1], Path(sys.argv[2]), sys.argv[3], lambda done, total: time.sleep(0.05))\n"
        )
        command = [sys.executable, "-c", code, f"{server.address}/a.gz", str(tmp_path / "a.gz"), md5(content)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            partial = tmp_path / "a.gz.partial"
            deadline = time.monotonic() + 30
            while not (partial.exists() and partial.stat().st_size > 20_000) and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            process.communicate()
        assert not (tmp_path / "a.gz").exists()
        arrived = partial.stat().st_size
        assert 0 < arrived < len(content)
        transfer.fetch(f"{server.address}/a.gz", tmp_path / "a.gz", md5(content), lambda done, total: None)
        assert server.requests[-1][1] == f"bytes={arrived}-"
    assert (tmp_path / "a.gz").read_bytes() == content
    assert not partial.exists()
