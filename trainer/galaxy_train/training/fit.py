"""Train a recipe, calibrate the network, and write the run folder."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, TextIO

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError, GalaxyClassifyError
from galaxy_classify.inference.contract import FAMILIARITY_NAME, OUTPUT_NAME
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_train.data.load import TrainingData
from galaxy_train.data.outliers.load import split_outliers
from galaxy_train.evaluation.calibration import calibrate
from galaxy_train.evaluation.evaluate import evaluate_model
from galaxy_train.evaluation.metrics import classification_metrics
from galaxy_train.evaluation.plots import plot_accuracy, plot_confusion_matrix, plot_reliability
from galaxy_train.evaluation.prediction_sets import measure_sets
from galaxy_train.networks.keras_model import has_familiarity, predict
from galaxy_train.networks.recipes import RECIPES, Recipe
from galaxy_train.networks.symmetric import settle_statistics
from galaxy_train.quiet_tensorflow import make_deterministic
from galaxy_train.run_folder import RunFolder
from galaxy_train.run_metrics.runs import RunMetrics
from galaxy_train.teachers import Teacher
from galaxy_train.training.augment import WIDE_SHARE, Augmentation, AugmentedNetwork
from galaxy_train.training.batches import TrainingBatches
from galaxy_train.training.distillation import check_teachers, distil
from galaxy_train.training.outliers import FAMILIARITY_LOSS_WEIGHT, add_outliers, draw_outliers, train_late_head
from galaxy_train.training.parameters import FitParameters
from galaxy_train.training.progress import EpochReporter, HistoryWriter
from galaxy_train.training.refit import check_refit
from galaxy_train.training.splits import VALIDATION_SEED, Fold, is_of_same_data, leave_out, split_training_set
from galaxy_train.training.targets import TrainingExamples, label_targets, sample_weights
from galaxy_train.training.warm_start import check_warm_start, start_from

#: Epochs over which a cosine schedule first raises the learning rate from zero.
WARM_UP: Final = 2


def fit(
    data: TrainingData,
    run: RunFolder,
    parameters: FitParameters,
    progress: TextIO,
    *,
    init: RunFolder | None = None,
    teachers: Sequence[Teacher] = (),
    unlabelled: NDArray[np.uint8] | None = None,
    refit: RunFolder | None = None,
    outliers: Mapping[str, NDArray[np.uint8]] | None = None,
    force: bool = False,
) -> RunMetrics:
    """Train a recipe, calibrate the network, and write the run folder.

    An interrupt (Ctrl-C) ends the training early: the run folder is then completed with the weights of the last epoch,
    and its metrics say so.

    Parameters
    ----------
    data : TrainingData
        Training set, of which a part is held out for validation, and test set.
    run : RunFolder
        Folder to write.
    parameters : FitParameters
        Recipe and everything else that the training depends on.
    progress : text file
        Stream for a progress bar on a terminal, or else for one line per epoch.
    init : RunFolder, optional
        Run whose weights the training starts from (warm start).
    teachers : sequence of Teacher, optional
        Networks whose predictions are mixed into the targets (distillation).
    unlabelled : ndarray of uint8, shape (N, size, size, 3), optional
        Further images, for which the teachers' predictions are the targets.
    refit : RunFolder, optional
        Run to repeat on all images. Nothing is left to fit the temperature on, so it is taken from that run.
    outliers : mapping of str to ndarray of uint8, shape (N, size, size, 3), optional
        Images of no class by kind, for a network with familiarity; generated ones are added to them.
    force : bool
        Whether an existing run may be replaced.

    Returns
    -------
    RunMetrics
        The content of ``metrics.json``.

    Raises
    ------
    DataError
        If the data do not suit the recipe, or the run folder exists.
    GalaxyClassifyError
        If the training diverged.
    KeyboardInterrupt
        If interrupted before the first epoch was complete.
    """

    def announce(line: str) -> None:
        progress.write(f"{line}\n")
        progress.flush()

    recipe = RECIPES[parameters.recipe]
    refit_of, earlier = check_refit(refit, data, parameters, teachers) if refit is not None else (None, None)
    fraction = parameters.validation_split if refit_of is None else 0.0
    split = split_training_set(data.train, recipe, fraction)
    if parameters.fold is not None:
        split = leave_out(Fold.parse(parameters.fold), split, data.train)
    train = data.train.subset(split.training)
    validation = data.train.subset(split.held_out) if len(split.held_out) else None
    keras.utils.set_random_seed(parameters.seed)
    make_deterministic()
    model = recipe.build(train.images.shape[1], len(train.classes))
    if init is not None:
        check_warm_start(init, data.train, recipe, fraction)
        start_from(model, init, train.classes)
    labelled = TrainingExamples(train.images, label_targets(train, recipe), sample_weights(train, parameters.balance))
    examples = labelled
    taught: Mapping[str, NDArray[np.uint8]] = {}
    kept: Mapping[str, NDArray[np.uint8]] = {}
    if teachers:
        if not recipe.label_smoothing:
            raise DataError(f"the recipe {parameters.recipe} learns from labels only, not from teachers")
        # The fraction of the original run: a refit takes the teachers that suited that.
        check_teachers(teachers, data, parameters.recipe, parameters.validation_split, refit=refit_of is not None)
        for teacher in teachers:
            if not is_of_same_data(teacher.metrics, data.train):
                announce(
                    f"{teacher.path}: was trained on other data, {teacher.metrics.data.train.file}; if images of this "
                    "training set or test set are among them, their metrics will be too good"
                )
        examples = distil(labelled, split.training, teachers, data.train, unlabelled)
    held_out = None if validation is None else TrainingExamples(validation.images, label_targets(validation, recipe))
    if outliers and not has_familiarity(model):
        raise DataError(f"the recipe {parameters.recipe} has no familiarity, so that outliers teach it nothing")
    run.create(force=force)
    if has_familiarity(model):
        given = outliers or {}
        taught, kept = split_outliers(given, fraction, VALIDATION_SEED) if fraction else (given, {})
        announce("familiarity: drawing outliers")
        drawn = draw_outliers(train.images, parameters.seed)
        examples = add_outliers(examples, len(train.images), drawn, taught)
        if held_out is not None:
            held_out = add_outliers(held_out, len(held_out.images), {}, kept)

    interrupted = _train(model, examples, held_out, recipe, parameters, run, progress)
    history = run.read_history()
    if not history:
        raise KeyboardInterrupt
    if not math.isfinite(history[-1]["loss"]):
        raise GalaxyClassifyError(
            f"{run.path}: the training diverged (the loss is not finite); try a lower --learning-rate"
        )
    if has_familiarity(model) and not interrupted:
        try:
            train_late_head(model, labelled, taught, parameters.seed, _wide_share(parameters), announce)
        except KeyboardInterrupt:
            interrupted = True  # the network is trained, and works without a second head
    calibration = earlier if earlier is not None else calibrate(model, validation)
    calibration.apply(model)
    # Save a copy without the optimizer, whose moments would triple the size of the file.
    trained = keras.Model(model.input, model.output, name=model.name)
    trained.save(run.model)

    validation_metrics, held_out_predictions = None, None
    if validation is not None:
        predicted = predict(trained, validation.images)
        validation_metrics = classification_metrics(validation.labels, predicted, train.classes)
        held_out_predictions = HeldOut.of(validation.labels, predicted)
    elif refit is not None:
        held_out_predictions = refit.read_held_out(len(train.classes))
    if held_out_predictions is not None:
        run.write_held_out(held_out_predictions)
    test, probabilities = evaluate_model(trained, data.test)
    metrics = RunMetrics(
        recipe=parameters.recipe,
        parameters=parameters,
        parameter_count=model.count_params(),
        classes=train.classes,
        epochs_completed=len(history),
        interrupted=interrupted,
        data=data.record(),
        last_epoch=history[-1],
        temperature=calibration.temperature,
        familiarity_shift=calibration.familiarity_shift,
        prediction_sets=None
        if held_out_predictions is None
        else measure_sets(held_out_predictions, data.test.labels, probabilities, train.classes),
        validation=validation_metrics,
        refit_of=refit_of,
        test=test,
        model_sha256=run.model_sha256(),
        versions=_versions(),
        data_source=None if data.source is None else str(data.source.resolve()),
    )
    plot_accuracy(history, run.accuracy_plot)
    plot_confusion_matrix(test.confusion_matrix, train.classes, run.confusion_plot)
    plot_reliability(data.test.labels, probabilities, run.reliability_plot)
    # Write the metrics last: a run folder that has them counts as complete.
    run.write_metrics(metrics)
    return metrics


def _train(
    network: Any,
    examples: TrainingExamples,
    held_out: TrainingExamples | None,
    recipe: Recipe,
    parameters: FitParameters,
    run: RunFolder,
    progress: TextIO,
) -> bool:
    """Train epoch by epoch, and return whether the training was interrupted."""
    model, augmentation = network, None
    if recipe.augment:
        augmentation = Augmentation(parameters.seed, _wide_share(parameters))
        model = AugmentedNetwork(network, augmentation)
    batches = TrainingBatches(examples, parameters.batch_size, parameters.seed)
    _compile(model, recipe, parameters, len(batches), with_familiarity=examples.familiar is not None)
    reporter = EpochReporter(parameters.epochs, progress)
    options = {
        "epochs": parameters.epochs,
        "validation_data": None if held_out is None else held_out.batch(slice(None)),
        "verbose": 0,
        "callbacks": [HistoryWriter(run.history), reporter],
    }
    interrupted = False
    try:
        if augmentation is not None:
            model.fit(batches, **options)
        else:
            images, targets, *weights = examples.batch(slice(None))
            model.fit(
                images,
                targets,
                sample_weight=weights[0] if weights else None,
                batch_size=parameters.batch_size,
                shuffle=True,
                **options,
            )
    except KeyboardInterrupt:
        interrupted = True
    finally:
        reporter.close()
    if augmentation is not None and run.read_history():
        settle_statistics(network, (augmentation(batches[number][0]) for number in range(len(batches))))
    return interrupted


def _compile(model: Any, recipe: Recipe, parameters: FitParameters, steps: int, *, with_familiarity: bool) -> None:
    """Choose optimizer, losses and metrics; `steps` is the number of gradient steps in an epoch."""
    optimizer: Any
    if recipe.cosine:
        warm_up = min(WARM_UP, parameters.epochs - 1) * steps
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else parameters.learning_rate,
            parameters.epochs * steps - warm_up,
            warmup_target=parameters.learning_rate if warm_up else None,
            warmup_steps=warm_up,
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    else:
        optimizer = keras.optimizers.Adam(parameters.learning_rate)
    loss: Any
    if recipe.label_smoothing:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    else:
        loss = "sparse_categorical_crossentropy"
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    if with_familiarity:
        model.compile(
            optimizer=optimizer,
            loss={OUTPUT_NAME: loss, FAMILIARITY_NAME: keras.losses.BinaryCrossentropy()},
            loss_weights={OUTPUT_NAME: 1.0, FAMILIARITY_NAME: FAMILIARITY_LOSS_WEIGHT},
            # Outliers weigh nothing as to their class.
            weighted_metrics={OUTPUT_NAME: [accuracy]},
        )
    else:
        model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])
    # Variables that only come into being in the first step make TensorFlow trace that step twice, which takes seconds.
    optimizer.build(model.trainable_variables)


def _wide_share(parameters: FitParameters) -> float:
    return WIDE_SHARE if parameters.augment == "wide" else 0.0


def _versions() -> dict[str, str]:
    packages = ("galaxy-classify", keras.backend.backend(), "keras", "numpy", "h5py")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
