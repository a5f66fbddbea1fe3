"""What a frame of a client is to its session; tests/calls has the rest over sockets."""

import json
from types import SimpleNamespace

import pytest

from tests.calls.house import house_settings
from tornado_app.handlers.messages import Messages
from tornado_app.protocol import asked
from tornado_app.protocol.figures import LimitUse
from tornado_app.protocol.openai_v1.dialect import OPENAI_V1
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.session import events

LIMITS = {"connections": LimitUse(1, 2)}
CALL = SimpleNamespace(cost=None)
MOST_BYTES = 2000


def messages(dialect=VOICE_V1):
    settings = house_settings(limits_message_bytes=MOST_BYTES)
    return Messages(SimpleNamespace(settings=settings, limits_of=lambda _: LIMITS), dialect)


def text(kind, **fields):
    return json.dumps({"type": kind, "id": "mine", **fields})


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b"\0\0", events.ClientAudio(b"\0\0")),
        (text("get_status"), events.StatusAsked(LIMITS, "mine", None)),
        (text("ping"), events.ClientSaid(asked.Ping("mine"))),
    ],
    ids=["audio", "status", "what is for the session"],
)
def test_a_frame_is_an_event(frame, event):
    """Whatever the gateway alone knows goes with it."""
    assert repr(event) == repr(messages().event(CALL, frame))  # a dialect has kinds of its own


@pytest.mark.parametrize("frame", ["nonsense", text("nonsense")], ids=["JSON", "type"])
def test_what_means_nothing_is_refused(frame):
    """The session says so; nothing is raised."""
    assert type(messages().event(CALL, frame)) is events.ClientRefused


@pytest.mark.parametrize(
    ("letter", "count"), [("x", MOST_BYTES), ("ä", MOST_BYTES // 2)], ids=["ASCII", "others"]
)
def test_what_is_too_large_is_refused_by_its_id(letter, count):
    """It is measured as it came, in bytes."""
    refused = messages().event(CALL, text("text", text=letter * count).replace("\\u00e4", "ä"))

    assert ("message_too_large", "mine") == (refused.refused.code, refused.refused.ref)


def test_a_client_that_conducts_may_send_as_much_as_is_read():
    """Its library may send a whole recording in one event; one that is larger is not read."""
    reader = messages(OPENAI_V1)
    frame = json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 2 * MOST_BYTES})

    assert type(reader.event(CALL, frame)) is not events.ClientRefused
    assert 4 * MOST_BYTES == reader.read_bytes
    assert "8000 bytes" in str(reader.too_large(reader.read_bytes))
    assert "300 bytes" in str(reader.too_large(300))
