"""Galaxies with known classes, and the probabilities that a model with known faults gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from PIL import Image

from galaxy_classify.inference.contract import METADATA_PREFIX
from galaxy_classify.probabilities.held_out import HeldOut
from tiny_model import description, tiny_model

EVEN = (0.25, 0.25, 0.25, 0.25)


def simulate(
    seed: int,
    galaxies: int,
    mix: Sequence[float] = EVEN,
    *,
    bias: Sequence[float] | None = None,
    distance: float = 1.5,
    sharpness: float = 1.0,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw galaxies with a class mix; return their labels, and probabilities of each class.

    Each galaxy is a point around the corner of its class, `distance` from the origin. The probabilities are exact for
    an even mix, but for a bias that is added to their logarithms, and a `sharpness` above 1 makes them overconfident.
    """
    random = np.random.default_rng(seed)
    labels = random.choice(len(mix), galaxies, p=mix)
    points = random.normal(size=(galaxies, len(mix)))
    points[np.arange(galaxies), labels] += distance
    logits = sharpness * distance * points + (0 if bias is None else np.array(bias))
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, raised / raised.sum(axis=1, keepdims=True)


def held_out(seed: int = 0, galaxies: int = 800, mix: Sequence[float] = EVEN, **faults: Any) -> HeldOut:
    """Return simulated predictions on held-out galaxies."""
    return HeldOut.of(*simulate(seed, galaxies, mix, **faults))


def save_model(path: Path, predictions: HeldOut | None, **changes: Any) -> Path:
    """Write the tiny model, which classifies by colour, with predictions on held-out galaxies."""
    fields = {name: changes.pop(name) for name in ("classes", "name") if name in changes}
    metadata = description(held_out=predictions, **fields).to_metadata()
    if changes.get("familiarity"):
        metadata = description(held_out=predictions, contract="2", **fields).to_metadata()
    onnx.save(tiny_model(metadata=metadata, **changes), path)
    return path


def change_held_out(path: Path, text: str | None) -> Path:
    """Replace the predictions on held-out galaxies in a model file, or take them out."""
    proto = onnx.load(path)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    key = METADATA_PREFIX + "held_out"
    metadata.pop(key, None)
    if text is not None:
        metadata[key] = text
    helper.set_model_props(proto, metadata)
    onnx.save(proto, path)
    return path


def paint_colours(folder: Path, colours: Sequence[tuple[int, int, int]]) -> Path:
    """Write coloured blobs, which the tiny model gives probabilities that differ with their colour."""
    folder.mkdir(parents=True, exist_ok=True)
    row, column = np.mgrid[-1:1:64j, -1:1:64j]
    blob = 0.5 + 0.5 * np.exp(-16 * (row**2 + column**2))[..., None]
    for number, colour in enumerate(colours):
        Image.fromarray((blob * colour).astype(np.uint8)).save(folder / f"{number:04}.png")
    return folder


def random_colours(seed: int, count: int) -> list[tuple[int, int, int]]:
    """Return colours of which the tiny model takes none for sure."""
    drawn = np.random.default_rng(seed).integers(20, 255, (count, 3))
    return [(int(red), int(green), int(blue)) for red, green, blue in drawn]
