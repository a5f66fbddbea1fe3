"""How long a server asks to be left alone."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_NAMED = re.compile(
    r"try again in (?:([0-9]{1,4})h)?(?:([0-9]{1,5})m(?!s))?"
    r"(?:([0-9]{1,6}(?:\.[0-9]{1,6})?)(ms|s))?"
)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What a refusal says in its *headers*, whose names are in small letters; None: nothing.

    ``Retry-After`` is seconds or a date (RFC 9110, 10.2.3).  A date counts from the server's own
    ``Date``, as clocks differ.  OpenAI sends ``retry-after-ms`` as well.
    """
    if (ms := _seconds(headers.get("retry-after-ms", ""))) is not None:
        return ms / 1000
    value = headers.get("retry-after", "")
    if (wait_s := _seconds(value)) is not None:
        return wait_s
    until, asked_at = _unix_s(value), _unix_s(headers.get("date", ""))
    return None if until is None or asked_at is None else max(0.0, until - asked_at)


def named_wait_s(sentence: str) -> float | None:
    """What the sentence of a rate limit names: "Please try again in 1m2.5s."; None: nothing."""
    found = _NAMED.search(sentence)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, amount, unit = found.groups()
    seconds = float(amount or 0) / (1000 if unit == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _unix_s(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
