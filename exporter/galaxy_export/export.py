"""The export of a run, step by step: convert, prove, quantize, prove, write."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from galaxy_classify.contract import ModelDescription, Preprocessing
from galaxy_classify.errors import DataError
from galaxy_classify.model import OnnxModel
from galaxy_export.conversion import to_onnx
from galaxy_export.gate_images import GateImages, load_gate_images
from galaxy_export.package import set_metadata, tool_versions, training_summary, write_model
from galaxy_export.parity import (
    MIDDLE_BATCH,
    Parity,
    check_parity,
    keras_answers,
    onnx_runner,
)
from galaxy_export.quantization import quantize_dense
from galaxy_export.quantization_guard import QuantizationLoss, check_quantization
from galaxy_train.evaluate import load_model
from galaxy_train.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A finished export.

    Parameters
    ----------
    model : OnnxModel
        The file, as the runtime loads it.
    parity : Parity
        Proof that the float graph is the trained network.
    quantization : QuantizationLoss or None
        What int8 cost, if it was asked for.
    images : GateImages
        What it was checked on.
    """

    model: OnnxModel
    parity: Parity
    quantization: QuantizationLoss | None
    images: GateImages


def export_run(
    run: RunFolder, output: Path, images: Path, *, name: str, version: str, tolerance: float, int8: bool
) -> ExportResult:
    """Export a run to an ONNX file that keeps the model contract, or leave no file.

    Parameters
    ----------
    run : RunFolder
        A finished run.
    output : pathlib.Path
        The file to make.
    images : pathlib.Path
        HDF5 file or folder of galaxy images for the parity gate.
    name, version : str
        What the model shall call itself.
    tolerance : float
        Largest difference of a probability between Keras and ONNX Runtime.
    int8 : bool
        Whether to quantize the dense layers.

    Returns
    -------
    ExportResult
        The file and its proof.

    Raises
    ------
    DataError
        If the run or the images cannot be used.
    ParityError
        If the exported model does not answer as the trained one does.
    ModelError
        If the file breaks the contract.
    """
    run.check_complete()
    metrics = run.read_metrics()
    source_sha256 = run.model_sha256()
    if metrics.get("model_sha256") != source_sha256:
        raise DataError(f"{run.model}: is not the network that {run.metrics.name} describes; train again with --force")
    model = load_model(run.model)
    classes = tuple(metrics["classes"])
    gate = load_gate_images(images, tuple(model.input_shape[1:3]), classes)

    proto = to_onnx(model)
    reference = keras_answers(model, gate.pixels)
    parity = check_parity(reference, proto, gate.pixels, tolerance)
    proof: dict[str, Any] = {"images_from": gate.origin, **parity.to_metadata()}
    expected = reference.probabilities

    loss = None
    if int8:
        if gate.labels is None:
            raise DataError(
                f"{images}: has no labels, and --int8 must measure what accuracy it costs; give an HDF5 file "
                "with labels, or a folder with a labels.csv (file,label)"
            )
        proto = quantize_dense(proto)
        loss = check_quantization(reference, proto, gate.pixels, gate.labels)
        proof["int8"] = asdict(loss)
        expected = onnx_runner(proto)(gate.pixels, MIDDLE_BATCH).probabilities

    description = ModelDescription(
        name=name,
        version=version,
        classes=classes,
        preprocessing=Preprocessing(),
        training=training_summary(metrics),
        parity=proof,
        source_sha256=source_sha256,
        exported_with=tool_versions(),
    )
    set_metadata(proto, description)
    return ExportResult(write_model(proto, output, gate.pixels, expected, tolerance), parity, loss, gate)
