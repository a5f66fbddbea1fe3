"""From an open WebSocket to a call: tornado_app/handlers/arrival.py; tests/calls has the rest."""

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from tests.calls.house import house_settings
from tornado_app.errors import InvalidMessage, Refused
from tornado_app.handlers.arrival import Arrival
from tornado_app.session import events

WAIT_S = 1e6
FULL = Refused("server_busy", "There is no place.")


class Client:
    def __init__(self):
        self.is_paused = False

    def pause(self):
        self.is_paused = True

    def resume(self):
        self.is_paused = False


@dataclass(frozen=True)
class Guest:
    opening: object
    dialect: object
    resumes: object


class Hall:
    """A gateway whose counting takes as long as a test says, and what an arrival led to."""

    def __init__(self, monkeypatch, *, resumes=None, shows=None, last_seq=None, found=None):
        monkeypatch.setattr("tornado_app.handlers.arrival.Guest", Guest)
        self.counted = asyncio.get_running_loop().create_future()
        self.client, self.did, self.fed = Client(), [], []
        dialect = SimpleNamespace(read_place=self.read_place)
        opening = SimpleNamespace(last_seq=last_seq, resume_token=shows or resumes)
        self.guest = Guest(opening, dialect, resumes)
        self.settings = house_settings(session_resume_window_s=20.0)
        self.found = found or replace(self.guest, resumes=None)
        reception = SimpleNamespace(begin_anew=lambda guest: self.count())
        self.access = SimpleNamespace(reception=reception)
        self.arrival = Arrival(
            self,
            self.guest,
            self.client,
            have=self.did.append,
            turn_out=lambda guest, refused: self.did.append(refused.code),
            hear=self.did.append,
            fail=lambda: self.did.append("fault"),
        )
        self.arrival.enter(WAIT_S)

    async def count(self):
        await self.counted

    def connect(self, guest, client):
        return SimpleNamespace(feed=self.fed.append)

    def resume(self, guest, client, last_seq):
        self.did.append(last_seq)
        return self.found

    @staticmethod
    def read_place(message):
        if message == "rubbish":
            raise InvalidMessage("invalid_message", "It is none.")
        return int(message) if message.isdigit() else None


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.gen_test
async def test_what_is_said_while_a_call_is_counted_is_heard_by_it_in_order(monkeypatch):
    """And nothing more is read until then."""
    hall = Hall(monkeypatch, resumes="ticket")
    hall.arrival.hear("hello")  # which does not say where it was
    hall.arrival.hear("again")
    assert ([None], True) == (hall.did, hall.client.is_paused)
    hall.counted.set_result(None)
    await turns()

    assert ["hello", "again"] == hall.did[2:]
    assert not hall.client.is_paused


@pytest.mark.gen_test
async def test_a_first_message_that_is_wrong_is_answered_by_the_call(monkeypatch):
    hall = Hall(monkeypatch, resumes="ticket")
    hall.arrival.hear("rubbish")
    hall.counted.set_result(None)
    await turns()

    assert [events.ClientRefused] == [type(event) for event in hall.fed]


@pytest.mark.gen_test
async def test_who_has_no_place_any_more_is_turned_out(monkeypatch):
    """What was said meanwhile is for nobody."""
    hall = Hall(monkeypatch, resumes="ticket", last_seq=7)
    hall.arrival.hear("hello")
    hall.counted.set_exception(FULL)
    await turns()

    assert [7, "server_busy"] == hall.did


@pytest.mark.gen_test
@pytest.mark.parametrize("said", ["7", "hello"])
async def test_who_was_let_in_before_and_speaks_when_nobody_may_begin_is_turned_out(
    monkeypatch, said
):
    """Its token opens no call any more, so that what it waited for is the first message alone."""

    def connect(guest, client):
        raise Refused("going_away", "This server is going away.")

    monkeypatch.setattr(Hall, "connect", staticmethod(connect))
    hall = Hall(monkeypatch, shows="an old one")
    assert [] == hall.did
    hall.arrival.hear(said)

    assert ["going_away"] == hall.did


@pytest.mark.gen_test
async def test_who_has_gone_meanwhile_gets_no_call(monkeypatch):
    hall = Hall(monkeypatch, resumes="ticket", last_seq=7)
    hall.arrival.hear("hello")
    await turns()
    hall.arrival.leave()
    await turns()

    assert [7] == hall.did
    assert hall.counted.cancelled()


@pytest.mark.gen_test
async def test_a_fault_of_ours_is_told(monkeypatch):
    hall = Hall(monkeypatch, resumes="ticket", last_seq=7)
    hall.connect = None
    hall.counted.set_result(None)
    await turns()

    assert [7, "fault"] == hall.did
