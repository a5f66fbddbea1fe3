"""One whole call without threads, sockets or a clock: what is real is all between them.

Writer, connection, session, lanes, mailbox and link are the house's own.  The loop, the sockets,
the pool's threads and the thread of the link do what the test says, when it says so.
"""

import asyncio
import base64
import itertools
import json
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, Self

import pytest
from structlog.testing import CapturingLogger

from tests.client_side.test_writer import FakeLoop
from tests.fakes.upstream import TEXT, frame
from tests.session.story import config
from tornado_app import connection as connection_module
from tornado_app import links as links_module
from tornado_app.admission.budget import ProcessBudget
from tornado_app.admission.claims import Caller
from tornado_app.audio.file_decoder import FileJob
from tornado_app.audio.pipeline import AudioPipeline
from tornado_app.client_side.gathered_writes import GatheredWrites
from tornado_app.client_side.writer import ClientWriter
from tornado_app.connection import Connection
from tornado_app.equipment import Equipment
from tornado_app.handlers.client_socket import ClientSocket
from tornado_app.mailbox import Mailbox
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.session import events
from tornado_app.session.config import SessionConfig
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.endpoint import _growth as growth
from tornado_app.upstream.link import Link
from tornado_app.upstream.said import LinkDrained, LinkLost, LinkOpened
from tornado_app.upstream.socket import UpstreamSocket
from tornado_app.upstream.wire import Wire
from workers.blocks import Block
from workers.pool import run_batch

OUTBOUND_BYTES = 400_000
MODEL_TAKES_BYTES = 8000
"""What the model's socket takes before the model reads."""


class StageLoop(FakeLoop):
    """Its callbacks run when the test says so."""

    def time(self) -> float:
        return self.now

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: object) -> None:
        self.call_soon(callback, *args)

    @property
    def is_idle(self) -> bool:
        """Nothing is due now."""
        return not any(at <= self.now and not t.cancelled for at, _, t in self.timers)


class ClientEnd:
    """In the place of `StrictWebSocketProtocol`: a socket that takes *room_bytes* unread."""

    def __init__(self, loop: StageLoop, room_bytes: int) -> None:
        self._room_bytes = room_bytes
        self.stream = SimpleNamespace(max_write_buffer_size=None, untaken_bytes=0)
        self.before_close: Callable[[], None] | None = None
        self.is_paused = False
        self.is_closed = False
        self.in_kernel_bytes = 0
        self._loop = loop
        self._written: asyncio.Future[None] | None = None

    def write_frames(self, data: bytes) -> "asyncio.Future[None]":
        assert self._written is None, "a second write before the first has drained"
        self._written = asyncio.Future(loop=self._loop)
        written, self.stream.untaken_bytes = self._written, len(data)
        self._fill()
        return written

    @property
    def is_blocked(self) -> bool:
        """A write waits for the client to read."""
        return self._written is not None

    def read(self, size_bytes: int) -> None:
        """The client takes so much."""
        self.in_kernel_bytes = max(0, self.in_kernel_bytes - size_bytes)
        self._fill()

    def _fill(self) -> None:
        taken = min(self.stream.untaken_bytes, self._room_bytes - self.in_kernel_bytes)
        self.in_kernel_bytes += taken
        self.stream.untaken_bytes -= taken
        if not self.stream.untaken_bytes and self._written is not None:
            written, self._written = self._written, None
            written.set_result(None)

    def write_ping(self, _: bytes) -> None: ...

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def close(self, _code: int, _reason: str) -> None:
        finish, self.before_close = self.before_close, None
        if finish is not None:
            finish()
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


class ModelEnd:
    """In the place of the link's socket."""

    def __init__(self) -> None:
        self.says = bytearray()
        self.untaken_bytes = 0
        self.is_lost = False

    def recv(self, size: int) -> bytes:
        if self.is_lost:
            raise ConnectionResetError
        if not self.says:
            raise BlockingIOError
        data = bytes(self.says[:size])
        del self.says[:size]
        return data

    def send(self, data: bytes) -> int:
        taken = min(len(data), MODEL_TAKES_BYTES - self.untaken_bytes)
        if not taken and data:
            raise BlockingIOError
        self.untaken_bytes += taken
        return taken


class StageWire(Wire):
    """Waits for nothing: says what the thread would sleep on, and whether it would wake up."""

    def __init__(self, outbox_bytes: int, clock: Callable[[], float]) -> None:
        super().__init__(outbox_bytes, clock)
        self.end = ModelEnd()
        self._sock = self.end  # type: ignore[assignment]
        self.woken = False
        self.lose_wakes = False
        self._sleeps_on = 0
        self._sleeps_until = 0.0

    def _wake(self) -> None:
        self.woken = self.woken or not self.lose_wakes

    def _select(self, events: int, timeout_s: float) -> bool:
        if self._cut:
            raise self._cut
        self.woken = False
        self._sleeps_on, self._sleeps_until = events, self._clock() + timeout_s
        return self._is_ready

    @property
    def _is_ready(self) -> bool:
        has_something = self.end.says or self.end.is_lost
        reads = self._sleeps_on & selectors.EVENT_READ and has_something
        writes = (
            self._sleeps_on & selectors.EVENT_WRITE and self.end.untaken_bytes < MODEL_TAKES_BYTES
        )
        return bool(reads or writes)

    @property
    def is_awake(self) -> bool:
        """The thread has something to do."""
        due = self._clock() >= self._sleeps_until
        return self.woken or self._is_ready or due or self._cut is not None or self.has_unread


class StageLink(Link):
    """A link whose thread takes a turn when it is told to."""

    def __init__(self, dial: Dial, name: str, post: Any, parse: Any, clock: Any) -> None:
        super().__init__(dial, name, post, parse, clock)
        self.wire = self._wire = StageWire(dial.outbox_bytes, clock)
        self._socket = UpstreamSocket(self._wire, dial.message_bytes, clock)
        self.has_ended = False

    def start(self) -> None:
        self._stage = "open"
        self._wire.uncork()
        self._socket.heard_at = self._clock()
        self._ping_at = self._clock() + self._dial.ping_interval_s
        self._tell(LinkOpened(1.0))

    def turn(self) -> None:
        """As `_run` and `_live` do, once."""
        if self.has_ended:
            return
        try:
            self._turn()
        except Exception as error:  # noqa: BLE001  as the thread does
            self.has_ended = True
            if not self._ending:
                self._hear_ahead()
            self._tell(LinkLost(self._failure_from(error)))

    @property
    def is_awake(self) -> bool:
        return not self.has_ended and self.wire.is_awake

    def hears(self, *said: dict[str, Any]) -> None:
        """The model says these."""
        for event in said:
            self.wire.end.says += frame(TEXT, json.dumps(event).encode())


class StagePool:
    """Computes when it is told to."""

    def __init__(self) -> None:
        self._jobs: list[tuple[Any, Any]] = []

    @property
    def in_flight(self) -> int:
        return len(self._jobs)

    def submit(self, works: Any, done: Any) -> None:
        self._jobs.append((works, done))

    def finish(self) -> None:
        if self._jobs:
            works, done = self._jobs.pop(0)
            done(run_batch(works))


class StageFiles:
    """In the place of the helper process: a file is half a second of silence."""

    def __init__(self) -> None:
        self._jobs: list[FileJob] = []

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def submit(self, text: str, container: Any, deliver: Any) -> FileJob:
        job = FileJob(text, container, deliver)
        self._jobs.append(job)
        return job

    def finish(self) -> None:
        if self._jobs:
            audio = base64.b64encode(bytes(24_000))
            self._jobs.pop(0).finish(Block(audio, 100, 500.0, -99.0, 500.0, 0))


class Stage:
    """One call at a time; the next begins when it has ended."""

    def __init__(self, room_bytes: int, gather_s: float, **changes: Any) -> None:
        self.room_bytes = room_bytes
        self.loop = StageLoop()
        self.mailbox = Mailbox(self.loop, gather_s)
        self.pool = StagePool()
        self.files = StageFiles()
        self.log = CapturingLogger()
        self.lose_room = self.lose_drained = False
        self._changes = {"audio_burst_ms": 1500.0} | changes
        self._numbers = itertools.count(1)
        self._links: list[StageLink] = []
        pipeline = AudioPipeline(self.pool, self.mailbox, self.loop, jobs=1)
        self._equipment = Equipment(
            self.loop,
            self.mailbox,
            pipeline,
            self.files,
            self._dial,
            lambda _link: None,
            ProcessBudget(64 << 20, 4),
            lambda _accepted: None,
            lambda _token, config: Caller(
                "alice", frozenset(), config.token_expires_at_unix_s, None
            ),
            self.loop.time,
        )

    @classmethod
    @contextmanager
    def opened(cls, room_bytes: int, gather_s: float, **changes: Any) -> Iterator[Self]:
        """A stage with a call whose model is there.

        *room_bytes* is what a client's socket takes unread, *gather_s* is the mailbox's.
        """
        stage = cls(room_bytes, gather_s, **changes)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(links_module, "Link", stage._new_link)
            patch.setattr(connection_module.random, "SystemRandom", lambda: Random(0))
            stage.call()
            yield stage

    def call(self) -> None:
        """A client comes, and its model is there."""
        self.client = ClientEnd(self.loop, self.room_bytes)
        self.writer = ClientWriter(
            self.client,
            gather_bytes=4096,
            queue_bytes=OUTBOUND_BYTES,
            write_timeout_s=1e6,
            on_slow=lambda why: self.feed(events.ClientSlow(why)),
            on_room=self._on_room,
            loop=self.loop,
            gathered=GatheredWrites(self.loop),
        )
        now = self.loop.now
        self.connection = Connection(
            config(
                opened_at=now,
                token_expires_at_unix_s=1e12,
                read_timeout_s=1e6,
                outbound_bytes=OUTBOUND_BYTES,
                **self._changes,
            ),
            ClientSocket(self.client, self.writer, lambda: None),
            VOICE_V1,
            self._equipment,
            self.log,
            on_finished=lambda _: None,
        )
        self.feed(events.Opened())
        self.settle()
        self.model_comes()

    def model_comes(self) -> None:
        """It is ready, if it has been dialled."""
        if self.link is not None:
            self.link.hears(
                {"type": "session.created", "session": {"id": "s", "model": "m"}},
                {"type": "session.updated", "session": {}},
            )
            self.settle()

    @property
    def link(self) -> StageLink | None:
        link = self.connection._links._used
        return link if isinstance(link, StageLink) else None

    def feed(self, event: events.Event) -> None:
        self.connection.feed(event)

    def answer(self, delta_bytes: int, count: int) -> None:
        """The model says a whole answer: so many deltas, each as large for the client as that."""
        if self.link is None or len(self.link.wire.end.says) > 2 * OUTBOUND_BYTES:
            return
        number = next(self._numbers)
        of_item = {"response_id": f"r{number}", "item_id": f"i{number}"}
        response = {"id": f"r{number}", "status": "completed"}
        size_bytes = int(delta_bytes / max(1.0, growth(self.connection.config)))
        delta = base64.b64encode(bytes(size_bytes // 8 * 6)).decode()
        self.link.hears(
            {"type": "response.created", "response": {"id": f"r{number}"}},
            *[{"type": "response.output_audio.delta", **of_item, "delta": delta}] * count,
            {"type": "response.output_audio.done", **of_item},
            {"type": "response.done", "response": response},
        )

    def wait(self, seconds: float) -> None:
        """Let so much time go by."""
        self.settle()
        self.loop.run(seconds)
        self.settle()

    def settle(self) -> None:
        """Let everybody do what can be done now, without time going by or anybody reading."""
        while not self.loop.is_idle or any(link.is_awake for link in self._links):
            self.loop.run()
            for link in self._links:
                if link.is_awake:
                    link.turn()
            self._links = [link for link in self._links if not link.has_ended]

    def serve(self) -> None:
        """Let pool and helper work, and client and model take what there is."""
        self.settle()
        self.pool.finish()
        self.files.finish()
        while self.client.is_blocked:
            self.client.read(self.room_bytes)
            self.loop.run()
        for link in self._links:
            link.wire.end.untaken_bytes = 0
        self.settle()

    def waiting(self) -> list[str]:
        """What waits, by name: for the client, the model, the pool or a thread."""
        session = self.connection._session
        link = self.link
        waits = {
            "loop": not self.loop.is_idle,
            "mailbox": bool(self.mailbox._waiting),
            "client": self.writer.queued_bytes > 0,
            "pool": self.pool.in_flight > 0,
            "files": self.files.busy,
            "model": link is not None and link.unsent_bytes > 0,
            "link": any(link.is_awake for link in self._links),
            "rest": self.loop.now <= session._backlog._rests_until + 0.01,
            "dial": session._model.state != "connected",
        }
        return [name for name, is_so in waits.items() if is_so]

    def paused(self) -> list[str]:
        """What is paused or kept, by name."""
        session = self.connection._session
        link = self.link
        pauses = {
            "link": link is not None and (link._paused or bool(link.wire.end.says or link._ahead)),
            "client": self.client.is_paused,
            "backlog": session._backlog.paused,
            "orders": bool(session._model.gate.kept),
            "uplink": bool(
                session._conductor.uplink.pending._entries
                or self.connection._performer.uplink._waiting
            ),
            "downlink": session.downlink.holds,
            "words": bool(session.downlink._in_pool),
            "lane": self.connection._performer.downlink.waiting > 0,
        }
        return [name for name, is_so in pauses.items() if is_so]

    def faults(self) -> list[str]:
        """What was logged of faults of ours."""
        said = [call for call in self.log.calls if call.method_name in {"error", "exception"}]
        return [call.args[0] for call in said]

    def _dial(self, session: SessionConfig) -> Dial:
        return Dial(
            url="",
            headers=(),
            connect_timeout_s=5.0,
            write_timeout_s=1e6,
            ping_interval_s=1e6,
            read_timeout_s=1e7,
            outbox_bytes=1 << 20,
            inbox_bytes=int(OUTBOUND_BYTES / 4 / max(1.0, growth(session))),
        )

    def _new_link(self, dial: Dial, name: str, post: Any, *others: Any) -> StageLink:
        def post_most(said: object) -> None:
            if not (self.lose_drained and isinstance(said, LinkDrained)):
                post(said)

        link = StageLink(dial, name, post_most, *others)
        self._links.append(link)
        return link

    def _on_room(self) -> None:
        if not self.lose_room:
            self.connection.on_client_room()
