"""What a stream is between two chunks of a chain that repairs it."""

from workers.conditioning import Follower
from workers.stream_state import ResamplerState


class ConditionedState(ResamplerState, frozen=True, eq=False):
    """What a stream is between two chunks, with what its followers know."""

    offset: Follower | None = None
    peaks: Follower = Follower()
