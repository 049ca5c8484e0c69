"""What a model returns is checked: a row of probabilities for each image, or the run says so."""

from __future__ import annotations

from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image

import galaxy_classify.dask
from galaxy_classify import GalaxyClassifier, ImageError, ModelError
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.outputs import ModelOutputs, check_shape, value_faults
from in_process import run_classify
from tiny_model import save_tiny_model

NO_RANGE = "the model gave no probabilities: values outside 0 to 1"
HALF, TWO = np.float32(0.5), np.float32(2)
NO_SUM = "the model gave no probabilities: their sum is not 1"


def constant(name: str, *values: int | np.float32) -> onnx.NodeProto:
    """Return a node that gives these numbers."""
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(values)))


def sliced(first: list[int], cut: list[int]) -> list[onnx.NodeProto]:
    """Return nodes that leave out rows or columns; the ends are computed, so that ONNX Runtime cannot foresee them."""
    return [
        constant("first", *first),
        constant("cut", *cut),
        helper.make_node("Shape", ["softmax"], ["shape"]),
        helper.make_node("Sub", ["shape", "cut"], ["ends"]),
        helper.make_node("Slice", ["softmax", "first", "ends"], ["probabilities"]),
    ]


#: Ends of models that do not return one row of four numbers for each image.
WRONG_SHAPE = {
    "a row too few": sliced([1, 0], [0, 0]),
    "no row": sliced([0, 0], [10**9, 0]),
    "a row too many": [helper.make_node("Concat", ["softmax", "softmax"], ["probabilities"], axis=0)],
    "a column too few": sliced([0, 0], [0, 1]),
}
#: Ends of models whose rows are no probabilities, and what each row says.
WRONG_VALUES = {
    "logits": ([helper.make_node("Identity", ["logits"], ["probabilities"])], NO_RANGE),
    "halves": (
        [constant("half", HALF), helper.make_node("Mul", ["softmax", "half"], ["probabilities"])],
        NO_SUM,
    ),
    "below zero": ([helper.make_node("Neg", ["softmax"], ["probabilities"])], NO_RANGE),
    "doubled": (
        [constant("two", TWO), helper.make_node("Mul", ["softmax", "two"], ["probabilities"])],
        NO_RANGE,
    ),
}


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of forty small images, more than two batches: red, green and blue."""
    folder = tmp_path_factory.mktemp("colours")
    for number in range(40):
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[..., number % 3] = np.linspace(200, 255, 64)  # not the same everywhere: that would be no picture
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return folder


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", WRONG_SHAPE)
def test_rows_that_belong_to_no_image_end_the_run(tmp_path: Path, colours: Path, case: str, threads: int) -> None:
    """Nobody can say whose rows they are: an error of the model, not fewer rows and not another image's class."""
    model = save_tiny_model(tmp_path / "a.onnx", ending=WRONG_SHAPE[case])
    files = sorted(colours.iterdir())
    with pytest.raises(ModelError, match=r"a\.onnx: contract: the model returned float32 of shape .* for 16 images"):
        list(GalaxyClassifier(model, threads).classify(files))
    with pytest.raises(ModelError, match=r"a\.onnx: contract: the model returned"):
        GalaxyClassifier(model, threads).predict_proba([file.read_bytes() for file in files])
    result = run_classify(colours, "-m", model, "--threads", threads, "-o", tmp_path / "out.csv")
    assert result.returncode == 3
    assert "contract: the model returned float32 of shape" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", WRONG_VALUES)
def test_numbers_that_are_no_probabilities_are_errors(tmp_path: Path, colours: Path, case: str, threads: int) -> None:
    """Logits are not confidence: each row says that it has no class, and the exit code that inputs failed."""
    ending, message = WRONG_VALUES[case]
    model = save_tiny_model(tmp_path / "a.onnx", ending=ending)
    files = sorted(colours.iterdir())
    rows = list(GalaxyClassifier(model, threads).classify(files))
    assert [row.path for row in rows] == [str(file) for file in files]
    assert {(row.status, row.label, row.message) for row in rows} == {("error", None, message)}
    with pytest.raises(ImageError, match=f"image 0: {message}"):
        GalaxyClassifier(model, threads).predict(files[0].read_bytes())
    result = run_classify(colours, "-m", model, "--threads", threads, "-f", "jsonl")
    assert result.returncode == 1
    assert result.stdout.count(message) == len(files)


def test_one_image_without_probabilities_does_not_take_its_batch_along(tmp_path: Path, colours: Path) -> None:
    """A row is judged by itself: the others of its batch keep their class, whatever the size of the batch."""
    nodes = [  # softmax for red and green; for blue, whose third probability is the largest, twice as much
        constant("two", TWO),
        constant("third", *np.eye(4, dtype=np.float32)[2]),
        helper.make_node("Mul", ["softmax", "third"], ["blue"]),
        helper.make_node("Round", ["blue"], ["is_blue"]),
        helper.make_node("Mul", ["is_blue", "two"], ["added"]),
        helper.make_node("Add", ["softmax", "added"], ["probabilities"]),
    ]
    classifier = GalaxyClassifier(save_tiny_model(tmp_path / "a.onnx", ending=nodes), threads=2)
    files = [*sorted(colours.iterdir()), tmp_path / "none.png"]
    for size in (1, 7, 16):
        rows = list(classifier.classify(files, batch_size=size))
        assert [row.message == NO_RANGE for row in rows] == [number % 3 == 2 for number in range(40)] + [False]
        assert rows[-1].message == "no such file"
        assert [row.label for row in rows[:2]] == ["smooth_round", "smooth_cigar"]


def test_partitions_of_a_dask_frame_are_checked_too(tmp_path: Path, colours: Path) -> None:
    """A worker's batch is checked as the command's is."""
    frame = dd.from_pandas(pd.DataFrame({"file": [str(file) for file in sorted(colours.iterdir())]}), npartitions=2)
    logits = save_tiny_model(tmp_path / "logits.onnx", ending=WRONG_VALUES["logits"][0])
    short = save_tiny_model(tmp_path / "short.onnx", ending=WRONG_SHAPE["a row too few"])
    with dask.config.set(scheduler="threads"):
        found = galaxy_classify.dask.classify(frame, path_column="file", model=logits).compute()
        assert found["message"].tolist() == [NO_RANGE] * 40
        with pytest.raises(ModelError, match="contract: the model returned"):
            galaxy_classify.dask.classify(frame, path_column="file", model=short).compute()


@pytest.mark.parametrize(
    "output",
    [None, [[0.5, 0.5]], np.zeros((1, 2)), np.zeros(2, np.float32), np.zeros((2, 1), np.float32),
     np.zeros((1, 2, 1), np.float32), np.zeros((1, 2), np.float16), np.zeros((1, 2), np.int32)],
)  # fmt: skip
def test_only_a_table_of_float32_is_an_output(output: object) -> None:
    """Of the right size, and in the type that the contract names."""
    with pytest.raises(ModelError, match="not float32 of shape"):
        check_shape(output, "probabilities", (1, 2))


def softmax(logits: NDArray[np.float64], dtype: type) -> NDArray[np.float32]:
    """Return softmax computed in a type."""
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(dtype))
    rows: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True, dtype=dtype)).astype(np.float32)
    return rows


@pytest.mark.parametrize("classes", [2, 4, 10, 37])
def test_honest_rounding_passes(classes: int) -> None:
    """Softmax in float32, in float16, and rounded to the 256 levels of an int8 output."""
    logits = np.random.default_rng(classes).normal(0, 4, (2000, classes))
    exact = softmax(logits, np.float32)
    levels = np.float32(1 / 255.5)
    for honest in (exact, softmax(logits, np.float16), np.round(exact / levels).clip(0, 255) * levels):
        assert value_faults(ModelOutputs(honest.astype(np.float32))) == {}
    assert value_faults(ModelOutputs(np.eye(classes, dtype=np.float32))) == {}
    assert value_faults(ModelOutputs(np.empty((0, classes), np.float32))) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named(value: float) -> None:
    """In any column, and only that row."""
    rows = np.full((3, 4), 0.25, np.float32)
    rows[1, 2] = value
    assert value_faults(ModelOutputs(rows)) == {1: "the model gave no finite probabilities"}


def test_the_optional_outputs_are_checked_row_by_row() -> None:
    """A familiarity is a number from 0 to 1, an embedding is finite; a fault of the probabilities is named first."""
    rows = np.full((6, 4), 0.25, np.float32)
    rows[5] = 2
    familiarity = np.array([0, 1.5, np.nan, -0.5, 1, 2], np.float32)
    embedding = np.array([[np.inf, 0], [0, 0], [np.nan, 0], [0, 0], [1e30, 0], [0, np.nan]], np.float32)
    finite, in_range = "the model gave no finite familiarity", "the model gave a familiarity outside 0 to 1"
    assert value_faults(ModelOutputs(rows, familiarity)) == {1: in_range, 2: finite, 3: in_range, 5: NO_RANGE}
    no_embedding = "the model gave no finite embedding"
    assert value_faults(ModelOutputs(rows, None, embedding)) == {0: no_embedding, 2: no_embedding, 5: NO_RANGE}
    faults = {0: no_embedding, 1: in_range, 2: finite, 3: in_range, 5: NO_RANGE}
    assert value_faults(ModelOutputs(rows, familiarity, embedding)) == faults


def test_a_familiarity_that_belongs_to_no_image_ends_the_run(tmp_path: Path, colours: Path) -> None:
    """As with the probabilities, nobody can say whose it is."""
    nodes = [helper.make_node("Concat", ["brightness", "brightness"], ["familiarity"], axis=0)]
    info = helper.make_tensor_value_info("familiarity", onnx.TensorProto.FLOAT, ["rows"])
    model = save_tiny_model(tmp_path / "a.onnx", further=nodes, further_outputs=[info])
    result = run_classify(colours, "-m", model)
    assert result.returncode == 3
    assert "a.onnx: contract: the model returned float32 of shape [32] for 16 images as 'familiarity'" in result.stderr


def test_the_embedding_is_computed_on_request_only(tmp_path: Path, colours: Path) -> None:
    """It is large, and few ask for it: one that fails is noticed only by them."""
    nodes = [helper.make_node("Concat", ["colour", "colour"], ["embedding"], axis=0)]
    info = helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, ["rows", 3])
    file = save_tiny_model(tmp_path / "a.onnx", further=nodes, further_outputs=[info])
    assert run_classify(colours, "-m", file).returncode == 0
    model = OnnxModel(ModelSource(file))
    with pytest.raises(ModelError, match=r"returned float32 of shape \[4, 3\] for 2 images as 'embedding'"):
        model.run(np.zeros((2, 64, 64, 3), np.uint8), embedding=True)


def test_a_familiarity_that_is_no_number_is_an_error(tmp_path: Path, colours: Path) -> None:
    """The row says so, and has no class that someone could trust."""
    nodes = [
        constant("zero", np.float32(0)),
        helper.make_node("Div", ["zero", "zero"], ["none"]),
        helper.make_node("Add", ["brightness", "none"], ["familiarity"]),
    ]
    info = helper.make_tensor_value_info("familiarity", onnx.TensorProto.FLOAT, ["batch"])
    model = save_tiny_model(tmp_path / "a.onnx", further=nodes, further_outputs=[info])
    rows = list(GalaxyClassifier(model, threads=1).classify(sorted(colours.iterdir())[:3]))
    assert [(row.status, row.label, row.message) for row in rows] == [
        ("error", None, "the model gave no finite familiarity")
    ] * 3
