"""Calls from the console as it is: its own parley.js, a fake microphone, the model here."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tornado.web import create_signed_value

from tests.clients.program import KEY
from tests.fakes.upstream import unused_port
from tests.web.conftest import PATIENT, SOUND, STILL, chromium, opened, running_gateway
from tests.web.stage import pages

DATA = Path(__file__).parents[1] / "data"
SAID = "He might even have been made amiable himself."
SECRET = "x7Kq2mVb9RtLw4Zc8NpYs3Hd6FgJ1aQe"
TOKENS = (Path(__file__).parents[2] / "docs" / "tokens.md").read_text(encoding="utf-8")
ROUNDED_MS = 5.1
"""How far a figure of the page, which has hundredths of a second, is from what it was told."""
LEAST_WAY_MS = 50.0
"""What is less is not shown."""


@pytest.fixture(scope="module")
def speaker(playwright, tmp_path_factory):
    """A browser into whose microphone somebody says one sentence, again and again."""
    speech, rate_hz = soundfile.read(DATA / "amiable.wav")
    quiet = np.zeros(rate_hz)
    path = tmp_path_factory.mktemp("microphone") / "said.wav"
    soundfile.write(path, np.concatenate([quiet, speech, quiet, *[quiet] * 25]), rate_hz)
    with chromium(
        playwright, *SOUND, f"--use-file-for-fake-audio-capture={path}%noloop"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def model(speech_model):
    """The settings of a gateway whose model hears and speaks."""
    return {
        "upstream_url": speech_model.websocket_url,
        "upstream_api_key": KEY,
        **PATIENT,
    }


@pytest.fixture(scope="module")
def url(model):
    """A gateway before it, for several calls."""
    with running_gateway(**model) as served:
        yield served.url


def waits(row):
    """{"model": ms, ...} of what stands beside an answer."""
    return {
        name: float(figure) * 1000
        for name, figure in re.findall(r"(tools|model|gateway|way) (\d+\.\d\d)", row.text_content())
    }


class TestSpoken:
    def test_somebody_speaks_and_is_answered(self, speaker, model):
        """Both transcripts, a wait that agrees with the server's log, and how it was at the end."""
        with running_gateway(**model, logging_format="json") as served:
            with opened(speaker, served.url, **STILL) as console:
                page = console.page
                page.click("#start")
                answer = page.locator(".turn.model")
                answer.locator(".wait").wait_for()
                page.wait_for_selector(".turn.model:not([aria-hidden])")

                assert SAID == page.locator(".turn.you .text").text_content()
                assert f"I heard you say: {SAID}" == answer.locator(".text").text_content()
                shown = waits(answer)
                total = float(answer.locator(".wait b").text_content().split()[0]) * 1000
                page.click("#end")
                page.wait_for_selector("#again")
                assert "You said one thing" in page.text_content("#hero")
            told = served.process
        lines = [line for line in served.told if '"answer_heard"' in line]
        assert told.returncode == 0
        assert len(lines) == 1
        log = {
            name: float(re.search(rf'"{name}_ms": ([\d.]+)', lines[0])[1])
            for name in ("model", "gateway")
        }
        for name, ms in log.items():
            assert abs(shown[name] - ms) <= ROUNDED_MS
        # The total is by the page's own clock, and the rest is the way there and the buffer.  It is
        # less than the others where a busy machine has told late that the turn was over.
        way = total - sum(log.values())
        if "way" in shown:
            assert abs(way - shown["way"]) <= 2 * ROUNDED_MS
        else:
            assert way <= LEAST_WAY_MS + ROUNDED_MS

    def test_what_somebody_says_is_only_written_down(self, speaker, url):
        """As the settings have it: words, no answer, and nothing to type or to interrupt."""
        with opened(speaker, url, **STILL) as console:
            page = console.page
            page.click("#open-settings")
            page.check("[name=session][value=transcription]")
            page.click("#apply")
            page.keyboard.press("Escape")
            page.click("#start")
            page.wait_for_selector(f".turn.you .text:text-is('{SAID}')")
            assert "What you say is written down" in page.text_content("#talk")
            assert "only writes down" == page.text_content("#more")
            page.keyboard.press("/")
            for name in ("typing", "keyboard", "interrupt"):
                assert page.locator(f"#{name}").is_hidden()
            assert 0 == page.locator(".turn.model").count()
            page.click("#end")
            page.wait_for_selector("#again")
            assert "You said one thing" in page.text_content("#hero")

    def test_a_blocked_microphone_is_noticed_when_it_is_allowed(self, playwright, url):
        """The page says what to do, takes what is typed meanwhile, and begins by itself."""
        silent = ("--use-fake-device-for-media-stream", SOUND[-1])
        with (
            chromium(playwright, *silent, asks=True) as started,
            opened(started, url, permissions=[], **STILL) as console,
        ):
            page = console.page
            page.click("#start")
            page.wait_for_selector("text=The microphone is blocked for this page.")
            page.context.grant_permissions(["microphone"])
            page.wait_for_selector("#mute")


class TestTyped:
    def test_somebody_types_and_is_answered(self, browser, url):
        """Without a microphone; the answer is heard and written."""
        with opened(browser, url) as console:
            page = console.page
            page.fill("#type", "What is twelve times seven?")
            page.keyboard.press("Enter")
            page.wait_for_selector(".turn.model:not([aria-hidden]) >> text=84")
            assert not page.is_visible("#mute")

    def test_settings_hold_from_the_next_answer_on(self, browser, url):
        """Formats and the voice, applied while the call runs; another voice later is refused."""
        with opened(browser, url, **STILL) as console:
            page = console.page
            page.fill("#type", "Hello")
            page.click("#open-settings")
            page.select_option("#set-output_format", "pcmu")
            page.click("#apply")
            page.keyboard.press("Escape")
            page.focus("#type")
            page.keyboard.press("Enter")
            page.wait_for_selector(".turn.model:not([aria-hidden])")
            page.click("#open-settings")
            assert page.is_disabled("#set-voice")
            assert "pcmu" in page.text_content("#settings .facts")

            page.select_option("#set-output_format", "float32")
            page.select_option("#set-output", "text")
            page.click("#apply")
            page.wait_for_selector("#settings-state:text('Applied')")
            assert "float32" in page.text_content("#settings .facts")
            page.keyboard.press("Escape")
            page.fill("#type", "What is twelve times seven?")
            page.keyboard.press("Enter")
            answer = page.locator(".turn.model", has_text="84")
            answer.locator(".wait b").wait_for()
            assert waits(answer)


class TestRecorded:
    def test_the_page_and_the_element_say_so(self, browser, tmp_path):
        """By what the gateway itself tells of a call that it records."""
        kept = {"recordings_calls": "all", "recordings_directory": str(tmp_path)}
        kept |= {"auth_secret": SECRET}
        with running_gateway(model_mode="echo", **kept) as served:
            with opened(browser, served.url, **STILL) as console:
                console.page.fill("#type", "Hello")
                console.page.keyboard.press("Enter")
                console.page.wait_for_selector("#recorded:visible")
                console.page.wait_for_selector("text=This call is recorded.")
            script = f"{served.url}/parley-call.js"
            element = (
                f'<!doctype html><title>Test</title><script type="module" src="{script}"></script>'
                '<parley-call token-url="/token" microphone="off"></parley-call>'
            )
            token = run_token("anna")
            files = {"/": ("text/html", element), "/token": ("text/plain", token)}
            with pages(served.url, files) as address:
                page = browser.new_page()
                page.goto(address)
                page.click("parley-call button")
                page.wait_for_selector("text=Connected. This call is recorded.")
                page.close()


class TestTokens:
    """Where tokens come from when this server makes none."""

    def test_in_production_one_is_pasted(self, browser):
        """A wrong one is refused with the gateway's sentence, and the next may be right."""
        port = unused_port()
        here = f"http://127.0.0.1:{port}"
        production = {
            "server_environment": "production",
            "server_allowed_origins": f'["{here}"]',
            "auth_secret": SECRET,
            "upstream_url": "local",
            "model_mode": "echo",
            "console_enabled": "true",
        }
        with running_gateway(port, **production), opened(browser, here, **STILL) as console:
            page = console.page
            page.click("#start")
            page.wait_for_selector("text=A token opens the call.")
            assert "paste" == page.evaluate("document.activeElement.id")
            page.keyboard.type("a.b.c")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=The gateway refused the token.")
            assert "token_invalid · 4401" in page.text_content("#hero")

            page.fill("#paste", run_token("anna"))
            page.keyboard.press("Enter")
            page.wait_for_selector("#mute")

    def test_the_applications_server_is_asked(self, browser, tmp_path):
        """The program of docs/tokens.md, at another address, with the browser's cookies."""
        console_port, port = unused_port(), unused_port()
        here = f"http://127.0.0.1:{console_port}"
        script = tmp_path / "server.py"
        script.write_text(application())
        environ = dict(
            os.environ,
            PARLEY_AUTH_SECRET=SECRET,
            COOKIE_SECRET="c" * 32,
            PORT=str(port),
            CONSOLE_ORIGIN=here,
        )
        settings = {
            "auth_secret": SECRET,
            "model_mode": "echo",
            "console_token_url": f"http://127.0.0.1:{port}/token",
        }
        with subprocess.Popen([sys.executable, script], env=environ) as server:
            try:
                await_answer(f"http://127.0.0.1:{port}/token")
                with (
                    running_gateway(console_port, **settings) as served,
                    opened(browser, here, is_quiet=False, **STILL) as console,
                ):
                    page = console.page
                    page.click("#start")
                    page.wait_for_selector("text=There is no token for this page.")
                    cookie = create_signed_value("c" * 32, "user", "alice").decode()
                    page.context.add_cookies([{"name": "user", "value": cookie, "url": here}])
                    page.click("text=ask the issuer again")
                    page.wait_for_selector("#mute")
                assert any("user=alice" in line for line in served.told)
            finally:
                server.terminate()


def run_token(user):
    command = [sys.executable, "run.py", "token", "--user", user]
    environ = dict(os.environ, PARLEY_AUTH_SECRET=SECRET)
    root = Path(__file__).parents[2]
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=root, env=environ
    )
    return told.stdout.strip()


def application():
    """The server of docs/tokens.md, with the handler that stands there for the console."""
    blocks = {
        heading: re.search(
            rf"^## {heading}\n.*?^```python\n(.*?)^```", TOKENS, re.MULTILINE | re.DOTALL
        )[1]
        for heading in ("In Python", "For the console")
    }
    head, main = blocks["In Python"].split('if __name__ == "__main__":')
    main = main.replace('("/token", TokenHandler)', '("/token", ConsoleTokenHandler)')
    return f'{head}\n{blocks["For the console"]}\n\nif __name__ == "__main__":{main}'


def await_answer(url):
    """Return when somebody listens there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, data=b"")
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the application's server does not listen")
