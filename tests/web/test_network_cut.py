"""parley.js in a real browser, behind a network that stands still for three seconds and breaks."""

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.calls.house import House
from tests.clients.program import KEY
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
from tests.web.conftest import PATIENT
from tests.web.stage import Proxy, likenesses, until

CUT_MS = 3000
LONG = " ".join(f"The number {number} is one that I like to hear." for number in range(3))


@pytest.fixture
def network(speech_model, backstage):
    """A gateway that waits for its clients, and the wire to it."""
    house = House(
        speech_model.websocket_url,
        KEY,
        **PATIENT,
        session_resume_window_s=30,
    )
    backstage.run(house.__aenter__())
    proxy = Proxy(house.port)
    backstage.run(proxy.open())
    yield house, proxy
    backstage.run(proxy.close())
    backstage.run(house.__aexit__(None, None, None))


def cut(page, backstage, proxy):
    """Nothing comes and nothing goes, and nobody knows; then it is lost."""
    proxy.flows.clear()
    page.wait_for_timeout(CUT_MS)
    backstage.run(proxy.cut())
    proxy.flows.set()
    until(page, "call.state === 'reconnecting' || call.stats.reconnects")
    until(page, "call.state === 'connected'")


def ledger_of(house):
    [connection] = house.gateway.connections
    return connection._session.ledger.entries


def test_an_answer_is_heard_whole_and_once(page, network, backstage):
    """Of one connection and the other: every sample that the gateway knows of, in order."""
    house, proxy = network
    start(page, url=f"ws://127.0.0.1:{proxy.port}/ws", microphone=False)
    until(page, "call.state === 'connected'")
    page.evaluate("text => call.say(text)", LONG)
    until(page, "call.speaking && events('playback').length > 10")
    cut(page, backstage, proxy)
    until(
        page, "events('playback_ended').some(({ interrupted }) => !interrupted) && !call.speaking"
    )

    said, answered = ledger_of(house)
    assert LONG == said.text
    sent = sound_of(page, answered.id)
    assert abs(answered.audio_ms - 1000 * len(sent) / SENT_HZ) < 1
    assert [words(answered.text)] == [words(text) for text in final_words(page, "assistant")]
    heard, _ = played(page)
    assert np.median(likenesses(sent, heard, SENT_HZ // 8)) > 0.95
    assert events(page, "status")[-1]["contextLost"] is False
    assert (1, 0) == tuple(page.evaluate("[call.stats.reconnects, call.stats.droppedMs]"))
    page.evaluate("call.close()")
    until(page, "call.state === 'ended'")


def test_a_question_is_understood_whole_and_once(page, network, backstage):
    """One turn of the user's, in words, over both connections."""
    house, proxy = network
    start_with_voice(page, url=f"ws://127.0.0.1:{proxy.port}/ws")
    until(page, "call.state === 'connected'")
    speak(page)
    page.wait_for_timeout(1000)
    cut(page, backstage, proxy)
    until(page, "events('playback_ended').length")

    assert [words(SENTENCE)] == [words(text) for text in final_words(page, "user")]
    assert 1 == len(final_words(page, "assistant"))
    assert 2 == len(ledger_of(house))
    assert events(page, "status")[-1]["contextLost"] is False
    assert (1, 0) == tuple(page.evaluate("[call.stats.reconnects, call.stats.droppedMs]"))
    page.evaluate("call.close()")
    until(page, "call.state === 'ended'")
