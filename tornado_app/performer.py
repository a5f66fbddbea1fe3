"""What a session decides, performed: each command by the part of the call that can."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never

from tornado_app.call_audio import CallAudio
from tornado_app.call_client import CallClient
from tornado_app.call_facts import CallFacts
from tornado_app.equipment import Equipment
from tornado_app.errors import Ref, Refused
from tornado_app.links import Links
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.reading_on import ReadingOn
from tornado_app.session import commands, events
from tornado_app.session.config import SessionConfig
from tornado_app.session.record import Entry
from tornado_app.tools.calls import Calls
from tornado_app.upstream.call_route import CallRoute
from tornado_app.upstream.race import Read


class Performer:
    """Everything of one call that is at the other end of a command.  Thread: loop."""

    __slots__ = (
        "_audio",
        "_calls",
        "_client",
        "_equipment",
        "_facts",
        "_feed",
        "_finish",
        "_route",
        "config",
        "downlink",
        "links",
        "token_id",
        "uplink",
    )

    def __init__(
        self,
        config: SessionConfig,
        client: CallClient,
        equipment: Equipment,
        facts: CallFacts,
        log: Any,
        *,
        read: Read,
        reading: ReadingOn,
        feed: Callable[[events.Event], None],
        finish: Callable[[], None],
        traceparent: Callable[[str], str] | None,
    ) -> None:
        """*read* says what a message of the model is; *finish* is called when all is decided."""
        self.config = config
        """As the next link is dialled."""
        self.token_id = config.token_id
        """Of the token that counts now."""
        self._client = client
        self._equipment = equipment
        self._facts = facts
        self._feed = feed
        self._finish = finish
        self._route = CallRoute(equipment.several, config) if equipment.several else None
        self.links = Links(
            config.session_id,
            equipment.dial,
            equipment.retire,
            equipment.mailbox,
            equipment.clock,
            read=read,
            reading=reading,
            feed=feed,
            race=self._route.race if self._route else None,
            spares=equipment.spares,
        )
        self._calls = Calls(equipment.tools, config, feed, log, traceparent)
        self._audio = CallAudio(config, equipment.pipeline, equipment.files, feed, log)
        self.uplink, self.downlink = self._audio.uplink, self._audio.downlink

    def perform(self, command: commands.Command) -> None:
        match command:
            # The hot path comes first, and takes no value apart, as in `Session`.
            case commands.SendClient():
                self._client.send(command)
            case commands.ConvertUplink():
                self.uplink.put(command.payload)
            case commands.SendUpstream():
                self.links.send(encode_order(command.order))
            case commands.ConvertDownlink():
                self.downlink.put(command.payload)
            case commands.Log() | commands.Timed():
                self._facts.note(command)
            case (
                commands.DecodeUplink()
                | commands.FlushUplink()
                | commands.ResetUplink()
                | commands.HoldUplink()
                | commands.ReleaseUplink()
                | commands.FlushDownlink()
                | commands.ResetDownlink()
            ):
                self._audio.perform(command)
            case commands.ChangeUplink() | commands.ChangeDownlink():
                self.config = self._audio.change(command, self.config)
            case commands.SendPrepared(order):
                self.links.send_prepared(encode_order(order))
            case _:
                self._perform_seldom(command)

    def better_upstreams(self, used: str) -> frozenset[str]:
        """As of `CallRoute.better`; none, if there is one upstream."""
        return self._route.better(used) if self._route else frozenset()

    def end(self) -> None:
        """The session is over.  Its connection is let go: each holds the other."""
        self._feed, self._finish = _nobody_hears, _nobody_finishes
        self._calls.end()
        if self.config.recorded and self._equipment.recorder is not None:
            self._equipment.recorder.end(self.config.session_id)
        self._audio.end()
        self.links.end()

    def _perform_seldom(self, command: commands.SeldomCommand) -> None:
        """What no chunk leads to."""
        match command:
            case (
                commands.PingClient()
                | commands.PauseClient()
                | commands.ResumeClient()
                | commands.DropClient()
                | commands.CloseClient()
            ):
                self._client.perform(command)
            case (
                commands.DialUpstream()
                | commands.CloseUpstream()
                | commands.PrepareUpstream()
                | commands.DropPrepared()
                | commands.SwapUpstream()
            ):
                self._choose_model(command)
                self.links.perform(command, self.config)
            case commands.NoteModel():
                self._note_model(command)
            case (
                commands.CallTool()
                | commands.CancelTool()
                | commands.SumUp()
                | commands.StopSummingUp()
            ):
                self._calls.perform(command)
            case commands.CheckToken(token, ref):
                self._check_token(token, ref)
            case commands.Record(entries):
                self._record(entries)
            case commands.Finish():
                self._finish()
            case _:
                assert_never(command)

    def _choose_model(self, command: commands.LinkCommand) -> None:
        if not isinstance(command, commands.DialUpstream) or command.model is None:
            return
        asked = replace(self.config.model_session, model=command.model)
        self.config = replace(self.config, model_session=asked)
        if self._route is not None:
            self._route.begin_anew(self.config)

    def _note_model(self, note: commands.NoteModel) -> None:
        if self._route is None:
            self._equipment.on_model(note.accepted)
        else:
            self._route.note(note)

    def _check_token(self, token: str, ref: Ref | None) -> None:
        keys = self._equipment.keys_for(token)
        if keys is None:
            self._tell_checked(token, ref)
        else:
            keys.add_done_callback(lambda _: self._tell_checked(token, ref))

    def _tell_checked(self, token: str, ref: Ref | None) -> None:
        self._feed(events.TokenChecked(self._checked(token), ref))

    def _checked(self, token: str) -> float | Refused:
        try:
            caller = self._equipment.check_token(token, self.config)
        except Refused as refused:
            return refused
        self.token_id = caller.token_id
        return caller.call_ends_at

    def _record(self, entries: list[Entry]) -> None:
        if self._equipment.recorder is not None:
            self._equipment.recorder.put(self.config.session_id, entries)


def _nobody_hears(_: events.Event) -> None:
    """What is found out behind the end of a call."""


def _nobody_finishes() -> None:
    """It has ended already."""
