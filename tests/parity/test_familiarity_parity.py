"""The gate on a network with a familiarity and an embedding: both are the trained network's, as float32 and as int8."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from few_calibration_images import with_few_calibration_images
from galaxy_classify.defaults import MIN_FAMILIARITY
from galaxy_classify.errors import (
    ContractError,
    DataError,
    EmbeddingError,
    FamiliarityError,
    ParityError,
    ProbabilityError,
    QuantizationError,
)
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from galaxy_painter import draw_golden, paint_set
from keras_once import KerasOnce

pytestmark = [pytest.mark.parity, pytest.mark.slow]

Change = Callable[[onnx.ModelProto], None]
OUTPUTS = ("probabilities", "familiarity", "embedding")
COMPARED = (*OUTPUTS, "logits", "familiarity_logit")


@contextmanager
def untrained() -> Iterator[None]:
    """Let int8 change more classes than usual: a network that has not learnt anything is never sure."""
    from galaxy_export.int8 import convolutions, guard

    limits: dict[str, Any] = {
        "MIN_AGREEMENT": 0.8,
        "MAX_ACCURACY_LOSS": 0.1,
        "MAX_CALIBRATION_LOSS": 0.1,
        "MAX_UNFAMILIAR_RISE": 0.1,
    }
    limits["MIN_FAMILIARITY_AGREEMENT"] = 0.8
    with (
        mock.patch.object(convolutions, "MIN_TRAINING_AGREEMENT", 0.8),
        mock.patch.multiple(guard, **limits),
    ):
        yield


@pytest.fixture(scope="module")
def network(drawn_pixels: np.ndarray) -> Any:
    """Return a network with a familiarity; it has not learnt anything, but its outputs differ from image to image."""
    import keras

    from galaxy_train.networks.keras_model import predict_layer
    from galaxy_train.networks.recipes import FAMILIARITY_LOGIT, FAMILIARITY_SHIFT, LATE_LOGIT, LOGITS, compact

    keras.utils.set_random_seed(5)
    built = compact(64, 4)
    random = np.random.default_rng(0)
    weights = [values + random.normal(0, 0.1, values.shape) * (values.ndim == 1) for values in built.get_weights()]
    built.set_weights([np.abs(values) if values.ndim == 1 and (values > 0.5).all() else values for values in weights])
    # Sure of its classes, and unfamiliar with a quarter of the images.
    late = built.get_layer(LATE_LOGIT)
    late.set_weights([random.normal(0, 0.1, values.shape) for values in late.get_weights()])
    heads = built.get_layer(FAMILIARITY_LOGIT).input
    for dense in (built.get_layer(LOGITS), *(layer for layer in built.layers if any(layer.output is x for x in heads))):
        kernel, bias = dense.get_weights()
        dense.set_weights([10 * kernel, bias - 10 * predict_layer(built, dense.name, drawn_pixels).mean(axis=0)])
    logits = predict_layer(built, FAMILIARITY_LOGIT, drawn_pixels)
    built.get_layer(FAMILIARITY_SHIFT).offset = -float(np.quantile(logits, 0.25))
    return built


@pytest.fixture(scope="module")
def drawn_pixels(small_dataset: Path) -> np.ndarray:
    """Drawn galaxies, 64 px."""
    from galaxy_train.data.load import load_data

    return load_data(small_dataset).train.images[:200]


@pytest.fixture(scope="module")
def graph(network: Any, keras_once: KerasOnce) -> Callable[[], onnx.ModelProto]:
    """Return its float32 graph, a new copy with each call."""
    return lambda: keras_once.functions["to_onnx"](network)


@pytest.fixture(scope="module")
def trained(network: Any) -> Any:
    """The network with what is known of it."""
    from galaxy_export.verify import Trained

    return Trained(network, "a" * 64, None, Preprocessing())


@pytest.fixture(scope="module")
def export(
    trained: Any, trained_tiny: Path, small_dataset: Path, keras_once: KerasOnce
) -> Callable[..., tuple[OnnxModel, Any]]:
    """Export the network as the run that the tiny recipe has left, and return the model and the report."""
    from galaxy_export import export
    from galaxy_export.report import GateReport
    from galaxy_train.run_folder import RunFolder

    def run(output: Path, **options: Any) -> tuple[OnnxModel, Any]:
        report = GateReport(output.name)
        others = {name: options.pop(name) for name in ("to_onnx",) if name in options}
        settings: dict[str, Any] = {"name": "x", "version": "1", "tolerance": 1e-5, "int8": False} | options
        with (
            keras_once.inside(export, load_trained=lambda _: trained, **others),
            with_few_calibration_images(),
            untrained(),
        ):
            return export.export_run(RunFolder(trained_tiny), output, small_dataset, report, **settings), report

    return run


@pytest.fixture(scope="module")
def files(export: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[OnnxModel, Any]]:
    """Files of the network as float32 and, with golden images, as int8; and their reports."""
    folder = tmp_path_factory.mktemp("familiarity")
    (folder / "golden").mkdir()
    draw_golden(folder / "golden")
    return {
        "float": export(folder / "float.onnx"),
        "int8": export(folder / "int8.onnx", int8=True, golden=folder / "golden"),
    }


@pytest.fixture(scope="module")
def verify(trained: Any, small_dataset: Path, keras_once: KerasOnce) -> Callable[..., Any]:
    """Verify a file against the network, and return the report."""
    from galaxy_export import verify
    from galaxy_export.report import GateReport

    def check(path: Path, against: Any = trained) -> Any:
        report = GateReport(path.name)
        with keras_once.inside(verify), untrained():
            verify.verify_model(path, replace(against, classes=None), small_dataset, 1e-5, report)
        return report

    return check


def run(proto: onnx.ModelProto, pixels: np.ndarray, batch: int = 64) -> Any:
    """Return predictions."""
    from galaxy_export.graph.predictions import onnx_runner

    return onnx_runner(proto)(pixels, batch)


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_the_file_keeps_the_contract(files: dict[str, Any], network: Any, kind: str) -> None:
    """Its three outputs are in order, the version of the contract allows them, and float32 gives Keras' values."""
    model, _ = files[kind]
    proto = onnx.load(model.source.path)
    assert tuple(output.name for output in proto.graph.output) == OUTPUTS
    assert {output.type.tensor_type.shape.dim[0].dim_param for output in proto.graph.output} == {"batch"}
    assert model.description.contract == "2"
    assert model.has_familiarity
    assert model.embedding_size == 36
    images, _ = paint_set(per_class=5, seed=9)
    outputs = model.run(images, embedding=True)
    assert outputs.familiarity.shape == (20,)
    if kind == "float":
        from galaxy_train.networks.keras_model import predict_familiarity, predict_layer

        assert outputs.familiarity == pytest.approx(predict_familiarity(network, images), abs=1e-5)
        assert outputs.embedding == pytest.approx(predict_layer(network, "embedding", images), abs=1e-3)


def test_the_same_network_gives_the_same_bytes(graph: Callable[[], onnx.ModelProto], network: Any) -> None:
    """Traced again, where TensorFlow gives everything another name, the graph is the same."""
    from galaxy_export.graph.convert import to_onnx

    assert to_onnx(network).SerializeToString(deterministic=True) == graph().SerializeToString(deterministic=True)


def test_report_and_metadata_have_the_differences(files: dict[str, Any]) -> None:
    """Whoever reads the proof sees how close familiarity and embedding are, and what int8 costs."""
    model, report = files["int8"]
    proof = model.description.parity
    for name in ("familiarity_logit", "familiarity", "embedding"):
        assert 0 < proof[f"largest_{name}_difference"] < 1e-4
        assert [name in row for row in json.loads(report.to_json())["parity"]["comparisons"]] == [True] * 4
    assert 0.8 < proof["int8"]["familiarity_agreement"] <= 1
    assert proof["int8"]["unfamiliar"] == pytest.approx(proof["int8"]["float_unfamiliar"], abs=0.1)
    assert proof["int8"]["float_unfamiliar"] > 0.05
    for text in (report.to_table(), report.to_markdown()):
        assert "familiarity logit, relative" in text
        assert "same side in familiarity" in text


def test_a_network_without_them_does_not_mention_them() -> None:
    """Reports of other networks stay as they were."""
    from galaxy_export.galaxy_parity import Parity
    from galaxy_export.graph.comparison import compare
    from galaxy_export.graph.predictions import Predictions
    from galaxy_export.int8.guard import QuantizationLoss
    from galaxy_export.report import GateReport

    plain = Predictions(np.zeros((3, 2), np.float32), np.full((3, 2), 0.5, np.float32))
    parity = Parity(3, (compare(plain, plain, 1),), 1e-5)
    report = GateReport("x", parity=parity, quantization=QuantizationLoss(1, 1, 1, 1, 0, 0, 0))
    for text in (report.to_table(), report.to_markdown(), report.to_json(), json.dumps(parity.to_metadata())):
        assert "agreement" in text or "same class" in text
        for word in ("familiar", "embedding"):
            assert word not in text


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_no_output_depends_on_batch_or_orientation(files: dict[str, Any], drawn_pixels: np.ndarray, kind: str) -> None:
    """To the last bit in any batch, and up to rounding in any of the eight orientations."""
    from galaxy_export.graph.predictions import onnx_runner
    from galaxy_train.networks.symmetric import orient

    predict = onnx_runner(onnx.load(files[kind][0].source.path))
    pixels = drawn_pixels[:40]
    together = predict(pixels, 64)
    for batch in (1, 3, 17):
        found = predict(pixels, batch)
        for name in COMPARED:
            assert np.array_equal(getattr(found, name), getattr(together, name)), (name, batch)
    for orientation in range(1, 8):
        found = predict(np.stack([orient(image, orientation) for image in pixels]), 64)
        assert found.familiarity == pytest.approx(together.familiarity, abs=1e-4)
        assert found.embedding == pytest.approx(together.embedding, abs=1e-3)


def producer(proto: onnx.ModelProto, output: str) -> onnx.NodeProto:
    """Return the node that computes a tensor."""
    found: onnx.NodeProto = next(node for node in proto.graph.node if output in node.output)
    return found


def constant(proto: onnx.ModelProto, name: str, change: Callable[[np.ndarray], Any]) -> None:
    """Change a constant that a node reads."""
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(change(values), values.dtype), name))


def behind(output: str, *nodes: tuple[str, Any, str]) -> Change:
    """Return a change that computes an output from what it was: operators, their constants, and attributes."""

    def change(proto: onnx.ModelProto) -> None:
        node = producer(proto, output)
        for reader in proto.graph.node:
            reader.input[:] = ["0" if name == output else name for name in reader.input]
        node.output[:] = ["0"]
        for number, (operator, value, axis) in enumerate(nodes):
            proto.graph.initializer.append(numpy_helper.from_array(np.array(value), f"changed {number}"))
            inputs = [f"changed {number}", f"{number}"] if operator == "Sub" else [f"{number}", f"changed {number}"]
            name = output if number == len(nodes) - 1 else f"{number + 1}"
            options: dict[str, Any] = {"axis": int(axis)} if axis else {}
            proto.graph.node.append(helper.make_node(operator, inputs, [name], **options))

    return change


def head_scaled(proto: onnx.ModelProto) -> None:
    """The last layer of the first familiarity head scaled by a thousandth."""
    dense = producer(proto, "familiarity_logit")
    while dense.op_type == "Add":
        dense = producer(proto, dense.input[0])
    constant(proto, dense.input[1], lambda values: values * np.float32(1.001))


def shift_changed(proto: onnx.ModelProto) -> None:
    """Another share of galaxies below 0.5: the logit stays, the familiarity does not."""
    (shift,) = [node for node in proto.graph.node if "familiarity_logit" in node.input]
    constant(proto, shift.input[1], lambda values: values + 0.01)


def logit_missing(proto: onnx.ModelProto) -> None:
    """Nothing to compare the familiarity by."""
    for node in proto.graph.node:
        for names in (node.input, node.output):
            names[:] = ["hidden" if name == "familiarity_logit" else name for name in names]


def familiarity_left_out(proto: onnx.ModelProto) -> None:
    """A file that never says that it does not know."""
    del proto.graph.output[1]


def embedding_left_out(proto: onnx.ModelProto) -> None:
    """A file without what galaxies are compared by."""
    del proto.graph.output[2]


def order_changed(proto: onnx.ModelProto) -> None:
    """The embedding before the familiarity."""
    outputs = [proto.graph.output[place] for place in (0, 2, 1)]
    kept = [onnx.ValueInfoProto.FromString(output.SerializeToString()) for output in outputs]
    del proto.graph.output[:]
    proto.graph.output.extend(kept)


MUTATIONS: dict[str, tuple[Change, type[ParityError]]] = {
    "familiarity head scaled by 1.001": (head_scaled, FamiliarityError),
    "familiarity shifted by 0.01": (shift_changed, FamiliarityError),
    "1 - familiarity": (behind("familiarity", ("Sub", np.float32(1), "")), FamiliarityError),
    "familiarity always 1": (
        behind("familiarity", ("Mul", np.float32(0), ""), ("Add", np.float32(1), "")),
        FamiliarityError,
    ),
    "familiarity always NaN": (
        behind("familiarity", ("Mul", np.float32("nan"), "")),
        FamiliarityError,
    ),
    "no familiarity logit": (logit_missing, FamiliarityError),
    "embedding permuted": (behind("embedding", ("Gather", [1, 0, *range(2, 36)], "1")), EmbeddingError),
    "no familiarity": (familiarity_left_out, ContractError),
    "no embedding": (embedding_left_out, ContractError),
    "outputs in another order": (order_changed, ContractError),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_file_is_refused_with_the_right_error(
    name: str, files: dict[str, Any], verify: Callable[..., Any], tmp_path: Path
) -> None:
    """Each change is caught by the step that is there for it."""
    change, error = MUTATIONS[name]
    proto = onnx.load(files["float"][0].source.path)
    change(proto)
    (tmp_path / "changed.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(error):
        verify(tmp_path / "changed.onnx")


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_the_honest_file_passes(files: dict[str, Any], verify: Callable[..., Any], kind: str) -> None:
    """On every image, at every batch size, each output included."""
    report = verify(files[kind][0].source.path)
    assert [measure.field for measure in report.parity.measures] == [
        "logits",
        "probabilities",
        "familiarity_logit",
        "familiarity",
        "embedding",
    ]


def test_a_changed_head_of_an_int8_file_is_refused(
    files: dict[str, Any], verify: Callable[..., Any], tmp_path: Path
) -> None:
    """It is compared with the network quantized again, so it cannot hide within what rounding may cost."""
    proto = onnx.load(files["int8"][0].source.path)
    head_scaled(proto)
    (tmp_path / "changed.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(FamiliarityError):
        verify(tmp_path / "changed.onnx")


def test_a_file_may_not_have_more_than_the_network(
    files: dict[str, Any], verify: Callable[..., Any], trained: Any
) -> None:
    """A familiarity that the network does not have was made up."""
    from galaxy_export import galaxy_parity

    path = files["float"][0].source.path
    with (
        mock.patch.object(galaxy_parity, "network_outputs", return_value=OUTPUTS[:1]),
        pytest.raises(
            ContractError, match="outputs are probabilities, familiarity, embedding, but the trained network"
        ),
    ):
        verify(path)


def test_a_converter_that_loses_an_output_leaves_no_file(
    export: Callable[..., Any], graph: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    """A network with a familiarity is not exported without."""

    def broken(network: Any) -> onnx.ModelProto:
        proto = graph()
        familiarity_left_out(proto)
        return proto

    with pytest.raises(ContractError, match="outputs are probabilities, embedding, but the trained network has"):
        export(tmp_path / "model.onnx", to_onnx=broken)
    assert list(tmp_path.iterdir()) == []


def test_what_the_runtime_reads_is_checked(files: dict[str, Any], drawn_pixels: np.ndarray, tmp_path: Path) -> None:
    """A file gets its name only if the runtime gets each output from it."""
    from galaxy_export.model_file import write_model

    proto = onnx.load(files["float"][0].source.path)
    pixels = drawn_pixels[:8]
    expected = run(proto, pixels)
    for name, error in (
        ("probabilities", ProbabilityError),
        ("familiarity", FamiliarityError),
        ("embedding", EmbeddingError),
    ):
        with pytest.raises(error, match="in the runtime: parity: the largest"):
            write_model(
                proto, tmp_path / "a.onnx", pixels, replace(expected, **{name: getattr(expected, name) + 1}), 1e-5
            )
    assert list(tmp_path.iterdir()) == []


def test_golden_images_record_the_familiarity(files: dict[str, Any]) -> None:
    """The self-test of an installation compares it."""
    from galaxy_classify.cli.about.self_test import run_self_test

    model, _ = files["int8"]
    images = json.loads(golden_file(model.source.path).read_text())["images"]
    assert all(0 <= image["familiarity"] <= 1 for image in images)
    outcome = run_self_test(model)
    assert outcome.familiarity_difference is not None
    assert outcome.inference_holds


def test_int8_reads_bytes_and_leaves_the_head_float(files: dict[str, Any]) -> None:
    """Neither cast nor scaling lies before the first convolution, and no quantization behind a dense layer."""
    from galaxy_export.int8.convolutions import _behind_dense_layers

    model, _ = files["int8"]
    proto = onnx.load(model.source.path)
    count = model.description.parity["int8"]["float_convolutions"]
    assert count == 0
    tensor, before = next(node for node in proto.graph.node if node.op_type == "Conv").input[0], []
    while tensor != "images":
        node = producer(proto, tensor)
        before.append(node.op_type)
        tensor = node.input[0]
    assert before == ["DequantizeLinear", "Transpose", "Slice"]
    weights = [tensor for tensor in proto.graph.initializer if len(tensor.dims) == 4]
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.INT8}
    behind_dense = _behind_dense_layers(proto)
    assert not any(
        name in behind_dense for node in proto.graph.node if "Linear" in node.op_type for name in node.output
    )


def test_the_guard_limits_what_familiarity_loses(files: dict[str, Any], drawn_pixels: np.ndarray) -> None:
    """Too many images on the other side of 0.5, too many unfamiliar ones, and a familiarity that the batch changes."""
    from galaxy_export.int8.guard import check_quantization

    proto = onnx.load(files["int8"][0].source.path)
    found = run(proto, drawn_pixels)
    labels = found.predicted
    check_quantization(found, proto, drawn_pixels, labels)
    unfamiliar = np.flatnonzero(found.familiarity < MIN_FAMILIARITY)
    for flipped, message in (
        (unfamiliar[:3], r"98\.5000% of the images stay on their side of the familiarity 0\.5, 99% must stay"),
        (unfamiliar[:2], r"the share of images below the familiarity 0\.5 rises from .* by more than 0\.005"),
    ):
        other = found.familiarity.copy()
        other[flipped] = 1
        with pytest.raises(QuantizationError, match=message):
            check_quantization(replace(found, familiarity=other), proto, drawn_pixels, labels)
    node = producer(proto, "familiarity")
    node.output[:] = ["own"]
    proto.graph.node.append(helper.make_node("ReduceMean", ["own"], ["of the batch"], axes=[0], keepdims=1))
    proto.graph.node.append(helper.make_node("Mul", ["own", "of the batch"], ["familiarity"]))
    with pytest.raises(QuantizationError, match=r"depends on the others in its batch: .* difference of a familiarity"):
        check_quantization(found, proto, drawn_pixels, labels)


def test_corrected_biases_are_nearer_to_the_float_network(
    graph: Callable[[], onnx.ModelProto], files: dict[str, Any], drawn_pixels: np.ndarray
) -> None:
    """One correction for all orientations of a feature; those of another network are refused."""
    from galaxy_export.int8.choose import quantize_again

    noted = files["int8"][0].description.parity["int8"]
    assert len(noted["corrections"]) == 7
    for values in noted["corrections"].values():
        of_orientations = np.reshape(values, (8, -1))
        assert (of_orientations == of_orientations[0]).all()
    expected = run(graph(), drawn_pixels).embedding
    shift = {}
    for name, corrections in (("corrected", noted["corrections"]), ("plain", {})):
        found = run(quantize_again(graph(), noted | {"corrections": corrections}), drawn_pixels).embedding
        shift[name] = np.abs((found - expected).mean(axis=0)).mean()
    assert shift["corrected"] < 0.5 * shift["plain"]
    for wrong in ({"none": [0.0]}, {"5/Conv": [0.0]}):
        with pytest.raises(DataError, match="corrections of biases are those of another network"):
            quantize_again(graph(), noted | {"corrections": wrong})


def test_a_network_that_cannot_be_compared_is_refused() -> None:
    """A familiarity without its logit is a mistake of the recipe."""
    import keras

    from galaxy_export.graph.convert import with_compared_tensors

    images = keras.Input((4, 4, 3), dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
    logits = keras.layers.Dense(2, name="logits")(features)
    outputs = {"probabilities": keras.layers.Softmax()(logits), "familiarity": keras.layers.Dense(1)(features)}
    with pytest.raises(DataError, match="the network has no layer 'familiarity_logit'"):
        with_compared_tensors(keras.Model(images, outputs))
