"""How the answer's audio is cut for one client, so that no message of it is large."""

from base64 import b64encode
from dataclasses import dataclass

from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.session.config import SessionConfig

MODEL_BYTES_PER_MS = 48
"""24 kHz mono s16le."""

PIECE_BYTES = 65_536
"""The audio of one message, in the client's format and, if it is that, in base64: a second of
24 kHz pcm16, which is longer than what the model sends at once."""
QUEUE_SHARE = 8
"""So many pieces fit in a client's queue."""
LEAST_BYTES = 480
"""Of the model's audio: 10 ms, the resampler's own step."""
OFFSETS_KEPT = 16
QUANTUM_BYTES = 6
"""Whole samples, and whole groups of base64."""


def piece_bytes(config: SessionConfig) -> int:
    """How much of the model's audio becomes one message to this client."""
    client_bytes_per_ms = config.target.bytes_per_s / 1000
    if not config.binary_output:
        client_bytes_per_ms *= 4 / 3
    most_bytes = min(PIECE_BYTES, config.outbound_bytes // QUEUE_SHARE)
    model_bytes = int(most_bytes * MODEL_BYTES_PER_MS / client_bytes_per_ms + 1e-6)
    return max(LEAST_BYTES, model_bytes // QUANTUM_BYTES * QUANTUM_BYTES)


@dataclass(slots=True)
class Sound:
    """Whole samples of one item, of which pieces are taken from the front.  Thread: loop."""

    item_id: str
    response_id: str
    pcm: bytes
    text: str
    """*pcm* as base64, or empty."""
    taken_bytes: int = 0

    @property
    def left_bytes(self) -> int:
        return len(self.pcm) - self.taken_bytes

    def take(self, size_bytes: int) -> bytes:
        """The next *size_bytes*, or what is left."""
        begin = self.taken_bytes
        self.taken_bytes = min(begin + size_bytes, len(self.pcm))
        return self.pcm[begin : self.taken_bytes]

    def take_text(self, size_bytes: int) -> tuple[str, int]:
        """The same as base64, and its size; *size_bytes* is a multiple of `QUANTUM_BYTES`."""
        begin = self.taken_bytes
        if not self.text:
            pcm = self.take(size_bytes)
            return b64encode(pcm).decode(), len(pcm)
        self.taken_bytes = min(begin + size_bytes, len(self.pcm))
        # A slice that reaches beyond the end takes the padding along; one of everything is no copy.
        text = self.text[begin // 3 * 4 : (begin + size_bytes) // 3 * 4]
        return text, self.taken_bytes - begin


class Joints:
    """Samples that were cut in two: the first half waits for the second.  Thread: loop."""

    __slots__ = ("_halves",)

    def __init__(self) -> None:
        self._halves: dict[str, bytes] = {}

    def join(self, heard: AnswerAudio) -> Sound:
        """Whole samples only; what is over is put before what comes next of the item."""
        half = self._halves.pop(heard.item_id, b"")
        if not half and len(heard.pcm) % 2 == 0:
            return Sound(heard.item_id, heard.response_id, heard.pcm, heard.text)
        pcm = half + heard.pcm
        if len(pcm) % 2:
            self._halves[heard.item_id] = pcm[-1:]
            pcm = pcm[:-1]
        return Sound(heard.item_id, heard.response_id, pcm, "")

    def end(self, item_id: str | None = None) -> int:
        """Nothing more comes of the item, or of any: say how many halves are forgotten."""
        if item_id is not None:
            return len(self._halves.pop(item_id, b""))
        count = len(self._halves)
        self._halves.clear()
        return count


class Offsets:
    """Where in each item the next piece begins.  Thread: loop."""

    __slots__ = ("_offsets_ms",)

    def __init__(self) -> None:
        self._offsets_ms: dict[str, float] = {}

    def put(self, item_id: str, offset_ms: float) -> None:
        """What comes next of this item is what is behind *offset_ms*."""
        if item_id in self._offsets_ms:
            self._offsets_ms[item_id] = offset_ms

    def move(self, item_id: str, duration_ms: float) -> float:
        """Where this piece begins; the next one begins behind it."""
        offset_ms = self._offsets_ms.pop(item_id, 0.0)
        self._offsets_ms[item_id] = offset_ms + duration_ms  # the last one: the oldest is the first
        if len(self._offsets_ms) > OFFSETS_KEPT:
            del self._offsets_ms[next(iter(self._offsets_ms))]
        return offset_ms
