"""The Tornado shell of a session: frames in, outputs performed, time kept.  Thread: loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

import msgspec
from tornado.iostream import IOStream
from tornado.websocket import WebSocketClosedError

from local_realtime.errors import Fatal
from local_realtime.handlers.heartbeat import Heartbeat
from local_realtime.handlers.opening import OpeningHandler, unix_now
from local_realtime.handlers.playable import Playable
from local_realtime.handlers.registry import Registry
from local_realtime.session.outbox import Close, Judge, Outbox, Output, Overhear, Think, Transcribe
from local_realtime.session.responder import Piece
from local_realtime.session.session import Session

logger = logging.getLogger(__name__)


class RealtimeHandler(OpeningHandler):
    """One client's WebSocket.

    What is written is waited for before more is read or said, so a client that does not read
    holds up its own session and nothing else, and no more than a few events lie in memory.
    """

    def initialize(self, registry: Registry) -> None:
        super().initialize(registry)
        self._session: Playable | None = None
        self._heartbeat = Heartbeat(self, registry.ping_interval_s)
        self._stream: IOStream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thoughts: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._sleeps_until = 0.0
        # One at a time: a session that commits a lot waits for itself, not others for it.
        self._scribe = asyncio.Lock()

    async def open(self, *_args: str, **_kwargs: str) -> None:
        self.set_nodelay(True)
        protocol: Any = self.ws_connection
        self._stream = protocol.stream
        self._registry.enter(self)
        if self.is_pinged:
            self._spawn(self._heartbeat.beat())
        await self._begin()

    @property
    def is_pinged(self) -> bool:
        """Whether it is found out if the client is still there."""
        return True

    def on_ping(self, data: bytes) -> None:  # noqa: ARG002
        self._heartbeat.heard()

    def on_pong(self, data: bytes) -> None:  # noqa: ARG002
        self._heartbeat.heard()

    async def _begin(self) -> None:
        fatal = self._refusal()
        if fatal:
            await self._perform(_last_words(fatal))
            return
        session = self._session = self._new_session()
        await self._perform(session.open())
        self._spawn(self._keep_time(session))

    def _new_session(self) -> Playable:
        opening = self._opening
        return Session(
            opening.model,
            now=loop_now(),
            unix_now=unix_now(),
            pace=self._registry.pace,
            ears=self._registry.ears,
            kind=opening.kind,
            config=opening.config,
        )

    async def on_message(self, message: str | bytes) -> None:
        self._heartbeat.heard()
        session = self._session
        if session is None:
            return
        await self._perform(self._attempt(session, lambda: session.handle(message, loop_now())))
        await self._hear_all(session)

    async def _hear_all(self, session: Playable) -> None:
        while session.has_unheard and self._session is session:
            # A long recording in one frame is heard bit by bit, so that others are heard too.
            await asyncio.sleep(0)
            await self._perform(self._attempt(session, lambda: session.listen(loop_now())))
        if session.due < self._sleeps_until:
            self._woken.set()

    def on_close(self) -> None:
        self._session = None
        self._registry.leave(self)
        self._end_tasks()

    def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def cut(self) -> None:
        """End the connection now, whatever the client does."""
        if self._stream:
            self._stream.close()

    @property
    def _asking(self) -> Session | None:
        """The session, if it is one that asks the responder."""
        return self._session if isinstance(self._session, Session) else None

    def _attempt(self, session: Playable, step: Callable[[], list[Output]]) -> list[Output]:
        try:
            return step()
        except Exception:
            logger.exception("session %s made a mistake", session.id)
            return session.failed()

    async def _keep_time(self, session: Playable) -> None:
        """Call `Session.tick` whenever it is due."""
        while self._session is session:
            self._sleeps_until = session.due
            self._woken.clear()
            if self._sleeps_until > loop_now():
                try:
                    async with asyncio.timeout_at(self._sleeps_until):
                        await self._woken.wait()
                except TimeoutError:
                    pass
                continue
            await self._perform(self._tick(session))

    def _tick(self, session: Playable) -> list[Output]:
        try:
            return session.tick(loop_now())
        except Exception:
            # Tried again it would fail again, at once and for ever.
            logger.exception("session %s cannot go on", session.id)
            return [*session.failed(), Close(1011, "server_error.server_error")]

    async def _perform(self, outputs: list[Output]) -> None:
        """Do all of *outputs* now, in order, and wait until the client has room for more."""
        self._stop_thinking()
        writes = []
        for output in outputs:
            match output:
                case Think():
                    self._thoughts[output.response_id] = self._spawn(self._think(output))
                case Transcribe():
                    self._spawn(self._transcribe(output))
                case Overhear():
                    self._spawn(self._overhear(output))
                case Judge():
                    self._spawn(self._judge(output))
                case Close():
                    self._session = None
                    self.close(output.code, output.reason)
                case event:
                    try:
                        writes.append(self.write_message(msgspec.json.encode(event)))
                    except WebSocketClosedError:
                        break
        await asyncio.gather(*writes, return_exceptions=True)

    def _stop_thinking(self) -> None:
        """End the search for answers that nobody waits for any more."""
        session = self._asking
        if session:
            for response_id in [x for x in self._thoughts if not session.awaits(x)]:
                self._thoughts.pop(response_id).cancel()

    async def _think(self, think: Think) -> None:
        """Pass the answer on as it comes, unless the response has been cancelled meanwhile."""
        response_id, end = think.response_id, Session.answered
        try:
            async with aclosing(self._registry.responder.answer(think.turn)) as pieces:
                async for piece in pieces:
                    if not await self._take(response_id, piece):
                        return
        except Exception:
            logger.exception("no answer for %s", response_id)
            end = Session.unanswered
        self._thoughts.pop(response_id, None)
        session = self._asking
        if session:
            await self._perform(
                self._attempt(session, lambda: end(session, response_id, loop_now()))
            )
            self._woken.set()

    async def _take(self, response_id: str, piece: Piece) -> bool:
        session = self._asking
        if session is None or not session.awaits(response_id):
            return False
        step = self._attempt(session, lambda: session.take(response_id, piece, loop_now()))
        # What follows from a piece is told whole, even if nobody waits for the next one.
        thought = self._thoughts.pop(response_id)
        await self._perform(step)
        self._woken.set()
        if not session.awaits(response_id):
            return False
        self._thoughts[response_id] = thought
        return True

    async def _transcribe(self, ask: Transcribe) -> None:
        try:
            async with self._scribe:
                text = await self._registry.responder.transcribe(ask.sound)
        except Exception:
            logger.exception("no transcript for %s", ask.item_id)
            text = None
        session = self._asking
        if session:
            seconds = ask.sound.seconds
            step = self._attempt(session, lambda: session.transcribed(ask.item_id, seconds, text))
            await self._perform(step)

    async def _overhear(self, ask: Overhear) -> None:
        try:
            text = await self._registry.responder.overhear(ask.sound)
        except Exception:
            # The whole will be transcribed in any case.
            logger.exception("not overheard: %s", ask.item_id)
            text = None
        session = self._asking
        if session:
            await self._perform(
                self._attempt(session, lambda: session.overheard(ask.item_id, text))
            )

    async def _judge(self, ask: Judge) -> None:
        try:
            probability = await self._registry.responder.finished(ask.sound)
        except Exception:
            logger.exception("nobody knows whether the speaker has finished")
            probability = None
        session = self._asking
        if session:
            step = self._attempt(session, lambda: session.judged(ask.at_ms, probability))
            await self._perform(step)
            await self._hear_all(session)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def loop_now() -> float:
    """By the clock that sessions live by."""
    return asyncio.get_running_loop().time()


def _last_words(fatal: Fatal) -> list[Output]:
    outbox = Outbox()
    outbox.emit("error", error=fatal.refused.wire())
    outbox.command(Close(fatal.close_code, fatal.close_reason))
    return outbox.drain()
