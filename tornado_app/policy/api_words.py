"""What a client of the Realtime API asks of its call, in the API's own shape: how far it may.

A field that is not the client's to set is left out, as what is in force stands above it: stock
clients say all that they know of, and some end a call at any error.  A value that a field may not
have is refused, and with it all that was asked, as the API does.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tornado_app.errors import Refused
from tornado_app.policy.settling import CallRules
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.api_errors import missing, refusal, unknown, wrong_type
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import MODEL_RATE_HZ, ModelSession, choice_field

SHOWN_CHARACTERS = 64
LEFT_OUT: Final = object()
CLEARED: Final[tuple[Any, ...]] = (None, "", [])
"""What sets a field of the session back, as the API has it."""
OF_ALL_THAT_TRANSCRIBE: Final = ("language", "prompt")


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
    """Entries that it has named itself, and the model has taken."""
    only_transcribes: bool = False
    transcription_models: tuple[str, ...] = ()
    """Who may write down, the operator's own first; nobody, if there is none."""
    converts_input: bool = False
    """The gateway makes the model's format of the client's."""
    converts_output: bool = False
    is_hidden: Callable[[str], bool] = lambda _: False
    """Whether an item is none of the client's."""
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
    if not isinstance(asked, dict):
        raise wrong_type(path, "an object")
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


def as_field(name: str) -> Rule:
    """A field of a call, by the name that the policy has for it."""

    def rule(path: str, value: Any, standing: Standing) -> Any:
        if not standing.lets(name):
            return LEFT_OUT
        if value in CLEARED:
            return getattr(standing.begun, name)
        standing.check(path, name, value)
        return value

    return rule


def instructions(path: str, value: Any, standing: Standing) -> Any:
    """Nothing brings back those of the operator."""
    if not standing.lets("instructions"):
        return LEFT_OUT
    if value in CLEARED:
        return standing.begun.instructions
    standing.check(path, "instructions", value)
    return value


def own_instructions(path: str, value: Any, standing: Standing) -> Any:
    """Of one answer; none of its own leaves those of the session."""
    return instructions(path, value, standing) if value else LEFT_OUT


def max_output_tokens(path: str, value: Any, standing: Standing) -> Any:
    """No limit is the operator's own."""
    if not standing.lets("max_output_tokens"):
        return LEFT_OUT
    if value in CLEARED or value == "inf":
        return standing.begun.max_output_tokens or "inf"
    standing.check(path, "max_output_tokens", value)
    return value


def output_modalities(path: str, value: Any, standing: Standing) -> Any:
    if not standing.lets("output"):
        return LEFT_OUT
    if value in CLEARED:
        return [standing.begun.output]
    if not isinstance(value, list) or len(value) != 1:
        raise refusal("invalid_value", f"{path} must be a list of one: audio, or text.", path)
    standing.check(path, "output", value[0])
    return value


def voice(path: str, value: Any, standing: Standing) -> Any:
    """By its name, or by the id of one of one's own."""
    if not standing.lets("voice"):
        return LEFT_OUT
    if value in CLEARED:
        return standing.begun.voice or None
    named = value.get("id") if isinstance(value, dict) and set(value) == {"id"} else value
    standing.check(path, "voice", named)
    return value


def turn_detection(path: str, value: Any, standing: Standing) -> Any:
    if not standing.lets("turn_detection"):
        return LEFT_OUT
    asked = "none" if value in CLEARED else value
    if isinstance(value, dict) and "type" not in value:
        asked = {"type": standing.turn_detection, **value}
    elif value not in CLEARED and not isinstance(value, dict):
        raise wrong_type(path, "an object")
    if isinstance(asked, dict):
        asked = {name: part for name, part in asked.items() if part is not None}
    standing.check(path, "turn_detection", asked)
    return value


_FORMATS: Final = {"audio/pcm": "pcm16", "audio/pcmu": "pcmu", "audio/pcma": "pcma"}


def _format(name: str) -> Rule:
    """Of what the model takes and gives, where the gateway does not see to that."""

    def rule(path: str, value: Any, standing: Standing) -> Any:
        converts = standing.converts_input if name == "input_format" else standing.converts_output
        if converts or not standing.lets(name):
            return LEFT_OUT
        if value in CLEARED:
            return {"type": "audio/pcm", "rate": MODEL_RATE_HZ}
        if not isinstance(value, dict):
            raise wrong_type(path, "an object")
        kind = value.get("type")
        if kind is None:
            return value  # it stays what it is, and was allowed
        if not isinstance(kind, str) or kind not in _FORMATS:
            may_be = ", ".join(_FORMATS)
            sentence = f"{path}.type must be one of {may_be}."
            raise refusal("invalid_value", sentence, f"{path}.type")
        standing.check(path, name, _FORMATS[kind])
        return value

    return rule


input_format = _format("input_format")
output_format = _format("output_format")


def transcription(path: str, value: Any, standing: Standing) -> Any:
    """Who writes down costs money: of others than the operator lets be asked none does.

    Libraries name one of their own, and some end a call at any error: so in its place it is the
    operator's, with what each of them understands.
    """
    if not standing.transcription_models:
        return LEFT_OUT
    if value is None and standing.only_transcribes:
        return LEFT_OUT
    if not isinstance(value, dict):
        return value
    asked = dict(value)
    model = asked.get("model")
    if model is not None and not isinstance(model, str):
        raise wrong_type(f"{path}.model", "a string")
    if model is not None and model not in standing.transcription_models:
        asked = {name: asked[name] for name in OF_ALL_THAT_TRANSCRIBE if name in asked}
        asked["model"] = standing.transcription_models[0]
    if not standing.lets("transcription_language"):
        asked = {name: asked[name] for name in asked if name not in {"language", "languages"}}
    elif asked.get("language") is not None:
        standing.check(f"{path}.language", "transcription_language", asked["language"])
    return asked


def tools(path: str, value: Any, standing: Standing) -> Any:
    """Those of the server stay, beside any of the client's."""
    if not standing.lets("tools"):
        return LEFT_OUT
    return [*standing.server_tools, *own_tools(path, value, standing)]


def own_tools(path: str, value: Any, standing: Standing) -> list[dict[str, Any]]:
    """The client's entries.

    Raises:
        ApiRefusal: If one is no function, or is called as one of the server.
    """
    if value in CLEARED:
        return []
    if not isinstance(value, list):
        raise wrong_type(path, "an array")
    for number, entry in enumerate(value):
        _check_entry(f"{path}[{number}]", entry)
    functions = tuple(_function(entry) for entry in value)
    try:
        standing.rules.check_functions("configure", functions)
    except Wrong as wrong:
        where = f"{path}{wrong.name.removeprefix('tools')}"
        raise refusal("invalid_value", str(wrong), where) from None
    except Refused as refused:
        raise refusal("invalid_value", refused.sentence, path) from None
    return value


def _check_entry(where: str, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise wrong_type(where, "an object")
    for name in ("type", "name"):
        if name not in entry:
            raise missing(f"{where}.{name}")
        if name == "type" and entry["type"] != "function":
            message = f"{where}.type must be function: no other tool may be named."
            raise refusal("invalid_value", message, f"{where}.type")
    if not isinstance(entry["name"], str):
        raise wrong_type(f"{where}.name", "a string")


def tool_choice(path: str, value: Any, standing: Standing) -> Any:
    if not standing.lets("tool_choice"):
        return LEFT_OUT
    if value in CLEARED:
        return choice_field(standing.begun)
    standing.check(path, "tool_choice", value)
    return value


def check_chosen(path: str, choice: Any, entries: Collection[Mapping[str, Any]]) -> None:
    """Whether a function that is chosen is one of the client's own *entries*.

    Raises:
        ApiRefusal: If not; of the server's nothing is said.
    """
    if isinstance(choice, dict) and choice.get("name") not in {e.get("name") for e in entries}:
        message = f"Invalid value for '{path}': there is no such function."
        raise refusal("invalid_value", message, f"{path}.name")


def _function(entry: Mapping[str, Any]) -> Function:
    description, parameters = entry.get("description"), entry.get("parameters")
    return Function(
        entry["name"],
        description if isinstance(description, str) else "",
        parameters if isinstance(parameters, dict) else {},
    )
