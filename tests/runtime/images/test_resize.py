"""The resize: Pillow's, and the fast one."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galaxy_classify import GalaxyClassifier
from galaxy_classify.images.crop import central_crop_box
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import GRAPH_FILE, Resizer, axis_weights, lanczos_weights
from galaxy_classify.inference.contract import Preprocessing
from galaxy_export.graph.lanczos import lanczos_graph
from galaxy_painter import paint

SIZE = (64, 64)


def noise(width: int, height: int) -> Image.Image:
    """Return the worst case: every pixel independent of its neighbours."""
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_the_graph_in_the_package_is_the_one_that_is_built() -> None:
    """What runs is what the source says."""
    assert GRAPH_FILE.read_bytes() == lanczos_graph().SerializeToString(deterministic=True)


@pytest.mark.parametrize(("edge", "target"), [(318, 64), (317, 64), (1000, 224), (64, 64), (20, 64)])
def test_weights_are_pillows(edge: int, target: int) -> None:
    """A single bright pixel, which Pillow spreads as its weights say, shows each of them."""
    first, weights = lanczos_weights(edge, target)
    dense = np.zeros((target, edge))
    for row, (begin, kernel) in enumerate(zip(first, weights, strict=True)):
        width = min(len(kernel), edge - begin)
        dense[row, begin : begin + width] = kernel[:width]
        assert not kernel[width:].any()
    points = Image.fromarray(np.eye(edge, dtype=np.float32))
    expected = np.asarray(points.resize((target, edge), Image.Resampling.LANCZOS)).T
    assert np.abs(dense - expected).max() < 1e-6


@pytest.mark.parametrize("margin", [0, 8])
@pytest.mark.parametrize("edge", [16, 21, 47, 63, 64, 65, 127, 128, 200, 317, 318, 424, 701, 1024])
def test_the_fast_resize_is_pillows_to_one_level(edge: int, margin: int) -> None:
    """Of noise, the hardest picture, hardly a pixel in ten thousand differs, and by one level."""
    fast = Resizer(SIZE, Preprocessing(margin=margin), fast=True)
    exact = Resizer(SIZE, Preprocessing(margin=margin))
    image = noise(edge + 3, edge)
    box = (1, 0, edge + 1, edge)
    assert axis_weights(edge, 64, margin) is not None
    difference = np.abs(fast(image, box, exact=False).astype(int) - exact(image, box))
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 12
    assert np.array_equal(fast(image, box), exact(image, box))


def test_the_fast_resize_takes_oblong_inputs() -> None:
    """Height and width of a model's input are its own business."""
    preprocessing = Preprocessing(crop_fraction=1.0)
    image = noise(300, 200)
    difference = Resizer((32, 48), preprocessing, fast=True)(image, (10, 20, 290, 190), exact=False).astype(int)
    assert np.abs(difference - Resizer((32, 48), preprocessing)(image, (10, 20, 290, 190))).max() <= 1


def test_what_the_fast_resize_cannot_do_pillow_does() -> None:
    """Another filter, a size that cannot be parted into blocks, and an image that would take too much memory."""
    image = noise(100, 100)
    box = (0, 0, 100, 100)
    bicubic = Preprocessing(resample="bicubic")
    assert np.array_equal(
        Resizer(SIZE, bicubic, fast=True)(image, box, exact=False), Resizer(SIZE, bicubic)(image, box)
    )
    assert axis_weights(100, 63, 0) is None
    assert axis_weights(1025, 64, 0) is None
    odd = Resizer((63, 63), Preprocessing(), fast=True)(image, box, exact=False)
    assert np.array_equal(odd, np.asarray(image.resize((63, 63), Image.Resampling.LANCZOS)))


@pytest.mark.parametrize("edge", [100, 317, 318, 640])
def test_a_margin_changes_nothing_that_is_seen(edge: int) -> None:
    """What lies inside the margin is the same, bit for bit, whether the margin is computed or not."""
    image = noise(edge, edge)
    whole = Resizer(SIZE, Preprocessing())(image, (0, 0, edge, edge))
    seen = Resizer(SIZE, Preprocessing(margin=8))(image, (0, 0, edge, edge))
    assert np.array_equal(seen[8:56, 8:56], whole[8:56, 8:56])
    seen[8:56, 8:56] = 0
    assert not seen.any()


def test_only_jpegs_are_resized_fast(tmp_path: Path) -> None:
    """Images that were stored without loss, and arrays, keep every level."""
    fast, exact = Resizer(SIZE, Preprocessing(), fast=True), Resizer(SIZE, Preprocessing())
    picture = noise(424, 424)
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.jpg", quality=95)
    differences = {}
    for name in ("a.png", "a.jpg"):
        with Image.open(tmp_path / name) as image:
            differences[name] = (Decoder(fast).decode(image).pixels != Decoder(exact).decode(image).pixels).sum()
    assert differences["a.png"] == 0
    assert differences["a.jpg"] > 0, "the fast resize was not used"
    assert np.array_equal(Decoder(fast).decode(picture).pixels, Decoder(exact).decode(picture).pixels)


def test_exact_is_an_option_of_the_classifier(tmp_path: Path) -> None:
    """It gives the probabilities of Pillow's pixels, and by default almost the same."""
    path = tmp_path / "a.jpg"
    paint("unbarred_spiral", seed=5).save(path, quality=90)
    exact, default = GalaxyClassifier(exact=True), GalaxyClassifier()
    with Image.open(path) as image:
        pixels = np.asarray(image.crop(central_crop_box(*image.size, 0.75)).resize(SIZE, Image.Resampling.LANCZOS))
    (row,) = exact.classify(path)
    assert list(row.probabilities.values()) == exact.predict_proba(pixels)[0].tolist()
    (quick,) = default.classify(path)
    assert quick.label == row.label
    assert np.allclose(list(quick.probabilities.values()), list(row.probabilities.values()), atol=0.01)


@pytest.mark.data
@pytest.mark.slow
def test_real_cutouts_keep_their_class(galaxy_data: Path) -> None:
    """At most one class in a thousand differs from that of the exact resize, and pixels by one level."""
    folder = galaxy_data / "images"
    paths = sorted([*(folder / "test").glob("*.jpg"), *(folder / "out_of_class").rglob("*.jpg")])
    assert len(paths) > 1200
    rows = [GalaxyClassifier(exact=exact).classify(paths) for exact in (False, True)]
    changed = sum(quick.label != slow.label for quick, slow in zip(*rows, strict=True))
    assert changed <= len(paths) / 1000
    fast, exact = Resizer(SIZE, Preprocessing(), fast=True), Resizer(SIZE, Preprocessing())
    for path in itertools.islice(paths, 0, None, 10):
        with Image.open(path) as image:
            difference = np.abs(Decoder(fast).decode(image).pixels.astype(int) - Decoder(exact).decode(image).pixels)
        assert difference.max() <= 1


@pytest.mark.parametrize(("size", "margin"), [((48, 80), 0), ((48, 80), 5), ((41, 41), 3), ((224, 224), 16)])
@pytest.mark.parametrize("edge", [60, 75, 100])
def test_sizes_that_are_no_power_of_two_are_resized_as_in_training(
    edge: int, size: tuple[int, int], margin: int
) -> None:
    """A margin shifts no pixel by a rounded number, and rows are resized before columns, whatever Pillow prefers."""
    height, width = size
    noise = Image.fromarray(np.random.default_rng(edge).integers(0, 256, (edge, edge, 3), np.uint8))
    found = Resizer(size, Preprocessing(margin=margin))(noise, (0, 0, edge, edge))
    rows_first = noise.resize((width, edge), Image.Resampling.LANCZOS)
    expected = np.asarray(rows_first.resize((width, height), Image.Resampling.LANCZOS)).copy()
    inside = slice(margin, height - margin), slice(margin, width - margin)
    assert (found[inside] == expected[inside]).all()
