"""The page of examples/browser in Chromium: its rows, its table, and that nothing leaves the machine."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import statistics
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.common.keys import Keys

from chromium import OpenPage, start_chromium
from galaxy_painter import KINDS, paint
from in_process import run_classify
from loopback import running

pytestmark = pytest.mark.slow

#: Browsers decode JPEGs with a code of their own, which may round otherwise than Pillow's. Two levels of 255 more or
#: less in all pixels change the numbers of these images by less than this. Chromium's decoder rounds as Pillow's does.
DECODER_TOLERANCE = 0.002
#: Of a timer that wants to run every 10 ms: how late it may be now and then, where processes wait for each other, and
#: usually. If the page classified in its own thread, the timer would always wait for an image.
LONGEST_GAP_MS, USUAL_GAP_MS = 1500, 20
ROWS_PER_PAGE = 50

Row = dict[str, str]


class ClassifyPage(OpenPage):
    """The page with its model loaded.

    Parameters
    ----------
    browser : webdriver.Chrome
        The browser that shows it.
    address : str
        Of the page's folder.
    downloads : Path
        Where the browser saves files.
    """

    def __init__(self, browser: webdriver.Chrome, address: str, downloads: Path) -> None:
        super().__init__(browser)
        self.address = address
        self.downloads = downloads

    def open(self) -> None:
        """Load the page, and wait until it can classify and works without network."""
        self.browser.get(self.address)
        self.wait(lambda: self.find("#self-test").text.startswith("passed"), 60)
        self.wait(lambda: self.find("#offline").text.startswith("ready"), 60)

    def choose(self, *files: Path) -> None:
        """Choose files, or a folder, as in the browser's dialog."""
        field = "#folder" if files[0].is_dir() else "#files"
        self.find(field).send_keys("\n".join(map(str, files)))

    def classify(self, *files: Path) -> list[Row]:
        """Classify files or a folder, and return the rows of the CSV file."""
        self.choose(*files)
        self.wait(self.is_done, 60)
        return self.saved()

    def is_done(self) -> bool:
        """Return whether there are results, and nothing is being classified."""
        return bool(
            self.run("return !document.querySelector('#results').hidden && document.querySelector('#stop').hidden")
        )

    def saved(self) -> list[Row]:
        """Save the rows as CSV, and read the file."""
        return list(csv.DictReader(io.StringIO(self.saved_text(), newline="")))

    def saved_text(self) -> str:
        """Save the rows as CSV, and return the file's text."""
        file = self.downloads / "galaxies.csv"
        file.unlink(missing_ok=True)
        self.find("#save").click()
        self.wait(file.exists)
        return file.read_text(encoding="utf-8")

    def column(self, name: str) -> list[str]:
        """Return the cells of a column on the page of the table that is shown."""
        return self.texts(f"#rows .{name}")

    def sort(self, column: str) -> str | None:
        """Press a heading by keyboard, and return how the table is sorted."""
        self.find(f"[data-column='{column}']").send_keys(Keys.ENTER)
        return self.find(f"th:has([data-column='{column}'])").get_attribute("aria-sort")

    def metrics(self, width: int, *, dark: bool = False) -> None:
        """Give the page a screen of this width."""
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder on loopback, and return the server's address and the paths that it is asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with running(ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))) as address:
        yield f"{address}/", asked


@contextmanager
def other_tab(browser: webdriver.Chrome, address: str) -> Iterator[OpenPage]:
    """Show another page in a tab of its own, whatever it complains about, and go back."""
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        browser.get(address)
        yield OpenPage(browser)
    finally:
        browser.get_log("browser")  # type: ignore[no-untyped-call]
        browser.close()
        browser.switch_to.window(first)


Build = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def build(repository: Path) -> Build:
    """Run the build script."""
    folder = repository / "examples" / "browser"
    node = shutil.which("node")
    if node is None:
        pytest.skip("the page is built with Node")
    if not (folder / "node_modules").is_dir():
        pytest.skip("run  npm ci  in examples/browser")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = [node, str(folder / "build.mjs"), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Standalone model of the default model, with its golden images beside it."""
    path = tmp_path_factory.mktemp("standalone") / "galaxy-cnn-standalone.onnx"
    result = run_classify("--write-standalone", path)
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="module")
def site(build: Build, standalone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a web server, with the page in a folder of it."""
    root = tmp_path_factory.mktemp("site")
    result = build("--model", standalone, "--out", root / "some" / "where")
    assert result.returncode == 0, result.stderr
    return root


@pytest.fixture(scope="module")
def browser(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium, started only if there is a page."""
    driver = start_chromium(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def loaded(browser: webdriver.Chrome, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassifyPage]:
    """Page that is loaded once for all tests."""
    downloads = tmp_path_factory.mktemp("downloads")
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    with serving(site) as (address, _):
        page = ClassifyPage(browser, f"{address}some/where/", downloads)
        page.open()
        yield page


@pytest.fixture
def page(loaded: ClassifyPage) -> Iterator[ClassifyPage]:
    """Page without rows; at the end of a test, the browser may have complained about nothing."""
    loaded.metrics(1440)
    yield loaded
    assert loaded.browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    loaded.run("document.querySelector('#clear').click()")


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder ``galaxies`` with four drawn galaxies of 128 px."""
    folder = tmp_path_factory.mktemp("drawn") / "galaxies"
    folder.mkdir()
    for seed, kind in enumerate(KINDS):
        paint(kind, seed=seed, size=128).save(folder / f"{kind}.png")
    return folder


def assert_rows_equal(found: Sequence[Row], wanted: Sequence[Row]) -> None:
    """Compare all columns, and numbers up to the tolerance of the decoder."""
    assert [list(row) for row in found] == [list(row) for row in wanted]
    for row, expected in zip(found, wanted, strict=True):
        for column, value in expected.items():
            if column.startswith(("prob_", "confidence", "familiarity")) and value:
                assert float(row[column]) == pytest.approx(float(value), abs=DECODER_TOLERANCE), (row["path"], column)
            else:
                assert row[column] == value, (row["path"], column)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_rows_are_those_of_the_command(page: ClassifyPage, standalone: Path, repository: Path) -> None:
    """A folder gives the same file, row by row: paths, order, statuses, classes, model and numbers."""
    found = page.classify(repository / "examples" / "images")
    wanted = run_classify("-m", standalone, "--exact", "images", cwd=repository / "examples").stdout
    assert_rows_equal(found, list(csv.DictReader(io.StringIO(wanted))))
    assert page.find("#model").text == found[0]["model"]
    assert page.texts("#classes li") == [name.removeprefix("prob_") for name in found[0] if name.startswith("prob_")]


def test_other_kinds_of_images_as_well(page: ClassifyPage, standalone: Path, tmp_path: Path) -> None:
    """Turned by EXIF, transparent, grey, 16 bits, palettes, frames: each browser does these in its own way."""
    picture = paint("unbarred_spiral", seed=3, size=128).crop((0, 10, 128, 110))
    turned, clear = Image.Exif(), picture.convert("RGBA")
    turned[0x0112] = 6
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    clear.paste((255, 255, 255, 40), (90, 0, 128, 100))
    files = {
        "turned.jpg": encoded(picture, "JPEG", exif=turned, quality=90),
        "progressive.jpg": encoded(picture, "JPEG", progressive=True),
        "grey.jpg": encoded(picture.convert("L"), "JPEG"),
        "turned.png": encoded(picture, "PNG", exif=turned),
        "clear.png": encoded(clear, "PNG"),
        "palette.png": encoded(picture.quantize(64), "PNG"),
        "grey16.png": encoded(Image.fromarray(_sixteen_bits(picture)), "PNG"),
        "a.webp": encoded(picture, "WEBP"),
        "a.bmp": encoded(picture, "BMP"),
        "frames.gif": encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(90)]),
        "of_model_size.png": encoded(picture.resize((64, 64)), "PNG"),
        "smallest.png": encoded(picture.resize((16, 40)), "PNG"),
        "oblong.png": encoded(picture.resize((700, 90)), "PNG"),
    }
    folder = tmp_path / "kinds"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    found = page.classify(folder)
    wanted = run_classify("-m", standalone, "--exact", "kinds", cwd=tmp_path).stdout
    assert_rows_equal(found, list(csv.DictReader(io.StringIO(wanted))))


def _sixteen_bits(picture: Image.Image) -> Any:
    import numpy as np

    return np.asarray(picture.convert("L")).astype(np.uint16) * 256 + 200


def test_what_cannot_be_classified_is_an_error_row(page: ClassifyPage, tmp_path: Path) -> None:
    """With the reason, the package's where it has one; files behind it are classified."""
    picture = paint("smooth_round", seed=1, size=128)
    jpeg, png = encoded(picture, "JPEG"), encoded(picture, "PNG")
    black = Image.new("RGB", (100, 100), (7, 7, 7))
    damaged = "damaged or incomplete image: "
    cut = f"{damaged}image file is truncated"
    cases = {
        "text.png": (b"no picture", "not an image (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF, FITS)"),
        "empty.jpg": (b"", "empty file"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], f"{damaged}the JPEG has no end"),
        "cut_at_the_end.jpg": (jpeg[:-2], f"{damaged}the JPEG has no end"),
        "preview.jpg": (encoded(picture, "JPEG", comment=b"\xff\xd9")[:-9], f"{damaged}the JPEG has no end"),
        "cut.png": (png[: len(png) // 2], cut),
        "cut.gif": (encoded(picture, "GIF")[:-99], cut),
        "cut.webp": (encoded(picture, "WEBP")[:-99], cut),
        "cut.bmp": (encoded(picture, "BMP")[:-99], cut),
        "damaged.png": (png[: len(png) // 2] + b"?" + png[len(png) // 2 + 1 :], damaged),
        "small.png": (
            encoded(picture.resize((15, 40)), "PNG"),
            "image too small: 15 x 40 pixels, at least 16 are needed",
        ),
        "constant.png": (encoded(black, "PNG"), "constant image: every pixel that the model would see is the same"),
        "bomb.png": (huge_png(), "too many pixels: 60000 x 60000, the limit is 89,478,485"),
        "a.tif": (encoded(picture, "TIFF"), "not supported here: browsers do not decode TIFF; use the package"),
        "a.fits": (
            b"SIMPLE  =                    T",
            "not supported here: browsers do not decode FITS; use the package",
        ),
        "a.pdf": (b"%PDF-1.7", "unsupported format: PDF"),
        "good.png": (png, ""),
    }
    for name, (content, _) in cases.items():
        (tmp_path / name).write_bytes(content)
    rows = {row["path"]: row for row in page.classify(*(tmp_path / name for name in cases))}
    assert list(rows) == list(cases)
    for name, (_, message) in cases.items():
        assert rows[name]["message"].startswith(message), name
        assert (rows[name]["status"] == "error") == bool(message), name
        assert (rows[name]["label"] == "") == bool(message), name
    assert page.column("message") == [row["message"] for row in rows.values() if row["message"]]


def huge_png() -> bytes:
    """Return a small file that says to have 3.6 billion pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


HEARTBEAT = """
window.beats = [];
let last = performance.now();
window.heart = setInterval(() => {
  const now = performance.now();
  window.beats.push(now - last);
  last = now;
}, 10);
"""


def test_the_page_answers_while_200_images_are_classified(page: ClassifyPage, tmp_path: Path) -> None:
    """A timer of the page goes on, and so do its buttons; the document does not grow with the images."""
    drawn = [encoded(paint(kind, seed=2, size=128).resize((424, 424)), "JPEG", quality=90) for kind in KINDS]
    for number in range(200):
        (tmp_path / f"{number:03}.jpg").write_bytes(drawn[number % 4])
    page.run(HEARTBEAT)
    page.choose(*sorted(tmp_path.iterdir()))
    page.wait(lambda: len(page.column("file")) == ROWS_PER_PAGE, 60)
    assert page.find("#stop").is_displayed(), "the buttons are to be tried while it works"
    assert page.sort("Confidence") == "ascending"
    page.wait(page.is_done, 120)
    beats = page.run("clearInterval(window.heart); return window.beats")
    assert max(beats) < LONGEST_GAP_MS
    assert statistics.median(beats) < USUAL_GAP_MS
    assert len(page.column("file")) == ROWS_PER_PAGE
    assert page.find("#range").text == "Rows 1 to 50 of 200"
    values = [float(text) for text in page.column("confidence")]
    assert values == sorted(values)
    assert [row["path"] for row in page.saved()] == [f"{number:03}.jpg" for number in range(200)]
    page.sort("No.")
    page.find("[data-page='last']").click()
    assert page.column("file")[-1] == "199.jpg"
    page.find("[data-page='last']").click()
    assert page.find("#range").text == "Rows 151 to 200 of 200"


def test_the_saved_file_says_what_the_table_says(page: ClassifyPage, galaxies: Path, tmp_path: Path) -> None:
    """All rows, in the order of the inputs, whatever is shown; names with commas and quotes are quoted."""
    name = 'so "called", m51.png'
    shutil.copy(galaxies / "smooth_round.png", tmp_path / name)
    (tmp_path / "text.txt").write_text("no picture")
    page.classify(*sorted(galaxies.iterdir()), tmp_path / name, tmp_path / "text.txt")
    columns = ("path", "status > span", "label", "confidence", "familiarity")
    table = list(zip(*map(page.column, columns), strict=True))
    page.sort("Confidence")
    page.find("[data-status='error']").click()
    rows = page.saved()
    assert table == [
        (row["path"], row["status"], row["label"], shortened(row["confidence"]), shortened(row["familiarity"]))
        for row in rows
    ]
    assert rows[4]["path"] == name
    assert page.column("bars li") == []
    page.find("[data-status='']").click()
    shown = [float(text[-5:]) for text in page.column("bars li")]
    assert sorted(shown) == sorted(
        round(float(row[key]), 3) for row in rows for key in row if "prob_" in key and row[key]
    )


def shortened(number: str) -> str:
    """Return a number of the CSV file as the table has it."""
    return number and f"{float(number):.3f}"


def test_the_same_file_twice_gives_two_rows(page: ClassifyPage, galaxies: Path) -> None:
    """Also if it is chosen again, and before the first is done."""
    file = galaxies / "edge_on_disk.png"
    page.choose(file)
    page.choose(file)
    first, second = page.classify(file)[:2]
    assert len(page.column("file")) == 3
    assert first == second


def test_folders_can_be_dropped(page: ClassifyPage, galaxies: Path, tmp_path: Path) -> None:
    """With the folders in them; other files in folders are skipped and counted, files that are dropped are not."""
    folder = tmp_path / "survey"
    shutil.copytree(galaxies, folder / "field_1")
    shutil.copy(galaxies / "smooth_cigar.png", folder / "field_1.png")
    (folder / "notes.txt").write_text("cloudy")
    (tmp_path / "list.txt").write_text("m51.png")
    data = {"items": [], "files": [str(folder), str(tmp_path / "list.txt")], "dragOperationsMask": 1}
    place = page.find("#drop").rect
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": place["x"] + 9, "y": place["y"] + 9, "data": data}
        page.browser.execute_cdp_cmd("Input.dispatchDragEvent", event)
    page.wait(page.is_done)
    page.wait(lambda: len(page.column("file")) == 6)
    assert [row["path"] for row in page.saved()] == [
        *(f"survey/field_1/{kind}.png" for kind in sorted(KINDS)), "survey/field_1.png", "list.txt",
    ]  # fmt: skip
    assert page.find("#progress-text").text == "6 images; 1 file without an image suffix skipped"


def test_rows_are_counted_and_filtered_by_status(page: ClassifyPage, galaxies: Path, tmp_path: Path) -> None:
    """In words, with the number of each, and a screen reader is told."""
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "more.png").write_text("no picture")
    rows = page.classify(*sorted(galaxies.iterdir()), tmp_path / "text.png", tmp_path / "more.png")
    statuses = [row["status"] for row in rows]
    names = ("ok", "uncertain", "unfamiliar", "error")
    counts = [statuses.count(status) for status in names]
    assert page.texts("#filters button") == [
        "all 6",
        *(f"{name} {count}" for name, count in zip(names, counts, strict=True)),
    ]
    page.find("#filters [data-status='error']").click()
    assert page.column("path") == ["text.png", "more.png"]
    assert page.find("#filters [data-status='error']").get_attribute("aria-pressed") == "true"
    assert page.find("#announcement").get_attribute("textContent") == "2 rows shown"


def test_headings_sort_by_keyboard(page: ClassifyPage, galaxies: Path, tmp_path: Path) -> None:
    """Up and down, with aria-sort at one heading; rows without a value come last, and the focus stays."""
    (tmp_path / "text.png").write_text("no picture")
    page.classify(tmp_path / "text.png", *sorted(galaxies.iterdir()))
    for column, cells in (("Confidence", "confidence"), ("Familiarity", "familiarity"), ("Class", "label")):
        for order in ("ascending", "descending"):
            assert page.sort(column) == order
            *values, last = page.column(cells)
            assert values == sorted(values, reverse=order == "descending")
            assert last == ""
            assert page.run("return document.activeElement.dataset.column") == column
            assert len(page.find_all("[aria-sort]")) == 1
    assert page.sort("No.") == "ascending"
    assert page.column("no") == ["1", "2", "3", "4", "5"]


def test_it_can_be_stopped_and_cleared(page: ClassifyPage, galaxies: Path) -> None:
    """What was done stays until it is cleared, and the page can be used again."""
    files = sorted(galaxies.iterdir()) * 100
    page.choose(*files)
    page.wait(lambda: page.column("file"))
    page.find("#stop").click()
    page.wait(page.is_done)
    done = len(page.saved())
    assert 0 < done < 400
    assert page.find("#progress-text").text == f"{done} images; stopped: {400 - done} images not classified"
    page.find("#clear").click()
    assert not page.find("#results").is_displayed()
    assert len(page.classify(files[0])) == 1


def test_a_phone_needs_no_scrolling_to_the_side(page: ClassifyPage, galaxies: Path, tmp_path: Path) -> None:
    """Down to a width of 360 px, whatever the file is called, light and dark."""
    long = tmp_path / f"{'long_name_' * 20}.png"
    shutil.copy(galaxies / "smooth_round.png", long)
    (tmp_path / "text.png").write_text("no picture")
    page.classify(long, tmp_path / "text.png", *sorted(galaxies.iterdir()))
    for width in (360, 700, 1024):
        page.metrics(width, dark=width == 360)
        assert page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth"), width
        boxes = "[...document.querySelectorAll('main *')].map(it => it.getBoundingClientRect().right)"
        assert page.run(f"return Math.max(...{boxes}) <= innerWidth"), width


def test_each_control_has_a_name_and_can_be_reached(page: ClassifyPage, galaxies: Path) -> None:
    """The tab key goes through all of them in the order of the document."""
    page.classify(*sorted(galaxies.iterdir()))
    wanted = page.run(
        "return [...document.querySelectorAll('button, a, summary')].filter(it => it.checkVisibility() && !it.disabled)"
        ".map(it => it.textContent.trim())"
    )
    assert all(wanted)
    page.run("document.querySelector('button').focus()")
    found = []
    for _ in wanted:
        found.append(page.run("return document.activeElement.textContent.trim()"))
        page.press(Keys.TAB)
    assert found == wanted
    assert page.run("return [...document.querySelectorAll('input')].every(it => it.ariaLabel)")


def test_nothing_can_be_sent_elsewhere(page: ClassifyPage, galaxies: Path, tmp_path: Path) -> None:
    """The page's policy refuses it, and no run asks for it."""
    (tmp_path / "index.html").write_text("elsewhere")
    refused: list[str] = []
    with serving(tmp_path) as (elsewhere, asked):
        page.classify(*sorted(galaxies.iterdir()))
        assert page.browser.get_log("browser") == []  # type: ignore[no-untyped-call]
        for script in (
            "return fetch(arguments[0], {mode: 'no-cors'}).then(() => 'sent', error => error.name)",
            "return new Promise(end => { const it = new Image(); it.onload = () => end('sent');"
            " it.onerror = () => end('refused'); it.src = arguments[0]; })",
            "return new Promise(end => { const it = document.createElement('script'); it.onload = () => end('sent');"
            " it.onerror = () => end('refused'); it.src = arguments[0]; document.head.append(it); })",
            "document.head.append(Object.assign(document.createElement('style'), {textContent: 'body {color: red}'}));"
            "return getComputedStyle(document.body).color",
            "document.body.innerHTML = '<b>markup</b>'",
        ):
            try:
                refused.append(str(page.run(script, elsewhere)))
            except JavascriptException:
                refused.append("refused")
        assert asked == []
    assert refused[0] == "TypeError"
    assert "sent" not in refused
    assert "rgb(255, 0, 0)" not in refused
    assert refused[-1] == "refused"
    messages = [entry["message"] for entry in page.browser.get_log("browser")]  # type: ignore[no-untyped-call]
    assert len(messages) >= 4
    assert all("Content Security Policy" in message or "Trusted" in message for message in messages), messages


def test_the_worker_cannot_send_anything_either(browser: webdriver.Chrome, site: Path, tmp_path: Path) -> None:
    """A worker would have a policy of its own, none, if it did not inherit the page's; what it says is shown."""
    copy = tmp_path / "copy"
    shutil.copytree(site / "some" / "where", copy)
    with serving(tmp_path) as (elsewhere, asked), serving(copy) as (address, _):
        (copy / "worker.js").write_text(
            f"const answer = await fetch('{elsewhere}x', {{mode: 'no-cors'}}).then(() => 'sent', () => 'not sent');\n"
            "postMessage({kind: 'failed', message: `it was ${answer}`});\n"
        )
        with other_tab(browser, address) as page:
            page.wait(lambda: page.find("#alert").text)
            assert page.find("#alert").text == "Nothing can be classified: it was not sent"
            assert page.find("#model").text == "cannot be used"
            assert not page.find("#choose-files").is_enabled()
            assert asked == []
            assert "connect-src" in str(browser.get_log("browser"))  # type: ignore[no-untyped-call]


def test_a_worker_that_fails_is_replaced(
    browser: webdriver.Chrome, site: Path, galaxies: Path, tmp_path: Path, loaded: ClassifyPage
) -> None:
    """As one without memory for an image: that image gets an error row, the others are classified, in order."""
    copy = tmp_path / "copy"
    shutil.copytree(site / "some" / "where", copy)
    worker = (copy / "worker.js").read_text()
    place = "  if (image instanceof Error) throw image;\n"
    assert place in worker
    fails = "  if (path.endsWith('edge_on_disk.png')) throw new RangeError('out of memory');\n"
    (copy / "worker.js").write_text(worker.replace(place, place + fails))
    (copy / "service_worker.js").write_text("throw new Error('no service worker')")
    with serving(copy) as (address, _), other_tab(browser, address):
        page = ClassifyPage(browser, address, loaded.downloads)
        rows = page.classify(galaxies)
        assert [row["path"] for row in rows] == [f"galaxies/{kind}.png" for kind in sorted(KINDS)]
        assert {row["status"] for row in rows[1:]} == {"ok"}
        assert (rows[0]["status"], rows[0]["message"]) == ("error", "cannot be classified here: out of memory")
        assert page.find("#offline").text.startswith("not possible: ")
        assert not page.find("#alert").is_displayed()


def test_a_browser_that_falsifies_pixels_is_not_trusted(
    browser: webdriver.Chrome, build: Build, standalone: Path, tmp_path: Path
) -> None:
    """The golden images come out otherwise, so that the page says why it does not classify."""
    golden = json.loads(standalone.with_suffix(".golden.json").read_text())
    golden["images"][3]["probabilities"].reverse()
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    assert build("--model", standalone, "--golden", tmp_path / "golden.json", "--out", tmp_path / "out").returncode == 0
    with serving(tmp_path / "out") as (address, _), other_tab(browser, address) as page:
        page.wait(lambda: page.find("#alert").text)
        alert = page.find("#alert").text
        assert alert.startswith("Nothing can be classified: in this browser the self-test fails: ")
        assert golden["images"][3]["name"] in alert


def test_it_works_without_network(browser: webdriver.Chrome, site: Path, galaxies: Path, loaded: ClassifyPage) -> None:
    """Once loaded: the server is stopped, and the page loaded again."""
    with serving(site) as (address, _), other_tab(browser, "about:blank"):
        page = ClassifyPage(browser, f"{address}some/where/", loaded.downloads)
        page.open()
    with other_tab(browser, "about:blank"):
        page.open()
        assert len(page.classify(*sorted(galaxies.iterdir()))) == 4
        browser.get(f"{page.address}index.html?again#results")
        page.wait(lambda: page.find("#self-test").text.startswith("passed"))


def test_the_folder_is_whole_and_names_no_other_server(site: Path) -> None:
    """The page, ONNX Runtime's plain WebAssembly, the model, licences; nothing is loaded from elsewhere."""
    folder = site / "some" / "where"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in files if name.endswith(".wasm")} == {"onnxruntime/ort-wasm-simd-threaded.wasm"}
    assert {"index.html", "main.js", "style.css", "model.onnx", "golden.json", "licences.txt"} < files
    assert not [name for name in files if name.endswith((".mjs", ".map"))]
    licences = (folder / "licences.txt").read_text()
    assert "BSD 3-Clause" in licences
    assert "MIT License" in licences
    for name in ("index.html", "style.css"):
        assert not re.search(r"(https?:)?//[\w.]+\.\w", (folder / name).read_text()), name
    kept = re.search(r"const FILES = (.*);", (folder / "service_worker.js").read_text())
    assert kept is not None
    assert {name for name, _ in json.loads(kept[1])} == files - {"service_worker.js"}


def test_the_build_refuses_what_it_cannot_use(build: Build, standalone: Path, tmp_path: Path, repository: Path) -> None:
    """With one line, exit code 2 or 3, and nothing left behind."""
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    shutil.copytree(repository / "examples" / "browser" / "page", tmp_path / "page")
    plain = repository / "runtime" / "galaxy_classify" / "models" / "galaxy-cnn.onnx"
    before = sorted(tmp_path.rglob("*"))
    for arguments, code, message in (
        ((), 2, "--model FILE.onnx and --out FOLDER are needed"),
        (("--model", tmp_path / "none.onnx", "--out", tmp_path / "out"), 2, "none.onnx: cannot be read"),
        (("--model", tmp_path / "text.onnx", "--out", tmp_path / "out"), 3, "text.onnx: not a usable ONNX model"),
        (("--model", plain, "--out", tmp_path / "out"), 3, "galaxy-cnn.onnx: no standalone model; write one with"),
        (("--model", standalone, "--golden", tmp_path / "text.onnx", "--out", tmp_path / "out"), 3, "not JSON"),
        (("--model", standalone, "--out", tmp_path / "mine"), 2, "mine: holds other files"),
        (("--model", standalone, "--out", tmp_path / "page"), 2, "page: holds other files"),
        (("--modle", standalone), 2, "--modle"),
    ):
        result = build(*arguments)
        assert (result.returncode, result.stdout) == (code, ""), result.stderr
        assert message in result.stderr
        assert result.stderr.startswith("build: ")
        assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_bars_stand_out(repository: Path, scheme: str) -> None:
    """WCAG's level AA in both schemes: 4.5 for texts, 3 for bars."""
    style = (repository / "examples" / "browser" / "page" / "style.css").read_text()
    light, dark = style.split("@media (prefers-color-scheme: dark)")[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    for ground in ("ground", "panel", "raised"):
        for text in ("ink", "soft", "accent", "ok", "uncertain", "unfamiliar", "error"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for bar in (name for name in colours if name.startswith("colour-")):
        assert contrast(colours[bar], colours["panel"]) >= 3, bar
        assert contrast(colours[bar], colours["track"]) >= 3, bar
