"""What a client of the Realtime API asks of its call, in the API's own shape: how far it may.

A field that is not the client's to set is left out, as what is in force stands above it: stock
clients say all that they know of, and some end a call at any error.  A value that a field may not
have is refused, and with it all that was asked, as the API does.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tornado_app.errors import Refused
from tornado_app.policy.settling import CallRules
from tornado_app.policy.shapes import SHOWN_CHARACTERS
from tornado_app.policy.transcribing import PARTS_OF_ANSWERS
from tornado_app.policy.turns import PARTS
from tornado_app.protocol.realtime.api_errors import missing, need, refusal, unknown
from tornado_app.protocol.realtime.asked_session import TURN_DETECTION_TYPES
from tornado_app.protocol.realtime.model_session import ModelSession

LEFT_OUT: Final = object()
CLEARED: Final[tuple[Any, ...]] = (None, "", [])
"""What sets a field of the session back, as the API has it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is so when a client asks for something."""

    rules: CallRules
    begun: ModelSession
    """What operator, token and address have made of the call: what a field is set back to."""
    turn_detection: str
    server_tools: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """Entries that stay whatever a client asks."""
    client_tools: tuple[dict[str, Any], ...] = ()
    """Entries that it has named itself."""
    only_transcribes: bool = False
    transcription_models: tuple[str, ...] = ()
    """Who may write down, the operator's own first; nobody, if there is none."""
    is_written_down: bool = False
    """One of them is asked to."""
    converts_input: bool = False
    """The gateway makes the model's format of the client's."""
    converts_output: bool = False
    is_hidden: Callable[[str], bool] = lambda _: False
    """Whether an item is none of the client's."""
    is_hidden_call: Callable[[str], bool] = lambda _: False
    """Whether the model has called a tool of the server by this name."""
    shows: bool = False
    """The client may show pictures."""

    def lets(self, name: str) -> bool:
        """Whether the client may set a field at all."""
        return name in self.rules.open_to("configure")

    def check(self, path: str, name: str, value: Any) -> None:
        """Whether it may set it to this; *path* is what the API calls it."""
        try:
            self.rules.check("configure", name, value)
        except Refused as refused:
            part = (refused.field or name).removeprefix(name)
            raise refusal("invalid_value", refused.sentence, f"{path}{part}") from None


Rule = Callable[[str, Any, Standing], Any]
"""(path, value, standing) -> the value as it may be asked for, or `LEFT_OUT`."""


def fields(path: str, asked: Any, standing: Standing, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """What of an object may be asked for.

    Raises:
        ApiRefusal: If it has a field that there is not, or one that may not be so.
    """
    need(path, asked, "an object", dict)
    found = {}
    for name, value in asked.items():
        rule = rules.get(name)
        if rule is None:
            where = f"{path}.{name[:SHOWN_CHARACTERS]}"
            raise unknown(where)
        taken = rule(f"{path}.{name}", value, standing)
        if taken is not LEFT_OUT:
            found[name] = taken
    return found


def within(rules: Mapping[str, Rule]) -> Rule:
    """An object of its own; null says nothing."""

    def rule(path: str, value: Any, standing: Standing) -> Any:
        return LEFT_OUT if value is None else fields(path, value, standing, rules)

    return rule


def passes(path: str, value: Any, standing: Standing) -> Any:
    """What concerns nobody but the client and the model."""
    del path, standing
    return value


def of_answer(rule: Rule) -> Rule:
    """The same of one answer, where null says nothing: what the session has holds."""

    def of_one(path: str, value: Any, standing: Standing) -> Any:
        return LEFT_OUT if value is None else rule(path, value, standing)

    return of_one


def never(path: str, value: Any, standing: Standing) -> Any:
    """What is the operator's alone."""
    del path, value, standing
    return LEFT_OUT


def word_of(path: str, value: Mapping[str, Any], name: str) -> str:
    """The text of that name in an object that has to have one.

    Raises:
        ApiRefusal: If it has not.
    """
    if name not in value:
        raise missing(f"{path}.{name}")
    need(f"{path}.{name}", value[name], "a string", str)
    word: str = value[name]
    return word


def as_field(name: str, expected: str, *types: type) -> Rule:
    """A field of a call, by the name that the policy has for it."""

    def rule(path: str, value: Any, standing: Standing) -> Any:
        if not standing.lets(name):
            return LEFT_OUT
        if value in CLEARED:
            return getattr(standing.begun, name)
        need(path, value, expected, *types)
        standing.check(path, name, value)
        return value

    return rule


def instructions(path: str, value: Any, standing: Standing) -> Any:
    """Nothing brings back those of the operator."""
    if not standing.lets("instructions"):
        return LEFT_OUT
    if value in CLEARED:
        return standing.begun.instructions
    need(path, value, "a string", str)
    standing.check(path, "instructions", value)
    return value


def own_instructions(path: str, value: Any, standing: Standing) -> Any:
    """Of one answer; none of its own leaves those of the session."""
    return LEFT_OUT if value in CLEARED else instructions(path, value, standing)


def max_output_tokens(path: str, value: Any, standing: Standing) -> Any:
    """No limit is the operator's own."""
    if not standing.lets("max_output_tokens"):
        return LEFT_OUT
    if value in CLEARED or value == "inf":
        return standing.begun.max_output_tokens or "inf"
    need(path, value, "an integer or 'inf'", int, str)
    standing.check(path, "max_output_tokens", value)
    return value


def output_modalities(path: str, value: Any, standing: Standing) -> Any:
    if not standing.lets("output"):
        return LEFT_OUT
    if value in CLEARED:
        return [standing.begun.output]
    need(path, value, "an array", list)
    if len(value) != 1:
        raise refusal("invalid_value", f"{path} must be a list of one: audio, or text.", path)
    standing.check(path, "output", value[0])
    return value


def voice(path: str, value: Any, standing: Standing) -> Any:
    """By its name, or by the id of one of one's own."""
    if not standing.lets("voice"):
        return LEFT_OUT
    if value in CLEARED:
        return standing.begun.voice or None
    need(path, value, "a string or an object", str, dict)
    if isinstance(value, str):
        standing.check(path, "voice", value)
        return value
    named = word_of(path, value, "id")
    for name in value.keys() - {"id"}:
        raise unknown(f"{path}.{name[:SHOWN_CHARACTERS]}")
    standing.check(f"{path}.id", "voice", named)
    return value


def turn_detection(path: str, value: Any, standing: Standing) -> Any:
    if not standing.lets("turn_detection"):
        return LEFT_OUT
    if value in CLEARED:
        standing.check(path, "turn_detection", "none")
        return value
    need(path, value, "an object", dict)
    asked = {name: part for name, part in value.items() if part is not None}
    if "type" not in value and standing.turn_detection != "none":
        asked["type"] = standing.turn_detection
    kind = word_of(path, asked, "type")
    if kind not in PARTS:
        listed = ", ".join(name for name in PARTS if name != "none")
        raise refusal("invalid_value", f"{path}.type must be one of {listed}.", f"{path}.type")
    for name, part in asked.items():
        if name == "type":
            continue
        is_senseless = standing.only_transcribes and name in PARTS_OF_ANSWERS
        if name not in PARTS[kind] or is_senseless:
            raise unknown(f"{path}.{name[:SHOWN_CHARACTERS]}")
        need(f"{path}.{name}", part, *TURN_DETECTION_TYPES[name])
    standing.check(path, "turn_detection", asked)
    return value
