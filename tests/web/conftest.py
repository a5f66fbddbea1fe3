"""A real browser, and a gateway as its users start it.

They end with the file, and not with the process: the driver's loop would be in the way of other
tests' own.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.calls.house import House
from tests.clients.program import KEY, running
from tests.web.scripted import CLOCK, Page
from tests.web.stage import HERE, SPEECH, Backstage, pages, until

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WINDOWLESS = shutil.which("chromium-headless-shell") or CHROMIUM
"""The same engine without a browser's own window, of which a page costs a third."""
LISTENS = re.compile(r"Parley listens on ws://127\.0\.0\.1:(\d+)/ws\n")
WAIT_MS = 90_000
PATIENT = {"session_transcription_model": "any", "upstream_response_stall_s": "120"}
"""Of a gateway before the model that hears and speaks, which a busy machine makes late."""
SOUND = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
VIEWPORT = {"width": 1280, "height": 720}
SCRIPTED = HERE / "scripted_parley.js"
STILL = {"reduced_motion": "reduce"}
"""For pages of which no test is about what moves: 60 frames a second cost more than all else."""
MOVING = {"reduced_motion": "no-preference"}
PLAIN_MEDIA = {"color_scheme": "light", "forced_colors": "none"} | STILL
FORGET = "localStorage.clear(); sessionStorage.clear()"
COUNT_FRAMES = """(() => {
  window.framesAsked = 0;
  const ask = requestAnimationFrame;
  window.requestAnimationFrame = (callback) => { framesAsked++; return ask(callback); };
})()"""
SHELL = (
    '<!doctype html><title>Test</title><script src="/recorder.js"></script>'
    '<script type="module" src="/page.js"></script>'
)


def pytest_itemcollected(item):
    """Waits have deadlines of their own; the first test of a file starts a model and a browser."""
    if not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="module")
def playwright():
    """The driver; without it or a browser these tests are skipped."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium: `apt-get install chromium`")
    with api.sync_playwright() as driver:
        yield driver


@contextlib.contextmanager
def chromium(playwright: Any, *options: str, asks: bool = False) -> Iterator[Any]:
    """A browser; *options* are its command line's.

    *asks*: whether it has to be one that asks a person for permission.
    """
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM if asks else WINDOWLESS,
        args=["--no-sandbox", "--disable-dev-shm-usage", *options],
    )
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def browser(playwright):
    with chromium(playwright, *SOUND) as started:
        yield started


@dataclass
class Served:
    """A gateway that runs."""

    url: str
    process: "subprocess.Popen[str]" = field(repr=False)
    told: list[str] = field(default_factory=list)
    """What it wrote to its log, when it has ended."""


@contextlib.contextmanager
def running_gateway(port: int = 0, **changes: str) -> Iterator[Served]:
    """A gateway; *changes* are settings such as ``model_mode="echo"``."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))}
    environ |= {f"PARLEY_{name.upper()}": value for name, value in changes.items()}
    command = [sys.executable, "run.py", "serve", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = LISTENS.fullmatch(process.stdout.readline())
            assert said, process.stderr.read()
            served = Served(f"http://127.0.0.1:{said[1]}", process)
            yield served
        finally:
            process.terminate()
            served.told = process.communicate(timeout=60)[1].splitlines()


@pytest.fixture(scope="module")
def url():
    """A gateway whose model only repeats, for pages whose calls are scripted."""
    with running_gateway(model_mode="echo") as served:
        yield served.url


@dataclass
class Opened:
    """A page, and what it complained of."""

    page: Any
    complaints: list[str]


@contextlib.contextmanager
def opened(
    browser: Any, url: str, *, before: str = "", is_quiet: bool = True, **options: Any
) -> Iterator[Opened]:
    """The console at *url*, ready; nothing that it does may be a fault, by the browser's own words.

    *before* is run before the page's own scripts.
    *is_quiet*: whether a fault of the page, as a request that was refused, fails the test.
    """
    with blank(browser, before, options) as shown:
        _load(shown.page, url)
        yield shown
        assert not (is_quiet and shown.complaints)


@pytest.fixture(scope="module")
def scripted_page(browser):
    """A page for consoles whose parley.js is the tests' own; `loaded` shows one of them in it."""
    with blank(browser, f"{FORGET}; {CLOCK}; {COUNT_FRAMES}", {}) as shown:
        shown.page.context.route(
            "**/parley.js",
            lambda route: route.fulfill(path=SCRIPTED, content_type="text/javascript"),
        )
        yield shown


@contextlib.contextmanager
def loaded(shown: Opened, url: str, **media: str) -> Iterator[Page]:
    """The page, with the console at *url* as one that has never been there sees it."""
    yield load(shown, url, **media)
    assert not shown.complaints


def load(shown: Opened, url: str, **media: str) -> Page:
    """The same; whether it has complained is to be looked for.

    Its renderer is kept, and what that has compiled: a third of the cost of a new one.
    """
    page = shown.page
    shown.complaints.clear()
    page.keyboard.up(" ")
    page.mouse.move(0, 0)
    page.set_viewport_size(VIEWPORT)
    page.emulate_media(**PLAIN_MEDIA | media)
    _load(page, url)
    return Page(page)


@contextlib.contextmanager
def blank(browser: Any, before: str, options: dict[str, Any]) -> Iterator[Opened]:
    """A page of its own context, where nothing is loaded; *before* is run before its scripts."""
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("console", lambda said: _note(said, complaints))
    if before:
        page.add_init_script(before)
    try:
        yield Opened(page, complaints)
    finally:
        context.close()


def _load(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("html[data-ready]")


def _note(said: Any, complaints: list[str]) -> None:
    if said.type in {"error", "warning"} and not _is_of_an_ended_call(said):
        complaints.append(f"{said.type}: {said.text}")


def _is_of_an_ended_call(said: Any) -> bool:
    """A page that asks about a call hears by a 404 that it has ended, as a browser tells."""
    return "404" in said.text and "/admin/v1/calls/" in said.location["url"]


@pytest.fixture(scope="module")
def backstage():
    """A loop beside the test's own thread."""
    stage = Backstage()
    yield stage
    stage.close()


@pytest.fixture(scope="session")
def speech_model():
    """The local model that hears and speaks; it takes seconds to load its voice and its ears."""
    with running("speech") as model:
        yield model


@pytest.fixture(scope="module")
def house(backstage, speech_model):
    """A gateway before it."""
    house = House(speech_model.websocket_url, KEY, **PATIENT)
    backstage.run(house.__aenter__())
    yield house
    backstage.run(house.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def talker(playwright):
    """Its microphone says one of the recordings, once for each page."""
    spoken = f"--use-file-for-fake-audio-capture={SPEECH}%noloop"
    with chromium(playwright, *SOUND, spoken) as started:
        yield started


@pytest.fixture(scope="module")
def origin(house):
    """The address of a page of another origin, which calls the house."""
    script = "text/javascript"
    files = {
        "/": ("text/html", SHELL),
        "/recorder.js": (script, (HERE / "recorder.js").read_text()),
        "/page.js": (script, (HERE / "page.js").read_text()),
    }
    gateway = house.http("")
    files[f"/?gateway={gateway}"] = files["/"]
    with pages(gateway, files) as address:
        yield f"{address}/?gateway={gateway}"


@pytest.fixture
def page(talker, origin, house):
    """A page that is loaded and has a token; what it complains about fails the test."""
    complaints = []
    page = talker.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    page.goto(origin)
    until(page, "window.isLoaded")
    page.evaluate("token => { window.token = token }", house.token())
    yield page
    page.evaluate("window.call?.close()")
    page.close()
    expected = ("WebSocket connection to", "ERR_CONNECTION")
    assert not [line for line in complaints if not line.startswith(expected)]
