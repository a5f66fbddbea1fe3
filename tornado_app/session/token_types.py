"""A model's count of tokens, taken apart so that the parts add up.

Tokens that the model had in its cache are part of its text, audio and pictures, and cost less
(https://platform.openai.com/docs/guides/realtime-costs): here they are types of their own.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

TokenType = Literal[
    "text_input",
    "audio_input",
    "image_input",
    "cached_text_input",
    "cached_audio_input",
    "cached_image_input",
    "text_output",
    "audio_output",
    "unnamed",
]
TOKEN_TYPES: tuple[TokenType, ...] = get_args(TokenType)

MOST = 1_000_000_000
"""What is more is no count of an answer."""
MOST_SECONDS = 86_400
KINDS = ("text", "audio", "image")
WAYS = ("input_tokens", "output_tokens")


def total_tokens(usage: Mapping[str, Any] | None) -> int | None:
    """How many there were in all; None: the model did not say.

    There are servers that count both ways and do not add them up.
    """
    usage = usage or {}
    if all(_number(usage, name) is None for name in ("total_tokens", *WAYS)):
        return None
    return max(_count(usage, "total_tokens"), sum(_count(usage, name) for name in WAYS))


def tokens_by_type(usage: Mapping[str, Any] | None) -> dict[str, int]:
    """How many of each type there were, without those of which there were none.

    *usage* is that of ``response.done``, which may be anything.
    """
    usage = usage or {}
    given, made = _map(usage, "input_token_details"), _map(usage, "output_token_details")
    cached = _map(given, "cached_tokens_details")
    found = {
        f"{kind}_input": max(0, _count(given, f"{kind}_tokens") - _count(cached, f"{kind}_tokens"))
        for kind in KINDS
    }
    found |= {f"cached_{kind}_input": _count(cached, f"{kind}_tokens") for kind in KINDS}
    found |= {f"{kind}_output": _count(made, f"{kind}_tokens") for kind in KINDS[:2]}
    found["unnamed"] = max(0, (total_tokens(usage) or 0) - sum(found.values()))
    return {kind: tokens for kind, tokens in found.items() if tokens}


def transcription_tokens(usage: Mapping[str, Any] | None) -> dict[str, int]:
    """As `tokens_by_type`, of a turn that was written down: all that comes out is text."""
    usage = usage or {}
    tokens = _count(usage, "output_tokens")
    return tokens_by_type({**usage, "output_token_details": {"text_tokens": tokens}})


def transcription_seconds(usage: Mapping[str, Any] | None) -> float:
    """Of a model that counts those, and no tokens; 0: it does not, or did not say."""
    seconds = (usage or {}).get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return 0.0
    return float(seconds) if 0 <= seconds <= MOST_SECONDS else 0.0


def _map(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = usage.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(usage: Mapping[str, Any], name: str) -> int:
    return _number(usage, name) or 0


def _number(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST else None  # 12.0 is 12: JSON knows no difference
