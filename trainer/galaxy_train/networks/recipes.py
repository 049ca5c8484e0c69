"""Recipes: how a network is built and trained, by name.

A recipe's network takes uint8 pixels (batch, height, width, 3) and scales them itself. It ends with the layers
``logits``, whose answers the exporter's parity gate compares, ``temperature``, which is fitted after the training, and
``probabilities``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import INPUT_NAME, OUTPUT_NAME

LOGITS: Final = "logits"


TEMPERATURE: Final = "temperature"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network and the way it is trained.

    Parameters
    ----------
    build : callable
        Takes the edge of the images in pixels and the number of classes, returns a ``keras.Model``.
    epochs, batch_size : int
        Passes over the training images, and images a step, unless the user chooses others.
    learning_rate : float
        Adam's, at its highest, unless the user chooses another.
    validation : {"last", "stratified"}
        Whether the last part of the training set is held out, or a part of each class at random.
    augment : bool
        Whether each image is turned and changed at random each time.
    cosine : bool
        Whether the learning rate falls along a cosine to zero after a short rise, or is constant.
    weight_decay : float
        AdamW's.
    label_smoothing : float
        Share of each label that is spread over all classes.
    """

    build: Callable[[int, int], Any]
    epochs: int
    batch_size: int
    learning_rate: float
    validation: Literal["last", "stratified"]
    augment: bool = False
    cosine: bool = False
    weight_decay: float = 0.0
    label_smoothing: float = 0.0


def mlp(size: int, classes: int) -> Any:
    """Build the seed's multilayer perceptron: 12288-512-512-512-4 for 64 px and four classes.

    Parameters
    ----------
    size : int
        Height and width of the images in pixels.
    classes : int
        Number of classes.

    Returns
    -------
    keras.Model
        6,819,332 parameters for 64 px and four classes.

    Notes
    -----
    The seed flattened images that were stored channels first, so the pixels are brought into that order.
    """
    import keras  # here, so that the command line can list the recipes without loading TensorFlow

    layers = keras.layers
    images = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Permute((3, 1, 2))(x)
    x = layers.Flatten()(x)
    for _ in range(3):
        x = layers.Dense(512, activation="relu")(x)
        x = layers.Dropout(0.2)(x)
    return _with_head("mlp", images, x, classes)


def cnn(size: int, classes: int) -> Any:
    """Build a compact convolutional network that answers alike to a galaxy in all eight orientations.

    Parameters
    ----------
    size : int
        Height and width of the images in pixels, an even number from 16.
    classes : int
        Number of classes.

    Returns
    -------
    keras.Model
        60,000 parameters, which serve as 440,000 in eight orientations.

    Raises
    ------
    DataError
        If the images have another size: the network must see them symmetrically.

    See Also
    --------
    galaxy_train.networks.symmetric : Where the eight orientations are explained.

    Notes
    -----
    It looks at about the central three quarters of the image. In GalaxyMNIST's framing a galaxy fills a third of the
    edge, so what lies further out is sky and neighbours; leaving it away nearly halves the cost, and the corners that
    augmentation has to make up when it turns an image are never seen.
    """
    return _symmetric_network("cnn", CNN_STAGES, size, classes)


def swift(size: int, classes: int) -> Any:
    """Build a faster variant of the cnn, for which `galaxy_train.training.distillation` makes up in accuracy.

    Parameters
    ----------
    size : int
        Height and width of the images in pixels, an even number from 16.
    classes : int
        Number of classes.

    Returns
    -------
    keras.Model
        67,986 parameters for four classes, which serve as 500,000 in eight orientations.

    Raises
    ------
    DataError
        If the images have another size.

    Notes
    -----
    It does its work on maps a quarter of the edge wide. The cnn spends half of its time on a residual block before,
    where a map has four times as many positions, and where int8 loses too much to be used.
    """
    return _symmetric_network("swift", SWIFT_STAGES, size, classes)


def _symmetric_network(name: str, stages: tuple[Stage, ...], size: int, classes: int) -> Any:
    if size % 2 or size < SMALLEST:
        raise DataError(f"the recipe {name} takes images of an even size from {SMALLEST} px, not {size} px; see --size")
    large = size > LARGEST_UNREDUCED
    # Halved as often as below, the edge stays whole and keeps its centre: 64 px become 48, 224 px become 176.
    halvings = len(stages) + large
    seen = int(0.75 * size / 2**halvings + 0.5) * 2**halvings
    import keras

    from galaxy_train.networks.symmetric import OrientationMean, SymmetricConvolution

    layers = keras.layers
    images = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
    x = layers.Rescaling(1 / 255)(layers.Cropping2D((size - seen) // 2)(images))
    x = layers.ReLU()(SymmetricConvolution(STEM_FEATURES, 5, lifting=True)(x))
    if large:
        x = layers.AveragePooling2D(2)(x)
    for stage in stages:
        x = layers.AveragePooling2D(2)(x)
        x = layers.ReLU()(SymmetricConvolution(stage.features, 3)(x))
        for _ in range(stage.residual_blocks):
            y = layers.ReLU()(SymmetricConvolution(stage.features, 3)(x))
            x = layers.ReLU()(layers.Add()([x, SymmetricConvolution(stage.features, 3)(y)]))
    x = layers.Dropout(0.3)(OrientationMean()(x))
    return _with_head(name, images, x, classes)


@dataclass(frozen=True, slots=True)
class Stage:
    """What follows a pooling: a convolution, and residual blocks of two.

    Parameters
    ----------
    features : int
        Features of all of them, each in eight orientations.
    residual_blocks : int
        How many.
    """

    features: int
    residual_blocks: int


#: Features of the convolution at full resolution, each in eight orientations.
STEM_FEATURES: Final = 2


CNN_STAGES: Final = (Stage(4, 1), Stage(8, 1), Stage(16, 1))


SWIFT_STAGES: Final = (Stage(4, 0), Stage(8, 2), Stage(16, 1))


#: Edge of the smallest images, in pixels, of which anything is left after the last pooling.
SMALLEST: Final = 16


#: Edge of the largest images, in pixels, that the cnn sees without an extra pooling.
LARGEST_UNREDUCED: Final = 128


def _with_head(name: str, images: Any, features: Any, classes: int) -> Any:
    import keras

    logits = keras.layers.Dense(classes, name=LOGITS)(features)
    calibrated = keras.layers.Rescaling(1.0, name=TEMPERATURE)(logits)
    return keras.Model(images, keras.layers.Softmax(name=OUTPUT_NAME)(calibrated), name=name)


_CNN: Final = Recipe(
    cnn,
    epochs=60,
    batch_size=64,
    learning_rate=0.003,
    validation="stratified",
    augment=True,
    cosine=True,
    weight_decay=0.02,
    label_smoothing=0.05,
)


RECIPES: Final[dict[str, Recipe]] = {
    "mlp": Recipe(mlp, epochs=50, batch_size=1000, learning_rate=0.0015, validation="last"),
    "cnn": _CNN,
    "swift": replace(_CNN, build=swift),
}
