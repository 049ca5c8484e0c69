"""Recipes: named networks and the way they are trained.

A recipe's network takes uint8 pixels (batch, height, width, 3) and scales them itself. Its last layers are ``logits``,
which the exporter's parity gate compares, ``temperature``, which is fitted after the training, and ``probabilities``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import EMBEDDING_NAME, FAMILIARITY_NAME, INPUT_NAME, OUTPUT_NAME

LOGITS: Final = "logits"


TEMPERATURE: Final = "temperature"


#: Second head of the familiarity, whose logit is added to the first one's. It stays at zero while the network is
#: trained, and is trained afterwards, alone, on the statistics that are the input of both.
LATE_HIDDEN: Final = "familiarity_late_hidden"


LATE_LOGIT: Final = "familiarity_late"


#: Output of the familiarity head before shift and sigmoid.
FAMILIARITY_LOGIT: Final = "familiarity_logit"


#: Layer that moves the familiarity of 0.5 to a given share of held-out galaxies.
FAMILIARITY_SHIFT: Final = "familiarity_shift"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network and the way it is trained.

    Parameters
    ----------
    build : callable
        Takes the image size in pixels and the number of classes, and returns a ``keras.Model``.
    epochs, batch_size : int
        Default number of passes over the training images, and of images per step.
    learning_rate : float
        Default learning rate at its highest.
    validation : {"last", "stratified"}
        Hold out the last part of the training set, or a random part of each class.
    augment : bool
        Whether images are changed at random in each epoch.
    wide : bool
        Whether a part of them is changed as widely as images of different surveys differ, by default.
    cosine : bool
        Whether the learning rate follows a cosine to zero, with AdamW, or is constant, with Adam.
    weight_decay : float
        Weight decay of AdamW.
    label_smoothing : float
        Share of each label that is spread over all classes.
    """

    build: Callable[[int, int], Any]
    epochs: int
    batch_size: int
    learning_rate: float
    validation: Literal["last", "stratified"]
    augment: bool = False
    wide: bool = False
    cosine: bool = False
    weight_decay: float = 0.0
    label_smoothing: float = 0.0


def mlp(size: int, classes: int) -> Any:
    """Build the multilayer perceptron of the GalaxyMNIST blog post: 12288-512-512-512-4 for 64 px and four classes.

    It has 6,819,332 parameters then. The blog post flattened images stored channels first, so the pixels are transposed
    to that order.
    """
    import keras  # imported here, because the command line lists the recipes without TensorFlow

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
    """Build a compact convolutional network whose prediction does not depend on the orientation of the galaxy.

    It has 61,000 parameters, shared so that they act as 485,000 in eight orientations; see
    `galaxy_train.networks.symmetric`. It crops the image to about its central three quarters: in GalaxyMNIST's framing
    a galaxy fills a third of the edge, and the rest is sky and neighbours. That nearly halves the cost, and keeps the
    corners that augmentation has to fill in when it rotates an image out of the network's sight.

    Raises
    ------
    DataError
        If the size is odd or below 16 px: an odd edge could not be cropped symmetrically.
    """
    return _symmetric_network("cnn", CNN_STAGES, size, classes)


def swift(size: int, classes: int) -> Any:
    """Build a faster variant of the cnn, which distillation brings to the same accuracy.

    It has 67,986 parameters for four classes, which act as 540,000 in eight orientations. Its residual blocks work on
    feature maps with a quarter of the edge. The cnn spends half of its time on a block at half of the edge, where a map
    has four times as many positions and int8 costs too much accuracy.

    Raises
    ------
    DataError
        If the size is odd or below 16 px.
    """
    return _symmetric_network("swift", SWIFT_STAGES, size, classes)


def compact(size: int, classes: int) -> Any:
    """Build a smaller network than the swift, with a familiarity head, made to be trained with wide augmentation.

    It has 82,910 parameters for four classes, which act as 333,000 in eight orientations, and less than half of the
    cnn's multiplications: two convolutions with a stride of 2 come before anything else, so that no map has more than
    half of the image's edge. Its second output is the familiarity: how much an image is like the galaxies that the
    network was trained to tell apart. The embedding are statistics of the last maps, the same in every orientation.

    Raises
    ------
    DataError
        If the size is odd or below 16 px.
    """
    seen = _seen_edge("compact", size, 4 if size > LARGEST_UNREDUCED else 3)
    import keras

    from galaxy_train.networks.statistics import FeatureStatistics, PixelStatistics, StructureStatistics
    from galaxy_train.networks.symmetric import OrientationMean, SymmetricConvolution

    layers = keras.layers
    images = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
    pixels = layers.Rescaling(1 / 255)(layers.Cropping2D((size - seen) // 2)(images))
    if size > LARGEST_UNREDUCED:
        pixels = layers.AveragePooling2D(2)(pixels)
    x = layers.ReLU()(SymmetricConvolution(6, 2, 2, lifting=True)(pixels))
    x = layers.ReLU()(SymmetricConvolution(6, 4, 2)(x))
    early = x = layers.AveragePooling2D(2)(_residual_block(x, 6))
    x = layers.ReLU()(SymmetricConvolution(12, 3)(x))
    x = _residual_block(x, 12)
    embedding = layers.BatchNormalization(momentum=0.9, name=EMBEDDING_NAME)(FeatureStatistics()(x))
    others = layers.Concatenate()([PixelStatistics()(pixels), FeatureStatistics()(early)])
    statistics = layers.Concatenate()([layers.BatchNormalization(momentum=0.9)(others), embedding])
    first = layers.Dense(1)(layers.Dense(32, activation="relu")(statistics))
    structure = layers.BatchNormalization(momentum=0.9, center=False, scale=False)(StructureStatistics()(pixels))
    further = layers.Concatenate()([statistics, structure])
    late = layers.Dense(256, activation="relu", trainable=False, name=LATE_HIDDEN)(further)
    second = layers.Dense(1, kernel_initializer="zeros", trainable=False, name=LATE_LOGIT)(late)
    familiarity = layers.Add(name=FAMILIARITY_LOGIT)([first, second])
    familiarity = layers.Rescaling(1.0, name=FAMILIARITY_SHIFT)(familiarity)
    features = layers.Dropout(0.3)(OrientationMean()(x))
    return _with_head("compact", images, features, classes, familiarity)


def _residual_block(x: Any, features: int) -> Any:
    from keras import layers

    from galaxy_train.networks.symmetric import SymmetricConvolution

    y = layers.ReLU()(SymmetricConvolution(features, 3)(x))
    return layers.ReLU()(layers.Add()([x, SymmetricConvolution(features, 3)(y)]))


def _seen_edge(name: str, size: int, halvings: int) -> int:
    """Return the edge of the central crop that a network sees, which each of its halvings divides without remainder.

    Of 64 px these are 48, of 224 px 176.
    """
    if size % 2 or size < SMALLEST:
        raise DataError(f"the recipe {name} takes images of an even size from {SMALLEST} px, not {size} px; see --size")
    step: int = 2**halvings
    return int(0.75 * size / step + 0.5) * step


def _symmetric_network(name: str, stages: tuple[Stage, ...], size: int, classes: int) -> Any:
    large = size > LARGEST_UNREDUCED
    seen = _seen_edge(name, size, len(stages) + large)
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
            x = _residual_block(x, stage.features)
    x = layers.Dropout(0.3)(OrientationMean()(x))
    return _with_head(name, images, x, classes)


@dataclass(frozen=True, slots=True)
class Stage:
    """A pooling, a convolution and residual blocks, with `features` features in eight orientations each."""

    features: int
    residual_blocks: int


#: Features of the convolution at full resolution, each in eight orientations.
STEM_FEATURES: Final = 2


CNN_STAGES: Final = (Stage(4, 1), Stage(8, 1), Stage(16, 1))


SWIFT_STAGES: Final = (Stage(4, 0), Stage(8, 2), Stage(16, 1))


#: Smallest image size in pixels; smaller images would have no pixel left after the last pooling.
SMALLEST: Final = 16


#: Largest image size in pixels without an additional pooling at the start.
LARGEST_UNREDUCED: Final = 128


def _with_head(name: str, images: Any, features: Any, classes: int, familiarity: Any = None) -> Any:
    import keras

    logits = keras.layers.Dense(classes, name=LOGITS)(features)
    calibrated = keras.layers.Rescaling(1.0, name=TEMPERATURE)(logits)
    probabilities = keras.layers.Softmax(name=OUTPUT_NAME)(calibrated)
    if familiarity is None:
        return keras.Model(images, probabilities, name=name)
    familiar = keras.layers.Activation("sigmoid")(familiarity)
    outputs = {OUTPUT_NAME: probabilities, FAMILIARITY_NAME: keras.layers.Reshape((), name=FAMILIARITY_NAME)(familiar)}
    return keras.Model(images, outputs, name=name)


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
    "compact": replace(_CNN, build=compact, batch_size=128, learning_rate=0.004, wide=True),
}
