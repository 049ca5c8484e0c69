"""Fill the report's HTML template with data, escaped so that file names cannot inject markup.

As a second defence, a Content Security Policy (https://www.w3.org/TR/CSP3/) allows only the page's own script and
style, identified by their SHA-256, and no loading of anything: injected markup could not run or fetch code.
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
#: Characters that could end the script element, or begin a comment or an entity in it, as JSON escapes.
ESCAPES: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&"})


def page_around_data(texts: Mapping[str, str]) -> tuple[str, str]:
    """Fill the template's ``{{slots}}`` with escaped texts; return the page before and after the data.

    The data are written in between by the caller, image by image with `json_in_page`: in one piece they would need too
    much memory.
    """
    template = TEMPLATE_FILE.read_text(encoding="utf-8")
    values = {"policy": content_security_policy(template), **texts}
    before, _, after = template.partition(DATA_SLOT)
    filled = [SLOT.sub(lambda slot: html.escape(values[slot[1]]), part) for part in (before, after)]
    return filled[0], filled[1]


def json_in_page(value: Any) -> str:
    r"""Encode a value as JSON that is safe in a script element: ASCII without ``<``, ``>`` and ``&``.

    Lone surrogates (bytes of file names that are not UTF-8) become escapes.

    Examples
    --------
    >>> json_in_page({"path": "</script>\u2028"})
    '{"path":"\\u003c/script\\u003e\\u2028"}'
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(ESCAPES)


def content_security_policy(page: str) -> str:
    """Return a Content Security Policy that allows a page's own style and script, and images as data URIs.

    The page must hold its ``<style>`` and ``<script>`` elements without attributes: their content is hashed.
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
