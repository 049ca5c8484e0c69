"""Measure the sensitivity of the parity gate: the smallest change of each weight tensor that it refuses.

Run ``python benchmarks/gate_sensitivity.py RUN --images DIR_OR_HDF5``, where RUN is a run folder of ``galaxy-train``.
Each tensor is scaled by 1 + x, with x from 1e-6 upwards in steps of a factor of about three.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from galaxy_classify.errors import ParityError
from galaxy_export.galaxy_parity import measure_parity
from galaxy_export.gate_images import load_gate_images
from galaxy_export.graph.convert import to_onnx
from galaxy_export.graph.predictions import keras_predictions
from galaxy_export.verify import load_trained

CHANGES = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def main() -> None:
    """Print a line for each tensor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    arguments = parser.parse_args()
    trained = load_trained(arguments.run)
    size, classes = tuple(trained.network.input_shape[1:3]), trained.classes or ()
    pixels = load_gate_images(arguments.images, size, classes).pixels
    reference = keras_predictions(trained.network, pixels)
    proto = to_onnx(trained.network)
    print(f"{len(pixels)} images of {arguments.images.name}")
    for number, tensor in enumerate(proto.graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < 2:
            continue
        for change in CHANGES:
            changed = onnx.ModelProto()
            changed.CopyFrom(proto)
            values = numpy_helper.to_array(tensor) * np.float32(1 + change)
            changed.graph.initializer[number].CopyFrom(numpy_helper.from_array(values, tensor.name))
            try:
                measure_parity(reference, changed, pixels).check()
            except ParityError as error:
                print(f"{tensor.name:14} {list(tensor.dims)!s:14} refused from a change of {change:.0e}: {error}")
                break
        else:
            print(f"{tensor.name:14} {list(tensor.dims)!s:14} not refused up to {CHANGES[-1]:.0e}")


if __name__ == "__main__":
    main()
