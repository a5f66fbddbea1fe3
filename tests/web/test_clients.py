"""The examples of docs/clients.md and examples/web, in a real browser and in Node."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.examples.house import examples_running
from tests.web.stage import DATA, ROOT, WAIT_S, pages, until
from tests.web.test_node import NODE, needs_node, version

DOCUMENT = (ROOT / "docs/clients.md").read_text()
GATEWAY = "https://gateway.example.com"
AT_HOME = "http://127.0.0.1:8765"
HEARD = "amiable"
# So long heard and answered, or misheard.
MISHEARD_S = 40
WORDS = "document.body.innerText"
SHADOW = "document.querySelector('parley-call').shadowRoot"
EMBEDDED = f"{SHADOW}.textContent"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found, language
    return found


@pytest.fixture
def open_page(talker, house):
    """Opens the page of that text, at an origin of its own that also makes tokens."""
    address = house.http("")
    opened = []

    def open_it(text: str):
        token = house.token(parley_session={"client_may": {"tools": True}})
        text = text.replace(GATEWAY, address).replace(AT_HOME, address)
        files = {
            "/": ("text/html", text.replace("eyJ...", token)),
            "/token": ("application/json", f'{{"token": "{token}"}}'),
        }
        manager = pages(address, files, inline=True)
        page = talker.new_page()
        opened.append((manager, page))
        page.goto(manager.__enter__())
        return page

    yield open_it
    for manager, page in opened:
        page.close()
        manager.__exit__(None, None, None)


def start_until_heard(page, words: str, answer: str) -> None:
    """Start a call in which the recording is heard and answered.

    On a busy machine chromium loses parts of what its stand-in for a microphone plays, and others
    are heard as other words; each call plays it again.
    """
    heard = f"{words}.includes('{answer}') && {words}.includes('{HEARD}')"
    start = page.get_by_role("button", name="Start talking")
    for _ in range(2):
        start.click()
        try:
            until(page, heard, MISHEARD_S)
        except AssertionError:
            page.get_by_role("button", name="End").click()
        else:
            return
    start.click()
    until(page, heard)


def test_the_page_of_ten_minutes_talks(open_page):
    """The button begins a call, what is said is there, the button ends it and begins another."""
    text = next(block for block in blocks("html") if "onclick" in block)
    assert text.count(AT_HOME) == text.count('"eyJ..."') == 1
    page = open_page(text)
    start_until_heard(page, WORDS, "I heard you say")
    page.get_by_role("button", name="End").click()
    until(page, f"{WORDS}.includes('The call has ended.')")
    page.get_by_role("button", name="Start talking").click()
    until(page, f"{WORDS}.includes('Connected.')")
    page.get_by_role("button", name="End").click()


def test_one_line_is_a_call(open_page):
    """The element has a button, says what it does, and shows what is said."""
    page = open_page(next(block for block in blocks("html") if "<parley-call" in block))
    start_until_heard(page, EMBEDDED, "I heard you say")
    state = page.evaluate("document.querySelector('parley-call').call.state")
    assert "connected" == state
    log = page.locator("parley-call").get_by_role("log")
    until(page, f"{SHADOW}.querySelector('[role=log]').children.length >= 2")
    assert log.locator("p").first.text_content().startswith("You: ")
    button = page.get_by_role("button", name="End")
    button.click()
    page.get_by_role("button", name="Start talking").wait_for()
    state = page.locator("parley-call").get_by_role("status").first
    assert "The call has ended." == state.text_content()


def test_an_element_that_is_taken_out_ends_its_call(open_page):
    """Its events reach the page, and it tells what an interruption left unheard."""
    page = open_page(next(block for block in blocks("html") if "<parley-call" in block))
    page.evaluate(
        """() => {
            window.element = document.querySelector("parley-call");
            window.states = [];
            element.addEventListener("parley-status", ({ detail }) => states.push(detail.state));
            element.setAttribute("microphone", "off");
            return element.start();
        }"""
    )
    page.evaluate(
        "element.call.say('One two three four five six seven eight nine ten eleven twelve.')"
    )
    until(page, "element.call.speaking")
    page.wait_for_timeout(400)
    page.evaluate("element.call.interrupt()")
    until(page, "element.shadowRoot.querySelector('s')")
    page.evaluate("element.remove()")
    until(page, "states.at(-1) === 'ended'")
    assert "connecting" == page.evaluate("states[0]")


def test_the_call_of_the_document_runs(open_page, house):
    """The lines under "The call", as they stand."""
    lines = next(block for block in blocks("js") if "set_colour" in block)
    asking = next(block for block in blocks("js") if "getToken = async" in block)
    page = open_page(
        f"""<!doctype html><title>Test</title><script type="module">
        import {{ connect }} from "{GATEWAY}/parley.js";
        {asking}
        {lines.replace("await call.ready", "window.call = call; await call.ready")}
        window.isThrough = true;
        </script>"""
    )
    until(page, "window.isThrough")
    assert (1.1, "cedar") == tuple(page.evaluate("[call.negotiated.speed, call.negotiated.voice]"))
    until(page, "call.stats.latencies.length")
    page.evaluate("call.close()")


def test_the_page_of_the_examples_paints_itself(talker, backstage, tmp_path):
    """As `make examples` starts it: a login, a token that names the function, and the function."""
    running = examples_running(tmp_path)
    examples = backstage.run(running.__aenter__(), 120)
    try:
        file = tmp_path / "examples/web/page.html"
        assert len(file.read_text().splitlines()) < 60
        page = talker.new_page()
        page.goto(examples.page)
        # Whoever speaks interrupts an answer, and with it the function that it was to call.
        start_until_heard(page, WORDS, "Model: ")
        page.get_by_role("textbox", name="Or type").fill("Set the colour to blue.")
        page.keyboard.press("Enter")
        until(page, "document.body.style.background === 'blue'")
        until(page, f"{WORDS}.split('Model: ').length > 2")
        page.get_by_role("button", name="End").click()
        until(page, f"{WORDS}.includes('The call has ended.')")
        page.close()
    finally:
        backstage.run(running.__aexit__(None, None, None), 60)


@needs_node
def test_the_program_in_node_talks(house, tmp_path):
    """It says a recording, prints both sides, and ends."""
    (tmp_path / "program.mjs").write_text(next(b for b in blocks("js") if "node:fs" in b))
    shutil.copy(ROOT / "tornado_app/web/parley.js", tmp_path)
    environ = {
        "GATEWAY": house.http(""),
        "TOKEN": house.token(),
        "RECORDING": str(DATA / "amiable.wav"),
    }
    flags = ["--experimental-websocket"] if version() < 22 else []
    told = subprocess.run(
        [NODE, "--no-warnings", *flags, str(tmp_path / "program.mjs")],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
        env=os.environ | environ,
    )
    assert told.returncode == 0, told.stderr
    assert "user: He might even have been made amiable himself." in told.stdout
    assert "assistant: I heard you say" in told.stdout


def test_the_program_in_python_talks(house, tmp_path):
    """It says a recording, prints both sides, and keeps the answer."""
    [program] = blocks("python")
    (tmp_path / "say.py").write_text(program)
    environ = {
        "GATEWAY": house.url,
        "TOKEN": house.token(),
        "RECORDING": str(DATA / "amiable.wav"),
    }
    told = subprocess.run(
        [sys.executable, "say.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
        cwd=tmp_path,
        env=os.environ | environ,
    )
    assert told.returncode == 0, told.stderr
    assert "user: He might even have been made amiable himself." in told.stdout
    assert "assistant: I heard you say" in told.stdout
    answer = soundfile.info(tmp_path / "answer.wav")
    assert (24_000, 1) == (answer.samplerate, answer.channels)
    assert answer.duration > 3


def test_types_and_document_name_the_same():
    """Every method of a call and every event is where a reader looks for it."""
    types = (Path(ROOT) / "tornado_app/web/parley.d.ts").read_text()
    script = (Path(ROOT) / "tornado_app/web/parley.js").read_text()
    call = types[types.index("export interface Call ") : types.index("export interface Turn")]
    methods = set(re.findall(r"^  (\w+)(?:<.*>)?\(", call, re.MULTILINE))
    made = set(
        re.findall(
            r"^  (?:async )?([a-z]\w*)\(", script[script.index("class Call {") :], re.MULTILINE
        )
    )
    assert methods == made - {"constructor"}
    events = types[types.index("export interface Events") :]
    named = set(re.findall(r"^  (\w+):", events, re.MULTILINE))
    emitted = set(re.findall(r'_emit\("(\w+)"', script))
    assert named == emitted
