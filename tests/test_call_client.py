"""Tests of tornado_app/call_client.py: one client, which may be lost and come back."""

import json
from dataclasses import replace

import pytest

from tests.session.story import config
from tests.test_connection import FakeClient
from tornado_app.call_client import CallClient
from tornado_app.protocol.close import BYE, GOING_AWAY
from tornado_app.protocol.told import PongReply, ServerMessage
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.session import commands


class Taker(FakeClient):
    """Keeps the order of all that is done to it."""

    def __init__(self):
        super().__init__()
        self.did = []

    def ping(self):
        self.did.append("ping")

    def pause(self):
        self.did.append("pause")

    def resume(self):
        self.did.append("resume")

    def replace(self, close):
        self.did.append(("replace", close))

    def close(self, close):
        self.did.append(("close", close))


def new_client(taker, dialect=VOICE_V1, **changes):
    return CallClient(config(**changes), taker, dialect, lambda: 0.0)


def say(client, seq, binary=None):
    client.send(commands.SendClient(PongReply(f"p{seq}"), seq, 1000, binary=binary))


def told(taker):
    return [json.loads(payload)["seq"] for payload in taker.sent]


@pytest.mark.parametrize("resume_window_s", [0.0, 30.0])
def test_what_it_is_told_is_spelled_in_its_dialect(resume_window_s):
    """And what is bare sound comes behind the message that it belongs to."""

    def spell(message: ServerMessage, seq: int, timestamp_ms: int) -> bytes:
        return json.dumps([type(message).__name__, seq, timestamp_ms]).encode()

    taker = Taker()
    client = new_client(taker, replace(VOICE_V1, encode=spell), resume_window_s=resume_window_s)
    say(client, 1)
    say(client, 2, b"sound")

    assert [b'["PongReply", 1, 1000]', b'["PongReply", 2, 1000]', b"sound"] == taker.sent


def test_whatever_is_done_to_a_socket_is_done():
    """Closed, it is told so in the close codes of its dialect."""
    taker = Taker()
    client = new_client(taker)
    for command in (
        commands.PingClient(),
        commands.PauseClient(),
        commands.ResumeClient(),
        commands.DropClient(GOING_AWAY),
        commands.CloseClient(BYE),
    ):
        client.perform(command)

    assert ["ping", "pause", "resume", ("replace", GOING_AWAY), ("close", BYE)] == taker.did


def test_one_that_may_not_come_back_has_nothing_kept():
    """It is spoken to as it is, and nobody goes on in its place."""
    taker, other = Taker(), Taker()
    client = new_client(taker, resume_window_s=0.0)
    say(client, 1)
    client.lose()
    client.attach(other, 0)
    client.go_on()
    client.forget_old()

    assert client.taker is taker
    assert not client.has(1)
    assert [] == other.sent


def test_one_that_is_back_is_given_what_it_has_missed():
    """Whoever it was before hears no more of it."""
    taker, other = Taker(), Taker()
    client = new_client(taker, resume_window_s=30.0)
    say(client, 1)
    client.lose()
    say(client, 2)
    say(client, 3)
    assert client.has(1)
    assert not client.has(4)
    client.attach(other, 1)
    say(client, 4)

    assert [1] == told(taker)
    assert [2, 3, 4] == told(other)
