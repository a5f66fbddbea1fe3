"""How much packets of Vorbis play, which they say themselves (Vorbis I, 1.3.2 and 4.2 to 4.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

BLOCK_SIZES_AT = 28
"""In the first of its heads: the exponents of both, four bits each."""
MAPPINGS_MAX = 64
MODES_BYTES = 512
"""More than 64 of 41 bits."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """What a stream says of its packets in its heads."""

    sizes: tuple[int, ...]
    """In samples, by mode."""

    def of(self, packet: bytes) -> int:
        """The size of the block that a packet of audio begins as; 0 for what is none."""
        if not packet or packet[0] & 1:
            return 0
        mode = packet[0] >> 1 & (1 << (len(self.sizes) - 1).bit_length()) - 1
        return self.sizes[mode] if mode < len(self.sizes) else 0


def blocks_of(heads: Sequence[bytes]) -> Blocks | None:
    """Read the three heads of a stream; None if they do not say it."""
    if len(heads) < 3 or len(heads[0]) <= BLOCK_SIZES_AT:
        return None
    exponents = heads[0][BLOCK_SIZES_AT]
    sizes = (1 << (exponents & 0x0F), 1 << (exponents >> 4))
    flags = _long_blocks(heads[2])
    return Blocks(tuple(sizes[flag] for flag in flags)) if flags else None


def _long_blocks(setup: bytes) -> list[int]:
    """For each mode whether its block is the long one.

    They stand at the end of a head that would have to be read whole to know where they begin, so
    they are read from behind: until what stands there is no mode, with their number in front.
    """
    bits = int.from_bytes(setup.rstrip(b"\0")[-MODES_BYTES:], "little")
    at = bits.bit_length() - 1  # in front of the bit that ends the head
    flags, found = list[int](), list[int]()
    while at >= 41 + 6 and len(flags) < MAPPINGS_MAX:
        at -= 41
        flag, kinds, mapping = bits >> at & 1, bits >> at + 1 & 0xFFFFFFFF, bits >> at + 33 & 0xFF
        if kinds or mapping >= MAPPINGS_MAX:
            break
        flags.insert(0, flag)
        if (bits >> at - 6 & 0x3F) + 1 == len(flags):
            found = list(flags)
    return found
