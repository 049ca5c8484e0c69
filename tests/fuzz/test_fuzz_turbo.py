"""Damaged JPEGs: what the compiled decoder takes, has Pillow's pixels; what it leaves to Pillow, may be anything.

The number of inputs is set by the environment variable ``FUZZ_EXAMPLES``; see the README in this folder.
"""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fuzzing import EXAMPLES
from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from random_jpegs import damaged, random_jpeg

turbo = pytest.importorskip("galaxy_classify_turbo", reason="galaxy-classify-turbo is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning"),
]

#: Files for each example of the other fuzz tests: they take a millisecond.
FILES = 20

MAX_PIXELS = 1_000_000

#: New files in a long run.
FIRST_SEED = random.SystemRandom().getrandbits(32) if "FUZZ_EXAMPLES" in os.environ else 0


def with_pillow(decoder: Decoder, content: bytes) -> NDArray[np.uint8] | str:
    """Return the pixels that Pillow gives, or why it gives none."""
    try:
        return decoder.decode(content).pixels
    except ImageError as error:
        return str(error)


def test_a_damaged_jpeg_has_pillows_pixels_or_goes_pillows_way() -> None:
    """In one workspace for all, with each kernel and in many views; the files have none to three faults."""
    sources = [random_jpeg(random.Random(seed), most=96) for seed in range(100)]
    workspace = turbo.new_workspace()
    taken = 0
    for seed in range(FIRST_SEED, FIRST_SEED + FILES * EXAMPLES):
        chance = random.Random(seed)
        content = chance.choice(sources)
        for _ in range(chance.randint(0, 3)):
            content = damaged(content, chance.choice(sources), chance)
        size = chance.choice([64, chance.randint(16, 96)])
        margin, crop = chance.randint(0, (size - 1) // 2), chance.choice([0.75, 1.0, chance.uniform(0.3, 1.0)])
        pixels = np.zeros((1, size, size, 3), np.uint8)
        view: dict[str, Any] = {"size": size, "margin": margin, "crop": crop, "max_pixels": MAX_PIXELS}
        decoded = turbo.decode(workspace, [content], pixels, kernel=chance.choice(turbo.kernels()), **view)
        if decoded == b"\1":
            taken += 1
            decoder = Decoder(Resizer((size, size), Preprocessing(crop, "lanczos", margin)), MAX_PIXELS)
            expected = with_pillow(decoder, content)
            if isinstance(expected, str):
                assert expected.startswith("constant image"), f"seed {seed}: {expected}"
            else:
                assert (pixels[0] == expected).all(), f"seed {seed}"
        else:
            assert decoded == b"\0"
    assert taken > EXAMPLES
