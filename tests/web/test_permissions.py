"""What a browser does not allow, a page is told in words, and what to do about it."""

import time

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.web.conftest import chromium
from tests.web.stage import HERE, WAIT_S, pages, until

SHELL = (
    "<!doctype html><title>Test</title><button>Touch</button>"
    '<script type="module" src="/page.js"></script>'
)


@pytest.fixture(scope="module")
def strict(playwright):
    """Whoever asks for the microphone is refused, and nothing sounds before the page is touched."""
    refusing = (
        "--use-fake-device-for-media-stream",
        "--deny-permission-prompts",
        "--autoplay-policy=document-user-activation-required",
    )
    with chromium(playwright, *refusing, asks=True) as browser:
        yield browser


@pytest.fixture
def page(strict, house):
    gateway = house.http("")
    shell = ("text/html", SHELL)
    script = ("text/javascript", (HERE / "page.js").read_text())
    files = {f"/?gateway={gateway}": shell, "/page.js": script}
    with pages(gateway, files) as address:
        page = strict.new_page()
        page.goto(f"{address}/?gateway={gateway}")
        until(page, "window.isLoaded")
        page.evaluate("token => { window.token = token }", house.token())
        yield page
        page.evaluate("call.close()")
        page.close()


def problems(page):
    return page.evaluate("events('problem').map(({ sentence }) => sentence)")


def test_a_microphone_that_is_refused_is_a_sentence_and_no_end(page):
    """The call waits for it, tries again when it is told to, and goes on without."""
    page.evaluate("start({})")
    until(page, "events('problem').length === 1")
    assert "asking" == page.evaluate("call.state")
    assert problems(page)[0].startswith("The microphone is blocked for this page.")
    page.evaluate("call.retry()")
    until(page, "events('problem').length === 2")
    page.evaluate("call.typeOnly()")
    until(page, "call.state === 'connected'")


def test_a_microphone_that_is_allowed_later_is_noticed(page):
    """By itself, when somebody changes the settings of the site."""
    page.evaluate("start({})")
    until(page, "events('problem').length === 1")
    page.context.grant_permissions(["microphone"])
    until(page, "call.state === 'connected'")
    page.context.clear_permissions()


def test_sound_that_is_held_back_comes_when_the_page_is_touched(strict, house):
    """Until then it says so; the answer is not lost.

    Whatever a test evaluates counts as a touch, so that this page begins and tells by itself.
    """
    gateway, said = house.http(""), []
    script = f"""
        import {{ connect }} from "{gateway}/parley.js";
        const getToken = () => "{house.token()}";
        const call = window.call = connect({{ getToken, microphone: false }});
        call.on("problem", ({{ sentence }}) => console.info(sentence));
        call.on("speaking", () => console.info("It sounds."));
        call.on("response", ({{ status }}) => console.info(status));
        call.say("Hello.");
    """
    files = {"/": ("text/html", SHELL), "/page.js": ("text/javascript", script)}
    with pages(gateway, files) as address:
        page = strict.new_page()
        page.on("console", lambda line: line.type == "info" and said.append(line.text))
        page.goto(address)
        _wait(page, lambda: len(said) >= 3)
        held_back = "The sound is held back by your browser. Press anywhere to hear the answer."
        assert sorted([held_back, "started", "completed"]) == sorted(said)
        page.click("button")
        _wait(page, lambda: "It sounds." in said)
        page.evaluate("call.close()")
        page.close()


def _wait(page, condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(30)


def test_a_page_without_https_reads_what_it_may_not_hear(page):
    """No worklets, no microphone: it is told, and the rest goes on."""
    page.evaluate("() => { delete BaseAudioContext.prototype.audioWorklet; }")
    page.evaluate("start({})")
    until(page, "call.state === 'connected'")
    assert problems(page)[0].startswith("This address may not use the microphone.")
    page.evaluate("call.say('Hello.')")
    until(page, "events('playback_ended').length")
