"""The command ``galaxy-classify fetch``, with a service on loopback."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cutout_server import CutoutServer, fits_cutout, hang_up, html, jpeg, right, serving_cutouts, status, truncated
from galaxy_classify.cli.fetch.app import app
from galaxy_classify.fetch import run as fetch_run
from galaxy_classify.fetch.log import Fetched, Log
from galaxy_classify.fetch.pace import Pace
from galaxy_classify.results.safe_writing import only_writer
from in_process import run_classify

HEADER = ("objid", "ra", "dec", "petro_r50", "z")


@pytest.fixture(autouse=True)
def stay_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test ask a real service, also if what it tests is broken."""
    connect = socket.create_connection

    def connect_here(address: tuple[str, int], *more: Any, **options: Any) -> socket.socket:
        assert address[0] == "127.0.0.1", address
        return connect(address, *more, **options)

    monkeypatch.setattr(socket, "create_connection", connect_here)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[CutoutServer]:
    """A service, and a client that waits a hundredth of the time that it should."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("galaxy_classify.fetch.client.FIRST_PAUSE", 0.01)
    monkeypatch.setattr(fetch_run, "Pace", lambda rate, sleep: Pace(100 * rate, sleep))
    with serving_cutouts() as found:
        yield found


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalogue of six galaxies, by a name of this package's own column in between."""
    return write_catalog(tmp_path / "galaxies.csv", 6)


def write_catalog(path: Path, number: int) -> Path:
    """Write a catalogue of galaxies at right ascensions 10, 11 and so on."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows([f"g{row}", 10 + row, row, 3 + row, 0.1] for row in range(number))
    return path


def fetch(catalog: Path, service: CutoutServer, *more: object, size: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command: names by objid, sizes by petro_r50, into the folder cutouts beside the catalogue."""
    framing = ["--size-column", "petro_r50"] if size else []
    named = ["--id-column", "objid", "-o", catalog.parent / "cutouts", "--service", service.template, "--rate", 20]
    return run_classify("fetch", catalog, *named, *framing, *more)


def table(catalog: Path) -> list[dict[str, str]]:
    """Read the table."""
    with (catalog.parent / "cutouts" / "cutouts.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_catalogue_becomes_cutouts_and_a_table_that_can_be_classified(catalog: Path, service: CutoutServer) -> None:
    """One row for each row, in order, failures included, and the classifier takes them as they are."""
    service.answers = {"11": [status(404)], "12": [html], "13": [status(500), right], "14": [truncated]}
    result = fetch(catalog, service, "--contact", "me@observatory.org")
    assert (result.returncode, result.stdout) == (1, "")
    assert "fetched: 3, errors: 3" in result.stderr
    assert "424 px of max(0.04 petro_r50, 0.1) arcsec" in result.stderr
    rows = table(catalog)
    assert list(rows[0]) == [*HEADER, *fetch_run.COLUMNS]
    assert [row["objid"] for row in rows] == [f"g{number}" for number in range(6)]
    assert [row["status"] for row in rows] == ["ok", "error", "error", "ok", "error", "ok"]
    assert [row["message"][:40] for row in rows] == [
        "",
        "the server answers 404 Not Found: it has",
        "the server sent no JPEG but '<html><head",
        "",
        "the connection broke off after 2,000 of ",
        "",
    ]
    first = rows[0]
    assert first["url"] == f"{service.address}/jpeg-cutout?ra=10&dec=0&pixscale=0.12&size=424"
    content = (catalog.parent / "cutouts" / "g0.jpg").read_bytes()
    assert content == jpeg(10)
    assert (first["file"], first["pixel_scale"], first["bytes"]) == ("g0.jpg", "0.12", str(len(content)))
    assert first["sha256"] == hashlib.sha256(content).hexdigest()
    assert first["fetched_at"].endswith("+00:00")
    assert {agent for _, _, agent in service.requests} == {"galaxy-classify/0.1.0 (me@observatory.org)"}

    output = catalog.parent / "results.csv"
    found = run_classify("--catalog", catalog.parent / "cutouts" / "cutouts.csv", "--id-column", "objid", "-o", output)
    assert found.returncode == 1
    with output.open(newline="", encoding="utf-8") as file:
        results = list(csv.DictReader(file))
    assert [(row["objid"], row["status"] == "error", row["z"]) for row in results] == [
        (f"g{number}", number in (1, 2, 4), "0.1") for number in range(6)
    ]
    assert [row["catalog_message"] for row in results] == [row["message"] for row in rows]


def test_running_again_asks_only_for_what_is_missing(catalog: Path, service: CutoutServer) -> None:
    """A cutout that is there and whole stays; one that failed, is gone or was changed is asked for again."""
    service.answers = {"11": [*[status(500)] * 5, right]}
    assert fetch(catalog, service).returncode == 1
    before = table(catalog)
    folder = catalog.parent / "cutouts"
    (folder / "g2.jpg").unlink()
    (folder / "g3.jpg").write_bytes(jpeg(13)[:-1])
    service.requests.clear()
    result = fetch(catalog, service)
    assert result.returncode == 0
    assert "fetched: 3, there already: 3, errors: 0" in result.stderr
    assert sorted(path[16:18] for path in service.paths) == ["11", "12", "13"]
    after = table(catalog)
    assert [row["status"] for row in after] == ["ok"] * 6
    assert [row for row in after if row["objid"] in ("g0", "g4", "g5")] == [before[0], before[4], before[5]]
    assert (folder / "g3.jpg").read_bytes() == jpeg(13)
    service.requests.clear()
    write_catalog(catalog, 8)
    assert fetch(catalog, service).returncode == 0
    assert len(service.requests) == 2
    assert sorted(os.listdir(folder)) == sorted(
        ["cutouts.csv", "fetch-log.jsonl", *(f"g{number}.jpg" for number in range(8))]
    )


def test_a_dry_run_asks_nothing(catalog: Path, service: CutoutServer) -> None:
    """It prints the first addresses, how many there are and how long that takes, and writes nothing."""
    write_catalog(catalog, 2401)
    result = fetch(catalog, service, "--dry-run", "--rate", "2", "--pixels", "64")
    assert result.returncode == 1  # g-rows beyond 90 degrees of declination are errors
    lines = result.stdout.splitlines()
    assert len(lines) == 10
    assert lines[0] == f"{service.address}/jpeg-cutout?ra=10&dec=0&pixscale=0.12&size=64"
    assert "would ask for 91 cutouts, these 10 first: 00:00:46 or longer at 2 per second" in result.stderr
    assert "errors: 2,310" in result.stderr
    assert service.requests == []
    assert not (catalog.parent / "cutouts").exists()
    write_catalog(catalog, 3)
    assert fetch(catalog, service).returncode == 0
    again = fetch(catalog, service, "--dry-run")
    assert (again.returncode, again.stdout) == (0, "")
    assert "there already: 3" in again.stderr
    assert len(service.requests) == 3


def test_one_request_for_rows_that_ask_for_the_same(tmp_path: Path, service: CutoutServer) -> None:
    """Duplicates, and other names of one object, have a file each, of one answer; a failure is not repeated either."""
    path = tmp_path / "c.csv"
    path.write_text("objid,ra,dec\nm31,10,41\nngc224,10.0,41\nm31,10,41\na,11,1\nb,11,1\n", encoding="utf-8")
    service.answers = {"11": [status(404)]}
    service.delay = 0.05
    result = fetch(path, service, "--arcsec", "106", "--parallel", "4", size=False)
    assert result.returncode == 1
    assert len(service.requests) == 2
    rows = table(path)
    assert [row["file"] for row in rows] == ["m31.jpg", "ngc224.jpg", "m31.jpg", "", ""]
    assert rows[3]["message"] == rows[4]["message"] == "the server answers 404 Not Found: it has no cutout here"
    assert (tmp_path / "cutouts" / "ngc224.jpg").read_bytes() == jpeg(10)
    fetch(path, service, "--arcsec", "106", size=False)
    assert len(service.requests) == 3


def test_fits_cutouts(catalog: Path, service: CutoutServer) -> None:
    """They are whole files of all bands, which the classifier colours itself."""
    service_fits = CutoutServer(service.address.replace("/jpeg", "/fits"))
    named = service_fits.template.replace("/jpeg-cutout", "/fits-cutout")
    write_catalog(catalog, 2)
    result = fetch(catalog, service, "--service", named, "--format", "fits", "--pixels", "64")
    assert result.returncode == 0
    assert [row["file"] for row in table(catalog)] == ["g0.fits", "g1.fits"]
    assert (catalog.parent / "cutouts" / "g0.fits").read_bytes() == fits_cutout(64)
    found = run_classify("--catalog", catalog.parent / "cutouts" / "cutouts.csv", "--json", "--crop", "1")
    assert (found.returncode, found.stdout.count("g, r, z by galaxy-zoo-decals")) == (0, 2)


def test_few_requests_at_once_and_per_second(
    catalog: Path, service: CutoutServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the service's own log: never more at once than --parallel, and no closer than --rate."""
    monkeypatch.setattr(fetch_run, "Pace", Pace)
    service.delay = 0.1
    assert fetch(catalog, service, "--parallel", "2").returncode == 0
    assert service.most_at_once == 2
    times = sorted(when for when, _, _ in service.requests)
    assert times[-1] - times[0] >= 5 / 20 - 0.05


def test_a_service_that_is_down_is_left_alone(
    catalog: Path, service: CutoutServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five objects in a row the run stops, and says how to go on; what was fetched stays."""
    monkeypatch.setattr("galaxy_classify.fetch.client.ATTEMPTS", 2)
    write_catalog(catalog, 20)
    service.answers = {str(number): [hang_up] for number in range(12, 30)}
    result = fetch(catalog, service, "--parallel", "1")
    assert result.returncode == 4
    assert "stopped, as the service failed for 5 objects in a row: the connection broke off" in result.stderr
    assert len(service.requests) == 2 + 5 * 2
    assert not (catalog.parent / "cutouts" / "cutouts.csv").exists()
    service.answers.clear()
    service.requests.clear()
    write_catalog(catalog, 4)
    assert fetch(catalog, service).returncode == 0
    assert len(service.requests) == 2


@pytest.mark.parametrize("parallel", [1, 3])
def test_ctrl_c_keeps_what_was_fetched(
    catalog: Path, service: CutoutServer, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    """Exit code 130, no half a table, and the next run goes on."""
    add = fetch_run.Counts.add

    def interrupted(counts: Any, outcome: Any) -> None:
        add(counts, outcome)
        if counts.total == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(fetch_run.Counts, "add", interrupted)
    result = fetch(catalog, service, "--parallel", parallel)
    assert result.returncode == 130
    assert "interrupted after 2 of 6 rows; what was fetched is kept" in result.stderr
    names = os.listdir(catalog.parent / "cutouts")
    assert not [name for name in names if name.endswith((".partial", "cutouts.csv"))]
    asked = len(service.requests)
    monkeypatch.setattr(fetch_run.Counts, "add", add)
    assert fetch(catalog, service).returncode == 0
    assert len(service.requests) == 6
    assert asked >= 2
    assert [row["status"] for row in table(catalog)] == ["ok"] * 6


def test_ctrl_c_does_not_wait_for_a_service_that_asks_to_wait(
    catalog: Path, service: CutoutServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait for their turn stop at once."""

    def interrupted(counts: Any, outcome: Any) -> None:
        while len(service.requests) < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt

    service.answers = {"11": [status(503, wait=100)]}
    monkeypatch.setattr(fetch_run.Counts, "add", interrupted)
    started = time.monotonic()
    assert fetch(catalog, service, "--parallel", 3).returncode == 130
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_a_killed_process_loses_nothing(catalog: Path, service: CutoutServer, tmp_path: Path) -> None:
    """Killed while requests are under way, it leaves whole files that the next run keeps."""
    service.delay = 0.1
    folder = tmp_path / "cutouts"
    options = ["--id-column", "objid", "--size-column", "petro_r50", "--service", service.template, "--rate", "20"]
    line = [sys.executable, "-m", "galaxy_classify", "fetch", str(catalog), *options, "-o", str(folder)]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while len(list(folder.glob("*.jpg"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    there = {path.name for path in folder.glob("*.jpg")}
    assert 2 <= len(there) < 6
    # A record that was written in part, as after a power failure.
    with (folder / "fetch-log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"url": "http://127.0.0.1/jpeg-cut')
    asked = len(service.requests)
    result = fetch(catalog, service)
    assert result.returncode == 0
    assert len(service.requests) <= asked + 6 - len(there)
    assert [row["status"] for row in table(catalog)] == ["ok"] * 6
    assert [json.loads(line) for line in (folder / "fetch-log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_full_disk_stops_the_run(catalog: Path, service: CutoutServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 4 and the remedy; no partial file stays, and the next run goes on."""
    add = Log.add

    def full(log: Log, fetched: Fetched) -> None:
        if fetched.file == "g2.jpg":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "fetch-log.jsonl")
        add(log, fetched)

    monkeypatch.setattr(Log, "add", full)
    result = fetch(catalog, service, "--parallel", "1")
    assert result.returncode == 4
    assert "No space left on device; what was fetched is kept, run the same command again" in result.stderr
    assert sorted(os.listdir(catalog.parent / "cutouts")) == ["fetch-log.jsonl", "g0.jpg", "g1.jpg"]
    monkeypatch.setattr(Log, "add", add)
    assert fetch(catalog, service).returncode == 0
    assert len(service.requests) == 3 + 4


def test_cutouts_of_another_framing_are_not_mixed_in(catalog: Path, service: CutoutServer) -> None:
    """A folder has one framing and service; --force replaces them."""
    assert fetch(catalog, service).returncode == 0
    result = fetch(catalog, service, "--arcsec", "106", size=False)
    assert result.returncode == 2
    assert "its cutouts were fetched with another framing: 424 px of max(0.04 petro_r50, 0.1) arcsec" in result.stderr
    assert len(service.requests) == 6
    assert fetch(catalog, service, "--arcsec", "106", "--force", size=False).returncode == 0
    assert len(service.requests) == 12
    assert {row["pixel_scale"] for row in table(catalog)} == {"0.25"}


def test_row_numbers_belong_to_one_catalogue(catalog: Path, service: CutoutServer, tmp_path: Path) -> None:
    """Without ids, another catalogue's first object would replace this one's."""
    common = ["--service", service.template, "--arcsec", "106", "--rate", "20", "-o", tmp_path / "cutouts"]
    assert run_classify("fetch", catalog, *common).returncode == 0
    other = write_catalog(tmp_path / "others.csv", 2)
    result = run_classify("fetch", other, *common)
    assert result.returncode == 2
    assert "with another catalog: galaxies.csv, not others.csv" in result.stderr


def test_a_file_of_someone_else_is_not_replaced(catalog: Path, service: CutoutServer) -> None:
    """Nor is it taken for the cutout."""
    folder = catalog.parent / "cutouts"
    folder.mkdir()
    (folder / "g1.jpg").write_bytes(b"mine")
    assert fetch(catalog, service).returncode == 1
    assert table(catalog)[1]["message"] == "g1.jpg is there, and not by this command: move it away"
    assert (folder / "g1.jpg").read_bytes() == b"mine"


def test_columns_called_as_the_tables_own(tmp_path: Path, service: CutoutServer) -> None:
    """They are renamed, as in a result; values are copied as they are written."""
    path = tmp_path / "c.csv"
    path.write_text('objid,ra,dec,file,Status\n007,10,1,"a,b",\n', encoding="utf-8")
    assert fetch(path, service, "--arcsec", "100", size=False).returncode == 0
    (row,) = table(path)
    assert (row["objid"], row["catalog_file"], row["catalog_Status"], row["file"]) == ("007", "a,b", "", "007.jpg")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--service", "legacy"], "--output names the folder for the cutouts"),
        (["-o", "out"], "--service says whom to ask: legacy, sdss, or an address"),
        (["-o", "out", "--service", "lsst"], "--service 'lsst': it is legacy, sdss, or an address"),
        (["-o", "out", "--service", "legacy"], "how large is a cutout?"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--size-column", "z"], "--arcsec does not go with"),
        (["-o", "out", "--service", "legacy", "--arcsec", "5"], "424 pixels below 0.015 arcsec"),
        (["-o", "out", "--service", "legacy", "--arcsec", "nan"], "'nan' is not a number between 1 and 3600"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--pixels", "9999"], "legacy sends 16 to 3,000"),
        (["-o", "out", "--service", "sdss", "--arcsec", "9", "--pixels", "32"], "sdss sends 64 to 2,048"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--rate", "0"], "--rate: '0' is not a number"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--rate", "100"], "between 0.001 and 20"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--parallel", "9"], "between 1 and 8"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--format", "png"], "not one of jpg, fits"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--contact", "a\nb@c"], "is no email address"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--contact", ""], "--contact: its value is empty"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--ra", "RA"], "no column 'RA'; did you mean 'ra'?"),
        (["-o", "out", "--service", "legacy", "--size-column", "r50"], "no column 'r50'"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "--id-column", "id"], "no column 'id'; it has objid"),
        (["-o", "galaxies.csv", "--service", "legacy", "--arcsec", "9"], "is a file; a folder is to be written"),
        (["-o", "out", "--service", "legacy", "--arcsec", "9", "other.csv"], "takes one CATALOG, a table"),
        (["-o", "out", "--servce", "legacy"], "did you mean --service? (see galaxy-classify fetch --help)"),
    ],
)
def test_a_wrong_command_line_is_refused(catalog: Path, options: list[str], message: str) -> None:
    """Before anything is asked or written: exit code 2, and what to do instead."""
    result = run_classify("fetch", "galaxies.csv", *options, cwd=catalog.parent)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert os.listdir(catalog.parent) == ["galaxies.csv"]


def test_a_catalogue_that_is_not_there_or_would_be_written_is_refused(catalog: Path) -> None:
    """The table of an earlier run is a catalogue, too, but not of the same folder."""
    options = ["--service", "legacy", "--arcsec", "106"]
    result = run_classify("fetch", "none.csv", "-o", "out", *options, cwd=catalog.parent)
    assert (result.returncode, "No such file" in result.stderr) == (2, True)
    (catalog.parent / "cutouts").mkdir()
    catalog.rename(catalog.parent / "cutouts" / "cutouts.csv")
    result = run_classify("fetch", "cutouts/cutouts.csv", "-o", "cutouts", *options, cwd=catalog.parent)
    assert (result.returncode, "would be written by this run, which reads it" in result.stderr) == (2, True)


def test_one_run_at_a_time_writes_a_folder(catalog: Path, service: CutoutServer) -> None:
    """The second one does not touch it."""
    folder = catalog.parent / "cutouts"
    folder.mkdir()
    with only_writer(str(folder / "cutouts.csv")):
        result = fetch(catalog, service)
    assert (result.returncode, service.requests) == (2, [])
    assert "another run is writing it" in result.stderr


def test_a_file_called_fetch_is_an_input(tmp_path: Path) -> None:
    """The word is only one where nothing has its name, and ./fetch is always a path."""
    (tmp_path / "fetch").write_bytes(jpeg())
    result = run_classify("fetch", cwd=tmp_path)
    assert (result.returncode, result.stdout.count("\n")) == (0, 2)
    refused = run_classify("fetch", "c.csv", "--arcsec", "9", cwd=tmp_path)
    assert refused.returncode == 2
    assert "no such option: --arcsec" in refused.stderr
    assert "'fetch' is a file or folder here, and taken for an input" in refused.stderr
    (tmp_path / "fetch").unlink()
    assert "no such file" in run_classify("./fetch", cwd=tmp_path).stdout


def test_each_command_imports_only_what_it_needs() -> None:
    """To classify starts as fast as without this command, and its --help needs no NumPy and no network."""
    code = (
        "import sys, galaxy_classify.cli.main, galaxy_classify.cli.with_typer.app\n"
        "assert not [name for name in sys.modules if 'fetch' in name]\n"
        "from galaxy_classify.cli.fetch.app import run_fetch\n"
        "run_fetch(['--help'])\n"
        "assert not {'numpy', 'PIL', 'urllib.request'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "--size90-column" in done.stdout


def test_every_option_is_on_its_page(repository: Path) -> None:
    """docs/how-to/cutouts-from-sky-positions.md names each."""
    page = (repository / "docs" / "how-to" / "cutouts-from-sky-positions.md").read_text(encoding="utf-8")
    options = [option for parameter in get_command(app).params for option in parameter.opts if option[:2] == "--"]
    assert len(options) > 15
    assert [option for option in options if option != "--help" and option not in page] == []
