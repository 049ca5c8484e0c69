"""Export a run: convert, compare with Keras, quantize, compare again, write the model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from galaxy_classify.errors import DataError
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import ModelDescription, contract_version
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.names import class_fault, name_fault
from galaxy_export.galaxy_parity import check_graph, check_outputs, measure_parity
from galaxy_export.gate.batches import BATCH_SIZES
from galaxy_export.gate_images import load_gate_images
from galaxy_export.golden import machine_tolerance, read_golden_candidates, write_golden
from galaxy_export.graph.convert import to_onnx
from galaxy_export.graph.margin import unseen_margin
from galaxy_export.graph.predictions import keras_predictions, onnx_runner
from galaxy_export.int8.choose import quantize
from galaxy_export.int8.guard import check_quantization
from galaxy_export.metadata import set_metadata
from galaxy_export.model_card.card import model_card
from galaxy_export.model_file import tool_versions, training_summary, write_model
from galaxy_export.report import GateReport
from galaxy_export.verify import load_trained
from galaxy_train.run_folder import RunFolder


def export_run(
    run: RunFolder,
    output: Path,
    images: Path,
    report: GateReport,
    *,
    name: str,
    version: str,
    tolerance: float,
    int8: bool,
    calibration: Path | None = None,
    golden: Path | None = None,
    notes: str = "",
    credit: Mapping[str, str] | None = None,
) -> OnnxModel:
    """Export a run to an ONNX file that keeps the model contract; write no file if a check fails.

    Parameters
    ----------
    run : RunFolder
        A finished run.
    output : pathlib.Path
        The file to write.
    images : pathlib.Path
        HDF5 file or folder of galaxy images for the parity gate.
    report : GateReport
        Filled with the findings, also if a check fails.
    name, version : str
        Name and version that the model file states.
    tolerance : float
        Largest difference of a probability between Keras and ONNX Runtime.
    int8 : bool
        Whether to quantize the network.
    calibration : pathlib.Path, optional
        Data set that the run was trained on, for int8 of a convolutional network; by default `images`.
    golden : pathlib.Path, optional
        Folder of a few images to record beside the model file for its self-test.
    notes : str, optional
        Markdown for the model card, about the data and the limits of use.
    credit : mapping, optional
        Author and licence, by ONNX' keys.

    Returns
    -------
    OnnxModel
        The file, as the runtime loads it.

    Raises
    ------
    DataError
        If the run or the images cannot be used.
    ParityError
        If the exported model predicts other values than the trained one; the subclass names the failed step.
    """
    if not output.absolute().parent.is_dir():
        raise DataError(f"{output}: cannot be written: there is no folder {output.parent}")
    if fault := name_fault(name):
        raise DataError(f"the name {name!a} {fault}; give the model another one with --name")
    trained = load_trained(run.path)
    metrics = run.read_metrics()
    classes = metrics.classes
    if fault := class_fault(classes):
        raise DataError(f"{run.path}: {fault}; train with another name")
    gate = load_gate_images(images, tuple(trained.network.input_shape[1:3]), classes)
    if int8:
        gate.require_labels()  # fail before the conversion, which takes a while
    resizer = Resizer(gate.pixels.shape[1:3], trained.preprocessing)
    candidates = read_golden_candidates(golden, resizer) if golden else []
    report.images_from = gate.origin
    report.unreadable = gate.unreadable

    proto = to_onnx(trained.network)
    check_graph(proto)
    check_outputs(proto, trained.network)
    preprocessing = replace(trained.preprocessing, margin=unseen_margin(proto))
    reference = keras_predictions(trained.network, gate.pixels)
    report.parity = measure_parity(reference, proto, gate.pixels, tolerance)
    report.parity.check()
    proof: dict[str, Any] = {"images_from": gate.origin, **report.parity.to_metadata()}
    expected = reference

    if int8:
        proto, recipe = quantize(proto, metrics.data, calibration or images)
        check_graph(proto)
        report.quantization = check_quantization(reference, proto, gate.pixels, gate.require_labels())
        proof["int8"] = report.quantization.to_metadata() | recipe
        expected = onnx_runner(proto)(gate.pixels, BATCH_SIZES[-1])

    description = ModelDescription(
        name=name,
        version=version,
        classes=classes,
        preprocessing=preprocessing,
        training=training_summary(metrics),
        parity=proof,
        source_sha256=trained.sha256,
        exported_with=tool_versions(),
        card=model_card(name, version, metrics, proof, preprocessing, notes, trained.held_out),
        held_out=trained.held_out,
        contract=contract_version(output.name for output in proto.graph.output),
    )
    set_metadata(proto, description, credit or {})
    model = write_model(proto, output, gate.pixels, expected, tolerance)
    if candidates:
        write_golden(model, trained.network, candidates, machine_tolerance(proto, gate.pixels))
    return model
