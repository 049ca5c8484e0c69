"""The report: what it counts, which images it shows, and that its file is whole and harmless."""

from __future__ import annotations

import base64
import csv
import hashlib
import html.parser
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import GalaxyClassifyError, ImageError, UsageError
from galaxy_classify.prediction import Prediction, Status
from galaxy_classify.report.page import TEMPLATE_FILE, json_in_page
from galaxy_classify.report.report import BINS, Report
from galaxy_classify.report.sample import CAP, EvenSample
from galaxy_classify.report.thumbnails import make_thumbnail
from galaxy_classify.results.csv_rows import CsvWriter
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.provenance import provenance
from galaxy_classify.results.terminal_table import CLASS_COLOURS
from galaxy_painter import KINDS, paint
from in_process import run_classify as run

CLASSES = ("round", "spiral")
PROVENANCE: dict[str, Any] = {
    "package": "galaxy-classify",
    "package_version": "1.2.3",
    "model": {"name": "tiny", "version": "1.0.0", "sha256": "0123456789abcdef" * 4},
}


@cache
def galaxy() -> Image.Image:
    """Return a small picture."""
    return paint("smooth_round", seed=1, size=48)


def picture(_: str) -> Image.Image:
    """Return the same picture for every file."""
    return galaxy()


def prediction(number: int) -> Prediction:
    """Return one of many different rows."""
    confidence = 0.5 + number % 500 / 1000
    label = CLASSES[number % 2]
    probabilities = {name: confidence if name == label else 1 - confidence for name in CLASSES}
    status: Status = "uncertain" if confidence < 0.6 else "ok"
    return Prediction(f"{number:05}.jpg", status, "tiny@0123456789ab", label, confidence, probabilities)


def failure(path: str, message: str) -> Prediction:
    """Return the row of a file that could not be classified."""
    return Prediction(path, "error", "tiny@0123456789ab", message=message)


def write(report: Report, path: Path, **options: Any) -> str:
    """Write a report, and return its page."""
    chosen: dict[str, Any] = {"provenance": PROVENANCE, "picture": picture, "threads": 2}
    report.write(str(path), **(chosen | options))
    return path.read_text(encoding="utf-8")


def report_of(rows: list[Prediction] | Iterator[Prediction]) -> Report:
    """Return a report that was given some rows."""
    report = Report(CLASSES, 0.6)
    for row in rows:
        report.add(row)
    return report


class Elements(html.parser.HTMLParser):
    """What a page consists of: start tags with their attributes, and the text in scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[str, str]] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a start tag."""
        self.tags.append((tag, dict(attrs)))
        self._inside = "data" if dict(attrs).get("id") == "data" else tag

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if self._inside in ("script", "style", "data"):
            self.blocks.append((self._inside, data))

    def handle_endtag(self, tag: str) -> None:
        """Take an end tag."""
        self._inside = ""

    def block(self, kind: str) -> str:
        """Return the text of the script, of the style, or of the data."""
        return "".join(text for inside, text in self.blocks if inside == kind)


def data_of(page: str) -> Any:
    """Return what the page's script is given."""
    return json.loads(Elements(page).block("data"))


def test_counts_and_histograms_are_those_of_the_csv(tmp_path: Path) -> None:
    """The page must not tell another story than the file of results."""
    for kind in KINDS:
        for seed in range(3):
            paint(kind, seed=seed, size=128).save(tmp_path / f"{kind}_{seed}.png")
    (tmp_path / "broken.png").write_text("no picture")
    classifier = GalaxyClassifier(threads=2)
    classes = classifier.classes_.tolist()
    report, stream = Report(classes, 0.9), io.StringIO()
    writer = CsvWriter(stream, RowLayout(classes))
    writer.start()
    for found in classifier.classify(sorted(tmp_path.iterdir()), threshold=0.9):
        report.add(found)
        writer.write(found)
    made_with = provenance(classifier, RowLayout(classifier.classes_.tolist()), threshold=0.9)
    data = data_of(write(report, tmp_path / "report.html", provenance=made_with))
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    done = [row for row in rows if row["status"] != "error"]
    assert data["classified"] == len(done) == 12
    assert data["failed"] == len(rows) - len(done) == 1
    for number, name in enumerate(classes):
        confidences = [float(row["confidence"]) for row in done if row["label"] == name]
        assert data["labels"][number] == len(confidences)
        assert data["uncertain"][number] == sum(confidence < 0.9 for confidence in confidences)
        assert data["histograms"][number] == [
            sum(min(int(confidence * BINS), BINS - 1) == place for confidence in confidences) for place in range(BINS)
        ]
    assert [row["path"] for row in data["rows"]] == [row["path"] for row in done]
    for shown, row in zip(data["rows"], done, strict=True):
        assert classes[shown["label"]] == row["label"]
        assert shown["uncertain"] == (row["status"] == "uncertain")
        assert [f"{share:.6f}" for share in shown["probabilities"]] == [row[f"prob_{name}"] for name in classes]
    assert data["provenance"] == made_with


def test_a_confidence_of_one_is_in_the_last_bin(tmp_path: Path) -> None:
    """Twenty bins have no twenty-first."""
    row = Prediction("a.jpg", "ok", "tiny@0", "spiral", 1.0, {"round": 0.0, "spiral": 1.0})
    assert data_of(write(report_of([row]), tmp_path / "r.html"))["histograms"] == [[0] * 20, [0] * 19 + [1]]


def test_a_long_run_is_shown_by_a_sample_and_counted_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of images must fit into memory and into a browser, and no count may be of the sample alone."""
    assert CAP == 10_000
    monkeypatch.setattr("galaxy_classify.report.report.CAP", 50)
    done = []
    report = report_of(map(prediction, range(1000)))
    data = data_of(write(report, tmp_path / "r.html", advance=lambda: done.append(1)))
    assert len(data["rows"]) == len(done) == 50
    assert data["classified"] == 1000
    assert data["labels"] == [500, 500]
    assert sum(map(sum, data["histograms"])) == 1000
    assert sum(data["uncertain"]) == 200
    paths = [row["path"] for row in data["rows"]]
    assert paths == sorted(paths)


def test_the_sample_is_even_and_the_same_every_time() -> None:
    """No part of the inputs may be over-represented, and two runs over them must show the same images."""

    def sampled() -> list[int]:
        sample = EvenSample[int](1000)
        for number in range(20_000):
            sample.add("same_name.jpg", number)
        assert sample.seen == 20_000
        return sample.items()

    kept = sampled()
    assert kept == sampled() == sorted(set(kept))
    tenths = [sum(number // 2000 == tenth for number in kept) for tenth in range(10)]
    assert sum(tenths) == 1000
    # Binomial: 100 expected, 9.2 is the standard deviation.
    assert all(70 < count < 130 for count in tenths)


def test_preferred_items_get_up_to_half_of_the_places() -> None:
    """Wrong predictions are worth a look, but a page of nothing else would mislead; no place stays empty."""

    def sampled(others: int, preferred: int) -> tuple[int, int]:
        sample = EvenSample[bool](100)
        for number in range(others + preferred):
            is_preferred = number % (others + preferred) < preferred
            sample.add(str(number), is_preferred, preferred=is_preferred)
        assert sample.seen == others + preferred
        kept = sample.items()
        return kept.count(False), kept.count(True)

    assert sampled(1000, 0) == (100, 0)
    assert sampled(1000, 20) == (80, 20)
    assert sampled(1000, 700) == (50, 50)
    assert sampled(30, 700) == (30, 70)
    assert sampled(0, 700) == (0, 100)
    assert sampled(30, 40) == (30, 40)
    sample = EvenSample[int](1000)
    for number in range(20_000):
        sample.add("same_name.jpg", number, preferred=number % 3 == 0)
    kept = sample.items()
    assert kept == sorted(set(kept))
    for group in ([number for number in kept if number % 3], [number for number in kept if number % 3 == 0]):
        assert len(group) == 500
        assert all(25 < sum(number // 2000 == tenth for number in group) < 80 for tenth in range(10))


def test_wrong_ones_are_preferred_and_two_million_rows_stay_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's size is that of its sample, with labels and positions too, and no label of a failure breaks it."""
    monkeypatch.setattr("galaxy_classify.report.report.CAP", 40)
    sizes = []
    for rows in (100, 3000):
        report = report_of([failure("x.jpg", "no such file")])
        for number in range(rows):
            row = prediction(number)
            wrong = number % 50 == 0
            label = CLASSES[(number + wrong) % 2] if number % 10 else "merger"
            assert report.add(row, label, (1.5, -2.5)) == (wrong and label != "merger")
        assert not report.add(failure("y.jpg", "no such file"), "round", (1.0, 2.0))
        sizes.append(len(write(report, tmp_path / "r.html")))
    assert abs(sizes[1] - sizes[0]) < 2000
    report = report_of([])
    for number in range(3000):
        report.add(prediction(number), CLASSES[(number + (number % 10 == 0)) % 2], (1.5, -2.5))
    rows_shown = data_of(write(report, tmp_path / "r.html"))["rows"]
    assert len(rows_shown) == 40
    assert sum(CLASSES[row["label"]] != row["truth"] for row in rows_shown) == 20
    assert {tuple(row["sky"]) for row in rows_shown} == {(1.5, -2.5)}


def test_a_run_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Verdicts are found again by it: it is that of the model and the inputs, in their order."""

    def name(paths: str, sha256: str = "ab" * 32) -> str:
        report = report_of(Prediction(path, "ok", "t@0", "round", 1.0, {"round": 1.0, "spiral": 0.0}) for path in paths)
        made_with = PROVENANCE | {"model": {"name": "tiny", "sha256": sha256}}
        return str(data_of(write(report, tmp_path / "r.html", provenance=made_with))["run"])

    assert name("abc") == name("abc")
    assert len({name("abc"), name("acb"), name("ab"), name("abc", "cd" * 32)}) == 4


def test_the_same_rows_give_the_same_data(tmp_path: Path) -> None:
    """A report can be compared with another one; threads must not change the order."""
    pages = [
        write(report_of(map(prediction, range(40))), tmp_path / "r.html", threads=threads) for threads in (1, 2, 3)
    ]
    assert len({Elements(page).block("data") for page in pages}) == 1


def test_failures_are_counted_by_kind_and_listed_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken disk with a million files must not make a page of a million lines."""
    monkeypatch.setattr("galaxy_classify.report.report.LISTED_FAILURES", 10)
    failures = [failure(f"{number}.jpg", f"image too small: {number} x 1 pixels") for number in range(30)]
    failures += [failure("a.txt", "not an image (supported: JPEG)"), failure("b.jpg", "no such file")]
    data = data_of(write(report_of(failures), tmp_path / "r.html"))
    assert data["reasons"] == [["image too small", 30], ["not an image", 1], ["no such file", 1]]
    assert data["failed"] == 32
    assert len(data["failures"]) == 10
    assert data["rows"] == []


def test_an_image_that_is_gone_keeps_its_place(tmp_path: Path) -> None:
    """A file may be deleted between its row and the report: the card says so."""

    def partly(path: str) -> Image.Image:
        if path == "00001.jpg":
            raise ImageError("no such file")
        return galaxy()

    first, second = data_of(write(report_of(map(prediction, range(2))), tmp_path / "r.html", picture=partly))["rows"]
    assert first["webp"]
    assert not first["missing"]
    assert second["webp"] == ""
    assert second["missing"] == "no such file"


def test_what_the_model_saw_is_beside_the_thumbnail(tmp_path: Path, drawn_images: Path) -> None:
    """Coloured, cropped and resized, in the model's size; where it cannot be made the thumbnail stays."""
    run(drawn_images, "-o", tmp_path / "out.csv", "--report", tmp_path / "r.html")
    rows = data_of((tmp_path / "r.html").read_text())["rows"]
    classifier = GalaxyClassifier(threads=1)
    for row in rows:
        with Image.open(io.BytesIO(base64.b64decode(row["seen"]))) as seen:
            difference = np.asarray(seen).astype(int) - np.asarray(classifier.seen(row["path"]))
        assert np.abs(difference).mean() < 5  # WebP

    def constant(_: Image.Image) -> Image.Image:
        raise ImageError("constant image")

    for seen_of in (constant, None):
        (row,) = data_of(write(report_of([prediction(1)]), tmp_path / "r.html", seen=seen_of))["rows"]
        assert (bool(row["webp"]), row["seen"], row["missing"]) == (True, "", "")


def test_thumbnails_are_small_and_carry_nothing_else() -> None:
    """A photo's place and time are nobody's business, and an enlarged picture has no more in it."""
    image = galaxy().resize((400, 300))
    image.info["exif"] = b"Exif\0\0secret"
    content = base64.b64decode(make_thumbnail(image, 96).webp)
    assert b"secret" not in content
    with Image.open(io.BytesIO(content)) as small:
        assert small.format == "WEBP"
        assert small.size == (96, 72)
    assert image.size == (400, 300)
    with Image.open(io.BytesIO(base64.b64decode(make_thumbnail(galaxy(), 96).webp))) as same:
        assert same.size == (48, 48)


HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    '"><script>window.hacked=1</script>.png',
    "</script><script>window.hacked=1</script>",
    "<!--<script>",
    "]]>&lt;&amp;.png",
    "{{model}}\u2028\u2029.png",
)


def test_no_name_breaks_out_of_the_data(tmp_path: Path) -> None:
    """File names come from anywhere; in the page they are texts."""
    names = [*HOSTILE, "a\nb\x1b[31m.png", "\u202egnp.exe", os.fsdecode(b"caf\xe9.png")]
    rows = [Prediction(name, "ok", "t@0", "round", 1.0, {"round": 1.0, "spiral": 0.0}) for name in names]
    rows += [failure(name, f"damaged or incomplete image: {name}") for name in names]
    page = write(report_of(rows), tmp_path / "r.html")
    empty = write(report_of([]), tmp_path / "r.html")
    assert [tag for tag, _ in Elements(page).tags] == [tag for tag, _ in Elements(empty).tags]
    block = Elements(page).block("data")
    assert block.isascii()
    assert not set(block) & set("<>&")
    data = json.loads(block)
    shown = [row["path"] for row in data["rows"]]
    assert shown == [path for path, _ in data["failures"]]
    assert shown[:5] == list(HOSTILE[:5])
    # What cannot be seen is spelled out.
    assert shown[5:] == [
        r"{{model}}\u2028\u2029.png", r"a\nb\x1b[31m.png", r"\u202egnp.exe", r"caf\udce9.png",
    ]  # fmt: skip


def test_json_in_a_page_is_json() -> None:
    """Escapes keep the values as they were."""
    value = {"<&>": ["</script>", "\u2028", "\udce9", 0.1, None, True]}
    assert json.loads(json_in_page(value)) == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_in_page(float("nan"))


def test_the_policy_names_the_page_s_own_script_and_style_alone(tmp_path: Path) -> None:
    """Nothing else may run, and nothing at all be loaded."""
    page = write(report_of([prediction(1)]), tmp_path / "r.html")
    elements = Elements(page)
    policy = next(
        attributes["content"] for tag, attributes in elements.tags if attributes.get("http-equiv") is not None
    )

    def source(block: str) -> str:
        digest = hashlib.sha256(elements.block(block).encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    assert policy == (
        f"default-src 'none'; img-src data:; style-src {source('style')}; script-src {source('script')}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [tag for tag, _ in elements.tags].count("script") == 2
    for tag, attributes in elements.tags:
        assert "style" not in attributes, f"<{tag}> has a style that the policy forbids"
        assert not [name for name in attributes if name.startswith("on")]
        assert not str(attributes.get("src", attributes.get("href", "data:"))).startswith(("http", "//"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", elements.block("script"))


def test_without_a_script_the_page_still_says_what_was_done(tmp_path: Path) -> None:
    """Title, totals and model are plain HTML."""
    rows = [prediction(1), prediction(101), failure("x.jpg", "no such file")]
    page = write(report_of(rows), tmp_path / "r.html")
    assert "<title>3 images, galaxy-classify 1.2.3</title>" in page
    assert "3 images: 2 classified (1 of them uncertain), 1 failed. By class: round 0, spiral 2." in page
    assert "<code>tiny@0123456789ab</code>" in page
    assert "{{" not in page


def test_an_evaluation_is_passed_on(tmp_path: Path) -> None:
    """What is known about the agreement with labels is shown as it was computed."""
    evaluation = {"labels_file": "<labels>.csv", "accuracy": 0.5, "confusion_matrix": [[1, 1], [0, 2]]}
    page = write(report_of([prediction(1)]), tmp_path / "r.html", evaluation=evaluation)
    assert data_of(page)["evaluation"] == evaluation


def test_a_report_is_whole_or_not_there(tmp_path: Path) -> None:
    """Whatever stops it, the report before stays as it was, and nothing else is left behind."""
    path = tmp_path / "r.html"
    path.write_text("before")

    def stop(_: str) -> Image.Image:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(report_of([prediction(1)]), path, picture=stop)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["r.html"]
    assert write(report_of([prediction(1)]), path).startswith("<!doctype html>")
    assert os.listdir(tmp_path) == ["r.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error is for the user, not a traceback."""
    report = report_of([prediction(1)])
    for path in (tmp_path, tmp_path / "no_such_folder" / "r.html"):
        with pytest.raises(UsageError, match=f"{re.escape(str(path))}: cannot be written: "):
            write(report, path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's device that is always full")
def test_a_full_disk_is_an_error_of_ours() -> None:
    """It happens at night, after hours of work: one line must say what it was."""
    with pytest.raises(GalaxyClassifyError, match=r"^/dev/full: writing failed: No space left on device$"):
        write(report_of([prediction(1)]), Path("/dev/full"))


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_texts_and_bars_stand_out_from_the_sky() -> None:
    """WCAG's level AA: 4.5 for texts, 3 for parts of charts, on the lightest and the darkest ground of the page."""
    on_screen, _, _ = TEMPLATE_FILE.read_text(encoding="utf-8").partition("@media print")
    themes = re.findall(r"--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", on_screen)
    light, dark = ({name: colours[theme] for name, *colours in themes} for theme in (0, 1))
    for colours in (light, dark):
        for ground in ("sky", "raised", "sheet", "control"):
            for text in ("ink", "soft", "accent", "warm", "wrong", "agrees"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for ground in ("sky", "raised"):
        for colour in CLASS_COLOURS:  # in the light theme the page darkens them: tested in the browser
            assert contrast(colour, dark[ground]) >= 3, colour


def test_the_command_writes_the_page(drawn_images: Path, tmp_path: Path) -> None:
    """With the rows that were kept by --resume, the labels' figures, and failures; the same as the CSV file."""
    labels, page, output = tmp_path / "labels.csv", tmp_path / "report.html", tmp_path / "out.csv"
    labels.write_text("file,label\n" + "".join(f"{kind}.jpg,{kind}\n" for kind in KINDS))
    line = (drawn_images, tmp_path / "none.jpg", "-o", output, "--report", page, "--labels", labels)
    assert run(*line).returncode == 1
    for _ in ("first", "resumed"):
        data = data_of(page.read_text(encoding="utf-8"))
        assert (data["classified"], data["failed"], data["evaluation"]["accuracy"]) == (4, 1, 1.0)
        assert [Path(row["path"]).stem for row in data["rows"]] == sorted(KINDS)
        assert all(row["webp"] for row in data["rows"])
        assert data["failures"] == [[str(tmp_path / "none.jpg"), "no such file"]]
        assert run(*line, "--resume").returncode == 1


def test_the_command_does_not_overwrite_a_page(drawn_images: Path, tmp_path: Path) -> None:
    """And says at once that it cannot be written."""
    page = tmp_path / "report.html"
    page.write_text("precious")
    result = run(drawn_images, "--report", page)
    assert (result.returncode, result.stdout, page.read_text()) == (2, "", "precious")
    assert "--force replaces it" in result.stderr
    result = run(drawn_images, "--report", tmp_path / "none" / "report.html")
    assert (result.returncode, result.stdout) == (2, "")


def test_the_command_shows_labels_and_positions(drawn_images: Path, tmp_path: Path) -> None:
    """Of the catalogue and the labels, on a run and where its rows are kept, whatever the columns are called."""
    catalog, labels, page = tmp_path / "catalog.csv", tmp_path / "labels.csv", tmp_path / "report.html"
    lines = [f"{drawn_images}/{kind}.jpg,{10 + number},+{number}.5" for number, kind in enumerate(KINDS)]
    catalog.write_text("\n".join(["file,RAJ2000,DEJ2000", *lines, f"{tmp_path}/gone.jpg,1,2"]) + "\n")
    labels.write_text(
        f"path,label\n{KINDS[0]}.jpg,{KINDS[0]}\n{KINDS[1]}.jpg,{KINDS[0]}\n{KINDS[2]}.jpg,none of these\n"
    )
    line = ("--catalog", catalog, "-o", tmp_path / "out.csv", "--report", page, "--labels", labels)
    for more in ((), ("--resume",)):
        assert run(*line, *more).returncode == 1
        rows = {Path(row["path"]).stem: row for row in data_of(page.read_text(encoding="utf-8"))["rows"]}
        assert [rows[kind]["sky"] for kind in KINDS] == [[10 + number, number + 0.5] for number in range(4)]
        assert [rows[kind]["truth"] for kind in KINDS] == [KINDS[0], KINDS[0], "none of these", None]


def test_the_pictures_are_those_of_the_sample(
    drawn_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images in an archive are read once more: those of the sample, which prefers the wrong ones."""
    for module in ("galaxy_classify.report.report", "galaxy_classify.cli.command"):
        monkeypatch.setattr(f"{module}.CAP", 2)
    archive, labels, page = tmp_path / "cutouts.zip", tmp_path / "labels.csv", tmp_path / "report.html"
    with zipfile.ZipFile(archive, "w") as container:
        for number, kind in enumerate((*KINDS, *KINDS)):
            container.write(drawn_images / f"{kind}.jpg", f"{number}.jpg")
    right = [f"{number}.jpg,{kind}" for number, kind in enumerate((*KINDS, *KINDS))]
    for wrong in range(4):
        lines = [f"{wrong}.jpg,{KINDS[wrong - 1]}" if number == wrong else text for number, text in enumerate(right)]
        labels.write_text("\n".join(["path,label", *lines]) + "\n")
        line = (archive, "-o", tmp_path / "out.csv", "--force", "--report", page, "--labels", labels)
        assert run(*line).returncode == 0
        rows = data_of(page.read_text(encoding="utf-8"))["rows"]
        assert [row["missing"] for row in rows] == ["", ""]
        assert f"{archive}::{wrong}.jpg" in [row["path"] for row in rows]
