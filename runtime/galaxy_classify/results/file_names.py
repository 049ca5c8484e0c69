"""Check the names of the files that a run is to write: hours of work must not end at a name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import combinations, product
from typing import Final

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.names import is_archive_name, is_image_name
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.safe_writing import LOCK_SUFFIX, PARTIAL_SUFFIX

#: Bytes of a name on file systems that do not say how many they take.
MOST_BYTES: Final = 255
#: What the header of a result in FITS has within so many bytes.
FITS_TABLE: Final = b"'GALAXIES'"
MOST_HEADER: Final = 1 << 20
#: How a page of ``--report`` begins, in lower case.
HTML: Final = b"<!doctype html>"


def check_files(output: str | None, report: str | None, inputs: Iterable[str], embeddings: str | None = None) -> None:
    """Check that the files of a run can be written, and that they are different files, and none that it reads.

    Parameters
    ----------
    output : str or None
        The result file.
    report : str or None
        The page of ``--report``.
    inputs : iterable of str
        Paths that the run reads; those that are no files are passed over.
    embeddings : str or None
        The file of ``--embeddings``.

    Raises
    ------
    UsageError
        If not.
    """
    # Devices and pipes may be written to twice.
    output, report = (
        None if path is None or (OutputFile(path).is_special and not os.path.isdir(path)) else path
        for path in (output, report)
    )
    files = {} if report is None else {"--report": [report, report + PARTIAL_SUFFIX]}
    files |= {} if embeddings is None else {"--embeddings": list(files_of_result(embeddings))}
    files |= {} if output is None else {"--output": list(files_of_result(output))}
    for path in (output, report, embeddings):
        if path is not None:
            check_place(path)
    for (option, names), (other, others) in combinations(files.items(), 2):
        for name, result in product(names, others):
            if _is_same(name, result):
                raise UsageError(
                    f"{name}: would be written by {option} and, as {result}, by {other}; choose another name"
                )
    options = {name: option for option, names in reversed(files.items()) for name in names}
    written = {identity: path for path in options if (identity := _identity(path)) is not None}
    for path in inputs if written else ():
        found = written.get(_identity(path) or (0, 0))
        if found is not None:
            option = options[found]
            raise UsageError(f"{found}: is read by this run, as {path}, and would be written for {option}")
    for path in (output, report):
        if path is not None and _is_image(path):
            raise UsageError(f"{path}: has the name of an image or an archive, which --force does not replace either")


def files_of_result(path: str) -> Iterator[str]:
    """Yield the names of all files that are written for a result."""
    file = OutputFile(path)
    sidecars = [file.sidecar(path), file.sidecar(file.partial)]
    yield from (path, file.partial, file.retried, file.converted, path + LOCK_SUFFIX, *sidecars)
    yield from (sidecar + PARTIAL_SUFFIX for sidecar in sidecars)


def check_place(path: str) -> None:
    """Check that a file can be made: its folder is there and may be written to, and the name is not too long."""
    folder = os.path.dirname(path) or os.curdir
    if not os.path.isdir(folder):
        raise UsageError(f"{path}: cannot be written: its folder {folder} is not there")
    if os.path.isdir(path):
        raise UsageError(f"{path}: cannot be written: it is a folder")
    if not _may_be_written_to(folder):
        raise UsageError(f"{path}: cannot be written: its folder {folder} may not be written to")
    longest = max((len(os.fsencode(os.path.basename(name))) for name in files_of_result(path)), default=0)
    most = MOST_BYTES
    with suppress(OSError, AttributeError, ValueError):  # Windows has no such call
        most = os.pathconf(folder, "PC_NAME_MAX")
    if longest > most:
        raise UsageError(
            f"{path}: the name is too long: that of a file beside it would have {longest} bytes, {most} are allowed"
        )


def check_folder(path: str) -> None:
    """Check that a folder can be made, or written to if it is there."""
    found = os.path.abspath(path)
    if os.path.exists(found) and not os.path.isdir(found):
        raise UsageError(f"{path}: is a file; a folder is to be written")
    while not os.path.exists(found):
        found = os.path.dirname(found)
    if not os.path.isdir(found):
        raise UsageError(f"{path}: cannot be made: {found} is no folder")
    if not _may_be_written_to(found):
        raise UsageError(f"{path}: cannot be written: the folder {found} may not be written to")


def _is_image(path: str) -> bool:
    """Return whether a file is there that a folder, list or catalogue of this run may name as an input.

    Results may be called ``.fits`` as images are, and have a table of galaxies; a page may have any name.
    """
    if not os.path.isfile(path) or not (is_image_name(path) or is_archive_name(path)):
        return False
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_HEADER)
    except OSError:
        return True
    return FITS_TABLE not in content and not content.lower().startswith(HTML)


def _may_be_written_to(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a regular file from all others, by whatever name; None for anything else."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if os.path.isfile(path) else None


def _is_same(path: str, other: str) -> bool:
    identity = _identity(path)
    return os.path.realpath(path) == os.path.realpath(other) or (identity is not None and identity == _identity(other))
