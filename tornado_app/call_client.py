"""The client of one call: told in its dialect what the session says, by the socket it has now."""

from collections.abc import Callable
from typing import assert_never

from tornado_app.client_side.client import Client
from tornado_app.protocol.close import INTERNAL
from tornado_app.protocol.dialect import Dialect
from tornado_app.resuming.line import Line
from tornado_app.session import commands
from tornado_app.session.config import SessionConfig


class CallClient:
    """One that may come back has a `Line`; all others are spoken to as they are.  Thread: loop."""

    __slots__ = ("_dialect", "_encode", "_line", "taker")

    def __init__(
        self, config: SessionConfig, client: Client, dialect: Dialect, clock: Callable[[], float]
    ) -> None:
        self._dialect = dialect
        self._encode = dialect.encode
        self._line: Line | None = None
        if config.presence.resume_window_s:
            kept_bytes, kept_s = config.presence.resume_bytes, config.presence.resume_window_s
            self._line = Line(client, dialect.encode, kept_bytes, kept_s, clock)
        self.taker: Client = self._line or client
        """Who is given what is sent."""

    def send(self, command: commands.SendClient) -> None:
        """The hot path."""
        if self._line is not None and not command.urgent:
            self._line.acknowledge(command)
            return
        text = self._encode(command.message, command.seq, command.timestamp_ms)
        if text:
            self.taker.send(text, urgent=command.urgent)
        if command.binary is not None:
            self.taker.send(command.binary, binary=True)

    def perform(self, command: commands.SocketCommand) -> None:
        match command:
            case commands.PingClient():
                self.taker.ping()
            case commands.PauseClient():
                self.taker.pause()
            case commands.ResumeClient():
                self.taker.resume()
            case commands.DropClient(close):
                self.taker.replace(self._dialect.closing(close))
            case commands.CloseClient(close):
                self.taker.close(self._dialect.closing(close))
            case _:
                assert_never(command)

    def close(self) -> None:
        """The session had a fault of ours."""
        self.taker.close(INTERNAL)

    @property
    def dialect_name(self) -> str:
        """How it speaks."""
        return self._dialect.subprotocol

    # One that may come back.

    def lose(self) -> None:
        """Its WebSocket is closed."""
        if self._line is not None:
            self._line.detach()

    def has(self, last_seq: int) -> bool:
        """Whether all is kept that it has missed if it has *last_seq*."""
        return self._line is not None and self._line.has(last_seq)

    def attach(self, client: Client, last_seq: int) -> None:
        """Go on with *client*, which has everything up to *last_seq*: ask `has` before."""
        if self._line is not None:
            self._line.attach(client, last_seq)

    def go_on(self) -> None:
        """It has read most of what it had to."""
        if self._line is not None:
            self._line.go_on()

    def forget_old(self) -> None:
        """What is kept longer than it need be."""
        if self._line is not None:
            self._line.forget_old()
