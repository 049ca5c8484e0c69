"""The report's page: a template, and data that cannot break out of their place in it.

The page may run its own script and use its own style only, both named by their SHA-256 in a Content Security Policy
(https://www.w3.org/TR/CSP3/), and load nothing at all. So even a file name that were taken for markup could do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

TEMPLATE_FILE: Final = Path(__file__).with_name("report.html")


DATA_SLOT: Final = "{{data}}"


SLOT: Final = re.compile(r"\{\{(\w+)\}\}")


#: What could end a script element, or begin a comment or an entity in one.
ESCAPES: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&"})


def page_around_data(texts: Mapping[str, str]) -> tuple[str, str]:
    """Fill the template in.

    Parameters
    ----------
    texts : mapping of str to str
        What comes into which slot; it is escaped.

    Returns
    -------
    tuple of str
        The page before and behind the data, which `json_in_page` writes.
    """
    template = TEMPLATE_FILE.read_text(encoding="utf-8")
    values = {"policy": content_security_policy(template), **texts}
    before, _, behind = template.partition(DATA_SLOT)
    filled = [SLOT.sub(lambda slot: html.escape(values[slot[1]]), part) for part in (before, behind)]
    return filled[0], filled[1]


def json_in_page(value: Any) -> str:
    r"""Return JSON that an HTML page can hold in a script element.

    Parameters
    ----------
    value : object
        Anything that JSON can express; lone surrogates in texts are kept as escapes.

    Returns
    -------
    str
        ASCII without ``<``, ``>`` and ``&``.

    Examples
    --------
    >>> json_in_page({"path": "</script>\u2028"})
    '{"path":"\\u003c/script\\u003e\\u2028"}'
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(ESCAPES)


def content_security_policy(page: str) -> str:
    """Return the policy that allows a page's own style and script, pictures as data URIs, and nothing else.

    Parameters
    ----------
    page : str
        HTML with one ``<style>`` and one ``<script>`` element, without attributes.

    Returns
    -------
    str
        For a ``Content-Security-Policy`` meta element.
    """
    style, script = (re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script"))
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src {' '.join(map(_source, style))}",
            f"script-src {' '.join(map(_source, script))}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
