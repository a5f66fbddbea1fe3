"""What a stream is between two calls of a resampler."""

from fractions import Fraction

from msgspec import Struct


class ResamplerState(Struct, frozen=True, eq=False):
    """What a stream is between two calls.  Never changed, so that a call may be tried again.

    Attributes
    ----------
    pending : bytes
        The end of the input in float32: what the next block begins with; at least the overlap of
        two blocks, and less than a hop beyond it.
    received : int
        Input samples so far.
    joint : Joint or None
        Where it goes on behind another stream: see `workers.joining`.
    """

    pending: bytes
    received: int
    joint: "Joint | None" = None


class Joint(Struct, frozen=True):
    """How a stream goes on behind another, which was of another rate.

    Attributes
    ----------
    late : Fraction
        In output samples: how far before the first of them this stream began.
    skip : int
        How many of these are still to be left out, as the stream before has given them.
    begun : bool
        There was enough input to say what came before it; until then it is all in *pending*.
    """

    late: Fraction
    skip: int
    begun: bool = False
