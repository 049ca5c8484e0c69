"""Compare a standalone file with the package's crop, resize and network, from decoded image to outputs.

``python benchmarks/standalone.py`` prints, for several sizes, the CPU milliseconds of both (medians of pairs that take
turns) and their ratio, each on one thread, and the memory that the largest image takes in the standalone file.
"""

from __future__ import annotations

import resource
import statistics
import time

import numpy as np
import onnxruntime
from PIL import Image

from galaxy_classify.images.crop import seen_box
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.embedded import embedded_standalone
from galaxy_classify.inference.model import OnnxModel

EDGES = (64, 424, 1024, 2048)
PAIRS = 31


def main() -> None:
    """Print the table."""
    source, made_from = embedded_standalone()
    model = OnnxModel(made_from)
    resizer = Resizer(model.input_size, model.description.preprocessing)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(source.path, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    print("edge  package ms  standalone ms  ratio")
    for edge in EDGES:
        pixels = random.integers(0, 256, (edge, edge, 3), np.uint8)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(PAIRS):
            started = time.thread_time()
            picture = Image.fromarray(pixels)
            seen = pixels
            if pixels.shape[:2] != model.input_size:
                seen = resizer(picture, seen_box(edge, edge, model.input_size, 0.75))
            model.run(seen[np.newaxis])
            times[0].append(time.thread_time() - started)
            started = time.thread_time()
            session.run(["probabilities", "familiarity"], {"image": pixels})
            times[1].append(time.thread_time() - started)
        package, standalone = (statistics.median(each) * 1e3 for each in times)
        print(f"{edge:4}  {package:10.2f}  {standalone:13.2f}  {standalone / package:5.2f}")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"memory for the largest: {grown / (0.75 * EDGES[-1]) ** 2:.0f} bytes for each pixel of the crop")


if __name__ == "__main__":
    main()
