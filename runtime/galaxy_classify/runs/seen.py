"""Save the pictures that the model saw, so that a person can look at them: ``--save-seen``."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from galaxy_classify.errors import ImageError
from galaxy_classify.inputs.names import CONTROL_CHARACTERS, make_folders, place_below
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.file_names import check_folder
from galaxy_classify.runs.new_files import NewFiles, write_new

#: Bytes of a file name, with which most file systems can do; that of a member of an archive may have more.
LONGEST_NAME: Final = 200


#: Textual data of a PNG file that holds the input's path (https://www.w3.org/TR/png/#11keywords).
TITLE: Final = "Title"


class SeenPictures(NewFiles):
    """Save what the model saw of each input as ``FOLDER/PLACE.png``; nothing is ever overwritten.

    A picture is the model's input, pixel by pixel: the same model gives the same answer for it. Its title is the path
    of the input, so that inputs of one name, which become ``PLACE.png``, ``PLACE-2.png`` and so on, can be told apart.

    Parameters
    ----------
    folder : str
        Where the pictures go.
    make : callable
        Makes the picture of a path or of a tuple (name, bytes), or raises `ImageError`: for rows that an earlier run
        left, if it did not save the pictures.
    """

    def __init__(self, folder: str, make: Callable[[Any], Image.Image]) -> None:
        super().__init__()
        self._folder = folder
        self._make = make
        self._lock = Lock()
        self._saved: set[int] = set()
        check_folder(folder)  # it is made with the first picture, as the run may still be refused

    def save(self, source: Source, pixels: NDArray[np.uint8]) -> None:
        """Save a picture that was made for the model; called in worker threads, before the input's row is written.

        What fails is tried again, and counted, when the row is counted.
        """
        with suppress(OSError):
            self._put(source, Image.fromarray(pixels))
            with self._lock:
                self._saved.add(id(source))

    def see(self, source: Source, prediction: Prediction) -> None:
        """Count a row: save its picture unless that is done."""
        with self._lock:
            if id(source) in self._saved:
                self._saved.remove(id(source))
                return
        if prediction.label is None:
            return
        if self._is_there(source):
            self.there += 1
            return
        try:
            image = source.path if source.content is None else (source.path, source.content())
            self._put(source, self._make(image))
        except OSError as error:
            self.fail(f"{self._target(source)}: {error.strerror or error}")
        except ImageError as error:
            self.fail(f"{self._target(source)}: {error}")

    def summary(self) -> str:
        """Return in one line how many pictures were saved, and what failed."""
        return f"seen: {self.done:,} picture{'' if self.done == 1 else 's'} saved to {self._folder}{self.exceptions()}"

    def _target(self, source: Source, number: int = 1) -> str:
        place = place_below(CONTROL_CHARACTERS.sub("_", source.place or source.path)) or "picture"
        *folders, name = map(_short, place.split(os.sep))
        return os.path.join(self._folder, *folders, f"{name}{'' if number == 1 else f'-{number}'}.png")

    def _put(self, source: Source, picture: Image.Image) -> None:
        content = io.BytesIO()
        title = PngInfo()
        title.add_itxt(TITLE, _title(source))
        picture.save(content, "PNG", pnginfo=title)
        make_folders(os.path.dirname(self._target(source)))
        for number in count(1):
            target = self._target(source, number)
            try:
                write_new(lambda partial: Path(partial).write_bytes(content.getvalue()), target)
            except FileExistsError:
                with suppress(OSError):
                    if Path(target).read_bytes() == content.getvalue():
                        with self._lock:
                            self.there += 1
                        return
            else:
                with self._lock:
                    self.done += 1
                return

    def _is_there(self, source: Source) -> bool:
        """Return whether an earlier run has saved the picture of this input."""
        number = 1
        while os.path.lexists(target := self._target(source, number)):
            with suppress(OSError, ValueError), Image.open(target, formats=["PNG"]) as picture:
                if picture.info.get(TITLE) == _title(source):
                    return True
            number += 1
        return False


def _title(source: Source) -> str:
    return source.path.encode("utf-8", "backslashreplace").decode()


def _short(name: str) -> str:
    """Cut a name that is too long, and add a part of its checksum, so that it stays another one's.

    Characters that the encoding of file names lacks become escapes.
    """
    try:
        content = os.fsencode(name)
    except UnicodeEncodeError as error:
        content = name.encode(error.encoding, "backslashreplace")
        name = os.fsdecode(content)
    if len(content) <= LONGEST_NAME:
        return name
    return f"{os.fsdecode(content[:LONGEST_NAME])}-{hashlib.sha256(content).hexdigest()[:8]}"
