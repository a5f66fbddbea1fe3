"""How a client's audio is laid out, each way: what it may be, and one that is changed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tornado_app.errors import Refused
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.opening import FORMATS, MODEL_FORMAT, OUTPUT_ENCODINGS, OutputEncoding
from workers.formats import (
    CHANNELS_MAX,
    OPUS_CHANNELS_MAX,
    OPUS_RATES_HZ,
    RATE_HZ_MAX,
    RATE_HZ_MIN,
    AudioFormat,
    OpusFormat,
    StreamFormat,
)

INPUT_FIELDS = frozenset({"input_format", "input_rate", "input_channels"})
OUTPUT_FIELDS = frozenset({"output_format", "output_rate", "output_encoding"})
FORMAT_FIELDS = INPUT_FIELDS | OUTPUT_FIELDS

FORMAT_MAY_BE = f"one of {', '.join(FORMATS)}"
RATE_MAY_BE = f"an integer from {RATE_HZ_MIN} to {RATE_HZ_MAX}"
CHANNELS_MAY_BE = f"an integer from 1 to {CHANNELS_MAX}"
ENCODING_MAY_BE = f"one of {', '.join(OUTPUT_ENCODINGS)}"


@dataclass(frozen=True, slots=True)
class CallFormats:
    """What a client sends, and what it is sent."""

    source: StreamFormat
    target: StreamFormat
    output_encoding: OutputEncoding

    @property
    def passes_through(self) -> bool:
        """Whether the model's base64 can go to the client untouched."""
        return self.target == MODEL_FORMAT and self.output_encoding == "base64"


def changed(formats: CallFormats, changes: Mapping[str, Any], *, has_opus: bool) -> CallFormats:
    """*formats* with *changes*, which are checked each; what is left out stays as it is.

    Raises:
        Refused: ``invalid_message``, if there is no such format, or not on this server.
    """
    try:
        return CallFormats(
            source=_stream("input", formats.source, changes, has_opus),
            target=_stream("output", formats.target, changes, has_opus),
            output_encoding=changes.get("output_encoding", formats.output_encoding),
        )
    except Wrong as wrong:
        raise Refused("invalid_message", str(wrong), wrong.name) from None


def no_opus(field: str) -> Refused:
    """The server's system has no such codec."""
    others = ", ".join(other for other in FORMATS if other != "opus")
    sentence = f"{field}: this server has no Opus; it may be one of {others}."
    return Refused("invalid_message", sentence, field)


def check_format(name: str, value: Any) -> str:
    """Raises `Wrong`."""
    return _one_of(name, value, FORMATS)


def check_output_encoding(name: str, value: Any) -> str:
    """Raises `Wrong`."""
    return _one_of(name, value, OUTPUT_ENCODINGS)


def check_whole(low: int, high: int) -> Callable[[str, Any], int]:
    """Takes integers from *low* to *high*; raises `Wrong`."""

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(name, f"an integer from {low} to {high}")
        return value

    return check


def _one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise Wrong(name, f"one of {', '.join(allowed)}")
    return value


def _stream(
    side: str, before: StreamFormat, changes: Mapping[str, Any], has_opus: bool
) -> StreamFormat:
    name = changes.get(f"{side}_format", before.encoding)
    rate_hz = changes.get(f"{side}_rate", before.rate_hz)
    channels = changes.get(f"{side}_channels", before.channels)
    if name != "opus":
        return AudioFormat(name, rate_hz, channels)
    if not has_opus:
        raise no_opus(f"{side}_format")
    if rate_hz not in OPUS_RATES_HZ:
        listed = ", ".join(map(str, OPUS_RATES_HZ))
        raise Wrong(f"{side}_rate", f"one of {listed} where {side}_format is opus")
    if channels > OPUS_CHANNELS_MAX:
        raise Wrong(f"{side}_channels", f"1 or 2 where {side}_format is opus")
    return OpusFormat(rate_hz, channels)
