"""Catalogues: which column is what, what is carried through, and what is said of bad ones."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, Table

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.catalog import Catalog, open_catalog
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.tables.columns import Column

RESERVED = RowLayout(("round", "spiral")).names


def opened(path: Path, **chosen: Any) -> Catalog:
    """Open a catalogue with the command's defaults."""
    options = {"path_column": "file", "id_column": None, "root": None, "reserved": RESERVED, "typed": True}
    return open_catalog(str(path), **(options | chosen))


def written(path: Path, text: str) -> Path:
    """Write a CSV file."""
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_columns_become_numbers_where_all_cells_are(tmp_path: Path) -> None:
    """Identifiers keep their zeros and their digits, coordinates become numbers, and empty cells stand for nothing."""
    text = "file,objid,code,ra,kind,gap\na.jpg,1237648720693755918,007,1.50,S0,\nb.jpg,2,012,nan,,\n"
    catalog = opened(written(tmp_path / "c.csv", text))
    assert [column.kind for column in catalog.columns] == ["int", "text", "float", "text", "text"]
    assert [source.carried for source in catalog.sources()] == [
        (1237648720693755918, "007", 1.5, "S0", None),
        (2, "012", None, None, None),
    ]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-5", "0"], "int"),
        (["1", "2.5"], "float"),
        ([".5", "5.", "1e5", "-1.5E-3"], "float"),
        (["123456789012345678901"], "text"),
        (["+5"], "text"),
        (["1", "x"], "text"),
        (["inf"], "text"),
        (["1_000"], "text"),
        (["", ""], "text"),
    ],
)
def test_what_counts_as_a_number(tmp_path: Path, cells: list[str], kind: str) -> None:
    """Nothing that would not be written the same way again is taken for a number, but for decimals."""
    text = "file,x\n" + "".join(f"a.jpg,{cell}\n" for cell in cells)
    assert opened(written(tmp_path / "c.csv", text)).columns[0].kind == kind


def test_csv_text_is_carried_as_it_is_into_csv(tmp_path: Path) -> None:
    """A catalogue's 1.50 does not become 1.5 on its way from CSV to CSV."""
    catalog = opened(written(tmp_path / "c.csv", "ra,file\n1.50,a.jpg\n"), typed=False)
    assert next(catalog.sources()).carried == ("1.50",)


def test_relative_paths_start_at_the_catalogue_or_where_the_user_says(tmp_path: Path) -> None:
    """A catalogue beside its images works from any folder."""
    path = written(tmp_path / "c.csv", "file\na.jpg\n/b.jpg\n")
    assert [source.path for source in opened(path).sources()] == [str(tmp_path / "a.jpg"), "/b.jpg"]
    assert [source.path for source in opened(path, root="images").sources()] == ["images/a.jpg", "/b.jpg"]


def test_names_of_the_result_are_not_taken_twice(tmp_path: Path) -> None:
    """A catalogue's own label is carried under another name, even if only the case is different, as FITS wants it."""
    catalog = opened(written(tmp_path / "c.csv", "file,Label,catalog_label,id\na.jpg,x,y,3\n"), id_column="id")
    assert [column.name for column in catalog.columns] == ["catalog_Label", "catalog_catalog_label", "id"]
    layout = RowLayout(("round",), carried=catalog.columns, first=catalog.first)
    assert (layout.names[:2], layout.names[-2:]) == (["id", "path"], ["catalog_Label", "catalog_catalog_label"])


def test_parquet_types_are_kept(tmp_path: Path) -> None:
    """Numbers stay numbers, nested and odd types become text, images inside the table are left out, null is nothing."""
    night = datetime.datetime(2026, 11, 22, 3, 4, 5)
    table = pa.table(
        {
            "file": ["a.jpg", None],
            "objid": pa.array([1, None], pa.int64()),
            "z": pa.array([0.1, float("nan")], pa.float32()),
            "shape": [[1, 2], [3]],
            "image": pa.array([b"1", b"2"]),
            "night": [night, None],
            "good": [True, None],
        }
    )
    pq.write_table(table, tmp_path / "c.parquet")
    catalog = opened(tmp_path / "c.parquet")
    assert [(column.name, column.kind) for column in catalog.columns] == [
        ("objid", "int"), ("z", "float32"), ("shape", "text"), ("night", "text"), ("good", "bool"),
    ]  # fmt: skip
    first, second = catalog.sources()
    assert first.carried == (1, 0.1, "[1, 2]", str(night), True)
    assert (second.path, second.carried) == ("", (None, None, "[3]", None, None))


def test_fits_units_and_missing_values_are_kept(tmp_path: Path) -> None:
    """What a FITS table says about a column goes along; TNULL and NaN are nothing; names with umlauts are found."""
    table = Table(
        {
            "file": [b"a.jpg", "ü.jpg".encode()],
            "ra": np.array([1.5, np.nan]),
            "n": MaskedColumn([1, 2], mask=[False, True]),
            "good": [True, False],
            "v": [[1, 2], [3, 4]],
        }
    )
    table["ra"].unit = "deg"
    table.write(tmp_path / "c.fits")
    catalog = opened(tmp_path / "c.fits")
    assert catalog.columns[0] == Column("ra", "float", "deg")
    first, second = catalog.sources()
    assert first.carried == (1.5, 1, True, "[1, 2]")
    assert (Path(second.path).name, second.carried) == ("ü.jpg", (None, None, False, "[3, 4]"))


def test_large_tables_are_read_in_parts(tmp_path: Path) -> None:
    """Every row comes once and in order, whatever the size of the parts."""
    names = [f"{number}.jpg" for number in range(10_000)]
    Table({"file": names, "n": np.arange(10_000)}).write(tmp_path / "c.fits")
    pq.write_table(pa.table({"file": names, "n": range(10_000)}), tmp_path / "c.parquet")
    for name in ("c.fits", "c.parquet"):
        catalog = opened(tmp_path / name)
        assert len(catalog) == 10_000
        assert [source.carried[0] for source in catalog.sources()] == list(range(10_000))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", b"fiel,x\na,1\n", "has no column 'file'; did you mean 'fiel'[?] it has fiel, x"),
        ("c.csv", b"file,x\na\n", "row 1 has 1 cells, the header has 2"),
        ("c.csv", b"file,file\na,b\n", "two columns have the same name"),
        ("c.csv", b"", "has no column 'file'; it has none"),
        ("c.parquet", b"no parquet", "cannot be read as a table"),
        ("c.fits", b"no fits", "cannot be read as a table"),
        ("c.xlsx", b"", "cannot read tables with suffix '.xlsx'"),
    ],
)
def test_bad_catalogues_are_usage_errors(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """One line that names the file and what is wrong with it."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"{name}: .*{message}"):
        opened(tmp_path / name)
    with pytest.raises(UsageError, match="No such file"):
        opened(tmp_path / "none.csv")


@pytest.mark.parametrize("image_column", [None, "image"])
def test_a_damaged_row_group_is_named_with_its_file(image_column: str | None, tmp_path: Path) -> None:
    """It is the table that cannot be read, hours into a run perhaps, and not the result that cannot be written."""
    path = tmp_path / "c.parquet"
    table = pa.table({"file": [f"{number}.jpg" for number in range(6000)], "image": [b"x"] * 6000})
    options = {"use_dictionary": False, "write_statistics": False, "compression": "zstd"}
    pq.write_table(table, path, row_group_size=5000, **options)
    data = path.read_bytes()
    last = data.rindex(b"\x28\xb5\x2f\xfd", 0, data.rindex(b"\x28\xb5\x2f\xfd"))
    path.write_bytes(data[:last] + bytes(4) + data[last + 4 :])
    sources = opened(path, image_column=image_column).sources()
    with pytest.raises(UsageError, match=r"c\.parquet: .*(cannot be read as a table|damaged)"):
        list(sources)


def test_a_fits_image_is_no_catalogue(tmp_path: Path) -> None:
    """A file without a table is told apart from a damaged one."""
    from astropy.io import fits

    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(UsageError, match="no HDU of the FITS file is a binary table"):
        opened(tmp_path / "image.fits")
