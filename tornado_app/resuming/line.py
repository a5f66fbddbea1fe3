"""Stands between a session and a client that may be lost, and come back by another WebSocket."""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TypeAlias

from tornado_app.client_side.client import Client
from tornado_app.protocol.close import RESUMED_ELSEWHERE, Close

ENTRY_BYTES = 64
"""What a message takes in memory beside its bytes."""
FULL_PART = 2
"""While nobody is there, an answer is held back when this part of the room is used: messages that
cannot be held back have the rest."""


_Kept: TypeAlias = bytes | tuple[bytes]
"""A message, or in a tuple the binary frame behind it: most are messages, kept as they are."""


class Line:
    """Passes on what a client is told, and keeps the last of it.  Thread: loop.

    Messages are numbered as the session does, from 1 without gaps; a binary frame belongs to the
    message before it.  What is kept are the bytes that were sent, not copies.
    """

    __slots__ = (
        "_away_bytes",
        "_client",
        "_clock",
        "_forgotten_seq",
        "_is_paused",
        "_is_ping_due",
        "_kept_s",
        "_last_seq",
        "_marks",
        "_missed",
        "_room_bytes",
        "_sent",
        "_sent_bytes",
    )

    def __init__(
        self, client: Client, room_bytes: int, kept_s: float, clock: Callable[[], float]
    ) -> None:
        self._client: Client | None = client
        self._room_bytes = room_bytes
        self._kept_s = kept_s
        self._clock = clock
        self._sent: deque[_Kept] = deque()
        self._sent_bytes = 0
        self._forgotten_seq = 0
        """The messages up to this one are not kept."""
        self._last_seq = 0
        self._marks: deque[tuple[float, int]] = deque()
        """When it was looked, and what was the last message then: cheaper than a time for each."""
        self._missed: deque[_Kept] = deque()
        """What a client that has come back is still to be given."""
        self._away_bytes = 0
        self._is_paused = False
        self._is_ping_due = False

    @property
    def is_full(self) -> bool:
        if self._client is None:
            return self._away_bytes > self._room_bytes // FULL_PART
        return bool(self._missed) or self._client.is_full

    @property
    def queued_bytes(self) -> int:
        """What is kept here, too."""
        queued_bytes = 0 if self._client is None else self._client.queued_bytes
        return queued_bytes + self._sent_bytes

    def has(self, last_seq: int) -> bool:
        """Whether all behind *last_seq* is kept, and there is such a message."""
        return self._forgotten_seq <= last_seq <= self._last_seq

    def attach(self, client: Client, last_seq: int) -> None:
        """Go on with *client*, which has everything up to *last_seq*."""
        before, self._client = self._client, client
        if before is not None:
            before.replace(RESUMED_ELSEWHERE)
        self._missed = self._behind(last_seq)
        self._is_ping_due = False
        self._away_bytes = 0
        if self._is_paused:
            client.pause()
        self.go_on()

    def detach(self) -> None:
        """Nobody is there."""
        self._client = None
        self._missed.clear()

    def go_on(self) -> None:
        """Give a client that has come back what it has missed, as fast as it reads."""
        client, missed = self._client, self._missed
        while missed and client is not None and not client.is_full:
            kept = missed.popleft()
            if isinstance(kept, tuple):
                client.send(kept[0], binary=True)
            else:
                client.send(kept)
        if self._is_ping_due and not missed:
            self.ping()

    def forget_old(self) -> None:
        """Keep nothing any longer than it is needed.  Called once a second.

        While nobody is there everything is: it goes with the session.
        """
        now, marks = self._clock(), self._marks
        if self._client is None:
            return
        while marks and marks[0][0] < now - self._kept_s:
            _, seq = marks.popleft()
            while self._forgotten_seq < seq:
                self._forget_first()
        if self._last_seq > self._forgotten_seq:
            marks.append((now, self._last_seq))

    def send(self, payload: bytes, *, binary: bool = False, urgent: bool = True) -> None:
        kept: _Kept = payload
        if binary:
            kept = (payload,)
        else:
            self._last_seq += 1
        self._sent.append(kept)
        self._sent_bytes += len(payload) + ENTRY_BYTES
        if self._sent_bytes > self._room_bytes:
            self._make_room()
        if self._client is None:
            self._away_bytes += len(payload)
        elif self._missed:
            self._missed.append(kept)
        else:
            self._client.send(payload, binary=binary, urgent=urgent)

    def ping(self) -> None:
        """Behind what a client that has come back has missed."""
        self._is_ping_due = bool(self._missed)
        if self._client is not None and not self._is_ping_due:
            self._client.ping()

    def pause(self) -> None:
        self._is_paused = True
        if self._client is not None:
            self._client.pause()

    def resume(self) -> None:
        self._is_paused = False
        if self._client is not None:
            self._client.resume()

    def close(self, close: Close) -> None:
        """No more is sent, whoever comes."""
        client = self._client
        self.detach()
        if client is not None:
            client.close(close)

    def replace(self, close: Close) -> None:
        """It is closed, and nobody stands in its place yet."""
        client = self._client
        self.detach()
        if client is not None:
            client.replace(close)

    def _make_room(self) -> None:
        """The newest message stays, with its frame, however large."""
        while self._sent_bytes > self._room_bytes and self._forgotten_seq < self._last_seq - 1:
            self._forget_first()

    def _forget_first(self) -> None:
        """The oldest message, with the frame behind it."""
        self._forgotten_seq += 1
        self._drop_first()
        if self._sent and isinstance(self._sent[0], tuple):
            self._drop_first()

    def _drop_first(self) -> None:
        kept = self._sent.popleft()
        size_bytes = len(kept[0]) if isinstance(kept, tuple) else len(kept)
        self._sent_bytes -= size_bytes + ENTRY_BYTES

    def _behind(self, last_seq: int) -> deque[_Kept]:
        """What follows that message and its frame."""
        wanted = self._last_seq - last_seq
        count = messages = 0
        for kept in reversed(self._sent):
            if messages == wanted:
                break
            messages += not isinstance(kept, tuple)
            count += 1
        return deque(islice(self._sent, len(self._sent) - count, None))
