"""The recipe compact: size, orientations, both outputs, and what it is after it has been saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galaxy_classify.errors import DataError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network() -> Any:
    """The network for 64 px and four classes, untrained."""
    import keras

    from galaxy_train.networks.recipes import compact

    keras.utils.set_random_seed(1)
    return compact(64, 4)


def test_it_is_the_default() -> None:
    """Of both commands that train: whoever names no recipe gets the one that knows what it does not know."""
    from galaxy_train.cli import CrossValidationOptions, FitOptions
    from galaxy_train.training.parameters import FitParameters

    assert FitOptions().recipe == CrossValidationOptions().recipe == "compact"
    assert FitParameters.of_recipe("compact").augment == "wide"


def random_images(size: int, count: int = 3) -> np.ndarray:
    """Return images without any symmetry of their own."""
    return np.random.default_rng(size).integers(0, 255, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [16, 64, 224])
def test_both_outputs_are_the_same_in_all_orientations(size: int) -> None:
    """To the rounding of float32, and none is a constant, which would be so without any symmetry."""
    import keras

    from galaxy_train.networks.recipes import FAMILIARITY_LOGIT, LOGITS, compact
    from galaxy_train.networks.symmetric import orient

    model = compact(size, 4)
    images = random_images(size)
    turned = np.concatenate([[orient(image, orientation) for image in images] for orientation in range(8)])
    assert {name: output.shape for name, output in model(images).items()} == {
        "probabilities": (3, 4),
        "familiarity": (3,),
    }
    layers = [model.get_layer(name).output for name in (LOGITS, FAMILIARITY_LOGIT, "embedding")]
    for values in keras.Model(model.input, layers)(turned):
        of_orientations = np.asarray(values).reshape(8, 3, -1)
        assert of_orientations == pytest.approx(np.broadcast_to(of_orientations[:1], of_orientations.shape), abs=1e-4)
        assert np.ptp(of_orientations[0], axis=0).max() > 1e-3


def test_the_network_is_as_small_as_it_says(network: Any) -> None:
    """The docs and the model card give this figure; the statistics add nothing to it that depends on the size."""
    from galaxy_train.networks.recipes import compact

    assert network.count_params() == 82_910
    assert compact(16, 4).count_params() == compact(224, 4).count_params() == 82_910
    assert "82,910 parameters" in str(compact.__doc__)


@pytest.mark.parametrize(("size", "seen"), [(16, 16), (64, 48), (224, 176)])
def test_the_outer_pixels_are_not_looked_at(size: int, seen: int) -> None:
    """Neither by the classes nor by the familiarity: there augmentation has filled in what it has not got."""
    from galaxy_train.networks.recipes import compact

    model = compact(size, 2)
    images = random_images(size, 2)
    margin = (size - seen) // 2
    framed = np.zeros_like(images)
    framed[:, margin : size - margin, margin : size - margin] = images[
        :, margin : size - margin, margin : size - margin
    ]
    plain, with_frame = model(images), model(framed)
    for name, values in plain.items():
        assert np.array_equal(values, with_frame[name])
    framed[:, margin] = 255
    assert not np.array_equal(plain["familiarity"], model(framed)["familiarity"])


@pytest.mark.parametrize("size", [51, 14])
def test_a_size_that_does_not_suit_it_is_refused(size: int) -> None:
    """Nothing symmetric can be cut out of an odd number of pixels, and of very few nothing would be left."""
    from galaxy_train.networks.recipes import compact

    with pytest.raises(DataError, match=f"the recipe compact takes images of an even size from 16 px, not {size} px"):
        compact(size, 4)


def test_the_saved_network_is_the_same(network: Any, tmp_path: Path) -> None:
    """Layers of our own, both outputs and what calibration has set survive model.keras."""
    from galaxy_train.evaluation.calibration import Calibration
    from galaxy_train.networks.keras_model import has_familiarity, load_model

    images = random_images(64)
    before = np.asarray(network(images)["familiarity"])
    Calibration(temperature=2.0, familiarity_shift=-1.5).apply(network)
    network.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert has_familiarity(loaded)
    outputs = loaded(images)
    for name, values in network(images).items():
        assert np.asarray(outputs[name]) == pytest.approx(np.asarray(values), abs=1e-6)
    logit = np.log(before / (1 - before)) - 1.5
    assert np.asarray(outputs["familiarity"]) == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)
