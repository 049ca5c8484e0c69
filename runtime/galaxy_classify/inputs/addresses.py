"""Decide which addresses may be read: a short list of schemes, and one address at a time."""

from __future__ import annotations

import re
from typing import Final

#: A scheme of at least two letters: a single letter is a drive on Windows.
SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://.", re.DOTALL)
S3_SCHEMES: Final = ("s3", "s3a")
#: Schemes that are read. fsspec knows some forty more, of file systems that wrap another one, run templates, unpack
#: archives or log in to other machines, and a list or a catalogue may come from a stranger.
SCHEMES: Final = (*S3_SCHEMES, "gs", "gcs", "az", "abfs", "abfss", "http", "https", "file")
#: An address behind ``::``: fsspec would open the one in front of it inside this one.
CHAINED: Final = re.compile(r"::\w[\w+.-]*://")
#: A path on this machine behind ``file://``; on Windows it may begin with a drive.
ABSOLUTE: Final = re.compile(r"[/\\]|[A-Za-z]:[/\\]")


def scheme_of(path: str) -> str:
    """Return the scheme of an address in lower case; empty for a path without one.

    Examples
    --------
    >>> scheme_of("S3://survey/m51.jpg"), scheme_of("survey/m51.jpg"), scheme_of("C://survey/m51.jpg")
    ('s3', '', '')
    """
    found = SCHEME.match(path)
    return "" if found is None else found[1].lower()


def why_refused(address: str) -> str:
    """Return why an address is not read; empty if it is. Everything that leads to fsspec asks this first.

    Examples
    --------
    >>> why_refused("reference://m51.jpg::file:///survey/references.json")
    'addresses with reference:// are not read, only s3, gs, az, abfs, http, https and file'
    >>> why_refused("s3://survey/m51.jpg")
    ''
    """
    scheme = scheme_of(address)
    if scheme not in SCHEMES:
        return f"addresses with {scheme}:// are not read, only s3, gs, az, abfs, http, https and file"
    if CHAINED.search(address):
        return "chains of addresses (::) are not read"
    if scheme == "file" and not ABSOLUTE.match(address.partition("://")[2]):
        return "file:// takes an absolute path and no host, as in file:///survey/m51.jpg"
    return ""
