"""The operator's page, in a real browser, on a gateway whose calls the test knows."""

import functools
import json
import re
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.calls.house import WAIT_S, House, VoiceClient
from tests.calls.test_administration import ask
from tests.calls.test_messages import created, delta, done
from tests.fakes.upstream import FakeUpstream
from tests.web.conftest import MOVING, blank, load, opened
from tests.web.looking import AXE, look_at
from tests.web.stage import Backstage
from tornado_app.handlers.admin.page import page_files
from tornado_app.settings.secret import Secret

KEY = "0123456789abcdef0123456789abcdef"
LOUD = b"\x00\x40" * 12_000
"""Half a second at -6 dBFS."""
BUDGET_BYTES = 40_000
FITS = """() => [document.scrollingElement.scrollWidth > innerWidth,
  [...document.querySelectorAll('main *, .top *')].filter(e => e.checkVisibility()
    && !e.closest('.vh, svg') && e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.id || e.className || e.tagName)]"""
COUNT_BARS = """
window.drawn = 0;
const bar = CanvasRenderingContext2D.prototype.roundRect;
CanvasRenderingContext2D.prototype.roundRect = function (...at) {
  window.drawn++;
  return bar.apply(this, at);
};
"""
COUNT_SOUND = """
window.played = 0;
window.loudest = 0;
const begin = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...at) {
  window.played += this.buffer.duration;
  const samples = this.buffer.getChannelData(0);
  for (const sample of samples) window.loudest = Math.max(window.loudest, sample);
  return begin.apply(this, at);
};
"""
ROW = ".call:has(b:text-is('{}'))"


@dataclass
class Place:
    """A gateway that runs, and its model."""

    stage: Backstage
    house: House
    fake: FakeUpstream
    audit: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.house.metrics_port}/admin/"

    def call(self, user: str) -> VoiceClient:
        return self.stage.run(self.house.connected("turn_detection=none", user=user))

    def answer(self, client: VoiceClient) -> None:
        """One turn, the first of the newest call."""
        self.stage.run(self._answer(client))

    async def _answer(self, client: VoiceClient) -> None:
        peer = self.fake.connections[-1]
        await client.say("text", text="hello")
        await peer.next_event("response.create")
        for event in (created("r1"), delta("i1", "r1", LOUD), done("r1")):
            await peer.send(event)
        await client.next("response_done")

    def speak_until(self, client: VoiceClient, is_seen: Callable[[], object]) -> None:
        """However late the page is."""
        deadline = time.monotonic() + WAIT_S
        while not is_seen():
            assert time.monotonic() < deadline, "nobody saw it"
            self.stage.run(client.audio(LOUD[:4800]))

    def hang_up(self, client: VoiceClient) -> None:
        self.stage.run(self._hang_up(client))

    async def _hang_up(self, client: VoiceClient) -> None:
        client.socket.close()
        await client.closed()

    def keep_out(self, user: str) -> None:
        body = {"kind": "user", "name": user}
        assert 200 == self.stage.run(ask(self.house, "POST", "bans", body, KEY))[0]

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.audit.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def place(backstage, tmp_path_factory):
    folder = tmp_path_factory.mktemp("operator")
    fake = backstage.run(FakeUpstream().__aenter__())
    house = House(
        fake.url,
        metrics_enabled=True,
        admin_keys=[f"anna:{KEY}"],
        admin_audit_file=str(folder / "audit.jsonl"),
        admin_listeners=["anna"],
        server_state_dir=str(folder / "state"),
    )
    backstage.run(house.__aenter__())
    yield Place(backstage, house, fake, folder / "audit.jsonl")
    backstage.run(house.__aexit__(None, None, None))
    backstage.run(fake.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def tab(browser):
    """Where the page is loaded anew for each test; its renderer is kept."""
    with blank(browser, COUNT_BARS + COUNT_SOUND, {}) as shown:
        yield shown


@contextmanager
def at_the_door(tab, place, *, is_quiet=True, **media):
    """The page as somebody sees it who has just come."""
    load(tab, place.url, **media)
    yield tab.page
    assert not (is_quiet and tab.complaints)


@pytest.fixture
def page(tab, place):
    """The page with the key, and the calls that there are."""
    with at_the_door(tab, place) as page:
        enter(page)
        yield page


def enter(page, key=KEY):
    page.fill("#key-field", key)
    page.press("#key-field", "Enter")
    page.wait_for_selector("#sum:visible")


def row(page, user):
    return page.locator(ROW.format(user))


def listen_to(page, user):
    call = row(page, user)
    call.locator("[aria-expanded]").click()
    call.locator("text=Listen to this call").click()
    call.locator(".question .primary").click()
    call.locator("text=knows it.").wait_for()


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")


def tab_to(page, text):
    """As somebody with nothing but keys comes there."""
    for _ in range(60):
        if focused(page).endswith(text):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no key leads to {text!r}")


class TestKey:
    def test_a_key_that_is_none_opens_nothing(self, tab, place):
        """Its sentence stands below the field, and the key may be typed again."""
        with at_the_door(tab, place, is_quiet=False) as page:
            for wrong, sentence in (("x" * 40, "none of them"), ("clé", "no key")):
                page.fill("#key-field", wrong)
                page.press("#key-field", "Enter")
                page.wait_for_selector(f"#door-state:has-text('{sentence}')")
                assert not page.is_visible("#sum")
            enter(page)

    def test_the_key_is_in_the_memory_of_the_page_alone(self, page, place):
        """Not in its address, what it stores or what it shows; and gone with it, or when told."""
        held = """async () => JSON.stringify([location.href, document.cookie, localStorage,
            sessionStorage, document.documentElement.outerHTML,
            [...document.querySelectorAll('input')].map(input => input.value),
            await indexedDB.databases(), await caches.keys()])"""
        assert KEY not in page.evaluate(held)
        page.reload()
        page.wait_for_selector("#key-field:visible")
        enter(page)
        page.click("#forget")
        assert "key-field" == focused(page)
        assert not page.is_visible("#sum")

    def test_a_key_that_is_taken_away_opens_nothing_any_more(self, tab, place):
        """The page says so, and shows nothing of what it knew."""
        with at_the_door(tab, place, is_quiet=False) as page:
            enter(page)
            before = place.house.gateway.settings
            other = replace(before.admin, keys=(Secret(f"eve:{KEY[::-1]}"),))
            place.house.gateway.settings = replace(before, admin=other)
            try:
                page.wait_for_selector("#door-state:has-text('none of them')")
                assert not page.is_visible("#sum")
            finally:
                place.house.gateway.settings = before


class TestCalls:
    def test_who_is_talking_is_seen(self, page, place):
        """How loud both are, how long they waited, what it took; and the figures of the hour."""
        page.emulate_media(**MOVING)
        client = place.call("alice")
        alice = row(page, "alice")
        alice.wait_for()
        place.answer(client)
        alice.locator(".bars rect").first.wait_for()
        wave = alice.locator("canvas")
        name = functools.partial(wave.get_attribute, "aria-label")
        place.speak_until(client, lambda: name() in {"alice is speaking.", "Both are speaking."})
        place.speak_until(client, lambda: page.evaluate("drawn > 3"))
        assert re.search(r"^\d+\.\d\d\ss$", alice.locator(".waited b").text_content())
        assert "tokens" in alice.text_content()
        alice.locator("[aria-expanded]").click()
        facts = alice.locator(".facts")
        facts.locator("text=pcm16 24 kHz → pcm16 24 kHz").wait_for()
        assert "127.0.0.1" in facts.text_content()
        place.hang_up(client)
        alice.locator("text=ended after").wait_for()
        assert [] == alice.locator(".acts button").all_text_contents()

    def test_names_are_words_and_no_part_of_the_page(self, page, place):
        """Whoever may choose one."""
        name = "<img src=x onerror=alert(1)>"
        client = place.call(name)
        row(page, name).wait_for()
        assert 0 == page.locator("main img").count()
        page.fill("#filter-user", "nobody")
        page.wait_for_selector("#calls-none:has-text('No call of nobody.')")
        page.fill("#filter-user", name)
        row(page, name).wait_for()
        page.fill("#filter-user", "")
        place.hang_up(client)

    def test_a_call_is_ended_when_it_was_asked_twice(self, page, place):
        """Escape leaves it; the caller is told the operator's words, and no other call ends."""
        client, other = place.call("ben"), place.call("chiara")
        ben = row(page, "ben")
        ben.locator("[aria-expanded]").click()
        ben.locator("text=End this call").click()
        page.keyboard.press("Escape")
        assert "End this call" == focused(page)
        assert ben.locator(".detail").is_visible()
        ben.locator("text=End this call").click()
        page.keyboard.type("The line is being repaired.")
        ben.locator("text=End the call").last.click()
        error = place.stage.run(client.error("ended_by_operator"))
        assert "The line is being repaired." == error["error"]
        ben.locator("text=ended after").wait_for()
        assert row(page, "chiara").locator("text=ended after").count() == 0
        deed = place.said()[-1]
        assert ("anna", "call_ended", "done") == tuple(
            deed[name] for name in ("operator", "action", "outcome")
        )
        place.hang_up(client)
        place.hang_up(other)

    def test_a_user_is_kept_out_and_let_in_by_keys_alone(self, page, place):
        """All calls of theirs end; who is kept out is listed, with until when."""
        clients = [place.call("dmitri"), place.call("dmitri")]
        row(page, "dmitri").first.wait_for()
        tab_to(page, "More about the call of dmitri")
        page.keyboard.press("Enter")
        tab_to(page, "Keep dmitri out")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.type("ticket 17")
        page.keyboard.press("Enter")
        for client in clients:
            assert (4401, "token_revoked") == place.stage.run(client.closed())
        page.wait_for_selector("#bans:has-text('dmitri')")
        deed = place.said()[-1]
        assert ("kept_out", "user dmitri", "ticket 17") == tuple(
            deed[name] for name in ("action", "target", "reason")
        )
        tab_to(page, "Let in again: dmitri")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.wait_for_selector("#bans-section", state="hidden")
        assert "calls-title" == focused(page)


class TestListening:
    def test_a_call_is_listened_to_by_keys_alone_and_its_caller_knows(self, tab, place):
        """Both are heard, their words stand there, and a mark stays until it is ended."""
        with at_the_door(tab, place) as page:
            enter(page)
            client = place.call("grace")
            row(page, "grace").wait_for()
            tab_to(page, "More about the call of grace")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=Listen to this call")
            tab_to(page, "Listen to this call")
            page.keyboard.press("Enter")
            page.keyboard.type("ticket 18")
            page.keyboard.press("Enter")
            told = place.stage.run(client.next("listening_in"))
            assert "begun" == told["data"]["status"]
            grace = row(page, "grace")
            grace.locator("text=You are listening to this call, and grace knows it.").wait_for()
            assert "Stop listening" == focused(page)
            place.answer(client)
            place.speak_until(client, lambda: page.evaluate("loudest > 0.4 && played > 0.5"))
            grace.locator(".words p:has-text('hello')").wait_for()
            tab_to(page, "More about the call of grace")
            page.keyboard.press("Enter")
            assert grace.locator(".ear").is_visible(), "also when nothing else is shown of it"
            tab_to(page, "Stop listening")
            page.keyboard.press("Enter")
            assert "ended" == place.stage.run(client.next("listening_in"))["data"]["status"]
            assert not grace.locator(".ear").is_visible()
            assert focused(page) == "More about the call of grace"
        begun, ended = place.said()[-2:]
        assert ("listening_begun", "ticket 18") == (begun["action"], begun["reason"])
        assert "listening_ended" == ended["action"]
        place.hang_up(client)

    def test_one_call_at_a_time_and_none_when_the_page_is_gone(self, tab, place):
        """Who listens to another has ended the first; so has who forgets the key, or goes."""
        clients = {name: place.call(name) for name in ("henry", "iris")}
        said = lambda name: place.stage.run(clients[name].next("listening_in"))["data"]["status"]  # noqa: E731
        with at_the_door(tab, place) as page:
            enter(page)
            for name in clients:
                listen_to(page, name)
                assert "begun" == said(name)
            assert "ended" == said("henry")
            page.wait_for_function("document.querySelectorAll('.call.listened').length === 1")
            page.click("#forget")
            assert "ended" == said("iris")
            enter(page)
            listen_to(page, "iris")
            assert "begun" == said("iris")
            page.goto("about:blank")
            assert "ended" == said("iris")
        for client in clients.values():
            place.hang_up(client)

    def test_a_call_that_ends_says_so_and_stays_until_it_was_read(self, page, place):
        client = place.call("jane")
        listen_to(page, "jane")
        place.hang_up(client)
        jane = row(page, "jane")
        jane.locator("text=The call has ended.").wait_for()
        jane.locator("text=Close").click()
        page.focus("#filter-user")
        jane.wait_for(state="detached")

    def test_a_key_that_may_not_is_not_asked(self, page, place):
        before = place.house.gateway.settings
        place.house.gateway.settings = replace(before, admin=replace(before.admin, listeners=()))
        client = place.call("kim")
        try:
            kim = row(page, "kim")
            kim.locator("[aria-expanded]").click()
            kim.locator(".facts dd").first.wait_for()
            assert not kim.locator("text=Listen to this call").is_visible()
        finally:
            place.house.gateway.settings = before
            place.hang_up(client)


class TestWrong:
    def test_what_went_wrong_is_said_in_words(self, tab, place):
        """With its code, how often and when; the worst first."""
        place.house.gateway.hear("client_refused", {"code": "token_expired"})
        client = place.call("fred")
        place.stage.run(client.say("nonsense"))
        place.stage.run(client.error("unknown_type"))
        with at_the_door(tab, place) as page:
            enter(page)
            wrong = page.locator("#wrong li")
            wrong.first.wait_for()
            first, *others = wrong.all_text_contents()
            assert first.startswith("Not let in: the token had expiredtoken_expired")
            assert others[-1].startswith("A caller was told: ")
            assert "went wrong." in page.text_content("#lead")
            plot = page.locator("#plots svg").nth(2)
            assert "Went wrong in the last hour" in plot.get_attribute("aria-label")
            assert plot.locator("rect").count() > 1
            page.click("text=Day")
            page.wait_for_selector("#plots svg[aria-label*='Went wrong in the last day']")
        place.hang_up(client)

    def test_a_gateway_that_does_not_answer_is_told_of(self, browser, place):
        """What was known stays to be read; it goes on by itself."""
        with opened(browser, place.url, is_quiet=False) as shown:
            page = shown.page
            enter(page)
            page.context.set_offline(True)
            page.wait_for_selector("#state:has-text('does not answer. Trying again.')")
            assert page.is_visible("#sum")
            page.context.set_offline(False)
            page.wait_for_selector("#state:not(:has-text('again'))")


class TestLooks:
    def test_the_door_is_one_to_be_shown(self, tab, place):
        """Nothing overflows, and axe finds no fault."""
        with at_the_door(tab, place) as page:
            look_at(page, "operator-door", FITS)

    def test_calls_and_a_question_are_to_be_shown(self, page, place):
        """The same, with all that there can be on it."""
        clients = [place.call(user) for user in ("a-name-of-many-letters@example.org", "alice")]
        place.keep_out("mallory")
        listen_to(page, "alice")
        place.answer(clients[1])
        row(page, "alice").locator(".words p").first.wait_for()
        row(page, "alice").locator("text=Keep alice out").click()
        row(page, "alice").locator(".facts dd").first.wait_for()
        page.wait_for_selector("#bans:has-text('mallory')")
        look_at(page, "operator-calls", FITS, full_page=True)
        for client in clients:
            place.hang_up(client)
        if not AXE.exists():
            pytest.skip("axe-core is not installed: `make axe` does it")

    def test_who_wants_nothing_to_move_sees_nothing_move(self, tab, place):
        """Levels step with what comes; forced colours keep both sides apart."""
        client = place.call("eva")
        with at_the_door(tab, place, forced_colors="active") as page:
            enter(page)
            wave = row(page, "eva").locator("canvas")
            wave.wait_for()
            place.speak_until(client, lambda: page.evaluate("drawn > 3"))
            assert 0 == page.evaluate("document.getAnimations().length")
            ink = "name => getComputedStyle(document.getElementById(`ink-of-${name}`)).color"
            assert page.evaluate(ink, "user") != page.evaluate(ink, "model")
        place.hang_up(client)


class TestBudget:
    def test_the_page_is_small_and_asks_nobody_else(self, browser, place):
        """All that a first visit transfers: the page, its script and what it looks like."""
        with opened(browser, place.url) as shown:
            sizes = shown.page.evaluate(
                """() => performance.getEntriesByType('navigation').concat(
                    performance.getEntriesByType('resource')).map(e => [e.name, e.transferSize])"""
            )
        assert sum(size for _, size in sizes) < BUDGET_BYTES
        assert {name.split("/")[2] for name, _ in sizes} == {place.url.split("/")[2]}
        names = {f"/admin/{name.rpartition('/')[2]}" for name in page_files()}
        loaded = {name.replace(place.url, "/admin/") for name, _ in sizes}
        assert names - loaded <= {"/admin/index.html", "/admin/icon.svg"}
        assert {"/admin/main.js"} == {name for name in loaded if name.endswith(".js")}

    def test_nothing_is_asked_while_nobody_looks(self, browser, place):
        """A tab that is hidden, and a page that has forgotten its key; one that is seen goes on."""
        hidden = "Object.defineProperty(document, 'hidden', {get: () => window.isAway ?? false});"
        asked = []
        with opened(browser, place.url, before=hidden) as shown:
            page = shown.page
            page.clock.install()
            page.reload()
            page.on("request", lambda request: asked.append(request.url))
            enter(page)
            page.evaluate("window.isAway = true")
            rest(page, asked)
            page.evaluate("window.isAway = false")
            before = len(asked)
            while len(asked) == before:
                page.clock.run_for(1000)
            page.click("#forget")
            rest(page, asked)


def rest(page, asked):
    """Return when nothing more is asked, however late it gets."""
    before = -1
    while len(asked) > before:
        before = len(asked)
        page.clock.run_for(30_000)
