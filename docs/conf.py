"""Configuration of the documentation site, for ``python -m sphinx -n -W --keep-going docs BUILD``.

It needs the extra ``docs`` and no network: nothing is fetched for it, and the pages load nothing from other servers.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))
# The packages need not be installed: they are documented as they stand in this source tree.
sys.path[:0] = [str(DOCS.parent / folder) for folder in ("runtime", "trainer", "exporter")]

from galaxy_classify.version import __version__  # noqa: E402

project = "galaxy-classify"
author = "galaxy-classify developers"
copyright = author  # noqa: A001 - Sphinx wants this name
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "api_references",
    "command_options",
    "notebook_page",
]

# docs/model_notes.md becomes part of each model card (galaxy-export convert --notes), and the cards are pages.
exclude_patterns = ["_ext", "model_notes.md"]
root_doc = "index"
suppress_warnings: list[str] = []

# MyST: anchors of headings as GitHub has them, so that links work there, too.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
myst_links_external_new_tab = False

# Docstrings are numpydoc's; their tables give the types, so signatures need not.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# A single backtick in a docstring is a name of the API, or of a parameter (_ext/api_references.py).
default_role = "api"

html_theme = "furo"
html_title = f"galaxy-classify {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
# Quotes and dashes in help texts and docstrings are code.
smartquotes = False
# Code without a named language is output of a command.
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "monokai"
