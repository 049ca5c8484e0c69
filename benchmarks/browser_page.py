"""Measure how many images per second the page of examples/browser classifies in Chromium, and whether it still answers.

Build the page first (examples/browser/README.md), then run ``python benchmarks/browser_page.py FOLDER_OF_THE_PAGE``. It
classifies the example images again and again, JPEGs of 424 px, and prints the speed, and the longest time for which a
timer of the page had to wait.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from chromium import OpenPage, start_chromium

IMAGES = Path(__file__).resolve().parents[1] / "examples" / "images"
#: Times how long the button that stops the work is shown, and how late a timer is.
WATCH = """
window.began = window.ended = 0;
window.waits = [];
let last = performance.now();
clearInterval(window.timer);
window.timer = setInterval(() => {
  const now = performance.now();
  window.waits.push(now - last - 10);
  last = now;
}, 10);
const stop = document.querySelector('#stop');
new MutationObserver(() => {
  if (!stop.hidden && !window.began) window.began = performance.now();
  if (stop.hidden && window.began && !window.ended) window.ended = performance.now();
}).observe(stop, {attributes: true});
"""


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


def measure(page: OpenPage, files: list[Path]) -> tuple[float, float]:
    """Classify files; return images per second, and the longest wait of a timer in milliseconds."""
    page.run(WATCH)
    page.find("#files").send_keys("\n".join(map(str, files)))
    page.wait(lambda: page.run("return window.ended"), 600)
    seconds = page.run("return (window.ended - window.began) / 1000")
    longest = page.run("return Math.max(...window.waits)")
    page.find("#clear").click()
    return len(files) / seconds, longest


def main() -> None:
    """Print the figures of some rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="folder that the build has written")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sources = sorted(IMAGES.glob("*.jpg"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(options.page)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch) / f"{number:05}.jpg" for number in range(options.images)]
        for number, file in enumerate(files):
            file.write_bytes(sources[number % len(sources)].read_bytes())
        browser = start_chromium(Path(scratch) / "profile")
        try:
            page = OpenPage(browser)
            browser.get(f"http://127.0.0.1:{server.server_port}/")
            page.wait(lambda: page.find("#self-test").text.startswith("passed"), 60)
            speeds, waits = zip(*(measure(page, files) for _ in range(options.rounds)), strict=True)
        finally:
            browser.quit()
    print(f"{statistics.median(speeds):.0f} images per second (median of {options.rounds} rounds of {options.images});")
    print(f"a timer of the page waited for {max(waits):.0f} ms at most")


if __name__ == "__main__":
    main()
