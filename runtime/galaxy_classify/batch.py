"""Decode and classify the inputs of one batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder, ModelInput
from galaxy_classify.images.picture_check import doubts
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.outputs import ModelOutputs, value_faults
from galaxy_classify.inputs.arguments import ImageLike
from galaxy_classify.inputs.source import InOrder, Source, Unreadable
from galaxy_classify.prediction import Prediction, Status
from galaxy_classify.probabilities.rules import Rules
from galaxy_classify.text import printable

LOGGER = logging.getLogger("galaxy_classify")


#: An input as a worker thread gets it: a path, the content of a file, a function that returns an image or raises
#: `ImageError`, or what decoding it has given already.
Waiting = str | bytes | Callable[[], Any] | ModelInput


#: Takes an input and the pixels that the model sees of it: uint8, shape (height, width, 3).
Seen = Callable[[Source, NDArray[np.uint8]], None]


#: Takes an input that could be classified and its embedding: float32, shape (features,); None if that is not finite.
Embedded = Callable[[Source, NDArray[np.float32] | None], None]


#: Encoded images with more bytes than this are decoded at once instead of waiting for a worker: many of them waiting
#: would take much memory.
WAITING_BYTES: Final = 1 << 20


def to_wait(decoder: Decoder, source: Source) -> Waiting:
    """Return an input in the form in which it waits for a worker thread."""
    content = source.content
    if content is None:
        return source.path
    if not isinstance(content, InOrder):
        return content
    # The stream moves on with the next input, so read its content now, and in this thread.
    try:
        encoded = content()
        return encoded if len(encoded) <= WAITING_BYTES else decoder.decode(encoded)
    except ImageError as error:
        return Unreadable(str(error))


def decode_all(decoder: Decoder, inputs: Sequence[Waiting]) -> list[ModelInput | str]:
    """Decode the inputs of a batch; of those that cannot be used, return the reason."""
    found: dict[int, ModelInput | str] = {}
    encoded: dict[int, str | bytes] = {}
    for number, waiting in enumerate(inputs):
        if callable(waiting):
            try:
                image = waiting()
                if isinstance(image, bytes) and len(image) <= WAITING_BYTES:
                    encoded[number] = image
                else:
                    found[number] = decoder.decode(image)
            except ImageError as error:
                found[number] = str(error)
        elif isinstance(waiting, ModelInput):
            found[number] = waiting
        else:
            encoded[number] = waiting
    found.update(zip(encoded, decoder.decode_batch(list(encoded.values())), strict=True))
    return [found[number] for number in range(len(inputs))]


@dataclass(frozen=True, slots=True)
class Limits:
    """What decides between the statuses of classified inputs; documented by `Prediction`."""

    #: Of each class.
    thresholds: tuple[float, ...]
    #: None if the model gives no familiarity.
    min_familiarity: float | None

    def status(self, best: int, confidence: float, familiarity: float | None, doubt: str) -> Status:
        """Return the status of an input by its most probable class.

        `doubt` says why no one would recognise its picture, or is empty.
        """
        if familiarity is not None and self.min_familiarity is not None and familiarity < self.min_familiarity:
            return "unfamiliar"
        return "ok" if confidence >= self.thresholds[best] and not doubt else "uncertain"


def classify_batch(
    model: OnnxModel,
    decoder: Decoder,
    batch: list[tuple[Source, Waiting]],
    limits: Limits,
    rules: Rules,
    seen: Seen | None,
    embedded: Embedded | None = None,
) -> list[tuple[Source, Prediction]]:
    """Decode and classify inputs, and return each with its prediction, in order.

    `seen` is called with each input that can be decoded and the model's input that it gave, `embedded` with each that
    can be classified.

    Raises
    ------
    ModelError
        If the model cannot run on this machine, or does not return one row for each image.
    """
    inputs = decode_all(decoder, [waiting for _, waiting in batch])
    decoded = [(number, found) for number, found in enumerate(inputs) if isinstance(found, ModelInput)]
    if seen is not None:
        for number, found in decoded:
            seen(batch[number][0], found.pixels)
    predictions: dict[int, Prediction] = {}
    if decoded:
        pixels = _stacked([found.pixels for _, found in decoded])
        outputs = model.run(pixels, embedding=embedded is not None)
        # An embedding that is not finite changes no row: rows are the same whether somebody asks for it or not.
        faults = value_faults(replace(outputs, embedding=None))
        sets = rules.sets(outputs.probabilities)
        outputs = replace(outputs, probabilities=rules.reweighted(outputs.probabilities))
        doubtful = doubts(pixels, model.description.preprocessing.margin)
        numbers = _numbers(outputs)
        predict = partial(_prediction, model.identity, rules, limits)
        for row, (number, found) in enumerate(decoded):
            if row in faults:
                inputs[number] = faults[row]
            else:
                path, doubt = batch[number][0].path, doubtful[row] or found.doubt
                predictions[number] = predict(path, *numbers[row], sets[row], found.note, doubt)
                if embedded is not None and outputs.embedding is not None:
                    vector = outputs.embedding[row]
                    embedded(batch[number][0], vector if np.isfinite(vector).all() else None)
    return [
        (source, _failure(model, source.path, found) if isinstance(found, str) else predictions[number])
        for number, ((source, _), found) in enumerate(zip(batch, inputs, strict=True))
    ]


def outputs_of(
    decoder: Decoder, model: OnnxModel, numbered: list[tuple[int, ImageLike]], *, embedding: bool = False
) -> ModelOutputs:
    """Return the model's outputs for numbered images; raise `ImageError` with the number of the first that has none."""
    # A text is no path here: the decoder says what to do with it.
    inputs = [image if isinstance(image, bytes) else partial(_itself, image) for _, image in numbered]
    pixels = []
    for (number, _), found in zip(numbered, decode_all(decoder, inputs), strict=True):
        if isinstance(found, str):
            raise ImageError(f"image {number}: {found}")
        pixels.append(found.pixels)
    outputs = model.run(_stacked(pixels), embedding=embedding)
    for row, reason in sorted(value_faults(outputs).items()):
        raise ImageError(f"image {numbered[row][0]}: {reason}")
    return outputs


def _stacked(inputs: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return model inputs as one array; it is there already if the whole batch was decoded in one go."""
    whole = inputs[0].base
    if isinstance(whole, np.ndarray) and len(whole) == len(inputs) and all(each.base is whole for each in inputs):
        return whole
    return np.stack(inputs)


def _itself(image: ImageLike) -> ImageLike:
    return image


def _numbers(outputs: ModelOutputs) -> list[tuple[int, list[float], float | None]]:
    """Return of each row the place of its highest probability, its probabilities and its familiarity.

    One conversion of a whole batch to Python's numbers takes a fraction of the time that one for each row does.
    """
    best = outputs.probabilities.argmax(axis=1).tolist()
    familiarity = [None] * len(best) if outputs.familiarity is None else outputs.familiarity.tolist()
    return list(zip(best, outputs.probabilities.tolist(), familiarity, strict=True))


def _prediction(
    identity: str,
    rules: Rules,
    limits: Limits,
    path: str,
    best: int,
    probabilities: list[float],
    familiarity: float | None,
    prediction_set: tuple[str, ...] | None,
    note: str,
    doubt: str,
) -> Prediction:
    confidence = probabilities[best]
    coarse_label, coarse_confidence = rules.coarse_class(probabilities)
    # The outputs of an int8 network may lie beyond 0 and 1, by a rounding.
    familiarity = None if familiarity is None else min(max(familiarity, 0.0), 1.0)
    return Prediction(
        path=path,
        status=limits.status(best, confidence, familiarity, doubt),
        model=identity,
        label=rules.classes[best],
        confidence=confidence,
        probabilities=dict(zip(rules.classes, probabilities, strict=True)),
        message=printable("; ".join(filter(None, (note, doubt)))) if note or doubt else "",
        familiarity=familiarity,
        coarse_label=coarse_label,
        coarse_confidence=coarse_confidence,
        prediction_set=prediction_set,
    )


def _failure(model: OnnxModel, path: str, message: str) -> Prediction:
    LOGGER.debug("%r: %s", path, message)
    # Messages may quote a file's header: it must not colour a terminal that shows the row.
    return Prediction(path=path, status="error", model=model.identity, message=printable(message))
