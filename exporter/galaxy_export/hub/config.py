"""Write config.json: classes, as Hugging Face's configurations have them, and what the model file says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from galaxy_classify.inference.contract import EMBEDDING_NAME, FAMILIARITY_NAME, INPUT_NAME, OUTPUT_NAME
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.metadata import AUTHOR, LICENCE
from galaxy_train.checksum import file_sha256


def config(model: OnnxModel, credit: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, Any]:
    """Return the content of config.json.

    Parameters
    ----------
    model : OnnxModel
        The model file.
    credit : mapping
        Author and licence, from `galaxy_export.metadata.credit_of`.
    files : mapping
        Paths of the other files by their names in the folder.
    """
    about = model.description
    outputs: dict[str, list[int]] = {OUTPUT_NAME: [len(about.classes)]}
    if model.has_familiarity:
        outputs[FAMILIARITY_NAME] = []
    if model.embedding_size is not None:
        outputs[EMBEDDING_NAME] = [model.embedding_size]
    return {
        "id2label": {str(number): name for number, name in enumerate(about.classes)},
        "label2id": {name: number for number, name in enumerate(about.classes)},
        "image_size": list(model.input_size),
        "num_channels": 3,
        "galaxy_classify": {
            "contract": about.contract,
            "name": about.name,
            "version": about.version,
            AUTHOR: credit.get(AUTHOR),
            LICENCE: credit.get(LICENCE),
            "preprocessing": asdict(about.preprocessing),
            # Shapes of an image's input and outputs: the first axis, of images, is left out.
            "input": {INPUT_NAME: [*model.input_size, 3]},
            "outputs": outputs,
            "source_sha256": about.source_sha256,
        },
        "files": {name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for name, path in files.items()},
    }


def config_text(content: Mapping[str, Any]) -> str:
    """Return it as JSON; characters beyond ASCII are escaped, so that every reader gets the same."""
    return json.dumps(content, indent=2) + "\n"
