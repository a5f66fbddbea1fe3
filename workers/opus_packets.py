"""What an Opus packet says of itself, without decoding it (RFC 6716, section 3)."""

SAMPLES_PER_MS = 48
"""Opus counts in samples of 48 kHz, whatever the rate of its input and output."""
PACKET_MS_MAX = 120.0
"""The longest (3.2.5)."""

FRAME_BYTES_MAX = 1275
"""Of one frame, and so of a packet that holds one (3.2.1)."""
SENT_MS = 20
"""What we send in one packet, as nearly everybody does (2.1.4)."""

FRAME_MS = (
    *(10.0, 20.0, 40.0, 60.0) * 3,  # SILK: narrow, medium and wide band
    *(10.0, 20.0) * 2,  # hybrid
    *(2.5, 5.0, 10.0, 20.0) * 4,  # CELT
)
"""How long a frame is, by the first five bits (3.1, table 2)."""


def duration_ms(packet: bytes) -> float:
    """How long *packet* plays: its first byte says the frame's length and how many there are.

    0.0 for what is no packet: empty, without the number of frames that it promises, with none, or
    with more than `PACKET_MS_MAX`.
    """
    if not packet:
        return 0.0
    frame_ms = FRAME_MS[packet[0] >> 3]
    code = packet[0] & 3
    if code < 3:
        frames = 1 if code == 0 else 2
    elif len(packet) > 1:
        frames = packet[1] & 0x3F
    else:
        return 0.0
    total_ms = frame_ms * frames
    return total_ms if total_ms <= PACKET_MS_MAX else 0.0
