"""Copy or link images into a folder for each class: ``--sort-into``."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.images.formats import suffix_of
from galaxy_classify.inference.names import folded, name_fault
from galaxy_classify.inputs.names import is_image_name, make_folders
from galaxy_classify.inputs.source import Content, Source
from galaxy_classify.prediction import Prediction, Status
from galaxy_classify.results.file_names import check_folder
from galaxy_classify.runs.new_files import NewFiles, write_new

T = TypeVar("T")


#: Folder of the unfamiliar images, beside those of the classes.
UNFAMILIAR: Final[Status] = "unfamiliar"


class Sorter(NewFiles):
    """Copy or link each classified image to ``FOLDER/CLASS/PLACE``; nothing is ever overwritten.

    Unfamiliar images go to ``FOLDER/unfamiliar/PLACE``, whatever class the model would give them.

    An archive member or an object becomes a file of its own; a name without an image suffix gets that of its format.

    Parameters
    ----------
    folder : str
        Where the class folders are made.
    link : bool
        Whether to make symbolic links instead of copies.
    files : callable, optional
        Returns the files of an input, one for each band; by default the file of its path.
    """

    def __init__(self, folder: str, *, link: bool, files: Callable[[str], list[str]] = lambda path: [path]) -> None:
        super().__init__()
        self._folder = folder
        self._link = link
        self._files = files
        check_folder(folder)  # it is made with the first file, as the run may still be refused

    def see(self, source: Source, prediction: Prediction) -> None:
        """Copy or link one input; one that could not be classified is left out."""
        if prediction.label is None:
            return
        group = UNFAMILIAR if prediction.status == UNFAMILIAR else prediction.label
        if source.content is not None:
            self._try(self._put_content, source.content, group, source.place)
            return
        for file in self._files(source.path):
            place = os.path.join(os.path.dirname(source.place), os.path.basename(file))
            self._try(self._put_file, file, group, place)

    def _try(self, put: Callable[[T, str], None], image: T, group: str, place: str) -> None:
        target = os.path.join(self._folder, group, place)
        try:
            _check_place(group, place)
            make_folders(os.path.dirname(target))
            put(image, target)
        except OSError as error:
            self.fail(f"{target}: {error.strerror or error}")
        except ImageError as error:
            self.fail(f"{target}: {error}")

    def _put_file(self, file: str, target: str) -> None:
        if os.path.lexists(target):
            self._leave(target, same=_same(file, target))
            return
        if self._link:
            os.symlink(os.path.abspath(file), target)
        else:
            write_new(lambda partial: shutil.copy2(file, partial), target)
        self.done += 1

    def _put_content(self, read: Content, target: str) -> None:
        if self._link:
            raise ImageError("is no local file by itself, to which a link could lead")
        content = read()
        if not is_image_name(target):
            target += suffix_of(content)
        if os.path.lexists(target):
            self._leave(target, same=os.path.isfile(target) and Path(target).read_bytes() == content)
            return
        write_new(lambda partial: Path(partial).write_bytes(content), target)
        self.done += 1

    def _leave(self, target: str, *, same: bool) -> None:
        if same:
            self.there += 1
        else:
            self.fail(f"{target}: another file of that name is there")

    def summary(self) -> str:
        """Return in one line how many files were copied or linked, and what failed."""
        how = "linked" if self._link else "copied"
        return f"sorted: {self.done:,} {how} to {self._folder}{self.exceptions()}"


def check_unfamiliar_folder(classes: Sequence[str]) -> None:
    """Check that no class of the model would share its folder with the unfamiliar images.

    Raises
    ------
    UsageError
        If one would.
    """
    for name in classes:
        if folded(name) == UNFAMILIAR:
            raise UsageError(
                f"--sort-into: images of the class {name!r} and unfamiliar images would share a folder; leave it out, "
                "or give --min-familiarity 0, with which no image is unfamiliar"
            )


def _same(file: str, target: str) -> bool:
    return os.path.isfile(target) and (os.path.samefile(file, target) or filecmp.cmp(file, target, shallow=False))


def _check_place(group: str, place: str) -> None:
    """Raise `ImageError` if a class or a relative place would lead out of the class folders.

    The names of both were checked when they were read. Whatever becomes of those checks, nothing is written elsewhere.
    """
    if fault := name_fault(group):
        raise ImageError(f"the class cannot be a folder: its name {fault}")
    parts = place.split(os.sep)
    if os.path.isabs(place) or os.path.splitdrive(place)[0] or os.pardir in parts or "\0" in place or not parts[-1]:
        raise ImageError("this name cannot be used below a folder")
    try:
        os.fsencode(os.path.join(group, place))
    except UnicodeEncodeError as error:
        raise ImageError(f"this name cannot be written in {error.encoding}, the encoding of file names here") from None
