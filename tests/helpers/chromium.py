"""Chromium without a window, for the tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1440,900",
)  # fmt: skip


def executable(*names: str) -> str:
    """Return the path of a program; without it a test is skipped, but on the CI machines it fails."""
    for name in names:
        if found := shutil.which(name):
            return found
    message = f"the browser tests need one of {', '.join(names)}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def start_chromium(profile: Path, downloads: Path | None = None) -> webdriver.Chrome:
    """Start Chromium with a profile of its own, which keeps what the console says; downloads go to a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = executable("chromium", "chromium-browser", "google-chrome")
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, Service(executable("chromedriver")))


class OpenPage:
    """A page that a browser shows.

    Parameters
    ----------
    browser : webdriver.Chrome
        The browser that shows it.
    """

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def find(self, selector: str) -> WebElement:
        """Return the first element that a CSS selector finds."""
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[WebElement]:
        """Return all elements that a CSS selector finds."""
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of elements, be they in sight or not."""
        found = self.run("return [...document.querySelectorAll(arguments[0])].map(it => it.textContent)", selector)
        return cast("list[str]", found)

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script and return its result."""
        return self.browser.execute_script(script, *arguments)

    def press(self, key: str) -> None:
        """Press a key, wherever the focus is."""
        webdriver.ActionChains(self.browser).send_keys(key).perform()

    def wait(self, condition: Callable[[], object], seconds: float = 10) -> None:
        """Wait for something to come true."""
        WebDriverWait(self.browser, seconds, poll_frequency=0.05).until(lambda _: condition())
