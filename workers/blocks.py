"""What goes into a conversion and comes out of it, and passes between threads."""

from fractions import Fraction
from typing import TypeAlias

from msgspec import Struct


class Piece(Struct, frozen=True):
    """What is sent in one message."""

    audio: bytes
    duration_ms: float


class Block(Struct, frozen=True):
    """What became of one chunk.

    Attributes
    ----------
    audio : bytes
        In the target's encoding, or that as ASCII base64.  May be empty: the resampler holds back
        up to `Resampler.delay_samples_in`.
    size_bytes : int
        Of the chunk, without base64; 0 for a flush.
    duration_ms : float
        Of the chunk; 0.0 for a flush.
    level_dbfs : float
        RMS of the chunk, see `workers.level`; `SILENCE_DBFS` for a flush.
    converted_ms : float
        How long *audio* plays; differs from *duration_ms* by what the resampler holds back.
    clipped_samples : int
        How many samples of *audio* were beyond full scale before they were made so.
    """

    audio: bytes
    size_bytes: int
    duration_ms: float
    level_dbfs: float
    converted_ms: float
    clipped_samples: int = 0

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What *audio* is sent as: at once, if there is any; a packet of a codec stands alone."""
        return (Piece(self.audio, self.converted_ms),) if self.audio else ()


class Cut(Struct, frozen=True):
    """What is known of a stream where it was cut, to go on in another chain."""

    block: Block
    """What was held back."""
    ahead_s: Fraction
    """How much longer what came out of it plays than what went in."""
    offset: float | None = None
    """Of a stream whose offset is taken out: where it stands, of full scale."""
    peaks: float = 0.0
    """Of one whose peaks are held: how far it is turned down."""


class Flush(Struct, frozen=True):
    """In place of a payload: the stream ends here, let out what is held back."""

    def __len__(self) -> int:
        return 0


Payload: TypeAlias = bytes | str | Flush
"""A chunk in the source format; text is base64."""
