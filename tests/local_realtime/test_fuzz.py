"""More than a thousand wrong events: each is answered, and nothing dies of them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_realtime.responders.echo import Echo
from local_realtime.server import ServerConfig
from local_realtime.session.responder import Answer, FunctionCall
from local_realtime.session.session_kinds import KINDS
from local_realtime.sound.audio import Sound
from tests.local_realtime.fuzz import SESSION_OF_FRAMES


class Talkative(Echo):
    """Says something, calls two functions, and has another word."""

    async def answer(self, turn):
        async for piece in super().answer(turn):
            yield piece
        for name in ("f", "g"):
            yield FunctionCall(name, '{"a": 1}')
        yield Answer("And that is all.", Sound(bytes(9600), 24_000))


SILENT = {"input_audio_buffer.append"}
"""What is never acknowledged."""

CALM = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def is_silent(frame):
    try:
        event = json.loads(frame)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and event.get("type") in SILENT


def test_a_thousand_events_leave_the_session_as_usable_as_before(new_call):
    """Every one has an effect or one error, every event is of a known shape, and all go on."""
    sent = 0

    @CALM
    @given(st.sampled_from(list(KINDS.values())), st.sampled_from([0, 1.0]), SESSION_OF_FRAMES)
    def fuzz(kind, pace, frames):
        nonlocal sent
        call = new_call("m" if kind.name == "realtime" else None, kind=kind, pace=pace)
        call.responder = Talkative()
        for frame in frames:
            sent += 1
            events = call.frame(frame)
            assert events or is_silent(frame)
            assert [event["type"] for event in events].count("error") <= 1
            call.wait(0.1)
        assert call.closed is None
        (updated,) = call.send("session.update", session={"type": kind.name})
        assert updated["type"] == "session.updated"

    fuzz()

    assert sent >= 1000


def generated(sessions):
    """So many sessions' frames that can be sent over a socket, always the same."""
    collected = []

    @settings(CALM, max_examples=sessions, database=None, derandomize=True)
    @given(SESSION_OF_FRAMES)
    def collect(frames):
        collected.append([frame for frame in frames if can_be_sent(frame)])

    collect()
    return collected


def can_be_sent(frame):
    try:
        return isinstance(frame, bytes) or bool(frame.encode()) or frame == ""
    except UnicodeEncodeError:
        return False


async def answered(client, number):
    """Read until the server has come so far; whatever was sent before has been answered."""
    marker = f"marker_{number}"
    await client.send("hello", event_id=marker)
    while True:
        event = await client.read()
        assert event is not None, "the session was closed"
        if event["type"] == "error" and event["error"]["event_id"] == marker:
            return


@pytest.mark.gen_test
async def test_the_same_over_sockets_leaves_the_server_as_usable_as_before(serving, caplog):
    """No session is closed, none hears of a mistake of the server's, and the next one opens."""
    async with serving(ServerConfig(pace=0), Talkative()) as (_, connect):
        for index, frames in enumerate(generated(sessions=12)):
            client = await connect(["?model=m", "?intent=transcription"][index % 2])
            for number, frame in enumerate(frames):
                await client.socket.write_message(frame, binary=isinstance(frame, bytes))
                await answered(client, number)
            client.socket.close()
        other = await connect()
        opened = await other.read()

    assert opened["type"] == "session.created"
    assert caplog.records == []
