"""How much a packet of Vorbis plays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import file_of
from workers.mending import ogg
from workers.mending.vorbis import blocks_of

NOISE = np.random.default_rng(1).normal(0, 0.1, (48_000, 6))
NOISE[20_000:] *= np.sin(np.arange(28_000) / 300)[:, None] > 0  # sharp edges have short blocks
HEAD = b"\x01vorbis".ljust(28, b"\0") + b"\xb8\x01"


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 24_000, 44_100, 48_000, 96_000])
def test_the_positions_of_an_encoder_are_those_of_its_packets(rate_hz, channels):
    """So that a file that counts right stays as it is, to the byte."""
    data = file_of("ogg-vorbis", NOISE[:, :channels], rate_hz)

    assert [data] == list(ogg.streams(data))


def test_a_block_is_as_long_as_its_mode_says():
    """Two modes, of which the second is long; what has the first bit set is no audio."""
    number, first, second, end = 2 - 1, 0, 1 << 6 + 41, 1 << 6 + 41 + 41
    setup = b"\x05vorbis" + (number | first | second | end).to_bytes(12, "little")
    blocks = blocks_of([HEAD, b"", setup])

    assert (256, 2048) == blocks.sizes
    assert [256, 2048, 0, 0] == [blocks.of(packet) for packet in (b"\0", b"\x02", b"\x01", b"")]


@given(st.binary(max_size=200))
def test_what_is_no_head_says_nothing_or_something(setup):
    """But it does not fall over."""
    assert blocks_of([HEAD]) is None
    blocks_of([HEAD, b"", setup])
    blocks_of([setup, b"", setup])
