"""Figures against labels: which label belongs to which input, and what is said of those that fit nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.runs.labels import Evaluation
from in_process import run_classify as run

CLASSES = ("round", "spiral")


def evaluated(labels: Path, predicted: dict[str, str | None]) -> Evaluation:
    """Return the evaluation of some predictions, None for a failure."""
    evaluation = Evaluation(str(labels), CLASSES)
    for path, label in predicted.items():
        status = "error" if label is None else "ok"
        evaluation.see(Source(path, ""), Prediction(path, status, "m@0", label))  # type: ignore[arg-type]
    return evaluation


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Labels of five files, one of which is none of the model's."""
    path = tmp_path / "labels.csv"
    path.write_text("file,label\na.jpg,round\nb.jpg,round\nfield/c.jpg,spiral\nd.jpg,merger\ne.jpg,spiral\n")
    return path


def test_metrics_count_what_has_a_label_and_a_class(labels: Path) -> None:
    """Accuracy over images, recall over classes, rows of the matrix are labels."""
    predicted = {"x/a.jpg": "round", "x/b.jpg": "spiral", "field/c.jpg": "spiral", "d.jpg": "round", "e.jpg": None}
    metrics = evaluated(labels, predicted).metrics()
    assert (metrics["images"], metrics["accuracy"], metrics["macro_recall"]) == (3, 2 / 3, 0.75)
    assert metrics["confusion_matrix"] == [[1, 1], [0, 1]]
    assert metrics["recall"] == {"round": 0.5, "spiral": 1.0}
    assert (metrics["failed"], metrics["unknown_labels"], metrics["missing_files"]) == (1, {"merger": 1}, 0)


def test_what_fits_nothing_is_named(labels: Path) -> None:
    """Labels that are no class, labels without an input, inputs without a label, and labels that fit twice."""
    notes = evaluated(labels, {"1/a.jpg": "round", "2/a.jpg": "round", "other.jpg": "round"}).notes()
    assert notes == [
        "labels that are no class of the model: 'merger' (1); it knows round, spiral",
        "4 labels without an input: b.jpg, field/c.jpg, d.jpg, e.jpg",
        "1 label with several inputs, all counted: a.jpg",
        "1 input without a label",
    ]


def test_the_longest_name_fits_best(tmp_path: Path) -> None:
    """Files of the same name in two fields have labels of their own."""
    path = tmp_path / "labels.csv"
    path.write_text("file,label\nf1/a.jpg,round\n./f2/a.jpg,spiral\n")
    assert evaluated(path, {"/s/f1/a.jpg": "round", "/s/f2/a.jpg": "spiral"}).metrics()["accuracy"] == 1.0


def test_no_match_is_said(labels: Path) -> None:
    """There is no accuracy of nothing."""
    evaluation = evaluated(labels, {"z.jpg": "round"})
    assert evaluation.metrics()["accuracy"] is None
    assert "none of" in evaluation.summary()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,class\na,b\n", "has no columns file and label, it has name, class"),
        ("file,label\na.jpg,round\na.jpg,spiral\n", "line 3 gives a.jpg a second label"),
        ("file,label\na.jpg\n", "line 2 has no file or no label"),
        ("path,label\n,round\n", "line 2 has no path or no label"),
        ("path,label\na.jpg,round\n./a.jpg,spiral\n", "line 3 gives ./a.jpg a second label"),
        ("path,class\na,b\n", "has no columns file and label, it has path, class; path and label will do as well"),
    ],
)
def test_bad_labels_are_usage_errors(tmp_path: Path, text: str, message: str) -> None:
    """One line that names the file and the line."""
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=f"labels.csv: {message}"):
        Evaluation(str(path), CLASSES)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        Evaluation(str(tmp_path / "none.csv"), CLASSES)


def test_verdicts_and_results_are_labels(tmp_path: Path) -> None:
    """Their column is called path; rows without a label are no labels, and the other columns do not matter."""
    path = tmp_path / "verdicts.csv"
    path.write_text("id,path,label\n1,a.jpg,round\n2,b.jpg,\n3,c.jpg,none of these\n")
    evaluation = evaluated(path, {"x/a.jpg": "round", "x/b.jpg": "spiral", "x/c.jpg": "round"})
    found = [evaluation.label_of(Source(f"x/{name}.jpg")) for name in "abcd"]
    assert found == ["round", None, "none of these", None]
    assert (evaluation.metrics()["images"], evaluation.metrics()["unknown_labels"]) == (1, {"none of these": 1})


def test_a_member_s_label_is_found_by_its_own_name(tmp_path: Path) -> None:
    """The report shows the label that the metrics count."""
    path = tmp_path / "labels.csv"
    path.write_text("path,label\nfield/a.jpg,round\ncut.tar::b.jpg,spiral\n")
    evaluation = Evaluation(str(path), CLASSES)
    found = [evaluation.label_of(Source(name, content=bytes)) for name in ("cut.tar::field/a.jpg", "x/cut.tar::b.jpg")]
    assert found == ["round", "spiral"]


def test_the_command_says_the_metrics_and_writes_them_down(drawn_images: Path, tmp_path: Path) -> None:
    """On stderr, and in the sidecar, where they do not hinder that the result is continued."""
    labels, output = tmp_path / "labels.csv", tmp_path / "out.csv"
    names = sorted(path.stem for path in drawn_images.glob("*.jpg"))
    labels.write_text("file,label\n" + "".join(f"{name}.jpg,{name}\n" for name in names))
    first = run(drawn_images, "--labels", labels, "-o", output)
    assert first.returncode == 0
    assert "labels: accuracy 1.0000, macro recall 1.0000 on 4 images" in first.stderr
    metrics = json.loads((tmp_path / "out.csv.meta.json").read_text())["evaluation"]
    assert metrics["confusion_matrix"] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    labels.write_text(f"file,label\n{names[0]}.jpg,{names[1]}\n")
    second = run(drawn_images, "--labels", labels, "-o", output, "--resume")
    assert second.returncode == 0
    assert "labels: accuracy 0.0000" in second.stderr
    assert "kept: 4 rows" in second.stderr
    assert json.loads((tmp_path / "out.csv.meta.json").read_text())["evaluation"]["images"] == 1


@pytest.mark.slow
@pytest.mark.data
def test_real_labels_give_the_metrics_that_the_model_claims(galaxy_data: Path, tmp_path: Path) -> None:
    """What the command says of the test set is what the model's metadata say."""
    from galaxy_classify import GalaxyClassifier

    folder = galaxy_data / "images" / "test"
    output = tmp_path / "out.csv"
    assert run(folder, "--labels", folder / "labels.csv", "-o", output, "-q").returncode == 0
    found = json.loads((tmp_path / "out.csv.meta.json").read_text())["evaluation"]
    claimed = GalaxyClassifier().model.description.training["test"]
    for name in ("accuracy", "macro_recall"):
        assert found[name] == pytest.approx(claimed[name], abs=0.01)
