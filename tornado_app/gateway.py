"""What stands behind the handlers: everybody who is in, and what all of them share."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tornado_app.access import Access
from tornado_app.admission import tokens
from tornado_app.admission.budget import ProcessBudget
from tornado_app.admission.counting import Places, Seat
from tornado_app.audio_work import AudioWork
from tornado_app.client_side.client import Client
from tornado_app.client_side.sockets import Sockets
from tornado_app.connection import Connection
from tornado_app.equipment import Equipment
from tornado_app.guests import Guest
from tornado_app.house_rules import session_config
from tornado_app.logs import session_logger
from tornado_app.mailbox import Mailbox
from tornado_app.metrics.tally import Tally
from tornado_app.metrics.translation import hear
from tornado_app.models import Models
from tornado_app.policy.grants import Policy
from tornado_app.protocol.close import GOING_AWAY
from tornado_app.protocol.figures import LimitUse
from tornado_app.records import Records
from tornado_app.returning import Returning
from tornado_app.running_calls import RunningCalls
from tornado_app.session import events
from tornado_app.session.config import SessionConfig
from tornado_app.session.totals import Totals
from tornado_app.settings.schema import Settings
from tornado_app.tools.found import read_tools
from tornado_app.tools.succession import Succession
from tornado_app.tools.toolbox import Toolbox
from tornado_app.upstream import endpoint
from tornado_app.usage.call_usage import CallUsage

CLOSE_WAIT_S = 2.0
"""How long clients have to answer the last close frame."""


class Gateway:
    """Makes connections of guests, ends them all.  Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        rules: tokens.TokenRules | None,
        find_model: Callable[[], endpoint.Endpoint],
        policy: Policy,
        find_local: Callable[[], endpoint.Endpoint] | None = None,
        *,
        places: Places | None = None,
        ticket_prefix: str = "",
    ) -> None:
        """*find_model*: where the first upstream is; *find_local*: the model on this computer, if
        it is one of the others; *places*: counted with other processes; *ticket_prefix*: what
        resume tokens begin with, so that those know whose they are.
        """
        self.settings = settings
        self.memory = ProcessBudget(settings.limits.process_bytes, settings.limits.connections)
        loop = asyncio.get_running_loop()
        self.calls = RunningCalls(loop)
        self.returning = Returning(self.calls, ticket_prefix)
        gather_s = settings.audio.gather_ms / 1000
        self.mailbox, links = Mailbox(loop), Mailbox(loop, gather_s)
        post = self.mailbox.post_threadsafe
        self.sockets = Sockets(loop, gather_s)
        self.tally = Tally()
        self.audio = AudioWork(settings, self.mailbox, loop)
        self._toolboxes = Succession(read_tools(settings.tools, post).toolbox)
        self.tools.begin()
        self.access = Access(
            settings,
            rules,
            policy,
            self.tools,
            places=places,
            running=self.returning,
            post=post,
            hear=self.hear,
            on_revoked=self._on_revoked,
            most_of_first=lambda *call: self.records.usage.most_of_first(*call),  # noqa: PLW0108
        )
        # Behind what fails if a file cannot be read: a process waits for its threads.
        self.records = Records(settings)
        self.models = Models(
            settings,
            links,
            self.mailbox,
            find_first=find_model,
            find_local=find_local or find_model,
            server_tools=lambda: self.tools.all_told,
            hear=self.hear,
        )
        self._equipment = self._equip(loop, links)
        self.calls.begin()

    def _equip(self, loop: asyncio.AbstractEventLoop, links: Mailbox) -> Equipment:
        """Of calls that begin now; *links*: where what their models say is posted."""
        return Equipment(
            loop,
            links,
            self.audio.pipeline,
            self.audio.files,
            self.models.dial,
            self.models.retire,
            self.memory,
            self.models.on_call,
            self.access.judge.check_token,
            keys_for=self.access.trust.awaited,
            tools=self.tools,
            recorder=self.records.recorder,
            tally=self.tally,
            several=self.models.several,
            spares=self.models.spares,
        )

    def go_by(
        self,
        settings: Settings,
        rules: tokens.TokenRules | None,
        policy: Policy,
        tools: Toolbox | None,
    ) -> Coroutine[Any, Any, None]:
        """Take from now on what the operator has changed; calls that run go on as they began.

        *tools* are other ones, asked and `ready`; None: those that are there.  To be awaited: the
        end of what is not used any more.

        Raises:
            OSError: If a file of keys cannot be read any more; nothing has changed then.
            ValueError: If it is none.
        """
        offered = self.tools if tools is None else tools
        retiring = self.access.go_by(settings, rules, policy, offered)
        limit = settings.limits
        self.settings = self.models.settings = settings
        self.memory.resize(limit.process_bytes, limit.connections)
        self.audio.go_by(settings)
        if tools is not None:
            self._toolboxes.follow(tools)
            self._equipment = replace(self._equipment, tools=tools)
        return retiring

    @property
    def tools(self) -> Toolbox:
        """Those of calls that begin now."""
        return self._toolboxes.current

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Something that belongs to no call has happened, and counts."""
        hear(self.tally, event, fields)

    @property
    def connections(self) -> frozenset[Connection]:
        return self.calls.all

    def resume(self, guest: Guest, client: Client, last_seq: int | None) -> Connection | Guest:
        """As `Returning.resume`."""
        found = self.returning.resume(guest, client, last_seq)
        if isinstance(found, Connection):
            self._end_if_revoked(found)
        return found

    def connect(self, guest: Guest, client: Client) -> Connection:
        """A new connection for a client that was let in; it dials the model at once.

        Raises:
            Refused: If nobody is let in any more by now.
        """
        self.access.reception.check_open()
        config = session_config(
            guest.standing.settings,
            guest.caller,
            guest.opening,
            guest.terms,
            self.tools,
            client_conducts=guest.dialect.client_conducts,
            currency=self.records.usage.currency,
        )
        log = session_logger(config.session_id, config.user_id).bind(ip=guest.ip)
        tracing = self.records.tracing
        trace = tracing.begin(config, guest.traceparent) if tracing is not None else None
        trace_id = trace.context.trace_id if trace is not None and trace.context.is_sampled else ""
        if trace_id:
            log = log.bind(trace_id=trace_id)
        connection = Connection(
            config,
            client,
            guest.dialect,
            self._equipment,
            log,
            on_finished=self._forget,
            trace=trace,
            meter=self.access.metering.new_meter(guest.standing.quotas),
            usage=self._usage_of(config, guest, trace_id),
        )
        connection.ip = guest.ip
        self.calls.add(connection, guest.place)
        self._toolboxes.hold(config.session_id)
        connection.feed(events.Opened(self.returning.first_token(connection)))
        self._end_if_revoked(connection)  # it may have been since it was admitted
        return connection

    def _usage_of(
        self, config: SessionConfig, guest: Guest, trace_id: str
    ) -> Callable[[Callable[[], Totals]], CallUsage] | None:
        standing = guest.standing
        if not (self.records.usage.keepers or standing.counts_money or self.settings.admin.keys):
            return None
        return partial(self.records.usage.begin, config, standing.organisation, trace_id)

    def limits_of(self, connection: Connection) -> dict[str, LimitUse]:
        """What `get_status` tells of the limits that are counted here."""
        return self.access.seating.uses(self.calls.seats_of(connection.config.session_id))

    def limits_used(self) -> dict[str, LimitUse]:
        """What is counted for all together."""
        limit = self.settings.limits
        return {
            **self.access.seating.uses([Seat("connections", "", limit.connections)]),
            "process_bytes": LimitUse(self.memory.held_bytes, limit.process_bytes),
        }

    def drain(self, deadline_s: float) -> None:
        """Tell every client that it has *deadline_s* left.  Nobody new is let in from now on."""
        self.access.reception.close()
        deadline = time.monotonic() + deadline_s
        for connection in self.connections:
            connection.feed(events.Drain(deadline))

    async def clients_gone(self, timeout_s: float) -> bool:
        """Wait until nobody is connected; False if somebody still is after *timeout_s*."""
        return await self.calls.ended(timeout_s)

    async def stop(self, timeout_s: float) -> bool:
        """End every session and every thread; False if something was still there in the end."""
        self.access.reception.close()
        self.calls.look_no_more()
        await self.models.stop()
        for connection in self.connections:
            connection.feed(events.Stop(GOING_AWAY))
        clean = await _wait(self.models.links_gone, timeout_s)
        # A process that ends on a socket with unread audio resets it, and the close frame is lost.
        await _wait(self.access.reception.sockets_gone, CLOSE_WAIT_S)
        self.sockets.close()
        await self._toolboxes.stop()
        await self.records.stop(timeout_s)
        await self.audio.stop()
        await self.models.join()
        await self.access.stop()
        joined = await self.audio.join(timeout_s)
        return clean and joined

    def _on_revoked(self) -> None:
        for connection in self.connections:
            self._end_if_revoked(connection)

    def _end_if_revoked(self, connection: Connection) -> None:
        if self.access.trust.taken_back.has(connection.config.user_id, connection.token_id):
            connection.feed(events.TokenRevoked())

    def _forget(self, connection: Connection) -> None:
        session_id = connection.config.session_id
        self.returning.forget(session_id)
        self._toolboxes.leave(session_id)
        self.calls.forget(session_id)


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    return event.is_set()
