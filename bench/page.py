"""What the console costs a browser: what a first visit loads, and what a frame of the line takes.

README.md says what is counted, and how.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import sync_playwright

from bench.common import BenchError, print_table
from tests.web.conftest import CHROMIUM, SOUND, running_gateway
from tests.web.scripted import CLOCK
from tests.web.stage import ROOT
from tornado_app.web.files import PAGE_SCRIPT
from tornado_app.web.joining import joined

SCRIPTED = ROOT / "tests" / "web" / "scripted_parley.js"
CATEGORIES = ["devtools.timeline", "toplevel", "cc"]
CALLBACK = "FireAnimationFrame"
CANVAS = "LayerTreeHost::DoUpdateLayers"
"""In which a canvas without a graphics card becomes pixels."""
WATCH_READY = """new MutationObserver(() => {
  if ("ready" in document.documentElement.dataset) window.readyAtMs ??= performance.now();
}).observe(document, { attributes: true, subtree: true, childList: true })"""
LOADED = """() => performance.getEntriesByType("navigation")
  .concat(performance.getEntriesByType("resource")).map((entry) => entry.transferSize)"""

# A line that is full: each side speaks for 1.5 s, then nobody, and each answer has its wait.
SPEAK = """() => {
  const loud = () => -18 - 16 * Math.random() ** 2;
  let turn = 0;
  const speak = () => {
    const side = Math.floor(performance.now() / 1500) % 3;
    scripted.tell("level", { you: side === 0 ? loud() : -90, model: side === 1 ? loud() : -90 });
  };
  scripted.connected();
  const begunMs = performance.now();
  for (let ms = 0; ms < 24_000; ms += 64) {
    window.heardAt(begunMs + ms, speak);
    if (ms % 4480 === 0) scripted.tell("latency", { responseId: `r${turn++}`, totalMs: 900 });
  }
  setInterval(speak, 64);
}"""


class Visit(NamedTuple):
    """One first visit."""

    requests: int
    transferred_bytes: int
    ready_ms: float


class Frames(NamedTuple):
    """Of one call on the page."""

    line_ms: list[float]
    """Of each: the script that draws, and the pixels that come of it."""
    thread_ms: float
    """All that the page's thread spent meanwhile, for each frame: words and layout, too."""


def visits(browser: Any, url: str, count: int) -> Iterator[Visit]:
    """Each with nothing kept from the one before."""
    for _ in range(count):
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(WATCH_READY)
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        sizes = page.evaluate(LOADED)
        yield Visit(len(sizes), sum(sizes), page.evaluate("window.readyAtMs"))
        context.close()


def frames(
    browser: Any, url: str, ratio: float, seconds: float, replaced: dict[str, str]
) -> Frames:
    """A call in which both sides speak, in a window of 1440 by 900 at *ratio* pixels of the device.

    *replaced*: scripts in the place of those that the gateway has, by address.
    """
    size = {"width": 1440, "height": 900}
    context = browser.new_context(viewport=size, device_scale_factor=ratio)
    for address, script in {"/parley.js": SCRIPTED.read_text("utf-8"), **replaced}.items():
        fulfil = partial(_fulfil, script=script)
        context.route(f"**{address}", fulfil)
    page = context.new_page()
    page.add_init_script(CLOCK)
    page.goto(url)
    page.wait_for_selector("html[data-ready]")
    page.click("#start")
    page.wait_for_selector("html[data-scripted]")
    page.evaluate(SPEAK)
    page.wait_for_timeout(500)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        browser.start_tracing(page=page, path=path, categories=CATEGORIES)
        page.wait_for_timeout(1000 * seconds)
        browser.stop_tracing()
        trace = json.loads(path.read_text(encoding="utf-8"))
    context.close()
    return _read(trace["traceEvents"])


def _script_of(folder: Path) -> str:
    """Of a console whose modules are there."""
    return joined(PAGE_SCRIPT, lambda name: (folder / name).read_text(encoding="utf-8"))


def _fulfil(route: Any, *, script: str) -> None:
    route.fulfill(body=script, content_type="text/javascript")


def _read(events: list[dict[str, Any]]) -> Frames:
    whole = [event for event in events if event["ph"] == "X" and "dur" in event]
    callbacks = [event for event in whole if event["name"] == CALLBACK]
    if not callbacks:
        raise BenchError("the browser drew no frame")
    thread = (callbacks[0]["pid"], callbacks[0]["tid"])
    line_ms: list[float] = []
    thread_ms = 0.0
    for event in sorted(whole, key=lambda event: event["ts"]):
        if (event["pid"], event["tid"]) != thread:
            continue
        if event["name"] == CALLBACK:
            line_ms.append(_spent_ms(event))
        elif event["name"] == CANVAS and line_ms:
            line_ms[-1] += _spent_ms(event)
        elif event["name"].endswith("RunTask"):
            thread_ms += _spent_ms(event)
    return Frames(line_ms, thread_ms / len(line_ms))


def _spent_ms(event: dict[str, Any]) -> float:
    """Of the processor, as far as the browser knows: on a busy machine a thread waits for one."""
    return event.get("tdur", event["dur"]) / 1000


def _row(name: str, found: list[Frames]) -> list[str]:
    line_ms = sorted(ms for each in found for ms in each.line_ms)
    median, p95 = statistics.median(line_ms), line_ms[int(0.95 * len(line_ms))]
    thread_ms = statistics.median(each.thread_ms for each in found)
    told = f"{median:.2f} ms, p95 {p95:.2f}, of {len(line_ms)}; the thread {thread_ms:.2f} ms"
    return [name, told]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--beside", type=Path, help="scripts of another console, tried by turns")
    options = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("There is no chromium.")
    with running_gateway(model_mode="echo") as served, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *SOUND])
        seen = list(visits(browser, served.url, options.visits))
        rows = [["first visit", f"{seen[0].requests} requests, {seen[0].transferred_bytes} bytes"]]
        ready = f"{statistics.median(visit.ready_ms for visit in seen):.0f} ms"
        rows.append(["until it can be used, median", ready])
        consoles: dict[str, dict[str, str]] = {"": {}}
        if options.beside is not None:
            consoles[" beside it"] = {"/console/main.js": _script_of(options.beside)}
        for ratio in (1, 2):
            found: dict[str, list[Frames]] = {name: [] for name in consoles}
            for _ in range(options.rounds):
                for name, replaced in consoles.items():
                    seen_now = frames(browser, served.url, ratio, options.seconds, replaced)
                    found[name].append(seen_now)
            rows += [_row(f"a frame of the line, {ratio} x{n}", f) for n, f in found.items()]
        browser.close()
    print_table(["", ""], rows)


if __name__ == "__main__":
    main()
