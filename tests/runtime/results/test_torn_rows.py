"""A result that ends anywhere: what is whole is kept, what is torn is made again, and damage is not guessed at."""

from __future__ import annotations

from pathlib import Path

import pytest

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing, done_rows
from galaxy_classify.runs.result_file import ResultFile
from galaxy_classify.tables.columns import Column
from stand_in_job import CLASSES, StandInJob

FORMATS = (OutputFormat.CSV, OutputFormat.JSONL)
#: The last column, and so the end of each row, holds line breaks, quotes and text of several bytes a character.
LAYOUT = RowLayout(CLASSES, carried=[Column("note")])
SOURCES = [
    Source("a.png", "", ("\n",)),
    Source("bad,\r\n.png", "", ('x\n"\n",1\n\n',)),
    Source("ü\n🌌.png", "", ("a\r\nb\rc\né",)),
    Source('b"ad.png', "", ("\n\n\n",)),
    Source("d.png", "", ("",)),
    Source("e.png", "", ("é\n",)),
]


def write(path: Path, output_format: OutputFormat, existing: Existing = Existing.REPLACE) -> StandInJob:
    """Write a result of these sources."""
    job = StandInJob(LAYOUT)
    ResultFile(OutputFile(str(path)), output_format, existing).write(job, iter(SOURCES))
    return job


def kept(content: bytes, path: Path, output_format: OutputFormat) -> list[str]:
    """Return the texts of the rows that are taken for whole."""
    path.unlink(missing_ok=True)  # some file systems write to the disk at once what replaces the content of a file
    path.write_bytes(content)
    return [row.text for row in done_rows(str(path), output_format, LAYOUT)]


@pytest.mark.parametrize("output_format", FORMATS)
def test_of_every_cut_only_whole_rows_are_kept(tmp_path: Path, output_format: OutputFormat) -> None:
    """A cut behind a line break within a quoted last cell looks like the end of a row, but is none."""
    write(tmp_path / "out", output_format)
    whole = (tmp_path / "out").read_bytes()
    texts = kept(whole, tmp_path / "cut", output_format)
    assert len(texts) == len(SOURCES)
    rows = [text.encode("utf-8", "surrogateescape") for text in texts]
    start = len(whole) - sum(map(len, rows))
    ends = [start + sum(map(len, rows[:count])) for count in range(len(rows) + 1)]
    for cut in range(len(whole) + 1):
        expected = texts[: sum(end <= cut for end in ends[1:])]
        tail = b"\0" * 5 + b"\nrest of a row,1\n" * (cut % 2)  # as a power loss may leave it
        assert kept(whole[:cut], tmp_path / "cut", output_format) == expected, cut
        assert kept(whole[:cut] + tail, tmp_path / "cut", output_format) == expected, cut


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_result_cut_in_a_quoted_last_cell_is_continued(tmp_path: Path, output_format: OutputFormat) -> None:
    """The result is that of a run that was not interrupted, byte for byte, and no row is lost."""
    output = tmp_path / "out"
    write(output, output_format)
    whole, sidecar = output.read_bytes(), Path(f"{output}.meta.json").read_bytes()
    behind_breaks = {index + 1 for index, byte in enumerate(whole) if byte in b"\r\n"}
    for cut in sorted({*range(0, len(whole), 31), *behind_breaks}):
        output.unlink()
        Path(f"{output}.partial").write_bytes(whole[:cut])
        Path(f"{output}.partial.meta.json").write_bytes(sidecar)
        job = write(output, output_format, Existing.RESUME)
        assert output.read_bytes() == whole, cut
        assert (job.counts.total, job.counts.changed) == (len(SOURCES), False)


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("damage", ["\n", "x\n"])
def test_damage_in_the_middle_is_said(tmp_path: Path, output_format: OutputFormat, damage: str) -> None:
    """Whole rows follow it, which would be thrown away as if they were torn."""
    write(tmp_path / "out", output_format)
    whole = (tmp_path / "out").read_bytes()
    row = kept(whole, tmp_path / "cut", output_format)[2].encode("utf-8", "surrogateescape")
    with pytest.raises(UsageError, match="is damaged"):
        kept(whole.replace(row, damage.encode() + row), tmp_path / "cut", output_format)


def test_a_label_that_is_no_class_is_damage(tmp_path: Path) -> None:
    """It would be counted, and shown in a report, as a class that the model does not have."""
    write(tmp_path / "out", OutputFormat.CSV)
    with pytest.raises(UsageError, match="'rounb' is no class"):
        kept((tmp_path / "out").read_bytes().replace(b",round,", b",rounb,"), tmp_path / "cut", OutputFormat.CSV)


@pytest.mark.parametrize("output_format", FORMATS)
def test_line_breaks_of_another_system_and_a_missing_one(tmp_path: Path, output_format: OutputFormat) -> None:
    """An editor may write CR LF, which the rows keep, or no line break at the end, where the last row is made again."""
    layout_sources = [Source("a.png", "", ("x",)), Source("b.png", "", ("y",))]
    output = tmp_path / "out"
    ResultFile(OutputFile(str(output)), output_format, Existing.REPLACE).write(StandInJob(LAYOUT), iter(layout_sources))
    whole = output.read_bytes()
    assert len(kept(whole[:-1], tmp_path / "cut", output_format)) == 1
    ended = whole[:-1] + b"\r\n"
    assert len(kept(ended, tmp_path / "cut", output_format)) == 2
    assert len(kept(ended[:-1], tmp_path / "cut", output_format)) == 1


def test_a_header_of_two_lines_is_one_header(tmp_path: Path) -> None:
    """Its first line alone looks like a header that was cut off, and all rows would be made again."""
    layout = RowLayout(CLASSES, carried=[Column("note\nof two lines")])
    output = ResultFile(OutputFile(str(tmp_path / "out.csv")), OutputFormat.CSV, Existing.RESUME)
    for kept_rows in (0, len(SOURCES)):
        job = StandInJob(layout)
        output.write(job, iter(SOURCES))
        assert job.counts.kept == kept_rows


def test_a_long_field_is_read_back(tmp_path: Path) -> None:
    """The module csv refuses more than 131,072 characters, which the command itself has written."""
    output = tmp_path / "out.csv"
    sources = [Source("a.png", "", ("x" * 200_000,)), Source("b.png", "", ("y",))]
    target = ResultFile(OutputFile(str(output)), OutputFormat.CSV, Existing.REPLACE)
    target.write(StandInJob(LAYOUT), iter(sources[:1]))
    whole = output.read_bytes()
    job = StandInJob(LAYOUT)
    ResultFile(OutputFile(str(output)), OutputFormat.CSV, Existing.RESUME).write(job, iter(sources))
    assert (job.counts.kept, output.read_bytes()[: len(whole)]) == (1, whole)
