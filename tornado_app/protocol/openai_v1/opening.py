"""What a client asks for in the address it opens: ``/v1/realtime?model=…``.

The formats are chosen as in voice.v1, which the API's own clients know nothing of.
https://platform.openai.com/docs/guides/realtime-websocket
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tornado_app.errors import InvalidRequest
from tornado_app.protocol.opening import Opening, OpeningRules
from tornado_app.protocol.voice_v1 import opening as voice_v1

FORMATS = tuple(each for each in voice_v1.FORMAT_PARAMETERS if each != "output_encoding")
INTENTS = ("realtime", "transcription")


def parse_opening(query: Mapping[str, Sequence[str]], rules: OpeningRules) -> Opening:
    """Read the query of an opening request.  Parameters that are not known are left alone.

    Raises:
        InvalidRequest: A parameter has a value it may not have; ``field`` names it.
    """
    intent = _last(query, "intent") or "realtime"
    if intent not in INTENTS:
        sentence = f"intent must be one of {', '.join(INTENTS)}."
        raise InvalidRequest("invalid_message", sentence, "intent")
    if "call_id" in query:
        # Who attaches to a call would take a call of its own for that one.
        sentence = "WebRTC and SIP are not served here: there is no call to attach to."
        raise InvalidRequest("invalid_message", sentence, "call_id")
    formats = {name: query[name] for name in FORMATS if name in query}
    opening = voice_v1.parse_opening(formats, rules)
    choices = dict(opening.choices)
    if intent == "transcription":
        # Beside it a model is the one that writes down, which the operator chooses.
        choices["session"] = intent
    elif model := _last(query, "model") or _last(query, "deployment"):
        choices["model"] = model
    return replace(opening, wants_resume=False, choices=choices, ignored=())


def _last(query: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = query.get(name)
    return values[-1] if values else None
