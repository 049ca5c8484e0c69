"""Write a folder that is ready for a model hub, all of it derived from a model file."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from galaxy_classify.cli.about.self_test import read_golden
from galaxy_classify.errors import DataError, ParityError
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.results.safe_writing import name_of_ones_own
from galaxy_export.hub.config import config, config_text
from galaxy_export.hub.files import CHECKSUMS, CONFIG, GOLDEN, MODEL, NAMES, README, STANDALONE
from galaxy_export.hub.licences import hub_licence
from galaxy_export.hub.readme import readme
from galaxy_export.metadata import LICENCE, credit_of
from galaxy_export.partial_model import write_whole
from galaxy_export.standalone.graph import standalone_graph
from galaxy_export.standalone.write import write_standalone
from galaxy_train.checksum import file_sha256


@dataclass(frozen=True, slots=True)
class HubFolder:
    """What was written: the model, the names of the files, and a line on each that a hub would want but lacks."""

    model: OnnxModel
    files: tuple[str, ...]
    remarks: tuple[str, ...]


def write_hub_folder(source: ModelSource, folder: Path, *, force: bool) -> HubFolder:
    """Write a folder for a model hub; leave it as it was if anything fails.

    Parameters
    ----------
    source : ModelSource
        The model file.
    folder : pathlib.Path
        The folder to write; it is made if it is not there.
    force : bool
        Whether it may hold files. Those with names of `NAMES` are replaced, and all others stay.

    Raises
    ------
    DataError
        If the folder is not empty, or cannot be written, or the model is a standalone one.
    ModelError
        If the model breaks the contract or cannot be run, or its golden images are damaged.
    """
    _check_folder(folder, force=force)
    model = OnnxModel(source)
    if model.description.is_standalone:
        raise DataError(f"{source.path}: is a standalone file; name the model file that it was made from")
    content = source.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != model.sha256:
        raise DataError(f"{source.path}: was changed meanwhile; try again")
    credit = credit_of(onnx.load_from_string(content))
    model.run(np.zeros((2, *model.input_size, 3), np.uint8), embedding=True)
    remarks = []
    golden = golden_file(source.path)
    if golden.exists():
        read_golden(model)
    else:
        remarks.append(f"{GOLDEN} left out: there are no golden images, {golden}")
    with _written_aside(folder) as partial:
        write_whole(partial / MODEL, content)
        if golden.exists():
            write_whole(partial / GOLDEN, golden.read_bytes())
        if reason := _standalone_fault(model, content, partial):
            remarks.append(f"{STANDALONE} left out: {reason}")
        files = {name: partial / name for name in NAMES if (partial / name).exists()}
        write_whole(partial / CONFIG, config_text(config(model, credit, files)).encode())
        text = readme(model.description, credit, golden=GOLDEN in files, standalone=STANDALONE in files)
        write_whole(partial / README, text.encode())
        written = [name for name in NAMES if (partial / name).exists()]
        checksums = "".join(f"{file_sha256(partial / name)}  {name}\n" for name in written)
        write_whole(partial / CHECKSUMS, checksums.encode())
    licence = hub_licence(credit.get(LICENCE))["license"]
    if licence == "unknown":
        remarks.append(f"{README} names no licence, as the model file states none: enter it there")
    elif licence == "other":
        remarks.append(f"the hub does not know the licence {credit[LICENCE]!r}: add its text to the folder, as LICENSE")
    return HubFolder(model, (*written, CHECKSUMS), tuple(remarks))


def _standalone_fault(model: OnnxModel, content: bytes, folder: Path) -> str | None:
    """Write a standalone file of the model in the folder; return why there can be none."""
    try:
        standalone_graph(onnx.load_from_string(content), model.description, model.sha256, batched=False)
    except DataError as error:  # what the model wants cannot be a graph; everything else is an error
        return str(error)
    try:
        write_standalone(ModelSource(folder / MODEL), folder / STANDALONE, None, batched=False)
    except ParityError as error:
        return str(error)
    return None


def _check_folder(folder: Path, *, force: bool) -> None:
    if not folder.absolute().parent.is_dir():
        raise DataError(f"{folder}: cannot be written: there is no folder {folder.parent}")
    try:
        present = sorted(path.name for path in folder.iterdir()) if os.path.lexists(folder) else []
        if present and not force:
            raise DataError(
                f"{folder}: is not empty; choose another folder, or replace files of the same names with --force"
            )
        if taken := next((name for name in NAMES if (folder / name).is_dir()), None):
            raise DataError(f"{folder / taken}: cannot be written: it is a folder")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}") from None


@contextmanager
def _written_aside(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, whose files get their places if the block raises nothing, and go if it does."""
    is_new = not folder.exists()
    partial = Path(name_of_ones_own(str(folder if is_new else folder / "hub")))
    try:
        partial.mkdir()
        yield partial
        if is_new:
            partial.rename(folder)
        else:
            _move(partial, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, folder: Path) -> None:
    """Replace files, the checksums last: until then, those of before tell that the folder is not whole."""
    before = _own_files(folder)
    for name in NAMES:
        if (partial / name).exists():
            os.replace(partial / name, folder / name)
        elif name in before:  # of another model, and not of this one
            (folder / name).unlink()


def _own_files(folder: Path) -> Mapping[str, str]:
    """Return the files that an earlier call has written, and nobody has changed, with their checksums."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    listed = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines) if name in NAMES}
    return {name: sha256 for name, sha256 in listed.items() if _has(folder / name, sha256)}


def _has(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256
