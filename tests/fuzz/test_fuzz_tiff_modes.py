"""TIFF in every layout: the picture comes out right, or it is refused; never another picture.

The number of inputs is set by the environment variable ``FUZZ_EXAMPLES``; see the README in this folder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import EXAMPLES, FUZZ
from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_painter import paint
from tiff_files import CMYK, JPEG, PALETTE, RGB, samples_of, shown, tiff_of

GALAXY = np.asarray(paint("unbarred_spiral", seed=1, size=36))[:, :35]

DECODER = Decoder(Resizer((64, 64), Preprocessing()), max_pixels=4_000_000)

#: Tags that say something else than the file does, or that few files have.
FOREIGN: dict[int, list[tuple[int, tuple[int, ...]] | None]] = {
    254: [(4, (1,)), (4, (4,))],
    258: [None, (3, (8,)), (3, (8, 8, 8)), (3, (16, 8, 8)), (3, (5, 6, 5)), (3, (64,)), (3, (0,))],
    259: [None, (3, (2,)), (3, (4,)), (3, (6,)), (3, (34677,)), (3, (34887,)), (3, (50001,))],
    262: [None, (3, (4,)), (3, (6,)), (3, (9,)), (3, (10,)), (3, (32803,)), (3, (32844,)), (3, (32845,))],
    266: [(3, (3,))],
    273: [None, (4, (8,)), (4, (0, 0)), (4, (8,) * 999)],
    277: [None, (3, (1,)), (3, (2,)), (3, (5,)), (3, (65535,))],
    278: [None, (4, (2**32 - 1,)), (4, (1,)), (4, (0,))],
    279: [None, (4, (0,)), (4, (1, 1)), (4, (2**32 - 1,))],
    284: [None, (3, (2,)), (3, (3,))],
    317: [(3, (2,)), (3, (3,)), (3, (34892,))],
    320: [(3, tuple(range(256)) * 3), (3, (65535, 0, 0))],
    332: [(3, (2,))],
    338: [(3, (0,)), (3, (1,)), (3, (2,)), (3, (999,)), (3, (0, 0))],
    339: [None, (3, (2,)), (3, (3,)), (3, (4,)), (3, (1, 2, 3))],
    512: [(3, (1,))],
    530: [(3, (2, 2))],
}


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, dict[str, Any]]:
    """Draw a photometric interpretation, and the options of `tiff_of`."""
    photometric = draw(st.sampled_from([0, 1, 2, 3, 5, 6, 8]))
    bits = draw(st.sampled_from([1, 2, 4, 6, 8, 8, 10, 12, 14, 16, 16, 32]))
    kinds = "uif" if bits == 32 else "ui" if bits in (8, 16) else "u"
    extra = draw(st.sampled_from([(), (), (0,), (1,), (2,), (999,), (0, 0), (2, 0)]))
    samples = {2: 3, CMYK: 4, 6: 3, 8: 3}.get(photometric, 1) + len(extra)
    planar = draw(st.sampled_from([1, 2]))
    compressions = [1, 1, 8, 8, 32773, 32946]
    if bits == 8 and (samples in (1, 3) or planar == 2):
        compressions.append(JPEG)
    compression = draw(st.sampled_from(compressions))
    options = {
        "bits": bits,
        "extra": extra,
        "planar": planar,
        "compression": compression,
        "kind": draw(st.sampled_from(kinds)),
        "order": draw(st.sampled_from("<>")),
        "predictor": draw(st.sampled_from([1, 2])) if compression in (8, 32946) else 1,
        "fill_order": draw(st.sampled_from([1, 1, 2])),
        "big": draw(st.booleans()) and draw(st.booleans()),
    }
    options |= draw(st.sampled_from([{}, {"rows": 1}, {"rows": 8}, {"rows": 35}, {"tile": 16}, {"tile": 48}]))
    return photometric, options


def difference(content: bytes, expected: np.ndarray[Any, np.dtype[np.int64]]) -> int | None:
    """Return by how many levels a file's picture is off; None if it is refused."""
    message = ""
    try:
        found = np.asarray(DECODER.decode_picture(content).rgb).astype(np.int64)
    except ImageError as error:
        message = str(error)
    if message:
        assert "\n" not in message
        return None
    return int(np.abs(found - expected).max()) if found.shape == expected.shape else 255


@pytest.mark.slow
def test_a_layout_comes_out_right_or_is_refused() -> None:
    """Whatever a TIFF is made of, it never shows another picture than it holds."""

    @settings(FUZZ, max_examples=2 * EXAMPLES)
    @given(layouts())
    def check(layout: tuple[int, dict[str, Any]]) -> None:
        photometric, options = layout
        bits, extra = options["bits"], options["extra"]
        content = tiff_of(samples_of(GALAXY, photometric, bits, extra), photometric, **options)
        off = difference(content, shown(GALAXY, photometric, bits))
        assert off is None or off <= (16 if options["compression"] == JPEG else 1)

    check()


@pytest.mark.slow
def test_contradicting_tags_give_the_picture_or_a_refusal() -> None:
    """Of a file that says what it is not, nothing may hang, crash, or come out as a part of the picture."""

    @settings(FUZZ, max_examples=EXAMPLES)
    @given(
        st.sampled_from([1, RGB, PALETTE, CMYK]),
        st.sampled_from([8, 16]),
        st.sampled_from([1, 8]),
        st.sampled_from(sorted(FOREIGN)).flatmap(lambda tag: st.tuples(st.just(tag), st.sampled_from(FOREIGN[tag]))),
    )
    def check(photometric: int, bits: int, compression: int, tag: tuple[int, Any]) -> None:
        content = tiff_of(
            samples_of(GALAXY, photometric, bits), photometric, bits, compression=compression, tags={tag[0]: tag[1]}
        )
        difference(content, shown(GALAXY, photometric, bits))

    check()
