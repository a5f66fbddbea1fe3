"""Every state of the console, and how it is reached, in a page whose parley.js is scripted."""

import json
from collections.abc import Callable
from typing import Any

CONNECT = (
    "scripted.tell('status', {state: 'connecting', sentence: 'Connecting.'}); scripted.connected()"
)

LISBON = "I have one afternoon in Lisbon. Where should I start?"
WALK = (
    "Start at the Miradouro da Graça while the sun is still high, then walk down through Alfama "
    "to the river. It takes about two hours, with a stop for coffee."
)
TRAM = "What is the weather there, and when does the next tram leave?"

# What was said and heard, as levels: a pause is silence, a word is a few loud bars.
LEVELS = """(who, seconds, more = {}) => {
  let seed = window.seed = (window.seed ?? 1) + 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  window.clockMs ??= performance.now();
  for (let ms = 0; ms < seconds * 1000; ms += 64) {
    window.clockMs += 64;
    const db = -18 - 16 * random() ** 2 - (random() < 0.08 ? 40 : 0);
    const level = {you: -90, model: -90, ...(who ? {[who]: db} : {})};
    window.heardAt(window.clockMs, () => scripted.tell('level', level));
  }
}"""

# The rest of an answer, of which nothing is heard any more.
UNHEARD = """([itemId, offsetMs]) => {
  const loud = (n) => 0.3 * Math.abs(Math.sin(n / 40)) ** 3;
  const samples = Float32Array.from({length: 1400}, (_, n) => loud(n));
  scripted.tell('audio', {itemId, responseId: 'r', offsetMs, rateHz: 1000, samples});
}"""

# A clock that stands where the script puts it, so that a call of a minute takes no time.
CLOCK = """(() => {
  const begun = performance.now();
  let ahead = 0;
  performance.now = () => begun + ahead;
  window.ahead = ms => { ahead += ms; };
  window.heardAt = (at, does) => {
    ahead += Math.max(0, at - performance.now());
    does();
  };
})()"""


class Page:
    """A page of the console and its scripted call."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self._items = 0

    def run(self, script: str, *args: Any) -> Any:
        return self.page.evaluate(script, *args)

    def tell(self, event: str, **fields: Any) -> None:
        self.page.evaluate("([name, event]) => scripted.tell(name, event)", [event, fields])

    def sound(self, who: str | None, seconds: float) -> None:
        self.page.evaluate(f"([who, s]) => ({LEVELS})(who, s)", [who, seconds])

    def begin(self) -> None:
        self.page.click("#start")
        self.page.wait_for_selector("html[data-scripted]")

    def connect(self, **changes: Any) -> None:
        self.begin()
        self.run(
            "changes => { scripted.connected(changes); window.clockMs = performance.now(); }",
            changes,
        )

    def hear(self, text: str, seconds: float = 2.4, *, final: bool = True) -> None:
        """You say *text*."""
        self._items += 1
        item = f"item_u{self._items}"
        self.tell("speech", active=True, itemId=item)
        self.sound("you", seconds)
        if final:
            self.tell("speech", active=False, itemId=item)
        self.tell("transcript", role="user", itemId=item, text=text, final=final, delta=text)

    def answer(
        self, text: str, wait: dict[str, float], *, heard: float = 1.0, seconds: float = 3.0
    ) -> str:
        """The model says *text*, of which *heard* is heard so far; the item's id."""
        self._items += 1
        item, response = f"item_m{self._items}", f"resp_{self._items}"
        self.sound(None, wait["totalMs"] / 1000)
        self.tell("transcript", role="assistant", itemId=item, text=text, final=True, delta=text)
        self.tell("speaking", itemId=item, responseId=response)
        turn = {"responseId": response, **wait}
        self.tell("latency", **turn)
        self.sound("model", seconds * heard)
        ms = seconds * 1000
        self.tell("playback", itemId=item, playedMs=ms * heard, receivedMs=ms)
        if heard == 1.0:
            self.tell("playback_ended", itemId=item, heardMs=ms, interrupted=False)
        return item

    def cut(self, item: str, heard_ms: float) -> None:
        self.run(UNHEARD, [item, heard_ms])
        self.tell("playback_ended", itemId=item, heardMs=heard_ms, interrupted=True)


def wait(total: int, model: int, gateway: int, tools: int | None = None) -> dict[str, float]:
    found = {"totalMs": total, "modelMs": model, "gatewayMs": gateway, "wayMs": 0.0}
    return found if tools is None else found | {"toolsMs": tools}


def hello(page: Page, **changes: Any) -> None:
    page.connect(**changes)
    page.sound(None, 1)
    page.hear("Hello, can you hear me?", 1.5)
    page.answer("Yes, clearly. What shall we talk about?", wait(860, 840, 20), seconds=1.9)
    page.sound(None, 2)


def first(page: Page) -> None:
    """Nothing is done."""


def asking(page: Page) -> None:
    page.begin()
    page.tell("status", state="asking", sentence="Your browser is asking.")


def connecting(page: Page) -> None:
    page.begin()
    page.tell("status", state="connecting", sentence="Connecting.")


def listening(page: Page) -> None:
    hello(page)
    page.hear("I have one afternoon in Lisbon. Where should I", 3.2, final=False)


def answering(page: Page) -> None:
    hello(page)
    page.hear(LISBON, 3.8)
    page.answer(WALK, wait(940, 920, 20), heard=0.5, seconds=6)


def bargein(page: Page) -> None:
    hello(page)
    page.hear(LISBON, 3.8)
    item = page.answer(WALK, wait(940, 920, 20), heard=0.6, seconds=10.4)
    page.tell("speech", active=True, itemId="item_b")
    page.cut(item, 6240)
    page.tell("interrupted", itemId=item, heardMs=6240)
    page.sound("you", 1.1)
    text = "Sorry, is that a lot of"
    page.tell("transcript", role="user", itemId="item_b", text=text, final=False, delta=text)


def after(page: Page) -> None:
    bargein(page)
    text = "Sorry, is that a lot of stairs?"
    page.tell("transcript", role="user", itemId="item_b", text=text, final=True, delta="")
    stairs = "Going down, yes, mostly stairs and cobbles. Tram 28 runs the same way."
    page.answer(stairs, wait(830, 810, 20), seconds=3)
    page.sound(None, 1)


def tool(page: Page) -> None:
    after(page)
    page.hear(TRAM, 3.2)
    page.sound(None, 0.6)
    weather = {"callId": "c1", "name": "get_weather", "arguments": {"city": "Lisbon"}}
    tram = {"callId": "c2", "name": "next_departure", "arguments": {"line": "28E", "stop": "Graça"}}
    page.tell("tool", status="running", **weather)
    page.tell("tool", status="done", result="21 °C, clear until 19:00", ms=410, **weather)
    page.tell("tool", status="running", **tram)
    page.sound(None, 0.7)


def tool_done(page: Page) -> str:
    tool(page)
    tram = {"callId": "c2", "name": "next_departure", "arguments": {"line": "28E", "stop": "Graça"}}
    page.tell("tool", status="done", result="14:20, to Martim Moniz", ms=690, **tram)
    text = "Twenty-one degrees and clear until seven. The next 28 leaves at twenty past two."
    return page.answer(text, wait(1580, 870, 20, 690), heard=0.5, seconds=4)


def tools_wrong(page: Page) -> None:
    after(page)
    page.hear(TRAM, 3.2)
    weather = {"callId": "c1", "name": "get_weather", "arguments": {"city": "Lisbon"}}
    tram = {"callId": "c2", "name": "next_departure", "arguments": {"line": "28E", "stop": "Graça"}}
    page.tell("tool", status="failed", result="no answer within 10 s", ms=10_000, **weather)
    page.tell("tool", status="cancelled", ms=690, **tram)


def recorded(page: Page) -> None:
    hello(page, recorded=True)
    page.hear("Who else hears this?", 1.8)
    page.answer("Whoever runs this gateway, if they listen to it later.", wait(790, 770, 20))


def recorded_and_lost(page: Page) -> None:
    recorded(page)
    page.tell("status", state="reconnecting", sentence="The connection dropped.", attempt=2)
    page.sound("you", 1.5)


def only_words(page: Page) -> None:
    page.connect(session="transcription", voice=None, speed=None, answers_in=None)
    page.sound(None, 1)
    page.hear("We meet on Thursday, at ten.", 2.2)
    page.sound(None, 1)
    page.hear("Ana brings the", 1.1, final=False)


def hold(page: Page) -> None:
    page.connect(turn_detection="none")
    page.sound(None, 1)
    page.page.focus("#hold")
    page.page.keyboard.down(" ")
    page.sound("you", 2.2)
    text = "What is the weather there, and when"
    page.tell("transcript", role="user", itemId="item_h", text=text, final=False, delta=text)


def muted(page: Page) -> None:
    after(page)
    page.page.keyboard.press("m")
    page.sound("you", 1.2)


def typed(page: Page) -> None:
    page.page.keyboard.press("/")
    page.page.keyboard.type("What is twelve times seven?")
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("html[data-scripted]")
    page.run("() => { scripted.connected(); window.clockMs = performance.now(); }")
    page.answer("84.", wait(310, 290, 20), seconds=1)


def reconnecting(page: Page) -> None:
    item = tool_done(page)
    page.sound("model", 2)
    page.tell("playback_ended", itemId=item, heardMs=4000, interrupted=False)
    page.sound(None, 1)
    lost = {"state": "reconnecting", "sentence": "The connection dropped.", "attempt": 2}
    page.run("() => { scripted.speaking = false; scripted.stats.keptMs = 4200; }")
    page.tell("status", **lost)
    page.sound("you", 3.6)
    page.page.wait_for_selector("text=4.2 s kept")


def resumed(page: Page) -> None:
    reconnecting(page)
    page.run("() => { window.ahead(0); scripted.stats.keptMs = 0; }")
    page.tell("status", state="connected", sentence="The line is back.", contextLost=False)
    page.hear("Then I will take the tram.", 1.6)
    page.answer("At Largo da Graça there is a small kiosk.", wait(910, 890, 20), heard=0.6)


def afresh(page: Page) -> None:
    reconnecting(page)
    page.tell("status", state="connected", sentence="The line is back.", contextLost=True)


def trouble(page: Page) -> None:
    after(page)
    sentence = "The model did not answer within 15 s."
    page.tell("error", code="upstream_timeout", sentence=sentence, retryable=True)
    page.tell("problem", kind="sound_blocked", sentence="x")


def token_refused(page: Page) -> None:
    page.begin()
    sentence = "The token was made with another secret than this server's; both need the same."
    end = {"state": "ended", "sentence": sentence, "code": "token_invalid", "closeCode": 4401}
    page.tell("status", **end)


def origin_denied(page: Page) -> None:
    page.begin()
    end = {"state": "ended", "sentence": "Pages of this origin may not connect."}
    page.tell("status", **end, code="origin_denied", closeCode=4403)


def microphone(kind: str) -> Callable[[Page], None]:
    def reach(page: Page) -> None:
        asking(page)
        page.tell("problem", kind=kind, sentence="x")

    return reach


def ended(page: Page) -> None:
    tool_done(page)
    waits = [(910, 890), (790, 770), (880, 860), (970, 950), (840, 820), (900, 880)]
    turns = [{"responseId": f"r{n}", **wait(t, m, 20)} for n, (t, m) in enumerate(waits)]
    for turn in turns:
        page.tell("latency", **turn)
    page.run("() => scripted.close()")


def lost(page: Page) -> None:
    after(page)
    sentence = "The connection did not come back. Six tries, 16 s."
    page.tell("status", state="ended", sentence=sentence, code="closed", closeCode=1006)


def settings(page: Page) -> None:
    answering(page)
    page.page.click("#open-settings")
    page.page.check("[name=turn_detection][value=semantic_vad]")
    page.page.select_option("#set-transcription_language", "pt")


def settings_refused(page: Page) -> None:
    settings(page)
    page.run("() => { scripted.refusal = 'speed must be a number from 0.9 to 1.2.'; }")
    page.page.click("#apply")
    page.page.wait_for_selector("text=speed must be")


def note(page: Page, direction: str, kind: str, at: int, **data: Any) -> None:
    envelope = {"type": kind, "data": data, "error": "", "timestamp": 1795520698391, "seq": at}
    text = json.dumps(envelope)
    page.tell("message", direction=direction, type=kind, at=at, text=text, bytes=len(text))


def messages(page: Page) -> None:
    answering(page)
    note(page, "in", "connection_status", 0, status="connected", session_id="sess_4f")
    words, at = WALK.split(" "), 18_000
    for n in range(0, len(words), 3):
        at += 130
        delta = " ".join(words[n : n + 3])
        text = " ".join(words[: n + 3])
        fields = {"role": "assistant", "item_id": "item_7QdC", "text": text, "delta": delta}
        note(page, "in", "transcript", at, final=False, **fields)
        for piece in range(4):
            note(page, "in", "audio", at + piece, item_id="item_7QdC", duration_ms=200, size=9600)
        note(page, "out", "playback", at + 60, item_id="item_7QdC", played_ms=at - 17_800)
    note(page, "in", "error", at + 90, code="audio_backlog", retryable=True)
    page.page.click("#open-messages")
    page.page.click("#wire-list li:nth-child(6)")


STATES: dict[str, Callable[[Page], None]] = {
    "first": first,
    "asking": asking,
    "connecting": connecting,
    "listening": listening,
    "answering": answering,
    "bargein": bargein,
    "tool": tool,
    "tool-done": tool_done,
    "tools-wrong": tools_wrong,
    "recorded": recorded,
    "recorded-and-lost": recorded_and_lost,
    "only-words": only_words,
    "hold": hold,
    "muted": muted,
    "typed": typed,
    "reconnecting": reconnecting,
    "resumed": resumed,
    "afresh": afresh,
    "trouble": trouble,
    "token-refused": token_refused,
    "origin-denied": origin_denied,
    "microphone-blocked": microphone("microphone_blocked"),
    "microphone-missing": microphone("microphone_missing"),
    "microphone-busy": microphone("microphone_busy"),
    "insecure-page": microphone("insecure_page"),
    "ended": ended,
    "lost": lost,
    "settings": settings,
    "settings-refused": settings_refused,
    "messages": messages,
}
