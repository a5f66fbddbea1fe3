"""A model's count of tokens, taken apart so that the parts add up.

Tokens that the model had in its cache are part of its text, audio and pictures, and cost a tenth
(https://platform.openai.com/docs/guides/realtime-costs): here they are a type of their own.
"""

from collections.abc import Mapping
from typing import Any

MOST = 1_000_000_000
"""What is more is no count of an answer."""
KINDS = ("text", "audio", "image")


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
    found["cached_input"] = sum(_count(cached, f"{kind}_tokens") for kind in KINDS)
    found |= {f"{kind}_output": _count(made, f"{kind}_tokens") for kind in KINDS[:2]}
    found["unnamed"] = max(0, _count(usage, "total_tokens") - sum(found.values()))
    return {kind: tokens for kind, tokens in found.items() if tokens}


def _map(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = usage.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= MOST else 0
