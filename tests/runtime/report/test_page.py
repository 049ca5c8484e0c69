"""The report in a browser: what it shows, how it filters and sorts, that it works by keyboard and on a phone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from galaxy_classify import ClassMix, GalaxyClassifier
from galaxy_classify.errors import ImageError
from galaxy_classify.prediction import Prediction
from galaxy_classify.report.report import Report
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.provenance import provenance
from galaxy_painter import KINDS, paint
from report_page import HOSTILE, Page, as_phone, familiar_row, round_row, synthetic_report

THRESHOLD = 0.9
EVALUATION: dict[str, Any] = {
    "labels_file": "<b>labels</b>.csv",
    "images": 8,
    "accuracy": 0.875,
    "macro_recall": 0.9,
    "recall": {"round": 0.8, "spiral": 1.0},
    "classes": ["round", "spiral"],
    "confusion_matrix": [[4, 1], [0, 3]],
    "failed": 1,
    "unknown_labels": {"merger": 2},
    "notes": ["2 images have no label"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Prediction], list[str]]:
    """Report of painted galaxies, of blends that are hard to tell, and of two failures; its rows, and the classes."""
    folder = tmp_path_factory.mktemp("run")
    for kind, other in zip(KINDS, (*KINDS[1:], KINDS[0]), strict=True):
        for seed in range(3):
            image = paint(kind, seed=seed, size=96)
            image.save(folder / f"{kind}_{seed}.png")
            if seed < 2:
                Image.blend(image, paint(other, seed=seed, size=96), 0.5).save(folder / f"{kind}_{seed + 10}.png")
    (folder / "text.png").write_text("no picture")
    classifier = GalaxyClassifier(threads=2, min_familiarity=0)
    classes = classifier.classes_.tolist()
    report = Report(classes, THRESHOLD)
    rows = list(
        classifier.classify([*sorted(folder.iterdir(), reverse=True), folder / "gone.png"], threshold=THRESHOLD)
    )
    for row in rows:
        report.add(row)
    assert {row.status for row in rows} == {"ok", "uncertain", "error"}

    def picture(path: str) -> Image.Image:
        if path.endswith("edge_on_disk_0.png"):
            raise ImageError("no such file")
        with Image.open(path) as image:
            return image.convert("RGB")

    made_with = provenance(classifier, RowLayout(classifier.classes_.tolist()), threshold=THRESHOLD)
    report.write(str(folder / "report.html"), provenance=made_with, picture=picture, threads=2, seen=classifier.resized)
    return folder / "report.html", rows, classes


Shown = tuple[Path, list[Prediction], list[str]]


def done(rows: list[Prediction]) -> list[Prediction]:
    """Return the rows that have a class."""
    return [row for row in rows if row.label is not None]


def confidence(row: Prediction) -> float:
    """Return a row's confidence as the page has it."""
    return round(cast("float", row.confidence), 6)


def names(rows: list[Prediction]) -> list[str]:
    """Return the names of the rows' files."""
    return [os.path.basename(row.path) for row in rows]


def test_the_summary_is_that_of_the_rows(show: Callable[[Path], Page], run: Shown) -> None:
    """Totals, bars, histogram, failures and provenance say what the rows say."""
    path, rows, classes = run
    page = show(path)
    classified = done(rows)
    uncertain = sum(row.status == "uncertain" for row in rows)
    assert page.find("h1").text == f"{len(rows)} images"
    assert page.texts("#totals dd") == [str(len(classified)), str(uncertain), "2"]
    counts = [sum(row.label == name for row in rows) for name in classes]
    assert page.texts("#classes .count") == page.texts(".chip span:last-child") == [str(count) for count in counts]
    told = str(page.find("#histogram").get_attribute("aria-label"))
    assert f"threshold {THRESHOLD}" in told
    bins = Counter(min(19, int(20 * confidence(row))) for row in classified)
    assert told.endswith(": " + ", ".join(f"from {place / 20:.2f}: {bins[place]}" for place in sorted(bins)))
    assert page.texts("#failed-files td") == [
        f"{path.parent}/text.png", "not an image (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF, FITS)",
        f"{path.parent}/gone.png", "no such file",
    ]  # fmt: skip
    assert page.texts("#reasons li") == ["1not an image", "1no such file"]
    facts = dict(zip(page.texts("#provenance th"), page.texts("#provenance td"), strict=True))
    assert facts["model: sha256"].startswith(rows[0].model.partition("@")[2])
    assert facts["preprocessing: size"] == "64 x 64"
    assert len(page.find_all(".card img")) == len(classified) - 1
    assert page.texts(".card .missing") == ["no picture: no such file"]
    assert len(page.find_all(".card .badge")) == uncertain
    page.wait(lambda: page.run("return [...document.images].every(image => image.complete && image.naturalWidth)"))


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("order", ["most", "least", "name", "input"])
def test_every_order(show: Callable[[Path], Page], run: Shown, order: str, grouped: bool) -> None:
    """The cards stand in the order that was chosen, by class or all together."""
    path, rows, classes = run
    page = show(path)
    page.choose("sort", order)
    if not grouped:
        page.find("#grouped").click()
    keys: dict[str, Callable[[Prediction], Any]] = {
        "most": lambda row: -confidence(row),
        "least": confidence,
        # As people count: 2 before 10.
        "name": lambda row: (row.path.rpartition("_")[0], int(row.path.rpartition("_")[2].removesuffix(".png"))),
        "input": lambda row: 0,
    }
    expected = sorted(done(rows), key=keys[order])
    if grouped:
        expected.sort(key=lambda row: classes.index(str(row.label)))
        assert page.texts(".group h3 .soft") == page.texts("#classes .count")
    assert page.names() == names(expected)
    assert bool(page.find_all(".group h3")) == grouped


def test_every_filter(show: Callable[[Path], Page], run: Shown) -> None:
    """Class, status, name and confidence narrow the gallery down, together too, and the number is said."""
    path, rows, classes = run
    page = show(path)
    page.find("#grouped").click()
    page.choose("sort", "input")
    everything = done(rows)

    def expect(wanted: Callable[[Prediction], bool]) -> None:
        matching = [row for row in everything if wanted(row)]
        assert page.names() == names(matching)
        assert page.find("#matched").text == f"{len(matching)} of {len(everything)} images"

    page.find_all(".chip")[1].click()
    expect(lambda row: row.label == classes[1])
    page.find_all(".chip")[3].click()
    expect(lambda row: row.label in (classes[1], classes[3]))
    page.enter("search", "_1.PNG")
    expect(lambda row: row.label in (classes[1], classes[3]) and "_1.png" in row.path)
    page.find("#reset").click()
    expect(lambda row: True)
    for status, wanted in (("certain", "ok"), ("uncertain", "uncertain")):
        page.choose("status", status)
        expect(lambda row, wanted=wanted: row.status == wanted)  # type: ignore[misc]
    page.find("#reset").click()
    page.enter("lowest", "0.6")
    expect(lambda row: confidence(row) >= 0.6)
    page.enter("highest", "0.95")
    expect(lambda row: 0.6 <= confidence(row) <= 0.95)
    page.enter("lowest", "")
    expect(lambda row: confidence(row) <= 0.95)
    page.enter("search", "no such name")
    expect(lambda row: False)
    assert page.find(".empty").text == "No image matches."


def test_the_dialog_works_by_keyboard(show: Callable[[Path], Page], run: Shown) -> None:
    """Enter opens an image, arrows go on and back within what is shown, Escape closes and leads back."""
    path, rows, _ = run
    page = show(path)
    page.find("#grouped").click()
    page.choose("sort", "least")
    page.find("#highest").send_keys("")
    expected = sorted(done(rows), key=confidence)
    for _ in range(4):  # the sort, the box, the button, the first card
        page.press(Keys.TAB)
        if page.focused() == names(expected)[0]:
            break
    assert page.focused() == names(expected)[0]
    page.press(Keys.ENTER)
    assert page.find("#dialog").get_property("open")

    def is_shown(place: int) -> None:
        row = expected[place]
        assert page.find("#detail-facts code").text == row.path
        assert page.find("#detail-place").text == f"{place + 1} of {len(expected)}"
        assert page.find("#detail-title").text == row.label
        shown = [float(text) for text in page.texts("#detail-classes .count")]
        assert shown == pytest.approx(list(row.probabilities.values()), abs=0.6e-4)  # rounded to six places, then four
        assert ("uncertain" in page.find("#detail-verdict").text) == (row.status == "uncertain")
        seen = page.find_all("#detail-frame .seen img")
        assert len(seen) == (not row.path.endswith("edge_on_disk_0.png"))
        if seen:
            page.wait(lambda: page.run("return document.querySelector('#detail-frame .seen img').naturalWidth") == 64)
            frame, small = page.find("#detail-frame").rect, seen[0].rect
            assert 80 < small["width"] == small["height"] < frame["width"] / 3
            assert small["x"] + small["width"] <= frame["x"] + frame["width"]
            assert small["y"] + small["height"] <= frame["y"] + frame["height"]

    is_shown(0)
    page.press(Keys.ARROW_LEFT)
    is_shown(0)
    for place in range(1, len(expected)):
        page.press(Keys.ARROW_RIGHT)
        is_shown(place)
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_LEFT)
    is_shown(len(expected) - 2)
    assert page.run("return getComputedStyle(document.getElementById('detail-facts').lastChild).userSelect") == "text"
    page.press(Keys.ESCAPE)
    assert not page.find("#dialog").get_property("open")
    page.wait(lambda: page.focused() == names(expected)[-2])


def test_a_row_that_is_uncertain_for_its_picture_says_so(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """Its confidence is above the threshold; the reason is in the message."""
    sure = round_row("a.png")
    row = Prediction("b.png", "uncertain", sure.model, "round", 0.9, sure.probabilities, "almost all black")
    synthetic_report(tmp_path / "report.html", [row, round_row("c.png", 0.55)])
    page = show(tmp_path / "report.html")
    page.choose("sort", "input")
    page.find(".card").click()
    assert page.find("#detail-verdict").text.split("uncertain")[1].strip() == "see the message"
    assert "almost all black" in page.find("#detail-facts").text
    page.press(Keys.ARROW_RIGHT)
    assert page.find("#detail-verdict").text.split("uncertain")[1].strip() == "below 0.6"


FAMILIAR = [
    familiar_row("a.png", 0.9),
    familiar_row("b.png", 0.0001, confidence=0.99),
    familiar_row("c.png", 0.8, "spiral"),
    familiar_row("d.png", 0.3, "spiral", 0.55),
    familiar_row("e.png", 0.5, "spiral", 0.55),
]


def test_the_picture_covers_no_text(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """Also beside a text that is taller than the picture, as of an unfamiliar image with a message and a long path."""
    like = familiar_row("a.png", 0.1)
    row = replace(like, path=f"{'folder/' * 60}a.png", message="dark " * 90)
    synthetic_report(tmp_path / "report.html", [row], min_familiarity=0.5)
    page = show(tmp_path / "report.html")
    page.find(".card").click()
    frame, about = page.find("#detail-frame").rect, page.find(".about").rect
    assert about["height"] > about["width"]
    assert frame["x"] + frame["width"] <= about["x"] + 1
    assert frame["height"] >= about["height"] - 1


def test_unfamiliar_images_are_a_group_of_their_own(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """Beside those of the classes, in numbers, charts, chips and gallery; each card and image says how familiar."""
    page_file = tmp_path / "report.html"
    synthetic_report(page_file, FAMILIAR, min_familiarity=0.5)
    page = show(page_file)
    assert page.texts("#totals dt") == ["Classified", "of them uncertain", "Unfamiliar", "Failed"]
    assert page.texts("#totals dd") == ["3", "1", "2", "0"]
    assert page.find("#classes-note").text == "3 classified images, 2 unfamiliar; the paler part is uncertain"
    assert page.texts("#classes .count") == page.texts(".chip span:last-child") == ["1", "2", "2"]
    assert page.texts("#classes .part") == ["20.0 %", "40.0 %", "40.0 %"]
    assert page.texts(".group h3") == ["round1", "spiral2", "unfamiliar2"]
    assert page.names() == ["a.png", "c.png", "e.png", "b.png", "d.png"]
    assert page.texts(".card .badge") == ["uncertain", "unfamiliar", "unfamiliar"]
    assert [bars[-len("familiarity0.000") :] for bars in page.texts(".card .bars")] == [
        f"familiarity{number}" for number in ("0.900", "0.800", "0.500", "0.000", "0.300")
    ]
    assert "from 0.95: 1" in str(page.find("#histogram").get_attribute("aria-label"))
    assert page.find_all(".card")[3].get_attribute("aria-label") == "b.png: round, confidence 0.990, unfamiliar"
    page.find_all(".card")[3].click()
    verdict = "confidence 0.9900, familiarity 0.0001 unfamiliar familiarity below 0.5"
    assert " ".join(page.find("#detail-verdict").text.split()) == verdict
    page.press(Keys.ARROW_LEFT)
    assert "confidence 0.5500, familiarity 0.5000" in page.find("#detail-verdict").text
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.focused() == "e.png")


def test_unfamiliar_images_are_found_by_filter_and_order(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """By status, as a chip, and the least familiar first; certain are those that are neither."""
    page_file = tmp_path / "report.html"
    synthetic_report(page_file, FAMILIAR, min_familiarity=0.5)
    page = show(page_file)
    page.find("#grouped").click()
    page.choose("sort", "strange")
    assert page.names() == ["b.png", "d.png", "e.png", "c.png", "a.png"]
    for status, wanted in (("unfamiliar", "bd"), ("uncertain", "e"), ("certain", "ca"), ("all", "bdeca")):
        page.choose("status", status)
        assert page.names() == [f"{name}.png" for name in wanted]
    page.find_all(".chip")[2].click()
    assert page.names() == ["b.png", "d.png"]
    page.find_all(".chip")[0].click()
    assert page.names() == ["b.png", "d.png", "a.png"]


def test_without_familiarity_the_page_does_not_mention_it(show: Callable[[Path], Page], run: Shown) -> None:
    """No group that is always empty, no order that does nothing."""
    page = show(run[0])
    assert "familiar" not in page.find("body").text.lower()
    uncertain = sum(row.status == "uncertain" for row in run[1])
    certain = len(done(run[1])) - uncertain
    assert page.texts("#status option") == ["any", f"certain ({certain})", f"uncertain ({uncertain})", "failed (2)"]
    assert page.find_all("#sort option[value=strange]") == []
    assert len(page.find_all(".chip")) == len(run[2])


def test_hostile_names_are_texts(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """Markup in a name, a message or a label is shown, never obeyed."""
    rows = [round_row(name) for name in HOSTILE]
    rows += [Prediction(name, "error", "tiny@0", message=f"unsupported format: {name}") for name in HOSTILE]
    synthetic_report(tmp_path / "r.html", rows, EVALUATION)
    page = show(tmp_path / "r.html")
    page.choose("sort", "input")
    shown = [
        *HOSTILE[:7],
        r"line\nbreak.png", r"\u202egnp.exe", r"caf\udce9.png", HOSTILE[10],
    ]  # fmt: skip
    assert page.texts("#failed-files td:first-child") == shown
    # Before the dialogs: Chromium now and then loses keys that are typed soon after one has closed.
    page.enter("search", "<IMG")
    assert page.names() == [HOSTILE[0]]
    page.find("#reset").click()
    for place, card in enumerate(page.find_all(".card")):
        card.click()
        assert page.texts("#detail-facts code") == [shown[place]]
        page.press(Keys.ESCAPE)
        # The focus goes back to the card when the dialog has closed: it would take the next step's keys.
        page.wait(partial(lambda name: page.focused() == name, card.get_attribute("title")))
    assert page.find("#evaluation-note").text == "8 images with a label in <b>labels</b>.csv"
    assert page.run("return [typeof window.hacked, document.querySelectorAll('script').length]") == ["undefined", 2]


def test_the_policy_holds(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """Even if markup were let in, the browser would not run it, style it, or load anything for it."""
    synthetic_report(tmp_path / "r.html", [round_row("a.png")])
    browser.get((tmp_path / "r.html").as_uri())
    page = Page(browser)
    page.run(
        "document.body.insertAdjacentHTML('beforeend', "
        '\'<img id=bad src=https://127.0.0.1:9/x.png onerror="window.hacked=1" style="color:red">\');'
        "const script = document.createElement('script'); script.textContent = 'window.hacked=2';"
        "document.body.append(script)"
    )
    assert page.run("return [typeof window.hacked, document.getElementById('bad').style.color]") == ["undefined", ""]
    complaints = [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]
    assert any("img-src" in complaint for complaint in complaints)
    assert any("script-src" in complaint for complaint in complaints)


def test_agreement_with_labels_is_shown(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """Accuracy, macro recall, the confusion matrix with each class's recall, and what was not counted."""
    synthetic_report(tmp_path / "r.html", [round_row("a.png")], EVALUATION)
    page = show(tmp_path / "r.html")
    assert page.texts("#evaluation .metrics dd") == ["87.5 %", "90.0 %"]
    assert page.texts(".matrix tbody tr") == ["round4180.0 %", "spiral03100.0 %"]
    assert page.texts(".notes li") == [
        "1 labelled image could not be classified",
        "Labels that are no class of the model: merger (2)",
        "2 images have no label",
    ]


@pytest.mark.slow
def test_cards_are_made_as_one_scrolls(
    show: Callable[[Path], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of very many images opens with a few cards, says that it shows a sample, and yet reaches every image."""
    monkeypatch.setattr("galaxy_classify.report.report.CAP", 700)
    synthetic_report(tmp_path / "r.html", [round_row(f"{number:05}.png", 0.7) for number in range(1500)])
    page = show(tmp_path / "r.html")
    assert (
        page.find("#sampled").text
        == "700 of 1,500 images are shown, a uniform sample; counts and histograms cover all."
    )
    assert page.texts("#totals dd") == ["1,500", "0", "0"]
    assert 0 < len(page.names()) < 400

    def scrolled_to_the_end() -> bool:
        page.run("window.scrollTo(0, document.body.scrollHeight)")
        return len(page.names()) == 700

    page.wait(scrolled_to_the_end)
    assert page.names() == sorted(page.names())
    assert page.find("#end").text == ""


def test_a_tall_window_is_filled(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """Where the first cards leave room, the next ones come without scrolling."""
    synthetic_report(tmp_path / "r.html", [round_row(f"{number:05}.png") for number in range(300)])
    page = show(tmp_path / "r.html")
    metrics = {"width": 1440, "height": 16000, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.wait(lambda: len(page.names()) == 300)


def test_arrows_go_beyond_the_cards_that_exist(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """The dialog knows all images, and closing it leads to the card even if there was none yet."""
    synthetic_report(tmp_path / "r.html", [round_row(f"{number:05}.png", 0.7) for number in range(500)])
    page = show(tmp_path / "r.html")
    page.find(".card").click()
    page.run("for (let i = 0; i < 400; i++) document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}))")
    assert page.find("#detail-place").text == "401 of 500"
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.focused() == "00400.png")


@pytest.mark.parametrize("hostile", [False, True])
def test_a_phone_shows_all_without_scrolling_sideways(
    show: Callable[[Path], Page], run: Shown, tmp_path: Path, hostile: bool
) -> None:
    """Nothing is wider than the screen, be it the gallery, the controls, the failures or an open image."""
    path = run[0]
    if hostile:
        path = tmp_path / "r.html"
        rows = [round_row(name) for name in HOSTILE]
        rows += [Prediction(name, "error", "tiny@0", message=name) for name in HOSTILE]
        synthetic_report(path, rows, EVALUATION)
    page = show(path)
    as_phone(page)
    page.browser.refresh()

    def fits() -> None:
        assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]

    fits()
    for summary in page.find_all("details[id] > summary, details:not([id]) > summary"):
        summary.click()
        fits()
    page.find("#unfold").click()
    assert page.find("#unfold").get_attribute("aria-expanded") == "true"
    assert page.find("#search").is_displayed()
    fits()
    page.find("#unfold").click()
    page.find(".card").click()
    fits()
    box = page.find("#dialog").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.run("const about = document.querySelector('.about'); return about.scrollWidth <= about.clientWidth")


def test_without_javascript_the_totals_are_there(browser: webdriver.Chrome, run: Shown) -> None:
    """Whoever blocks scripts still learns what was done."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(run[0].as_uri())
        text = browser.find_element(By.TAG_NAME, "body").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "22 images" in text
    assert "22 images: 20 classified (" in text
    assert "Filter and sort" not in text


@pytest.fixture
def mapped(tmp_path: Path) -> Path:
    """Report of four images with a map: one on the right, one on the left, one at the top, one at the bottom."""
    rows = [
        Prediction("right.png", "ok", "tiny@0", "round", 0.9, {"round": 0.9, "spiral": 0.1}, "", 0.9),
        Prediction("left.png", "ok", "tiny@0", "spiral", 0.8, {"round": 0.2, "spiral": 0.8}, "", 0.9),
        Prediction("top.png", "uncertain", "tiny@0", "round", 0.55, {"round": 0.55, "spiral": 0.45}, "", 0.9),
        Prediction("bottom.png", "unfamiliar", "tiny@0", "round", 0.99, {"round": 0.99, "spiral": 0.01}, "", 0.1),
    ]
    synthetic_report(tmp_path / "mapped.html", rows, None, 0.5, [(4, 0), (-4, 0), (0, 1), (0, -1)])
    return tmp_path / "mapped.html"


def pointed_at(page: Page) -> list[str]:
    """Return what the page says of the point that is pointed at."""
    return page.texts("#map-point p")


def move_to(page: Page, row: int, aside: int = 0) -> webdriver.ActionChains:
    """Move the pointer to an image's point on the map, or beside it."""
    canvas = page.find("#map")
    x, y = page.run("return onScreen(report.rows[arguments[0]])", row)
    chain = webdriver.ActionChains(page.browser)
    middle = page.run("const it = document.getElementById('map'); return [it.offsetWidth / 2, it.offsetHeight / 2]")
    chain.move_to_element_with_offset(canvas, round(x - middle[0]) + aside, round(y - middle[1])).perform()
    return chain


def test_the_map_names_what_one_points_at(show: Callable[[Path], Page], mapped: Path) -> None:
    """The pointer finds a point, with its picture, class and status; a click opens it, and Escape leads back."""
    page = show(mapped)
    page.run("document.getElementById('map').scrollIntoView({block: 'center'})")
    assert page.find("#map-point").text.startswith("Point at an image")
    places = page.run("return report.rows.map(onScreen)")
    assert places[0][0] - places[1][0] > 300
    assert places[3][1] - places[2][1] == pytest.approx((places[0][0] - places[1][0]) / 4)
    move_to(page, 1)
    assert pointed_at(page) == ["spiral", "left.png", "confidence 0.800"]
    assert len(page.find_all("#map-point img")) == 1
    move_to(page, 2)
    assert pointed_at(page) == ["round", "top.png", "confidence 0.550, uncertain"]
    move_to(page, 3, aside=60)
    assert pointed_at(page)[1] == "top.png"
    move_to(page, 3).click().perform()
    assert page.find("#detail-facts code").text == "bottom.png"
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.focused() == "map")
    assert pointed_at(page) == ["round", "bottom.png", "confidence 0.990, unfamiliar"]


def test_the_map_works_by_keyboard(show: Callable[[Path], Page], mapped: Path) -> None:
    """Arrow keys go to the nearest image in their direction, Enter opens it; what is open then stays chosen."""
    page = show(mapped)
    page.choose("sort", "input")
    page.find("#grouped").click()
    page.run("document.getElementById('map').focus()")
    page.press(Keys.ARROW_DOWN)  # chooses the one nearest to the middle
    seen = [pointed_at(page)[1]]
    for key in (Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_UP):
        page.press(key)
        seen.append(pointed_at(page)[1])
    assert seen == ["top.png", "bottom.png", "right.png", "right.png", "top.png", "top.png"]
    page.press(Keys.ENTER)
    assert page.find("#detail-facts code").text == "top.png"
    page.press(Keys.ARROW_LEFT)
    page.press(Keys.ESCAPE)
    page.wait(lambda: pointed_at(page)[1] == "left.png")  # the browser itself gives the focus back before that
    assert page.focused() == "map"


def test_the_map_shows_what_the_gallery_shows(show: Callable[[Path], Page], mapped: Path) -> None:
    """What the filter leaves out is dimmed, and cannot be pointed at."""
    page = show(mapped)
    page.run("pointAt(report.rows[0])")
    page.find_all(".chip")[1].click()
    assert page.find("#map-point").text.startswith("Point at an image")
    opacity = page.run(
        "const image = points.getContext('2d').getImageData(0, 0, points.width, points.height);"
        "const ratio = points.width / document.getElementById('map').clientWidth;"
        "return report.rows.slice(0, 2).map(row => { const [x, y] = onScreen(row).map(at => Math.round(at * ratio));"
        "return image.data[4 * (y * points.width + x) + 3] })"
    )
    assert opacity[0] < 60 < 180 < opacity[1]
    page.run("document.getElementById('map').scrollIntoView({block: 'center'})")
    move_to(page, 0)
    assert page.find("#map-point").text.startswith("Point at an image")
    move_to(page, 1)
    assert pointed_at(page)[1] == "left.png"


def test_the_map_is_told_in_words(show: Callable[[Path], Page], mapped: Path, run: Shown) -> None:
    """Whoever does not see it learns where the classes are; a page without embeddings has none."""
    page = show(mapped)
    assert page.texts("#map-key li") == ["round2", "spiral1", "unfamiliar1", "uncertain"]
    assert page.find("#map-note").text.startswith("4 images, those that look alike to the model close together: ")
    assert "of its 2 features, which have 100 % of their variance." in page.find("#map-note").text
    assert page.texts("#map-text") == [
        "round: 2 images around 0.50 across and 0.13 up; spiral: 1 image around -1.00 across and 0.00 up; "
        "unfamiliar: 1 image around 0.00 across and -0.25 up. The middle is 0, the farthest image is at 1."
    ]
    described = str(page.find("#map").get_attribute("aria-describedby"))
    assert all(page.texts(f"#{name}") for name in described.split())
    assert not show(run[0]).find("#map-panel").is_displayed()


def test_a_map_of_a_sample_says_so(
    show: Callable[[Path], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map of some of the images is not taken for one of all."""
    monkeypatch.setattr("galaxy_classify.report.report.CAP", 5)
    rows = [round_row(f"{number}.png") for number in range(12)]
    synthetic_report(tmp_path / "r.html", rows, embeddings=[(number, number % 3) for number in range(5)])
    assert show(tmp_path / "r.html").find("#map-note").text.startswith("5 of 12 images, those that look alike")


def test_hostile_names_are_texts_on_the_map(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """As they are in the gallery; and on a phone nothing is wider than the screen."""
    rows = [round_row(name) for name in HOSTILE]
    synthetic_report(tmp_path / "r.html", rows, embeddings=[(number, number % 3) for number in range(len(rows))])
    page = show(tmp_path / "r.html")
    as_phone(page)
    page.browser.refresh()
    for number in range(len(rows)):
        page.run("pointAt(report.rows[arguments[0]])", number)
        assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]
    page.run("pointAt(report.rows[0])")
    assert pointed_at(page)[1] == HOSTILE[0]
    assert page.run("return [typeof window.hacked, document.querySelectorAll('script').length]") == ["undefined", 2]


def test_class_fractions_sets_and_thresholds_are_shown(show: Callable[[Path], Page], tmp_path: Path) -> None:
    """Fractions below the classes with what must be known of them, the rest in the dialog of an image."""
    row = replace(
        round_row("a.png", 0.9),
        status="uncertain",
        coarse_label="smooth",
        coarse_confidence=0.95,
        prediction_set=("round", "spiral"),
    )
    mix = ClassMix(
        galaxies=120,
        counts={"round": 120, "spiral": 0},
        fractions={"round": 0.9512, "spiral": 0.0488},
        standard_errors={"round": 0.031, "spiral": 0.031},
        held_out={"round": 80, "spiral": 40},
        notes=("class fractions rest on few held-out galaxies: spiral 40",),
    )
    synthetic_report(tmp_path / "mix.html", [row], mix=mix.to_dict(), threshold={"round": 0.95, "*": 0.5})
    page = show(tmp_path / "mix.html")
    classes = page.find("#classes").text
    assert "corrected 95.1 ± 3.1 %" in classes
    assert "corrected 4.9 ± 3.1 %" in classes
    assert page.find("#mix-note").text.endswith("few held-out galaxies: spiral 40")
    assert "threshold 0.95, 0.5" in str(page.find("#histogram").get_attribute("aria-label"))
    page.find(".card").click()
    assert "below 0.95" in page.find("#detail-verdict").text
    facts = page.find("#detail-facts").text
    assert "smooth (0.9500)" in facts
    assert "round, spiral" in facts
    synthetic_report(tmp_path / "without.html", [round_row("a.png")])
    page = show(tmp_path / "without.html")
    assert "corrected" not in page.find("#classes").text
    assert not page.find("#mix-note").is_displayed()
