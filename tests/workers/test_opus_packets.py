"""What an Opus packet says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.opus_packets import FRAME_MS, PACKET_MS_MAX, duration_ms


@pytest.mark.parametrize(("configuration", "frame_ms"), [
    (0, 10), (3, 60), (4, 10), (11, 60), (12, 10), (13, 20), (15, 20), (16, 2.5), (19, 20),
    (28, 2.5), (31, 20),
])  # fmt: skip
def test_the_first_byte_says_how_long_a_frame_is(configuration, frame_ms):
    """RFC 6716, table 2; mono and stereo alike."""
    assert 32 == len(FRAME_MS)
    for stereo in (0, 4):
        assert frame_ms == duration_ms(bytes([configuration << 3 | stereo, 0, 0]))


@pytest.mark.parametrize(("packet", "total_ms"), [
    (b"\xf8", 20), (b"\xf9\0\0", 40), (b"\xfa\1\0\0", 40), (b"\xfb\x06", 120), (b"\xfb\x03", 60),
    (b"\xe3\x30", 120), (b"\x1b\x02", 120),
])  # fmt: skip
def test_and_how_many_there_are(packet, total_ms):
    """One, two alike, two of their own sizes, or a number in the next byte."""
    assert total_ms == duration_ms(packet)


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\0", b"\xfb\x07", b"\x1b\x03", b"\xe3\x3f"])
def test_what_is_no_packet_has_no_length(packet):
    """Empty, without its number, none, or beyond 120 ms."""
    assert 0.0 == duration_ms(packet)


@given(st.binary(max_size=4))
def test_any_bytes_have_a_length_within_bounds(packet):
    """A multiple of 2.5 ms."""
    assert duration_ms(packet) in [2.5 * step for step in range(int(PACKET_MS_MAX / 2.5) + 1)]
