"""A session on a stage: events go in by plain names, what it says comes out by plain names."""

import math
from base64 import b64encode
from dataclasses import fields, replace
from typing import Any

import msgspec

from tests.session.recorded_orders import check_order
from tornado_app.admission.budget import Budget, ProcessBudget
from tornado_app.log_levels import LEVELS
from tornado_app.policy.fields import FIELDS
from tornado_app.policy.grants import ALL, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.figures import AudioFigures
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.protocol.realtime.orders import AnyOrder, Append, Relayed
from tornado_app.protocol.told import ErrorReport
from tornado_app.protocol.voice_v1.server import TYPES
from tornado_app.session import commands, events
from tornado_app.session.config import (
    AnswerRules,
    DiallingRules,
    PresenceRules,
    RateRules,
    SessionConfig,
    UplinkRules,
)
from tornado_app.session.machine import Session
from workers.blocks import Block
from workers.formats import AudioFormat

UNIX_MS = 1_800_000_000_000


def model_session(**changes: Any) -> ModelSession:
    return replace(
        ModelSession(
            model="gpt-realtime-2.1",
            instructions="",
            voice="marin",
            turn_detection="server_vad",
            vad_threshold=0.5,
            vad_prefix_padding_ms=300,
            vad_silence_ms=500,
            transcription_model="",
            max_output_tokens=4096,
        ),
        **changes,
    )


GROUPS = ("presence", "dialling", "answers", "uplink", "rates", "memory", "roll_over")


def config(**changes: Any) -> SessionConfig:
    """*changes* by the names of fields, also of those that stand in a group."""
    wanted = model_session(turn_detection=changes.pop("turn_detection", "server_vad"))
    begun = SessionConfig(
        session_id="sess_1",
        user_id="alice",
        scopes=frozenset({"speak"}),
        model_session=wanted,
        call_rules=CallRules(Policy(EVERYTHING, {}), frozenset()),
        source=AudioFormat("pcm16", 24_000, 1),
        target=AudioFormat("pcm16", 24_000, 1),
        passes_through=True,
        binary_output=False,
        outbound_bytes=1 << 20,
        wants_resume=False,
        ignored=(),
        opened_at=0.0,
        opened_at_unix_ms=UNIX_MS,
        token_expires_at_unix_s=UNIX_MS / 1000 + 3600,
        token_leeway_s=10.0,
        presence=PresenceRules(ping_interval_s=30.0, read_timeout_s=60.0),
        dialling=DiallingRules(
            ready_timeout_s=10.0,
            reconnect_attempts=3,
            reconnect_initial_ms=250,
            reconnect_max_ms=8000,
        ),
        answers=AnswerRules(response_timeout_s=15.0, response_stall_s=20.0),
        uplink=UplinkRules(
            hold_ms=1000.0,
            backlog="push_back",
            outbox_bytes=4 << 20,
            file_bytes=100_000,
            remove_dc=False,
            limit_peaks=False,
        ),
        rates=RateRules(
            audio_rate=4.0,
            audio_burst_ms=10_000.0,
            messages_per_s=100.0,
            message_burst=200.0,
            errors_per_minute=20.0,
        ),
        call_bytes=8 << 20,
    )
    for group in GROUPS:
        rules = getattr(begun, group)
        own = {each.name: changes.pop(each.name) for each in fields(rules) if each.name in changes}
        begun = replace(begun, **{group: replace(rules, **own)})
    return replace(begun, **changes)


FORGETFUL = {"ledger_entries": 0}
"""Of a call whose next model is told nothing."""

NO_ROOM: dict[str, tuple[int | None, ...]] = {
    "server_busy": (1000,),
    "audio_backlog": (1000, None),
}
"""What is said to be full, and for how long; None: it is read no further until there is room."""

EVERYTHING = {(name, "configure"): ALL for name in FIELDS}


class Story:
    """One session, its clock in the test's hand, and everything it has asked for."""

    def __init__(self, **changes: Any) -> None:
        self.process = changes.pop("process", ProcessBudget(64 << 20, 4))
        self.config = config(**changes)
        self.budget = Budget(self.config.call_bytes, self.process)
        self.session = Session(self.config, self.budget, jitter=lambda: 1.0)
        self.now = self.config.opened_at
        self.is_full = False
        """The client has so much to read that it is given no more of the answer."""
        self.all: list[commands.Command] = []
        self.fresh: list[commands.Command] = []

    def feed(self, event: events.Event, at: float | None = None) -> "Story":
        """Let *event* happen; `fresh` holds what it led to."""
        self.now = self.now if at is None else at
        self.fresh = self.session.handle(event, self.now)
        while self.session.downlink.may_go_on and not self.is_full:
            self.fresh += self.session.go_on(self.now)
        self.all += self.fresh
        self._check_errors()
        for order in self.orders:
            # Audio is one field, and comes by the thousand; what is relayed is a client's own.
            is_clients = isinstance(order, Relayed) or getattr(order, "beside", None)
            if not (is_clients or isinstance(order, Append)):
                check_order(order)
        return self

    def _check_errors(self) -> None:
        """Who is told that there is no room is told when to come again, if not to wait."""
        said = (each.message for each in self.fresh if isinstance(each, commands.SendClient))
        for message in said:
            if type(message) is ErrorReport and message.code in NO_ROOM:
                assert message.retry_after_ms in NO_ROOM[message.code], message

    def opened(self) -> "Story":
        return self.feed(events.Opened())

    def connected(self) -> "Story":
        return self.opened().model_ready()

    def model_ready(self) -> "Story":
        self.feed(events.UpstreamOpened(5.0))
        self.said(realtime.SessionCreated(realtime.SessionFacts("sess_m", "gpt-realtime-2.1")))
        before = self.fresh
        self.said(realtime.SessionUpdated(realtime.SessionFacts()))
        self.fresh = before + self.fresh
        return self

    def said(self, event: realtime.UpstreamEvent, at: float | None = None) -> "Story":
        return self.feed(events.UpstreamSaid(event, has_room=not self.is_full), at)

    def lost(self, failure: Failure | None = None, at: float | None = None) -> "Story":
        """The link is gone, and all is done about it that can be at once."""
        self.feed(events.UpstreamLost(failure or Failure("open", "reset")), at)
        first = self.fresh
        self.feed(events.Tick())
        self.fresh = first + self.fresh
        return self

    def client(self, message: asked.Command, at: float | None = None) -> "Story":
        return self.feed(events.ClientSaid(message), at)

    def speak(self, duration_ms: float, at: float | None = None) -> "Story":
        """A chunk goes in and comes back from the pool at once."""
        payload = bytes(self.config.source.size_bytes(duration_ms))
        self.feed(events.ClientAudio(payload), at)
        first = self.fresh
        self.feed(events.UplinkReady(converted(duration_ms, len(payload))))
        self.fresh = first + self.fresh
        return self

    def tick(self, at: float) -> "Story":
        return self.feed(events.Tick(), at)

    def abandoned(self) -> "Story":
        """Let the session have had a fault of ours."""
        self.fresh = self.session.abandon(self.now)
        self.all += self.fresh
        return self

    @property
    def messages(self) -> list[tuple[str, dict[str, Any]]]:
        """What the client was told by the last event: (type, data)."""
        return [
            (TYPES[type(command.message)], msgspec.to_builtins(command.message))
            for command in self.fresh
            if isinstance(command, commands.SendClient)
        ]

    @property
    def all_messages(self) -> list[tuple[str, dict[str, Any]]]:
        """The same of everything that has happened."""
        return [
            (TYPES[type(command.message)], msgspec.to_builtins(command.message))
            for command in self.all
            if isinstance(command, commands.SendClient)
        ]

    @property
    def told(self) -> list[str]:
        return [name for name, _ in self.messages]

    @property
    def errors(self) -> list[str]:
        return [data["code"] for name, data in self.messages if name == "error"]

    @property
    def figures(self) -> AudioFigures:
        """What ``status`` would say of the client's audio: its reply comes in its turn only."""
        return self.session._conductor.uplink.figures()

    @property
    def orders(self) -> list[AnyOrder]:
        """What the model was asked by the last event."""
        return [c.order for c in self.fresh if isinstance(c, commands.SendUpstream)]

    @property
    def asked(self) -> list[str]:
        return [str(type(order).__struct_config__.tag) for order in self.orders]

    @property
    def closes(self) -> list[tuple[int, str]]:
        return [
            (c.close.code, c.close.reason)
            for c in self.fresh
            if isinstance(c, commands.CloseClient)
        ]

    def did(self, kind: type) -> bool:
        return any(isinstance(command, kind) for command in self.fresh)

    def check(self) -> None:
        """What holds for every session, whatever happened to it."""
        numbers = [c.seq for c in self.all if isinstance(c, commands.SendClient)]
        assert list(range(1, len(numbers) + 1)) == numbers

        assert {c.event for c in self.all if isinstance(c, commands.Log)} <= LEVELS.keys()

        finished = [i for i, c in enumerate(self.all) if isinstance(c, commands.Finish)]
        assert finished in ([], [len(self.all) - 1])
        assert self.session.ended == bool(finished)
        if self.session.ended:
            assert math.inf == self.session.timers.earliest
            assert 0 == self.budget.held_bytes == self.budget._answer_bytes


def converted(duration_ms: float, size_bytes: int = 0, audio: bytes = b"QUJD") -> events.Converted:
    return Block(audio, size_bytes, duration_ms, -30.0, duration_ms)


def response(
    response_id: str = "resp_1", status: str = "in_progress", **facts: Any
) -> realtime.ResponseFacts:
    return realtime.ResponseFacts(response_id, status, **facts)


def delta(duration_ms: int, item_id: str = "item_a", response_id: str = "resp_1") -> AnswerAudio:
    """So much silence."""
    pcm = bytes(duration_ms * 48)
    return AnswerAudio(response_id, item_id, pcm, b64encode(pcm).decode())
