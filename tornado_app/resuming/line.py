"""Stands between a session and a client that may be lost, and come back by another WebSocket."""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from tornado_app.client_side.client import Client
from tornado_app.protocol.close import RESUMED_ELSEWHERE, Close

ENTRY_BYTES = 200
"""What a message takes in memory beside its bytes."""
FULL_PART = 2
"""While nobody is there, an answer is held back when this part of the room is used: messages that
cannot be held back have the rest."""


class _Sent(NamedTuple):
    at: float
    payload: bytes
    binary: bool
    urgent: bool


class Line:
    """Passes on what a client is told, and keeps the last of it.  Thread: loop.

    Messages are numbered as the session does, from 1 without gaps; a binary frame belongs to the
    message before it.  What is kept are the bytes that were sent, not copies.
    """

    def __init__(
        self, client: Client, room_bytes: int, kept_s: float, clock: Callable[[], float]
    ) -> None:
        self._client: Client | None = client
        self._room_bytes = room_bytes
        self._kept_s = kept_s
        self._clock = clock
        self._sent: deque[_Sent] = deque()
        self._sent_bytes = 0
        self._messages = 0
        """So many of what is kept are messages, and not frames behind one."""
        self._last_seq = 0
        self._missed: deque[_Sent] = deque()
        """What a client that has come back is still to be given."""
        self._away_bytes = 0
        self._is_paused = False

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
        return self._last_seq - self._messages <= last_seq <= self._last_seq

    def attach(self, client: Client, last_seq: int) -> None:
        """Go on with *client*, which has everything up to *last_seq*."""
        before, self._client = self._client, client
        if before is not None:
            before.replace(RESUMED_ELSEWHERE)
        self._missed = self._behind(last_seq)
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
            sent = missed.popleft()
            client.send(sent.payload, binary=sent.binary, urgent=sent.urgent)

    def forget_old(self) -> None:
        """Keep nothing any longer than it is needed.

        While nobody is there everything is: it goes with the session.
        """
        oldest = self._clock() - self._kept_s
        while self._client is not None and self._sent and self._sent[0].at < oldest:
            self._forget_first()

    def send(self, payload: bytes, *, binary: bool = False, urgent: bool = True) -> None:
        sent = _Sent(self._clock(), payload, binary, urgent)
        self._keep(sent)
        if self._client is None:
            self._away_bytes += len(payload)
        elif self._missed:
            self._missed.append(sent)
        else:
            self._client.send(payload, binary=binary, urgent=urgent)

    def ping(self) -> None:
        if self._client is not None:
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

    def _keep(self, sent: _Sent) -> None:
        self._sent.append(sent)
        self._sent_bytes += len(sent.payload) + ENTRY_BYTES
        if not sent.binary:
            self._last_seq += 1
            self._messages += 1
        while self._sent_bytes > self._room_bytes and len(self._sent) > 1:
            self._forget_first()

    def _forget_first(self) -> None:
        """The oldest message, with the frame behind it."""
        first = self._sent.popleft()
        self._sent_bytes -= len(first.payload) + ENTRY_BYTES
        self._messages -= not first.binary
        if not first.binary and self._sent and self._sent[0].binary:
            self._forget_first()

    def _behind(self, last_seq: int) -> deque[_Sent]:
        """What follows that message and its frame."""
        wanted = self._last_seq - last_seq
        count = messages = 0
        for sent in reversed(self._sent):
            if messages == wanted:
                break
            messages += not sent.binary
            count += 1
        return deque(islice(self._sent, len(self._sent) - count, None))
