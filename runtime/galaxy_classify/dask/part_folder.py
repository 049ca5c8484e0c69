"""A folder of Parquet files, one for each partition of the inputs, and its sidecar."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.provenance import read_sidecar, write_sidecar
from galaxy_classify.results.resume import Existing, check_same_run
from galaxy_classify.results.safe_writing import only_writer, remove, replace_whole, write_errors, written_aside
from galaxy_classify.tables.columns import PROVENANCE, Column, Row
from galaxy_classify.tables.parquet_table import verify_rows
from galaxy_classify.tables.write import write_typed

#: Readers of Parquet folders skip names that begin with an underscore.
SIDECAR: Final = "_galaxy_classify.json"


_UNFINISHED: Final = "_unfinished.parquet"


_PART: Final = re.compile(r"part-([0-9]{6,})\.parquet")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the folder: its provenance with a checksum of its inputs, and its rows."""

    provenance: dict[str, Any]
    rows: list[Row]

    @property
    def made_with(self) -> dict[str, Any]:
        """Provenance of the run that has written it."""
        return {name: value for name, value in self.provenance.items() if name != "partition"}


def part_provenance(number: int, provenance: dict[str, Any], sources: Iterable[Source]) -> dict[str, Any]:
    """Return the provenance of a part: that of the run, its number and the SHA-256 of its inputs, in order.

    Only a part with the same inputs is kept by a resumed run.
    """
    digest = hashlib.sha256()
    for source in sources:
        digest.update(json.dumps([source.path, *source.carried]).encode() + b"\n")
    return provenance | {"partition": {"number": number, "inputs_sha256": digest.hexdigest()}}


@dataclass(frozen=True, slots=True)
class PartFolder:
    """A folder of parts; a file under a part's name is always complete."""

    path: str

    @property
    def sidecar(self) -> str:
        """Name of the file with the provenance of all parts and, once they are complete, their number."""
        return os.path.join(self.path, SIDECAR)

    def part(self, number: int) -> str:
        """Return the name of a part."""
        return os.path.join(self.path, f"part-{number:06}.parquet")

    def refuse_to_overwrite(self) -> None:
        """Check that the folder holds no result yet, complete or unfinished.

        Raises
        ------
        UsageError
            If it does, or is no folder; the message names the options that help.
        """
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise UsageError(f"{self.path}: is a file; --dask writes a folder of Parquet files")
        if self._has_result():
            raise UsageError(
                f"{self.path}: holds a result already; --resume completes it, --force replaces it, or choose another "
                "--output"
            )

    @contextmanager
    def open(self, provenance: dict[str, Any], existing: Existing) -> Iterator[None]:
        """Lock the folder for this run; check, keep or remove what it holds.

        Raises
        ------
        UsageError
            If it cannot be written, another run is writing it, it holds a result that must be left, or the parts to
            be kept were made with another model or other options. What was there is then left as it was.
        GalaxyClassifyError
            If a write fails later.
        """
        with write_errors(self.path), self._made(), only_writer(self.sidecar):
            before = None
            if existing is Existing.REFUSE:
                self.refuse_to_overwrite()
            elif existing is Existing.RESUME and self._has_result():
                before = read_sidecar(self.sidecar)
                check_same_run(before, provenance, result=self.path, sidecar=self.sidecar, rows="parts")
            self._write_sidecar(provenance)
            if existing is Existing.REPLACE:
                self._remove_parts(from_number=0)
            try:
                yield
            except UsageError:
                if before is not None and before != provenance:
                    self._write_sidecar(before)
                raise

    @contextmanager
    def _made(self) -> Iterator[None]:
        """Make the folder; if the run is refused, leave none that was not there before."""
        try:
            os.mkdir(self.path)
        except FileExistsError:
            yield
            return
        try:
            yield
        except UsageError:
            if not self._numbers():
                remove(self.sidecar)
                with suppress(OSError):
                    os.rmdir(self.path)
            raise

    def read(self, number: int) -> Part | None:
        """Read a part of an earlier run; return None if it is missing or damaged."""
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(self.part(number)) as file:
                verify_rows(file)
                table = file.read()
            return Part(json.loads(table.schema.metadata[PROVENANCE.encode()]), table.to_pylist())
        except Exception:  # whatever PyArrow finds in a damaged file
            return None

    def write(self, number: int, part: Part, columns: Sequence[Column]) -> None:
        """Write a part under another name, and rename it when it is complete."""
        unfinished = os.path.join(self.path, _UNFINISHED)
        write_typed(part.rows, unfinished, OutputFormat.PARQUET, columns, part.provenance)
        replace_whole(unfinished, self.part(number))

    def complete(self, provenance: dict[str, Any], *, partitions: int, inputs: int, outcome: dict[str, Any]) -> None:
        """Record that all parts are written, and remove those of an earlier run with more inputs."""
        self._remove_parts(from_number=partitions)
        remove(os.path.join(self.path, _UNFINISHED))
        self._write_sidecar(provenance | {"partitions": partitions, "inputs": inputs} | outcome)

    def _has_result(self) -> bool:
        return os.path.exists(self.sidecar) or bool(self._numbers())

    def _numbers(self) -> list[int]:
        """Return the numbers of the parts in the folder."""
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            return []
        return [int(match[1]) for match in map(_PART.fullmatch, names) if match]

    def _remove_parts(self, *, from_number: int) -> None:
        for number in self._numbers():
            if number >= from_number:
                os.remove(self.part(number))

    def _write_sidecar(self, content: dict[str, Any]) -> None:
        with written_aside(self.sidecar) as aside:
            write_sidecar(aside, content)
