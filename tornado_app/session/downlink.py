"""The model's answer on its way to the client, in order though some of it is being converted."""

from collections import deque
from dataclasses import dataclass

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.events import AudioDelta
from tornado_app.protocol.told import Audio, ServerMessage
from tornado_app.session.actions import Actions
from tornado_app.session.commands import ConvertDownlink, FlushDownlink, ResetDownlink
from tornado_app.session.config import SessionConfig
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.playout import Playout

MODEL_BYTES_PER_MS = 48
"""24 kHz mono s16le."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A place in the queue for audio that the pool is converting."""

    item_id: str
    response_id: str


class Downlink:
    """Sends audio and, behind it, what belongs behind it.  Thread: loop."""

    def __init__(self, config: SessionConfig, actions: Actions, playout: Playout) -> None:
        self._config = config
        self._actions = actions
        self._playout = playout
        self._queue: deque[_Waiting | ServerMessage] = deque()
        self._item_id = ""
        self._offset_ms = 0.0
        self._in_lane: _Waiting | None = None
        """Whose audio the resampler may hold the end of."""

    def audio(self, delta: AudioDelta) -> None:
        if self._config.passes_through:
            duration_ms = base64_size_bytes(delta.delta) / MODEL_BYTES_PER_MS
            self._send(delta.item_id, delta.response_id, duration_ms, text=delta.delta)
            return
        self._in_lane = _Waiting(delta.item_id, delta.response_id)
        self._queue.append(self._in_lane)
        self._actions.do(ConvertDownlink(delta.delta))

    def end_item(self) -> None:
        """The item's audio is complete: send what the resampler still holds of it."""
        if self._in_lane is not None:
            self._queue.append(self._in_lane)
            self._in_lane = None
            self._actions.do(FlushDownlink())

    def say(self, message: ServerMessage) -> None:
        """Send *message* behind all audio that came before it."""
        if self._queue:
            self._queue.append(message)
        else:
            self._actions.say(message)

    def ready(self, result: Converted | Unusable) -> None:
        waiting = self._queue.popleft()
        assert isinstance(waiting, _Waiting)  # noqa: S101  `_drain` leaves nothing else in front
        if isinstance(result, Unusable):
            # Not the client's doing: the model sent something that is no audio.
            sentence = "A piece of the answer could not be converted and is missing."
            self._actions.refuse(Refused("internal", sentence))
        elif result.audio:
            self._send_converted(waiting, result)
        self._drain()

    def drop(self) -> None:
        """Interrupted: audio that waits is not sent; messages are."""
        self._actions.do(ResetDownlink())
        self._in_lane = None
        queue, self._queue = self._queue, deque()
        for entry in queue:
            if not isinstance(entry, _Waiting):
                self._actions.say(entry)

    def _drain(self) -> None:
        while self._queue and not isinstance(self._queue[0], _Waiting):
            message = self._queue.popleft()
            assert not isinstance(message, _Waiting)  # noqa: S101  tells the type checker
            self._actions.say(message)

    def _send_converted(self, waiting: _Waiting, result: Converted) -> None:
        item_id, response_id = waiting.item_id, waiting.response_id
        if self._config.binary_output:
            self._send(item_id, response_id, result.converted_ms, binary=result.audio)
        else:
            self._send(item_id, response_id, result.converted_ms, text=result.audio.decode())

    def _send(
        self,
        item_id: str,
        response_id: str,
        duration_ms: float,
        *,
        text: str | None = None,
        binary: bytes | None = None,
    ) -> None:
        if item_id != self._item_id:
            self._item_id, self._offset_ms = item_id, 0.0
        message = Audio(
            item_id=item_id,
            response_id=response_id,
            offset_ms=round(self._offset_ms, 3),
            duration_ms=round(duration_ms, 3),
            audio=text,
            size=len(binary) if binary is not None else None,
        )
        self._offset_ms += duration_ms
        self._playout.sent(item_id, duration_ms, self._actions.now)
        self._actions.say(message, binary=binary)


def base64_size_bytes(text: str) -> int:
    """The size of what *text* decodes to."""
    return len(text) * 3 // 4 - text[-2:].count("=")
