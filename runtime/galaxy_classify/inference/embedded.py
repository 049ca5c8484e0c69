"""Find model files: those embedded in the package, listed with their SHA-256 in a manifest, and the user's own."""

from __future__ import annotations

import json
import logging
import os
import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from galaxy_classify.errors import ModelError, UsageError
from galaxy_classify.text import did_you_mean

MODELS_FOLDER: Final = Path(__file__).parents[1] / "models"
MANIFEST: Final = "manifest.json"
#: Embedded models that were renamed: their old names still work, so that scripts do not break.
RENAMED: Final = {"seed-mlp": "galaxy-mlp"}

#: Characters of a model's name or path that a message shows, if there is no such model.
SHOWN: Final = 255

LOGGER = logging.getLogger("galaxy_classify")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Location of an ONNX file; for an embedded model also its name and SHA-256 in the manifest."""

    path: Path
    name: str | None = None
    sha256: str | None = None


def embedded_models(folder: Path = MODELS_FOLDER) -> dict[str, ModelSource]:
    """Return the embedded models by name, the default first; raise `ModelError` if the manifest cannot be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        default = manifest["default"]
        names = [default, *(name for name in manifest["models"] if name != default)]
        return {
            name: ModelSource(folder / entry["file"], name, entry["sha256"])
            for name, entry in ((name, manifest["models"][name]) for name in names)
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / MANIFEST}: cannot be used ({error!r}); install galaxy-classify again") from None


def embedded_standalone(folder: Path = MODELS_FOLDER) -> tuple[ModelSource, ModelSource]:
    """Return the standalone file that comes with the package, and the embedded model that it was made from.

    Raises
    ------
    ModelError
        If the manifest cannot be read, or lists none.
    """
    try:
        entry = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["standalone"]
        return ModelSource(folder / entry["file"], None, entry["sha256"]), embedded_models(folder)[entry["model"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / MANIFEST}: cannot be used ({error!r}); install galaxy-classify again") from None


@cache
def _new_name(model: str) -> str:
    """Return the new name of a renamed model, and warn of the old one, once in a process."""
    # A program that has not configured logging gets the warning on standard error.
    LOGGER.warning("the model %s is now called %s; the old name will go in a later version", model, RENAMED[model])
    return RENAMED[model]


def embedded_model(path: Path) -> ModelSource | None:
    """Return the embedded model that a path names where there is no such file or folder; else None."""
    return None if path.exists() else embedded_models().get(str(path))


def find_model(model: str | os.PathLike[str] | None = None) -> ModelSource:
    """Find an embedded model by name, an ONNX file by path, or the default model, without reading the file.

    Raises
    ------
    UsageError
        If it is of another type.
    ModelError
        If there is neither an embedded model nor a file of that name.
    """
    models = embedded_models()
    if model is None:
        return next(iter(models.values()))
    if not isinstance(model, str | os.PathLike) or not isinstance(os.fspath(model), str):
        raise UsageError(f"model is {model!r}, it must be a name or a path")
    if isinstance(model, str) and model in RENAMED:
        model = _new_name(model)
    if isinstance(model, str) and model in models:
        return models[model]
    path = Path(model)
    try:
        kind = path.stat().st_mode
    except PermissionError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except (OSError, ValueError):  # also a name that no file can have: too long, or with a null character
        kind = 0
    if kind and not stat.S_ISREG(kind):
        raise ModelError(f"{path}: is a folder, a pipe or a device, not an ONNX file")
    if not kind:
        shown = str(path) if len(str(path)) <= SHOWN else f"{str(path)[:SHOWN]}…"
        hint = did_you_mean(str(path), models)
        raise ModelError(f"{shown}: neither an ONNX file nor an embedded model; {hint}embedded: {', '.join(models)}")
    return ModelSource(path)
