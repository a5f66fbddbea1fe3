"""What a client's messages mean, as events of its session."""

from tornado_app.connection import Connection
from tornado_app.errors import InvalidMessage
from tornado_app.gateway import Gateway
from tornado_app.protocol import asked
from tornado_app.protocol.dialect import Dialect
from tornado_app.session import events

HARD_LIMIT_FACTOR = 4
"""A message over the limit is read and answered with an error; one that is four times as large is
not even read."""


class Messages:
    """Of one client, in its dialect.  Thread: loop."""

    __slots__ = ("_dialect", "_gateway", "_most_bytes", "read_bytes", "sure_bytes")

    def __init__(self, gateway: Gateway, dialect: Dialect) -> None:
        self._gateway = gateway
        self._dialect = dialect
        self.sure_bytes = self._most_bytes = gateway.settings.limits.message_bytes
        """Any client may send a message of so many."""
        self.read_bytes = self.sure_bytes * HARD_LIMIT_FACTOR
        """A larger one is not read."""
        if dialect.client_conducts:  # its library may send a whole recording in one event
            self._most_bytes = self.read_bytes

    def event(self, connection: Connection, message: str | bytes) -> events.Event:
        """What has happened to the session of *connection*."""
        if _size_bytes(message) > self._most_bytes:
            return events.ClientRefused(self.too_large(self.read_bytes, message))
        if isinstance(message, bytes):
            return events.ClientAudio(message)
        try:
            return self._said(connection, message)
        except InvalidMessage as refused:
            return events.ClientRefused(refused)

    def too_large(self, read_bytes: int, message: str | bytes = "") -> InvalidMessage:
        """What to say of *message*, if it was read, or of one that was not: over *read_bytes*."""
        is_audio, ref = isinstance(message, bytes), None
        if isinstance(message, str) and message:
            try:
                said = self._dialect.parse(message)
                ref, is_audio = said.ref, isinstance(said, asked.Audio | asked.AudioFile)
            except InvalidMessage as refused:
                ref, is_audio = refused.ref, refused.is_audio
        sentence = f"A message may have at most {min(self._most_bytes, read_bytes)} bytes."
        return InvalidMessage("message_too_large", sentence, ref=ref, is_audio=is_audio)

    def _said(self, connection: Connection, text: str) -> events.Event:
        """What one text frame means.

        Raises:
            InvalidMessage: If it means nothing.
        """
        message = self._dialect.parse(text)
        match message:
            case asked.Audio() | asked.AudioFile():
                return message
            case asked.GetStatus():
                limits = self._gateway.limits_of(connection)
                return events.StatusAsked(limits, message.ref, connection.cost)
            case _:
                return events.ClientSaid(message)


def _size_bytes(message: str | bytes) -> int:
    """As it came; text is encoded again only if that makes a difference."""
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    return len(message.encode())
