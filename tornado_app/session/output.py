"""What of an answer goes to the client, in the format that it has now."""

from dataclasses import replace

from tornado_app.policy.formats import CallFormats
from tornado_app.protocol.told import Audio
from tornado_app.session.actions import Actions
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.config import SessionConfig
from tornado_app.session.events import Converted
from tornado_app.session.pieces import MODEL_BYTES_PER_MS, Offsets, Sound, piece_bytes
from tornado_app.session.playout import Playout
from tornado_app.session.sent import Sent
from tornado_app.session.waiting import InPool


class Output:
    """Writes the messages, and knows where in its item each piece lies.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_config",
        "_offsets",
        "_playout",
        "_waits",
        "passes_through",
        "piece_bytes",
        "sent",
        "will_pass",
    )

    def __init__(
        self, config: SessionConfig, actions: Actions, playout: Playout, waits: AnswerWaits
    ) -> None:
        self._waits = waits
        self._actions = actions
        self._playout = playout
        self._offsets = Offsets()
        self.passes_through = config.passes_through
        """The model's own base64 goes on."""
        self.will_pass = False
        """It will, from the next item on."""
        self.piece_bytes = piece_bytes(config)
        """How much of the model's audio becomes one message."""
        self._config = config
        self.sent = Sent(config, actions)

    def change(self, formats: CallFormats, *, has_begun: bool) -> None:
        """What follows is in *formats*.

        Of an item that *has_begun* no sample is the model's own any more: they may lie between.
        """
        is_binary = formats.output_encoding == "binary"
        self._config = replace(self._config, target=formats.target, binary_output=is_binary)
        self.piece_bytes = piece_bytes(self._config)
        self.passes_through = formats.passes_through and not has_begun
        self.will_pass = formats.passes_through and has_begun

    def rewind(self, item_id: str, offset_ms: float) -> None:
        """What comes next of this item was there already, and has its place."""
        self._offsets.put(item_id, offset_ms)

    def pass_through(self) -> None:
        """The item is over that was begun in another format, if there was one."""
        if self.will_pass:
            self.passes_through, self.will_pass = True, False

    def send(self, sound: Sound) -> None:
        """The next piece of what passes through."""
        text, size_bytes = sound.take_text(self.piece_bytes)
        self._send(sound.item_id, sound.response_id, size_bytes / MODEL_BYTES_PER_MS, text=text)

    def send_converted(self, place: InPool, result: Converted) -> None:
        item_id, response_id = place.item_id, place.response_id
        for piece in result.pieces:
            if self._config.binary_output:
                self._send(item_id, response_id, piece.duration_ms, binary=piece.audio)
            else:
                self._send(item_id, response_id, piece.duration_ms, text=piece.audio.decode())

    def _send(
        self,
        item_id: str,
        response_id: str,
        duration_ms: float,
        *,
        text: str | None = None,
        binary: bytes | None = None,
    ) -> None:
        offset_ms = self._offsets.move(item_id, duration_ms)
        message = Audio(
            item_id=item_id,
            response_id=response_id,
            offset_ms=round(offset_ms, 3),
            duration_ms=round(duration_ms, 3),
            audio=text,
            size=len(binary) if binary is not None else None,
            wait=self._waits.take(response_id) if self._waits.open else None,
        )
        self._playout.sent(item_id, duration_ms, self._actions.now)
        self._actions.say(message, binary=binary)
        self.sent.note(duration_ms)
