"""The embeddings of images: the vectors that a model compares galaxies by, through the Python API."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper
from PIL import Image

from galaxy_classify import GalaxyClassifier, ImageError, UsageError
from tiny_model import output_info, save_tiny_model


def flat(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an image of about one colour; one that is constant would be refused."""
    pixels = np.empty((64, 64, 3), np.uint8)
    pixels[:] = colour
    pixels[0, 0, 0] ^= 1
    return pixels


RED, GREEN = flat((200, 50, 50)), flat((50, 200, 50))


@pytest.fixture(scope="module")
def embedding_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model whose embedding is the mean colour, and which says how bright, that is how familiar, an image is."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "e.onnx", embedding=True, familiarity=True)


@pytest.fixture(scope="module")
def broken_embedding_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model whose embedding is the logarithm of zero for images without any blue."""
    path = tmp_path_factory.mktemp("models") / "broken.onnx"
    return save_tiny_model(
        path, further=[helper.make_node("Log", ["colour"], ["embedding"])],
        further_outputs=[output_info("embedding", ["batch", 3])],
    )  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
def test_each_image_has_its_vector(embedding_model: Path, threads: int) -> None:
    """In order and beyond one batch, whatever kind of image it is; the model's own numbers, unrounded."""
    buffer = io.BytesIO()
    Image.fromarray(GREEN).save(buffer, "PNG")
    images: list[Any] = [RED, buffer.getvalue(), Image.fromarray(RED)] * 15
    found = GalaxyClassifier(embedding_model, threads=threads).embed(images)
    assert found.dtype == np.float32
    assert found.shape == (45, 3)
    assert found[:3] == pytest.approx(np.array([image.mean(axis=(0, 1)) / 255 for image in (RED, GREEN, RED)]))
    assert (found.reshape(15, 3, 3) == found[:3]).all()


def test_one_image_and_none(embedding_model: Path) -> None:
    """As with the probabilities, one image gives one row, and no image none."""
    classifier = GalaxyClassifier(embedding_model, threads=1)
    assert classifier.embed(RED).shape == (1, 3)
    assert classifier.embed([]).shape == (0, 3)


def test_an_image_without_a_vector_is_named(embedding_model: Path, broken_embedding_model: Path) -> None:
    """No vector of another image takes its place."""
    with pytest.raises(ImageError, match=r"^image 1: not an image"):
        GalaxyClassifier(embedding_model, threads=1).embed([RED, b"no image"])
    with pytest.raises(ImageError, match=r"^image 1: the model gave no finite embedding"):
        GalaxyClassifier(broken_embedding_model, threads=1).embed([RED, flat((200, 50, 0))])


def test_a_model_without_embedding_says_so(tiny_model: Path) -> None:
    """The message names the model and what helps; nothing is classified before."""
    classifier = GalaxyClassifier(tiny_model, threads=1)
    message = f"the model {classifier.model.identity} gives no embedding; choose a model whose file has the output"
    with pytest.raises(UsageError, match=message):
        classifier.embed(RED)

    def never() -> Iterator[str]:
        yield from ()
        raise AssertionError

    with pytest.raises(UsageError, match=message):
        classifier.classify_and_embed(never())


@pytest.mark.parametrize("threads", [1, 3])
def test_predictions_come_with_their_vectors(embedding_model: Path, tmp_path: Path, threads: int) -> None:
    """The same predictions as without, in order; an input that cannot be classified has no vector."""
    Image.fromarray(GREEN).save(tmp_path / "green.png")
    classifier = GalaxyClassifier(embedding_model, threads=threads)
    inputs: list[Any] = [
        ("red", RED),
        ("bad", b"no image"),
        tmp_path / "green.png",
        tmp_path / "gone.png",
        ("red", RED),
    ] * 10
    pairs = list(classifier.classify_and_embed(inputs, threshold=0.9, batch_size=4))
    assert [prediction for prediction, _ in pairs] == list(classifier.classify(inputs, threshold=0.9))
    vectors = [vector for _, vector in pairs]
    red, green = classifier.embed([RED, GREEN])
    for number, expected in enumerate([red, None, green, None, red] * 10):
        vector = vectors[number]
        assert (vector is None) == (expected is None)
        assert vector is None or (vector == expected).all()


def test_the_vectors_are_taken_lazily(embedding_model: Path) -> None:
    """Memory does not grow with the number of inputs: none is read far ahead."""
    taken = []

    def inputs() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for number in range(1000):
            taken.append(number)
            yield str(number), RED

    pairs = GalaxyClassifier(embedding_model, threads=2).classify_and_embed(inputs(), batch_size=4)
    for _ in range(10):
        next(pairs)
    assert len(taken) < 60


def test_a_row_does_not_depend_on_its_embedding(broken_embedding_model: Path) -> None:
    """An image whose features are not finite keeps its class: it has that whether or not somebody asks for features."""
    classifier = GalaxyClassifier(broken_embedding_model, threads=1)
    inputs = [("red", RED), ("no blue", flat((200, 50, 0)))]
    (first, vector), (second, none) = classifier.classify_and_embed(inputs)
    assert [first, second] == list(classifier.classify(inputs))
    assert first.label == second.label == "smooth_round"
    assert vector is not None
    assert none is None


def test_the_embedding_is_computed_only_if_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without embeddings pays nothing for them."""
    asked: list[list[str]] = []
    model = save_tiny_model(tmp_path / "e.onnx", embedding=True)
    classifier = GalaxyClassifier(model, threads=1)
    session = classifier.model._session

    class Session:
        def run(self, names: list[str], feed: object) -> list[NDArray[np.float32]]:
            asked.append(names)
            found: list[NDArray[np.float32]] = session.run(names, feed)
            return found

    monkeypatch.setattr(classifier.model, "_session", Session())
    classifier.predict_proba(RED)
    list(classifier.classify([("red", RED)]))
    classifier.embed(RED)
    assert asked == [["probabilities"], ["probabilities"], ["probabilities", "embedding"]]
