"""One short dial to learn whether the model takes us: key, address, model and settings."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Literal

from tornado_app.mailbox import Mailbox
from tornado_app.protocol.close import UPSTREAM_FAILED
from tornado_app.protocol.endings import REJECTED, Ending, Failure, classify, safe_word
from tornado_app.protocol.realtime.events import (
    ErrorFacts,
    SessionCreated,
    SessionUpdated,
    UpstreamError,
    parse_realtime,
)
from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.protocol.realtime.model_session import ModelSession, session_body
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import UpdateSession
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.link import Link
from tornado_app.upstream.said import LinkLost, LinkOpened, LinkSaid

TRIAL_ID = "parley_trial"
JOIN_S = 5.0
Stage = Literal["opened", "created", "updated"]
ENDED = Failure("open", "timeout", detail="not ready")


class Trial:
    """Dials, configures a session as a call would, and hangs up.  Thread: loop.

    Nothing is said and nothing answered, so that it costs no tokens.
    """

    def __init__(
        self,
        dial: Dial,
        wanted: ModelSession,
        mailbox: Mailbox,
        server_tools: Sequence[Function | HandedServer] = (),
    ) -> None:
        body = session_body(wanted, server_tools)
        self._order = encode_order(UpdateSession(session=body, event_id=TRIAL_ID))
        self._verdict: asyncio.Future[Ending | None] = asyncio.get_running_loop().create_future()
        self._last_error: ErrorFacts | None = None
        self.reached_s: dict[Stage, float] = {}
        """How far it came: seconds from `run` to the handshake, the model's session, our own."""
        self._began_at = 0.0
        post = partial(mailbox.post_threadsafe, self._hear)
        self._link = Link(dial, "trial", post, parse_realtime)

    async def run(self, timeout_s: float) -> Ending | None:
        """None if a call would have been connected, else how it would have ended."""
        self._began_at = time.monotonic()
        self._link.start()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._verdict
        except TimeoutError:
            return classify(ENDED, self._last_error)
        finally:
            if "opened" in self.reached_s:
                self._link.close()
            else:
                self._link.abort()
            # Off the loop; the thread ends a second after the close at the latest.
            loop = asyncio.get_running_loop()
            await asyncio.shield(loop.run_in_executor(None, self._link.join, JOIN_S))

    def _hear(self, said: object) -> None:
        match said:
            case LinkOpened():
                self._reach("opened")
                self._link.send(self._order)
            case LinkSaid(event, posted_bytes):
                self._link.consumed(posted_bytes)
                self._on_event(event)
            case LinkLost(failure):
                self._judge(classify(failure, self._last_error))

    def _on_event(self, event: object) -> None:
        match event:
            case SessionCreated():
                self._reach("created")
            case SessionUpdated():
                self._reach("updated")
            case UpstreamError(error) if error.event_id == TRIAL_ID:
                cause = safe_word(error.code or "") or "bad_session"
                self._judge(Ending("upstream_rejected", REJECTED, False, UPSTREAM_FAILED, cause))
            case UpstreamError(error):
                self._last_error = error
        if {"created", "updated"} <= self.reached_s.keys():
            self._judge(None)

    def _reach(self, stage: Stage) -> None:
        self.reached_s.setdefault(stage, time.monotonic() - self._began_at)

    def _judge(self, verdict: Ending | None) -> None:
        if not self._verdict.done():
            self._verdict.set_result(verdict)
