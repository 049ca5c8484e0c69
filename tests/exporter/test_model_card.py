"""The model card: true to the metrics, in the file, and beside the embedded model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES, Preprocessing
from galaxy_classify.inference.embedded import embedded_models, find_model
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.probabilities.class_mix import assumed_mix
from galaxy_export.model_card.card import model_card
from galaxy_export.model_card.robustness import robustness_sections
from galaxy_train.run_metrics.data_sets import DataRecord, SetRecord
from galaxy_train.run_metrics.evaluations import EvaluationRecord, OutOfClassMetrics, StatusMetrics, StressMetrics
from galaxy_train.run_metrics.metrics import ClassificationMetrics
from galaxy_train.run_metrics.runs import RunMetrics
from galaxy_train.training.parameters import FitParameters
from in_process import run_classify
from simulated_galaxies import held_out

PROOF = {
    "images": 200,
    "images_from": "test_dataset.hdf5",
    "largest_probability_difference": 7.2e-7,
    "probability_tolerance": 1e-5,
    "class_agreement": 1.0,
}


@pytest.fixture
def metrics(trained_cnn: Path) -> dict[str, Any]:
    """Metrics of a real run."""
    content: dict[str, Any] = json.loads((trained_cnn / "metrics.json").read_text())
    return content


@pytest.mark.slow
def test_a_card_says_what_was_measured(metrics: dict[str, Any]) -> None:
    """Data with checksums, recipe, figures, confusion matrix, calibration and proof, as the metrics have them."""
    notes = "## Where the data come from\n\nPainted."
    card = model_card("mine", "2.0.0", RunMetrics.from_json(metrics), PROOF, Preprocessing(), notes)
    test = metrics["test"]
    errors = {name: f"{test[name]:.4f} ± {error:.4f}" for name, error in test["standard_errors"].items()}
    assert card.startswith("# Model card: mine 2.0.0\n")
    for text in (
        "## Where the data come from\n\nPainted.\n",
        f"`{metrics['data']['train']['sha256'][:12]}`",
        f"Accuracy {errors['accuracy']}, macro recall {errors['macro_recall']}",
        f"Expected calibration error (15 bins) {errors['calibration_error']}",
        f"Temperature {metrics['temperature']:.4f}, fitted on 160 held-out training images",
        "7.2e-07, the limit is 1e-05",
        "galaxy-train fit --data DIR --recipe cnn --epochs 2 --batch-size 32 --seed 0 --out RUN",
        "galaxy-export convert RUN -o mine.onnx --images DIR",
    ):
        assert text in card
    for name, counts in zip(GALAXY_MNIST_CLASSES, test["confusion_matrix"], strict=True):
        assert f"| {name} | {test['recall'][name]:.1%} |" in card
        assert f"| {' | '.join(map(str, counts))} |" in card
    assert "int8" not in card
    assert "none of the classes" not in card


@pytest.mark.slow
def test_a_card_tells_of_everything_that_was_special(metrics: dict[str, Any]) -> None:
    """Weights, fine-tuning, unreadable images, other classes, int8 and images of no class."""
    metrics["data"]["train"]["weights"] = {"0.5": 100, "1.0": 700}
    metrics["data"]["unreadable"] = [{"file": "a.jpg", "reason": "empty file"}]
    metrics["parameters"] |= {"init": "0" * 64, "balance": 0.5, "augment": "wide", "outliers": "1" * 64}
    metrics["temperature"] = metrics["validation"] = None
    kept = {"0.50": 0.75, "0.90": 0.25}
    metrics["evaluation"] = {
        "data": metrics["data"]["test"],
        "figures": metrics["test"],
        "out_of_class": {"merger|s": {"images": 55, "auroc": 0.7654, "kept": kept}},
    }
    int8 = {
        "agreement": 0.995, "accuracy": 0.98, "float_accuracy": 0.985, "macro_recall": 0.97, "calibration_error": 0.02,
        "float_calibration_error": 0.015, "probability": 0.05,
    }  # fmt: skip
    card = model_card("mine", "1.0.0", RunMetrics.from_json(metrics), PROOF | {"int8": int8}, Preprocessing(0.5, "box"))
    for text in (
        "Training images: 100 of weight 0.5, 700 of weight 1.0.",
        "1 images could not be read and were left out.",
        "--balance 0.5 --augment wide --weights WEIGHTS.csv --init EARLIER_RUN --outliers OUTLIERS --seed 0",
        "--int8",
        "int8 against float32: 99.50% of the classes agree, accuracy 0.9800 (float32 0.9850)",
        "| merger\\|s | 55 | 0.765 | 75.0% | 25.0% |",
        "the central 50%, resized to 64 px (box)",
    ):
        assert text in card
    assert "Temperature" not in card
    assert "held-out" not in card


@pytest.mark.slow
def test_a_card_of_a_training_that_was_repeated_on_all_images(metrics: dict[str, Any]) -> None:
    """What is known from held-out images is another network's, and the card says so; both commands are given."""
    metrics["refit_of"] = {"model_sha256": "0123456789abcdef", "validation": metrics["validation"]}
    metrics["validation"] = None
    card = model_card("mine", "1.0.0", RunMetrics.from_json(metrics), PROOF, Preprocessing())
    for text in (
        f"Temperature {metrics['temperature']:.4f}, fitted on 160 held-out training images",
        "are those of the same training without these images (`0123456789ab`), which was then repeated with them.",
        "| held-out training images: kept |",
        "galaxy-train fit --data DIR --recipe cnn --epochs 2 --batch-size 32 --seed 0 --out HELD_OUT_RUN\n"
        "galaxy-train fit --data DIR --recipe cnn --epochs 2 --batch-size 32 --seed 0 --refit HELD_OUT_RUN --out RUN\n",
    ):
        assert text in card


@pytest.mark.slow
@pytest.mark.parametrize(("before", "again"), [("a", "TEACHER"), ("b", "REPEATED_TEACHER")])
def test_a_card_names_the_teachers_of_a_student(metrics: dict[str, Any], before: str, again: str) -> None:
    """If the teachers were refitted before the student, it had other teachers the second time."""
    metrics["refit_of"] = {"model_sha256": "0", "validation": metrics["validation"], "teachers": [before]}
    metrics["parameters"]["teachers"] = ["a"]
    card = model_card("mine", "1.0.0", RunMetrics.from_json(metrics), PROOF, Preprocessing())
    assert "--seed 0 --teacher TEACHER_1 --out HELD_OUT_RUN\n" in card
    assert f"--seed 0 --teacher {again}_1 --refit HELD_OUT_RUN --out RUN\n" in card


@pytest.mark.slow
def test_a_card_of_a_fold(metrics: dict[str, Any]) -> None:
    """The command that makes it again is that of the cross-validation."""
    metrics["parameters"]["fold"] = "2/5"
    card = model_card("mine", "1.0.0", RunMetrics.from_json(metrics), PROOF, Preprocessing())
    command = "galaxy-train cross-validate --folds 5 --data DIR --recipe cnn --epochs 2 --batch-size 32 --seed 0"
    assert f"{command} --out FOLDS\n" in card
    assert "galaxy-export convert FOLDS/fold2 -o mine.onnx" in card


def evaluation(**found: Any) -> EvaluationRecord:
    """Return the record of an evaluation, of which a card needs no more than the name of the file."""
    figures = ClassificationMetrics(8, 1.0, 1.0, {}, {}, [], 0.0, 0.0, 0.0, {})
    return EvaluationRecord(SetRecord("test.hdf5", "0" * 64, (8, 64, 64, 3), {}), figures, **found)


def stress(accuracy: float, ok: float, unfamiliar: float | None, ok_accuracy: float | None) -> StressMetrics:
    """Return the metrics of changed images."""
    status = StatusMetrics(ok, 1 - ok - (unfamiliar or 0), unfamiliar, ok_accuracy)
    return StressMetrics(accuracy, 0.8, 0.02, 0.85, status)


def test_a_card_of_a_network_with_familiarity() -> None:
    """It says what familiarity is, how the test set fares, and which kinds of images are told from it."""
    kept = {"0.60": 0.5}
    kinds = {
        "text": OutOfClassMetrics(40, 0.25, kept, familiarity_auroc=0.98, unfamiliar=0.97, ok=0.02),
        "warped": OutOfClassMetrics(40, 0.75, kept, familiarity_auroc=0.9, unfamiliar=0.375, ok=0.5),
        "tiled": OutOfClassMetrics(40, 0.75, kept, familiarity_auroc=0.99, unfamiliar=0.9, ok=0.1),
    }
    status = StatusMetrics(ok=0.875, uncertain=0.1, unfamiliar=0.025, ok_accuracy=0.95)
    familiar, out_of_class, generated = robustness_sections(
        evaluation(status=status, out_of_class={"merger": kinds["warped"]}, generated=kinds)
    )
    assert familiar.startswith("## Familiarity\n\n")
    assert (
        "Of `test.hdf5`, 87.5% are ok, 10.0% uncertain and 2.5% unfamiliar; 95.0% of those that are ok have the right "
        "class.\n"
    ) in familiar
    assert "| merger | 40 | 0.750 | 0.900 | 37.5% | 50.0% |\n" in out_of_class
    assert "Of 3 kinds of images that the trainer generates, 40 each, 1 are recognised" in generated
    assert "These are `text`.\n" in generated
    assert generated.endswith(
        "| warped | 40 | 0.750 | 0.900 | 37.5% | 50.0% |\n| tiled | 40 | 0.750 | 0.990 | 90.0% | 10.0% |\n"
    )
    (all_recognised,) = robustness_sections(evaluation(generated={"text": kinds["text"]}))
    assert "|" not in all_recognised


def test_a_card_of_changed_images() -> None:
    """A row per family: what is harmless, what is worst, and where ok rows are not to be relied on."""
    changed = {
        "unchanged": stress(0.9, 0.9, 0.02, 0.93),
        "zoom x0.5": stress(0.86, 0.8, 0.1, 0.84),
        "zoom x1.25": stress(0.885, 0.85, 0.05, 0.9),
        "zoom x4": stress(0.3, 0.05, 0.9, 0.5),
        "blur 1": stress(0.6, 0.0, None, None),
    }
    (section,) = robustness_sections(evaluation(stress=changed))
    assert section.startswith("## Changed images\n\nWith `test.hdf5` unchanged, the accuracy is 90.0%.")
    assert "(1 of 5 cases)" in section
    assert section.endswith(
        "| zoom | x1.25 | x4 | 30.0% | 90.0% | 5.0% | 50.0% | x0.5 |\n| blur | - | 1 | 60.0% | - | 0.0% | - | - |\n"
    )
    assert list(robustness_sections(evaluation())) == []


def card_with(found: EvaluationRecord | None = None, **parameters: Any) -> str:
    """Return the card of a run of which nothing but this evaluation and these parameters is known."""
    figures = ClassificationMetrics(8, 1.0, 1.0, {}, {}, [], 0.0, 0.0, 0.0, {})
    images = SetRecord("test.hdf5", "0" * 64, (8, 64, 64, 3), {})
    metrics = RunMetrics(
        recipe="cnn",
        parameters=FitParameters.of_recipe("cnn", **parameters),
        parameter_count=1,
        classes=("a", "b"),
        epochs_completed=1,
        interrupted=False,
        data=DataRecord(images, images, "as given", 0, []),
        last_epoch={},
        temperature=None,
        familiarity_shift=None,
        validation=None,
        refit_of=None,
        test=figures,
        model_sha256="0" * 64,
        versions={},
        evaluation=found,
    )
    return model_card("mine", "1.0.0", metrics, PROOF, Preprocessing())


@pytest.mark.parametrize("found", [None, evaluation()])
def test_a_card_says_that_changed_images_were_not_tested(found: EvaluationRecord | None) -> None:
    """Without an evaluation under changes, nothing is known of another framing."""
    use = card_with(found).partition("## Data")[0]
    assert "not tested on cutouts of another framing, survey or stretch" in use
    assert "Changed images" not in use


def test_a_card_leads_to_the_changed_images() -> None:
    """With such an evaluation, the card does not deny it, and still warns of other surveys."""
    card = card_with(evaluation(stress={"unchanged": stress(0.9, 0.9, 0.02, 0.93)}))
    use = card.partition("## Data")[0]
    assert "section *Changed images*" in use
    assert "of other surveys than those below it was not tested" in use
    assert "cutouts of another framing" not in use
    assert "## Changed images\n" in card


def test_the_command_of_a_card_names_augmentation_and_outliers() -> None:
    """A training without them would give another network; those that the recipe has anyway are not named."""
    assert "--recipe cnn --augment wide --outliers OUTLIERS --seed 0 " in card_with(augment="wide", outliers="0" * 64)
    assert "--recipe cnn --seed 0 " in card_with()


def test_every_embedded_model_has_a_card(repository: Path) -> None:
    """The file in the source tree is the card that the model carries, and the command prints it."""
    from galaxy_classify.inference.embedded import embedded_models
    from galaxy_classify.inference.model import OnnxModel

    for name, source in embedded_models().items():
        card = OnnxModel(source).description.card
        assert card.startswith(f"# Model card: {name} ")
        assert "## What it must not be used for" in card
        assert source.path.with_name(f"{name}.MODEL_CARD.md").read_text(encoding="utf-8") == card
        result = run_classify("--model-card", "-m", name)
        assert result.stdout == card


def test_a_model_without_a_card(tiny_model: Path) -> None:
    """A model that keeps the contract may come from anywhere; it is told so in one line."""
    result = run_classify("--model-card", "-m", tiny_model)
    assert (result.returncode, result.stderr.count("\n")) == (3, 1)
    assert "carries no model card" in result.stderr


def test_the_list_of_models() -> None:
    """Name, size, training set, test figures and classes of each, the default first."""
    from galaxy_classify.inference.embedded import embedded_models

    result = run_classify("--list-models")
    head, *lines = result.stdout.splitlines()
    assert head.split()[0] == "model"
    assert [line.split()[0] for line in lines] == list(embedded_models())
    for line in lines:
        assert line.endswith(", ".join(GALAXY_MNIST_CLASSES))
        assert line.count("%") >= 1  # of int8 files, macro recall was not recorded at first
        assert " of train_dataset.hdf5" in line


def test_a_card_has_the_class_mix_and_the_prediction_sets() -> None:
    """Those of the embedded models: the mix that their probabilities assume, and how often their sets were right."""
    for name in embedded_models():
        about = OnnxModel(find_model(name)).description
        assert about.held_out is not None
        assert f"| held-out galaxies | {' | '.join(map(str, about.held_out.counts()))} |" in about.card
        mix = assumed_mix(about.held_out).fractions
        shares = " | ".join(f"{share:.1%}" for share in mix)
        assert f"| fractions that the probabilities assume | {shares} |" in about.card
        for asked, found in about.training["prediction_sets"].items():
            error = f"{found['coverage']:.1%} ± {found['standard_error']:.1%}"
            assert f"| {float(asked):.1%} | {error} | {found['mean_size']:.2f} |" in about.card
            # More often is right, too: the most probable class belongs to every set.
            assert found["coverage"] > float(asked) - 3 * found["standard_error"]


@pytest.mark.slow
def test_a_card_without_held_out_predictions_has_no_such_sections(metrics: dict[str, Any]) -> None:
    """Nothing is made up for the runs of earlier versions, nor for a class of which no image was held out."""
    record = RunMetrics.from_json(metrics)
    for predictions in (None, held_out(mix=(0.5, 0.5, 0, 0))):
        card = model_card("mine", "1", record, PROOF, Preprocessing(), "", predictions)
        assert "## Class mix" not in card
        assert ("## Prediction sets" in card) == (predictions is not None)
