"""How audio without a header is described on the command line."""

from dataclasses import dataclass

from workers.formats import CHANNELS_MAX, RATE_HZ_MAX, RATE_HZ_MIN

BLOCK_S = 0.1


@dataclass(frozen=True, slots=True)
class RawFormat:
    """16-bit little-endian PCM, interleaved."""

    rate_hz: int
    channels: int

    @property
    def block_bytes(self) -> int:
        return 2 * self.channels * round(self.rate_hz * BLOCK_S)


def read_format(text: str) -> RawFormat:
    """What ``raw:16000:1`` says.

    Raises:
        ValueError: If it says something else; for `argparse`.
    """
    kind, _, rest = text.partition(":")
    rate, _, channels = rest.partition(":")
    if kind == "raw" and rate.isdecimal() and (channels or "1").isdecimal():
        found = RawFormat(int(rate), int(channels or "1"))
        if RATE_HZ_MIN <= found.rate_hz <= RATE_HZ_MAX and 1 <= found.channels <= CHANNELS_MAX:
            return found
    raise ValueError(text)
