"""A turn that two models hear has one name, and begins and ends once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.relaying.call import Call
from tests.session.test_rebuilding import again, hears_turn, speak
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session.turn_names import NAMES_KEPT, TurnNames

SPEECH = "input_audio_buffer.speech_"


def started(story, name, at_ms=0):
    story.said(realtime.UserSpeechStarted(name, at_ms))


def stopped(story, name, at_ms=300):
    story.said(realtime.UserSpeechStopped(name, at_ms))


def of_turns(story):
    """What the client was told of its turns."""
    kinds = {"speech_started", "speech_stopped", "audio_committed", "transcript"}
    return [(kind, data["item_id"]) for kind, data in story.all_messages if kind in kinds]


def test_a_turn_that_the_next_model_hears_anew_is_begun_once(story):
    """Under the name that the client knows, to its last word."""
    story.connected()
    speak(story, 1, 2)
    started(story, "u1")
    again(story)
    started(story, "u2")
    speak(story, 3)
    stopped(story, "u2")
    hears_turn(story, "u2", "Hello.")

    assert [
        ("speech_started", "u1"),
        ("speech_stopped", "u1"),
        ("audio_committed", "u1"),
        ("transcript", "u1"),
    ] == of_turns(story)
    started(story, "u3", 400)
    assert ("speech_started", "u3") == of_turns(story)[-1]


def test_a_turn_that_was_over_ends_once_and_is_waited_for_since(story):
    story.connected()
    speak(story, 1, 2, 3)
    started(story, "u1")
    story.now = 1.0
    stopped(story, "u1")
    again(story)
    started(story, "u2")
    story.now = 5.0
    stopped(story, "u2")
    hears_turn(story, "u2", "Hello.")

    assert [
        ("speech_started", "u1"),
        ("speech_stopped", "u1"),
        ("audio_committed", "u1"),
        ("transcript", "u1"),
    ] == of_turns(story)
    assert 1.0 == story.session._conductor.answers.waits._turn.since


def test_models_that_are_lost_one_after_the_other(story):
    """Whether or not each has come to hear it."""
    story.connected()
    speak(story, 1, 2)
    started(story, "u1")
    again(story)
    again(story)
    started(story, "u2")
    again(story)
    started(story, "u3")
    stopped(story, "u3")

    assert [("speech_started", "u1"), ("speech_stopped", "u1")] == of_turns(story)


def test_what_begins_behind_what_was_said_before_is_another_turn(story):
    """The next model has heard nothing in that."""
    story.connected()
    speak(story, 1, 2)
    started(story, "u1")
    stopped(story, "u1")
    again(story)
    started(story, "u2", 200)

    assert ("speech_started", "u2") == of_turns(story)[-1]


@pytest.mark.parametrize("turn_detection", ["server_vad", "semantic_vad"])
def test_what_the_client_has_cleared_is_not_said_again(stage, turn_detection):
    story = stage(turn_detection=turn_detection).connected()
    speak(story, 1, 2)
    started(story, "u1")
    story.lost()
    story.session._conductor.uplink.clear()
    story.tick(at=story.session.timers.earliest).model_ready()
    speak(story, 3)
    started(story, "u2")

    assert [("speech_started", "u1"), ("speech_started", "u2")] == of_turns(story)


def test_a_model_that_is_told_of_nothing_hears_another_turn(stage):
    story = stage(ledger_entries=0).connected()
    speak(story, 1, 2)
    started(story, "u1")
    story.lost().tick(at=story.session.timers.earliest).model_ready()
    started(story, "u2")

    assert [("speech_started", "u1"), ("speech_started", "u2")] == of_turns(story)


class TestRelayed:
    """The same, in the API's own words, both ways."""

    @pytest.fixture
    def call(self):
        call = Call().begun()
        for _ in range(3):
            call.asks("input_audio_buffer.append", audio="AAAA" * 6400)
        call.says(SPEECH + "started", item_id="u1", audio_start_ms=0)
        call.loses_model().finds_model()
        call.says(SPEECH + "started", item_id="u2", audio_start_ms=0)
        call.says(SPEECH + "stopped", item_id="u2", audio_end_ms=900)
        call.says("input_audio_buffer.committed", item_id="u2", previous_item_id=None)
        part = {"type": "input_audio", "transcript": None}
        item = {"id": "u2", "type": "message", "role": "user", "content": [part]}
        call.says("conversation.item.added", item=item, previous_item_id=None)
        return call

    def test_the_client_knows_one_turn(self, call):
        call.says("conversation.item.deleted", item_id="u2")
        events = [e for e in call.all_shown if not e["type"].startswith("session.")]

        assert [
            (SPEECH + "started", "u1"),
            (SPEECH + "stopped", "u1"),
            ("input_audio_buffer.committed", "u1"),
            ("conversation.item.added", "u1"),
            ("conversation.item.deleted", "u1"),
        ] == [(e["type"], e.get("item_id") or e["item"]["id"]) for e in events]

    def test_what_it_asks_of_it_means_that(self, call):
        call.asks("conversation.item.retrieve", item_id="u1")
        assert "u2" == call.sent[-1]["item_id"]
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
        call.asks("conversation.item.create", item=item, previous_item_id="u1")
        assert "u2" == call.sent[-1]["previous_item_id"]
        call.says("conversation.item.retrieved", item={"id": "u2", "type": "message"})
        assert "u1" == call.shown[-1]["item"]["id"]


@given(
    st.lists(st.sampled_from(["starts", "stops", "commits", "lost"]), max_size=30),
    st.booleans(),
)
def test_beginnings_and_ends_take_turns(steps, tells_commits):
    """For the client, as long as each model hears again what the one before had heard."""
    names, told, number, is_spoken, name = TurnNames(), [], 0, False, ""
    for step in steps:
        match step:
            case "starts" if not name:
                number += 1
                name, is_spoken = f"u{number}", True
                if names.started(name, 0.0):
                    told.append(("started", names.shown(name)))
            case "stops" if name and is_spoken:
                is_spoken = False
                if names.stopped(name):
                    told.append(("stopped", names.shown(name)))
            case "commits" if name and not is_spoken and tells_commits:
                names.committed()
                name = ""
            case "lost":
                names.lost(100.0)
                name, is_spoken = "", False

    assert [kind for kind, _ in told] == ["started", "stopped"] * (len(told) // 2) + ["started"] * (
        len(told) % 2
    )
    pairs = [{each for _, each in told[at : at + 2]} for at in range(0, len(told), 2)]
    assert all(len(pair) == 1 for pair in pairs)


def test_the_names_of_the_last_turns_are_kept():
    """A client speaks of no other; without end they would fill the memory of a long call."""
    names = TurnNames()
    for number in range(NAMES_KEPT + 1):
        names.started(f"client_{number}", 0.0)
        names.lost(100.0)
        assert not names.started(f"model_{number}", 99.0)
        names.committed()

    assert "model_0" == names.shown("model_0")
    assert "client_1" == names.shown("model_1")
    assert f"client_{NAMES_KEPT}" == names.shown(f"model_{NAMES_KEPT}")
    assert NAMES_KEPT == len(names._names)


def test_a_turn_that_is_heard_later_is_another():
    """From where the next model was told nothing anew."""
    names = TurnNames()
    names.started("client", 0.0)
    names.lost(100.0)

    assert names.started("model", 100.0)
    assert "model" == names.shown("model")
    assert not names
