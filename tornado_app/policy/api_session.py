"""What may be asked of a session and of one answer: the fields that the API has, and who sets each.

https://platform.openai.com/docs/api-reference/realtime-client-events/response/create
"""

from collections.abc import Mapping
from typing import Any, Final

from tornado_app.policy import api_audio
from tornado_app.policy import api_words as words
from tornado_app.policy.api_items import check_input
from tornado_app.policy.api_tools import choose_among, tool_choice, tools
from tornado_app.policy.api_words import Rule, Standing, fields, of_answer, passes, within
from tornado_app.protocol.realtime.api_errors import missing, need, refusal

_INPUT: Final[Mapping[str, Rule]] = {
    "format": api_audio.input_format,
    "transcription": api_audio.transcription,
    "noise_reduction": passes,
    "turn_detection": words.turn_detection,
}
_OUTPUT: Final[Mapping[str, Rule]] = {
    "format": api_audio.output_format,
    "voice": words.voice,
    "speed": words.as_field("speed", "a decimal", int, float),
}
_SESSION: Final[Mapping[str, Rule]] = {
    "type": passes,
    # It was chosen with the address, or by the operator.
    "model": words.never,
    "output_modalities": words.output_modalities,
    "instructions": words.instructions,
    "include": passes,
    # What stands in them is not to be seen here: they would bring instructions and tools along.
    "prompt": words.never,
    "tools": tools,
    "tool_choice": tool_choice,
    "max_output_tokens": words.max_output_tokens,
    "truncation": passes,
    # It would keep the call in the operator's account.
    "tracing": words.never,
    "parallel_tool_calls": passes,
    "reasoning": passes,
    "audio": within({"input": within(_INPUT), "output": within(_OUTPUT)}),
}
_TRANSCRIPTION: Final[Mapping[str, Rule]] = {
    "type": passes,
    "model": words.never,
    "include": passes,
    "audio": within({"input": within(_INPUT)}),
}
_RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "realtime": _SESSION,
    "transcription": _TRANSCRIPTION,
}
_ANSWERED: Final[Mapping[str, Rule]] = {
    "format": of_answer(api_audio.output_format),
    "voice": of_answer(words.voice),
}
_RESPONSE: Final[Mapping[str, Rule]] = {
    "audio": within({"output": within(_ANSWERED)}),
    "conversation": passes,
    "input": check_input,
    "instructions": words.own_instructions,
    "max_output_tokens": of_answer(words.max_output_tokens),
    "metadata": passes,
    "output_modalities": of_answer(words.output_modalities),
    "parallel_tool_calls": passes,
    "prompt": words.never,
    "reasoning": passes,
    "tool_choice": of_answer(tool_choice),
    "tools": of_answer(tools),
}


def narrow_session(asked: Any, standing: Standing) -> dict[str, Any]:
    """What of the ``session`` of an update the model is asked for.

    Raises:
        ApiRefusal: As the API would, or for what this client may not have.
    """
    if isinstance(asked, dict) and "type" not in asked:
        raise missing("session.type")
    kind = "transcription" if standing.only_transcribes else "realtime"
    if isinstance(asked, dict):
        _check_type(asked["type"], kind)
    body = fields("session", asked, standing, _RULES[kind])
    own = asked["tools"] or () if "tools" in body else standing.client_tools
    choose_among("session.tool_choice", body, asked, own, standing)
    return body


def _check_type(asked: Any, own: str) -> None:
    """Nothing is said of the fields of another type of session."""
    need("session.type", asked, "a string", str)
    if asked == own:
        return
    if asked in _RULES:
        sentence = f"Passing a {asked} session update event to a {own} session is not allowed."
        raise refusal("invalid_parameter", sentence, "session.type")
    raise refusal("invalid_value", f"session.type must be {own}.", "session.type")


def of_conversation(asked: Mapping[str, Any]) -> bool:
    """Whether the ``response`` of a request is an answer in the conversation.

    What else may stand there is for the model to judge, and may have no hash.
    """
    return asked.get("conversation") in (None, "auto")


def narrow_response(asked: Any, standing: Standing) -> dict[str, Any]:
    """What of the ``response`` of a request holds for that answer.

    An answer beside the conversation has no tools of the server, as what they find could not be
    told it.

    Raises:
        ApiRefusal: As `narrow_session`.
    """
    body = {} if asked is None else fields("response", asked, standing, _RESPONSE)
    own = asked["tools"] or () if "tools" in body else standing.client_tools
    choose_among("response.tool_choice", body, asked or {}, own, standing)
    if not of_conversation(body) and standing.server_tools:
        body["tools"] = list(own)
    return body
