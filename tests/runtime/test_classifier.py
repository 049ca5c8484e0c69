"""The API that pipelines embed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import ImageError, ModelError, UsageError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_painter import KINDS, paint, paint_set
from in_process import run_classify as run
from tiny_model import save_tiny_model


@pytest.fixture(scope="module")
def classifier(tiny_model: Path) -> GalaxyClassifier:
    """Classifier with the hand-made model."""
    return GalaxyClassifier(tiny_model, threads=2)


def colour(index: int, size: int = 100) -> Image.Image:
    """Return a picture that the hand-made model puts into class `index` (0 red, 1 green, 2 blue): a round spot."""
    pixels = np.random.default_rng(index).integers(0, 50, (size, size, 3), dtype=np.uint8)
    x = np.linspace(-2, 2, size)
    pixels[..., index] += (200 * np.exp(-(x[:, np.newaxis] ** 2) - x**2)).astype(np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Ten pictures of known class, and two files that cannot be classified among them."""
    paths = []
    for number in range(12):
        path = tmp_path / f"{number:02}.png"
        paths.append(path)
        if number == 4:
            path.write_text("not an image")
        elif number != 7:
            colour(number % 3).save(path)
    return paths


def test_classes_index_the_columns(classifier: GalaxyClassifier) -> None:
    """As in scikit-learn, classes_ turns column numbers into names."""
    probabilities = classifier.predict_proba([colour(2), colour(0)])
    assert probabilities.shape == (2, 4)
    assert probabilities.dtype == np.float32
    assert classifier.classes_.tolist() == list(GALAXY_MNIST_CLASSES)
    assert classifier.classes_[probabilities.argmax(axis=1)].tolist() == ["edge_on_disk", "smooth_round"]


def test_one_image_or_many_in_every_form_give_the_same_rows(classifier: GalaxyClassifier) -> None:
    """PIL image, array, list, tuple and stack are the same pictures."""
    pictures = [colour(index) for index in (0, 1, 2)]
    stack = np.stack([np.asarray(picture) for picture in pictures])
    expected = classifier.predict_proba(pictures)
    for form in (stack, list(stack), tuple(pictures), [pictures[0], stack[1], pictures[2]]):
        assert np.array_equal(classifier.predict_proba(form), expected)
    for one in (pictures[1], stack[1]):
        assert np.array_equal(classifier.predict_proba(one), expected[1:2])
    assert classifier.predict(stack).tolist() == ["smooth_round", "smooth_cigar", "edge_on_disk"]


def test_images_of_different_sizes_go_together(classifier: GalaxyClassifier) -> None:
    """Survey cutouts come in all sizes."""
    assert classifier.predict([colour(1, 424), colour(1, 64), colour(1, 99)]).tolist() == ["smooth_cigar"] * 3


def test_grey_arrays_are_images_too(classifier: GalaxyClassifier) -> None:
    """A single band is shown as grey."""
    grey = np.asarray(paint("smooth_round", seed=0, size=100).convert("L"))
    assert np.array_equal(classifier.predict_proba(grey), classifier.predict_proba(np.stack([grey] * 3, axis=-1)))


def test_no_images_give_no_rows(classifier: GalaxyClassifier) -> None:
    """An empty batch of a pipeline is no error."""
    assert classifier.predict_proba([]).shape == (0, 4)
    assert classifier.predict([]).shape == (0,)
    assert list(classifier.classify([])) == []


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((64, 64, 3), np.float32), "array has dtype float32, not uint8"),
        (np.zeros((64, 64, 4), np.uint8), r"array has shape \(64, 64, 4\)"),
        (np.zeros((3, 64, 64), np.uint8), r"array has shape \(3, 64, 64\)"),
        ("m51.jpg", "is a str, not a PIL image, a NumPy array or bytes; for files use classify"),
        (None, "is a NoneType"),
        (b"", "empty file"),
        (b"<html>404 Not Found</html>", "not an image"),
        (np.zeros((64, 64, 3), np.uint8), "constant image"),
        (Image.new("RGB", (8, 8)), "image too small"),
    ],
)
def test_a_bad_image_is_named_by_its_number(classifier: GalaxyClassifier, image: Any, reason: str) -> None:
    """Among a thousand images, the message says which one and why."""
    with pytest.raises(ImageError, match=f"image 1: {reason}"):
        classifier.predict_proba([colour(0), image])


def test_a_truncated_pil_image_is_an_image_error(classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """Pillow decodes lazily, so the damage shows only here."""
    path = tmp_path / "a.png"
    colour(0).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(ImageError, match="damaged or incomplete"):
        classifier.predict_proba(image)


def test_an_array_that_is_no_image_is_refused(classifier: GalaxyClassifier) -> None:
    """One-dimensional and five-dimensional arrays are neither an image nor a stack."""
    with pytest.raises(ImageError, match=r"array has shape \(5,\)"):
        classifier.predict_proba(np.zeros(5, np.uint8))


def test_what_is_no_image_and_no_path_is_told_so(classifier: GalaxyClassifier) -> None:
    """A programming mistake in the host program raises a documented exception, which names the right method."""
    nonsense: Any = 5
    with pytest.raises(ImageError, match="is a int, not a PIL image"):
        classifier.predict_proba(nonsense)
    with pytest.raises(UsageError, match="NoneType is no path; an image in memory goes with a name"):
        list(classifier.classify([None]))  # type: ignore[list-item]
    with pytest.raises(UsageError, match="bytes is no path"):
        list(classifier.classify([b"a.jpg"]))  # type: ignore[list-item]
    with pytest.raises(UsageError, match="tuple is no path"):
        list(classifier.classify([(b"a.jpg", colour(0))]))  # type: ignore[list-item]


def test_every_path_gets_its_own_row_in_order(classifier: GalaxyClassifier, files: list[Path]) -> None:
    """A failure neither ends the run nor shifts its neighbours."""
    rows = list(classifier.classify(files, batch_size=5))
    assert [row.path for row in rows] == [str(path) for path in files]
    labels = [GALAXY_MNIST_CLASSES[number % 3] for number in range(12)]
    for number, row in enumerate(rows):
        if number in (4, 7):
            assert (row.status, row.label, row.confidence, dict(row.probabilities)) == ("error", None, None, {})
        else:
            assert (row.status, row.label, row.message) == ("ok", labels[number], "")
            assert row.confidence == row.probabilities[labels[number]] == max(row.probabilities.values())
        assert row.model == classifier.model.identity
    assert rows[4].message.startswith("not an image")
    assert rows[7].message == "no such file"


def test_images_in_memory_get_rows_under_their_names(classifier: GalaxyClassifier, files: list[Path]) -> None:
    """An alert stream gets its failures as rows too, and may mix forms."""
    array = np.asarray(colour(2))
    inputs: list[Any] = [
        ("first", colour(1)),
        ("second", array),
        files[0],
        ("third", b""),
        ("fourth", array[:5]),
        (str(files[0]), None),
    ]
    rows = list(classifier.classify(inputs, batch_size=2))
    assert [row.path for row in rows] == ["first", "second", str(files[0]), "third", "fourth", str(files[0])]
    assert [row.label for row in rows] == ["smooth_cigar", "edge_on_disk", "smooth_round", None, None, None]
    assert [row.message[:15] for row in rows[3:]] == ["empty file", "image too small", "is a NoneType, "]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_every_way_in_gives_the_same_rows(suffix: str, tmp_path: Path) -> None:
    """No speed is bought with another result: threads, batches, files, bytes, arrays and standard input."""
    folder = tmp_path / "images"
    folder.mkdir()
    images, _ = paint_set(per_class=4, seed=21, size=150)
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number:02}{suffix}", quality=90)
    paths = sorted(folder.iterdir())
    reference = list(GalaxyClassifier(threads=1).classify(paths, batch_size=1))
    assert len({row.confidence for row in reference}) > 10
    for threads, batch_size in itertools.product((1, 2, 5), (1, 3, 64)):
        classifier = GalaxyClassifier(threads=threads)
        assert list(classifier.classify(paths, batch_size=batch_size)) == reference
        in_memory = [(str(path), path.read_bytes()) for path in paths]
        assert list(classifier.classify(in_memory, batch_size=batch_size)) == reference
        probabilities = classifier.predict_proba([path.read_bytes() for path in paths])
        assert [tuple(row) for row in probabilities.tolist()] == [
            tuple(row.probabilities.values()) for row in reference
        ]

    by_command = [
        run("-f", "csv", "-q", *arguments, stdin="\n".join(map(str, paths)).encode())
        for arguments in ([folder], ["-", "--threads", "3"], ["-", "--threads", "1", "--batch-size", "1"])
    ]
    assert [result.returncode for result in by_command] == [0, 0, 0]
    by_folder, by_stdin, alone = (result.stdout for result in by_command)
    assert by_folder == by_stdin == alone
    assert by_folder.count("\n") == len(paths) + 1

    # Arrays know nothing of a JPEG any more: their rows are those of the exact resize.
    exact = list(GalaxyClassifier(exact=True).classify(paths))
    arrays = [(str(path), np.asarray(Image.open(path))) for path in paths]
    for classifier in (GalaxyClassifier(threads=1), GalaxyClassifier(threads=3, exact=True)):
        assert list(classifier.classify(arrays)) == exact
    assert suffix == ".jpg" or exact == reference


def test_threads_batches_and_input_forms_do_not_change_a_row() -> None:
    """The shipped model says the same of an image in any company."""
    images, _ = paint_set(per_class=10, seed=8)
    reference = GalaxyClassifier(threads=1).predict_proba(images)
    for threads in (1, 3):
        classifier = GalaxyClassifier(threads=threads)
        assert np.array_equal(classifier.predict_proba(images), reference)
        for image, row in zip(images[:5], reference, strict=False):
            assert np.array_equal(classifier.predict_proba(image)[0], row)


def test_threads_and_batch_sizes_do_not_change_the_rows_of_files(drawn_images: Path, tmp_path: Path) -> None:
    """Speed is not bought with another result."""
    paths = [*sorted(drawn_images.iterdir()), tmp_path / "none.jpg"] * 3
    reference = list(GalaxyClassifier(threads=1).classify(paths, batch_size=1))
    for threads, batch_size in itertools.product((1, 2, 4), (1, 2, 5, 64)):
        assert list(GalaxyClassifier(threads=threads).classify(paths, batch_size=batch_size)) == reference


def test_below_the_threshold_the_best_guess_is_kept(classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """Uncertain is a status of its own, not a loss of the answer."""
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "grey.png")
    (row,) = classifier.classify(tmp_path / "grey.png", threshold=0.9)
    assert row.status == "uncertain"
    assert row.label in GALAXY_MNIST_CLASSES
    assert row.confidence is not None
    (row,) = classifier.classify(tmp_path / "grey.png", threshold=row.confidence)
    assert row.status == "ok"


def test_classify_is_lazy(classifier: GalaxyClassifier, files: list[Path]) -> None:
    """An endless stream of alerts can be classified."""

    def endless() -> Iterator[Path]:
        while True:
            yield files[0]

    rows = classifier.classify(endless(), batch_size=2)
    assert len(list(itertools.islice(rows, 20))) == 20


def test_probabilities_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    """A broken model does not make a row with a class."""
    model = save_tiny_model(tmp_path / "nan.onnx", not_a_number=True)
    colour(0).save(tmp_path / "a.png")
    (row,) = GalaxyClassifier(model).classify(tmp_path / "a.png")
    assert (row.status, row.message) == ("error", "the model gave no finite probabilities")


@pytest.mark.parametrize("arguments", [{"threshold": 1.5}, {"threshold": float("nan")}, {"batch_size": 0}])
def test_senseless_arguments_are_refused_at_once(classifier: GalaxyClassifier, arguments: dict[str, Any]) -> None:
    """Not only when the first row is asked for."""
    with pytest.raises(UsageError):
        classifier.classify([], **arguments)


def test_senseless_constructors_are_refused(tmp_path: Path) -> None:
    """Threads are counted from one, and a model must be there."""
    with pytest.raises(UsageError, match="threads is 0"):
        GalaxyClassifier(threads=0)
    with pytest.raises(ModelError, match="neither an ONNX file nor an embedded model"):
        GalaxyClassifier(tmp_path / "none.onnx")


def test_kinds_are_the_models_classes() -> None:
    """The painter draws what the models classify, in the same order."""
    assert KINDS == GALAXY_MNIST_CLASSES
