"""How long a server asks to be left alone."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_AMOUNT = (
    r" ?([0-9]{1,6}(?:\.[0-9]{1,6})?) ?"
    r"(milliseconds?|ms|seconds?|s|minutes?|m|hours?|h|days?|d)(?![a-z])"
)
_AMOUNTS = re.compile(_AMOUNT)
_NAMED = re.compile(rf"(?:try again in|retry after)((?:{_AMOUNT})+)", re.ASCII | re.IGNORECASE)
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
"""By their first letter, but for thousandths."""


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
    """What the sentence of a rate limit names; None: nothing.

    OpenAI writes "Please try again in 1m2.5s.", and Azure "Please retry after 3 seconds.".
    """
    found = _NAMED.search(sentence)
    if found is None:
        return None
    amounts = _AMOUNTS.findall(found[1].lower())
    return sum((float(amount) * _unit_s(unit) for amount, unit in amounts), 0.0)


def _unit_s(unit: str) -> float:
    if unit.startswith(("ms", "milli")):
        return 0.001
    return _UNITS_S[unit[0]]


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
