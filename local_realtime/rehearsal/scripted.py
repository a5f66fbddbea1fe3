"""A session that plays a script and checks what it receives.  No sockets, no clock."""

from collections import deque
from collections.abc import Callable
from typing import Any

from local_realtime.errors import Fatal, Refused
from local_realtime.ids import new_id
from local_realtime.rehearsal.bad_frames import TEXT, frame
from local_realtime.rehearsal.script import (
    CloseNow,
    Expect,
    ExpectClose,
    Ignore,
    Pause,
    ResetNow,
    Script,
    Section,
    Send,
    SendText,
)
from local_realtime.rehearsal.script_values import Unfilled, fill, mismatch, shown
from local_realtime.session.outbox import Close, Cut, Outbox, Output, Raw
from local_realtime.session.protocol import parse_frame

DAY_SECONDS = 86_400.0
MAX_WAITING_EVENTS = 10_000
"""Events that come during a pause, or earlier than they are expected."""

Report = Callable[[str | None], object]


class Failed(Exception):
    """The script cannot go on: a sentence."""


class ScriptedSession:
    """Call `open` first, then `handle`, and `tick` at `due`; `closed` when the client has gone.

    *report* is called once: with None if the script was played to its end, else with a sentence.
    """

    has_unheard = False

    def __init__(
        self, steps: Section, *, connection: int, model: str, now: float, report: Report
    ) -> None:
        self.id = f"script_{connection}"
        self._left = deque(steps)
        self._now = now
        self._report = report
        self._is_over = False
        self._until: float | None = None
        """When the pause ends, or the wait for what is expected."""
        self._ignored: frozenset[str] = frozenset()
        self._received: deque[Any] = deque()
        self._names: dict[str, Any] = {"connection": connection, "model": model, "last": None}
        self._outbox = Outbox()

    @property
    def due(self) -> float:
        """When to call `tick` next."""
        return self._now + DAY_SECONDS if self._until is None else self._until

    def open(self) -> list[Output]:
        return self._play(self._now)

    def handle(self, frame: str | bytes, now: float) -> list[Output]:
        """What follows from a client's frame."""
        try:
            self._received.append(parse_frame(frame))
        except Refused as refused:
            self._received.append(refused.message)
        return self._play(now)

    def tick(self, now: float) -> list[Output]:
        return self._play(now)

    def listen(self, now: float) -> list[Output]:
        """A script hears nothing."""
        return self._play(now)

    def failed(self) -> list[Output]:
        """Our own mistake."""
        self._fail("the server made a mistake; its log has more")
        return self._outbox.drain()

    def closed(self, code: int | None) -> None:
        """The client has gone; *code* is None if it sent no close frame."""
        while self._left and isinstance(self._left[0], Pause):
            self._left.popleft()
        step = self._left[0] if self._left else None
        unexpected = [event for event in self._received if not self._is_ignored(event)]
        told = "without a close frame" if code is None else f"with {code}"
        if isinstance(step, ExpectClose) and step.code in {None, code} and not unexpected:
            self._end(None)
        else:
            self._end(f"{self._where()}the client closed {told}{self._instead()}.")

    def _play(self, now: float) -> list[Output]:
        """Go on as far as possible."""
        self._now = now
        try:
            while not self._is_over and self._goes_on():
                pass
            self._check_room()
        except (Failed, Unfilled) as exc:
            self._fail(str(exc))
        return self._outbox.drain()

    def _check_room(self) -> None:
        if len(self._received) > MAX_WAITING_EVENTS:
            raise Failed(f"more than {MAX_WAITING_EVENTS} events came before they were expected")

    def _goes_on(self) -> bool:
        """Take the next step; False if it has to wait for the client, or for time to pass."""
        if not self._left:
            self._outbox.command(Close(1000, ""))
            self._end(None)
            return False
        step = self._left[0]
        match step:
            case Pause():
                is_done = self._has_passed(step.duration_ms)
            case Expect():
                is_done = self._is_met(step)
            case ExpectClose():
                is_done = False
                self._wait_for_close(step)
            case _:
                is_done = True
                self._perform(step)
        if is_done:
            self._left.popleft()
            self._until = None
        return is_done

    def _perform(self, step: Ignore | Send | SendText | CloseNow | ResetNow) -> None:
        match step:
            case Ignore():
                self._ignored = step.types
            case Send():
                filled = fill(step.event, self._names)
                event = {"type": filled["type"], "event_id": new_id("event"), **filled}
                if not isinstance(event["type"], str):
                    raise Failed(f"the type of an event is a text, not {shown(event['type'])}")
                self._outbox.emit_as_is(event)
                if step.name:
                    self._names[step.name] = event
            case SendText():
                self._outbox.command(Raw(frame(TEXT, step.text.encode())))
            case CloseNow():
                self._outbox.command(Close(step.code, step.reason))
                self._end(None)
            case ResetNow():
                self._outbox.command(Cut(with_reset=True))
                self._end(None)

    def _has_passed(self, duration_ms: int) -> bool:
        """Whether so much time has passed since this was asked first."""
        if self._until is None:
            self._until = self._now + duration_ms / 1000
        return self._now >= self._until

    def _is_met(self, step: Expect) -> bool:
        pattern = fill(step.pattern, self._names)
        while self._received:
            event = self._received.popleft()
            wrong = mismatch(pattern, event)
            if wrong is None:
                self._names["last"] = event
                if step.name:
                    self._names[step.name] = event
                return True
            if not self._is_ignored(event):
                raise Failed(f"expected {shown(pattern)}, got {shown(event)} ({wrong})")
        if self._has_passed(step.within_ms):
            raise Failed(f"expected {shown(pattern)}, got nothing within {step.within_ms} ms")
        return False

    def _wait_for_close(self, step: ExpectClose) -> None:
        while self._received:
            event = self._received.popleft()
            if not self._is_ignored(event):
                raise Failed(f"expected a close, got {shown(event)}")
        if self._has_passed(step.within_ms):
            raise Failed(f"expected a close, got nothing within {step.within_ms} ms")

    def _is_ignored(self, event: Any) -> bool:
        return isinstance(event, dict) and event.get("type") in self._ignored

    def _fail(self, sentence: str) -> None:
        told = f"{self._where()}{sentence}."
        fatal = Fatal(Refused("script_mismatch", told), 4000)
        self._outbox.emit("error", error=fatal.refused.wire())
        self._outbox.command(Close(fatal.close_code, fatal.close_reason))
        self._end(told)

    def _end(self, problem: str | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._report(problem)

    def _where(self) -> str:
        return f"line {self._left[0].line}: " if self._left else ""

    def _instead(self) -> str:
        match self._left[0] if self._left else None:
            case Expect(pattern=pattern):
                return f", expected {shown(pattern)}"
            case ExpectClose(code=code):
                return f", expected {code}"
        return " before the script was over"


class Run:
    """One server's script: who has played it, and how it went.  Thread: loop.

    *tell* is for what went well, *complain* for what did not; both take a line without its end.
    """

    def __init__(
        self,
        script: Script,
        tell: Callable[[str], object],
        complain: Callable[[str], object],
    ) -> None:
        self.script = script
        self.at_end: Callable[[], object] = lambda: None
        """Called when every section has been played or one has failed, and its client has gone."""

        self.failures = 0
        self.played = 0
        self._begun = 0
        self._tell = tell
        self._complain = complain

    @property
    def exit_code(self) -> int:
        """0 if all connections have played the script to its end, and there was one."""
        return 0 if self.played and not self.failures else 1

    def left(self) -> None:
        """A client has gone."""
        if self.failures or self.played >= len(self.script.sections):
            self.at_end()

    def session(self, model: str, now: float) -> ScriptedSession:
        """The script of the next connection."""
        self._begun += 1
        number = self._begun
        return ScriptedSession(
            self.script.for_connection(number),
            connection=number,
            model=model,
            now=now,
            report=lambda problem: self._note(number, problem),
        )

    def _note(self, connection: int, problem: str | None) -> None:
        if problem is None:
            self.played += 1
            self._tell(f"Connection {connection}: played to the end.")
        else:
            self.failures += 1
            self._complain(f"{self.script.name}, connection {connection}, {problem}")
