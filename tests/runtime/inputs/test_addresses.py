"""Which addresses are read, wherever they come from: a short list of schemes, and never a chain of file systems."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from file_server import serving
from galaxy_classify import GalaxyClassifier
from galaxy_classify.containers import read_container
from galaxy_classify.errors import ImageError, ModelError, UsageError
from galaxy_classify.inputs.addresses import why_refused
from galaxy_classify.inputs.catalog import open_catalog
from galaxy_classify.inputs.containers.open import read_member
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.inputs.remote import read_remote
from galaxy_classify.inputs.source import Source
from galaxy_painter import paint
from in_process import run_classify

REFUSED = "addresses with reference:// are not read, only s3, gs, az, abfs, http, https and file"


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier with the default model, in one thread."""
    return GalaxyClassifier(threads=1)


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address for which fsspec would open a file of references; the test fails if fsspec is asked for anything."""

    def asked(*given: object, **options: object) -> Any:
        raise AssertionError(f"fsspec was asked for {given}")

    for name in ("fsspec.filesystem", "fsspec.get_filesystem_class", "fsspec.core.url_to_fs", "fsspec.core.open"):
        monkeypatch.setattr(name, asked)
    references = {"version": 1, "templates": {"a": "{{ 1 }}"}, "gen": [], "refs": {"a.jpg": "{{ a }}"}}
    (tmp_path / "evil.json").write_text(json.dumps(references))
    return f"reference://a.jpg::file://{tmp_path}/evil.json"


def reason(source: Source) -> str:
    """Return why an input cannot be read."""
    assert source.content is not None
    with pytest.raises(ImageError) as refused:
        source.content()
    return str(refused.value)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        *((f"{scheme}://survey/a", "") for scheme in ("s3", "S3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "HTTPS")),
        ("file:///survey/a.jpg", ""),
        ("file://C:/survey/a.jpg", ""),
        ("http://[::1]:8000/a.jpg", ""),
        ("s3://survey/field_2/d::e.jpg", ""),
        ("https://nobody:secret@survey.example/a.jpg?next=http://b", ""),
        *(
            (f"{scheme}://a.jpg", f"addresses with {scheme}:// are not read")
            for scheme in ("reference", "zip", "memory", "local", "dir", "github", "sftp", "smb", "hdfs", "simplecache")
        ),
        ("Reference://a.jpg", "addresses with reference:// are not read"),
        ("s3://survey/a.zip::file:///etc/passwd", "chains of addresses"),
        ("http://host/a::b::reference://c", "chains of addresses"),
        ("file://host/a.jpg", "file:// takes an absolute path"),
        ("file://localhost/a.jpg", "file:// takes an absolute path"),
        ("file://~/a.jpg", "file:// takes an absolute path"),
        ("file://a.jpg", "file:// takes an absolute path"),
    ],
)  # fmt: skip
def test_a_short_list_of_schemes_is_read(address: str, reason: str) -> None:
    """Whatever is not on it is refused, in either case of letters, and so is an address inside another one."""
    assert why_refused(address).startswith(reason)
    assert bool(why_refused(address)) is bool(reason)


def test_no_way_leads_to_another_file_system(evil: str, tmp_path: Path, classifier: GalaxyClassifier) -> None:
    """Arguments, lists, catalogues, their folder, the library's functions and the paths of Dask frames."""
    assert [reason(source) for source in Discovery().sources([evil], ())] == [REFUSED]
    assert [reason(source) for source in Discovery().listed([evil.encode() + b"\n"])] == [REFUSED]
    assert [reason(source) for source in Discovery().sources(["-"], [evil.encode()])] == [REFUSED]
    table = tmp_path / "catalog.csv"
    table.write_text(f"file\n{evil}\nb.jpg\n")
    options: dict[str, Any] = {"path_column": "file", "id_column": None, "reserved": (), "typed": True}
    for root, second in ((None, None), (evil, REFUSED), ("s3://bucket/a::reference://b", "chains")):
        first, named = open_catalog(str(table), root=root, **options).sources()
        assert reason(first) == REFUSED
        if second is None:
            assert named.content is None
        else:
            assert reason(named).startswith(second)
    for item in (evil, Path(evil), f"{evil}.tar", f"{evil}.parquet"):
        (row,) = classifier.classify([item])
        assert row.status == "error"
    assert [row.message for row in classifier.classify(evil)] == [REFUSED]
    for read in (classifier.picture, read_remote):
        with pytest.raises(ImageError, match="not read"):
            read(evil)
    for name in (f"{evil}.tar", f"{evil}.zip", f"{evil}.parquet"):
        ((_, content),) = read_container(name)
        with pytest.raises(ImageError, match="no such file"):
            content()
        with pytest.raises(ImageError, match="no such file"):
            read_member(f"{name}::a.jpg")
    with pytest.raises(ModelError, match="neither"):
        GalaxyClassifier(evil)


def test_a_dask_frame_names_local_files_only(evil: str, classifier: GalaxyClassifier) -> None:
    """The workers join its paths to a folder."""
    import pandas as pd

    from galaxy_classify.dask.partitions import FramePlan, classify_partition
    from galaxy_classify.dask.worker import ClassifierSpec
    from galaxy_classify.results.layout import RowLayout

    plan = FramePlan("file", None, None, os.getcwd(), 0.5, RowLayout(tuple(classifier.classes_)), {})
    frame = pd.DataFrame({"file": [evil, "s3://survey/a.jpg"]})
    rows = classify_partition(frame, None, ClassifierSpec.of(classifier, "cpu"), plan)
    assert list(rows["message"]) == ["no such file"] * 2


@pytest.mark.parametrize("suffix", ["fits", "ecsv", "vot", "parquet", "csv"])
def test_a_catalogue_is_a_local_file(suffix: str, evil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Astropy would download a URL, and open that of a store with fsspec."""
    options: dict[str, Any] = {"path_column": "file", "id_column": None, "root": None, "reserved": (), "typed": True}
    monkeypatch.setattr("astropy.io.fits.file.download_file", lambda *given, **options: pytest.fail("downloaded"))
    for address in (f"http://127.0.0.1:9/c.{suffix}", f"s3://bucket/c.{suffix}", f"{evil}.{suffix}"):
        with pytest.raises(UsageError, match="takes a local file"):
            open_catalog(address, **options)


def test_the_command_gives_each_refused_address_its_row(evil: str, tmp_path: Path, drawn_images: Path) -> None:
    """As an argument and in a list, between images that are classified."""
    image = drawn_images / "smooth_round.jpg"
    (tmp_path / "list.txt").write_text(f"{image}\n{evil}\nfile://localhost{image}\n{image}\n")
    result = run_classify(evil, "--from-file", "list.txt", "-o", "rows.csv", cwd=tmp_path)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(image), evil, f"file://localhost{image}", str(image), evil]
    assert [row["message"].split(" ")[0] for row in rows] == ["", "addresses", "file://", "", "addresses"]


def test_a_local_file_may_be_called_like_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier: GalaxyClassifier
) -> None:
    """Names with ``::`` and ``://`` were files before, and still are."""
    monkeypatch.chdir(tmp_path)
    names = ["a::b.jpg", "reference:/x/a.jpg", "x::file:/y/b.jpg"]
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        paint("edge_on_disk", seed=1, size=80).save(name)
    given = ["a::b.jpg", "reference://x/a.jpg", "x::file://y/b.jpg"]
    assert [row.status for row in classifier.classify(given)] == ["ok"] * 3
    assert [source.content for source in Discovery().sources(given, ())] == [None] * 3
    assert [source.content for source in Discovery().listed(name.encode() for name in given)] == [None] * 3


def test_a_name_with_two_colons_is_no_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier: GalaxyClassifier
) -> None:
    """An object may be called ``d::e.jpg``: fsspec's parser of chains is not asked, which would open both halves."""
    (tmp_path / "d::e.jpg").touch()
    paint("edge_on_disk", seed=1, size=80).save(tmp_path / "d::e.jpg")
    monkeypatch.setattr("fsspec.core._un_chain", lambda *given: pytest.fail("a chain was looked for"))
    assert [row.status for row in classifier.classify(f"file://{tmp_path}/d::e.jpg")] == ["ok"]
    assert [row.status for row in classifier.classify(f"FILE://{tmp_path}/d::e.jpg")] == ["ok"]


def test_a_redirect_leads_to_http_only(tmp_path: Path, classifier: GalaxyClassifier) -> None:
    """A server may move an image, but not to a file of this machine."""
    image = tmp_path / "a.png"
    paint("edge_on_disk", seed=1, size=80).save(image)
    with serving({"/b.png": image.read_bytes()}) as server:
        server.knows_ranges = False
        server.moved = {"/a.png": "/b.png", "/file": f"file://{image}", "/reference": "reference://a", "/on": "/on"}
        rows = list(classifier.classify([f"{server.address}{path}" for path in server.moved]))
    assert [row.status for row in rows] == ["ok", "error", "error", "error"]
    assert [row.message for row in rows[:3]] == ["", "no such object", "no such object"]


@pytest.mark.parametrize(
    "fail",
    [
        lambda url: OSError(f"cannot reach {url}"),
        lambda url: ValueError(f"bad URL '{url}'"),
        lambda url: FileNotFoundError(url),
    ],
)
def test_no_password_is_repeated(fail: Callable[[str], Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """A message names the host, but neither who logs in to it nor the query, which may be a signature."""

    def info(self: object, path: str) -> Any:
        raise fail(path)

    monkeypatch.setattr(type(fsspec.filesystem("http")), "info", info)
    for url in ("http://nobody:secret@127.0.0.1:9/a.jpg?sign=secret", "http://secret@:9/a.jpg", "http://a:b@secret@c/"):
        with pytest.raises(ImageError) as refused:
            read_remote(url)
        assert "secret" not in str(refused.value)
