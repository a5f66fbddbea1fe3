"""A piece of the user's audio in two: there may be seconds in one, and a turn ends anywhere."""

from base64 import b64decode, b64encode

from tornado_app.protocol.realtime.orders import Append

SAMPLE_BYTES = 2
"""The most that one takes, in any format that a model hears."""


def samples_of(order: Append) -> bytes:
    """Its samples; of what a client has sent on its own there may be none."""
    try:
        return b64decode(order.audio)
    except ValueError:
        return b""


def parted(order: Append, at_ms: float) -> tuple[Append, Append]:
    """The piece before *at_ms*, which is within it, and the one behind, to a sample."""
    samples = samples_of(order)
    at = int(len(samples) * at_ms / order.duration_ms) // SAMPLE_BYTES * SAMPLE_BYTES
    before_ms = order.duration_ms * at / len(samples) if samples else order.duration_ms
    return (
        Append(b64encode(samples[:at]), before_ms, order.event_id),
        Append(b64encode(samples[at:]), order.duration_ms - before_ms, order.event_id),
    )
