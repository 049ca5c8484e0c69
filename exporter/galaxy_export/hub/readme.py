"""Write the model card for a hub: a header for machines, the card that the model file carries, and how to use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from galaxy_classify.inference.contract import ModelDescription
from galaxy_export.hub.files import CONFIG, GOLDEN, MODEL, STANDALONE
from galaxy_export.hub.licences import hub_licence
from galaxy_export.hub.results import TASK, results, training_sets
from galaxy_export.hub.yaml_text import yaml_text
from galaxy_export.metadata import AUTHOR, LICENCE

TAGS: Final = ("onnx", "galaxy-classify", "astronomy", "galaxy-morphology")


def header(about: ModelDescription, credit: Mapping[str, str]) -> dict[str, Any]:
    """Return the entries of the header, from a model's metadata; what these do not record is left out.

    Parameters
    ----------
    about : ModelDescription
        Metadata of the contract.
    credit : mapping
        Author and licence, from `galaxy_export.metadata.credit_of`.
    """
    entries: dict[str, Any] = dict(hub_licence(credit.get(LICENCE)))
    if credit.get(AUTHOR):
        entries[AUTHOR] = credit[AUTHOR]
    entries |= {"library_name": "onnx", "pipeline_tag": TASK, "tags": list(TAGS)}
    if data_sets := training_sets(about):
        entries["datasets"] = data_sets
    if found := results(about):
        entries["metrics"] = list(dict.fromkeys(metric["type"] for entry in found for metric in entry["metrics"]))
        entries["model-index"] = [{"name": about.name, "results": found}]
    return entries


def readme(about: ModelDescription, credit: Mapping[str, str], *, golden: bool, standalone: bool) -> str:
    """Return the text of README.md; `golden` and `standalone` say which files the folder has."""
    card = about.card.strip() or _short_card(about)
    parts = _at_first_section(card)
    usage = _usage(golden=golden, standalone=standalone)
    body = "\n\n".join(part.strip("\n") for part in (parts[0], usage, parts[1]) if part.strip())
    return f"---\n{yaml_text(header(about, credit))}---\n\n{body}\n"


def _short_card(about: ModelDescription) -> str:
    return (
        f"# Model card: {_code(about.name)} {_code(about.version)}\n\n"
        f"Classifies images of galaxies as one of: {', '.join(map(_code, about.classes))}.\n\n"
        "Its file carries no model card, which would say what it was trained on and how good it is: label some images "
        "of your own and measure it on them before you trust it.\n"
    )


def _code(text: str) -> str:
    """Return text as code, which Markdown shows as it is, whatever it holds."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _at_first_section(card: str) -> tuple[str, str]:
    """Divide a card before its first section: what the model is, and all else."""
    lines = card.splitlines(keepends=True)
    in_code = False
    for number, line in enumerate(lines):
        if line.startswith("```"):
            in_code = not in_code
        elif line.startswith("## ") and not in_code:
            return "".join(lines[:number]), "".join(lines[number:])
    return card, ""


def _usage(*, golden: bool, standalone: bool) -> str:
    parts = [
        f"""\
## How to use it

`{MODEL}` is for the Python package galaxy-classify (`pip install galaxy-classify`), which crops and resizes images as
this model needs them. In this folder:

```sh
galaxy-classify --model {MODEL} galaxy.jpg
```

```python
from galaxy_classify import GalaxyClassifier

for galaxy in GalaxyClassifier("{MODEL}").classify("galaxy.jpg"):
    print(galaxy.label, galaxy.confidence, galaxy.status)
```"""
    ]
    if golden:
        parts.append(f"""\
`{GOLDEN}` has images with recorded results, to test an installation:

```sh
galaxy-classify self-test {MODEL}
```""")
    if standalone:
        parts.append(f"""\
`{STANDALONE}` crops and resizes in its graph. Any program that has ONNX Runtime can give it whole images; in Python:

```python
import json, numpy, onnxruntime, PIL.Image

session = onnxruntime.InferenceSession("{STANDALONE}")
classes = json.loads(session.get_modelmeta().custom_metadata_map["galaxy_classify.classes"])
image = numpy.asarray(PIL.Image.open("galaxy.jpg").convert("RGB"))
(probabilities,) = session.run(["probabilities"], {{"image": image}})[0]
print(classes[probabilities.argmax()], probabilities.max())
```

Set the environment variable `ORT_DISABLE_TELEMETRY` to 1 before, or ONNX Runtime sends events to its maker.""")
    parts.append(f"`{CONFIG}` has classes, crop and resize, and the checksums of the files.")
    return "\n\n".join(parts)
