"""Images in tar, zip and Parquet files: the rows of the same files outside, whatever else the container holds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from PIL import Image

import galaxy_classify.inputs.containers.member
from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import ImageError, MissingExtraError, UsageError
from galaxy_classify.inputs.containers.member import too_large
from galaxy_classify.inputs.containers.open import container_sources, read_container, read_member
from galaxy_classify.inputs.containers.parquet import ParquetImages
from galaxy_classify.inputs.containers.tar import HEADER_BYTES
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.inputs.source import InOrder, Source, Unreadable
from galaxy_classify.prediction import Prediction
from galaxy_classify.report.pictures import SampledImages
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.result_file import ResultFile
from galaxy_painter import KINDS, paint
from in_process import run_classify as run

#: Name and content of each member.
Items = Sequence[tuple[str, bytes]]
MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
ARCHIVES = (*MODES, ".zip")


def encoded(image: Image.Image, form: str = "JPEG") -> bytes:
    """Return an image as a file holds it."""
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def header(name: str, size: int = 0, **fields: Any) -> bytes:
    """Return the header of a tar member, which may lie."""
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def member(name: str, content: bytes) -> bytes:
    """Return a tar member."""
    return header(name, len(content)) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def pack(path: Path, items: Items) -> Path:
    """Write a container; its kind is told by the suffix."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in items:
                archive.writestr(name, content)
    elif path.suffix == ".parquet":
        table = pa.table({"image": [content for _, content in items], "id": [name for name, _ in items]})
        pq.write_table(table, path, row_group_size=3)
    else:
        mode: Any = MODES["".join(path.suffixes)]
        options: Any = {"preset": 0} if path.suffix == ".xz" else {}  # the quickest
        with tarfile.open(path, mode, **options) as tar:
            for name, content in items:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def contents(path: Path | str, **options: Any) -> list[tuple[str, bytes | str]]:
    """Return what a container's images are called, and their bytes or why there are none."""
    found: list[tuple[str, bytes | str]] = []
    for source in container_sources(str(path), **options):
        assert source.content is not None
        try:
            found.append((source.path, source.content()))
        except ImageError as error:
            found.append((source.path, str(error)))
    return found


def reasons(path: Path) -> dict[str, str]:
    """Return why members of an archive cannot be read: by name without the archive's; that one's own is empty."""
    there = contents(path)
    return {name.removeprefix(str(path)).removeprefix("::"): said for name, said in there if isinstance(said, str)}


def below(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier with the default model."""
    return GalaxyClassifier(threads=2)


@pytest.fixture(scope="module")
def items() -> Items:
    """JPEG, PNG and FITS galaxies in folders, one larger than what waits in memory, and two files that are none."""
    drawn = [paint(KINDS[number % 4], seed=number, size=96) for number in range(6)]
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    plane = io.BytesIO()
    fits.PrimaryHDU(np.asarray(drawn[0].convert("L"), np.float32)).writeto(plane)
    assert len(encoded(Image.fromarray(noise), "PNG")) > 1 << 20
    return [
        ("field_1/b.jpg", encoded(drawn[0])),
        ("field_1/a.jpg", encoded(drawn[1])),
        ("c.png", encoded(drawn[2], "PNG")),
        ("noise.png", encoded(Image.fromarray(noise), "PNG")),
        ("text.jpg", b"no image"),
        ("plane.fits", plane.getvalue()),
        ("empty.jpg", b""),
        ("ü,\n.JPG", encoded(drawn[3])),
        ("d.jpg", encoded(drawn[4])),
        ("e.jpg", encoded(drawn[5])),
    ]


@pytest.fixture(scope="module")
def expected(items: Items, classifier: GalaxyClassifier, tmp_path_factory: pytest.TempPathFactory) -> list[Prediction]:
    """Rows of the same images as files."""
    folder = tmp_path_factory.mktemp("unpacked")
    for name, content in items:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return list(classifier.classify([folder / name for name, _ in items]))


def same_but_for_the_path(row: Prediction, other: Prediction) -> bool:
    """Compare all that is said of two images."""
    return (row.status, row.label, row.message, row.probabilities) == (
        other.status, other.label, other.message, other.probabilities,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [*ARCHIVES, ".parquet"])
def test_rows_are_those_of_the_files_outside(
    suffix: str, items: Items, expected: list[Prediction], classifier: GalaxyClassifier, tmp_path: Path
) -> None:
    """Every image has its row, in the container's order, failures included."""
    path = pack(tmp_path / f"cutouts{suffix}", items)
    rows = list(classifier.classify(read_container(path), batch_size=3))
    assert [row.path for row in rows] == [f"{path}::{name}" for name, _ in items]
    for row, other in zip(rows, expected, strict=True):
        assert same_but_for_the_path(row, other), row.path


def test_what_is_asked_for_late_and_out_of_order_is_the_same(items: Items, tmp_path: Path) -> None:
    """Sorting, the report, and a second try read images again after the stream has passed them."""
    for suffix in (*ARCHIVES, ".parquet"):
        sources = list(container_sources(str(pack(tmp_path / f"cutouts{suffix}", items))))
        for number in (5, 2, 2, 9, 0):
            content = sources[number].content
            assert content is not None
            assert content() == items[number][1]
            assert isinstance(content, InOrder) == (suffix not in (".tar", ".zip"))


def test_reading_again_behind_the_first_reader_does_not_turn_it_back(
    items: Items, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorting from a compressed tar goes through it twice in all, not once for each image."""
    path = pack(tmp_path / "cutouts.tar.gz", items)
    opened = []

    class Forward(gzip.GzipFile):
        def __init__(self, name: str) -> None:
            opened.append(name)
            super().__init__(name)

        def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
            assert whence != io.SEEK_SET or offset >= super().seek(0, io.SEEK_CUR), "turned back"
            return super().seek(offset, whence)

    monkeypatch.setattr("galaxy_classify.inputs.containers.tar.COMPRESSIONS", ((b"\x1f\x8b", Forward),))
    before: Source | None = None
    for source in container_sources(str(path)):
        for wanted in (source, before):
            if wanted is not None and wanted.content is not None:
                wanted.content()
        before = source
    assert len(opened) == 2


@pytest.mark.parametrize("suffix", [*ARCHIVES, ".parquet"])
@pytest.mark.parametrize("output_format", [OutputFormat.CSV, OutputFormat.JSONL])
def test_a_result_cut_anywhere_is_continued_byte_for_byte(
    suffix: str, output_format: OutputFormat, items: Items, classifier: GalaxyClassifier, tmp_path: Path
) -> None:
    """Two images of one name, a hostile name and errors included."""
    odd = [("d.jpg", items[0][1]), ("../out.jpg", items[1][1]), ("\x1b[31m\udcff.jpg", items[2][1])]
    if suffix in (".zip", ".parquet"):
        odd = [(name.replace("\udcff", ""), content) for name, content in odd]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # zipfile warns of the duplicate
        path = pack(tmp_path / f"cutouts{suffix}", [*(item for item in items if item[0] != "noise.png"), *odd])
    output = OutputFile(str(tmp_path / f"out.{output_format}"))

    def finish(*, resume: bool) -> Job:
        layout = RowLayout(classifier.model.description.classes)
        job = Job(classifier, layout, threshold=0.6, batch_size=3)
        file = ResultFile(output, output_format, Existing.RESUME if resume else Existing.REPLACE)
        file.write(job, Discovery(containers=True).sources([str(path)], ()))
        return job

    failed = finish(resume=False).counts.failed
    whole, sidecar = Path(output.path).read_bytes(), Path(output.path + ".meta.json").read_bytes()
    for cut in [0, len(whole), *random.Random(0).sample(range(len(whole)), 6)]:
        for made in tmp_path.glob("out.*"):
            made.unlink()
        Path(output.partial).write_bytes(whole[:cut])
        Path(output.partial + ".meta.json").write_bytes(sidecar)
        job = finish(resume=True)
        assert Path(output.path).read_bytes() == whole, f"cut at {cut}"
        assert (job.counts.total, job.counts.failed, job.counts.changed) == (12, failed, False)


def test_a_resumed_run_reads_no_image_that_has_its_row(items: Items, tmp_path: Path) -> None:
    """Nothing is read before it is asked for, compressed or not."""
    for suffix in (*ARCHIVES, ".parquet"):
        path = pack(tmp_path / f"cutouts{suffix}", items)
        sources = container_sources(str(path))
        for _ in items[:-1]:
            next(sources)
        last = next(sources)
        assert last.content is not None
        assert last.content() == items[-1][1]
        assert list(sources) == []


@pytest.mark.parametrize("suffix", ARCHIVES)
def test_a_truncated_archive_gives_what_could_be_read_and_a_row_of_its_own(suffix: str, tmp_path: Path) -> None:
    """Wherever it was cut: whole members as they were, at most one damaged one, then the archive; never silence."""
    rng = random.Random(0)
    items = [(f"{number}.jpg", rng.randbytes(600 * number)) for number in range(4)]
    path = pack(tmp_path / f"cutouts{suffix}", items)
    data = path.read_bytes()
    whole = contents(path)
    assert [said for _, said in whole] == [content for _, content in items]
    # In a tar all that counts ends with the first block of the end mark.
    end = sum(len(member(*item)) for item in items) + tarfile.BLOCKSIZE if suffix == ".tar" else len(data)
    cuts = {0, 1, 511, 512, 513, 1024, end - 512, end - 1, *rng.sample(range(end), 40)}
    for cut in sorted(cut for cut in cuts if 0 <= cut < end):
        path.write_bytes(data[:cut])
        *readable, last = contents(path)
        good = [entry for entry in readable if not isinstance(entry[1], str)]
        assert good == whole[: len(good)], cut
        assert len(readable) - len(good) <= 1, cut
        assert last[0] == str(path), cut
        assert str(last[1]).startswith(("damaged or incomplete archive: ", "empty file")), cut


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz", ".zip", ".parquet"])
def test_bytes_that_were_changed_never_raise_anything_else(suffix: str, items: Items, tmp_path: Path) -> None:
    """Readers of archives raise much; a row says it."""
    small = [(name, content) for name, content in items if len(content) < 10_000]
    data = pack(tmp_path / f"cutouts{suffix}", small).read_bytes()
    rng = random.Random(1)
    path = tmp_path / f"changed{suffix}"
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 3, 30))):
            changed[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(changed)
        try:
            contents(path)
        except UsageError:
            assert suffix == ".parquet"


def test_names_that_lead_out_are_refused(items: Items, tmp_path: Path) -> None:
    """Steps upwards, absolute names and drives are errors even though nothing is unpacked."""
    content = items[0][1]
    names = ["../up.jpg", "a/../../up.jpg", "/abs.jpg", "C:\\drive.jpg", "a\\..\\b.jpg", "..\\up.jpg", "good..jpg"]
    for suffix in (".tar", ".zip"):
        refused = reasons(pack(tmp_path / f"a{suffix}", [(name, content) for name in names]))
        assert list(refused) == names[:-1]
        assert set(refused.values()) == {"archive member has an unsafe name: it leads out of the archive"}


def test_links_and_devices_are_not_followed(items: Items, tmp_path: Path) -> None:
    """They have a row that says so; folders have none, and other files are counted."""
    link = "archive member is a link: not followed"
    path = tmp_path / "a.tar"
    path.write_bytes(
        header("folder.jpg", type=tarfile.DIRTYPE)
        + header("soft.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        + header("hard.jpg", type=tarfile.LNKTYPE, linkname="a.jpg")
        + header("device.jpg", type=tarfile.CHRTYPE)
        + header("pipe.jpg", type=tarfile.FIFOTYPE)
        + header("link.txt", type=tarfile.SYMTYPE)
        + header("sparse.jpg", type=tarfile.GNUTYPE_SPARSE)
        + member("notes.txt", b"text")
        + member("inner.tar", bytes(1024))
        + member("a.jpg", items[0][1])
        + bytes(1024)
    )
    assert reasons(path) == {
        "soft.jpg": link,
        "hard.jpg": link,
        "device.jpg": "archive member is no regular file",
        "pipe.jpg": "archive member is no regular file",
        "sparse.jpg": "archive member is sparse: not supported",
    }
    discovery = Discovery(containers=True)
    assert len(list(discovery.sources([str(path)], ()))) == 6
    assert discovery.skipped == 3
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("soft.jpg")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert reasons(tmp_path / "a.zip") == {"soft.jpg": link}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        # Since 3.14, and in late releases before, tarfile refuses it itself, and nothing follows.
        (header("a.jpg", -512), "negative size|ends without an end mark"),
        (header("a.jpg", -(1 << 60)), ""),
        (header("a.jpg", 1 << 40), "unexpected end of data"),
        (header("x", 1 << 60, type=tarfile.XHDTYPE), "header too large"),
        (header("x", HEADER_BYTES + 1, type=tarfile.GNUTYPE_LONGNAME) + bytes(HEADER_BYTES * 2), "header too large"),
        (header("x", -512, type=tarfile.XHDTYPE), ""),
        (header("x", type=tarfile.XHDTYPE) * 1000, ""),
        (member("x", b"").replace(b"ustar", b"wrong"), ""),
        (member("x", b"nothing follows"), "ends without an end mark"),
        (b"no tar at all".ljust(2048, b"."), ""),
    ],
)
def test_hostile_headers_end_the_archive(content: bytes, reason: str, items: Items, tmp_path: Path) -> None:
    """What was before them is there; no endless loop, no memory filled, no traceback."""
    path = tmp_path / "a.tar"
    path.write_bytes(member("good.jpg", items[0][1]) + content)
    good, *_, last = contents(path)
    assert good == (f"{path}::good.jpg", items[0][1])
    assert last[0] == str(path)
    assert re.match(f"damaged or incomplete archive: (?:{reason})", str(last[1]))


@pytest.mark.parametrize(("suffix", "padding"), [*((suffix, 0) for suffix in MODES), (".tar", 37 * 512)])
def test_joined_tars_are_read_as_one(suffix: str, padding: int, items: Items, tmp_path: Path) -> None:
    """``cat a.tar b.tar`` is a common way to add to an archive; tarfile and tar stop at the first one's end mark."""
    small = [(name, content) for name, content in items if len(content) < 10_000]
    parts = [pack(tmp_path / f"{number}{suffix}", small[number::3]).read_bytes() for number in range(3)]
    empty = pack(tmp_path / f"none{suffix}", []).read_bytes()
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(parts[0] + bytes(padding) + parts[1] + empty + parts[2] + bytes(padding))
    joined = [(f"{path}::{name}", content) for name, content in (*small[::3], *small[1::3], *small[2::3])]
    assert contents(path) == joined
    backwards = [source.content for source in reversed(list(container_sources(str(path))))]
    assert [content() for content in backwards if content is not None] == [content for _, content in reversed(joined)]
    assert read_member(joined[-1][0]) == joined[-1][1]


#: What stands behind the end of an archive of some kind.
BEHIND = {
    "text": (".tar", b"no tar at all".ljust(2048, b".")),
    "a line break": (".tar", b"\n"),
    "text behind zeros": (".tar", bytes(512) + b"x"),
    "no end mark": (".tar", member("b.jpg", b"b")),
    "a negative size": (".tar", header("a.jpg", -512)),
    "no gzip": (".tar.gz", b"no gzip"),
    "no tar in gzip": (".tar.gz", gzip.compress(b"no tar", mtime=0)),
    "half a gzip": (".tar.gz", gzip.compress(member("b.jpg", b"b"), mtime=0)[:-4]),
    "no bz2": (".tar.bz2", b"no bz2"),
    "no bz2 behind zeros": (".tar.bz2", bytes(100_000) + b"no bz2"),
    "half a bz2": (".tar.bz2", bz2.compress(member("b.jpg", b"b"))[:-4]),
    "no xz": (".tar.xz", b"no xz"),
    "a damaged xz": (".tar.xz", lzma.compress(member("b.jpg", b"b"), preset=0)[1:]),
    "no tar in xz": (".tar.xz", lzma.compress(b"no tar", preset=0)),
}


@pytest.mark.parametrize("what", BEHIND)
def test_what_follows_the_end_of_a_tar_has_a_row(what: str, items: Items, tmp_path: Path) -> None:
    """Bytes that are no archive, or half of one, may have been images."""
    suffix, rest = BEHIND[what]
    path = pack(tmp_path / f"a{suffix}", items[:2])
    path.write_bytes(path.read_bytes() + rest)
    first, second, *_, last = contents(path)
    assert [first[1], second[1]] == [content for _, content in items[:2]]
    assert last[0] == str(path)
    assert str(last[1]).startswith("damaged or incomplete archive: ")


@pytest.mark.parametrize("suffix", MODES)
def test_zeros_behind_an_archive_are_no_damage(suffix: str, items: Items, tmp_path: Path) -> None:
    """Tapes and disks are filled up with them, to any length."""
    path = pack(tmp_path / f"a{suffix}", items[:1])
    for length in (1, 511, 512, 100_000):
        path.write_bytes(path.read_bytes() + bytes(length))
        assert len(contents(path)) == 1


def test_joined_zips_have_a_row_that_says_so(items: Items, tmp_path: Path) -> None:
    """Only the last one's directory is found: what the others hold would be absent without a word."""
    first, second = (pack(tmp_path / f"{number}.zip", [items[number]]).read_bytes() for number in range(2))
    empty = pack(tmp_path / "none.zip", []).read_bytes()
    path = tmp_path / "joined.zip"
    reason = "another zip archive stands before this one in the file: its members are not read"
    path.write_bytes(first + second)
    assert contents(path) == [(f"{path}::{items[1][0]}", items[1][1]), (str(path), reason)]
    path.write_bytes(first + empty)
    assert contents(path) == [(str(path), reason)]
    for whole in (b"#!/bin/sh\n" + first, first + b"trailing", first + bytes(1000)):
        path.write_bytes(whole)
        assert contents(path) == [(f"{path}::{items[0][0]}", items[0][1])]
    path.write_bytes(empty)
    assert contents(path) == []


def test_a_parquet_file_of_many_row_groups_is_read_in_full(tmp_path: Path) -> None:
    """Forwards, backwards and in any order; empty groups, and groups of one row."""
    path = tmp_path / "a.parquet"
    images = [f"image {number}".encode() for number in range(50)]
    schema = pa.schema({"image": pa.binary(), "id": pa.string()})
    with pq.ParquetWriter(path, schema) as writer:
        start = 0
        for size in (0, 1, 20, 0, 17, 1, 11, 0):
            rows = range(start, start + size)
            writer.write_table(pa.table([images[start : start + size], [str(row) for row in rows]], schema=schema))
            start += size
    assert contents(path) == [(f"{path}::{row}", image) for row, image in enumerate(images)]
    sources = list(container_sources(str(path)))
    for row in random.Random(0).sample(range(50), 50):
        content = sources[row].content
        assert content is not None
        assert content() == images[row]


def test_a_sparse_map_without_end_is_refused(tmp_path: Path) -> None:
    """Tarfile would collect it in memory, and a compressed one costs its author nothing."""
    records = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    path = tmp_path / "a.tar"
    numbers = b"999999999\n" + b"0\n" * HEADER_BYTES
    path.write_bytes(
        header("x", len(records), type=tarfile.XHDTYPE) + records.ljust(512, b"\0") + member("a.jpg", numbers)
    )
    assert reasons(path) == {"": "damaged or incomplete archive: header too large"}


@pytest.mark.parametrize("suffix", ARCHIVES)
def test_a_bomb_is_refused_by_its_size(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not unpacked, and the members behind it are read."""
    for module in ("inputs.containers.tar", "inputs.containers.zip"):
        monkeypatch.setattr(f"galaxy_classify.{module}.LARGEST", 1000)
    path = pack(tmp_path / f"a{suffix}", [("bomb.jpg", bytes(100_000)), ("good.jpg", b"good")])
    reason = "archive member too large: 100,000 bytes, the limit is 1,073,741,824"
    assert contents(path) == [(f"{path}::bomb.jpg", reason), (f"{path}::good.jpg", b"good")]


@pytest.mark.parametrize("lie", [100, 300_000])
def test_a_zip_that_lies_about_a_size_is_not_believed(lie: int, tmp_path: Path) -> None:
    """No more is unpacked than it says, and what does not fit is an error."""
    path = pack(tmp_path / "a.zip", [("bomb.jpg", bytes(200_000)), ("good.jpg", b"good")])
    data = path.read_bytes()
    path.write_bytes(data.replace((200_000).to_bytes(4, "little"), lie.to_bytes(4, "little")))
    (_, reason), good = contents(path)
    assert str(reason).startswith("damaged or incomplete archive member: ")
    assert good == (f"{path}::good.jpg", b"good")


def test_encrypted_members_are_errors_of_their_own(tmp_path: Path) -> None:
    """Nobody is asked for a password."""
    path = pack(tmp_path / "a.zip", [("secret.jpg", b"secret"), ("good.jpg", b"good")])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    assert contents(path) == [(f"{path}::secret.jpg", "archive member is encrypted"), (f"{path}::good.jpg", b"good")]


def test_a_zip_member_without_a_name_is_skipped(tmp_path: Path) -> None:
    """Zipfile's own test for folders stumbles over it."""
    path = pack(tmp_path / "a.zip", [("x", b"x"), ("good.jpg", b"good")])
    path.write_bytes(path.read_bytes().replace(b"x", b"\0"))
    assert contents(path) == [(f"{path}::good.jpg", b"good")]


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    """As surrogate escapes, like the names of files."""
    path = pack(tmp_path / "a.tar", [("g\udcff.jpg", b"good")])
    ((name, content),) = contents(path)
    assert (os.fsencode(name), content) == (os.fsencode(path) + b"::g\xff.jpg", b"good")
    assert read_member(name) == b"good"


def test_archives_are_found_in_folders_tables_only_by_name(items: Items, tmp_path: Path) -> None:
    """A folder of shards is an input; results that lie beside them are none."""
    pack(tmp_path / "b.tar", items[:1])
    pack(tmp_path / "sub.zip", items[:2])
    pack(tmp_path / "c.parquet", items[:1])
    (tmp_path / "a.jpg").write_bytes(items[0][1])
    (tmp_path / "empty.tar").write_bytes(bytes(1024))
    discovery = Discovery(containers=True)
    found = [source.path.removeprefix(f"{tmp_path}/") for source in discovery.sources([str(tmp_path)], ())]
    assert found == ["a.jpg", "b.tar::field_1/b.jpg", "sub.zip::field_1/b.jpg", "sub.zip::field_1/a.jpg"]
    assert (discovery.skipped, discovery.empty) == (1, 1)
    listed = Discovery(containers=True).listed([os.fsencode(tmp_path / "c.parquet")])
    assert [source.path for source in listed] == [f"{tmp_path}/c.parquet::field_1/b.jpg"]
    pq.write_table(pa.table({"ra": [1.5]}), tmp_path / "results.parquet")
    (table,) = Discovery(containers=True).listed([os.fsencode(tmp_path / "results.parquet")])
    assert table.content is not None
    with pytest.raises(ImageError, match="has no column of images"):
        table.content()
    assert list(Discovery().paths([str(tmp_path)], ())) == [str(tmp_path / "a.jpg")]


def test_an_archive_is_not_counted_for_the_progress_bar(items: Items, tmp_path: Path) -> None:
    """Its images would have to be listed a second time, and unpacked from a compressed tar: there is no total."""
    for suffix in (".tar", ".zip", ".parquet", ".tar.gz"):
        path = pack(tmp_path / f"a{suffix}", items)
        discovery = Discovery(containers=True)
        totals = {discovery.total for _ in discovery.sources([str(path)], ())}
        assert totals == {None}


Write = Callable[[Path, list[bytes]], None]


def hugging_face(path: Path, images: list[bytes]) -> None:
    """Write images as a data set of Hugging Face's keeps them."""
    rows = [{"bytes": image, "path": f"{number}.jpg"} for number, image in enumerate(images)]
    pq.write_table(pa.table({"image": rows, "label": [0] * len(rows)}), path)


def without_names(path: Path, images: list[bytes]) -> None:
    """Write nothing but images."""
    pq.write_table(pa.table({"png": pa.array(images, pa.large_binary())}), path)


def with_integers(path: Path, images: list[bytes]) -> None:
    """Write images with integers for names, one of which is missing."""
    pq.write_table(pa.table({"objid": [1237, None, 1239][: len(images)], "jpg": images}), path)


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (hugging_face, ["0.jpg", "1.jpg", "2.jpg"]),
        (without_names, ["0", "1", "2"]),
        (with_integers, ["1237", "1", "1239"]),
    ],
)
def test_columns_of_images_and_names_are_found(write: Write, names: list[str], tmp_path: Path) -> None:
    """As data sets have them, without an option."""
    write(tmp_path / "a.parquet", [b"a", b"b", b"c"])
    found = contents(tmp_path / "a.parquet")
    expected = zip(names, (b"a", b"b", b"c"), strict=True)
    assert found == [(f"{tmp_path}/a.parquet::{name}", content) for name, content in expected]


def test_parquet_images_that_are_missing_or_damaged_are_errors_of_their_own(tmp_path: Path) -> None:
    """A row without an image, an image that is too large, and a row group that cannot be read."""
    path = tmp_path / "a.parquet"
    rng = random.Random(0)
    images = [rng.randbytes(3000) for _ in range(9)]
    options = {"row_group_size": 3, "use_dictionary": False, "write_statistics": False, "compression": "zstd"}
    pq.write_table(pa.table({"image": [*images[:8], None]}), path, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("galaxy_classify.inputs.containers.parquet.LARGEST", 10)
        assert {str(said)[:14] for _, said in contents(path)} == {"archive member", "no image in th"}
    data = path.read_bytes()
    compressed = data.rindex(b"\x28\xb5\x2f\xfd", 0, data.index(images[4]))
    path.write_bytes(data[:compressed] + bytes(4) + data[compressed + 4 :])
    found = [said for _, said in contents(path)]
    assert found[:3] == images[:3]
    assert [str(said)[:31] for said in found[3:6]] == ["damaged or incomplete Parquet f"] * 3
    assert found[6:] == [*images[6:8], "no image in this row"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (None, "has no column of images called image, .*; it has columns of bytes: cutout, other; --image-column"),
        ("cutuot", "has no column 'cutuot'; did you mean 'cutout'[?] it has cutout, other, ra"),
        ("ra", "column 'ra' holds double, not bytes; columns of bytes: cutout, other"),
    ],
)
def test_columns_that_are_not_there_are_usage_errors(column: str | None, message: str, tmp_path: Path) -> None:
    """One line that says what is there."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"cutout": [b"a"], "other": [b"b"], "ra": [1.5]}), path)
    with pytest.raises(UsageError, match=message):
        ParquetImages(str(path), column)
    assert contents(path, image_column="cutout") == [(f"{path}::0", b"a")]
    pq.write_table(pa.table({"ra": [1.5]}), path)
    with pytest.raises(UsageError, match=r"it has ra; --catalog reads the images that a table lists$"):
        ParquetImages(str(path))


def test_without_pyarrow_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command that installs it."""
    monkeypatch.setattr("galaxy_classify.extras.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'galaxy-classify\[parquet\]'"):
        ParquetImages(str(tmp_path / "a.parquet"))


def test_the_command_takes_archives_and_folders_alike(items: Items, tmp_path: Path) -> None:
    """Rows, a sorted copy of each image, pictures in the report, labels, and what was passed over."""
    content = dict(items)
    packed = [(name, content[name]) for name in ("field_1/b.jpg", "c.png")]
    night = tmp_path / "night"
    night.mkdir()
    pack(night / "a.tar.gz", [*packed, ("notes.txt", b"text")])
    pack(night / "b.zip", packed)
    pack(tmp_path / "named.parquet", [("../../1\x1b[31m", content["d.jpg"])])
    (night / "empty.tar").write_bytes(bytes(1024))
    (tmp_path / "labels.csv").write_text("file,label\nc.png,smooth_round\na.tar.gz::field_1/b.jpg,edge_on_disk\n")
    options = ("-f", "csv", "--sort-into", "sorted", "--report", "page.html", "--labels", "labels.csv")
    result = run("night", "named.parquet", *options, cwd=tmp_path)
    assert result.returncode == 0
    assert [line.split(",")[0] for line in result.stdout.splitlines()[1:]] == [
        "night/a.tar.gz::field_1/b.jpg", "night/a.tar.gz::c.png", "night/b.zip::field_1/b.jpg", "night/b.zip::c.png",
        "named.parquet::../../1\x1b[31m",
    ]  # fmt: skip
    assert {path.partition("/")[2] for path in below(tmp_path / "sorted")} == {
        "a.tar.gz/field_1/b.jpg", "a.tar.gz/c.png", "b.zip/field_1/b.jpg", "b.zip/c.png", "named.parquet/1_[31m.jpg",
    }  # fmt: skip
    (copy,) = (tmp_path / "sorted").glob("*/b.zip/c.png")
    assert copy.read_bytes() == content["c.png"]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('"webp":"UklGR') == 5
    assert "\x1b" not in page
    for said in ("skipped: 1 file in folders or archives", "without an image: 1 archive", "on 3 images"):
        assert said in result.stderr
    assert below(tmp_path) - {f"sorted/{path}" for path in below(tmp_path / "sorted")} == {
        "labels.csv", "named.parquet", "night/a.tar.gz", "night/b.zip", "night/empty.tar", "page.html",
    }  # fmt: skip
    again = run("night", "--sort-into", "sorted", "--link", cwd=tmp_path)
    assert again.returncode == 1
    assert "4 could not be: " in again.stderr
    assert "is no local file by itself, to which a link could lead" in again.stderr


def test_a_catalogue_may_hold_the_images(items: Items, tmp_path: Path) -> None:
    """All other columns are carried through; images in structs are not written out as text."""
    rows = [{"bytes": content, "path": name} for name, content in items[:2]]
    pq.write_table(pa.table({"objid": [7, 8], "image": rows, "ra": [1.5, 2.5]}), tmp_path / "cat.parquet")
    result = run("--catalog", "cat.parquet", "--image-column", "image", "-f", "csv", cwd=tmp_path)
    heading, *lines = [line.split(",") for line in result.stdout.splitlines()]
    assert heading[-2:] == ["objid", "ra"]
    assert [(line[0], line[1], *line[-2:]) for line in lines] == [
        ("cat.parquet::7", "ok", "7", "1.5"), ("cat.parquet::8", "ok", "8", "2.5"),
    ]  # fmt: skip


def test_options_that_make_no_sense_are_refused_before_anything_is_done(items: Items, tmp_path: Path) -> None:
    """A column of images without a Parquet file, beside a folder, or that is not there."""
    pack(tmp_path / "a.parquet", items[:1])
    (tmp_path / "a.csv").write_text("file\na.jpg\n")
    for arguments, said in (
        (["."], "name one as INPUT or --catalog"),
        (["--catalog", "a.parquet", "."], "no folder is named beside it"),
        (["--catalog", "a.csv"], "a.csv: --image-column needs a Parquet file"),
        (["a.parquet"], "a.parquet: has no column 'imag'; did you mean 'image'?"),
    ):
        result = run(*arguments, "--image-column", "imag", "-o", "out.csv", cwd=tmp_path)
        assert (result.returncode, said in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "out.csv").exists()


def test_one_member_can_be_asked_for(classifier: GalaxyClassifier, items: Items, tmp_path: Path) -> None:
    """By the path of its row; a file of that very name wins."""
    path = pack(tmp_path / "a::b.tar", items[:3])
    name = f"{path}::c.png"
    assert read_member(name) == items[2][1]
    assert classifier.picture(name).size == (72, 72)
    for missing in (f"{path}::none.png", "c.png", f"{tmp_path}::c.png"):
        with pytest.raises(ImageError, match="no such file"):
            read_member(missing)
    with pytest.raises(ImageError, match="no such file"):
        classifier.picture(f"{path}::none.png")
    Path(tmp_path / "a::b.tar::c.png").write_bytes(encoded(paint("smooth_round", seed=1, size=64)))
    assert classifier.picture(name).size == (64, 64)


def test_a_report_reads_in_order_whatever_the_order_of_its_threads() -> None:
    """Images of one name come in their order, and what was read in passing is kept until it is asked for."""
    read: list[int] = []

    def content(number: int) -> InOrder:
        def take() -> bytes:
            read.append(number)
            if number == 3:
                raise ImageError("gone")
            return bytes([number])

        return InOrder(take)

    shown = SampledImages(size=10)
    for number, path in enumerate(["a", "b", "a", "c"]):
        shown.see(Source(path, path, content=InOrder(content(number))), Prediction(path, "ok", "m@0", "round"))
    shown.see(Source("file", "file"), Prediction("file", "ok", "m@0", "round"))
    shown.see(Source("bad", "bad", content=content(9)), Prediction("bad", "error", "m@0"))
    assert [shown.read(path) for path in ("file", "b", "a", "a")] == [None, b"\1", b"\0", b"\2"]
    with pytest.raises(ImageError, match="gone"):
        shown.read("c")
    assert read == [0, 1, 2, 3]


def test_a_function_in_place_of_an_image_is_called_in_its_turn(classifier: GalaxyClassifier, items: Items) -> None:
    """Whatever storage the bytes come from; no more are read ahead than a few batches."""
    read: list[int] = []

    def content(number: int) -> bytes:
        read.append(number)
        if number == 1:
            raise ImageError("not in the store")
        return items[0][1]

    def inputs() -> Iterator[tuple[str, Callable[[], bytes]]]:
        for number in range(100):
            yield str(number), lambda number=number: content(number)  # type: ignore[misc]

    rows = classifier.classify(inputs(), batch_size=2)
    assert next(rows).status == "ok"
    second = next(rows)
    assert (second.status, second.message) == ("error", "not in the store")
    assert len(read) < 30
    del rows


def test_the_documentation_names_every_reason(repository: Path) -> None:
    """What a row may say of a member stands in the table."""
    text = (repository / "docs" / "how-to" / "archives-and-parquet.md").read_text(encoding="utf-8")
    reasons = re.findall(r"\| `([^`]+)` \|", text)
    fixed = [
        value for value in vars(galaxy_classify.inputs.containers.member).values() if isinstance(value, Unreadable)
    ]
    assert len(fixed) == 5
    for said in (*fixed, too_large(1 << 40)):
        assert any(said.reason.startswith(reason) for reason in reasons), said.reason


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="getrusage would count this process, too")
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_memory_does_not_grow_with_the_members_of_a_tar(suffix: str, tmp_path: Path) -> None:
    """Many members take no more than a thousand do: forty bytes for each would be noticed."""
    program = (
        "import re, sys\n"
        "from galaxy_classify.inputs.containers.open import container_sources\n"
        "print(sum(1 for _ in container_sources(sys.argv[1])))\n"
        "print(re.search(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read())[1])\n"
    )
    kilobytes = []
    for count in (1_000, 26_000):
        path = tmp_path / f"{count}{suffix}"
        data = header("galaxy.jpg") * count + bytes(1024)
        path.write_bytes(data if suffix == ".tar" else gzip.compress(data, 1))
        said = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True).stdout
        assert int(said.split()[0]) == count
        kilobytes.append(int(said.split()[1]))
    assert kilobytes[1] - kilobytes[0] < 1_000
