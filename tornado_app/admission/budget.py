"""How many bytes a call may have us keep, and all calls together.

What is counted is what waits: audio before and behind the pool, files, typed turns, orders, and
what a client has not read.  Whoever keeps something takes its bytes, and gives the same number
back when it keeps it no more.  Taking never fails: what is there already has to be counted.  Who
can refuse asks for room before, and who can hold its sender back looks at `Budget.is_full` after.

What waits for the client counts among what all calls keep, and not against the call itself: a
client that reads slowly is still heard, or it could not interrupt what it reads.
"""

LOW_PART = 0.5
"""A call that was held back goes on below this part of its bound: at the bound itself, it would
stop and start with every chunk."""
ENTRY_BYTES = 256
"""What an entry of a queue takes beside its text or audio."""


class ProcessBudget:
    """What all calls of the process keep.  Thread: loop.

    Half of *process_bytes* is shared out in equal parts: a call that keeps no more than its own
    `share_bytes` is never held back for what others keep.  What is beyond the shares comes from the
    other half, first come, first served.
    """

    def __init__(self, process_bytes: int, calls: int) -> None:
        self.held_bytes = 0
        self.resize(process_bytes, calls)

    def resize(self, process_bytes: int, calls: int) -> None:
        """Other bounds from now on; a call keeps the share that it began with."""
        self.share_bytes = process_bytes // 2 // calls
        self._free_bytes = process_bytes - process_bytes // 2

    @property
    def is_full(self) -> bool:
        """Nobody may keep more than a share."""
        return self.held_bytes >= self._free_bytes

    @property
    def room_bytes(self) -> int:
        return self._free_bytes - self.held_bytes

    def has_room(self, size_bytes: int) -> bool:
        return size_bytes <= self.room_bytes


class Budget:
    """What one call keeps.  Thread: loop."""

    __slots__ = ("_answer_bytes", "_process", "_sure_bytes", "call_bytes", "held_bytes")

    def __init__(self, call_bytes: int, process: ProcessBudget) -> None:
        self.call_bytes = call_bytes
        self.held_bytes = 0
        """Of what the client has sent."""
        self._answer_bytes = 0
        self._sure_bytes = min(call_bytes, process.share_bytes)
        self._process = process

    def take(self, size_bytes: int) -> None:
        """So much more is kept from now on."""
        self.held_bytes += size_bytes
        self._process.held_bytes += size_bytes

    def give(self, size_bytes: int) -> None:
        """So much of it is kept no more."""
        self.held_bytes -= size_bytes
        self._process.held_bytes -= size_bytes

    def count_answers(self, size_bytes: int) -> None:
        """So much is kept now of what is for the client, in all."""
        self._process.held_bytes += size_bytes - self._answer_bytes
        self._answer_bytes = size_bytes

    @property
    def answer_room_bytes(self) -> int:
        """So much more may be kept of what is for the client; below 0, if too much is."""
        return self._process.room_bytes

    def has_room(self, size_bytes: int) -> bool:
        """Whether so much more may be taken."""
        held_bytes = self.held_bytes + size_bytes
        if held_bytes > self.call_bytes:
            return False
        return held_bytes <= self._process.share_bytes or self._process.has_room(size_bytes)

    @property
    def room_bytes(self) -> int:
        """So much more may be taken; below 0, if too much is."""
        process = self._process
        room_bytes = max(process.share_bytes - self.held_bytes, process.room_bytes)
        return min(self.call_bytes - self.held_bytes, room_bytes)

    @property
    def is_full(self) -> bool:
        """More is kept than may be: its sender is to be read no further."""
        # Asked for with every chunk; the first comparison is nearly always enough.
        return self.held_bytes > self._sure_bytes and not self.has_room(0)

    @property
    def is_low(self) -> bool:
        """So little is kept that its sender may be read again."""
        if self.held_bytes > self.call_bytes * LOW_PART:
            return False
        return self.held_bytes <= self._process.share_bytes or not self._process.is_full


def text_bytes(text: str) -> int:
    """What *text* takes in memory, at most; emoji take four bytes each."""
    return len(text) if text.isascii() else 4 * len(text)
