"""Verify that a model file is the trained network that its metadata name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from galaxy_classify.errors import ContractError, DataError, ModelError
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.onnx_check import check_onnx_file
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_export.galaxy_parity import check_graph, check_outputs, measure_parity
from galaxy_export.gate.batches import BATCH_SIZES
from galaxy_export.gate_images import load_gate_images
from galaxy_export.graph.convert import to_onnx
from galaxy_export.graph.margin import unseen_margin
from galaxy_export.graph.predictions import keras_predictions, onnx_runner
from galaxy_export.int8.choose import quantize_again
from galaxy_export.int8.guard import check_quantization
from galaxy_export.report import GateReport
from galaxy_train.checksum import file_sha256
from galaxy_train.networks.keras_model import load_model
from galaxy_train.networks.recipes import LOGITS
from galaxy_train.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network and its description.

    Parameters
    ----------
    network : keras.Model
        The network.
    sha256 : str
        Checksum of its file.
    classes : tuple of str or None
        Class names in the order of its outputs; None without a run folder.
    preprocessing : Preprocessing
        Preprocessing of its training images.
    held_out : HeldOut or None
        Predictions on its held-out images; None without a run folder, or for one of an earlier version.
    """

    network: Any
    sha256: str
    classes: tuple[str, ...] | None
    preprocessing: Preprocessing
    held_out: HeldOut | None = None


def load_trained(path: Path) -> Trained:
    """Load a trained network from a run folder or a ``.keras`` file.

    Raises
    ------
    DataError
        If the path is neither, a file is damaged, or the run's metrics describe another network.
    """
    if path.is_file():
        return Trained(load_model(path), file_sha256(path), None, Preprocessing())
    run = RunFolder.find(path)
    run.check_complete()
    metrics, sha256 = run.read_metrics(), run.model_sha256()
    if metrics.model_sha256 != sha256:
        raise DataError(f"{run.model}: is not the network that {run.metrics.name} describes; train again with --force")
    held_out = run.read_held_out(len(metrics.classes))
    return Trained(load_model(run.model), sha256, metrics.classes, Preprocessing(), held_out)


def verify_model(model: Path, trained: Trained, images: Path, tolerance: float, report: GateReport) -> None:
    """Check a model file against a trained network, step by step.

    The steps are those of the export: the ONNX checker, the contract with the metadata, logits, probabilities, classes,
    familiarity and embedding. An int8 file must pass the int8 guard, and predict the same as the network when that is
    converted and quantized again.

    Parameters
    ----------
    model : pathlib.Path
        ONNX file.
    trained : Trained
        The trained network.
    images : pathlib.Path
        HDF5 file or folder of galaxy images.
    tolerance : float
        Largest difference of a probability.
    report : GateReport
        Filled with the findings, also if a check fails.

    Raises
    ------
    ParityError
        If a check fails; the subclass names the step.
    DataError
        If the file cannot be read, or the images cannot be used.
    """
    try:
        content = model.read_bytes()
    except OSError as error:
        raise DataError(f"{model}: cannot be read: {error.strerror}") from None
    try:
        proto = onnx.load_from_string(check_onnx_file(content))
        check_graph(proto)
        loaded = OnnxModel(ModelSource(model))
    except ModelError as error:
        raise ContractError(str(error)) from None
    if (made_from := loaded.description.made_from) is not None:
        raise ContractError(
            f"{model}: is a standalone file: verify the model file that it was made from, with the SHA-256 "
            f"{made_from.get('sha256')}, and make it again from that with  galaxy-export standalone"
        )
    _check_metadata(loaded, trained, unseen_margin(proto))
    check_outputs(proto, trained.network)
    gate = load_gate_images(images, loaded.input_size, loaded.description.classes)
    report.images_from = gate.origin
    report.unreadable = gate.unreadable
    is_int8 = "int8" in loaded.description.parity
    if is_int8:
        gate.require_labels()  # fail before Keras predicts, which takes a while
    reference = keras_predictions(trained.network, gate.pixels)
    if is_int8:
        report.quantization = check_quantization(reference, proto, gate.pixels, gate.require_labels())
        report.against = "the trained network, quantized again,"
        again = quantize_again(to_onnx(trained.network), loaded.description.parity["int8"])
        reference = onnx_runner(again)(gate.pixels, BATCH_SIZES[-1])
    report.parity = measure_parity(reference, proto, gate.pixels, tolerance)
    report.parity.check()


def _check_metadata(loaded: OnnxModel, trained: Trained, margin: int) -> None:
    description = loaded.description
    claims = [
        ("source_sha256", description.source_sha256, trained.sha256),
        ("preprocessing", description.preprocessing, replace(trained.preprocessing, margin=margin)),
        ("input size", loaded.input_size, tuple(trained.network.input_shape[1:3])),
    ]
    if trained.classes is not None:
        claims.append(("classes", description.classes, trained.classes))
    for what, claimed, true in claims:
        if claimed != true:
            raise ContractError(f"contract: {what} is {claimed}, but the trained network has {true}")
    if trained.held_out is not None and description.held_out not in (None, trained.held_out):
        raise ContractError("contract: held_out are not the predictions of the run on its held-out images")
    outputs = trained.network.get_layer(LOGITS).output.shape[1]
    if len(description.classes) != outputs:
        raise ContractError(f"contract: {len(description.classes)} classes, but the trained network has {outputs}")
