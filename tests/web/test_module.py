"""parley.js in a real browser: a page of another origin, before a gateway and the local model."""

import re
import wave
from random import Random

import numpy as np
import pytest
from scipy.signal import resample_poly

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.web.stage import HERE, SPEECH, Proxy, best_match, likenesses, pages, until

SENTENCE = "He might even have been made amiable himself"
LONG = " ".join(f"The number {number} is one that I like to hear." for number in range(12))
PLAYED_HZ = 44_100
SENT_HZ = 24_000
SHELL = (
    '<!doctype html><title>Test</title><script src="/recorder.js"></script>'
    '<script type="module" src="/page.js"></script>'
)


@pytest.fixture(scope="module")
def origin(house):
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


def start(page, **options):
    page.evaluate("options => start(options)", options)


def start_with_voice(page, **options):
    """A call whose microphone is `speak`."""
    page.evaluate("options => start({ microphone: microphone(16000), ...options })", options)


def speech() -> list[float]:
    with wave.open(str(SPEECH)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return (samples / 32768).round(5).tolist()


def speak(page):
    page.evaluate("samples => speak(samples)", speech())


def events(page, name):
    return page.evaluate("name => events(name)", name)


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def final_words(page, role):
    return [e["text"] for e in events(page, "transcript") if e["role"] == role and e["final"]]


def sound_of(page, item_id):
    """What came of an item."""
    return np.array(page.evaluate("id => soundOf(id)", item_id))


def played(page):
    """What was heard, at the rate of what is sent, and the frame at which it begins."""
    heard = page.evaluate("played()")
    return resample_poly(np.array(heard["samples"]), SENT_HZ // 300, PLAYED_HZ // 300), heard[
        "frame"
    ]


def test_a_page_talks_with_its_microphone(page):
    """The right words, an answer, and what is heard of it is what was sent."""
    start(page, jitterMs=500)
    until(page, "events('playback_ended').length")

    assert words(SENTENCE) == words(final_words(page, "user")[0])
    assert words(f"I heard you say: {SENTENCE}") == words(final_words(page, "assistant")[0])
    states = [event["state"] for event in events(page, "status")]
    assert ["asking", "connecting", "connected"] == states
    ended = events(page, "playback_ended")[0]
    sent = sound_of(page, ended["itemId"])
    assert abs(ended["heardMs"] - 1000 * len(sent) / SENT_HZ) < 5
    heard, _ = played(page)
    assert np.abs(sent).max() > 0.05
    _, likeness = best_match(sent, heard)
    assert likeness > 0.98
    latency = events(page, "latency")[0]
    assert latency["totalMs"] > 0
    assert 0 == page.evaluate("call.stats.underruns")


def interrupted_by_voice(page):
    """How long the old answer was heard after `interrupted`, in ms; nothing of it comes later."""
    start_with_voice(page)
    until(page, "call.state === 'connected'")
    page.evaluate("text => call.say(text)", LONG)
    until(page, "call.speaking && events('playback').length > 10")
    speak(page)
    until(page, "events('interrupted').length")
    until(page, "events('speaking').length === 2")
    until(page, "!call.speaking")

    old, new = (event["itemId"] for event in events(page, "speaking"))
    cut = events(page, "playback_ended")[0]
    assert (old, True) == (cut["itemId"], cut["interrupted"])
    told = events(page, "interrupted")[0]
    assert old == told["itemId"]
    struck = [event for event in events(page, "transcript") if "heardChars" in event]
    assert 0 < struck[0]["heardChars"] < len(struck[0]["text"])

    heard, first = played(page)
    behind = heard[round((told["frame"] - first) * SENT_HZ / PLAYED_HZ) :]
    answer = sound_of(page, new)
    begins, _ = best_match(answer, behind)
    alike = likenesses(answer, behind, SENT_HZ // 2)
    assert np.median(alike) > 0.98  # in pieces, as the loudspeaker's clock is another
    between = np.flatnonzero(np.abs(behind[: begins - SENT_HZ // 100]) > 1e-3)
    page.evaluate("call.close()")
    return 1000 * between[-1] / SENT_HZ if len(between) else 0.0


def test_a_voice_interrupts_the_answer(page):
    """Within 100 ms of `interrupted` it is silent; a browser on a busy machine may try again."""
    for _ in range(3):
        late_ms = interrupted_by_voice(page)
        if late_ms <= 100:
            return
    pytest.fail(f"the old answer was heard for {late_ms:.0f} ms")


def test_a_call_survives_a_dropped_socket(page, house, backstage):
    """What is said meanwhile is kept, and heard when the line is back."""
    proxy = Proxy(house.port)
    backstage.run(proxy.open())
    start_with_voice(page, url=f"ws://127.0.0.1:{proxy.port}/ws")
    until(page, "call.state === 'connected'")
    proxy.is_open = False
    backstage.run(proxy.cut())
    until(page, "call.state === 'reconnecting'")
    speak(page)
    until(page, "call.stats.keptMs > 1500")
    proxy.is_open = True
    until(page, "call.state === 'connected'")
    until(page, "events('transcript').some(({ role, final }) => role === 'user' && final)")

    back = events(page, "status")[-1]
    assert back["contextLost"] is True
    assert "The model starts afresh" in back["sentence"]
    assert words(SENTENCE) == words(final_words(page, "user")[0])
    assert (1, 0) == tuple(page.evaluate("[call.stats.reconnects, call.stats.droppedMs]"))
    page.evaluate("call.close()")
    until(page, "call.state === 'ended'")
    backstage.run(proxy.close())


def test_an_answer_is_whole_behind_a_network_that_delays_it(page, house, backstage):
    """Up to 300 ms, another time for each piece; the rest of the buffer is for a busy machine.

    To the millisecond it is held in simulated time, in node/jitter.test.mjs.
    """
    random = Random(5)
    proxy = Proxy(house.port, lambda: random.uniform(0, 0.3))
    backstage.run(proxy.open())
    url = f"ws://127.0.0.1:{proxy.port}/ws"
    start(page, url=url, microphone=False, jitterMs=1500)
    until(page, "call.state === 'connected'")
    page.evaluate("text => call.say(text)", SENTENCE)
    until(page, "events('playback_ended').length")

    heard, _ = played(page)
    sent = sound_of(page, events(page, "speaking")[0]["itemId"])
    alike = likenesses(sent, heard, SENT_HZ // 4)
    assert len(alike) > 4
    assert np.median(alike) > 0.98  # a hiss differs by where its samples fall
    assert 0 == page.evaluate("call.stats.underruns")
    page.evaluate("call.close()")
    backstage.run(proxy.close())


def test_another_microphone_can_be_taken_in_mid_call(page):
    """What there is, by name, and the call goes on with it."""
    start(page)
    until(page, "call.state === 'connected'")
    found = page.evaluate(
        "call.devices().then(({ microphones }) => microphones.map((m) => m.label))"
    )
    assert found
    page.evaluate(
        "call.devices().then(({ microphones }) => call.useMicrophone(microphones.at(-1).deviceId))"
    )
    until(page, "call.levels().you > -120")
    refused = page.evaluate("call.useMicrophone('nobody').catch(({ code }) => code)")
    assert "microphone_missing" == refused
    page.evaluate("call.mute()")
    assert page.evaluate("call.muted")


def test_a_bad_token_is_refused_with_a_sentence(page):
    """The call ends, is not tried again, and says why."""
    page.evaluate("() => { window.token = 'no.token.atall' }")
    start(page, microphone=False)
    refused = page.evaluate(
        "call.ready.then(() => null, ({ name, code, message }) => ({ name, code, message }))"
    )

    assert ("CallError", "token_invalid") == (refused["name"], refused["code"])
    assert refused["message"].endswith(".")
    last = events(page, "status")[-1]
    assert ("ended", 4401, refused["message"]) == (
        last["state"],
        last["closeCode"],
        last["sentence"],
    )
    assert 1 == sum(event["state"] == "connecting" for event in events(page, "status"))


def test_a_function_of_the_page_is_called(page, house):
    """The answer has what the page gave back."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"name": "get_weather", "description": "The weather in a city.", "parameters": city}
    said = {"tools": [tool], "turn_detection": "none"}
    page.evaluate("token => { window.token = token }", house.token(parley_session=said))
    page.evaluate(
        """() => start({ microphone: false, tools: [{ name: "get_weather" }] },
            { get_weather: async ({ city }) => ({ city, sky: "sunny", temperature: 21 }) })"""
    )
    until(page, "call.state === 'connected'")
    page.evaluate("call.say('What is the weather in Paris?')")
    until(
        page,
        "events('response').some(({ status, continues }) => status === 'completed' && !continues)",
    )

    assert ["running", "done"] == [event["status"] for event in events(page, "tool")]
    assert {"city": "Paris"} == events(page, "tool")[0]["arguments"]
    assert "sunny" in " ".join(final_words(page, "assistant"))


def test_the_voice_changes_before_the_first_word_and_not_behind_it(page):
    """`configure` is a promise: what is in force, or why it is not."""
    start(page, microphone=False)
    until(page, "call.state === 'connected'")
    configured = page.evaluate("call.configure({ voice: 'cedar', speed: 1.1 })")
    assert ("cedar", 1.1) == (configured["voice"], configured["speed"])
    assert "cedar" == page.evaluate("call.negotiated.voice")
    page.evaluate("call.say('Hello.')")
    until(page, "events('playback_ended').length")

    refused = page.evaluate(
        "call.configure({ voice: 'marin' }).catch(({ code, message }) => ({ code, message }))"
    )
    assert "invalid_message" == refused["code"]
    assert "cedar" == page.evaluate("call.negotiated.voice")


def test_formats_change_in_mid_call(page):
    """Both ways, twice; what is said is understood, and what is heard is what came."""
    start_with_voice(page)
    until(page, "call.state === 'connected'")
    changes = [
        {"input_format": "pcmu", "input_rate": 16000, "output_format": "float32"},
        {"input_format": "float32", "input_rate": 8000, "output_format": "pcma"},
    ]
    for number, change in enumerate(changes, 1):
        fields = change | {"output_rate": 16000}
        configured = page.evaluate("fields => call.configure(fields)", fields)
        now = (configured["input"]["format"], configured["input"]["rate_hz"])
        assert (change["input_format"], change["input_rate"]) == now
        assert change["output_format"] == configured["output"]["format"]
        speak(page)
        until(page, f"events('playback_ended').length === {number}")
        assert words(SENTENCE) == words(final_words(page, "user")[-1])

    assert {16000} == set(page.evaluate("events('audio').map(({ rateHz }) => rateHz)"))
    heard, _ = played(page)
    for event in events(page, "speaking"):
        sent = resample_poly(sound_of(page, event["itemId"]), SENT_HZ // 8000, 2)
        _, likeness = best_match(sent, heard)
        assert likeness > 0.95
    assert not events(page, "error")


def test_push_to_talk_sends_what_is_said_while_it_is_held(page):
    """Nothing before it, and the turn ends when it is let go."""
    start_with_voice(page, talk="push_to_talk")
    until(page, "call.state === 'connected'")
    page.evaluate("call.hold()")
    speak(page)
    page.wait_for_timeout(3600)
    page.evaluate("call.release()")
    until(page, "events('playback_ended').length")

    assert words(SENTENCE) == words(final_words(page, "user")[0])
    page.evaluate("call.hold(), call.release()")
    until(page, "events('error').length")
    assert "audio_buffer_empty" == events(page, "error")[0]["code"]
