"""The page of ``--report`` in a browser, and pages of rows that no classifier has made."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from selenium.webdriver.common.keys import Keys

from chromium import OpenPage
from galaxy_classify.prediction import Prediction, Status
from galaxy_classify.report.report import Report
from galaxy_painter import paint

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    '"><script>window.hacked=1<\\script>.png',
    "</script><script>window.hacked=1</script>",
    "javascript:window.hacked=1",
    "${window.hacked=1}",
    f"{'long_name_' * 30}.png",
    f"{'folder/' * 60}deep.png",
    "line\nbreak.png",
    "\u202egnp.exe",
    os.fsdecode(b"caf\xe9.png"),
    "\u0645\u062c\u0631\u0629.png",
)
CLASSES = ("round", "spiral")


class Page(OpenPage):
    """An open report."""

    def opened(self, path: Path) -> Page:
        """Open a report in it."""
        self.browser.get(path.as_uri())
        return self

    def as_new(self) -> None:
        """Undo what an earlier test has done to the screen."""
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def check_silence(self) -> None:
        """Check that nothing was complained about or asked of the network, and let the page go."""
        # All pages from disk share one storage, and one with unsaved verdicts would ask before it is left.
        self.run("localStorage.clear(); marks.clear(); saved = true")
        complaints = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        assert complaints == [], complaints
        loaded = self.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
        assert [address for address in loaded if not address.startswith("data:")] == []

    def names(self) -> list[str]:
        """Return the file names on the cards, in the order shown."""
        return self.texts(".card .file")

    def choose(self, field: str, value: str) -> None:
        """Choose an option of a list."""
        script = """
            const [list, value] = [document.getElementById(arguments[0]), arguments[1]];
            list.value = value;
            list.dispatchEvent(new Event("change", { bubbles: true }));
            return [...list.options].some((option) => option.value === value);
        """
        assert self.run(script, field, value), f"{field} has no option {value}"

    def enter(self, field: str, text: str) -> None:
        """Type into a field, instead of what is in it."""
        element = self.find(f"#{field}")
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(text or Keys.DELETE)

    def focused(self) -> str:
        """Return the id of the element with the focus, or of a card its name."""
        return str(self.run("const it = document.activeElement; return it.id || it.title"))


def as_phone(page: Page, width: int = 390) -> None:
    """Give the page a phone's screen."""
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 3, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def synthetic_report(
    path: Path,
    rows: list[Prediction],
    evaluation: dict[str, Any] | None = None,
    min_familiarity: float | None = None,
    embeddings: Sequence[Sequence[float]] = (),
    labels: Mapping[str, str] | None = None,
    positions: Mapping[str, tuple[float, float]] | None = None,
    mix: dict[str, Any] | None = None,
    threshold: float | Mapping[str, float] = 0.6,
) -> None:
    """Write a report of rows that no classifier has made, in order; with a map if they have embeddings.

    ``labels`` and ``positions`` are those of some of the rows, by path.
    """
    report = Report(CLASSES, threshold, min_familiarity)
    vectors = iter(embeddings)
    for row in rows:
        report.add(row, (labels or {}).get(row.path), (positions or {}).get(row.path))
    image = paint("unbarred_spiral", seed=1, size=64)
    made_with = {"package": "galaxy-classify", "package_version": "0", "model": {"name": "tiny", "sha256": "0" * 64}}
    report.write(
        str(path),
        provenance=made_with,
        picture=lambda _: image,
        threads=1,
        seen=lambda picture: picture,
        embed=(lambda _: np.array(next(vectors), np.float32)) if embeddings else None,
        evaluation=evaluation,
        mix=mix,
    )


def round_row(path: str, confidence: float = 0.9) -> Prediction:
    """Return a row of the class round."""
    probabilities = {"round": confidence, "spiral": 1 - confidence}
    return Prediction(path, "ok" if confidence >= 0.6 else "uncertain", "tiny@0", "round", confidence, probabilities)


def familiar_row(path: str, familiarity: float, label: str = "round", confidence: float = 0.9) -> Prediction:
    """Return a row of a model that gives familiarity."""
    probabilities = dict.fromkeys(CLASSES, 1 - confidence) | {label: confidence}
    status: Status = "unfamiliar" if familiarity < 0.5 else "ok" if confidence >= 0.6 else "uncertain"
    return Prediction(path, status, "tiny@0", label, confidence, probabilities, familiarity=familiarity)
