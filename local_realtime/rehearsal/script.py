"""The file of a script: one step a line, as JSON; what is wrong with it, line by line.  Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from local_realtime.rehearsal.script_values import generated, placeholders

DEFAULT_WITHIN_MS = 10_000
MAX_MS = 600_000
MAX_REASON_BYTES = 123  # RFC 6455, 5.5.1
GIVEN = ("connection", "model", "last")
"""Names that every script has: the number of the connection, ?model=, the last matched event."""


class InvalidScript(Exception):
    """Every mistake is a sentence that begins with its line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Expect:
    line: int
    pattern: dict[str, Any]
    name: str | None
    within_ms: int


@dataclass(frozen=True, slots=True)
class Ignore:
    line: int
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Send:
    line: int
    event: dict[str, Any]
    name: str | None


@dataclass(frozen=True, slots=True)
class SendText:
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    line: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class CloseNow:
    line: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class ResetNow:
    line: int


@dataclass(frozen=True, slots=True)
class ExpectClose:
    line: int
    code: int | None
    within_ms: int


Step: TypeAlias = Expect | Ignore | Send | SendText | Pause | CloseNow | ResetNow | ExpectClose
Section: TypeAlias = tuple[Step, ...]
LAST = (CloseNow, ResetNow, ExpectClose)


@dataclass(frozen=True, slots=True)
class Script:
    """The first connection plays the first section, and so on; the last one is for all others."""

    name: str
    sections: tuple[Section, ...]

    def for_connection(self, number: int) -> Section:
        """The steps of the connection with this number, from 1."""
        return self.sections[min(number, len(self.sections)) - 1]


class Mistake(Exception):
    """A sentence without its line and its full stop."""


def parse_script(name: str, text: str) -> Script:
    """The script in *text*; *name* is for messages.

    Raises:
        InvalidScript: With everything that is wrong.
    """
    sections: list[list[Step]] = [[]]
    problems: list[str] = []
    known = set(GIVEN)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            fields = _object(line)
            if "connection" in fields:
                _begin_section(fields, sections)
                known = set(GIVEN)
            else:
                _add(_step(number, fields), sections[-1], known)
        except Mistake as mistake:
            problems.append(f"{name}, line {number}: {mistake}.")
    if not problems and not all(sections):
        problems.append(f"{name}: there is no step for a connection.")
    if problems:
        raise InvalidScript(problems)
    return Script(name, tuple(tuple(section) for section in sections))


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as exc:
        reason = exc.msg if isinstance(exc, json.JSONDecodeError) else "too deep"
        raise Mistake(f"is not JSON: {reason}") from None
    if not isinstance(value, dict):
        raise Mistake("is no JSON object")
    return value


def _begin_section(fields: dict[str, Any], sections: list[list[Step]]) -> None:
    is_first = len(sections) == 1 and not sections[0]
    wanted = 1 if is_first else len(sections) + 1
    if fields != {"connection": wanted}:
        raise Mistake(f'expected {{"connection": {wanted}}} and nothing else')
    if wanted > 1:
        sections.append([])


def _step(line: int, fields: dict[str, Any]) -> Step:
    actions = [key for key in fields if key in ACTIONS]
    if len(actions) != 1:
        raise Mistake(f"a step has exactly one of connection, {', '.join(ACTIONS)}")
    (action,) = actions
    make, options = ACTIONS[action]
    for key in fields:
        if key not in {action, *options}:
            allowed = ", ".join(options) or "nothing else"
            raise Mistake(f"{action} knows no {key!r}, only {allowed}")
    return make(line, fields)


def _add(step: Step, section: list[Step], known: set[str]) -> None:
    """Append *step*, if it can come after the others and its placeholders are *known* by now."""
    if section and isinstance(section[-1], LAST):
        raise Mistake(f"nothing can follow line {section[-1].line}, which ends the connection")
    value = step.pattern if isinstance(step, Expect) else getattr(step, "event", None)
    for name in placeholders(value):
        if name.split(".")[0] not in known and generated(name) is None:
            raise Mistake(
                f"${{{name}}} stands for nothing; there are {', '.join(sorted(known))}, "
                "new.<prefix>, silence.<ms> and tone.<ms>"
            )
    section.append(step)
    if isinstance(step, Expect | Send) and step.name:
        known.add(step.name)


def _expect(line: int, fields: dict[str, Any]) -> Step:
    pattern = fields["expect"]
    if not isinstance(pattern, dict) or not pattern:
        raise Mistake("expect must be an object with what the event must have")
    return Expect(line, pattern, _name(fields), _within_ms(fields))


def _send(line: int, fields: dict[str, Any]) -> Step:
    event = fields["send"]
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Mistake("send must be an event: an object with a type")
    return Send(line, event, _name(fields))


def _send_text(line: int, fields: dict[str, Any]) -> Step:
    if not isinstance(fields["send_text"], str):
        raise Mistake("send_text must be a text")
    return SendText(line, fields["send_text"])


def _ignore(line: int, fields: dict[str, Any]) -> Step:
    types = fields["ignore"]
    if not isinstance(types, list) or not all(isinstance(kind, str) for kind in types):
        raise Mistake("ignore must be a list of event types; [] ends it")
    return Ignore(line, frozenset(types))


def _pause(line: int, fields: dict[str, Any]) -> Step:
    return Pause(line, _integer(fields, "pause_ms", 0, MAX_MS))


def _close(line: int, fields: dict[str, Any]) -> Step:
    reason = fields.get("reason", "")
    if not isinstance(reason, str) or len(reason.encode()) > MAX_REASON_BYTES:
        raise Mistake(f"reason must be a text of at most {MAX_REASON_BYTES} bytes")
    return CloseNow(line, _integer(fields, "close", 1000, 4999), reason)


def _reset(line: int, fields: dict[str, Any]) -> Step:
    if fields["reset"] is not True:
        raise Mistake("reset must be true")
    return ResetNow(line)


def _expect_close(line: int, fields: dict[str, Any]) -> Step:
    code = None
    if fields["expect_close"] != "*":
        code = _integer(fields, "expect_close", 1000, 4999)
    return ExpectClose(line, code, _within_ms(fields))


ACTIONS: Mapping[str, tuple[Callable[[int, dict[str, Any]], Step], tuple[str, ...]]] = {
    "expect": (_expect, ("as", "within_ms")),
    "ignore": (_ignore, ()),
    "send": (_send, ("as",)),
    "send_text": (_send_text, ()),
    "pause_ms": (_pause, ()),
    "close": (_close, ("reason",)),
    "reset": (_reset, ()),
    "expect_close": (_expect_close, ("within_ms",)),
}


def _integer(fields: dict[str, Any], key: str, low: int, high: int) -> int:
    value = fields[key]
    if type(value) is not int or not low <= value <= high:
        raise Mistake(f"{key} must be an integer from {low} to {high}")
    return value


def _within_ms(fields: dict[str, Any]) -> int:
    if "within_ms" not in fields:
        return DEFAULT_WITHIN_MS
    return _integer(fields, "within_ms", 1, MAX_MS)


def _name(fields: dict[str, Any]) -> str | None:
    if "as" not in fields:
        return None
    name = fields["as"]
    if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]{0,31}", name):
        raise Mistake("as must be a name of small letters, digits and _")
    if name in {*GIVEN, "new", "silence", "tone"}:
        raise Mistake(f"{name} is a name that scripts have already")
    return name
