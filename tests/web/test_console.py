"""What a person does at the console, and what strangers try, in a real browser."""

import functools
import http.server
import json
import re
import threading
from pathlib import Path

import pytest

from tests.web.conftest import MOVING, SOUND, chromium, loaded, opened
from tests.web.stage import until
from tests.web.states import (
    after,
    answering,
    bargein,
    hello,
    hold,
    messages,
    note,
    recorded,
    settings,
)

BUDGET_BYTES = 100_000
COUNT_DRAWINGS = """() => {
  window.drawn = 0;
  const { clearRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...at) {
    drawn++;
    return clearRect.apply(this, at);
  };
}"""

# The inks of your side of the line, as far as so many pixels from now.
INKS = """(far) => {
  const { width, height } = wave;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(wave, 0, 0);
  const { data } = copy.getImageData(width - far, 0, far, height / 2);
  const inks = new Set();
  for (let n = 0; n < data.length; n += 4) if (data[n + 3]) inks.add(data[n]);
  return [...inks];
}"""
SAID, NOT_HEARD = 0x16, 0x65
"""The red of --ink and --ink-3."""

DRAWN_AFTER_FRAMES = """() => new Promise((resolve) => {
  let left = 12;
  const next = () => left-- ? requestAnimationFrame(next) : resolve(drawn);
  next();
})"""


@pytest.fixture
def scripted(scripted_page, url):
    with loaded(scripted_page, url) as console:
        yield console


@pytest.fixture
def moving(scripted_page, url):
    """The same, for whom nothing has to stand still."""
    with loaded(scripted_page, url, **MOVING) as console:
        yield console


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")


class TestWords:
    def test_what_was_never_heard_is_struck_out(self, scripted):
        """Ink is heard, struck out is not, and a screen reader is told so once it is settled."""
        bargein(scripted)
        row = scripted.page.locator(".turn.model").last

        assert row.locator("s").text_content().startswith("the river. It takes about")
        assert row.locator(".text").text_content().startswith("Start at the Miradouro da Graça")
        assert "Not heard: " == row.locator(".vh").text_content()
        assert row.get_attribute("aria-hidden") is None
        assert "0.94 s" == row.locator(".wait b").text_content().replace("\xa0", " ")
        assert "true" == scripted.page.locator(".turn.you").last.get_attribute("aria-hidden")

    def test_nothing_is_heard_before_it_is_played(self, scripted):
        """Words that come ahead of their sound are grey, but for answers that are written."""
        hello(scripted)
        said = {"role": "assistant", "text": "84.", "final": True, "delta": "84."}
        scripted.tell("transcript", itemId="ahead", **said)
        row = scripted.page.locator(".turn.model").last
        assert "84." == row.locator(".ahead").text_content()
        assert "true" == row.get_attribute("aria-hidden")

        scripted.run("() => { scripted.negotiated.answers_in = 'text'; }")
        scripted.tell("transcript", itemId="written", **said)
        row = scripted.page.locator(".turn.model").last
        assert 0 == row.locator(".ahead").count()
        assert row.get_attribute("aria-hidden") is None

    def test_the_ink_follows_what_is_played(self, scripted):
        """Whole words, never back, all of it at the end."""
        answering(scripted)
        row = scripted.page.locator(".turn.model .text").last
        whole = row.text_content()
        heard = [len(whole) - len(row.locator(".ahead").text_content())]
        item = "item_m4"
        for played_ms in (3300, 3100, 4800):
            scripted.tell("playback", itemId=item, playedMs=played_ms, receivedMs=6000)
            heard.append(len(whole) - len(row.locator(".ahead").text_content()))
        scripted.tell("playback_ended", itemId=item, heardMs=6000, interrupted=False)

        assert heard == sorted(heard)
        assert heard[0] < heard[-1] < len(whole)
        assert 0 == row.locator(".ahead").count()

    def test_speech_without_words_leaves_no_row(self, scripted):
        """A cough has one for as long as it is not known to be one."""
        hello(scripted)
        rows = scripted.page.locator(".turn")
        before = rows.count()
        scripted.tell("speech", active=True, itemId="cough")
        assert (before + 1, "…") == (rows.count(), rows.last.locator(".text").text_content())
        scripted.tell("speech", active=False, itemId="cough")
        scripted.tell("transcript", role="user", itemId="cough", text="", final=True, delta="")
        assert before == rows.count()


class TestLines:
    """What is said of a line that is lost."""

    def test_what_was_lost_is_said_when_it_is_back(self, scripted):
        """A row of yours that can never be filled is gone."""
        hello(scripted)
        scripted.tell("speech", active=True, itemId="lost")
        scripted.tell("status", state="reconnecting", sentence="x", attempt=1)
        scripted.run("() => { scripted.stats.droppedMs = 2000; }")
        scripted.tell("status", state="connected", sentence="x", contextLost=True)

        said = scripted.page.locator(".turn.page .text").text_content().replace("\xa0", " ")
        assert "has forgotten all of this. 2.0 s of what you said are lost" in said
        assert "…" not in scripted.page.locator("#talk").text_content()

    def test_what_was_kept_is_drawn_as_said_when_it_has_been_sent(self, moving):
        """Dotted in the ink of what is not heard; then as all else that was said."""
        page = moving.page
        hello(moving)
        moving.tell("status", state="reconnecting", sentence="x", attempt=1)
        moving.sound("you", 3)
        until(page, f"({INKS})(200).join() === '{NOT_HEARD}'")
        moving.tell("status", state="connected", sentence="x", contextLost=False)
        until(page, f"({INKS})(200).join() === '{SAID}'")

    def test_a_line_that_does_not_come_back_leaves_the_words(self, scripted):
        """How often it was tried, and for how long."""
        hello(scripted)
        scripted.tell("status", state="reconnecting", sentence="x", attempt=6)
        scripted.run("() => { ahead(16_000); scripted.stats.keptMs = 14_000; }")
        end = {"sentence": "There is no token.", "code": "token_missing", "closeCode": 1006}
        scripted.tell("status", state="ended", **end)

        said = scripted.page.text_content("#hero").replace("\xa0", " ")
        assert "The connection did not come back. Six tries, 16." in said
        assert "14.00 s of sound were lost." in said
        with scripted.page.expect_download() as saving:
            scripted.page.click("#save-words")
        words = Path(saving.value.path()).read_text(encoding="utf-8")
        assert words.startswith("You: Hello, can you hear me?\n\nModel: Yes, clearly.")

    def test_speech_by_hand_has_its_row_at_once(self, scripted):
        """And its words, which may come when the answer has begun, stand before the answer."""
        page = scripted.page
        scripted.connect(turn_detection="none")
        page.keyboard.down(" ")
        page.keyboard.up(" ")
        scripted.answer("84.", {"totalMs": 300.0}, seconds=1)
        text = "What is twelve times seven?"
        scripted.tell("transcript", role="user", itemId="h", text=text, final=True, delta=text)

        assert [text, "84."] == page.locator(".turn .text").all_text_contents()


class TestRecorded:
    """A person is told that what is said is kept, before saying anything."""

    def test_it_is_marked_as_long_as_the_call_runs(self, scripted):
        """In words among the first, and at the top; the next call may be another."""
        page = scripted.page
        mark = page.locator("#recorded")
        recorded(scripted)
        first = page.locator(".turn .text").first.text_content()
        assert first.startswith("This call is recorded.")
        assert "Recorded" == mark.text_content().strip()
        scripted.run("() => scripted.close()")
        assert mark.is_hidden()

        page.click("#again")
        page.wait_for_selector("#cancel")
        scripted.run("() => scripted.connected()")
        assert mark.is_hidden()
        assert "recorded" not in page.text_content("#talk")

    def test_a_session_that_comes_after_may_be_another(self, scripted):
        """It is said once of each that is."""
        hello(scripted)
        page = scripted.page
        for is_recorded in (True, True, None):
            scripted.tell("status", state="reconnecting", sentence="x", attempt=1)
            scripted.run("is => { scripted.negotiated.recorded = is; }", is_recorded)
            scripted.tell("status", state="connected", sentence="x", contextLost=False)
            assert bool(is_recorded) == page.is_visible("#recorded")
        assert 1 == page.text_content("#talk").count("This call is recorded.")


class TestTools:
    def test_those_of_the_server_are_shown_as_they_run(self, scripted):
        """By the messages of the gateway; two of one name end in the order in which they began."""
        hello(scripted)
        rows = scripted.page.locator(".turn.tool")
        for status in ("running", "running", "done"):
            note(scripted, "in", "tool_activity", 1, name="get_stock", status=status)
        assert [0, 1] == [rows.nth(n).locator(".busy").count() for n in range(2)]
        note(scripted, "in", "tool_activity", 2, name="get_stock", status="failed")
        assert "it failed; the model was told" == rows.nth(1).locator(".out").text_content()

    def test_an_answer_that_is_written_has_its_wait_too(self, scripted):
        """As the gateway counts it: nobody hears a first sound."""
        hello(scripted)
        wait = {"model_ms": 410.4, "gateway_ms": 9.6}
        said = {"role": "assistant", "item_id": "w", "text": "84.", "final": True}
        note(scripted, "in", "transcript", 1, **said, wait=wait)
        scripted.tell(
            "transcript", role="assistant", itemId="w", text="84.", final=True, delta="84."
        )

        row = scripted.page.locator(".turn.model").last
        assert "84." == row.locator(".text").text_content()
        assert "0.42 s" == row.locator(".wait b").text_content().replace("\xa0", " ")
        assert "model 0.41 · gateway 0.01" == row.locator(".wait .split span").text_content()


class TestSettings:
    def test_changes_are_applied_together(self, scripted):
        """One `configure` with what differs and nothing else."""
        settings(scripted)
        page = scripted.page
        assert "2 changes" == page.text_content("#settings-state")
        page.click("#apply")
        page.wait_for_selector("#settings-state:text('Applied')")

        expected = {"turn_detection": "semantic_vad", "transcription_language": "pt"}
        assert [expected] == scripted.run("() => scripted.asked")
        assert 0 == page.locator("#settings .changed").count()

    def test_a_refusal_is_the_gateways_sentence_and_nothing_is_lost(self, scripted):
        """Values stay as they were typed."""
        settings(scripted)
        page = scripted.page
        scripted.run("() => { scripted.refusal = 'turn_detection is for the token to decide.'; }")
        page.click("#apply")
        page.wait_for_selector("#settings-state:text('for the token')")

        assert "pt" == page.input_value("#set-transcription_language")
        assert 2 == page.locator("#settings .changed").count()
        page.click("#undo")
        assert "" == page.input_value("#set-transcription_language")

    def test_what_may_not_be_changed_says_why(self, scripted):
        """Of the server's, of the opening, and of a voice that has spoken."""
        settings(scripted)
        page = scripted.page

        assert page.is_disabled("#set-voice")
        assert "has spoken" in page.text_content("#hint-voice")
        assert page.is_disabled("#set-instructions")
        assert "Set by the server" in page.text_content("#hint-instructions")
        assert page.is_disabled("#set-model")

    def test_what_is_chosen_before_a_call_holds_from_its_beginning(self, scripted):
        """As parameters of the opening."""
        page = scripted.page
        page.click("#open-settings")
        page.select_option("#set-voice", "cedar")
        page.check("[name=turn_detection][value=none]")
        page.click("#apply")
        page.keyboard.press("Escape")
        scripted.begin()

        options = scripted.run("() => scripted.options")
        assert {"voice": "cedar", "turn_detection": "none"} == options["parameters"]
        assert "push_to_talk" == options["talk"]

    def test_a_call_may_be_one_that_only_writes_down(self, scripted):
        """What concerns answers is not sent, and says why it cannot be chosen."""
        page = scripted.page
        page.click("#open-settings")
        page.select_option("#set-voice", "cedar")
        page.check("[name=session][value=transcription]")
        page.click("#apply")
        assert page.is_disabled("#set-voice")
        assert "Nothing is answered" in page.text_content("#hint-voice")
        page.select_option("#set-transcription_language", "pt")
        page.click("#apply")
        page.keyboard.press("Escape")
        scripted.begin()

        options = scripted.run("() => scripted.options")
        chosen = {"session": "transcription", "transcription_language": "pt"}
        assert chosen == options["parameters"]

    def test_what_is_typed_is_answered(self, scripted):
        """Whatever was chosen for calls that are spoken."""
        page = scripted.page
        page.click("#open-settings")
        page.check("[name=session][value=transcription]")
        page.click("#apply")
        page.keyboard.press("Escape")
        page.fill("#type", "Hello")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[data-scripted]")

        assert {} == scripted.run("() => scripted.options.parameters")

    def test_the_microphone_is_held_by_configure(self, scripted):
        """Open mic and Hold to talk are turns of the model's and of the caller's."""
        hello(scripted)
        page = scripted.page
        page.click("#microphone-mode >> text=Hold to talk")
        page.wait_for_selector("#hold")
        page.click("#microphone-mode >> text=Open mic")
        page.wait_for_selector("#mute")

        asked = [{"turn_detection": "none"}, {"turn_detection": "server_vad"}]
        assert asked == scripted.run("() => scripted.asked")


class TestMessages:
    def test_they_are_filtered_paused_and_saved(self, scripted):
        """By kind and by words; what comes meanwhile is counted; all of it is saved."""
        messages(scripted)
        page = scripted.page
        rows = page.locator("#wire-list li")
        assert re.search(r"audio . 4", rows.nth(2).text_content())

        page.click("#kinds >> text=Errors")
        assert ["error"] == rows.locator(".type").all_text_contents()
        page.click("#kinds >> text=All")
        page.fill("#filter", "MIRADOURO")
        assert {"transcript"} == set(rows.locator(".type").all_text_contents())
        page.fill("#filter", "")

        page.click("#pause")
        for _ in range(2):
            scripted.tell("message", direction="out", type="ping", at=30_000)
        page.wait_for_selector("#pause:text('Go on, 2 new')")
        assert "ping" not in rows.last.text_content()
        page.click("#pause")
        page.wait_for_selector("#wire-list li:last-child:has-text('ping')")

        with page.expect_download() as saving:
            page.click("#save-wire")
        lines = Path(saving.value.path()).read_text(encoding="utf-8").splitlines()
        count = int(page.text_content("#shown"))
        assert count == len(lines)
        assert "connection_status" == json.loads(lines[0])["message"]["type"]

    def test_the_list_is_bounded(self, scripted):
        """However many messages there are, 500 rows at most are in the page."""
        hello(scripted)
        scripted.page.click("#open-messages")
        scripted.run(
            """() => { for (let at = 0; at < 5000; at++)
                scripted.tell('message', {direction: 'in', at, type: 'pong', text: '{}'}); }"""
        )
        scripted.page.wait_for_selector("#shown:text('5000')")
        assert 500 == scripted.page.locator("#wire-list li").count()


class TestKeyboard:
    def test_a_call_by_keys_alone(self, scripted):
        """From the first key to the last: begin, mute, type, interrupt, panels, end."""
        page = scripted.page
        page.keyboard.press("Tab")
        while focused(page) != "start":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[data-scripted]")
        scripted.run("() => scripted.connected()")
        assert "mute" == focused(page)

        page.keyboard.press("m")
        assert "Muted" in page.text_content("#mute")
        page.keyboard.press("m")
        page.keyboard.press("/")
        page.keyboard.type("m and / are letters here")
        page.keyboard.press("Enter")
        assert {"say": "m and / are letters here"} in scripted.run("() => scripted.asked")

        scripted.tell("speaking", itemId="i", responseId="r")
        page.keyboard.press("Escape")
        assert "interrupt" in scripted.run("() => scripted.asked")

        for name in ("messages", "settings"):
            page.focus(f"#open-{name}")
            page.keyboard.press("Enter")
            assert f"{name}-title" == page.evaluate("document.activeElement.id")
            page.keyboard.press("Escape")
            assert f"open-{name}" == focused(page)

        page.focus("#end")
        page.keyboard.press("Enter")
        page.wait_for_selector("#again")
        assert "again" == focused(page)

    def test_space_holds_and_letting_go_sends(self, scripted):
        """Also when the window is left with the key down."""
        hold(scripted)
        page = scripted.page
        assert "Let go to send" in page.text_content("#hold")
        page.keyboard.up(" ")
        page.keyboard.down(" ")
        page.evaluate("dispatchEvent(new Event('blur'))")
        page.keyboard.up(" ")

        assert ["hold", "release"] * 2 == scripted.run("() => scripted.asked")

    def test_single_keys_can_be_switched_off(self, scripted):
        """By one switch, for those whose voice or hands press keys unasked (WCAG 2.1.4)."""
        hello(scripted)
        page = scripted.page
        page.click("#open-settings")
        page.click("text=Single keys")
        page.click("#open-settings")
        page.keyboard.press("m")
        page.keyboard.press("/")

        assert "Mute" in page.text_content("#mute")
        assert "type" != focused(page)


class TestPeople:
    def test_who_wants_nothing_to_move_sees_nothing_move(self, scripted_page, url):
        """No animation runs, and the line is drawn when a turn ends and not before."""
        with loaded(scripted_page, url) as console:
            after(console)
            assert 0 == console.run("document.getAnimations().length")
            assert 0 == console.run("framesAsked")

    def test_nothing_is_drawn_while_nothing_moves(self, moving):
        """No frame before a call, nor a while after everybody has been silent."""
        page = moving.page
        page.evaluate(COUNT_DRAWINGS)
        hello(moving)
        until(page, "drawn > 3")
        moving.run("() => ahead(60_000)")
        drawn = page.evaluate(DRAWN_AFTER_FRAMES)
        assert drawn == page.evaluate(DRAWN_AFTER_FRAMES)

    def test_forced_colours_keep_what_is_selected_visible(self, scripted_page, url):
        """The system's colours, and an outline where there was a wash."""
        with loaded(scripted_page, url, forced_colors="active") as console:
            settings(console)
            style = (
                "getComputedStyle(document.querySelector('.two label:has(:checked)')).outlineStyle"
            )
            assert "solid" == console.run(style)


class TestBudget:
    def test_the_page_is_small_and_asks_for_nothing_late(self, browser, url):
        """All that a first visit transfers; nothing is asked for twice, nor one module by one."""
        with opened(browser, url) as console:
            sizes = console.page.evaluate(
                """() => performance.getEntriesByType('navigation').concat(
                    performance.getEntriesByType('resource')).map(e => [e.name, e.transferSize])"""
            )
        assert sum(size for _, size in sizes) < BUDGET_BYTES
        assert {name.split("/")[2] for name, _ in sizes} == {url.split("/")[2]}
        asked = sorted(name.removeprefix(url) for name, _ in sizes)
        styles = ["/console/base.css", "/console/console.css"]
        icon = [name for name in asked if name == "/console/icon.svg"]
        once = ["/", "/console/about", *styles, *icon, "/console/main.js", "/parley.js"]
        assert sorted(once) == asked


class TestStrangers:
    """Pages of another origin, which any site can be."""

    @pytest.fixture
    def stranger(self, tmp_path):
        (tmp_path / "index.html").write_text("<!doctype html><title>Stranger</title>")
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
        handler.log_message = lambda *_: None
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, name="stranger")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    def test_another_page_gets_no_token(self, browser, url, stranger):
        """Not by fetch with or without CORS, and not by sending a form."""
        page = browser.new_page()
        answers = []
        page.on("response", lambda got: answers.append((got.request.method, got.status, got.url)))
        page.goto(stranger)
        read = page.evaluate(
            """async url => {
                const told = [];
                for (const mode of ['cors', 'no-cors']) {
                    try {
                        const answer = await fetch(url, {method: 'POST', mode});
                        told.push(await answer.text());
                    } catch { told.push('nothing'); }
                }
                return told;
            }""",
            f"{url}/console/token",
        )
        # A form may be sent anywhere; what it gets is shown to the person and to no script.
        page.set_content(
            f"<form method=post action='{url}/console/token'><button>Go</button></form>"
        )
        with page.expect_navigation():
            page.click("button")
        read.append(page.content())
        page.close()

        statuses = [status for method, status, at in answers if at.endswith("/console/token")]
        assert statuses
        assert {403} == set(statuses)
        assert not any("token" in text and "eyJ" in text for text in read)

    def test_another_page_cannot_frame_the_console(self, browser, url, stranger):
        """Nobody is made to press a button that they do not see."""
        page = browser.new_page()
        page.goto(stranger)
        page.evaluate(
            """url => new Promise(resolve => {
                const frame = document.createElement('iframe');
                frame.addEventListener('load', resolve);
                frame.src = url;
                document.body.append(frame);
            })""",
            url,
        )
        framed = [frame for frame in page.frames if frame != page.main_frame]
        assert not any(frame.query_selector("#start") for frame in framed)
        page.close()

    def test_a_name_that_points_here_gets_no_token(self, playwright, url):
        """DNS rebinding, in a browser that is told so: the page says what to do instead."""
        port = url.rpartition(":")[2]
        rebound = "--host-resolver-rules=MAP evil.test 127.0.0.1"
        with (
            chromium(playwright, *SOUND, rebound) as started,
            opened(started, f"http://evil.test:{port}/", is_quiet=False) as console,
        ):
            console.page.click("#start")
            console.page.wait_for_selector("text=name it in server.allowed_origins")
