"""Add a model file to the models that are shipped with the package, and the run that it was made from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from galaxy_classify.errors import DataError
from galaxy_classify.inference.embedded import MANIFEST, ModelSource
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.standalone.write import write_standalone
from galaxy_train.run_folder import SHIPPED_RUNS, RunFolder


def card_file(model: Path) -> Path:
    """Return the path of an embedded model's card beside it, for readers of the source tree."""
    return model.with_name(f"{model.stem}.MODEL_CARD.md")


def standalone_file(model: Path) -> Path:
    """Return the path of an embedded model's standalone file."""
    return model.with_name(f"{model.stem}-standalone.onnx")


def embed_model(model: Path, folder: Path, *, default: bool) -> OnnxModel:
    """Copy a model, its golden images and its card into a models folder, and add it to the manifest.

    Of the default model, the folder gets the standalone file as well.

    Parameters
    ----------
    model : pathlib.Path
        ONNX file that keeps the contract.
    folder : pathlib.Path
        Folder of embedded models, ``runtime/galaxy_classify/models`` in the source tree.
    default : bool
        Whether it becomes the default model; the first one always does.

    Returns
    -------
    OnnxModel
        The copy, as the runtime loads it.

    Raises
    ------
    DataError
        If there is no such folder, or the file is a standalone one.
    ModelError
        If the file breaks the contract.
    ParityError
        If its standalone file is not the same model.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; --into names runtime/galaxy_classify/models of a source tree")
    loaded = OnnxModel(ModelSource(model))
    if loaded.description.is_standalone:
        raise DataError(f"{model}: is a standalone file; embed the model file that it was made from, it follows that")
    name = loaded.description.name
    manifest_file = folder / MANIFEST
    manifest = json.loads(manifest_file.read_text(encoding="utf-8")) if manifest_file.exists() else {"models": {}}
    target = folder / f"{name}.onnx"
    if model.resolve() != target.resolve():
        shutil.copyfile(model, target)
        if golden_file(model).exists():
            shutil.copyfile(golden_file(model), golden_file(target))
    if loaded.description.card:
        card_file(target).write_text(loaded.description.card, encoding="utf-8")
    manifest["models"][name] = {"file": target.name, "version": loaded.description.version, "sha256": loaded.sha256}
    if default or "default" not in manifest:
        manifest["default"] = name
    if manifest["default"] == name:
        standalone, _ = write_standalone(ModelSource(target, name), standalone_file(target), None, batched=False)
        # The runtime writes its golden images itself, from those of the model.
        golden_file(standalone.source.path).unlink(missing_ok=True)
        manifest["standalone"] = {"file": standalone.source.path.name, "model": name, "sha256": standalone.sha256}
    manifest_file.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return OnnxModel(ModelSource(target, name, loaded.sha256))


def ship_run(run: RunFolder, model: OnnxModel, folder: Path = SHIPPED_RUNS) -> RunFolder:
    """Copy what a run needs to be gone on from, measured and verified with: no history and no pictures.

    Parameters
    ----------
    run : RunFolder
        The run that the model was made from.
    model : OnnxModel
        The embedded model.
    folder : pathlib.Path, optional
        Folder of shipped runs.

    Returns
    -------
    RunFolder
        The copy.

    Raises
    ------
    DataError
        If the run is incomplete, or the model was made from another one.
    """
    run.check_complete()
    if run.model_sha256() != model.description.source_sha256:
        raise DataError(f"{run.path}: is not the run that {model.source.path} was made from")
    copy = RunFolder(folder / model.description.name)
    copy.path.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run.model, copy.model)
    copy.held_out.unlink(missing_ok=True)
    if run.held_out.is_file():
        shutil.copyfile(run.held_out, copy.held_out)
    copy.write_metrics(replace(run.read_metrics(), data_source=None))  # a path on the machine of the training
    return copy
