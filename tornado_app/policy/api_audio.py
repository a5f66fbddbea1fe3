"""What a client of the Realtime API asks of sound: in which format it is, and who writes it down.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from types import NoneType
from typing import Any, Final

from tornado_app.policy.api_words import CLEARED, LEFT_OUT, Rule, Standing, word_of
from tornado_app.policy.shapes import ANY, TEXT_OR_NULL, Of, Shape, check_shape
from tornado_app.protocol.realtime.api_errors import need, refusal
from tornado_app.protocol.realtime.model_session import MODEL_RATE_HZ

OF_ALL_THAT_TRANSCRIBE: Final = ("language", "prompt")

_FORMATS: Final = {"audio/pcm": "pcm16", "audio/pcmu": "pcmu", "audio/pcma": "pcma"}
_RATES_HZ: Final = {"pcm16": MODEL_RATE_HZ, "pcmu": 8000, "pcma": 8000}
_FORMAT: Final[Shape] = {"type": TEXT_OR_NULL, "rate": Of("an integer", (int, NoneType))}
_TRANSCRIPTION: Final[Shape] = {
    "model": ANY,
    "language": ANY,
    "languages": Of("an array", (list, NoneType)),
    "prompt": TEXT_OR_NULL,
    "keywords": ANY,
    "delay": ANY,
}


def _format(name: str) -> Rule:
    """Of what the model takes and gives, where the gateway does not see to that."""

    def rule(path: str, value: Any, standing: Standing) -> Any:
        converts = standing.converts_input if name == "input_format" else standing.converts_output
        if converts or not standing.lets(name):
            return LEFT_OUT
        if value in CLEARED:
            return {"type": "audio/pcm", "rate": MODEL_RATE_HZ}
        need(path, value, "an object", dict)
        check_shape(path, value, _FORMAT)
        kind = value.get("type")
        if kind is not None and kind not in _FORMATS:
            may_be = ", ".join(_FORMATS)
            sentence = f"{path}.type must be one of {may_be}."
            raise refusal("invalid_value", sentence, f"{path}.type")
        encoding = "pcm16" if kind is None else _FORMATS[kind]
        rate_hz = _RATES_HZ[encoding]
        if value.get("rate") not in {None, rate_hz}:
            # How long sound is, and so how much is said, is reckoned with this one.
            sentence = f"{path}.rate must be {rate_hz}."
            raise refusal("invalid_value", sentence, f"{path}.rate")
        if kind is not None:  # else it stays what it is, and was allowed
            standing.check(path, name, encoding)
        return value

    return rule


input_format = _format("input_format")
output_format = _format("output_format")


def transcription(path: str, value: Any, standing: Standing) -> Any:
    """Who writes down costs money: of others than the operator lets be asked none does.

    Libraries name one of their own, and some end a call at any error: so in its place it is the
    operator's, with what each of them understands.  So it is where a client names none, lest the
    model takes one of its own.
    """
    if not standing.transcription_models:
        return LEFT_OUT
    if value in CLEARED and standing.only_transcribes:
        return LEFT_OUT
    if value in CLEARED:
        return value
    need(path, value, "an object", dict)
    asked: dict[str, Any] = dict(value)
    if asked.get("model") is None:
        if "model" in asked or not standing.is_written_down:
            asked["model"] = standing.transcription_models[0]
    elif word_of(path, asked, "model") not in standing.transcription_models:
        asked = {name: asked[name] for name in OF_ALL_THAT_TRANSCRIBE if name in asked}
        asked["model"] = standing.transcription_models[0]
    if not standing.lets("transcription_language"):
        asked = {name: asked[name] for name in asked if name not in {"language", "languages"}}
    check_shape(path, asked, _TRANSCRIPTION)
    _check_language(f"{path}.language", asked.get("language"), standing)
    for number, language in enumerate(asked.get("languages") or ()):
        _check_language(f"{path}.languages[{number}]", language, standing)
    return asked


def _check_language(path: str, value: Any, standing: Standing) -> None:
    if value not in CLEARED:
        need(path, value, "a string", str)
        standing.check(path, "transcription_language", value)
