"""Every state of the console, and how it is reached, in a page whose parley.js is scripted."""

import json
from typing import Any

from tests.web.scripted import Page, State, follows

LISBON = "I have one afternoon in Lisbon. Where should I start?"
WALK = (
    "Start at the Miradouro da Graça while the sun is still high, then walk down through Alfama "
    "to the river. It takes about two hours, with a stop for coffee."
)
TRAM = "What is the weather there, and when does the next tram leave?"
WEATHER = {"callId": "c1", "name": "get_weather", "arguments": {"city": "Lisbon"}}
DEPARTURE = {
    "callId": "c2",
    "name": "next_departure",
    "arguments": {"line": "28E", "stop": "Graça"},
}


def wait(total: int, model: int, gateway: int, tools: int | None = None) -> dict[str, float]:
    found = {"totalMs": total, "modelMs": model, "gatewayMs": gateway, "wayMs": 0.0}
    return found if tools is None else found | {"toolsMs": tools}


@follows(None)
def first(page: Page) -> None:
    """Nothing is done."""


@follows(first)
def asking(page: Page) -> None:
    page.begin()
    page.tell("status", state="asking", sentence="Your browser is asking.")


@follows(asking)
def connecting(page: Page) -> None:
    page.tell("status", state="connecting", sentence="Connecting.")


def hello(page: Page, **changes: Any) -> None:
    page.come_to(connecting)
    page.connect(**changes)
    page.sound(None, 1)
    page.hear("Hello, can you hear me?", 1.5)
    page.answer("Yes, clearly. What shall we talk about?", wait(860, 840, 20), seconds=1.9)
    page.sound(None, 2)


@follows(connecting)
def listening(page: Page) -> None:
    hello(page)
    page.hear("I have one afternoon in Lisbon. Where should I", 3.2, final=False)


@follows(listening)
def answering(page: Page) -> None:
    page.hear(LISBON, 0.6)
    page.answer(WALK, wait(940, 920, 20), heard=0.5, seconds=6)


@follows(answering)
def bargein(page: Page) -> None:
    page.sound("model", 0.6)
    page.tell("playback", itemId=page.item, playedMs=3600, receivedMs=6000)
    page.tell("speech", active=True, itemId="item_b")
    page.cut(3600)
    page.tell("interrupted", itemId=page.item, heardMs=3600)
    page.sound("you", 1.1)
    text = "Sorry, is that a lot of"
    page.tell("transcript", role="user", itemId="item_b", text=text, final=False, delta=text)


@follows(bargein)
def after(page: Page) -> None:
    text = "Sorry, is that a lot of stairs?"
    page.tell("transcript", role="user", itemId="item_b", text=text, final=True, delta="")
    stairs = "Going down, yes, mostly stairs and cobbles. Tram 28 runs the same way."
    page.answer(stairs, wait(830, 810, 20), seconds=3)
    page.sound(None, 1)


@follows(after)
def tool(page: Page) -> None:
    page.hear(TRAM, 3.2)
    page.sound(None, 0.6)
    page.tell("tool", status="running", **WEATHER)
    page.tell("tool", status="done", result="21 °C, clear until 19:00", ms=410, **WEATHER)
    page.tell("tool", status="running", **DEPARTURE)
    page.sound(None, 0.7)


@follows(tool)
def tool_done(page: Page) -> None:
    page.tell("tool", status="done", result="14:20, to Martim Moniz", ms=690, **DEPARTURE)
    text = "Twenty-one degrees and clear until seven. The next 28 leaves at twenty past two."
    page.answer(text, wait(1580, 870, 20, 690), heard=0.5, seconds=4)


@follows(tool_done)
def reconnecting(page: Page) -> None:
    page.sound("model", 2)
    page.tell("playback_ended", itemId=page.item, heardMs=4000, interrupted=False)
    page.sound(None, 1)
    lost = {"state": "reconnecting", "sentence": "The connection dropped.", "attempt": 2}
    page.run("() => { scripted.speaking = false; scripted.stats.keptMs = 4200; }")
    page.tell("status", **lost)
    page.sound("you", 3.6)
    page.page.wait_for_selector("text=4.2 s kept")


@follows(reconnecting)
def resumed(page: Page) -> None:
    page.run("() => { window.ahead(0); scripted.stats.keptMs = 0; }")
    page.tell("status", state="connected", sentence="The line is back.", contextLost=False)
    page.hear("Then I will take the tram.", 1.6)
    page.answer("At Largo da Graça there is a small kiosk.", wait(910, 890, 20), heard=0.6)


@follows(resumed)
def ended(page: Page) -> None:
    waits = [(910, 890), (790, 770), (880, 860), (970, 950), (840, 820), (900, 880)]
    turns = [{"responseId": f"r{n}", **wait(t, m, 20)} for n, (t, m) in enumerate(waits)]
    for turn in turns:
        page.tell("latency", **turn)
    page.run("() => scripted.close()")


@follows(after)
def muted(page: Page) -> None:
    page.page.keyboard.press("m")
    page.sound("you", 1.2)


@follows(muted)
def tools_wrong(page: Page) -> None:
    page.page.keyboard.press("m")
    page.hear(TRAM, 3.2)
    page.tell("tool", status="failed", result="no answer within 10 s", ms=10_000, **WEATHER)
    page.tell("tool", status="cancelled", ms=690, **DEPARTURE)


@follows(tools_wrong)
def trouble(page: Page) -> None:
    sentence = "The model did not answer within 15 s."
    page.tell("error", code="upstream_timeout", sentence=sentence, retryable=True)
    page.tell("problem", kind="sound_blocked", sentence="x")


@follows(trouble)
def lost(page: Page) -> None:
    sentence = "The connection did not come back. Six tries, 16 s."
    page.tell("status", state="ended", sentence=sentence, code="closed", closeCode=1006)


@follows(connecting)
def recorded(page: Page) -> None:
    hello(page, recorded=True)
    page.hear("Who else hears this?", 1.8)
    page.answer("Whoever runs this gateway, if they listen to it later.", wait(790, 770, 20))


@follows(recorded)
def recorded_and_lost(page: Page) -> None:
    page.tell("status", state="reconnecting", sentence="The connection dropped.", attempt=2)
    page.sound("you", 1.5)


@follows(recorded_and_lost)
def afresh(page: Page) -> None:
    page.tell("status", state="connected", sentence="The line is back.", contextLost=True)


@follows(answering)
def settings(page: Page) -> None:
    page.page.click("#open-settings")
    page.page.check("[name=turn_detection][value=semantic_vad]")
    page.page.select_option("#set-transcription_language", "pt")


@follows(settings)
def settings_refused(page: Page) -> None:
    page.run("() => { scripted.refusal = 'speed must be a number from 0.9 to 1.2.'; }")
    page.page.click("#apply")
    page.page.wait_for_selector("text=speed must be")


def note(page: Page, direction: str, kind: str, at: int, **data: Any) -> None:
    envelope = {"type": kind, "data": data, "error": "", "timestamp": 1795520698391, "seq": at}
    text = json.dumps(envelope)
    page.tell("message", direction=direction, type=kind, at=at, text=text, bytes=len(text))


@follows(answering)
def messages(page: Page) -> None:
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


@follows(None)
def only_words(page: Page) -> None:
    page.connect(session="transcription", voice=None, speed=None, answers_in=None)
    page.sound(None, 1)
    page.hear("We meet on Thursday, at ten.", 2.2)
    page.sound(None, 1)
    page.hear("Ana brings the", 1.1, final=False)


@follows(None)
def hold(page: Page) -> None:
    page.connect(turn_detection="none")
    page.sound(None, 1)
    page.page.focus("#hold")
    page.page.keyboard.down(" ")
    page.sound("you", 2.2)
    text = "What is the weather there, and when"
    page.tell("transcript", role="user", itemId="item_h", text=text, final=False, delta=text)


@follows(None)
def typed(page: Page) -> None:
    page.page.keyboard.press("/")
    page.page.keyboard.type("What is twelve times seven?")
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("html[data-scripted]")
    page.run("() => { scripted.connected(); window.clockMs = performance.now(); }")
    page.answer("84.", wait(310, 290, 20), seconds=1)


def microphone(kind: str, before: State) -> State:
    @follows(before)
    def trouble_of(page: Page) -> None:
        page.tell("problem", kind=kind, sentence="x")

    return trouble_of


blocked = microphone("microphone_blocked", asking)
missing = microphone("microphone_missing", blocked)
busy = microphone("microphone_busy", missing)
insecure = microphone("insecure_page", busy)


@follows(insecure)
def token_refused(page: Page) -> None:
    sentence = "The token was made with another secret than this server's; both need the same."
    end = {"state": "ended", "sentence": sentence, "code": "token_invalid", "closeCode": 4401}
    page.tell("status", **end)


@follows(asking)
def origin_denied(page: Page) -> None:
    end = {"state": "ended", "sentence": "Pages of this origin may not connect."}
    page.tell("status", **end, code="origin_denied", closeCode=4403)


STATES: dict[str, State] = {
    "first": first,
    "asking": asking,
    "connecting": connecting,
    "listening": listening,
    "answering": answering,
    "bargein": bargein,
    "after": after,
    "tool": tool,
    "tool-done": tool_done,
    "reconnecting": reconnecting,
    "resumed": resumed,
    "ended": ended,
    "muted": muted,
    "tools-wrong": tools_wrong,
    "trouble": trouble,
    "lost": lost,
    "recorded": recorded,
    "recorded-and-lost": recorded_and_lost,
    "afresh": afresh,
    "settings": settings,
    "settings-refused": settings_refused,
    "messages": messages,
    "only-words": only_words,
    "hold": hold,
    "typed": typed,
    "microphone-blocked": blocked,
    "microphone-missing": missing,
    "microphone-busy": busy,
    "insecure-page": insecure,
    "token-refused": token_refused,
    "origin-denied": origin_denied,
}
"""In such an order that most follow the one that stands before them."""
