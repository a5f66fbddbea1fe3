"""Turns by meaning: when it is asked whether a speaker has finished, and what the answer does."""

import base64
import json

import pytest

from local_realtime.ears.vad import EnergyEar
from local_realtime.responders.echo import Echo

SPOKEN_MS, PAUSE_MS, WAITS_MS = 600, 360, {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
SEMANTIC = {"type": "semantic_vad", "create_response": False}


class Knowing(EnergyEar):
    hears_endings = True


class Oracle(Echo):
    """Says in turn how probably the speaker has finished, and keeps what it was asked."""

    def __init__(self, *probabilities):
        self.probabilities = list(probabilities)
        self.asked = []

    async def finished(self, sound):
        self.asked.append(sound)
        return self.probabilities.pop(0)


@pytest.fixture
def talk(new_call):
    """A call by meaning, and its oracle."""

    def begin(*probabilities, **detection):
        call = new_call(ears=Knowing)
        call.responder = Oracle(*probabilities)
        call.turn_detection({**SEMANTIC, **detection})
        return call, call.responder

    return begin


def stops(events):
    return [e["audio_end_ms"] for e in events if e["type"].endswith("speech_stopped")]


@pytest.mark.parametrize("chunk_ms", [20, 50, 5000])
def test_who_has_finished_is_answered_after_a_short_pause(talk, tone, silence, chunk_ms):
    """Whatever the cutting; the rest is heard as what comes next."""
    call, oracle = talk(0.99)
    events = call.append(tone(SPOKEN_MS) + silence(3000), chunk_ms)

    assert [SPOKEN_MS + PAUSE_MS] == stops(events)
    assert [SPOKEN_MS + PAUSE_MS] == [sound.duration_ms for sound in oracle.asked]


@pytest.mark.parametrize("eagerness", WAITS_MS)
@pytest.mark.parametrize("probability", [0.3, None], ids=["thinking", "unknown"])
def test_who_has_not_finished_may_think(talk, tone, silence, eagerness, probability):
    """For 8, 4 or 2 seconds; asked once in that pause."""
    call, oracle = talk(probability, eagerness=eagerness)
    events = call.append(tone(SPOKEN_MS) + silence(9000), 20)

    assert [SPOKEN_MS + WAITS_MS[eagerness]] == stops(events)
    assert 1 == len(oracle.asked)


@pytest.mark.parametrize(
    ("eagerness", "ends"), [("low", False), ("auto", True), ("high", True)], ids=str
)
def test_the_eager_need_less(talk, tone, silence, eagerness, ends):
    """The same probability ends one turn and not another."""
    call, _ = talk(0.8, eagerness=eagerness)

    assert ends == bool(stops(call.append(tone(SPOKEN_MS) + silence(1000), 20)))


def test_each_pause_is_asked_about(talk, tone, silence):
    """A turn with two pauses is one turn, if the first was no end."""
    call, oracle = talk(0.1, 0.99)
    said = tone(SPOKEN_MS) + silence(700)
    events = call.append(said + said, 20)

    assert [1300 + SPOKEN_MS + PAUSE_MS] == stops(events)
    assert [960, 2260] == [sound.duration_ms for sound in oracle.asked]


def asking(call, tone, silence):
    """A session that waits for the answer; returns when it asked."""
    call.append(tone(SPOKEN_MS), 20)
    audio = base64.b64encode(silence(PAUSE_MS + 1000)).decode()
    append = json.dumps({"type": "input_audio_buffer.append", "audio": audio})
    outputs = call.session.handle(append, call.now)
    while call.session.has_unheard:
        outputs += call.session.listen(call.now)
    (judge,) = (output for output in outputs if not isinstance(output, dict))
    return judge.at_ms


def test_nothing_is_heard_while_the_answer_is_awaited(talk, tone, silence):
    """However late it is, it belongs to that pause."""
    call, _ = talk()
    at_ms = asking(call, tone, silence)
    events = call.session.judged(at_ms, 0.99)

    assert [SPOKEN_MS + PAUSE_MS] == stops(events)
    assert call.session.has_unheard


@pytest.mark.parametrize("how", ["committed", "cleared", "manual", "other"])
def test_an_answer_that_comes_too_late_changes_nothing(talk, tone, silence, how):
    """The client has taken the turn into its own hands, or asks for another kind of turns."""
    call, _ = talk()
    at_ms = asking(call, tone, silence)
    if how == "committed":
        call.send("input_audio_buffer.commit")
    elif how == "cleared":
        call.send("input_audio_buffer.clear")
    else:
        call.turn_detection(None if how == "manual" else {"type": "server_vad"})

    assert [] == call.session.judged(at_ms, 0.99)


def test_without_a_model_silence_decides(new_call, tone, silence):
    """The rule of an ear that nobody can ask."""
    call = new_call()
    call.turn_detection({**SEMANTIC, "eagerness": "low"})

    assert [SPOKEN_MS + 1200] == stops(call.append(tone(SPOKEN_MS) + silence(3000), 20))
