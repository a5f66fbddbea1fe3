"""Tests of tornado_app/connection.py: a session's commands, performed with fakes around it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.fakes.upstream import FakeUpstream
from tests.session.story import config
from tornado_app.admission.budget import ProcessBudget
from tornado_app.admission.claims import Caller
from tornado_app.audio.file_decoder import FileDecoder, FileRules
from tornado_app.audio.pipeline import AudioPipeline
from tornado_app.connection import Connection
from tornado_app.equipment import Equipment
from tornado_app.mailbox import Mailbox
from tornado_app.protocol.asked import Interrupt, Ping
from tornado_app.protocol.close import BYE, GOING_AWAY, INTERNAL, Close
from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.protocol.told import ServerMessage
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.reading_on import LINK_STUCK_S
from tornado_app.session import events
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.link import Link
from tornado_app.upstream.said import LinkSaid
from workers.formats import AudioFormat
from workers.pool import AudioPool

WAIT_S = 30.0


class FakeClient:
    """Keeps what it is sent; does what the test says when it is sent something."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closes: list[Close] = []
        self.pings = 0
        self.is_paused = False
        self.on_send: Callable[[dict[str, Any]], None] = lambda message: None
        self.changed = asyncio.Event()

    is_full = False
    queued_bytes = 0

    def send(self, payload: bytes, *, binary: bool = False, urgent: bool = True) -> None:
        self.sent.append(payload)
        self.changed.set()
        if not binary:
            self.on_send(json.loads(payload))

    def ping(self) -> None:
        self.pings += 1
        self.changed.set()

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def close(self, close: Close) -> None:
        self.closes.append(close)
        self.changed.set()

    @property
    def statuses(self) -> list[str]:
        data = [json.loads(payload)["data"] for payload in self.sent]
        return [fields["status"] for fields in data if "status" in fields]

    @property
    def types(self) -> list[str]:
        return [json.loads(payload)["type"] for payload in self.sent]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not done():
                self.changed.clear()
                await self.changed.wait()


class Room:
    """One connection, and all it needs."""

    def __init__(self, url: str) -> None:
        loop = asyncio.get_running_loop()
        self.client = FakeClient()
        self.pool = AudioPool(1)
        self.mailbox = Mailbox(loop)
        self.finished: list[Connection] = []
        self.dialled = 0
        self.models: list[bool] = []
        self.retired: asyncio.Queue = asyncio.Queue()
        self.dial_fails = False
        self.dialect = VOICE_V1
        pipeline = AudioPipeline(self.pool, self.mailbox, loop, jobs=1)
        files = FileDecoder(FileRules(15_000, 5.0, 1 << 29), loop)
        self.equipment = Equipment(
            loop,
            self.mailbox,
            pipeline,
            files,
            self._dial,
            self.retired.put_nowait,
            ProcessBudget(64 << 20, 4),
            self.models.append,
            lambda _token, config: Caller(
                "alice", frozenset(), config.token_expires_at_unix_s, None
            ),
        )
        self._url = url

    def connection(self, **changes: Any) -> Connection:
        log = structlog.get_logger().bind()
        return Connection(
            config(opened_at=time.monotonic(), **changes),
            self.client,
            self.dialect,
            self.equipment,
            log,
            on_finished=self.finished.append,
        )

    def _dial(self, _: object) -> Dial:
        self.dialled += 1
        if self.dial_fails:
            raise RuntimeError("a fault of ours")
        return Dial(
            url=self._url,
            headers=(),
            connect_timeout_s=2.0,
            write_timeout_s=2.0,
            ping_interval_s=20.0,
            read_timeout_s=60.0,
            outbox_bytes=1 << 20,
        )


@asynccontextmanager
async def a_room() -> AsyncIterator[tuple[Room, FakeUpstream]]:
    async with FakeUpstream() as fake:
        room = Room(fake.url)
        try:
            yield room, fake
        finally:
            loop = asyncio.get_running_loop()
            for _ in range(room.dialled - room.dial_fails):
                link = await asyncio.wait_for(room.retired.get(), WAIT_S)
                assert await loop.run_in_executor(None, link.join, WAIT_S)
            room.pool.stop()
            assert await loop.run_in_executor(None, room.pool.join, WAIT_S)


@pytest.mark.gen_test
async def test_a_session_leads_the_call():
    """It dials, is connected, forwards a chunk, and lets go of everything at the end."""
    async with a_room() as (room, fake):
        connection = room.connection()
        connection.feed(events.Opened())
        await room.client.until(lambda: 2 == len(room.client.sent))
        connection.feed(events.ClientAudio(bytes(960)))
        await fake.next_event("input_audio_buffer.append")

        connection.feed(events.Stop(BYE))
        assert [BYE] == room.client.closes
        assert [connection] == room.finished
        assert connection.ended
        link = await fake.connection()
        await asyncio.wait_for(link.ended.wait(), WAIT_S)
        assert 1000 == link.close_code


@pytest.mark.gen_test
async def test_a_connection_speaks_the_dialect_it_is_given():
    """Values of the same session, spelled another way."""

    def spell(message: ServerMessage, seq: int, timestamp_ms: int) -> bytes:
        return json.dumps([seq, type(message).__name__]).encode()

    async with a_room() as (room, _):
        room.dialect = replace(VOICE_V1, encode=spell)
        connection = room.connection()
        room.client.on_send = lambda _: None
        connection.feed(events.Opened())
        connection.feed(events.ClientSaid(Ping("p")))

        assert [b'[1, "ConnectionStatus"]', b'[2, "PongReply"]'] == room.client.sent
        connection.feed(events.Stop(BYE))


@pytest.mark.gen_test
async def test_an_event_caused_by_a_command_waits_its_turn():
    """A client that goes while it is being sent something: the rest of the commands come first."""
    async with a_room() as (room, _):
        connection = room.connection()
        done: list[str] = []

        def go(message: dict[str, Any]) -> None:
            done.append(message["type"])
            if message["type"] == "connection_status":
                connection.feed(events.ClientSaid(Ping("in between")))
                connection.feed(events.ClientGone(None))
                assert 0 == room.dialled
                assert not connection.ended

        room.client.on_send = go
        connection.feed(events.Opened())

        assert ["connection_status", "pong"] == done
        assert 1 == room.dialled
        assert [connection] == room.finished
        assert [] == room.client.closes


@pytest.mark.gen_test
async def test_a_fault_of_ours_ends_this_session():
    """1011 for the client, all is released once, and nothing happens afterwards."""
    async with a_room() as (room, _):
        room.dial_fails = True
        connection = room.connection()
        connection.feed(events.Opened())

        assert [INTERNAL] == room.client.closes
        assert [connection] == room.finished
        assert connection.ended

        said = len(room.client.sent)
        connection.feed(events.ClientSaid(Ping()))
        connection.feed(events.ClientGone(1011))
        assert said == len(room.client.sent)
        assert [connection] == room.finished


@pytest.mark.gen_test
async def test_a_fault_with_an_open_link_closes_the_link():
    """Also with audio in the lanes, whose results nobody wants any more."""
    async with a_room() as (room, fake):
        connection = room.connection()
        connection.feed(events.Opened())
        await room.client.until(lambda: 2 == len(room.client.sent))

        def fail(message: dict[str, Any]) -> None:
            raise RuntimeError(message["type"])

        connection.feed(events.ClientAudio(bytes(960)))
        room.client.on_send = fail
        connection.feed(events.ClientSaid(Interrupt()))
        assert [INTERNAL] == room.client.closes
        assert [connection] == room.finished

        link = await fake.connection()
        await asyncio.wait_for(link.ended.wait(), WAIT_S)
        assert 1000 == link.close_code
        types = ["connection_status", "connection_status", "interrupted", "error"]
        assert types == room.client.types


@pytest.mark.gen_test
async def test_a_fault_on_the_way_out_leaves_nothing_behind():
    """The session had ended when its goodbye failed; all is released all the same."""
    async with a_room() as (room, _):
        connection = room.connection()
        connection.feed(events.Opened())
        room.client.close = refuse
        connection.feed(events.Stop(GOING_AWAY))

        assert [connection] == room.finished
        assert connection._links._used is None


def refuse(close: Close) -> None:
    """In the place of a client's goodbye."""
    raise RuntimeError(close.reason)


@pytest.mark.gen_test
async def test_two_faults_are_one_ending():
    """If even the goodbye fails, everything is released all the same."""
    async with a_room() as (room, _):
        room.dial_fails = True
        connection = room.connection()
        connection.feed(events.Opened())
        connection._fail()

        assert [INTERNAL] == room.client.closes
        assert [connection] == room.finished


@pytest.mark.gen_test
async def test_a_session_that_cannot_even_end_is_ended(monkeypatch):
    """A fault on the way out is a fault like another: nothing escapes, everything is released."""
    async with a_room() as (room, _):
        connection = room.connection()
        connection.feed(events.Opened())
        monkeypatch.setattr(connection._session._way_out, "_conductor", None)
        connection.feed(events.Stop(GOING_AWAY))

        assert [INTERNAL] == room.client.closes
        assert [connection] == room.finished
        assert connection._links._used is None


@pytest.mark.gen_test
async def test_the_clock_wakes_the_session():
    """Pings go out by themselves, again and again, and none after the end."""
    async with a_room() as (room, _):
        connection = room.connection(ping_interval_s=0.01)
        connection.feed(events.Opened())
        await room.client.until(lambda: room.client.pings >= 3)

        connection.feed(events.ClientGone(None))
        assert connection._timer is None


@pytest.mark.gen_test
async def test_what_a_retired_link_says_is_not_heard():
    """The session has another link by then, or none."""
    async with a_room() as (room, fake):
        connection = room.connection()
        connection.feed(events.Opened())
        await room.client.until(lambda: 2 == len(room.client.sent))
        connection.feed(events.ClientGone(None))
        await fake.send({"type": "input_audio_buffer.committed", "item_id": "late"})
        await asyncio.wait_for(fake.connections[0].ended.wait(), WAIT_S)

        assert ["connection_status"] * 2 == room.client.types


@asynccontextmanager
async def a_call(**changes: Any) -> AsyncIterator[tuple[Room, Connection]]:
    """A connection whose model is there."""
    async with a_room() as (room, _):
        connection = room.connection(**changes)
        connection.feed(events.Opened())
        await room.client.until(lambda: 2 == len(room.client.sent))
        try:
            yield room, connection
        finally:
            connection.feed(events.ClientGone(None))


@pytest.mark.gen_test
async def test_a_client_that_has_enough_holds_the_link_until_it_says_so():
    """Also one that has read it all before anybody could say so: then it is found."""
    async with a_call() as (room, connection):
        room.client.is_full = True
        connection._links._hear(connection._links._used, LinkSaid(AnswerAudio("r", "i", b""), 1))
        assert connection._links._used._held
        room.client.is_full = False
        connection.on_client_room()
        assert not connection._links._used._held


@pytest.mark.gen_test
async def test_a_client_that_has_enough_keeps_no_model_from_coming_back():
    """What a new link says before it is ready is heard: it is little, and has a deadline."""
    async with a_room() as (room, _):
        room.client.is_full = True
        connection = room.connection()
        connection.feed(events.Opened())
        await room.client.until(lambda: "connected" in room.client.statuses)
        assert connection._links._used._held
        connection.feed(events.Stop(BYE))


@pytest.mark.gen_test
async def test_an_interrupted_answer_whose_pieces_waited_holds_nothing():
    """Nobody waits for the pieces that the pool still has, so they keep nobody waiting."""
    target = AudioFormat("pcm16", 48_000, 1)
    async with a_call(target=target, passes_through=False) as (_, connection):
        long_one = AnswerAudio("r", "i", bytes(48 * 10_000))
        connection._links._hear(connection._links._used, LinkSaid(long_one, 1))
        assert connection._links._used._held
        await asyncio.sleep(0)  # the lane is lent to the pool
        connection.feed(events.ClientSaid(Interrupt()))
        assert not connection._links._used._held


@pytest.mark.gen_test
async def test_a_look_says_whether_the_model_would_be_heard(monkeypatch):
    """Not if it was held back since the look before, nor if it does not answer."""
    async with a_call() as (room, connection):
        model, waits_s = connection._session._model, 0.0
        monkeypatch.setattr(Link, "unanswered_s", property(lambda _: waits_s))
        room.client.is_full = True
        connection._reading.reckon()
        room.client.is_full = False
        connection._reading.reckon()
        connection.look()
        assert model.finds_within_s is None
        connection.look()
        assert model.finds_within_s is not None
        waits_s = 5.0
        connection.look()
        assert model.finds_within_s is None


@pytest.mark.gen_test
async def test_a_look_mends_what_a_lost_word_left_behind():
    """A link that is held though there is room is a fault of ours: it is said, and it reads on."""
    async with a_call() as (_, connection):
        connection._reading.is_held = True
        connection._links._used.hold(True)
        with capture_logs() as lines:
            connection.look()
            connection.look()

        assert not connection._links._used._held
        assert [("link_stuck", True)] == [(line["event"], line["was_held"]) for line in lines]


@pytest.mark.gen_test
async def test_a_look_mends_a_link_that_has_lost_count(monkeypatch):
    """It has read nothing for ten seconds, and nobody holds it."""
    async with a_call() as (_, connection):
        link = connection._links._used
        link.consumed(-(1 << 30))
        monkeypatch.setattr(Link, "paused_s", property(lambda _: LINK_STUCK_S + 1))
        assert link.unread_bytes
        with capture_logs() as lines:
            connection.look()

        assert not link.unread_bytes
        assert ["link_stuck"] == [line["event"] for line in lines]


@pytest.mark.gen_test
async def test_a_look_finds_what_is_unsent():
    """The session hears it, though the link's own word was lost, and its timers are seen to."""
    async with a_call() as (_, connection):
        connection.feed(events.UpstreamBacklog(1 << 20))
        before_ms = connection._session._conductor.uplink.buffered_ms
        connection.look()

        assert 0.0 == connection._session._conductor.uplink.buffered_ms < before_ms


@pytest.mark.gen_test
async def test_a_session_that_has_ended_is_asked_for_no_more_of_its_answer():
    """Whatever waited: the loop would turn for ever, and every call of the process stand still."""
    async with a_call() as (room, connection):
        room.client.is_full = True
        long_one = AnswerAudio("r", "i", bytes(48 * 10_000))
        connection._links._hear(connection._links._used, LinkSaid(long_one, 1))
        connection.feed(events.ClientGone(None))
        room.client.is_full = False
        connection._answer.may_go_on = True
        connection.feed(events.ClientGone(None))

        assert connection.ended


@pytest.mark.gen_test
async def test_a_look_that_fails_ends_this_session_only(monkeypatch):
    """The calls behind it in the line are looked at as well."""
    async with a_call() as (room, connection):
        monkeypatch.setattr(Link, "paused_s", None)
        connection.look()

        assert [INTERNAL] == room.client.closes
        assert connection.ended
