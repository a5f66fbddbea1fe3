"""A session with a pool, a link and a model that take their time, all in the test's hand."""

from typing import Any

from tests.session.story import Story, converted
from tests.session.unreliable_model import PERMANENT_TIMERS, QUIET, Model
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import commands, events
from workers.blocks import Block

FILE_MS = 100.0
SETTLED_S = 80.0
"""More than all deadlines one after the other."""


class SlowWorld:
    """Nothing comes back before it is let."""

    def __init__(self, **changes: Any) -> None:
        self.story = Story(**(QUIET | changes))
        self.model = Model()
        self.client_is_full = False
        self._uplink: list[events.Converted] = []
        self._downlink: list[int] = []
        self._has_link = self._is_open = False
        self.happen(events.Opened())

    @property
    def can_hear(self) -> bool:
        """The model is there, and has been sent what it is to be."""
        return self._has_link and self._is_open

    def happen(self, event: events.Event, at: float | None = None) -> None:
        self.story.is_full = self.client_is_full
        self.story.feed(event, at)
        for command in self.story.fresh:
            self._perform(command)

    def convert_uplink(self) -> None:
        if self._uplink:
            self.happen(events.UplinkReady(self._uplink.pop(0)))

    def convert_downlink(self) -> None:
        if self._downlink:
            duration_ms = self._downlink.pop(0) / 48
            self.happen(events.DownlinkReady(converted(duration_ms)))

    def hear(self, place: int = 0, fault: Any = lambda event: [event]) -> None:
        """The event at *place* of those under way comes."""
        if self._has_link and not self._is_open:
            self._is_open = True
            self.happen(events.UpstreamOpened(1.0))
        elif self._has_link and self.model.says:
            for event in fault(self.model.says.pop(place % len(self.model.says))):
                if self._has_link:
                    self.happen(events.UpstreamSaid(event, has_room=not self.client_is_full))

    def lose_link(self) -> None:
        if self._has_link:
            self._close()
            self.happen(events.UpstreamLost(Failure("open", "reset")))

    def leave_unsent(self, unsent_bytes: int) -> None:
        if self._has_link:
            self.happen(events.UpstreamBacklog(unsent_bytes))

    def wait(self, seconds: float) -> None:
        """The session is woken whenever it wishes to be."""
        until = self.story.now + seconds
        while (wake_at := self.story.session.timers.earliest) <= until:
            self.happen(events.Tick(), at=max(wake_at, self.story.now))
        self.story.now = until

    def settle(self) -> None:
        """Everything comes that is on its way, and nothing more is asked for."""
        self.client_is_full = False
        self.happen(events.ClientHasRoom())
        self.leave_unsent(0)
        until = self.story.now + SETTLED_S
        while self.story.now < until:
            for _ in range(20):
                self.convert_uplink()
                self.convert_downlink()
                self.hear()
            self.model.speak()
            self.wait(0.5)
            self.happen(events.Look(0))

    def assert_settled(self) -> None:
        """Nothing waits, nothing is waited for, nothing is held back, nothing is counted."""
        session = self.story.session
        assert not session.ended
        assert not self._uplink
        assert not self._downlink
        assert not set(session.timers._due_at) - PERMANENT_TIMERS
        assert not session._backlog.paused
        assert not session.downlink.holds
        assert abs(self.story.figures.buffered_ms) < 1e-6
        assert not session._conductor.uplink.pending.replies
        assert not session._conductor.uplink.confirmations._orders
        assert not session._conductor.answers.asking._request.waits
        assert 0 == session.downlink.waiting_ms
        conversation_bytes = session._conductor.memory._conversation._counted_bytes
        assert conversation_bytes == self.story.budget.held_bytes
        kept_bytes = conversation_bytes + session.downlink.transcripts.kept_bytes
        assert kept_bytes == self.story.process.held_bytes
        self.story.check()

    def _perform(self, command: commands.Command) -> None:
        match command:
            case commands.ConvertUplink(payload):
                audio = bytes(len(payload) * 4 // 3)
                self._uplink.append(converted(len(payload) / 48, len(payload), audio))
            case commands.FlushUplink():
                self._uplink.append(converted(0, 0, b""))
            case commands.DecodeUplink():
                self._uplink.append(Block(bytes(6400), 100, FILE_MS, -30.0, FILE_MS))
            case commands.ResetUplink():
                self._uplink.clear()
            case commands.ConvertDownlink(payload):
                self._downlink.append(len(payload))
            case commands.FlushDownlink():
                self._downlink.append(0)
            case commands.ResetDownlink():
                self._downlink.clear()
            case commands.SendUpstream(order):
                self.model.take(order)
            case commands.DialUpstream():
                self.model = Model()
                self.model.says.append(realtime.SessionCreated())
                self._has_link, self._is_open = True, False
            case commands.CloseUpstream():
                self._close()

    def _close(self) -> None:
        self._has_link = False
        self.model.says.clear()
