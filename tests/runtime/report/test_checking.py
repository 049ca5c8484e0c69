"""The report as the place to check: true labels, filters, cells of the matrix, positions, verdicts and their file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from galaxy_classify.defaults import NO_CLASS
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.runs.labels import Evaluation
from galaxy_train.data.image_files import list_csv
from report_page import CLASSES, HOSTILE, Page, as_phone, familiar_row, round_row, synthetic_report

Show = Callable[[Path], Page]

ROWS = [
    familiar_row("field/a.png", 0.9),
    familiar_row("field/b.png", 0.8, confidence=0.8),
    familiar_row("field/c.png", 0.7, "spiral", 0.95),
    familiar_row("field/d.png", 0.6, "spiral", 0.55),
    familiar_row("field/e.png", 0.1, confidence=0.99),
    familiar_row("field/f.png", 0.95, confidence=0.7),
    Prediction("field/g.png", "error", "tiny@0", message="no such file"),
]
LABELS = {"a": "round", "b": "spiral", "c": "round", "d": "spiral", "e": "merger", "g": "round"}
POSITIONS = {"field/b.png": (184.675, -11.73181), "field/c.png": (0.0, 0.0)}
EVALUATION: dict[str, Any] = {
    "labels_file": "labels.csv",
    "images": 103,
    "accuracy": 0.5,
    "macro_recall": 0.5,
    "recall": {"round": 0.5, "spiral": 0.5},
    "classes": list(CLASSES),
    "confusion_matrix": [[1, 1], [100, 1]],
    "failed": 1,
    "unknown_labels": {"merger": 1},
    "notes": [],
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of six images with labels: two right, two wrong, one of another class, one without; and of a failure."""
    path = tmp_path_factory.mktemp("checked") / "report.html"
    labels = {f"field/{name}.png": label for name, label in LABELS.items()}
    synthetic_report(path, ROWS, EVALUATION, 0.5, labels=labels, positions=POSITIONS)
    return path


def flat(page: Page, order: str = "input") -> None:
    """Show all images in one group."""
    page.find("#grouped").click()
    page.choose("sort", order)
    page.run("document.getElementById('gallery').scrollIntoView()")


def shown(page: Page) -> str:
    """Return the names of the images on the cards without their suffix, in one word."""
    return "".join(name.removesuffix(".png") for name in page.names())


def marks(page: Page) -> dict[str, str]:
    """Return the verdicts by the name of the image."""
    return {os.path.basename(path)[0]: verdict for path, verdict in page.run("return [...marks]")}


def focus(page: Page, place: int = 0) -> None:
    """Give the focus to a card."""
    page.run("document.querySelectorAll('.card')[arguments[0]].focus()", place)


def test_the_true_label_is_said_in_words(show: Show, checked: Path) -> None:
    """On the card, to a screen reader, and in the dialog; nobody has to tell red from green."""
    page = show(checked)
    flat(page)
    truths = page.run("return report.rows.map(row => cardOf(row).querySelector('.truth')?.textContent)")
    assert truths == [
        "✓ right: label round", "✗ wrong: label spiral", "✗ wrong: label round", "✓ right: label spiral",
        "label, no class: merger", None,
    ]  # fmt: skip
    spoken = [str(card.get_attribute("aria-label")) for card in page.find_all(".card")]
    assert spoken[1] == "b.png: round, confidence 0.800, wrong, label spiral"
    assert spoken[4] == "e.png: round, confidence 0.990, unfamiliar, label merger"
    assert spoken[5] == "f.png: round, confidence 0.700"
    page.find_all(".card")[2].click()
    assert page.find("#detail-verdict .truth").text == "✗ wrong: label round"
    assert "True label\nround\n" in page.find("#detail-facts").text
    for _ in range(2):
        page.press(Keys.ARROW_RIGHT)
    assert "merger (no class of the model)" in page.find("#detail-facts").text
    page.press(Keys.ARROW_RIGHT)
    assert "True label" not in page.find("#detail-facts").text


def test_filters_combine_and_say_how_many(show: Show, checked: Path) -> None:
    """Each choice says how many images it would show with the others as they are; all can be taken back at once."""
    page = show(checked)
    flat(page)
    assert page.texts("#agreement option") == [
        "any", "wrong only (2)", "right only (2)", "label is no class (1)", "no label (1)",
    ]  # fmt: skip
    assert page.texts("#truth option") == ["any", "round (2)", "spiral (2)", "merger (1)"]
    assert page.texts("#status option") == [
        "any", "certain (4)", "uncertain (1)", "unfamiliar (1)", "failed (1)",
    ]  # fmt: skip
    page.choose("agreement", "wrong")
    assert shown(page) == "bc"
    assert page.texts("#truth option") == ["any", "round (1)", "spiral (1)", "merger (0)"]
    assert page.texts(".chip span:last-child") == ["1", "1", "0"]
    page.find_all(".chip")[1].click()
    assert shown(page) == "c"
    assert page.texts(".chip span:last-child") == ["1", "1", "0"]
    assert page.texts("#agreement option")[1:3] == ["wrong only (1)", "right only (1)"]
    page.choose("truth", "=spiral")
    assert shown(page) == ""
    page.choose("agreement", "right")
    assert shown(page) == "d"
    page.choose("status", "uncertain")
    assert shown(page) == "d"
    page.find("#reset").click()
    assert shown(page) == "abcdef"
    for agreement, expected in (("other", "e"), ("none", "f"), ("all", "abcdef")):
        page.choose("agreement", agreement)
        assert shown(page) == expected


def test_failed_inputs_are_shown_when_asked_for(show: Show, checked: Path) -> None:
    """With their reason; they have no class, so that there is nothing to judge."""
    page = show(checked)
    page.choose("status", "failed")
    assert page.names() == ["g.png"]
    assert page.find("#matched").text == "1 of 1 failed input"
    assert page.texts(".card .missing") == ["no such file"]
    assert page.texts(".group h3") == ["failed1"]
    focus(page)
    page.press("1")
    page.press(Keys.SPACE)
    assert marks(page) == {}
    page.find(".card").click()
    assert "no such file" in page.find("#detail-facts").text
    assert not page.find("#own").is_displayed()


@pytest.mark.parametrize("key", ["click", Keys.ENTER])
def test_a_cell_of_the_matrix_shows_its_images(show: Show, checked: Path, key: str) -> None:
    """All that the page has, and it says of how many; other filters narrow them down, and the cell is taken back."""
    page = show(checked)
    page.choose("status", "uncertain")
    cells = page.find_all(".matrix button")
    assert [cell.text for cell in cells] == ["1", "1", "100", "1"]
    assert cells[2].get_attribute("aria-label") == "label spiral, predicted round: 100 images, show them"
    if key == "click":
        cells[2].click()
    else:
        page.run("arguments[0].focus()", cells[2])
        page.press(key)
    assert shown(page) == "b"
    assert page.find("#cell-text").text == "Label spiral, predicted round: 1 of 100 images are on this page"
    assert page.focused() == "b.png"
    assert [cell.get_attribute("aria-pressed") for cell in cells] == ["false", "false", "true", "false"]
    page.choose("agreement", "right")
    assert shown(page) == ""
    page.choose("agreement", "all")
    page.find("#cell-clear").click()
    assert shown(page) == "abfcde"
    assert not page.find("#cell-filter").is_displayed()
    cells[1].click()
    assert (shown(page), page.find("#cell-text").text) == ("c", "Label round, predicted spiral: 1 image")
    page.find("#reset").click()
    assert shown(page) == "abfcde"


def test_orders(show: Show, checked: Path) -> None:
    """Disagreement is the probability of the true class, the least first; images without one come last."""
    page = show(checked)
    flat(page)
    orders = {
        "most": "ecabfd", "least": "dfbace", "disagreement": "cbdaef", "strange": "edcbaf", "familiar": "fabcde",
        "name": "abcdef",
    }  # fmt: skip
    for order, expected in orders.items():
        page.choose("sort", order)
        assert shown(page) == expected, order


def test_a_position_leads_to_the_surveys(show: Show, checked: Path) -> None:
    """In a new tab that learns nothing of this page; without a position there are no links."""
    page = show(checked)
    flat(page)
    page.find_all(".card")[1].click()
    assert page.texts("#detail-facts .place") == ["RA 184.675000°, Dec \u221211.731810°"]
    links = page.find_all("#detail-facts a")
    assert [link.get_attribute("href") for link in links] == [
        "https://www.legacysurvey.org/viewer?ra=184.675000&dec=-11.731810&layer=ls-dr10&zoom=16&mark=184.675000,-11.731810",
        "https://skyserver.sdss.org/dr18/VisualTools/navi?ra=184.675000&dec=-11.731810&scale=0.2",
        "https://aladin.cds.unistra.fr/AladinLite/?target=184.675000%20-11.731810&fov=0.03",
    ]
    assert {(link.get_attribute("target"), link.get_attribute("rel")) for link in links} == {
        ("_blank", "noopener noreferrer")
    }
    page.press(Keys.ARROW_RIGHT)
    assert page.texts("#detail-facts .place") == ["RA 0.000000°, Dec +0.000000°"]
    page.press(Keys.ARROW_RIGHT)
    assert page.find_all("#detail-facts a") == []
    for sky in ("[NaN, 1]", "['1&x=', 2]", "[361, 0]", "[1, -91]", "[null, null]"):
        assert page.run(f"return skyPosition({sky})") == ""


def test_verdicts_by_keyboard(show: Show, checked: Path) -> None:
    """Arrows move, Space selects, digits judge, Backspace and Ctrl+Z take back; in the gallery and in the dialog."""
    page = show(checked)
    flat(page)
    focus(page)
    page.press("2")
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.SPACE)
    page.press(Keys.ARROW_RIGHT)
    page.press("0")
    assert not page.find("#dialog").get_property("open")
    assert marks(page) == {"a": "spiral", "b": "", "c": NO_CLASS}
    assert page.focused() == "c.png"
    assert page.texts(".card .mine") == ["you: spiral", f"you: {NO_CLASS}"]
    spoken = str(page.find(".card").get_attribute("aria-label"))
    assert spoken.endswith("right, label round, your verdict spiral")
    assert page.find("#selected").text == "3 selected, 2 with a verdict, not saved"
    page.press("9")  # there is no ninth class
    page.press(Keys.BACKSPACE)
    page.press(Keys.ARROW_LEFT)
    page.press(Keys.SPACE)
    assert marks(page) == {"a": "spiral", "c": ""}
    webdriver.ActionChains(page.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    assert marks(page) == {"a": "spiral", "b": "", "c": ""}
    page.press(Keys.ENTER)
    assert page.find("#detail-facts code").text == "field/b.png"
    page.press("1")
    assert page.texts("#verdicts [aria-pressed=true]") == ["1round"]
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.SPACE)
    assert not page.find("#detail-selected").is_selected()
    assert marks(page) == {"a": "spiral", "b": "round"}
    page.press("?")
    assert page.texts("#help-keys dd")[3:6] == ["verdict: round", "verdict: spiral", f"verdict: {NO_CLASS}"]
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.find("#help").get_property("open"))
    assert page.find("#dialog").get_property("open")
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.focused() == "c.png")
    # Where one types, a digit is a digit.
    page.enter("search", "2?")
    assert marks(page) == {"a": "spiral", "b": "round"}
    assert not page.find("#help").get_property("open")


def test_arrows_go_through_the_lines_of_cards(show: Show, tmp_path: Path) -> None:
    """Down and up keep the column, also from group to group, and one card only is reached by Tab."""
    rows = [familiar_row(f"{number:02}.png", 0.9, CLASSES[number >= 10]) for number in range(24)]
    synthetic_report(tmp_path / "r.html", rows)
    page = show(tmp_path / "r.html")
    width = page.run("return getComputedStyle(document.querySelector('.grid')).gridTemplateColumns.split(' ').length")
    assert width == 7
    focus(page, 1)
    seen = []
    for key in (Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_LEFT, Keys.ARROW_UP,
                Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_LEFT):  # fmt: skip
        page.press(key)
        seen.append(page.focused().removesuffix(".png"))
    assert seen == ["08", "11", "18", "11", "10", "07", "00", "00", "00"]
    assert page.run("return [...document.querySelectorAll('.card[tabindex=\"0\"]')].map(it => it.title)") == ["00.png"]


@pytest.mark.slow
def test_verdicts_by_mouse(show: Show, checked: Path) -> None:
    """A box on each card, with Shift a range; all that are shown; one verdict for all; clearing can be undone."""
    page = show(checked)
    flat(page)
    boxes = page.find_all(".pick input")
    boxes[0].click()
    assert marks(page) == {"a": ""}
    focus(page, 1)
    chain = webdriver.ActionChains(page.browser).key_down(Keys.SHIFT)
    chain.click(page.find_all(".pick input")[3]).key_up(Keys.SHIFT).perform()
    assert marks(page) == dict.fromkeys("abcd", "")
    page.find_all(".pick input")[0].click()
    page.choose("bulk", "spiral")
    assert marks(page) == dict.fromkeys("bcd", "spiral")
    page.choose("agreement", "wrong")
    assert page.find("#select-all").text == "Select all 0"
    page.choose("agreement", "right")
    page.find("#select-all").click()
    assert marks(page) == {"a": ""} | dict.fromkeys("bcd", "spiral")
    page.find("#only-selected").click()
    page.choose("agreement", "all")
    assert shown(page) == "abcd"
    page.find_all(".card")[0].click()
    page.find_all("#verdicts button")[2].click()
    assert marks(page)["a"] == NO_CLASS
    page.find("#detail-selected").click()
    assert "a" not in marks(page)
    page.find("#close").click()
    page.find("#clear").click()
    assert marks(page) == {}
    assert not page.find("#save").is_displayed()
    page.find("#undo").click()
    assert marks(page) == dict.fromkeys("bcd", "spiral")


def saved_file(page: Page, folder: Path) -> Path:
    """Save the verdicts into a folder, and return the file."""
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    page.find("#save").click()
    page.wait((folder / "verdicts.csv").exists)
    return folder / "verdicts.csv"


def test_saved_verdicts_are_labels(show: Show, tmp_path: Path) -> None:
    """Whatever the files are called, --labels and galaxy-train fit take the file and find each image."""
    names = [*HOSTILE, 'a "quoted", name.png', " spaces .png", "two\nlines.png"]
    rows = [round_row(name) for name in names]
    synthetic_report(tmp_path / "r.html", rows)
    page = show(tmp_path / "r.html")
    page.find("#select-all").click()
    page.choose("bulk", "spiral")
    page.choose("sort", "input")
    focus(page, 0)
    page.press("0")
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.BACKSPACE)
    folder = tmp_path / "downloads"
    folder.mkdir()
    table = saved_file(page, folder)
    assert page.find("#selected").text == f"{len(names)} selected, {len(names) - 1} with a verdict, saved"
    lines = table.read_bytes().split(b"\n")
    assert lines[:2] == [b"path,label", f"{names[0]},{NO_CLASS}".encode()]
    evaluation = Evaluation(str(table), CLASSES)
    found = [evaluation.label_of(Source(name)) for name in names]
    assert found == [NO_CLASS, None] + ["spiral"] * (len(names) - 2)
    # Of what can be trained on, in UTF-8 as the trainer wants it.
    table.write_bytes(table.read_bytes().replace(b"caf\xe9", b"cafe"))
    assert {file.label for file in list_csv(table)} == {"spiral"}
    assert len(list_csv(table)) == len(names) - 2


def warns(page: Page) -> bool:
    """Tell whether the browser would ask before it leaves the page."""
    script = "const event = new Event('beforeunload', {cancelable: true}); dispatchEvent(event);"
    return bool(page.run(f"{script} return event.defaultPrevented"))


def test_verdicts_survive_a_reload(show: Show, checked: Path, tmp_path: Path) -> None:
    """The browser keeps them for this run, asks before unsaved ones are left, and shows them again."""
    page = show(checked)
    flat(page)
    assert not warns(page)
    focus(page, 1)
    page.press("2")
    assert warns(page)
    page.run("saved = true")  # or the browser would ask, and the test would have to answer
    page.browser.refresh()
    assert marks(page) == {"b": "spiral"}
    assert page.texts(".card .mine") == ["you: spiral"]
    assert page.find("#selected").text == "1 selected, 1 with a verdict, not saved"
    assert warns(page)
    saved_file(page, tmp_path)
    assert not warns(page)
    page.browser.refresh()
    assert page.find("#selected").text == "1 selected, 1 with a verdict, saved"
    other = tmp_path / "other.html"
    synthetic_report(other, ROWS[:3], min_familiarity=0.5)
    show(other)
    assert marks(page) == {}


def test_what_another_page_has_stored_does_no_harm(show: Show, checked: Path) -> None:
    """All pages from disk share one storage."""
    page = show(checked)
    page.run("localStorage.setItem(THEME, '<b>')")
    for kept in ("{", "null", '{"marks": 1}', '{"marks": [1, ["a"], [1, 2], {"x": 1}]}'):
        page.run("localStorage.setItem(KEPT, arguments[0]); restoreMarks()", kept)
        assert marks(page) == {}, kept
    page.browser.refresh()
    assert (marks(page), len(page.names())) == ({}, 6)


def test_a_browser_that_keeps_nothing_says_so(show: Show, checked: Path) -> None:
    """The verdicts would be gone with the page: there is a warning as soon as there is one."""
    page = show(checked)
    assert not page.find("#not-kept").is_displayed()
    page.run("Storage.prototype.setItem = () => { throw new DOMException('denied') }")
    focus(page)
    page.press("1")
    assert page.find("#not-kept").is_displayed()
    page.find("#theme").click()
    page.run("document.querySelector('#undo').click()")
    assert not page.find("#not-kept").is_displayed()


def test_verdicts_of_another_tab_are_taken_over(show: Show, checked: Path) -> None:
    """Two tabs with the same page must not overwrite each other's verdicts."""
    page = show(checked)
    flat(page)
    kept = '{"marks": [["field/b.png", "round"]], "saved": false}'
    page.run(
        "localStorage.setItem(KEPT, arguments[0]);"
        "dispatchEvent(new StorageEvent('storage', {key: KEPT, newValue: arguments[0]}))", kept
    )  # fmt: skip
    assert marks(page) == {"b": "round"}
    assert page.texts(".card .mine") == ["you: round"]


def contrasts(page: Page) -> list[float]:
    """Return the contrasts of the chips' dots and of the texts on the cards to the ground of the page."""
    return [
        float(number)
        for number in page.run(
            """
            const canvas = document.createElement('canvas').getContext('2d');
            const hex = (colour) => { canvas.fillStyle = colour; return canvas.fillStyle };
            const contrast = (one, other) => {
              const [dark, light] = [luminance(hex(one)), luminance(hex(other))].sort((a, b) => a - b);
              return (light + 0.05) / (dark + 0.05);
            };
            const ground = getComputedStyle(document.body).backgroundColor;
            const dots = [...document.querySelectorAll('.chip .dot')].map(it => getComputedStyle(it).backgroundColor);
            const texts = [...document.querySelectorAll('.truth, .file')].map(it => getComputedStyle(it).color);
            return [dots, texts].map(colours => Math.min(...colours.map(it => contrast(it, ground))));
            """
        )
    ]


def ground(page: Page) -> str:
    """Return the colour of the page's ground."""
    return str(page.run("return getComputedStyle(document.body).backgroundColor"))


def test_light_and_dark(show: Show, checked: Path) -> None:
    """As the system has it, until the switch says otherwise, which the page remembers; both can be read."""
    page = show(checked)
    grounds = {"light": "rgb(245, 247, 252)", "dark": "rgb(6, 10, 23)"}
    for theme, switch in (("light", "Dark theme"), ("dark", "Light theme")):
        page.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        assert ground(page) == grounds[theme]
        page.wait(partial(lambda name: page.find("#theme").text == name, switch))
        assert page.run("return canvasColours === lightColours") == (theme == "light")
        dots, texts = contrasts(page)
        assert dots >= 3
        assert texts >= 4.5
    page.find("#theme").click()
    assert (ground(page), page.find("#theme").text) == (grounds["light"], "Dark theme")
    page.browser.refresh()
    assert ground(page) == grounds["light"]


@pytest.mark.parametrize("hostile", [False, True])
def test_a_narrow_phone_shows_all(show: Show, checked: Path, tmp_path: Path, hostile: bool) -> None:
    """At 360 px nothing is wider than the screen, and a hint says that the matrix can be scrolled."""
    path = checked
    if hostile:
        path = tmp_path / "r.html"
        labels = {name: f"{name}{'x' * 80}" for name in HOSTILE}
        evaluation = EVALUATION | {"unknown_labels": dict.fromkeys(labels.values(), 1)}
        positions = dict.fromkeys(HOSTILE, (359.999999, -89.999999))
        synthetic_report(path, [round_row(name) for name in HOSTILE], evaluation, labels=labels, positions=positions)
    page = show(path)
    page.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it is measured
    assert [hint.is_displayed() for hint in page.find_all(".around .hint")] == [False, True]
    as_phone(page, 360)
    page.browser.refresh()

    def fits() -> None:
        assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]

    if not hostile:
        page.run("document.querySelectorAll('.matrix thead th').forEach(it => it.append('_that_is_long'))")
        page.wait(lambda: page.find_all(".around .hint")[0].is_displayed())
    fits()
    page.find("#unfold").click()
    assert page.find("#agreement").is_displayed()
    fits()
    page.find("#unfold").click()
    page.run("document.querySelector('.pick input').scrollIntoView({block: 'center'})")
    page.find(".pick input").click()
    assert page.find("#save").is_displayed()
    fits()
    bar = page.find("#selection").rect
    assert bar["height"] < 130
    page.find(".card").click()
    fits()
    assert page.run("const it = document.querySelector('.about'); return it.scrollWidth <= it.clientWidth")
    page.find("#verdicts button").click()
    assert len(marks(page)) == 1
    page.run("document.querySelector('#close').click(); document.querySelector('#keys').click()")
    fits()
    assert page.run("const it = document.querySelector('#help'); return it.scrollWidth <= it.clientWidth")


def test_hostile_labels_are_texts(show: Show, tmp_path: Path) -> None:
    """On cards, in the dialog and in the list of true labels; as a filter each finds its own image."""
    rows = [round_row(f"{number:02}.png") for number in range(len(HOSTILE))]
    labels = {row.path: name for row, name in zip(rows, HOSTILE, strict=True)} | {"12.png": "all"}
    synthetic_report(tmp_path / "r.html", [*rows, round_row("12.png")], labels=labels)
    page = show(tmp_path / "r.html")
    page.choose("sort", "input")
    assert page.texts(".card .truth bdi")[:2] == list(HOSTILE[:2])
    assert len(page.texts("#truth option")) == 1 + len(CLASSES) + len(labels)
    values = page.run("return [...document.querySelectorAll('#truth option')].map(it => it.value)")
    page.choose("truth", values[3])
    assert page.names() == ["00.png"]
    page.choose("truth", "=all")
    assert page.names() == ["12.png"]
    page.find(".card").click()
    assert "all (no class of the model)" in page.find("#detail-facts").text
    assert page.run("return [typeof window.hacked, document.querySelectorAll('script').length]") == ["undefined", 2]


def test_a_sample_with_labels_says_what_it_prefers(show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many images half of the page may be for those that are wrong; the reader is told."""
    monkeypatch.setattr("galaxy_classify.report.report.CAP", 8)
    rows = [round_row(f"{number:02}.png") for number in range(40)]
    labels = {row.path: CLASSES[number % 4 == 0] for number, row in enumerate(rows)}
    evaluation = EVALUATION | {"confusion_matrix": [[30, 0], [10, 0]]}
    synthetic_report(tmp_path / "r.html", rows, evaluation, labels=labels)
    page = show(tmp_path / "r.html")
    assert page.find("#sampled").text == (
        "8 of 40 images are shown: 4 of the 10 whose label is another class, and a uniform sample of the others; "
        "counts and histograms cover all."
    )
    assert page.texts("#agreement option")[1:3] == ["wrong only (4)", "right only (4)"]


def test_classes_beyond_the_ninth_have_no_key(show: Show, tmp_path: Path) -> None:
    """Their verdicts are given with the mouse; a class that is called none of these is not offered twice."""
    from galaxy_classify.report.report import Report

    classes = [f"class {number}" for number in range(1, 12)] + [NO_CLASS]
    share = dict.fromkeys(classes, 0.0) | {"class 1": 1.0}
    report = Report(classes, 0.6)
    report.add(Prediction("a.png", "ok", "tiny@0", "class 1", 1.0, share))
    made_with = {"package": "galaxy-classify", "package_version": "0", "model": {"name": "tiny", "sha256": "0" * 64}}
    image = __import__("PIL.Image").Image.new("RGB", (32, 32))
    report.write(str(tmp_path / "r.html"), provenance=made_with, picture=lambda _: image, threads=1)
    page = show(tmp_path / "r.html")
    page.find(".card").click()
    assert page.texts("#verdicts kbd") == [*"123456789", "0"]
    assert len(page.find_all("#verdicts button")) == 12
    page.press("9")
    assert marks(page) == {"a": "class 9"}
    page.find_all("#verdicts button")[10].click()
    assert marks(page) == {"a": "class 11"}


def test_without_labels_the_page_does_not_mention_them(show: Show, tmp_path: Path) -> None:
    """No filter that shows nothing, no order that does nothing; verdicts can be given all the same."""
    synthetic_report(tmp_path / "r.html", [round_row("a.png"), replace(round_row("b.png"), message="dark")])
    page = show(tmp_path / "r.html")
    assert page.find_all("#agreement, #truth, #sort option[value=disagreement], .truth") == []
    assert page.texts("#status option") == ["any", "certain (2)", "uncertain (0)"]
    focus(page)
    page.press("1")
    assert marks(page) == {"a": "round"}
