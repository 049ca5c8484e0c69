"""Compare float32, float16 and int8 models: size, speed, agreement, and the influence of the batch on predictions.

Run ``python benchmarks/quantization.py RUN --images DATA``, where RUN is a run folder of ``galaxy-train`` and DATA the
data set that it was trained on.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

from galaxy_export.gate_images import load_gate_images
from galaxy_export.graph.convert import to_onnx
from galaxy_export.int8.choose import quantize
from galaxy_train.networks.keras_model import load_model
from galaxy_train.run_folder import RunFolder

REPEATS = 30


def session(content: bytes) -> onnxruntime.InferenceSession:
    """Return a session with one thread, as the runtime's workers have."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(model: onnxruntime.InferenceSession, pixels: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
    """Return the probabilities of all images, computed in batches."""
    return np.concatenate(
        [model.run(None, {"images": pixels[start : start + batch]})[0] for start in range(0, len(pixels), batch)]
    )


def microseconds(model: onnxruntime.InferenceSession, pixels: NDArray[np.uint8], batch: int) -> float:
    """Return the median time per image."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        model.run(None, {"images": pixels[:batch]})
        times.append(time.perf_counter() - started)
    return statistics.median(times) / batch * 1e6


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    arguments = parser.parse_args()

    folder = RunFolder(arguments.run)
    network = load_model(folder.model)
    metrics = folder.read_metrics()
    gate = load_gate_images(arguments.images, tuple(network.input_shape[1:3]), metrics.classes)
    pixels, labels = gate.pixels, gate.require_labels()
    proto = to_onnx(network)
    with tempfile.TemporaryDirectory() as scratch:
        float_path, dynamic_path = Path(scratch) / "float.onnx", Path(scratch) / "dynamic.onnx"
        onnx.save(proto, float_path)
        quantize_dynamic(float_path, dynamic_path, weight_type=QuantType.QInt8, per_channel=True)
        contents = {
            "float32": float_path.read_bytes(),
            "float16": convert_float_to_float16(onnx.load(float_path), keep_io_types=True).SerializeToString(),
            "int8, dynamic (ONNX Runtime)": dynamic_path.read_bytes(),
            "int8, ours": quantize(proto, metrics.data, arguments.images)[0].SerializeToString(),
        }
    reference = run(session(contents["float32"]), pixels, 1)
    print(f"{len(pixels)} images of {arguments.images.name}, one thread")
    print(f"{'':28}      MB  accuracy  same class  moved by the batch: probability, classes  µs an image at 1, at 64")
    for name, content in contents.items():
        model = session(content)
        alone, together = run(model, pixels, 1), run(model, pixels, len(pixels))
        same = (alone.argmax(axis=1) == reference.argmax(axis=1)).mean()
        moved = np.abs(alone - together).max()
        changed = int((alone.argmax(axis=1) != together.argmax(axis=1)).sum())
        print(
            f"{name:28}  {len(content) / 1e6:6.2f}  {(alone.argmax(axis=1) == labels).mean():8.4f}  {same:10.2%}  "
            f"{moved:31.4f}  {changed:7}  "
            f"{microseconds(model, pixels, 1):14.0f}  {microseconds(model, pixels, 64):5.0f}"
        )


if __name__ == "__main__":
    main()
