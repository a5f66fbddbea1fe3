"""parley.js in a real browser, before a gateway and the local model: what a page can do."""

import pytest

from tests.on_demand import scipy_signal

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.web.calling import (
    SENT_HZ,
    SENTENCE,
    events,
    final_words,
    played,
    sound_of,
    speak,
    start,
    start_with_voice,
    words,
)
from tests.web.stage import Proxy, best_match, until

ON_ITS_WAY = 15


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
        sent = scipy_signal().resample_poly(sound_of(page, event["itemId"]), SENT_HZ // 8000, 2)
        _, likeness = best_match(sent, heard)
        assert likeness > 0.95
    assert not events(page, "error")


def test_push_to_talk_sends_what_is_said_while_it_is_held(page):
    """Nothing before it, and the turn ends when it is let go."""
    start_with_voice(page, talk="push_to_talk")
    until(page, "call.state === 'connected'")
    page.evaluate("window.sentFrames = 0; void call.on('message', countFrame)")
    page.evaluate("call.hold()")
    speak(page)
    until(page, "window.isSpoken")
    # The last of it is on its way from the microphone to the call for some frames of 20 ms more.
    until(page, f"sentFrames >= {page.evaluate('sentFrames') + ON_ITS_WAY}")
    page.evaluate("call.release()")
    until(page, "events('playback_ended').length")

    assert words(SENTENCE) == words(final_words(page, "user")[0])
    page.evaluate("call.hold(), call.release()")
    until(page, "events('error').length")
    assert "audio_buffer_empty" == events(page, "error")[0]["code"]
