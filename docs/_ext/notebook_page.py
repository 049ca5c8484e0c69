"""Show a notebook of the source tree as a page, without running it.

A page that consists of a title's worth of Markdown and a line ``% notebook: ../../examples/NAME.ipynb`` gets the
notebook's cells in place of that line: text as it is, code as code.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

#: Lines that only IPython understands.
COMMAND = re.compile(r"^\s*[!%]", re.MULTILINE)
LINE = re.compile(r"^% notebook: (\S+)$", re.MULTILINE)


def cells_as_markdown(notebook: dict[str, Any]) -> str:
    """Return the cells of a notebook as MyST."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        language = "text" if COMMAND.search(text) else "python"
        parts.append(text if cell["cell_type"] == "markdown" else f"```{language}\n{text}\n```")
    return "\n\n".join(parts)


def insert_notebook(app: Any, page: str, source: list[str]) -> None:
    """Replace the line by the cells."""
    folder = Path(app.env.doc2path(page)).parent

    def cells(match: re.Match[str]) -> str:
        file = (folder / match[1]).resolve()
        app.env.note_dependency(str(file))
        return cells_as_markdown(json.loads(file.read_text(encoding="utf-8")))

    source[0] = LINE.sub(cells, source[0])


def setup(app: Any) -> dict[str, bool]:
    """Connect it to the reading of pages."""
    app.connect("source-read", insert_notebook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
