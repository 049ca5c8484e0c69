"""Classify galaxy images: from paths or images in memory to probabilities and predictions."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.batch import Embedded, Limits, Seen, classify_batch, outputs_of, to_wait
from galaxy_classify.defaults import AUTO, BATCH_SIZE, MAX_PIXELS, MIN_FAMILIARITY, THRESHOLD, JpegDecoder
from galaxy_classify.errors import UsageError
from galaxy_classify.images.crop import Picture
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.fits.options import AS_IN_HEADERS, FitsOptions
from galaxy_classify.images.pixels import pixels_of
from galaxy_classify.images.resize import Resizer
from galaxy_classify.images.turbo import choose_turbo
from galaxy_classify.inference.contract import EMBEDDING_NAME, Preprocessing
from galaxy_classify.inference.embedded import ModelSource, find_model
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.outputs import ModelOutputs
from galaxy_classify.inputs.arguments import (
    ImageLike,
    NamedImage,
    PathLike,
    as_images,
    as_source,
    check_number,
    check_whole,
)
from galaxy_classify.inputs.find import sources_in
from galaxy_classify.inputs.source import MEMBER, Source
from galaxy_classify.parallel import available_threads, batched, ordered_map
from galaxy_classify.prediction import Prediction
from galaxy_classify.probabilities.prior import resolve_prior
from galaxy_classify.probabilities.rules import require_held_out, rules_of
from galaxy_classify.probabilities.run_mix import ClassMix, MixCollector
from galaxy_classify.probabilities.thresholds import thresholds_of

LOGGER = logging.getLogger("galaxy_classify")


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """Options of a `GalaxyClassifier`, which documents them; with the model, they decide what its predictions are."""

    threads: int = field(default_factory=available_threads)
    max_pixels: int = MAX_PIXELS
    exact: bool = False
    provider: str = AUTO
    crop: float | None = None
    fits: FitsOptions = AS_IN_HEADERS
    min_familiarity: float | None = None
    decoder: str = JpegDecoder.AUTO
    prior: tuple[tuple[str, float], ...] | None = None
    sets: float | None = None
    coarse: bool = False

    def __post_init__(self) -> None:
        for name, value in (("threads", self.threads), ("max_pixels", self.max_pixels)):
            check_whole(name, value)
            if value < 1:
                raise UsageError(f"{name} is {value}, it must be at least 1")
            object.__setattr__(self, name, int(value))  # a number of NumPy's cannot be written as JSON
        if self.crop is not None:
            check_number("crop", self.crop)
            if not 0.0 < self.crop <= 1.0:
                raise UsageError(f"crop is {self.crop}, it must be above 0 and at most 1")
            object.__setattr__(self, "crop", float(self.crop))
        if self.min_familiarity is not None:
            check_number("min_familiarity", self.min_familiarity)
            if not 0.0 <= self.min_familiarity <= 1.0:
                raise UsageError(f"min_familiarity is {self.min_familiarity}, it must be between 0 and 1")
            object.__setattr__(self, "min_familiarity", float(self.min_familiarity))
        if self.sets is not None:
            check_number("sets", self.sets)
            if not 0.0 < self.sets < 1.0:
                raise UsageError(f"sets is {self.sets}, it must be above 0 and below 1")
            object.__setattr__(self, "sets", float(self.sets))
        typed = (("exact", self.exact, bool), ("coarse", self.coarse, bool), ("provider", self.provider, str))
        for name, given, wanted in typed:
            if not isinstance(given, wanted):
                raise UsageError(f"{name} is {given!r}, it must be a {wanted.__name__}")
        if self.decoder not in list(JpegDecoder):
            raise UsageError(f"decoder is {self.decoder!r}, it must be one of {', '.join(JpegDecoder)}")
        if not isinstance(self.fits, FitsOptions):
            raise UsageError(f"fits is {self.fits!r}, it must be a FitsOptions")


class GalaxyClassifier:
    """Classify galaxy images with an ONNX model.

    Parameters
    ----------
    model : str or path-like, optional
        Name of an embedded model, or an ONNX file that follows the model contract; by default the default embedded
        model.
    threads : int, optional
        Number of worker threads; by default as many as the process may use (CPU affinity, ``SLURM_CPUS_PER_TASK``).
    max_pixels : int, optional
        Images with more pixels are refused before they are decoded; by default 89,478,485. Above twice the default,
        Pillow's own limit (``PIL.Image.MAX_IMAGE_PIXELS``) must be raised as well, for the whole process.
    exact : bool, optional
        Whether JPEGs are resized bit for bit as the model's training images were. Without the package
        galaxy-classify-turbo, ONNX Runtime resizes them by default, in less time than Pillow, and one colour value in
        80,000 comes out one level of 255 off. Images in other formats are always resized exactly.
    provider : str, optional
        Execution provider that runs the model: ``cpu``, ``cuda`` or another one of the installed ONNX Runtime;
        ``auto`` is the GPU if ONNX Runtime supports one and the machine has one, else the CPU.
    crop : float, optional
        Side of the central square that the model sees, as a fraction of the image's shorter edge; by default that of
        the model's training. Images that have the model's input size are always seen whole.
    fits : FitsOptions, optional
        How FITS files are read and coloured; by default as their headers say.
    min_familiarity : float, optional
        Familiarity below which a prediction's status is ``unfamiliar``, by default 0.5. Only for a model that gives the
        familiarity of images: how much each is like those that the model can judge.
    decoder : {"auto", "pillow", "turbo"}, optional
        What decodes JPEGs: ``turbo``, the compiled package galaxy-classify-turbo, gives the pixels of Pillow with
        `exact`, in a third of the time. ``auto`` is turbo if it is installed and can resize to the model's input.
    prior : {"uniform", "train"} or mapping of str to float, optional
        Class mix that the probabilities are to hold for: the fraction of each class, or a number proportional to it.
        ``train`` is the mix of the galaxies that were held out of the model's training, ``uniform`` has the same
        fraction of each class. By default probabilities stay as the model gives them.
    sets : float, optional
        Coverage of prediction sets, such as 0.9: each prediction then has a set of classes, and at least this share of
        the sets hold the true class.
    coarse : bool, optional
        Whether each prediction also says which of smooth and disk is more probable. For GalaxyMNIST's classes only.

    Attributes
    ----------
    classes_ : ndarray of str, shape (classes,)
        Class names in the order of the columns of `predict_proba`.

    Raises
    ------
    ModelError
        If the model is missing, damaged, or breaks the contract.
    UsageError
        If `threads` or `max_pixels` is below 1, `crop` is not in (0, 1], `min_familiarity` is outside 0 to 1 or given
        for a model without familiarity, the model does not support `prior`, `sets` or `coarse`, an argument is of the
        wrong type, the provider is not available, the decoder ``turbo`` cannot resize to the model's input, or the
        classifier is used after `close`.
    MissingExtraError
        If the decoder ``turbo`` is asked for, and not installed.

    Notes
    -----
    One classifier may be used from several threads at once, pickled, and used in a forked process. A pickle holds the
    model's name or path and its checksum, so that another process loads the very same model or fails. Messages go to
    the logger ``galaxy_classify``. No global state is changed but ONNX Runtime's: its telemetry is switched off by the
    environment variable ``ORT_DISABLE_TELEMETRY``, unless that is set already, and its own log by the log level.

    Examples
    --------
    >>> from galaxy_classify import GalaxyClassifier
    >>> classifier = GalaxyClassifier()
    >>> rows = list(classifier.classify(["no_such_galaxy.jpg"]))
    >>> rows[0].status, rows[0].message
    ('error', 'no such file')
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        max_pixels: int = MAX_PIXELS,
        *,
        exact: bool = False,
        provider: str = AUTO,
        crop: float | None = None,
        fits: FitsOptions | None = None,
        min_familiarity: float | None = None,
        decoder: str = JpegDecoder.AUTO,
        prior: str | Mapping[str, float] | None = None,
        sets: float | None = None,
        coarse: bool = False,
    ) -> None:
        threads = available_threads() if threads is None else threads
        fits = fits or AS_IN_HEADERS
        options = ClassifierOptions(
            threads, max_pixels, exact, provider, crop, fits, min_familiarity, decoder, None, sets, coarse
        )
        self._load(find_model(model), options, prior)

    @classmethod
    def from_options(cls, model: str | os.PathLike[str] | None, options: ClassifierOptions) -> Self:
        """Make a classifier from a model and options."""
        classifier = cls.__new__(cls)
        classifier._load(find_model(model), options)
        return classifier

    def _load(
        self, source: ModelSource, options: ClassifierOptions, prior: str | Mapping[str, float] | None = None
    ) -> None:
        self._model: OnnxModel | None = OnnxModel(source, options.provider)
        about = self._model.description
        if prior is not None:
            held_out = require_held_out(about.held_out, about.classes, self._model.identity)
            options = replace(options, prior=resolve_prior(prior, about.classes, held_out))
        self.options = options
        preprocessing = self.preprocessing
        turbo = choose_turbo(options.decoder, self._model.input_size, preprocessing, options.max_pixels)
        exact = options.exact or turbo is not None
        self._rules = rules_of(
            about.classes,
            about.held_out,
            prior=options.prior,
            sets=options.sets,
            coarse=options.coarse,
            model=self._model.identity,
        )
        #: The options as given, but with the provider and the minimum of familiarity that are in use. With them another
        #: process decodes the same pixels, whether it has the compiled decoder or not.
        self.options = replace(
            options,
            provider=self._model.provider,
            min_familiarity=_min_familiarity(self._model, options.min_familiarity),
            exact=exact,
            decoder=options.decoder if exact else JpegDecoder.PILLOW,
        )
        resizer = Resizer(self._model.input_size, preprocessing, fast=not exact)
        self._decoder = Decoder(resizer, options.max_pixels, options.fits, turbo)
        self.classes_: NDArray[np.str_] = np.array(self._model.description.classes)
        LOGGER.info("loaded model %s from %s", self._model.identity, source.path)

    @property
    def threads(self) -> int:
        """Number of worker threads."""
        return self.options.threads

    @property
    def max_pixels(self) -> int:
        """Number of pixels above which images are refused."""
        return self.options.max_pixels

    @property
    def exact(self) -> bool:
        """Whether JPEGs are resized exactly: by Pillow or the compiled decoder instead of ONNX Runtime."""
        return self.options.exact

    @property
    def decoder(self) -> JpegDecoder:
        """What decodes ordinary JPEGs: turbo or Pillow."""
        return JpegDecoder.PILLOW if self._decoder.turbo is None else JpegDecoder.TURBO

    @property
    def crop(self) -> float | None:
        """Side of the central crop as a fraction of the shorter edge; None for the model's own."""
        return self.options.crop

    @property
    def fits(self) -> FitsOptions:
        """How FITS files are read and coloured."""
        return self.options.fits

    @property
    def min_familiarity(self) -> float | None:
        """Familiarity below which a prediction is unfamiliar; None if the model gives no familiarity."""
        return self.options.min_familiarity

    @property
    def model(self) -> OnnxModel:
        """The model in use, with its description and checksum."""
        if self._model is None:
            raise UsageError("the classifier was closed")
        return self._model

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of the model's training, with this classifier's `crop` if it has one."""
        trained = self.model.description.preprocessing
        return trained if self.crop is None else replace(trained, crop_fraction=self.crop)

    def close(self) -> None:
        """Release the model; the classifier cannot be used afterwards."""
        self._model = None

    def __repr__(self) -> str:
        if self._model is None:
            return f"<{type(self).__name__}: closed>"
        changed = [
            f"{name}={value!r}"
            for name, value in (
                ("crop", self.crop),
                ("min_familiarity", self.min_familiarity),
                ("exact", self.exact),
                ("sets", self.options.sets),
            )
            if value
        ]
        about = [self.model.identity, ", ".join(self.classes_.tolist()), f"threads={self.threads}", *changed]
        return f"<{type(self).__name__}: {'; '.join(about)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        # A session cannot be pickled: load the model again instead. The checksum makes sure that it is the same file.
        source = self.model.source
        return {"model": source.name or source.path, "sha256": self.model.sha256, "options": self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._load(replace(find_model(state["model"]), sha256=state["sha256"]), state["options"])

    def predict_proba(self, images: ImageLike | Sequence[ImageLike]) -> NDArray[np.float32]:
        """Return the probability of each class for each image.

        Parameters
        ----------
        images : PIL image, ndarray of uint8, bytes-like object, Flux, or a sequence of them
            One image, or many. Bytes are an encoded image, as a file holds it. Fluxes in several bands are given as
            `Flux`. An array is one image with shape (H, W, 3) or (H, W), or a stack with shape (N, H, W, 3). Images may
            have any size from 16 pixels: they are cropped and resized as the model's training images were, unless they
            already have the model's size.

        Returns
        -------
        ndarray of float32, shape (N, classes)
            Rows sum to 1; one image gives one row. With a `prior` they hold for that class mix.

        Raises
        ------
        ImageError
            If an image cannot be classified; the message says which (counted from 0) and why.
        """
        found = [self._rules.reweighted(outputs.probabilities) for outputs in self._outputs(images)]
        return np.concatenate(found) if found else np.empty((0, len(self.classes_)), np.float32)

    def predict(self, images: ImageLike | Sequence[ImageLike]) -> NDArray[np.str_]:
        """Return the most probable class of each image.

        Parameters
        ----------
        images : PIL image, ndarray of uint8, bytes, or a sequence of them
            As in `predict_proba`.

        Returns
        -------
        ndarray of str, shape (N,)
            Class names.

        Raises
        ------
        ImageError
            If an image cannot be classified; the message says which (counted from 0) and why.
        """
        labels: NDArray[np.str_] = self.classes_[self.predict_proba(images).argmax(axis=1)]
        return labels

    def embed(self, images: ImageLike | Sequence[ImageLike]) -> NDArray[np.float32]:
        """Return the embedding of each image: the features that the model compares galaxies by.

        Parameters
        ----------
        images : PIL image, ndarray of uint8, bytes, or a sequence of them
            As in `predict_proba`.

        Returns
        -------
        ndarray of float32, shape (N, features)
            Images that look alike to the model have vectors with a small Euclidean distance. Vectors of different
            models cannot be compared.

        Raises
        ------
        UsageError
            If the model gives no embedding.
        ImageError
            If an image cannot be classified; the message says which (counted from 0) and why.
        """
        features = self.check_embedding()
        found = [
            outputs.embedding for outputs in self._outputs(images, embedding=True) if outputs.embedding is not None
        ]
        return np.concatenate(found) if found else np.empty((0, features), np.float32)

    def check_embedding(self) -> int:
        """Return the number of features of the model's embedding; raise `UsageError` if it gives none."""
        model = self.model
        if model.embedding_size is None:
            raise UsageError(
                f"the model {model.identity} gives no embedding; choose a model whose file has the output "
                f"{EMBEDDING_NAME!r} beside the probabilities"
            )
        return model.embedding_size

    def _outputs(self, images: ImageLike | Sequence[ImageLike], *, embedding: bool = False) -> Iterator[ModelOutputs]:
        """Yield the model's outputs for batches of images in memory, in order."""
        model = self.model
        return ordered_map(
            lambda batch: outputs_of(self._decoder, model, batch, embedding=embedding),
            batched(enumerate(as_images(images)), BATCH_SIZE),
            self.threads,
        )

    def classify(
        self,
        inputs: PathLike | Iterable[PathLike | NamedImage],
        *,
        threshold: float | Mapping[str, float] = THRESHOLD,
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[Prediction]:
        """Classify images lazily and in order, with exactly one prediction for each input.

        Parameters
        ----------
        inputs : path, or iterable of paths and of tuples (name, image)
            One path may be a file, a folder, which is searched with its subfolders, an archive, or a pattern with
            ``*``, ``?`` or ``[…]``. An iterable has image files, and images in memory as `predict_proba` takes them,
            each with a name that becomes the prediction's path; each item gives one prediction. A path may also be the
            URL of an object (``s3://…``, with the extra ``remote``). In place of an image there may be a function that
            returns its bytes or raises `ImageError` or `OSError`; a worker thread calls it. The iterable is read
            lazily, a few batches ahead.
        threshold : float or mapping of str to float, optional
            Confidence below which a prediction's status is ``uncertain``. A mapping has the thresholds of some classes,
            and that of all others under ``*`` (0.6 if it is left out). A picture that no one would recognise, such as
            one that is nearly black, is ``uncertain`` whatever the confidence, and the message says why. An image whose
            familiarity is below `min_familiarity` is ``unfamiliar`` instead.
        batch_size : int, optional
            Number of images that a worker thread decodes and classifies together.

        Returns
        -------
        iterator of Prediction
            An input that cannot be classified gives a prediction with the status ``error``, not an exception.

        Raises
        ------
        UsageError
            If `threshold` is outside 0 to 1, `batch_size` below 1, an argument of the wrong type; while iterating, if
            an item is neither a path nor a name with an image.
        ModelError
            While iterating, if the model cannot run on this machine, or does not return one row for each image.
        """
        classified = self.classify_sources(_sources(inputs), threshold=threshold, batch_size=batch_size)
        return (prediction for _, prediction in classified)

    def classify_and_embed(
        self,
        inputs: PathLike | Iterable[PathLike | NamedImage],
        *,
        threshold: float | Mapping[str, float] = THRESHOLD,
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[tuple[Prediction, NDArray[np.float32] | None]]:
        """Classify images as `classify` does, and yield each prediction together with the image's embedding.

        Parameters
        ----------
        inputs, threshold, batch_size
            As in `classify`.

        Returns
        -------
        iterator of (Prediction, ndarray of float32, shape (features,))
            In the order of the inputs, a few batches ahead. The vector is None for an input that cannot be classified,
            and for one whose features are not finite numbers.

        Raises
        ------
        UsageError
            If the model gives no embedding, and as in `classify`.
        ModelError
            As in `classify`.
        """
        self.check_embedding()
        vectors: dict[int, NDArray[np.float32] | None] = {}
        classified = self.classify_sources(
            _sources(inputs),
            threshold=threshold,
            batch_size=batch_size,
            # An input is in use, and its id its own, until it is yielded.
            embedded=lambda source, vector: vectors.__setitem__(id(source), vector),
        )
        return ((prediction, vectors.pop(id(source), None)) for source, prediction in classified)

    def classify_sources(
        self,
        sources: Iterable[Source],
        *,
        threshold: float | Mapping[str, float] = THRESHOLD,
        batch_size: int = BATCH_SIZE,
        seen: Seen | None = None,
        embedded: Embedded | None = None,
    ) -> Iterator[tuple[Source, Prediction]]:
        """Classify inputs as `classify` does, and yield each together with its prediction.

        `seen` is called in a worker thread with each input that can be decoded and the model's input that it gave,
        `embedded` with each that can be classified and its embedding.
        """
        check_whole("batch size", batch_size)
        if batch_size < 1:
            raise UsageError(f"batch size is {batch_size}, it must be at least 1")
        model = self.model
        limits = Limits(thresholds_of(threshold, model.description.classes), self.min_familiarity)
        decoder, rules = self._decoder, self._rules
        batches = batched(((source, to_wait(decoder, source)) for source in sources), batch_size)
        results = ordered_map(
            lambda batch: classify_batch(model, decoder, batch, limits, rules, seen, embedded), batches, self.threads
        )
        return (classified for batch in results for classified in batch)

    def class_mix(self, predictions: Iterable[Prediction]) -> ClassMix | None:
        """Estimate the fractions of the classes among classified galaxies, corrected for the model's errors.

        Parameters
        ----------
        predictions : iterable of Prediction
            Predictions that this classifier has made; of more than 4,096, an even sample is used.

        Returns
        -------
        ClassMix or None
            None if no prediction has a class, or all are unfamiliar.

        Raises
        ------
        UsageError
            If the model carries no predictions on galaxies that were held out of its training.
        """
        collector = self.mix_collector()
        for prediction in predictions:
            collector.add(prediction)
        return collector.estimate()

    def mix_collector(self) -> MixCollector:
        """Return what `class_mix` collects predictions with, one by one; raise `UsageError` as it does."""
        about = self.model.description
        held_out = require_held_out(about.held_out, about.classes, self.model.identity)
        return MixCollector(about.classes, held_out, self._rules)

    @property
    def has_held_out(self) -> bool:
        """Whether the model carries predictions on held-out galaxies of all of its classes."""
        about = self.model.description
        return about.held_out is not None and not about.held_out.missing_classes(about.classes)

    def picture(self, image: PathLike | tuple[PathLike, bytes]) -> Image.Image:
        """Return the part of an image that the model sees, before the resize.

        Parameters
        ----------
        image : path, or tuple of a name and bytes
            Image file or encoded image, as `classify` takes it; or the path of an archive member, such as
            ``cutouts.tar::m51.jpg``, for which the archive is searched from its beginning.

        Returns
        -------
        PIL.Image.Image
            In mode RGB, upright: the central crop, or the whole of an image that has the model's input size.

        Raises
        ------
        ImageError
            If the image cannot be decoded, or is too small.
        """
        picture = self._read_picture(image)
        return picture.rgb.crop(picture.box)

    def seen(self, image: PathLike | tuple[PathLike, bytes]) -> Image.Image:
        """Return the picture that the model sees of an image: coloured, cropped and resized.

        Parameters
        ----------
        image : path, or tuple of a name and bytes
            As in `picture`.

        Returns
        -------
        PIL.Image.Image
            In mode RGB and the model's input size. At the edge, which some models ignore, it may be black. Classified
            as an image of its own, it gives the same probabilities.

        Raises
        ------
        ImageError
            If the image cannot be decoded, is too small, or is constant.
        """
        return Image.fromarray(pixels_of(self._read_picture(image), self._decoder.resizer))

    def resized(self, picture: Image.Image) -> Image.Image:
        """Resize a result of `picture` to the model's input size; raise `ImageError` if it is constant."""
        whole = Picture(picture, (0, 0, picture.width, picture.height))
        return Image.fromarray(pixels_of(whole, self._decoder.resizer))

    def _read_picture(self, image: PathLike | tuple[PathLike, bytes]) -> Picture:
        source = as_source(image)
        content = source.content
        if content is None and MEMBER in source.path and not os.path.lexists(source.path):
            # Imported when it is needed: few programs ask for archive members.
            from galaxy_classify.inputs.containers.open import read_member

            content = partial(read_member, source.path)
        if content is None:
            return self._decoder.read_picture(source.path)
        return self._decoder.decode_picture(content())


def _sources(inputs: PathLike | Iterable[PathLike | NamedImage]) -> Iterator[Source]:
    """Return the inputs of `GalaxyClassifier.classify`, lazily."""
    if isinstance(inputs, str | os.PathLike):
        return sources_in(inputs)
    if not isinstance(inputs, Iterable) or isinstance(inputs, Image.Image | bytes | bytearray | memoryview):
        raise UsageError(
            f"{type(inputs).__name__} is no path and no iterable of inputs; an image in memory goes "
            "with a name: [(name, image)]"
        )
    return map(as_source, inputs)


def _min_familiarity(model: OnnxModel, given: float | None) -> float | None:
    """Return the minimum of familiarity that a classifier uses; refuse one that its model cannot be held to."""
    if model.has_familiarity:
        return MIN_FAMILIARITY if given is None else given
    if given is not None:
        raise UsageError(
            f"the model {model.identity} gives no familiarity, so a minimum of {given} does not apply: leave it "
            "out, or choose a model that gives it (galaxy-classify models says which do)"
        )
    return None
