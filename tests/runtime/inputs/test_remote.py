"""Images in object stores: the rows of the same files on a disk, and a short reason for all that a store refuses."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from file_server import serving
from galaxy_classify import GalaxyClassifier, Prediction
from galaxy_classify.errors import ImageError, MissingExtraError
from galaxy_classify.inputs.addresses import SCHEMES
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.inputs.remote import is_remote, read_remote, remote_source, remote_sources, require_remote
from galaxy_classify.inputs.source import Source
from galaxy_painter import KINDS, paint
from in_process import run_classify as run

COMMAND = [sys.executable, "-m", "galaxy_classify"]
#: Fake credentials, and nothing that would ask another machine for real ones.
FAKE = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
DENY = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::shut/*"}


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier with the default model, in two threads."""
    return GalaxyClassifier(threads=2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with galaxies in folders, and with files that are none."""
    folder = tmp_path_factory.mktemp("files")
    names = ["b.jpg", "a.jpg", "field 1/ü+%20#&.jpg", "field 1/deep/c.png", "field_2/d::e.jpg"]
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        paint(KINDS[number % 4], seed=number, size=80).save(folder / name)
    (folder / "text.jpg").write_bytes(b"no image")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"skipped")
    return folder


@pytest.fixture(scope="module")
def s3(files: Path) -> Iterator[Any]:
    """File system of an S3 server on loopback, with the files in the bucket ``survey`` and a bucket that is shut."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        for name, value in (FAKE | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}).items():
            patch.setenv(name, value)
        filesystem = fsspec.filesystem("s3")
        filesystem.mkdir("survey")
        filesystem.mkdir("shut")
        for path in sorted(files.rglob("*.*")):
            filesystem.pipe(f"survey/images/{path.relative_to(files).as_posix()}", path.read_bytes())
        filesystem.pipe("survey/images/", b"")  # as consoles keep a folder
        filesystem.pipe("shut/a.jpg", (files / "a.jpg").read_bytes())
        filesystem.call_s3("put_bucket_policy", Bucket="shut", Policy=json.dumps({"Statement": [DENY]}))
        yield filesystem
        filesystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def memory(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """File system in memory with the files below ``/images``; only here its scheme is allowed."""
    monkeypatch.setattr("galaxy_classify.inputs.addresses.SCHEMES", (*SCHEMES, "memory"))
    filesystem = fsspec.filesystem("memory")
    for path in sorted(files.rglob("*.*")):
        filesystem.pipe(f"/images/{path.relative_to(files).as_posix()}", path.read_bytes())
    yield filesystem
    filesystem.store.clear()
    filesystem.pseudo_dirs[:] = [""]


def classified(classifier: GalaxyClassifier, sources: Sequence[Source], **options: Any) -> list[Prediction]:
    """Return the rows of inputs."""
    given = [source.path if source.content is None else (source.path, source.content) for source in sources]
    return list(classifier.classify(given, **options))


def said(row: Prediction) -> tuple[object, ...]:
    """Return all that is said of an image but where it is."""
    return row.status, row.label, row.confidence, row.probabilities, row.message


def messages(rows: Sequence[Prediction]) -> list[str]:
    """Return what is said of inputs that failed."""
    assert {row.status for row in rows} == {"error"}
    return [row.message for row in rows]


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("url", ["s3://survey/images", "s3://survey/images/", "memory://images"])
def test_rows_are_those_of_the_local_files(
    url: str, s3: Any, memory: Any, files: Path, classifier: GalaxyClassifier
) -> None:
    """The same images in the same order, but for the path, whatever their names hold."""
    local, remote = Discovery(), Discovery()
    expected = list(local.sources([str(files)], ()))
    found = list(remote.sources([url], ()))
    assert [source.path.removeprefix(url.rstrip("/")) for source in found] == [
        source.path.removeprefix(str(files)) for source in expected
    ]
    assert [source.place for source in found] == [source.place for source in expected]
    assert (remote.skipped, local.skipped) == (1, 1)
    rows = classified(classifier, found, batch_size=2)
    assert list(map(said, rows)) == list(map(said, classified(classifier, expected)))
    assert {row.message for row in rows if row.status == "error"} == {
        "empty file", "not an image (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF, FITS)",
    }  # fmt: skip


def test_an_object_may_be_named_alone(s3: Any, files: Path, classifier: GalaxyClassifier) -> None:
    """As an input, in a list, as a path that the API is given, and for its picture."""
    url = "s3://survey/images/field 1/ü+%20#&.jpg"
    (expected,) = classifier.classify(files / "field 1" / "ü+%20#&.jpg")
    (outright,) = Discovery().sources([url], ())
    (listed,) = Discovery().listed([url.encode() + b"\n"])
    assert (outright.path, outright.place) == (url, "ü+%20#&.jpg")
    assert (listed.path, listed.place) == (url, "survey/images/field 1/ü+%20#&.jpg")
    for row in (*classifier.classify(url), *classified(classifier, [outright, listed])):
        assert row.path == url
        assert said(row) == said(expected)
    assert classifier.picture(url).size == (60, 60)


def test_what_a_store_refuses_is_a_short_reason(s3: Any, memory: Any, classifier: GalaxyClassifier) -> None:
    """The same words for the same fault, without a path, an identifier of the request or a traceback."""
    expected = {
        "s3://survey/none.jpg": "no such object",
        "s3://no-such-bucket/a.jpg": "no such object",
        "s3://shut/a.jpg": "permission denied",
        "s3://survey/images": "is a folder, not an image",
        "s3://survey/images/empty.jpg": "empty file",
        "gs://survey/a.jpg": "cannot be read: Please install gcsfs to access Google Storage",
        "nonsense://survey/a.jpg": (
            "addresses with nonsense:// are not read, only s3, gs, az, abfs, http, https and file"
        ),
        "memory://none.jpg": "no such object",
        f"file://{os.devnull}": "not a regular file",
    }
    assert messages(list(classifier.classify(expected))) == list(expected.values())
    assert messages(classified(classifier, list(Discovery().listed(url.encode() for url in expected)))) == list(
        expected.values()
    )


def test_prefixes_that_cannot_be_listed_have_a_row(s3: Any, classifier: GalaxyClassifier) -> None:
    """An input must not vanish from the output, and the others go on."""
    inputs = ["s3://no-such-bucket/images", "s3://survey/none", "s3://shut", "s3://survey/images/b.jpg"]
    rows = classified(classifier, list(Discovery().sources(inputs, ())))
    assert [row.path for row in rows] == [*inputs[:2], "s3://shut/a.jpg", inputs[3]]
    assert messages(rows[:3]) == ["no such object", "no such object", "permission denied"]
    assert rows[3].status != "error"


def test_a_folder_that_breaks_while_it_is_listed_has_a_row(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found before and what comes after it stays."""
    listed = type(memory).ls

    def ls(self: Any, path: str, **options: Any) -> Any:
        if path.endswith("deep"):
            raise PermissionError("no")
        return listed(self, path, **options)

    monkeypatch.setattr(type(memory), "ls", ls)
    found = {source.path: source.content for source in remote_sources("memory://images")}
    assert list(found)[-3:] == [
        "memory://images/field 1/ü+%20#&.jpg", "memory://images/field_2/d::e.jpg", "memory://images/text.jpg",
    ]  # fmt: skip
    refused = found["memory://images/field 1/deep"]
    assert refused is not None
    with pytest.raises(ImageError, match=r"^permission denied$"):
        refused()


def test_hostile_and_odd_names(s3: Any, files: Path) -> None:
    """No name leads a sorted copy out of its folder or the search in circles, and none is left out in silence."""
    image = (files / "a.jpg").read_bytes()
    for key in ("../up.jpg", "\x1b[31m.jpg", "folder//nameless.jpg", "same.jpg", "same.jpg/a.jpg", "shard.tar"):
        s3.call_s3("put_object", Bucket="survey", Key=f"odd/{key}", Body=image)
    found = list(remote_sources("s3://survey/odd", folder="copies"))
    assert [(source.path.removeprefix("s3://survey/odd/"), source.place) for source in found] == [
        ("\x1b[31m.jpg", "copies/_[31m.jpg"),
        ("../up.jpg", "copies/up.jpg"),
        ("folder//", "copies/folder"),
        ("same.jpg", "copies/same.jpg"),
        ("same.jpg/a.jpg", "copies/same.jpg/a.jpg"),
        ("shard.tar", "copies/shard.tar"),
    ]
    outcomes: list[object] = []
    for source in found:
        assert source.content is not None
        try:
            outcomes.append(source.content() == image)
        except ImageError as error:
            outcomes.append(str(error))
    refused = "container in an object store: not supported, classify a local copy"
    assert outcomes == [True, True, "names with an empty part (//) are not searched", True, True, refused]
    (archive,) = remote_sources("s3://survey/odd/shard.tar")
    (parquet,) = Discovery(containers=True).listed([b"s3://survey/cutouts.parquet"])
    assert archive.content == parquet.content


def test_the_version_that_was_asked_for_is_read(s3: Any, files: Path) -> None:
    """Not the newest one; any other query belongs to the name."""
    s3.mkdir("versions")
    s3.call_s3("put_bucket_versioning", Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    put = [s3.call_s3("put_object", Bucket="versions", Key="a.jpg", Body=content) for content in (b"old one", b"new")]
    s3.call_s3("put_object", Bucket="versions", Key="a.jpg?x=1.jpg", Body=b"named so")
    url = "s3://versions/a.jpg"
    for address, content in (
        (f"{url}?versionId={put[0]['VersionId']}", b"old one"),
        (f"{url}?versionId={put[1]['VersionId']}", b"new"),
        (url, b"new"),
        (f"{url}?x=1.jpg", b"named so"),
    ):
        (source,) = remote_sources(address)
        assert source.content is not None
        assert read_remote(address) == source.content() == content


def test_folders_within_folders_may_be_left_out(memory: Any) -> None:
    """As `--no-recursive` does with local ones; several inputs keep their copies apart."""
    found = Discovery(recursive=False).sources(["memory://images/field 1", "memory://images/field_2/"], ())
    assert [source.place for source in found] == ["field 1/ü+%20#&.jpg", "field_2/d::e.jpg"]


def test_large_objects_are_not_read(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that says so, nor one that has grown, nor one that tells no size."""
    monkeypatch.setattr("galaxy_classify.inputs.remote.LARGEST", 100)
    memory.pipe("/large/a.jpg", bytes(101))
    memory.pipe("/grows/b.jpg", bytes(5))
    (grown,) = remote_sources("memory://grows")
    memory.pipe("/grows/b.jpg", bytes(1000))
    with pytest.raises(ImageError, match=r"^object too large: 101 bytes, the limit is 100$"):
        read_remote("memory://large/a.jpg")
    assert grown.content is not None
    with pytest.raises(ImageError, match=r"^object too large: 101 bytes"):
        grown.content()
    monkeypatch.setattr(type(memory), "info", lambda self, path: {"name": path, "size": None, "type": "file"})
    monkeypatch.setattr(type(memory), "open", lambda self, path, mode: io.BytesIO(bytes(1000)))
    with pytest.raises(ImageError, match=r"^object too large: "):
        read_remote("memory://grows/b.jpg")


def test_images_on_a_web_server(files: Path, classifier: GalaxyClassifier) -> None:
    """A URL of one image is read; every failure says what it was, and no signature of the URL is repeated."""
    with serving({"/a.jpg": (files / "a.jpg").read_bytes()}) as server:
        server.knows_ranges = False
        (row,) = classifier.classify(f"{server.address}/a.jpg")
        assert said(row) == said(next(classifier.classify(files / "a.jpg")))
        assert messages(list(classifier.classify(f"{server.address}/none.jpg"))) == ["no such object"]
        server.refuse_with += [403, 403]
        assert messages(list(classifier.classify(f"{server.address}/a.jpg"))) == ["permission denied"]
    (broken,) = messages(list(classifier.classify(f"{server.address}/a.jpg?signature=secret")))
    assert broken.startswith("cannot be read: Cannot connect to host")
    assert "secret" not in broken


def test_a_web_server_that_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may say that an object is small, and fill the memory of whoever waits for its end."""
    monkeypatch.setattr("galaxy_classify.inputs.remote.LARGEST", 3_000_000)
    with serving({"/a.jpg": b"galaxy"}) as server:
        server.endless = bytes(1 << 16)
        with pytest.raises(ImageError, match=r"^object too large: "):
            read_remote(f"{server.address}/a.jpg")
        server.endless = b""


def test_files_of_single_bands_are_not_taken_for_images(memory: Any) -> None:
    """`--fits-pattern` would have to join them: a row says that it does not."""
    from galaxy_classify.images.fits.band_files import BandPattern

    memory.pipe("/bands/m51-g.fits", b"FITS")
    discovery = Discovery(pattern=BandPattern("{id}-{band}.fits"))
    found = [*discovery.sources(["memory://bands"], ()), *discovery.listed([b"memory://bands/m51-g.fits"])]
    for source in found:
        assert source.content is not None
        with pytest.raises(ImageError, match=r"^files of several bands are joined in local folders only$"):
            source.content()
    assert len(found) == 2


def test_a_local_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path means what it always has."""
    monkeypatch.chdir(tmp_path)
    assert is_remote("s3://survey/a.jpg")
    (tmp_path / "s3:" / "survey").mkdir(parents=True)
    (tmp_path / "s3:" / "survey" / "a.jpg").touch()
    assert not is_remote("s3://survey/a.jpg")


def test_without_the_extra(classifier: GalaxyClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in a list has a row that names the remedy."""
    monkeypatch.setattr("galaxy_classify.extras.find_spec", lambda name: None)
    remedy = "s3fs not installed: run  pip install 'galaxy-classify[remote]'"
    with pytest.raises(MissingExtraError) as refused:
        require_remote("s3://survey/images")
    assert str(refused.value) == f"fsspec, {remedy}"
    source = remote_source("s3://survey/a.jpg")
    assert messages(classified(classifier, [source])) == [f"fsspec, {remedy}"]


def test_the_command_without_the_extra(tmp_path: Path) -> None:
    """It ends before anything is loaded or written."""
    code = (
        "import galaxy_classify.extras as c; c.find_spec = lambda name: None; "
        "from galaxy_classify.cli.main import main; main()"
    )
    command = [sys.executable, "-c", code, "s3://survey/images", "-o", "rows.csv"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert result.returncode == 2
    assert "pip install 'galaxy-classify[remote]'" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_command_on_a_bucket(s3: Any, files: Path, tmp_path: Path) -> None:
    """Rows, report and sorted copies of a prefix, and the rest of an interrupted run."""
    options = ("--report", "page.html", "--sort-into", "sorted", "--threads", "3", "--batch-size", "1")
    command = [*COMMAND, "s3://survey/images", "-o", "rows.csv", *options]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert result.returncode == 1, result.stderr
    assert "skipped: 1 file" in result.stderr
    rows = table(tmp_path / "rows.csv")
    assert len(rows) == 7
    assert {row["path"] for row in rows if row["status"] == "error"} == {
        "s3://survey/images/empty.jpg", "s3://survey/images/text.jpg",
    }  # fmt: skip
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count('"webp":"UklGR') == 5
    (copy,) = (tmp_path / "sorted").glob("*/field 1/deep/c.png")
    assert copy.read_bytes() == (files / "field 1" / "deep" / "c.png").read_bytes()
    whole = (tmp_path / "rows.csv").read_bytes()
    (tmp_path / "rows.csv").unlink()
    (tmp_path / "rows.csv.partial").write_bytes(whole[: whole.index(b"s3://survey/images/empty") + 10])
    (tmp_path / "rows.csv.meta.json").rename(tmp_path / "rows.csv.partial.meta.json")
    resumed = run("s3://survey/images", "-o", "rows.csv", "--resume", cwd=tmp_path)
    assert "kept: 2 rows" in resumed.stderr, resumed.stderr
    assert (tmp_path / "rows.csv").read_bytes() == whole


def test_lists_and_catalogues_of_objects(s3: Any, files: Path, tmp_path: Path) -> None:
    """Objects and local files side by side; relative paths start from a prefix if one is named."""
    result = run("-", "-o", "listed.csv", stdin=f"s3://survey/images/a.jpg\n{files}/b.jpg\n".encode(), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    names = ["s3://survey/images/a.jpg", "field 1/deep/c.png", str(files / "b.jpg"), "none.jpg"]
    pq.write_table(pa.table({"file": names, "redshift": [0.1, 0.2, 0.3, 0.4]}), tmp_path / "catalog.parquet")
    result = run("s3://survey/images/", "--catalog", "catalog.parquet", "-o", "rows.csv", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    rows = table(tmp_path / "rows.csv")
    base = "s3://survey/images/"
    assert [row["path"] for row in rows] == [names[0], base + names[1], names[2], base + names[3]]
    assert [row["message"] for row in rows] == ["", "", "", "no such object"]
    assert [row["redshift"] for row in rows] == ["0.1", "0.2", "0.3", "0.4"]
    assert [row["path"] for row in table(tmp_path / "listed.csv")] == [names[0], names[2]]


def test_a_bucket_cannot_be_watched(tmp_path: Path) -> None:
    """Object stores report no changes: the command says so at once."""
    result = run("s3://survey/images", "--watch", "-o", "rows.csv", cwd=tmp_path)
    assert result.returncode == 2
    assert "--watch watches local folders" in result.stderr


def test_anonymous_access_is_asked_for_in_the_environment(s3: Any) -> None:
    """The variable that the documentation names reaches s3fs."""
    code = (
        "import fsspec; from fsspec.core import url_to_fs; "
        "assert url_to_fs('s3://survey/a.jpg')[0].anon, fsspec.config.conf"
    )
    environment = os.environ | {"FSSPEC_S3_ANON": "true"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
