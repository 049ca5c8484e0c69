"""Catalogues of made-up values: whatever is carried through comes out as it went in, value by value and gap by gap."""

from __future__ import annotations

import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_tables import IN_FORMATS, OUT_FORMATS, TYPES, Carried, carry, is_same, read_result, write_catalog
from fuzzing import EXAMPLES, FUZZ
from galaxy_classify.errors import UsageError
from galaxy_classify.results.formats import OutputFormat

fuzz = settings(FUZZ, max_examples=max(5, EXAMPLES // 30))  # of each pair of formats

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning"),
]

#: Text that all formats hold: those with more rules escape control characters, which tests of their own look at.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=12
).filter(lambda text: text.strip() == text.strip(" "))


def values(kind: str, form: str) -> st.SearchStrategy[Any]:
    """Return values of a type."""
    if kind == "bool":
        return st.booleans()
    if kind == "text":
        # In CSV there are no types: what looks like a number is one.
        return TEXT.filter(lambda text: form != "csv" or not looks_like_another_type(text))
    if kind == "scaled":
        return st.integers(-(2**20), 2**20).map(lambda number: number / 4 + 10)
    if kind.startswith("float"):
        return st.floats(width=int(kind[5:]), allow_nan=True, allow_infinity=form != "csv")  # type: ignore[arg-type]
    bits = int(kind.lstrip("uint"))
    if kind.startswith("u"):
        return st.integers(0, 2**bits - 1)
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def looks_like_another_type(text: str) -> bool:
    """Tell whether text in CSV is read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


@st.composite
def columns(draw: st.DrawFn, form: str) -> list[Carried]:
    """Draw a catalogue."""
    count = draw(st.integers(1, 5))
    drawn = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(TYPES[form]), min_size=1, max_size=4))):
        value = values(kind, form)
        cells = draw(st.lists(value | st.none() if draw(st.booleans()) else value, min_size=count, max_size=count))
        drawn.append(Carried(f"column_{number}", kind, cells))
    return drawn


@pytest.mark.parametrize("output_format", OUT_FORMATS)
@pytest.mark.parametrize("form", IN_FORMATS)
def test_values_come_through(form: str, output_format: OutputFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a complete result is continued without a row being made again."""
    monkeypatch.setattr("os.fsync", lambda file: None)

    @fuzz
    @given(columns(form))
    def check(carried: list[Carried]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            catalog, output = Path(folder) / f"catalog.{form}", Path(folder) / f"out.{output_format}"
            write_catalog(catalog, form, carried)
            carry(catalog, output, output_format)
            found = read_result(output, output_format)
            for column in carried:
                for value, cell in zip(column.values, found[column.name], strict=True):
                    assert is_same(cell, value, column.type, form, output_format), (column, cell)
            before = output.read_bytes()
            job = carry(catalog, output, output_format)
            assert (job.counts.kept, job.counts.changed) == (len(carried[0].values), False)
            assert output.read_bytes() == before

    check()


@pytest.mark.parametrize("form", IN_FORMATS)
def test_a_damaged_catalogue_is_a_usage_error(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it is carried through; it is never a traceback."""
    monkeypatch.setattr("os.fsync", lambda file: None)
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / f"catalog.{form}"
        write_catalog(catalog, form, [Carried("a", "int64", [1, None, 3]), Carried("b", "text", ["x", "yy", ""])])
        whole = catalog.read_bytes()

        @settings(fuzz, max_examples=EXAMPLES)
        @given(
            st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=6),
            st.integers(0, len(whole)) | st.just(len(whole)),
        )
        def check(edits: list[tuple[int, int]], end: int) -> None:
            content = bytearray(whole)
            for position, byte in edits:
                content[position : position + 1] = struct.pack("B", byte)
            catalog.write_bytes(bytes(content[:end]))
            output = Path(folder) / "out.jsonl"
            output.unlink(missing_ok=True)
            with suppress(UsageError):
                carry(catalog, output, OutputFormat.JSONL)

        check()
