"""parley.js in a real browser, before a gateway and the local model: what is heard of a call."""

from random import Random

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.web.calling import (
    PLAYED_HZ,
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
from tests.web.stage import Proxy, best_match, likenesses, until

LONG = " ".join(f"The number {number} is one that I like to hear." for number in range(12))
SILENT_MS = 30


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
    assert np.median(likenesses(sent, heard, SENT_HZ // 8)) > 0.95
    latency = events(page, "latency")[0]
    assert latency["totalMs"] > 0
    assert 0 == page.evaluate("call.stats.underruns")


def test_a_voice_interrupts_the_answer(page):
    """It is silent as soon as its sound is told to be, and nothing of it comes later.

    Told and silent are frames of the loudspeaker's own clock: a busy machine makes both late.
    """
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
    assert [old] == [event["itemId"] for event in events(page, "interrupted")]
    struck = [event for event in events(page, "transcript") if "heardChars" in event]
    assert 0 < struck[0]["heardChars"] < len(struck[0]["text"])

    heard, first = played(page)
    [told] = page.evaluate("marks")
    at = round((told - first) * SENT_HZ / PLAYED_HZ)
    assert np.abs(heard[at - SENT_HZ // 2 : at]).max() > 0.05
    behind = heard[at:]
    answer = sound_of(page, new)
    begins, _ = best_match(answer, behind)
    alike = likenesses(answer, behind, SENT_HZ // 8)
    assert np.median(alike) > 0.95
    rest = np.flatnonzero(np.abs(behind[: begins - SENT_HZ // 100]) > 1e-3)
    assert not len(rest) or rest[-1] < SILENT_MS * SENT_HZ / 1000


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
    alike = likenesses(sent, heard, SENT_HZ // 8)
    assert len(alike) > 4
    assert np.median(alike) > 0.95  # a hiss differs by where its samples fall
    assert 0 == page.evaluate("call.stats.underruns")
    page.evaluate("call.close()")
    backstage.run(proxy.close())
