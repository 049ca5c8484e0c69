"""The eight orientations: exact in the layers, in the network, and in its exported file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

pytestmark = pytest.mark.slow


def turn(images: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror each image of a batch."""
    from galaxy_train.networks.symmetric import orient

    return np.stack([orient(image, orientation) for image in images])


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Images without any symmetry of their own."""
    return np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("orientation", range(8))
def test_turning_the_image_turns_the_maps_and_permutes_the_orientations(orientation: int) -> None:
    """One set of weights serves all eight; a layer that merely averages would lose what lies where."""
    from galaxy_train.networks.symmetric import ORIENTATIONS, SymmetricConvolution

    lifting, deeper = SymmetricConvolution(3, 4, stride=2, lifting=True), SymmetricConvolution(5, 3)
    x = np.random.default_rng(1).normal(size=(2, 16, 16, 3)).astype(np.float32)

    def maps(pixels: np.ndarray) -> np.ndarray:
        answer: np.ndarray = deeper(lifting(pixels)).numpy()
        return answer.reshape(*answer.shape[:3], ORIENTATIONS, -1)

    upright, turned = maps(x), maps(turn(x, orientation))
    expected = turn(upright, orientation)
    permutations = [
        [h for h in range(ORIENTATIONS) if np.allclose(turned[:, :, :, g], expected[:, :, :, h], atol=1e-4)]
        for g in range(ORIENTATIONS)
    ]
    assert sorted(h for found in permutations for h in found) == list(range(ORIENTATIONS))


@pytest.mark.parametrize("size", [50, 64, 224])
def test_the_network_says_the_same_in_all_orientations(size: int) -> None:
    """To the rounding of float32, for both of GalaxyMNIST's resolutions, and for one that is nobody's power of two."""
    from galaxy_train.evaluation.evaluate import symmetry_agreement
    from galaxy_train.networks.recipes import cnn

    model = cnn(size, 4)
    images = np.random.default_rng(2).integers(0, 255, (4, size, size, 3), dtype=np.uint8)
    upright = model(images).numpy()
    for orientation in range(8):
        assert model(turn(images, orientation)).numpy() == pytest.approx(upright, abs=1e-5)
    assert symmetry_agreement(model, images) == 1


def test_a_network_without_the_symmetry_is_found_out(images: np.ndarray) -> None:
    """The figure that is reported can fall below 1."""
    import keras

    from galaxy_train.evaluation.evaluate import symmetry_agreement
    from galaxy_train.networks.recipes import mlp

    keras.utils.set_random_seed(0)
    assert symmetry_agreement(mlp(64, 4), np.concatenate([images, images // 2, images // 4, images // 8])) < 1


def test_a_size_that_loses_the_centre_is_refused() -> None:
    """Nothing symmetric can be cut out of an odd number of pixels, and of very few nothing would be left."""
    from galaxy_classify.errors import DataError
    from galaxy_train.networks.recipes import cnn

    for size in (51, 14):
        with pytest.raises(DataError, match=f"takes images of an even size from 16 px, not {size} px"):
            cnn(size, 4)


def test_running_averages_are_those_of_all_orientations() -> None:
    """Batch normalisation treats a feature's eight channels as one, or the symmetry would be gone after training."""
    from galaxy_train.networks.symmetric import MOMENTUM, SymmetricConvolution

    layer = SymmetricConvolution(2, 3, lifting=True)
    x = np.random.default_rng(3).normal(size=(4, 8, 8, 3)).astype(np.float32)
    normalised = layer(x, training=True).numpy().reshape(4, 8, 8, 8, 2)
    assert normalised.mean(axis=(0, 1, 2, 3)) == pytest.approx([0, 0], abs=1e-4)
    assert normalised.std(axis=(0, 1, 2, 3)) == pytest.approx([1, 1], abs=1e-2)
    before = layer(x).numpy()
    for _ in range(60):
        layer(x, training=True)
    settled = layer(x).numpy().reshape(4, 8, 8, 8, 2)
    assert np.abs(before - settled.reshape(before.shape)).max() > 0.1
    assert settled == pytest.approx(normalised, abs=10 * MOMENTUM**60 + 1e-3)


def test_settled_statistics_are_those_of_all_images() -> None:
    """Each batch counts alike, whatever the statistics were before; afterwards they run as usual."""
    from galaxy_train.networks.recipes import cnn
    from galaxy_train.networks.symmetric import MOMENTUM, SymmetricConvolution, settle_statistics

    model = cnn(16, 2)
    layer = next(layer for layer in model.layers if isinstance(layer, SymmetricConvolution))
    layer.mean.assign([100.0, -100.0])
    batches = [np.random.default_rng(seed).integers(0, 60 * seed, (8, 16, 16, 3)).astype("uint8") for seed in (1, 2, 3)]
    weights = [weight.numpy() for weight in model.trainable_weights]

    def mean_of(images: np.ndarray) -> np.ndarray:
        single = SymmetricConvolution(layer.features, layer.kernel, layer.stride, lifting=True)
        single.build((None, 16, 16, 3))
        single.weight.assign(layer.weight)
        single.momentum = 0
        single(images.astype(np.float32) / 255, training=True)
        return np.asarray(single.mean)

    settle_statistics(model, batches)
    assert np.asarray(layer.mean) == pytest.approx(np.mean([mean_of(images) for images in batches], axis=0), abs=1e-5)
    assert layer.momentum == MOMENTUM
    for before, after in zip(weights, model.trainable_weights, strict=True):
        assert np.array_equal(before, after.numpy())


def test_the_saved_network_is_the_trained_one(
    trained_cnn: Path, elsewhere: tuple[Path, subprocess.CompletedProcess[str]], images: np.ndarray
) -> None:
    """Layers of our own survive model.keras, in a process that has not trained anything."""
    from galaxy_train.networks.keras_model import load_model

    answers = np.load(elsewhere[0] / "answers.npy")
    assert answers == pytest.approx(load_model(trained_cnn / "model.keras")(images).numpy(), abs=1e-6)


def test_at_inference_a_layer_is_one_ordinary_convolution(cnn_graph: Callable[[], onnx.ModelProto]) -> None:
    """The exported file has no trace of groups, gathers or batch normalisation, only ten Conv."""
    graph = cnn_graph().graph
    operators: dict[str, int] = {}
    for node in graph.node:
        operators[node.op_type] = operators.get(node.op_type, 0) + 1
    assert operators["Conv"] == 10
    assert not {"Gather", "BatchNormalization", "Einsum", "Tile", "ReduceMean"} & set(operators)
