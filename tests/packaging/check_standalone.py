"""Compare the pixels of the shipped standalone file with those of the installed package, on noise of many sizes.

``python check_standalone.py`` needs the package alone. It ends with 1 if more than 1 in 10,000 colour values differ, or
one by more than a level. It runs on other processors and with other versions of ONNX Runtime than the export did.
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime
from PIL import Image

from galaxy_classify.images.crop import seen_box
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.embedded import embedded_standalone
from galaxy_classify.inference.model import OnnxModel

SHORTER_EDGES = (16, 17, 31, 63, 65, 86, 150, 318, 424, 700)


def main() -> int:
    """Print how many values differ, and return the exit code."""
    source, made_from = embedded_standalone()
    model = OnnxModel(made_from)
    preprocessing = model.description.preprocessing
    resizer = Resizer(model.input_size, preprocessing)
    session = onnxruntime.InferenceSession(source.path, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    values = changed = largest = 0
    for edge in SHORTER_EDGES:
        for shape in ((edge, edge), (edge, edge * 3 // 2), (edge * 3 // 2, edge)):
            noise = random.integers(0, 256, (*shape, 3), np.uint8)
            (pixels,) = session.run(["pixels"], {"image": noise})
            picture = Image.fromarray(noise)
            seen = resizer(picture, seen_box(*picture.size, model.input_size, preprocessing.crop_fraction))
            off = np.abs(pixels[0].astype(np.int16) - seen)
            values, changed, largest = values + off.size, changed + int((off > 0).sum()), max(largest, int(off.max()))
    print(f"standalone file, ONNX Runtime {onnxruntime.__version__}: {changed:,} of {values:,} colour values differ")
    return int(changed > values / 10_000 or largest > 1)


if __name__ == "__main__":
    sys.exit(main())
