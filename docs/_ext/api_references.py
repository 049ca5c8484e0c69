"""The role ``api``, which a single backtick in a docstring has: a link to a name of the API, or a parameter's name."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.domains.python import PythonDomain
from sphinx.roles import XRefRole


def resolve(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Link a name to the only public object of that name; show the name of a parameter or attribute as code.

    Any other name is left to Sphinx, which warns of it.
    """
    if node.get("refdomain") != "py" or node.get("reftype") != "obj" or not node.get("of_docstring"):
        return None
    domain: PythonDomain = env.get_domain("py")
    target = node["reftarget"]
    found = {entry.node_id: (name, entry) for name, entry in domain.objects.items() if name.endswith(f".{target}")}
    own = [each for each in found.values() if each[0].startswith(f"{node.get('py:class')}.")]
    chosen = own or list(found.values())
    if len(chosen) == 1:
        name, entry = chosen[0]
        address = app.builder.get_relative_uri(node["refdoc"], entry.docname) + f"#{entry.node_id}"
        return nodes.reference("", "", content, internal=True, refuri=address, reftitle=name)
    return content if re.fullmatch(r"[a-z_]+", target) else None


class ApiRole(XRefRole):
    """Like ``py:obj``, but resolved by `resolve` first."""

    def process_link(self, env: Any, refnode: Any, has_explicit_title: bool, title: str, target: str) -> Any:
        """Mark the reference, and remember where it stands."""
        refnode["refdomain"], refnode["reftype"], refnode["of_docstring"] = "py", "obj", True
        refnode["py:module"] = env.ref_context.get("py:module")
        refnode["py:class"] = env.ref_context.get("py:class")
        return title, target


def setup(app: Any) -> dict[str, bool]:
    """Register the role and the resolver."""
    app.add_role("api", ApiRole(innernodeclass=nodes.literal))
    app.connect("missing-reference", resolve, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
