"""A folder of images as the input of a model: only where there is one way to do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from galaxy_classify.errors import DataError
from galaxy_export.gate.inputs.load import load_inputs
from galaxy_export.gate.models.load import as_model
from galaxy_export.parity import assert_parity


def model(kind: int, shape: list[Any]) -> onnx.ModelProto:
    """Return a model that gives its images."""
    nodes = [helper.make_node("Identity", ["images"], ["same"])]
    tensors = [helper.make_tensor_value_info(name, kind, ["batch", *shape]) for name in ("images", "same")]
    graph = helper.make_graph(nodes, "images", tensors[:1], tensors[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with three images, of one colour above and black below, of several sizes, and a file that is none."""
    path = tmp_path_factory.mktemp("images")
    for number, size in enumerate(((40, 20), (32, 32), (64, 96))):
        image = Image.new("RGB", size, (250, 100, 50 * number))
        image.paste((0, 0, 0), (0, size[1] // 2, size[0], size[1]))  # an image of one colour is no image
        image.save(path / f"{number}.png")
    (path / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return path


def load(folder: Path, kind: int, shape: list[Any], white: float | None = None) -> np.ndarray:
    """Return the images of the folder as a model takes them."""
    found = load_inputs(folder, as_model(model(kind, shape), "candidate"), white=white)
    assert found.left_out == 1
    return found.arrays["images"]


def test_bytes_with_channels_last(folder: Path) -> None:
    """They are given as they are decoded, resized to the model's size."""
    images = load(folder, TensorProto.UINT8, [16, 24, 3])
    assert (images.shape, str(images.dtype)) == ((3, 16, 24, 3), "uint8")
    assert (images[2, :4] == [250, 100, 100]).all()


@pytest.mark.parametrize(("kind", "dtype"), [(TensorProto.FLOAT, "float32"), (TensorProto.FLOAT16, "float16")])
def test_floats_with_channels_first(folder: Path, kind: int, dtype: str) -> None:
    """White is what the user says: 1 and 255 are both common, and a network is blind for the other."""
    images = load(folder, kind, [3, 16, 16], white=1)
    assert (images.shape, str(images.dtype)) == ((3, 3, 16, 16), dtype)
    assert images[1, :, 0, 0] == pytest.approx(np.array([250, 100, 50]) / 255, abs=1e-3)
    assert load(folder, kind, [3, 16, 16], white=255)[1, :, 0, 0] == pytest.approx([250, 100, 50])
    with pytest.raises(DataError, match="say which value white has with --white 1 or --white 255"):
        load(folder, kind, [3, 16, 16])


def test_grey(folder: Path) -> None:
    """A model of one channel gets the brightness."""
    images = load(folder, TensorProto.UINT8, [16, 16, 1])
    assert images.shape == (3, 16, 16, 1)
    assert int(images[0, 0, 0, 0]) == round(0.299 * 250 + 0.587 * 100)


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        (TensorProto.UINT8, [3, 16, 3], "may be the first axis of an image or the last"),
        (TensorProto.UINT8, [16, 16, 5], "may be the first axis of an image or the last"),
        (TensorProto.UINT8, ["height", "width", 3], "takes images of any size"),
        (TensorProto.UINT8, [768], "is no batch of images"),
        (TensorProto.INT32, [16, 16, 3], "is no batch of images"),
    ],
)
def test_what_is_ambiguous_is_refused(folder: Path, kind: int, shape: list[Any], message: str) -> None:
    """With the remedy, which is a file of arrays."""
    with pytest.raises(DataError, match=f"{message}.*: prepare an NPZ file with its inputs"):
        load(folder, kind, shape, white=1)


def test_a_folder_in_a_test_of_ones_own(folder: Path, tmp_path: Path) -> None:
    """Both models get the same pixels."""
    assert_parity(model(TensorProto.FLOAT, [3, 16, 16]), lambda images: images, folder, white=1)
    with pytest.raises(DataError, match="has no images"):
        assert_parity(model(TensorProto.UINT8, [16, 16, 3]), lambda images: images, tmp_path)
    with pytest.raises(DataError, match="does not say what it takes"):
        assert_parity(lambda images: images, lambda images: images, folder)
