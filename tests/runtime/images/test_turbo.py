"""The compiled decoder: Pillow's pixels to the bit, and nothing decoded that Pillow would refuse.

``GALAXY_TURBO_RUNS`` says how many random JPEGs are compared, with new ones each time.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_painter import KINDS, paint
from random_jpegs import ODD_SAMPLINGS, encoded, random_jpeg, random_picture, with_odd_sampling

turbo = pytest.importorskip("galaxy_classify_turbo", reason="galaxy-classify-turbo is not installed")

RUNS = int(os.environ.get("GALAXY_TURBO_RUNS", "100"))

#: Of the random JPEGs; new ones in a long run.
FIRST_SEED = random.SystemRandom().getrandbits(32) if "GALAXY_TURBO_RUNS" in os.environ else 0

GALAXY = encoded(paint("unbarred_spiral", seed=1, size=212), quality=90)


@dataclass(frozen=True)
class View:
    """What a model sees, for both decoders."""

    size: int = 64
    margin: int = 8
    crop: float = 0.75

    def with_pillow(self, image: str | bytes) -> NDArray[np.uint8]:
        """Return the pixels that Pillow gives."""
        preprocessing = Preprocessing(self.crop, "lanczos", self.margin)
        decoder = Decoder(Resizer((self.size, self.size), preprocessing))
        # Turbo knows of no constant images: whoever calls it asks for them.
        with mock.patch("galaxy_classify.images.pixels.check_varied"):
            return (decoder.read(image) if isinstance(image, str) else decoder.decode(image)).pixels

    def with_turbo(
        self, images: Sequence[str | bytes | None], workspace: Any = None, **options: Any
    ) -> tuple[NDArray[np.uint8], list[bool]]:
        """Return the pixels that turbo gives, and of which images it has decoded them."""
        pixels = np.zeros((len(images), self.size, self.size, 3), np.uint8)
        view = {"size": self.size, "margin": self.margin, "crop": self.crop, "max_pixels": 10**8}
        decoded = turbo.decode(workspace or turbo.new_workspace(), images, pixels, **(view | options))
        return pixels, [flag == 1 for flag in decoded]

    def check(self, images: Sequence[str | bytes]) -> None:
        """Check that every kernel decodes all images, and into Pillow's pixels."""
        expected = np.stack([self.with_pillow(image) for image in images])
        for kernel in turbo.kernels():
            pixels, decoded = self.with_turbo(images, kernel=kernel)
            assert all(decoded), (kernel, [number for number, flag in enumerate(decoded) if not flag])
            different = np.flatnonzero((pixels != expected).any(axis=(1, 2, 3)))
            assert not different.size, (self, kernel, different)


VIEWS = [
    View(),
    View(margin=0, crop=1.0),
    View(size=33, margin=5, crop=0.33),
    View(size=48, margin=1, crop=0.9),
    View(size=63, margin=0, crop=0.5),
    View(size=224, margin=16, crop=0.75),
]


@pytest.mark.data
@pytest.mark.slow
def test_real_galaxies_have_pillows_pixels(galaxy_data: Path) -> None:
    """Every value of every cutout of the test set, and of some in other views."""
    paths = sorted(map(str, (galaxy_data / "images" / "test").glob("*.jpg")))
    assert paths
    View().check(paths)
    for number, view in enumerate(VIEWS[1:]):
        view.check(paths[number::50])


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_drawn_galaxies_have_pillows_pixels(view: View, drawn_images: Path) -> None:
    """From files, at the size of surveys."""
    paths = sorted(map(str, drawn_images.glob("*.jpg")))
    assert len(paths) == len(KINDS)
    view.check(paths)


def test_random_jpegs_have_pillows_pixels() -> None:
    """Of every kind, shape and quality, seen in every way."""
    for seed in range(FIRST_SEED, FIRST_SEED + RUNS):
        chance = random.Random(seed)
        view = chance.choice(VIEWS)
        if chance.random() < 0.5:
            size = chance.randint(16, 100)
            view = View(size, chance.randint(0, (size - 1) // 2), chance.uniform(0.05, 1.0))
        content = random_jpeg(chance)
        try:
            view.check([content])
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {view}: {error}") from error


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", *ODD_SAMPLINGS])
@pytest.mark.parametrize("progressive", [False, True])
def test_each_sampling_has_pillows_pixels(sampling: str | tuple[int, int], progressive: bool) -> None:
    """With crops whose edges lie anywhere in a block: colours are interpolated across its border."""
    for edge in range(88, 105):
        picture = random_picture(random.Random(edge), edge, edge)
        if isinstance(sampling, str):
            content = encoded(picture, subsampling=sampling, progressive=progressive)
        else:
            content = with_odd_sampling(picture, sampling, progressive=progressive)
        View(size=32, margin=2).check([content])


@pytest.mark.parametrize("size", [(64, 64), (64, 63), (63, 64), (16, 16), (16, 440), (440, 17), (65, 65), (3000, 40)])
def test_each_shape_has_pillows_pixels(size: tuple[int, int]) -> None:
    """An image of the model's size is seen whole, and a small one is enlarged."""
    image = random_picture(random.Random(0), 16, 100).resize(size)
    contents = [encoded(image), encoded(image, subsampling=0), encoded(image.convert("L"), progressive=True)]
    View().check(contents)
    View(margin=0, crop=1.0).check(contents)


def test_extreme_levels_have_pillows_pixels() -> None:
    """Lanczos swings beyond 0 and 255 at sharp edges, where sums must be cut off and must not overflow."""
    rows = np.random.default_rng(0).integers(0, 2, (200, 200, 1), dtype=np.uint8) * np.full(3, 255, np.uint8)
    contents = [encoded(Image.fromarray(picture), quality=100, subsampling=0) for picture in (rows, rows.repeat(3, 0))]
    for view in VIEWS:
        view.check(contents)


def without(content: bytes, marker: int, count: int = 1) -> bytes:
    """Return a JPEG whose first segments of a kind have become comments."""
    return content.replace(bytes([0xFF, marker]), b"\xff\xfe", count)


@pytest.mark.parametrize("marker", [0xDB, 0xC4])
def test_no_table_is_left_from_the_image_before(marker: int) -> None:
    """A JPEG whose own tables are damaged does not depend on what was decoded before it."""
    chance = random.Random(1)
    broken = [without(encoded(random_picture(chance), optimize=True), marker, count) for count in (1, 2)]
    workspace = turbo.new_workspace()
    alone = [View().with_turbo([content]) for content in broken]
    for content, (expected, decoded) in zip(broken, alone, strict=True):
        pixels, after = View().with_turbo([GALAXY, content], workspace)
        assert after == [True, *decoded]
        assert not decoded[0] or (pixels[1] == expected[0]).all()
        assert not (decoded[0] and marker == 0xDB)


@pytest.mark.parametrize("scans", range(1, 10))
def test_a_picture_that_lacks_scans_is_left_to_pillow(scans: int) -> None:
    """Libjpeg smooths it, and at the edges of a crop in another way."""
    content = encoded(random_picture(random.Random(2), 100, 200), progressive=True)
    parts = content.split(b"\xff\xda")
    shortened = b"\xff\xda".join(parts[: 1 + scans]) + b"\xff\xd9"
    assert View().with_pillow(shortened).any()
    _, decoded = View().with_turbo([shortened])
    assert decoded == [False]


def test_pixels_do_not_depend_on_what_was_decoded_before() -> None:
    """Neither on larger images, nor on damaged ones, nor on the weights that are kept."""
    contents = [random_jpeg(random.Random(seed), most=200) for seed in range(80)]
    expected = [View().with_turbo([content])[0][0] for content in contents]
    workspace = turbo.new_workspace()
    for _ in range(2):
        mixed = [part for content in contents for part in (content, content[: len(content) // 2])]
        pixels, decoded = View().with_turbo(mixed, workspace)
        assert decoded == [True, False] * len(contents)
        assert (pixels[::2] == np.stack(expected)).all()


def arguments(**changed: Any) -> dict[str, Any]:
    """Return the arguments of a call that goes well, but for those that are changed."""
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    usual = {"workspace": turbo.new_workspace(), "images": [GALAXY], "pixels": pixels}
    return usual | {"size": 64, "margin": 8, "crop": 0.75, "max_pixels": 10**6} | changed


def many(workspace: object, images: Sequence[Any]) -> dict[str, Any]:
    """Return the arguments for several images."""
    return arguments(workspace=workspace, images=images, pixels=np.zeros((len(images), 64, 64, 3), np.uint8))


READ_ONLY = np.zeros((1, 64, 64, 3), np.uint8)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"size": 0}, ValueError),
        ({"size": -64}, ValueError),
        ({"size": 5000}, ValueError),
        ({"size": 2**40}, OverflowError),
        ({"size": 64.0}, TypeError),
        ({"margin": 32}, ValueError),
        ({"margin": -1}, ValueError),
        ({"margin": 2**31 - 1}, ValueError),
        ({"crop": 0.0}, ValueError),
        ({"crop": 1.01}, ValueError),
        ({"crop": float("nan")}, ValueError),
        ({"kernel": "none"}, ValueError),
        ({"kernel": ""}, ValueError),
        ({"max_pixels": 2**63}, OverflowError),
        ({"workspace": None}, ValueError),
        ({"workspace": object()}, ValueError),
        ({"images": None}, TypeError),
        ({"images": [GALAXY, GALAXY]}, ValueError),
        ({"images": []}, ValueError),
        ({"images": [bytearray(GALAXY)]}, TypeError),
        ({"images": [Path("a.jpg")]}, TypeError),
        ({"images": [1]}, TypeError),
        ({"pixels": np.zeros((1, 64, 64, 3), np.float32)}, ValueError),
        ({"pixels": np.zeros((2, 64, 64, 3), np.uint8)}, ValueError),
        ({"pixels": np.zeros((1, 64, 128, 3), np.uint8)[:, :, ::2]}, (ValueError, BufferError)),
        ({"pixels": READ_ONLY}, (ValueError, BufferError)),
        ({"pixels": bytes(64 * 64 * 3)}, (ValueError, BufferError, TypeError)),
        ({"pixels": None}, TypeError),
        ({"unknown": 1}, TypeError),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_arguments_raise(changed: dict[str, Any], error: type[Exception] | tuple[type[Exception], ...]) -> None:
    """Nothing is written beyond an array that is too small, and no crash follows."""
    with pytest.raises(error):
        turbo.decode(**arguments(**changed))


@pytest.mark.parametrize("missing", ["size", "crop", "images", "pixels", "workspace"])
def test_missing_arguments_raise(missing: str) -> None:
    """No view is assumed."""
    call = arguments()
    del call[missing]
    with pytest.raises((TypeError, ValueError)):
        turbo.decode(**call)


def test_a_call_after_a_wrong_one_goes_well() -> None:
    """An error leaves the workspace free."""
    workspace = turbo.new_workspace()
    for images in ([1], [GALAXY, None]):
        with pytest.raises((TypeError, ValueError)):
            turbo.decode(**arguments(workspace=workspace, images=images))
    assert turbo.decode(**arguments(workspace=workspace)) == b"\1"


def test_no_image_and_none_are_left_out() -> None:
    """A batch may be empty, and None stands for what goes Pillow's way."""
    assert turbo.decode(**arguments(images=[], pixels=np.zeros((0, 64, 64, 3), np.uint8))) == b""
    assert turbo.decode(**arguments(images=(None,))) == b"\0"


def test_any_array_of_the_right_size_is_filled() -> None:
    """A buffer need not be NumPy's; the margin stays as it is."""
    pixels = bytearray(b"\7" * (64 * 64 * 3))
    assert turbo.decode(**arguments(pixels=pixels)) == b"\1"
    found = np.frombuffer(pixels, np.uint8).reshape(64, 64, 3)
    assert (found[8:-8, 8:-8] == View().with_pillow(GALAXY)[8:-8, 8:-8]).all()
    assert (found[:8] == 7).all()
    assert (found[:, -8:] == 7).all()


def test_a_workspace_serves_one_thread_at_a_time() -> None:
    """Two calls at once would write into the same buffers: the second is refused, or comes after the first."""
    workspace = turbo.new_workspace()
    refused = threading.Event()
    images = [GALAXY] * 300
    start = threading.Barrier(2)
    results: list[bytes] = []

    def use() -> None:
        start.wait()
        try:
            results.append(turbo.decode(**many(workspace, images)))
        except RuntimeError as error:
            assert "another thread" in str(error)  # noqa: PT017 - in a thread
            refused.set()

    for _ in range(20):
        threads = [threading.Thread(target=use) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if refused.is_set():
            break
    assert refused.is_set()
    assert all(result == b"\1" * len(images) for result in results)
    assert turbo.decode(**arguments(workspace=workspace)) == b"\1"


class Interfering:
    """Images that leave the workspace in use in another thread when they have been asked for."""

    def __init__(self, workspace: object) -> None:
        self.workspace = workspace
        self.other = threading.Thread(target=self.use)

    def use(self) -> None:
        """Decode for a while, as soon as the workspace is free."""
        while True:
            with contextlib.suppress(RuntimeError):
                turbo.decode(**many(self.workspace, [GALAXY] * 2000))
                return

    def __iter__(self) -> Any:
        self.other.start()
        while self.other.is_alive():
            try:
                turbo.decode(**arguments(workspace=self.workspace, images=[], pixels=bytearray()))
            except RuntimeError:
                break
        return iter([GALAXY])


def test_images_may_use_the_workspace_while_they_are_asked_for() -> None:
    """Whether it is free is looked at when they are there."""
    workspace = turbo.new_workspace()
    images = Interfering(workspace)
    with pytest.raises(RuntimeError, match="another thread"):
        turbo.decode(**arguments(workspace=workspace, images=images))
    images.other.join()
    assert turbo.decode(**arguments(workspace=workspace)) == b"\1"


def test_threads_with_workspaces_of_their_own_agree() -> None:
    """No state is shared."""
    contents = [random_jpeg(random.Random(seed), most=200) for seed in range(40)]
    expected = View().with_turbo(contents)[0]

    def use(_: int) -> list[bool]:
        workspace = turbo.new_workspace()
        return [bool((View().with_turbo(contents, workspace)[0] == expected).all()) for _ in range(5)]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(4))) == [[True] * 5] * 4


def resident_bytes() -> int:
    """Return the process's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
@pytest.mark.slow
def test_memory_does_not_grow() -> None:
    """Over 20,000 images, whole and damaged, in many sizes, and over calls that fail."""
    contents = [random_jpeg(random.Random(seed), most=80) for seed in range(200)]
    contents += [content[: len(content) // 2] for content in contents]
    contents += [without(content, 0xDB) for content in contents[:100]]
    workspace = turbo.new_workspace()
    call = many(workspace, contents)
    before = 0
    for round_ in range(20_000 // len(contents) + 1):
        turbo.decode(**call)
        turbo.new_workspace()
        for wrong in ({"images": [*contents[:-1], 1]}, {"images": contents[1:]}, {"kernel": "none"}):
            with pytest.raises((TypeError, ValueError)):
                turbo.decode(**(call | wrong))
        if round_ == 5:
            before = resident_bytes()
    assert resident_bytes() - before < 4_000_000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_a_large_image_leaves_no_large_buffers() -> None:
    """Each thread has buffers of its own, and keeps small ones only."""
    large = encoded(Image.new("RGB", (2500, 2500), "navy"), quality=50)
    workspaces = [turbo.new_workspace() for _ in range(12)]
    before = resident_bytes()
    for workspace in workspaces:
        assert View(size=1024, margin=0, crop=1.0).with_turbo([large], workspace)[1] == [True]
    assert resident_bytes() - before < 50_000_000  # 12 of 10 MB otherwise
