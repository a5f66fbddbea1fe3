"""Streams end to end, so that one transform takes them all.  Counts; touches no sample."""

from typing import TypeAlias

from workers.spectra import Layout, Run

Clip: TypeAlias = bytes | memoryview
"""float32 samples as bytes: joining them, unlike arrays, keeps the interpreter's lock."""

WIDTH = 4
"""Bytes of a sample."""


class Tape:
    """What lies where in the input of many streams, and in the output that it will give.

    `begin` a stream, put its clips and ends, `leave` it, begin the next.

    Attributes
    ----------
    parts : list of Clip
        The signal, when joined.
    runs : list of Run
        The blocks that are complete.
    cuts : list of slice
        For each clip and end, which samples of the runs' joined output it adds to its stream.
    rests : list of (slice, int)
        For each stream, which bytes of the signal are pending, and how much input it has had.
    """

    __slots__ = (
        "_layout",
        "_length",
        "_length_out",
        "_next_start",
        "_received",
        "_run_start",
        "_zero",
        "cuts",
        "parts",
        "rests",
        "runs",
    )

    def __init__(self, layout: Layout) -> None:
        self.parts: list[Clip] = []
        self.runs: list[Run] = []
        self.cuts: list[slice] = []
        self.rests: list[tuple[slice, int]] = []
        self._layout = layout
        self._length = 0
        self._length_out = 0
        # Of the stream at hand: numbers of its samples, and where on the tape number 0 lies.
        self._zero = 0
        self._run_start = 0
        self._next_start = 0
        self._received = 0

    def begin(self, pending: bytes, received: int) -> None:
        """Go on with a stream that has had *received* samples; *pending* are the last of them."""
        self._received = received - len(pending) // WIDTH
        self._zero = self._length - self._received
        self._run_start = self._next_start = self._received
        self._append(pending)

    def put(self, clip: Clip) -> None:
        """Add what comes next in the stream."""
        self._append(clip)
        begin, end, _ = self._complete_blocks()
        self.cuts.append(slice(begin, end))

    def put_end(self) -> None:
        """End the stream with silence, until its last sample is out; begin another."""
        layout = self._layout
        stop = -(-self._received * layout.out_hz // layout.in_hz)
        self._append(bytes(WIDTH * (layout.delay + 1)))
        begin, end, last = self._complete_blocks()
        self.cuts.append(slice(begin, end - (last - stop)))
        self._close_run()
        self.begin(bytes(WIDTH * layout.overlap), 0)

    def leave(self) -> None:
        """Let the stream be continued another time."""
        self._close_run()
        pending = slice(WIDTH * (self._zero + self._next_start), WIDTH * self._length)
        self.rests.append((pending, self._received))

    def _append(self, clip: Clip) -> None:
        self.parts.append(clip)
        self._length += len(clip) // WIDTH
        self._received += len(clip) // WIDTH

    def _complete_blocks(self) -> tuple[int, int, int]:
        """Return where the output of the new blocks begins and ends; the number of that end."""
        layout = self._layout
        first = layout.first_output(self._next_start)
        count = (self._received - self._next_start - layout.overlap) // layout.hop
        self._next_start += count * layout.hop
        last = layout.first_output(self._next_start)
        # Before the first sample of input there is no output.
        begin = self._length_out + max(0, -first)
        self._length_out += last - first
        return begin, self._length_out, last

    def _close_run(self) -> None:
        count = (self._next_start - self._run_start) // self._layout.hop
        self.runs.append(Run(self._zero + self._run_start, self._run_start, count))
