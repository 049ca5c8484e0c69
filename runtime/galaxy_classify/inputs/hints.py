"""Recognise inputs that are no images but are meant in another way, and say which option takes them."""

from __future__ import annotations

import os
import re
from typing import Final

from galaxy_classify.errors import ImageError
from galaxy_classify.images.formats import NOT_AN_IMAGE, SIGNATURE_BYTES, why_not_an_image
from galaxy_classify.images.open_file import open_regular_file
from galaxy_classify.inputs.source import Unreadable
from galaxy_classify.tables.suffixes import table_suffix

TABLE: Final = Unreadable("is a table, not an image: --catalog reads the images that a table lists")
LIST: Final = Unreadable("is text, not an image: --from-file reads a list of paths")
HEADING: Final = Unreadable(
    "no file of that name: looks like the heading of a table, which --catalog reads; a list has paths only"
)
UTF_16: Final = Unreadable("the list is in UTF-16: save it as UTF-8")
MEANT: Final = {".csv": TABLE, ".csv.gz": TABLE, ".ecsv": TABLE, ".vot": TABLE, ".vot.gz": TABLE, ".txt": LIST}
#: Names of columns that the first line of a list may be.
HEADINGS: Final = frozenset(
    ("path", "paths", "file", "files", "filename", "file_name", "filepath", "file_path", "name", "image", "image_path",
     "images", "url", "uri", "id", "objid", "object_id", "iauname", "ra")
)  # fmt: skip
BYTE_ORDER_MARK: Final = "\ufeff"


def meant_otherwise(path: str) -> Unreadable | None:
    """Return which option takes a file that the user named, if it has the suffix of a table or list and is no image."""
    meant = MEANT.get(table_suffix(path))
    if meant is None:
        return None
    try:
        with open_regular_file(path) as file:
            head = file.read(SIGNATURE_BYTES)
    except (ImageError, OSError):  # the decoder will say why
        return None
    return meant if why_not_an_image(head).startswith(NOT_AN_IMAGE) else None


def first_of_list(line: str) -> str | Unreadable:
    r"""Return the path in the first line of a list, or what else the line is; a file of that very name comes first.

    Examples
    --------
    >>> first_of_list("\ufeffm51.jpg")
    'm51.jpg'
    >>> first_of_list("Path,label").reason
    'no file of that name: looks like the heading of a table, which --catalog reads; a list has paths only'
    """
    if os.path.lexists(line):
        return line
    if os.fsencode(line).startswith((b"\xff\xfe", b"\xfe\xff")):
        return UTF_16
    line = line.removeprefix(BYTE_ORDER_MARK)
    first = re.split(r"[,;\t ]", line.lstrip("# "))[0].strip("\"'").lower()
    return HEADING if first in HEADINGS and not os.path.lexists(line) else line
