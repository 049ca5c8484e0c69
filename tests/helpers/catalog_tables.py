"""Catalogues of any types, written without this package, and results read back without it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from galaxy_classify.inputs.catalog import open_catalog
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing
from galaxy_classify.runs.result_file import ResultFile
from stand_in_job import CLASSES, StandInJob

IN_FORMATS: Final = ("csv", "parquet", "fits", "ecsv", "vot")
OUT_FORMATS: Final = tuple(found for found in OutputFormat if found is not OutputFormat.TABLE)
#: Types of columns that each format of catalogues has; ``scaled`` are integers with TSCAL and TZERO.
TYPES: Final = {
    "csv": ("bool", "int64", "uint64", "float64", "text"),
    "parquet": ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
                "float64", "text"),
    "fits": ("bool", "uint8", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "float32", "float64",
             "text", "scaled"),
    "ecsv": ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
             "float64", "text"),
    "vot": ("bool", "uint8", "int16", "int32", "int64", "float32", "float64", "text"),
}  # fmt: skip
SCALE, ZERO = 0.25, 10.0


@dataclass(frozen=True)
class Carried:
    """A column of a catalogue: its name, the type of its values, and these; None is a missing one."""

    name: str
    type: str
    values: Sequence[Any]


def write_catalog(path: Path, form: str, columns: Sequence[Carried]) -> None:
    """Write a catalogue whose column ``file`` names an image for each row."""
    names = [f"{number}.png" for number in range(len(columns[0].values))]
    columns = [Carried("file", "text", names), *columns]
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow([column.name for column in columns])
            writer.writerows(zip(*(column.values for column in columns), strict=True))
    elif form == "parquet":
        types = {"text": pa.string(), "bool": pa.bool_()} | {
            name: getattr(pa, name)() for name in TYPES["parquet"] if name not in ("text", "bool")
        }
        arrays = [
            pa.array([_numpy(column.type, value) for value in column.values], types[column.type]) for column in columns
        ]
        pq.write_table(pa.table(arrays, [column.name for column in columns]), path)
    elif form == "fits":
        hdu = fits.BinTableHDU.from_columns([_fits_column(column) for column in columns])
        stored = np.ndarray.view(hdu.data, np.ndarray)
        for column in columns:
            if column.type == "bool":  # a missing truth value is a zero byte
                stored[column.name][[value is None for value in column.values]] = 0
        for number, column in enumerate(columns, 1):
            if column.type == "scaled":
                hdu.header[f"TSCAL{number}"], hdu.header[f"TZERO{number}"] = SCALE, ZERO
        hdu.writeto(path)
    else:
        with np.errstate(over="ignore"):  # the number that stands for missing ones is too large for float16
            table = Table([_astropy_column(column) for column in columns])
            table.write(path, format={"vot": "votable", "ecsv": "ascii.ecsv"}[form])


def _numpy(kind: str, value: Any) -> Any:
    return np.float16(value) if kind == "float16" and value is not None else value


def _fits_column(column: Carried) -> Any:
    values = column.values
    if column.type == "text":
        content = np.array([(value or "").encode() for value in values] or [b""])[: len(values)]
        return fits.Column(column.name, f"{max(content.dtype.itemsize, 1)}A", array=content)
    if column.type == "bool":
        return fits.Column(column.name, "L", array=np.array([bool(value) for value in values]))
    if column.type in ("float32", "float64"):
        content = np.array([np.nan if value is None else value for value in values], column.type)
        return fits.Column(column.name, {"float32": "E", "float64": "D"}[column.type], array=content)
    if column.type == "scaled":
        null = -(2**31)
        content = np.array([null if value is None else round((value - ZERO) / SCALE) for value in values], np.int32)
        return fits.Column(column.name, "J", null=null if None in values else None, array=content)
    bits = int(column.type.lstrip("uint"))
    form = {8: "B", 16: "I", 32: "J", 64: "K"}[bits]
    unsigned = column.type.startswith("u")
    zero = {"int8": -128, "uint16": 2**15, "uint32": 2**31, "uint64": 2**63}.get(column.type)
    # FITS stores a number less the zero; the smallest one that is stored stands for a missing one, unless it is there.
    lowest = 0 if unsigned else -(2 ** (bits - 1))
    free = next(number for number in range(lowest, lowest + len(values) + 1) if number not in values)
    content = np.array([free if value is None else value for value in values], column.type)
    stored_free = free - (zero or 0) if None in values else None
    return fits.Column(column.name, form, bzero=zero, null=stored_free, array=content)


def _astropy_column(column: Carried) -> Any:
    missing = [value is None for value in column.values]
    if column.type == "text":
        content = np.array(["" if value is None else value for value in column.values], dtype=str)
    else:
        content = np.array([0 if value is None else value for value in column.values], column.type)
    if not any(missing):
        return Column(content, column.name)
    masked = MaskedColumn(content, column.name, mask=missing)
    if column.type not in ("text", "bool") and "int" in column.type:
        lowest = np.iinfo(column.type).min
        masked.fill_value = next(number for number in range(lowest, lowest + 300) if number not in column.values)
    return masked


def carry(catalog: Path, output: Path, output_format: OutputFormat) -> StandInJob:
    """Carry a catalogue's columns through to a result, as the command does, and return the run's job."""
    layout = RowLayout(CLASSES)
    found = open_catalog(
        str(catalog),
        path_column="file",
        id_column=None,
        root=None,
        reserved=layout.names,
        typed=output_format is not OutputFormat.CSV,
    )
    job = StandInJob(RowLayout(CLASSES, 1, found.columns, found.first))
    existing = Existing.RESUME if output.exists() else Existing.REPLACE
    ResultFile(OutputFile(str(output)), output_format, existing).write(job, found.sources())
    return job


def read_result(path: Path, output_format: OutputFormat) -> dict[str, list[Any]]:
    """Return the columns of a result, read by the tools that users have."""
    if output_format is OutputFormat.CSV:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.DictReader(file))
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
    if output_format is OutputFormat.JSONL:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
    if output_format is OutputFormat.PARQUET:
        table = pq.read_table(path)
        return {name: table.column(name).to_pylist() for name in table.column_names}
    forms = {OutputFormat.VOT: "votable", OutputFormat.ECSV: "ascii.ecsv", OutputFormat.FITS: "fits"}
    options = {"use_names_over_ids": True} if output_format is OutputFormat.VOT else {}
    found = Table.read(path, format=forms[output_format], **options)
    return {name: found[name].tolist() for name in found.colnames}


def is_same(found: Any, value: Any, kind: str, form: str, output_format: OutputFormat) -> bool:
    """Tell whether a value came through: the same number or text, and nothing where there was nothing.

    Text formats and wider types may spell it otherwise. FITS, VOTable and CSV have no text that is missing, and Astropy
    takes all empty text in ECSV for missing. Spaces at the end of text have no meaning in FITS, and Astropy leaves out
    those at both ends in ECSV and VOTable. NaN is a missing number.
    """
    found = found.decode() if isinstance(found, bytes) else found
    if kind == "text" and value is not None:
        if "fits" in (form, output_format):
            value = value.rstrip(" ")
        if {"ecsv", "vot"} & {form, str(output_format)}:
            value, found = value.strip(), None if found is None else found.strip()
    none = value is None or (isinstance(value, float) and math.isnan(value)) or (form == "csv" and value == "")
    if none or value == "":
        no_text = bool({"csv", "fits", "vot", "ecsv"} & {form, str(output_format)})
        nothings = [None] if none else [""]
        is_nothing = found in nothings or (no_text and found in (None, "")) or found != found
        return bool(is_nothing or (form == "csv" and str(found).lower() == "nan"))
    if kind == "text":
        return bool(found == value)
    if kind == "bool":
        return found is value or (found == str(value))
    if "int" in kind:
        return isinstance(found, int | str) and not isinstance(found, bool) and str(found) == str(value)
    if kind == "float32":
        return bool(np.float32(found) == np.float32(value))
    return isinstance(found, float | int | str) and float(found) == value
