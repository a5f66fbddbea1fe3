"""Stands between a session and a client that may be lost, and come back by another WebSocket."""

from collections import deque
from collections.abc import Callable

from tornado_app.client_side.client import Client
from tornado_app.protocol.close import RESUMED_ELSEWHERE, Close
from tornado_app.protocol.told import ServerMessage
from tornado_app.resuming.receipts import Kept, Receipts, gathered
from tornado_app.session.commands import SendClient

ENTRY_BYTES = 64
"""What a message takes in memory beside its bytes."""
RECEIPT_BYTES = 352
"""What an acknowledgement takes until it is gathered with others, by `sys.getsizeof` of its parts.
"""
FULL_PART = 2
"""While nobody is there, an answer is held back when this part of the room is used: messages that
cannot be held back have the rest."""


class Line:
    """Passes on what a client is told, and keeps the last of it.  Thread: loop.

    Messages are numbered as the session does, from 1 without gaps; a binary frame belongs to the
    message before it.  What is kept are the bytes that were sent, not copies; but of an
    acknowledgement what it says, as most messages are some, and spelled again they are the same.
    """

    __slots__ = (
        "_away_bytes",
        "_client",
        "_clock",
        "_encode",
        "_forgotten_seq",
        "_is_paused",
        "_is_ping_due",
        "_kept_s",
        "_last_seq",
        "_marks",
        "_missed",
        "_room_bytes",
        "_run",
        "_sent",
        "_sent_bytes",
    )

    def __init__(
        self,
        client: Client,
        encode: Callable[[ServerMessage, int, int], bytes],
        room_bytes: int,
        kept_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._client: Client | None = client
        self._encode = encode
        self._room_bytes = room_bytes
        self._kept_s = kept_s
        self._clock = clock
        self._sent: deque[Kept] = deque()
        self._run: list[SendClient] = []
        """Acknowledgements behind that, to be gathered: a second of them at most."""
        self._sent_bytes = 0
        self._forgotten_seq = 0
        """The messages up to this one are not kept."""
        self._last_seq = 0
        """Of what was sent before the run."""
        self._marks: deque[tuple[float, int]] = deque()
        """When it was looked, and what was the last message then: cheaper than a time for each."""
        self._missed: deque[Kept | SendClient] = deque()
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
        return queued_bytes + self._sent_bytes + len(self._run) * RECEIPT_BYTES

    def has(self, last_seq: int) -> bool:
        """Whether all behind *last_seq* is kept, and there is such a message."""
        return self._forgotten_seq <= last_seq <= self._last_seq + len(self._run)

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
            match missed.popleft():
                case bytes(payload):
                    client.send(payload)
                case SendClient() as receipt:
                    client.send(self._encode(receipt.message, receipt.seq, receipt.timestamp_ms))
                case (frame,):
                    client.send(frame, binary=True)
                case receipts:
                    missed.extendleft(reversed(receipts.commands()))
        if self._is_ping_due and not missed:
            self.ping()

    def forget_old(self) -> None:
        """Keep nothing any longer than it is needed.  Called once a second.

        While nobody is there everything is: it goes with the session.
        """
        if self._run:
            self._gather()
            self._make_room()
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
        if self._run:
            self._gather()
        kept: Kept = payload
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

    def acknowledge(self, receipt: SendClient) -> None:
        """Send what may wait for company, and keep what it says.  The hot path."""
        self._run.append(receipt)
        if self._client is None:
            self._away_bytes += RECEIPT_BYTES
        elif self._missed:
            self._missed.append(receipt)
        else:
            payload = self._encode(receipt.message, receipt.seq, receipt.timestamp_ms)
            self._client.send(payload, urgent=False)

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

    def _gather(self) -> None:
        """Keep what a run says: dearer for each of them by itself."""
        run, self._run = self._run, []
        self._last_seq += len(run)
        for kept in gathered(run, self._encode):
            self._sent.append(kept)
            self._sent_bytes += _size_bytes(kept)

    def _make_room(self) -> None:
        """The newest message stays, with its frame, however large."""
        while self._sent_bytes > self._room_bytes and self._forgotten_seq < self._last_seq - 1:
            self._forget_first()

    def _forget_first(self) -> None:
        """The oldest message, with the frame behind it, or acknowledgements of one second."""
        self._drop_first()
        if self._sent and isinstance(self._sent[0], tuple):
            self._drop_first()

    def _drop_first(self) -> None:
        kept = self._sent.popleft()
        self._sent_bytes -= _size_bytes(kept)
        if isinstance(kept, Receipts):
            self._forgotten_seq += kept.count
        elif not isinstance(kept, tuple):
            self._forgotten_seq += 1

    def _behind(self, last_seq: int) -> "deque[Kept | SendClient]":
        """What follows that message and its frame."""
        if self._run:
            self._gather()
        seq, behind = self._last_seq, deque[Kept | SendClient]()
        for kept in reversed(self._sent):
            if seq == last_seq:
                break
            if isinstance(kept, Receipts):
                seq -= kept.count
                if seq < last_seq:
                    behind.extendleft(reversed(kept.commands()[last_seq - seq :]))
                    break
            elif not isinstance(kept, tuple):
                seq -= 1
            behind.appendleft(kept)
        return behind


def _size_bytes(kept: Kept) -> int:
    if isinstance(kept, Receipts):
        return kept.size_bytes
    return ENTRY_BYTES + len(kept[0] if isinstance(kept, tuple) else kept)
