"""Acknowledgements of a client's audio, kept as what they say.

One takes some 200 bytes as a message, and there are as many as chunks.  What they say is as good,
as the same values are spelled the same: some 15 bytes.
"""

from array import array
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from tornado_app.protocol.told import AudioReceived, ServerMessage
from tornado_app.session.commands import SendClient

RUN_BYTES = 640
"""What a run takes beside its values: itself, its numbers, and four arrays."""

Column: TypeAlias = "array[Any]"


class Receipts:
    """Of chunks that followed one another, in messages that did.  Thread: loop."""

    __slots__ = (
        "_began_at_ms",
        "_durations_ms",
        "_first_chunk",
        "_first_seq",
        "_levels_dbfs",
        "_sizes",
        "_times_ms",
        "count",
    )

    def __init__(self, run: list[SendClient], told: list[AudioReceived]) -> None:
        self.count = len(run)
        self._first_seq, self._first_chunk = run[0].seq, told[0].chunk
        self._began_at_ms = began_at_ms = run[0].timestamp_ms
        self._times_ms = array("i", [each.timestamp_ms - began_at_ms for each in run])
        self._sizes = _column("I", [each.size for each in told])
        self._durations_ms = _column("d", [each.duration_ms for each in told])
        self._levels_dbfs = array("d", [each.level_dbfs for each in told])

    @property
    def size_bytes(self) -> int:
        columns = (self._times_ms, self._sizes, self._durations_ms, self._levels_dbfs)
        return RUN_BYTES + sum(len(column) * column.itemsize for column in columns)

    def commands(self) -> list[SendClient]:
        """As they were."""
        return [
            SendClient(
                AudioReceived(
                    _at(self._sizes, place),
                    _at(self._durations_ms, place),
                    self._levels_dbfs[place],
                    self._first_chunk + place,
                ),
                self._first_seq + place,
                self._began_at_ms + self._times_ms[place],
                urgent=False,
            )
            for place in range(self.count)
        ]


Kept: TypeAlias = bytes | tuple[bytes] | Receipts
"""A message as it was sent, in a tuple the binary frame behind it, or what acknowledgements say."""


def gathered(
    run: list[SendClient], encode: Callable[[ServerMessage, int, int], bytes]
) -> Iterator[Kept]:
    """What is kept of acknowledgements whose messages follow one another.

    As few `Receipts` as there can be; one that the client has given a name is kept as it is sent.
    """
    told: list[AudioReceived] = [each.message for each in run]  # type: ignore[misc]
    chunks = [each.chunk for each in told]
    named = [each for each in told if each.ref is not None]
    if not named and chunks == list(range(chunks[0], chunks[0] + len(run))):
        yield Receipts(run, told)
        return
    begin = 0
    for end in range(1, len(run) + 1):
        if told[begin].ref is not None:
            yield encode(told[begin], run[begin].seq, run[begin].timestamp_ms)
        elif end < len(run) and told[end].ref is None and chunks[end] == chunks[end - 1] + 1:
            continue
        else:
            yield Receipts(run[begin:end], told[begin:end])
        begin = end


def _column(kind: str, values: list[Any]) -> Column:
    """All of them, or the one that all of them are."""
    is_one = values.count(values[0]) == len(values)
    return array(kind, values[:1] if is_one else values)


def _at(column: Column, place: int) -> Any:
    return column[0 if len(column) == 1 else place]
