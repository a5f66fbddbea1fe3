"""What one event leads to, collected in order."""

import math
from collections import Counter

from tornado_app.admission.limits import Bucket
from tornado_app.errors import ErrorCode, Ref, Refused
from tornado_app.protocol.told import ErrorReport, ServerMessage
from tornado_app.session.commands import Command, Log, SendClient
from tornado_app.session.config import SessionConfig

LINES_PER_S = 2.0
LINES_BURST = 100.0
"""A call has some ten lines and then a few for each turn; what is far beyond that is an attack."""


class Actions:
    """The growing list of commands; numbers the client's messages.  Thread: loop."""

    __slots__ = (
        "_commands",
        "_config",
        "_lines",
        "chunk",
        "errors",
        "facts",
        "given_pictures",
        "given_text",
        "has_room",
        "messages",
        "now",
        "orders",
        "read_at",
        "ref",
        "tokens",
        "unlogged",
    )

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._commands: list[Command] = []
        self.messages = 0
        """To the client."""
        self.facts = Counter[str]()
        """What there was for the operator, by event."""
        self.tokens = Counter[str]()
        """What the model has counted, by type."""
        self.given_text = self.given_pictures = 0
        """What the model was given beside sound, in tokens at the most."""
        self.errors = Counter[ErrorCode]()
        """Of them, by their code."""
        self._lines = Bucket(LINES_PER_S, LINES_BURST)
        self.unlogged = 0
        """Lines that were left out because there were too many."""
        self.now = config.opened_at
        """Set by the session before each event, so that all it says bears one time."""
        self.read_at = math.inf
        """When the link had what the model said last."""
        self.has_room = False
        """The client takes a piece of the answer at once.  Else whatever there is of it waits, and
        is asked for."""
        self.ref: Ref | None = None
        """What the client calls the message that is acted upon in this event, if it is one: whoever
        is to answer later keeps it."""
        self.chunk = 0
        """The number of the client's newest audio."""
        self.orders = 0
        """How much came of the client beside audio."""

    @property
    def received(self) -> int:
        """How many messages of the client have come."""
        return self.chunk + self.orders

    def do(self, command: Command) -> None:
        self._commands.append(command)

    def say(
        self, message: ServerMessage, *, urgent: bool = True, binary: bytes | None = None
    ) -> None:
        """One message to the client, with the next number."""
        self.messages += 1
        if type(message) is ErrorReport:
            self.errors[message.code] += 1
        timestamp_ms = self._config.unix_ms(self.now)
        self._commands.append(SendClient(message, self.messages, timestamp_ms, urgent, binary))

    def refuse(self, refused: Refused, ref: Ref | None = None) -> None:
        """*ref*: of a message that is answered late; else it is of the one that is acted upon."""
        self.say(ErrorReport.of(refused, self.ref if ref is None else ref))

    def log(self, event: str, *, always: bool = False, **fields: object) -> None:
        """A fact for the operator: a line, unless this session has filled the log already."""
        self.facts[event] += 1
        is_written = always or not self._lines.take(self.now)
        if not is_written:
            self.unlogged += 1
        self._commands.append(Log(event, fields, is_written))

    def take(self) -> list[Command]:
        commands, self._commands = self._commands, []
        return commands
