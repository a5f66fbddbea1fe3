"""The ledger beside a plain reference: a list that is looked through from one end to the other."""

from dataclasses import dataclass
from typing import Any

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.session.ledger.entries import ModelSaid, ToolAnswered, ToolCalled, UserSaid
from tornado_app.session.ledger.ledger import Ledger

NAMES = st.sampled_from("abcdefgh")
WORDS = st.sampled_from(["Well, ", "then ", "I ", "know. ", "日本", "é ", ""])
TIMES = st.integers(0, 3000)


@dataclass
class Line:
    """What is known of one item."""

    name: str
    kind: type
    text: str = ""
    is_written: bool = True
    is_committed: bool = True
    audio_ms: float = 0.0
    heard_ms: float | None = None
    is_complete: bool = False
    is_spoken: bool = False
    call_id: str = ""


class Beside(RuleBasedStateMachine):
    """Everything that a session tells its ledger, in any order, of items in any order."""

    @initialize(most=st.integers(1, 10))
    def begin(self, most: int) -> None:
        self.most = most
        self.book = Ledger(most, 1 << 20)
        self.lines: list[Line] = []
        self.left_out = 0

    def line(self, name: str, kind: type, **fields: Any) -> Line | None:
        """The line of this name, made now if there is none; None if it is of another kind."""
        for line in self.lines:
            if line.name == name:
                return line if line.kind is kind else None
        self.lines.append(made := Line(name, kind, **fields))
        self.keep_bound()
        return made if made in self.lines else None

    def spoken(self, name: str) -> Line | None:
        return self.line(name, UserSaid, is_written=False, is_committed=False)

    def keep_bound(self) -> None:
        """The oldest turns go, up to where the user speaks next."""
        while len(self.lines) > self.most:
            count = 1
            while count < len(self.lines) and self.lines[count].kind is not UserSaid:
                count += 1
            if count == len(self.lines):
                count = 1
            gone, self.lines = self.lines[:count], self.lines[count:]
            calls = {line.call_id for line in gone if line.kind is ToolCalled}
            orphans = [e for e in self.lines if e.kind is ToolAnswered and e.call_id in calls]
            self.lines = [line for line in self.lines if line not in orphans]
            self.left_out += len(gone) + len(orphans)

    @rule(name=NAMES, text=WORDS)
    def types(self, name: str, text: str) -> None:
        self.book.typed(name, text)
        if all(line.name != name for line in self.lines):
            self.line(name, UserSaid, text=text)

    @rule(name=NAMES, is_committed=st.booleans())
    def speaks(self, name: str, is_committed: bool) -> None:
        self.book.spoke(name, is_committed=is_committed)
        line = self.spoken(name)
        if line is not None and is_committed:
            line.is_committed = True

    @rule(name=NAMES, text=WORDS)
    def is_transcribed(self, name: str, text: str) -> None:
        self.book.heard_user(name, text)
        line = self.spoken(name)
        if line is not None and not line.is_written:
            line.text += text

    @rule(name=NAMES, text=st.none() | WORDS)
    def is_transcribed_whole(self, name: str, text: str | None) -> None:
        self.book.heard_user_whole(name, text)
        if line := self.spoken(name):
            line.text = line.text if text is None else text
            line.is_written = bool(line.text)

    @rule(name=NAMES, text=WORDS)
    def answers(self, name: str, text: str) -> None:
        self.book.said(name, text)
        if line := self.line(name, ModelSaid):
            line.text += text
            line.is_spoken = True

    @rule(name=NAMES, text=st.none() | WORDS)
    def has_answered(self, name: str, text: str | None) -> None:
        self.book.said_whole(name, text)
        line = self.line(name, ModelSaid)
        if line is not None and text is not None:
            line.text = text

    @rule(name=NAMES, duration_ms=TIMES)
    def sounds(self, name: str, duration_ms: int) -> None:
        self.book.sounded(name, duration_ms)
        if line := self.line(name, ModelSaid):
            line.audio_ms += duration_ms

    @rule(name=NAMES)
    def is_complete(self, name: str) -> None:
        self.book.completed(name)
        for line in self.lines:
            line.is_complete |= line.name == name and line.kind is ModelSaid

    @rule(name=NAMES, heard_ms=TIMES)
    def is_cut(self, name: str, heard_ms: int) -> None:
        self.book.cut(name, heard_ms)
        for line in self.lines:
            if line.name == name and line.kind is ModelSaid:
                line.heard_ms = heard_ms

    @rule(name=NAMES, call=st.sampled_from("xyz"))
    def calls(self, name: str, call: str) -> None:
        self.book.called(OutputItem("function_call", "completed", call, "f", "{}", name), name)
        if all(line.name != name for line in self.lines):
            self.line(name, ToolCalled, call_id=call)

    @rule(name=NAMES, call=st.sampled_from("xyz"))
    def is_answered(self, name: str, call: str) -> None:
        self.book.answered(name, call, "done")
        is_open = any(e.kind is ToolCalled and e.call_id == call for e in self.lines)
        if is_open and all(line.name != name for line in self.lines):
            self.line(name, ToolAnswered, call_id=call)

    @rule(name=NAMES, after=NAMES)
    def is_placed(self, name: str, after: str) -> None:
        self.book.place(name, after)
        places = {line.name: line for line in self.lines}
        if name != after and {name, after} <= set(places):
            self.lines.remove(places[name])
            self.lines.insert(self.lines.index(places[after]) + 1, places[name])

    @rule(name=NAMES)
    def is_removed(self, name: str) -> None:
        self.book.remove(name)
        self.lines = [line for line in self.lines if line.name != name]

    @rule(old=NAMES, new=NAMES)
    def is_renamed(self, old: str, new: str) -> None:
        known = {line.name for line in self.lines}
        assume(new not in known)
        self.book.rename(old, new)
        for line in self.lines:
            line.name = new if line.name == old else line.name

    @rule()
    def breaks_off(self) -> None:
        """What was under way stays as far as it came; what is nothing goes."""
        self.book.break_off()
        for line in self.lines:
            if line.is_spoken and not line.is_complete and line.heard_ms is None:
                line.heard_ms = line.audio_ms
        self.lines = [line for line in self.lines if not self.is_nothing(line)]

    def is_nothing(self, line: Line) -> bool:
        if line.kind is UserSaid:
            return not line.is_committed
        # Of what was cut only the ledger knows how many words were heard.
        is_kept = self.book.find(line.name) is not None
        return line.kind is ModelSaid and (not line.text if line.heard_ms is None else not is_kept)

    @invariant()
    def they_say_the_same(self) -> None:
        entries = self.book.entries
        assert [line.name for line in self.lines] == [entry.id for entry in entries]
        assert self.left_out == self.book.left_out
        for line, entry in zip(self.lines, entries, strict=True):
            assert line.kind is type(entry)
            if isinstance(entry, UserSaid):
                known = (line.text, line.is_written, line.is_committed)
                assert known == (entry.text, entry.is_written, entry.is_committed)
            elif isinstance(entry, ModelSaid):
                assert (line.audio_ms, line.heard_ms) == (entry.audio_ms, entry.heard_ms)
                self.is_what_was_heard(line, entry)

    def is_what_was_heard(self, line: Line, entry: ModelSaid) -> None:
        """All of it, or whole words from the beginning, and none of no time."""
        if line.heard_ms is None:
            assert line.text == entry.text
            return
        assert line.text.startswith(entry.text)
        assert line.heard_ms or not entry.text
        rest = line.text[len(entry.text) :]
        assert (
            not entry.text
            or not rest
            or rest[0].isspace()
            or {rest[0], entry.text[-1]} & set("日本")
        )


TestBeside = Beside.TestCase
Beside.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
