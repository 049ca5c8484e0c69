"""Hostile lists, catalogues and addresses: nothing reaches fsspec that is not allowed, and every line has its row."""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fuzzing import FUZZ
from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import ImageError
from galaxy_classify.inputs.addresses import SCHEMES, why_refused
from galaxy_classify.inputs.catalog import open_catalog
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.inputs.folders import expand
from galaxy_classify.inputs.remote import is_remote
from galaxy_classify.inputs.source import Source
from galaxy_painter import paint

fuzz = settings(FUZZ, suppress_health_check=[*FUZZ.suppress_health_check, HealthCheck.filter_too_much])

pytestmark = pytest.mark.slow

#: Schemes of fsspec, allowed or not, in both cases; and what only looks like one.
SCHEME = st.one_of(
    st.sampled_from(sorted({*fsspec.available_protocols(), *SCHEMES})),
    st.sampled_from(
        ["reference", "Reference", "FILE", "S3", "HTTP", "x-y+z.1", "c", "", "data", "file:", "a b", "s3\0"]
    ),
    st.text(alphabet="abcz019+.-:/", max_size=8),
)
REST = st.one_of(
    st.sampled_from(
        ["a.jpg", "/etc/passwd", "//host/a.jpg", "~/a.jpg", "localhost/a.jpg", "nobody:secret@host/a.jpg",
         "[::1]/a.jpg", "[::1", "host:99999/a", "bucket", "bucket//", "bucket/../../a.jpg", "b/a.jpg?versionId=1",
         "b/a.tar", "b/a.parquet", "b/{{ 1 }}.jpg", "?", "#", "@", "%00", "%2e%2e/a", "b/*.jpg", "b/[a",
         "a.jpg::file:///etc/passwd"]
    ),
    st.text(max_size=12),
    st.text(alphabet=":/.@?#[]*~a\\", max_size=20),
    st.integers(200, 6000).map(lambda length: "x" * length),
    st.integers(1, 400).map(lambda depth: "d/" * depth),
)  # fmt: skip
ADDRESS = st.builds("{}://{}".format, SCHEME, REST)
CHAIN = st.lists(st.one_of(ADDRESS, SCHEME, REST), min_size=2, max_size=4).map("::".join)
#: Characters that lists, terminals and file systems treat in ways of their own.
ODD = st.text(alphabet="\0\t\x0b\x0c\x1b\x7f\x85\u2028\u202e\ufeff\ud800\udcff\udc80 a./:*[]{}-\"',#=", max_size=16)
NAME = st.one_of(ADDRESS, CHAIN, ODD, REST, st.sampled_from(["good.png", "./good.png", "sub", "-", "path", "t.csv"]))
LINE = st.one_of(
    NAME.map(lambda name: name.encode("utf-8", "surrogatepass")), st.binary(max_size=24), st.just(b"good.png")
).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b""))


class Asked(Exception):  # noqa: N818 - no error: it takes the place of what a store would answer
    """Raised in place of every file system that fsspec would make."""


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier in one thread."""
    return GalaxyClassifier(threads=1)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Schemes of which fsspec was asked for a file system, in a folder with an image; the network is never reached."""
    schemes: set[str] = set()
    get_class = fsspec.get_filesystem_class

    def find(scheme: str) -> Any:
        schemes.add(scheme)
        return get_class(scheme)

    def make(scheme: str, **options: Any) -> Any:
        schemes.add(scheme)
        raise Asked(scheme)

    def other(*arguments: object, **options: object) -> Any:
        schemes.add(f"another function, for {arguments}")

    monkeypatch.setattr("fsspec.get_filesystem_class", find)
    monkeypatch.setattr("fsspec.filesystem", make)
    for name in ("fsspec.core.url_to_fs", "fsspec.core.open", "fsspec.open", "fsspec.core._un_chain"):
        monkeypatch.setattr(name, other)
    monkeypatch.chdir(tmp_path)
    paint("edge_on_disk", seed=1, size=80).save("good.png")
    Path("sub").mkdir()
    Path("t.csv").write_text("file\ngood.png\n")
    yield schemes
    assert schemes <= set(SCHEMES)


def check_rows(classifier: GalaxyClassifier, sources: list[Source]) -> None:
    """Check that each input is classified, or has a reason of one line."""
    rows = [prediction for _, prediction in classifier.classify_sources(sources)]
    assert [row.path for row in rows] == [source.path for source in sources]
    for row in rows:
        assert (row.status == "error") == (row.label is None)
        assert row.label is not None or row.message
        assert "\n" not in row.message


def test_any_list_gives_a_row_for_each_line(asked: set[str], classifier: GalaxyClassifier) -> None:
    """In order, spelled as in the list, but for a byte order mark at its beginning."""

    @fuzz
    @given(st.lists(LINE, max_size=8))
    def check(lines: list[bytes]) -> None:
        sources = list(Discovery(containers=True).listed(line + b"\n" for line in lines))
        expected = [os.fsdecode(line) for line in lines if line]
        if expected and expected[0] != sources[0].path:
            expected[0] = expected[0].removeprefix("\ufeff")
        assert [source.path for source in sources] == expected
        check_rows(classifier, sources)

    check()


def test_any_argument_gives_rows(asked: set[str], classifier: GalaxyClassifier) -> None:
    """At least one, unless it is a folder without images or an empty list."""

    @fuzz
    @given(NAME)
    def check(name: str) -> None:
        if os.path.isdir(name) or glob.has_magic(name):  # not the whole disk
            assume(not name.startswith("/") and ".." not in name)
        sources = list(Discovery(containers=True).sources([name], [b"good.png\n"]))
        assert sources or any(map(os.path.isdir, [name, *expand(name)]))
        check_rows(classifier, sources)
        (row,) = classifier.classify([name])
        assert row.path == name
        rows = [row.path for row in classifier.classify(name)]
        assert rows == ([name] if name == "-" or is_remote(name) else [source.path for source in sources])

    check()


def test_any_catalogue_gives_a_row_for_each_of_its_own(asked: set[str], classifier: GalaxyClassifier) -> None:
    """Whatever its cells are, and whatever folder or prefix its paths start from."""

    @fuzz
    @given(st.lists(NAME, min_size=1, max_size=6), st.one_of(st.none(), ADDRESS, CHAIN))
    def check(names: list[str], root: str | None) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerows([["file", "n"], *([name, str(number)] for number, name in enumerate(names))])
        Path("c.csv").write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
        catalog = open_catalog("c.csv", path_column="file", id_column=None, root=root, reserved=(), typed=False)
        sources = list(catalog.sources())
        assert [source.carried for source in sources] == [(str(number),) for number in range(len(names))]
        check_rows(classifier, sources)

    check()


def test_an_address_is_allowed_by_its_scheme_alone(asked: set[str]) -> None:
    """What is allowed has a scheme of the list and no other address in it; what is refused says why."""

    @fuzz
    @given(st.one_of(ADDRESS, CHAIN))
    def check(address: str) -> None:
        refused = why_refused(address)
        if not refused:
            scheme, _, rest = address.partition("://")
            assert scheme.lower() in SCHEMES
            assert not any(f"::{other}://" in rest for other in fsspec.available_protocols())
        assert "\n" not in refused.replace(address.partition("://")[0], "")

    check()


def test_any_pattern_ends(asked: set[str]) -> None:
    """Among links that lead round, with brackets that do not close, and with any number of stars."""
    for name in ("sub/a", "sub/b"):
        Path(name).mkdir(parents=True)
        for other in ("a", "b", "."):
            Path(name, other.replace(".", "up")).symlink_to(Path("sub", other).absolute())

    @fuzz
    @given(st.lists(st.sampled_from(["**", "*", "?", "[", "]", "[!a]", "a", "b", ".", "sub", "", "*.png"]), max_size=6))
    def check(parts: list[str]) -> None:
        found = expand("/".join(parts).lstrip("/"))
        assert found == sorted(set(found))

    check()


def test_an_image_error_is_all_that_a_store_gives(asked: set[str]) -> None:
    """Whatever fsspec or a client makes of an address, reading it fails with a reason."""

    @fuzz
    @given(st.one_of(ADDRESS, CHAIN))
    def check(address: str) -> None:
        for source in Discovery().sources([address], ()):
            if source.content is not None:
                with contextlib.suppress(ImageError):
                    source.content()

    check()
