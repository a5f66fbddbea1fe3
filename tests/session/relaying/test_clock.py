"""Speech is said to be where it is in the client's own sound, whichever model says it."""

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.relaying.call import Call

SECOND = "AAAA" * 16_000
"""Of the model's own format, as base64."""
COMMIT = "input_audio_buffer.commit"


def speaks(call, seconds):
    for _ in range(seconds):
        call.asks("input_audio_buffer.append", audio=SECOND)
    return call


def said(call, kind, **positions):
    """What the client is told where the model says *positions*."""
    call.says(f"input_audio_buffer.{kind}", item_id="item_u", **positions)
    (event,) = call.shown
    return {name: event[name] for name in positions}


@pytest.fixture
def call():
    return Call(hold_ms=60_000.0).begun()


def test_the_first_model_is_shown_as_it_speaks(call):
    speaks(call, 2)
    text = '{"type":"input_audio_buffer.speech_started", "audio_start_ms": 1200}'

    call.says_text(text)

    assert text == call.fresh[-1].message.text


@pytest.mark.parametrize(
    ("kind", "positions"),
    [
        ("speech_started", {"audio_start_ms": 200}),
        ("speech_stopped", {"audio_end_ms": 700}),
        ("timeout_triggered", {"audio_start_ms": 10, "audio_end_ms": 500}),
    ],
)
def test_behind_a_loss_positions_go_on(call, kind, positions):
    """What had become a turn is not spoken again; what had not is."""
    speaks(call, 3).asks(COMMIT)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    speaks(call, 2)
    call.loses_model().finds_model()
    assert 2 == [each["type"] for each in call.sent].count("input_audio_buffer.append")

    told = said(call, kind, **positions)

    assert {name: value + 3000 for name, value in positions.items()} == told


def test_what_waited_for_the_next_model_counts_once(call):
    speaks(call, 1).lost()
    speaks(call, 2)
    call.tick(call.session.timers.earliest)
    call.finds_model()

    assert {"audio_start_ms": 2500} == said(call, "speech_started", audio_start_ms=2500)


def test_what_was_cleared_while_no_model_was_there_has_been_said_none_the_less(call):
    call.lost()
    speaks(call, 2).asks("input_audio_buffer.clear")
    speaks(call, 1)
    call.tick(call.session.timers.earliest)
    call.finds_model()

    assert {"audio_start_ms": 2100} == said(call, "speech_started", audio_start_ms=100)


def test_all_that_was_cleared_before_the_model_came_has_been_said(call):
    """Not only what was cleared last."""
    call.lost()
    for _ in range(3):
        speaks(call, 1).asks("input_audio_buffer.clear")
    speaks(call, 1)
    call.tick(call.session.timers.earliest)
    call.finds_model()

    assert {"audio_start_ms": 3100} == said(call, "speech_started", audio_start_ms=100)


def uses(call, kind):
    """The client has its sound taken in another format, and the model takes it so."""
    hearing = {"format": {"type": kind}}
    call.asks("session.update", session={"type": "realtime", "audio": {"input": hearing}})
    return call


def taken(call, kind="audio/pcmu"):
    hearing = {"format": {"type": kind}, "turn_detection": {"type": "server_vad"}}
    return call.says("session.updated", session={"audio": {"input": hearing}})


@pytest.mark.parametrize("chunk_bytes", [160, 161, 162])
def test_what_fills_up_base64_is_no_sound(call, chunk_bytes):
    """A minute of G.711 is one, however it is cut."""
    taken(uses(call, "audio/pcmu"))
    audio = b64encode(bytes(chunk_bytes)).decode()
    for _ in range(480_000 // chunk_bytes):
        call.asks("input_audio_buffer.append", audio=audio)
    call.asks(COMMIT)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    call.loses_model().finds_model()

    told = said(call, "speech_started", audio_start_ms=0)["audio_start_ms"]
    assert 60_000 == pytest.approx(told, abs=chunk_bytes / 8)


@pytest.mark.parametrize("is_connected", [True, False])
def test_sound_behind_a_change_of_its_format_is_in_the_new_one(is_connected):
    """Also before the model has said so, which takes it events in their order."""
    call = Call(hold_ms=60_000.0)
    call = call.begun() if is_connected else call.opened()
    speaks(uses(call, "audio/pcmu"), 1)
    if not is_connected:
        call.model_comes()
    taken(call)
    call.asks(COMMIT)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    call.loses_model().finds_model()

    assert {"audio_start_ms": 6000} == said(call, "speech_started", audio_start_ms=0)


def test_sound_behind_a_change_that_is_refused_is_as_before(call):
    uses(call, "audio/pcmu").says("error", error={"event_id": call.sent[0]["event_id"]})
    speaks(call, 1).asks(COMMIT)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    call.loses_model().finds_model()

    assert {"audio_start_ms": 1000} == said(call, "speech_started", audio_start_ms=0)


def test_the_last_of_several_changes_of_format_counts(call):
    """However many of them the model has taken."""
    uses(uses(call, "audio/pcmu"), "audio/pcm")
    taken(call)
    speaks(call, 1).asks(COMMIT)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    call.loses_model().finds_model()

    assert {"audio_start_ms": 1000} == said(call, "speech_started", audio_start_ms=0)


STEPS = st.lists(st.sampled_from(["speak", "commit", "confirm", "lose"]), max_size=14)


@settings(max_examples=60)
@given(STEPS)
def test_the_last_that_was_said_is_where_it_was_said(steps):
    """However often a model is lost, and whatever of the sound the next one hears again."""
    call = Call(hold_ms=60_000.0, reconnect_attempts=20).begun()
    spoken = heard = commits = number = 0
    for step in steps:
        match step:
            case "speak":
                speaks(call, 1)
                spoken, heard = spoken + 1, heard + 1
            case "commit":
                call.asks(COMMIT)
                commits += 1
            case "confirm" if commits:
                commits, number = commits - 1, number + 1
                name = f"item_{number}"
                call.says("input_audio_buffer.committed", item_id=name, previous_item_id=None)
            case "lose":
                call.loses_model()
                before = len(call.all_sent)
                call.finds_model()
                # It is told in parts, a part in each turn of the loop.
                while call.session.timers.earliest <= call.now:
                    call.tick(call.now)
                told = [each["type"] for each in call.all_sent[before:]]
                heard = told.count("input_audio_buffer.append")

    assert {"audio_end_ms": 1000 * spoken} == said(
        call, "speech_stopped", audio_end_ms=1000 * heard
    )


def test_behind_each_loss_positions_go_on(call):
    """Not only behind the first."""
    for number in range(1, 4):
        speaks(call, 1).asks(COMMIT)
        call.says("input_audio_buffer.committed", item_id=f"item_{number}", previous_item_id=None)
        call.loses_model().finds_model()

        told = said(call, "speech_started", audio_start_ms=50)
        assert {"audio_start_ms": 1000 * number + 50} == told
