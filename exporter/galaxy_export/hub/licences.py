"""Name a licence as model hubs do."""

from __future__ import annotations

import re
from typing import Final

#: Licences of software and data that the hub knows (https://huggingface.co/docs/hub/repositories-licenses). Most have
#: the identifier that SPDX gives them, in lower case.
KNOWN: Final = frozenset((
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear",
    "bsl-1.0", "c-uda", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0",
    "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0",
    "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "gfdl", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1",
    "lgpl-3.0", "lgpl-lr", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1", "osl-3.0",
    "pddl", "postgresql", "unlicense", "wtfpl", "zlib",
))  # fmt: skip
#: Those whose name is not the same in lower case.
RENAMED: Final = {
    "c-uda-1.0": "c-uda",
    "gfdl-1.1": "gfdl",
    "gfdl-1.2": "gfdl",
    "gfdl-1.3": "gfdl",
    "lgpllr": "lgpl-lr",
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
}
#: Longest name of a licence that the hub does not know.
MOST_CHARACTERS: Final = 96


def hub_licence(text: str | None) -> dict[str, str]:
    """Return the entries of a card's header for the licence that a model file states, as SPDX or in words.

    Examples
    --------
    >>> hub_licence("BSD-3-Clause"), hub_licence("GPL-3.0-or-later"), hub_licence(None)
    ({'license': 'bsd-3-clause'}, {'license': 'gpl-3.0'}, {'license': 'unknown'})
    >>> hub_licence("MIT OR Apache-2.0")
    {'license': 'other', 'license_name': 'mit-or-apache-2.0'}
    """
    name = (text or "").strip().lower()
    if not name:
        return {"license": "unknown"}
    family = re.sub(r"-(only|or-later)$|(?<=\d)\+$", "", name) if "gpl" in name or "gfdl" in name else name
    found = RENAMED.get(family, family)
    if found in KNOWN:
        return {"license": found}
    identifier = re.sub(r"[^a-z0-9.]+", "-", name)[:MOST_CHARACTERS].strip("-.")
    return {"license": "other", "license_name": identifier or "other"}
