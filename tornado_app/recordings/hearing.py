"""When the user heard what of the answers: the client's loudspeaker, looked at afterwards.  Pure.

`tornado_app.session.playout` has to know in the moment; here all that the client ever said of its
loudspeaker is known, and settles also what came before.  All that was sent lies on one tape.  What
the client says it has played by a certain time had been played by then, so a stretch of the tape
that plays without a pause is where the earliest such word would have it, and never before it was
sent.  Where the client says nothing, it plays what it has at once.  What waited for a client that
was lost was sent when that came back.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from math import inf
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from tornado_app.session.record import Away, Back, Cut, Ended, Sent, Told

GAP_MS = 10.0
"""A shorter pause is none: reports are whole milliseconds, and some on their way."""
RUN_GAP_MS = 300.0
"""What comes so late behind the tape's end may still be played without a pause: clients wait a
little before they begin, in case that something comes late."""
LATE_END_MS = 500.0
"""That an item was played to its end may be told some time after; what is told later says nothing
of when it began."""
LATE_MS = 100.0
LAST_MS = 200.0
"""The last reports have none behind them that would show that they were only late on their way: no
pause shorter than `LATE_MS` is believed to those of the last `LAST_MS`."""
HAIR_MS = 0.01

Playing: TypeAlias = Sent | Told | Cut | Away | Back | Ended


class Clip(NamedTuple):
    """What was heard without a pause of one item."""

    begin_ms: float
    item_id: str
    offset_ms: float
    """Where in the item it begins."""
    duration_ms: float


class _Report(NamedTuple):
    """By *at_ms* the tape had been played up to *place_ms*."""

    place_ms: float
    at_ms: float
    is_end: bool
    """Of all that had been sent of the item by then: it may have been a while ago."""

    @property
    def offset_ms(self) -> float:
        return self.at_ms - self.place_ms


class _Stretch(NamedTuple):
    """One item on the tape, as far as nothing of another lies between."""

    begin_ms: float
    end_ms: float


@dataclass(slots=True)
class _Run:
    """A part of the tape that may have been played without a pause."""

    begin_ms: float
    pieces: list[Sent] = field(default_factory=list)
    end_ms: float = 0.0
    guess_end_ms: float = 0.0
    """When it had been played if the client never waited."""


def lay_answers(playing: Iterable[Playing]) -> list[Clip]:
    """All that was heard, in order of time; no clip overlaps another."""
    clips: list[Clip] = []
    tape, ended_ms = _Tape(0.0), 0.0
    for entry in _as_it_came(playing):
        match entry:
            case Sent():
                tape.sent(entry)
            case Told(at_ms, item_id, played_ms):
                tape.told(item_id, played_ms, at_ms)
            case Cut(at_ms, item_id, heard_ms):
                limit_ms = None if heard_ms is None else tape.place_of(item_id, heard_ms)
                clips += tape.lay(limit_ms, at_ms)
                tape = _Tape(at_ms)
        if not isinstance(entry, Ended):
            ended_ms = max(ended_ms, entry.at_ms)
        else:
            clips += tape.lay(None, entry.at_ms)
            return _joined(clips)
    # It broke off: what was on its way to be played was, as far as anybody knows.
    clips += tape.lay(None, None)
    return _joined(clips)


def _as_it_came(playing: Iterable[Playing]) -> list[Playing]:
    """The same for a client that was never lost: what it had missed when it came back is moved to
    that time, and what it never came back for is left out.
    """
    came: list[Playing] = []
    numbered: list[int] = []
    """Where in *came* each message is that counts."""
    away_from: int | None = None
    for entry in playing:
        match entry:
            case Away():
                away_from = len(came) if away_from is None else away_from
            case Back():
                _move_missed(came, numbered, entry)
                away_from = None
            case _:
                if isinstance(entry, Sent | Cut):
                    numbered.append(len(came))
                came.append(entry)
    if away_from is not None:
        came[away_from:] = [each for each in came[away_from:] if isinstance(each, Ended)]
    return came


def _move_missed(came: list[Playing], numbered: list[int], back: Back) -> None:
    """The last ones: a client may be back so often that nobody can look at all each time."""
    for place in reversed(numbered):
        entry = came[place]
        if not isinstance(entry, Sent | Cut) or entry.seq <= back.last_seq:
            return
        came[place] = replace(entry, at_ms=back.at_ms)


class _Tape:
    """What was sent between two interruptions."""

    def __init__(self, begin_ms: float) -> None:
        self._cursor_ms = begin_ms
        self._pieces: list[Sent] = []
        self._length_ms = 0.0
        self._stretches: dict[str, list[_Stretch]] = {}
        self._reports: list[_Report] = []

    def sent(self, piece: Sent) -> None:
        begin_ms, end_ms = self._length_ms, self._length_ms + piece.duration_ms
        stretches = self._stretches.setdefault(piece.item_id, [])
        if stretches and self._pieces[-1].item_id == piece.item_id:
            begin_ms = stretches.pop().begin_ms
        stretches.append(_Stretch(begin_ms, end_ms))
        self._pieces.append(piece)
        self._length_ms = end_ms

    def told(self, item_id: str, played_ms: float, at_ms: float) -> None:
        place_ms = self.place_of(item_id, played_ms)
        if place_ms is not None:
            is_end = place_ms >= self._stretches[item_id][-1].end_ms - HAIR_MS
            self._reports.append(_Report(place_ms, at_ms, is_end))

    def place_of(self, item_id: str | None, played_ms: float) -> float | None:
        """Where on the tape so much of the item has been played; None, if it is not there."""
        place_ms = None
        for stretch in self._stretches.get(item_id or "", ()):
            place_ms = min(stretch.begin_ms + played_ms, stretch.end_ms)
            played_ms -= stretch.end_ms - stretch.begin_ms
            if played_ms <= 0:
                break
        return place_ms

    def lay(self, limit_ms: float | None, until_ms: float | None) -> Iterator[Clip]:
        """What was heard; nothing behind *limit_ms* of the tape, or after *until_ms*."""
        reports = sorted(self._reports)
        places = [report.place_ms for report in reports]
        for run in self._runs():
            first = bisect_right(places, run.begin_ms)
            mine = reports[first : bisect_right(places, run.end_ms + HAIR_MS)]
            for clip, place_ms in self._lay_run(run, _Offsets(run, mine)):
                duration_ms = clip.duration_ms
                if limit_ms is not None:
                    duration_ms = min(duration_ms, limit_ms - place_ms)
                if until_ms is not None:
                    duration_ms = min(duration_ms, until_ms - clip.begin_ms)
                if duration_ms > 0:
                    yield clip._replace(duration_ms=duration_ms)

    def _runs(self) -> Iterator[_Run]:
        run, place_ms = None, 0.0
        for piece in self._pieces:
            if run is None or piece.at_ms > run.guess_end_ms + RUN_GAP_MS:
                if run is not None:
                    yield run
                run = _Run(place_ms)
            run.pieces.append(piece)
            place_ms += piece.duration_ms
            run.end_ms = place_ms
            run.guess_end_ms = max(run.guess_end_ms, piece.at_ms) + piece.duration_ms
        if run is not None:
            yield run

    def _lay_run(self, run: _Run, offsets: "_Offsets") -> Iterator[tuple[Clip, float]]:
        """Clips, and where on the tape each begins."""
        place_ms, is_first = run.begin_ms, True
        for piece in run.pieces:
            piece_end_ms = place_ms + piece.duration_ms
            item_ms = piece.offset_ms
            for end_ms in (*offsets.between(place_ms, piece_end_ms), piece_end_ms):
                begin_ms = max(offsets.begin_of(place_ms, end_ms), piece.at_ms)
                if begin_ms < self._cursor_ms + (0 if is_first else GAP_MS):
                    begin_ms = self._cursor_ms
                duration_ms, is_first = end_ms - place_ms, False
                yield Clip(begin_ms, piece.item_id, item_ms, duration_ms), place_ms
                self._cursor_ms = begin_ms + duration_ms
                place_ms, item_ms = end_ms, item_ms + duration_ms


class _Offsets:
    """How far a run was played behind its place on the tape, as the client's reports have it."""

    def __init__(self, run: _Run, reports: list[_Report]) -> None:
        """*reports*: by their places."""
        exact = [report for report in reports if not report.is_end]
        guess_ms = run.guess_end_ms - run.end_ms
        ends = [r for r in reports if r.is_end and r.offset_ms - guess_ms <= LATE_END_MS]
        self._places: list[float] = []
        self._offsets: list[float] = []
        least_ms = inf
        for report in reversed(reports if exact else ends):
            is_sooner = bool(self._places) and report.offset_ms < least_ms
            least_ms = min(least_ms, report.offset_ms)
            if is_sooner or not (exact and report.is_end):
                self._places.append(report.place_ms)
                self._offsets.append(least_ms)
        self._places.reverse()
        self._offsets.reverse()
        self._doubt_last()

    def _doubt_last(self) -> None:
        last_ms = self._places[-1] if self._places else 0.0
        first = max(1, bisect_right(self._places, last_ms - LAST_MS))
        for number in range(first, len(self._offsets)):
            sure_ms = self._offsets[number - 1]
            if self._offsets[number] - sure_ms <= LATE_MS:
                self._offsets[number] = sure_ms

    def between(self, begin_ms: float, end_ms: float) -> Iterator[float]:
        """Places inside of this part of the tape where what holds may change."""
        first = bisect_right(self._places, begin_ms + HAIR_MS)
        return takewhile(lambda place_ms: place_ms < end_ms - HAIR_MS, self._places[first:])

    def begin_of(self, place_ms: float, end_ms: float) -> float:
        """When the part of the tape up to *end_ms* began; minus infinity, if nobody has said."""
        if not self._offsets:
            return -inf
        first = bisect_right(self._places, end_ms - HAIR_MS)
        return place_ms + self._offsets[min(first, len(self._offsets) - 1)]


def _joined(clips: list[Clip]) -> list[Clip]:
    """The same with what follows without a pause as one."""
    joined: list[Clip] = []
    for clip in clips:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.item_id == clip.item_id
            and abs(last.begin_ms + last.duration_ms - clip.begin_ms) < HAIR_MS
            and abs(last.offset_ms + last.duration_ms - clip.offset_ms) < HAIR_MS
        ):
            joined[-1] = last._replace(duration_ms=last.duration_ms + clip.duration_ms)
        else:
            joined.append(clip)
    return joined
