"""Tests of tornado_app/session/relaying/speaking.py: speech that comes too fast, or is none."""

import msgspec
import pytest

from tests.session.relaying.call import Call
from tests.session.story import converted
from tornado_app.protocol import asked
from tornado_app.protocol.figures import AudioFigures
from tornado_app.session import commands, events
from workers.formats import AudioFormat

SECOND = "AAAA" * 16_000
"""Of the model's own format."""


def says(call, seconds=1):
    for _ in range(seconds):
        call.asks("input_audio_buffer.append", audio=SECOND)
    return call


def figures(call):
    return call.session._conductor.figures()


def test_what_was_heard_is_counted():
    """Without being looked into."""
    call = says(Call().begun(), 2)

    assert (2000.0, 2000.0, 0.0) == (
        figures(call).received_ms,
        figures(call).sent_ms,
        figures(call).dropped_ms,
    )


def test_a_binary_frame_is_no_event():
    """The API has none, and the call goes on."""
    call = Call().begun().feed(asked.Audio(b"\0\0"))

    assert ("invalid_request_error", "invalid_event") == (call.error["type"], call.error["code"])
    assert [] == call.sent
    assert not call.session.ended


@pytest.mark.parametrize("backlog", ["push_back", "drop_oldest"])
def test_g711_that_waits_for_the_models_socket_is_as_long_as_it_plays(backlog):
    """It is a sixth of the model's own format, and no more of it may wait."""
    call = Call(backlog=backlog, hold_ms=8000.0).begun()
    hearing = {"format": {"type": "audio/pcmu"}}
    call.asks("session.update", session={"type": "realtime", "audio": {"input": hearing}})
    for _ in range(3):
        call.asks("input_audio_buffer.append", audio="AAAA" * 8000)
    call.feed(events.UpstreamBacklog(3 * 32_000))

    assert 9000.0 == figures(call).buffered_ms
    call.asks("input_audio_buffer.append", audio="AAAA" * 2000)
    if backlog == "push_back":
        assert call.did(commands.PauseClient)
    else:
        assert [] == call.sent


@pytest.fixture
def converting():
    call = Call(source=AudioFormat("pcm16", 48_000, 1)).begun()
    return call.asks("input_audio_buffer.append", audio="QUJD" * 1600)


def test_what_the_pool_makes_of_speech_is_what_counts(converting):
    """As long as it plays, and what was cut off its tops."""
    assert 50.0 == figures(converting).buffered_ms
    converting.feed(events.UplinkReady(converted(50.0, 4800)))

    assert 1 == len(converting.sent)
    assert (50.0, 50.0, 0.0) == (
        figures(converting).received_ms,
        figures(converting).sent_ms,
        figures(converting).buffered_ms,
    )


@pytest.mark.parametrize(
    ("result", "code", "param"),
    [
        (events.Unusable("The audio is no base64."), "invalid_value", "audio"),
        (events.Unusable(None), "server_error", None),
    ],
)
def test_speech_that_cannot_be_used_costs_itself(converting, result, code, param):
    """One error says so, and what follows is heard."""
    converting.feed(events.UplinkReady(result))
    assert (code, param) == (converting.error["code"], converting.error["param"])
    assert [] == converting.sent
    assert 0.0 == figures(converting).buffered_ms

    converting.asks("input_audio_buffer.append", audio="QUJD" * 1600)
    converting.feed(events.UplinkReady(converted(50.0, 4800)))
    assert ["input_audio_buffer.append"] == [each["type"] for each in converting.sent]


def test_while_the_model_is_away_the_newest_speech_is_kept_where_that_is_so_set():
    """The oldest makes room for it, and is no part of what was sent."""
    call = Call(backlog="drop_oldest", hold_ms=2000.0).opened()
    says(call, 3)
    assert (3000.0, 2000.0, 1000.0, 2000.0) == (
        figures(call).received_ms,
        figures(call).sent_ms,
        figures(call).dropped_ms,
        figures(call).buffered_ms,
    )


def test_elsewhere_the_oldest_is_kept():
    """And what comes is refused."""
    call = Call(backlog="refuse", hold_ms=2000.0).opened()
    says(call, 3)

    assert (2000.0, 2000.0, 1000.0) == (
        figures(call).received_ms,
        figures(call).sent_ms,
        figures(call).dropped_ms,
    )


def test_every_piece_that_the_pool_makes_counts():
    """Not only the last; and what it has not made yet is on its way."""
    call = Call(source=AudioFormat("pcm16", 48_000, 1)).begun()
    for _ in range(3):
        call.asks("input_audio_buffer.append", audio="QUJD" * 1600)
    for number in range(1, 4):
        call.feed(
            events.UplinkReady(msgspec.structs.replace(converted(50.0, 4800), clipped_samples=2))
        )
        assert AudioFigures(
            received_ms=50.0 * number,
            sent_ms=50.0 * number,
            buffered_ms=50.0 * (3 - number),
            clipped_samples=2 * number,
            dropped_ms=0.0,
        ) == figures(call)


@pytest.mark.parametrize(("backlog", "received_ms"), [("drop_oldest", 5000.0), ("refuse", 2000.0)])
def test_all_that_was_dropped_counts(backlog, received_ms):
    """However often it is too much."""
    call = says(Call(backlog=backlog, hold_ms=2000.0).opened(), 5)

    told = figures(call)
    assert (received_ms, 2000.0, 3000.0) == (told.received_ms, told.sent_ms, told.dropped_ms)
