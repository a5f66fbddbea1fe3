"""What is summed up in calls: read while they run, added when they end."""

from msgspec import Struct

from tornado_app.metrics import definitions as d
from tornado_app.metrics.tally import Tally
from tornado_app.session.totals import Totals


class CallReadings(Struct, frozen=True):
    """How one call is just now."""

    state: str
    totals: Totals
    to_model_ms: float
    """Audio that waits."""
    to_client_ms: float
    uplink_pieces: int
    """In the lane to the pool, or in the pool."""
    downlink_pieces: int
    unread_bytes: int
    """What the model has said and the session has not heard."""
    unsent_bytes: int
    """What waits for the model's socket."""
    client_bytes: int


def count_totals(tally: Tally, totals: Totals) -> None:
    """Add what one call has had."""
    tally.add(d.AUDIO, "from_client", by=totals.received_ms / 1000)
    tally.add(d.AUDIO, "to_client", by=totals.answered_ms / 1000)
    tally.add(d.CHUNKS, "from_client", by=totals.chunks)
    tally.add(d.CHUNKS, "to_client", by=totals.pieces)
    tally.add(d.AUDIO_DROPPED, by=totals.dropped_ms / 1000)
    tally.add(d.CLIPPED, by=totals.clipped_samples)
    for code, count in totals.errors.items():
        tally.add(d.ERRORS, code, by=count)
