"""What of an answer was not heard yet, for a while: it may be sent again."""

from collections import deque
from typing import NamedTuple

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.session.pieces import MODEL_BYTES_PER_MS, Sound
from tornado_app.session.playout import Playout

TAPE_BYTES = 4 << 20
"""87 s of the model's audio: what is beyond is asked for again."""

ITEMS_KEPT = 32


class _Piece(NamedTuple):
    item_id: str
    response_id: str
    begins_bytes: int
    """Where in its item."""
    pcm: bytes

    @property
    def ends_bytes(self) -> int:
        return self.begins_bytes + len(self.pcm)


class Tape:
    """Whole samples, as they came.  Thread: loop."""

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._pieces: deque[_Piece] = deque()
        self._ends_bytes: dict[str, int] = {}
        self.size_bytes = 0

    def add(self, sound: Sound, now: float) -> None:
        """More of an answer; what was heard before it is forgotten."""
        begins_bytes = self._ends_bytes.get(sound.item_id, 0)
        piece = _Piece(sound.item_id, sound.response_id, begins_bytes, sound.pcm)
        self._ends_bytes[sound.item_id] = piece.ends_bytes
        if len(self._ends_bytes) > ITEMS_KEPT:
            del self._ends_bytes[next(iter(self._ends_bytes))]
        while self._pieces and self._is_heard(self._pieces[0], now):
            self._drop()
        if self.size_bytes + len(piece.pcm) <= TAPE_BYTES and self._follows(piece):
            self._pieces.append(piece)
            self.size_bytes += ENTRY_BYTES + len(piece.pcm)

    def rest(self, now: float) -> list[Sound]:
        """What was not heard, without a hole; what is missing behind it was too much."""
        sounds: list[Sound] = []
        for piece in self._pieces:
            heard_bytes = self._playout.heard(piece.item_id, now) * MODEL_BYTES_PER_MS
            if heard_bytes < piece.begins_bytes and not sounds:
                return []  # what plays next was too much
            pcm = piece.pcm[max(0, heard_bytes - piece.begins_bytes) :]
            if pcm:
                sounds.append(Sound(piece.item_id, piece.response_id, pcm, ""))
        return sounds

    def ends_ms(self, now: float) -> dict[str, int]:
        """Up to where each item of `rest` is kept."""
        kept = {sound.item_id for sound in self.rest(now)}
        ends = {p.item_id: p.ends_bytes // MODEL_BYTES_PER_MS for p in self._pieces}
        return {item_id: ms for item_id, ms in ends.items() if item_id in kept}

    def is_whole(self, item_id: str, heard_ms: int, ends_ms: dict[str, int]) -> bool:
        """Whether all that came of an item was heard, or is kept (`ends_ms`)."""
        came_ms = self._ends_bytes.get(item_id, 0) // MODEL_BYTES_PER_MS
        return max(heard_ms, ends_ms.get(item_id, 0)) >= came_ms

    def clear(self) -> None:
        self._pieces.clear()
        self._ends_bytes.clear()
        self.size_bytes = 0

    def _follows(self, piece: _Piece) -> bool:
        """Whether nothing is missing before it."""
        if self._pieces and self._pieces[-1].item_id == piece.item_id:
            return self._pieces[-1].ends_bytes == piece.begins_bytes
        return piece.begins_bytes == 0 or not self._pieces

    def _is_heard(self, piece: _Piece, now: float) -> bool:
        return self._playout.heard(piece.item_id, now) * MODEL_BYTES_PER_MS >= piece.ends_bytes

    def _drop(self) -> None:
        self.size_bytes -= ENTRY_BYTES + len(self._pieces.popleft().pcm)
