"""Arithmetic of audio formats."""

import base64
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.formats import OPUS_RATES_HZ, AudioFormat, OpusFormat, base64_bytes


@pytest.mark.parametrize(
    ("encoding", "channels", "expected"),
    [
        ("pcm16", 1, 2),
        ("pcm16", 2, 4),
        ("float32", 1, 4),
        ("float32", 8, 32),
        ("pcmu", 1, 1),
        ("pcma", 3, 3),
    ],
)
def test_a_frame_holds_one_sample_of_every_channel(encoding, channels, expected):
    """A frame is as wide as its samples together."""
    assert expected == AudioFormat(encoding, 8000, channels).bytes_per_frame


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("opus", 48000), "encoding: must be one of pcm16, float32, pcmu, pcma"),
        (("pcm16", 7999), "rate_hz: must be from 8000 to 192000"),
        (("pcm16", 192001), "rate_hz: must be from 8000 to 192000"),
        (("pcm16", 24000, 0), "channels: must be from 1 to 8"),
        (("pcm16", 24000, 9), "channels: must be from 1 to 8"),
    ],
)
def test_what_is_outside_the_limits_is_refused(arguments, expected):
    """The error names the field and what it may be."""
    with pytest.raises(ValueError, match="must be") as refusal:
        AudioFormat(*arguments)

    assert expected == str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((44_100,), "rate_hz: must be one of 8000, 12000, 16000, 24000, 48000"),
        ((48_000, 0), "channels: must be from 1 to 2"),
        ((48_000, 3), "channels: must be from 1 to 2"),
    ],
)
def test_what_opus_is_not_is_refused(arguments, expected):
    """It has five rates, and mono and stereo."""
    with pytest.raises(ValueError, match="must be") as refusal:
        OpusFormat(*arguments)

    assert expected == str(refusal.value)


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
@pytest.mark.parametrize(("packet", "packet_ms"), [
    (b"\xf8" + bytes(99), 20), (b"\xf8", 20), (b"\xfb\x06", 120), (b"\xe0\0", 2.5),
])  # fmt: skip
def test_a_packet_plays_as_long_as_it_says(packet, packet_ms, rate_hz):
    """Whatever its size and the encoder's rate; in base64 as well, by its first letters."""
    text = base64.b64encode(packet).decode()

    assert (
        packet_ms == OpusFormat(rate_hz).payload_ms(packet) == OpusFormat(rate_hz).payload_ms(text)
    )


@pytest.mark.parametrize(
    ("audio_format", "bytes_per_s"),
    [
        (AudioFormat("pcm16", 24_000), 48_000),
        (AudioFormat("float32", 48_000, 2), 384_000),
        (OpusFormat(48_000), 50 * 1275),
    ],
)
def test_what_a_second_takes_is_known_of_each_format(audio_format, bytes_per_s):
    """Of Opus at most: 50 packets, as long as RFC 6716 lets a frame be."""
    assert bytes_per_s == audio_format.bytes_per_s


@pytest.mark.parametrize("payload", [b"", b"\xfb", b"\xfb\0", "", "$$$$", "+", "ä===", "+wA="])
def test_what_is_no_packet_counts_as_the_longest(payload):
    """Else a client could have no end of it wait."""
    assert 120 == OpusFormat(48_000).payload_ms(payload)


@given(st.binary(max_size=99), st.sampled_from(["pcm16", "float32", "pcmu"]), st.integers(1, 8))
def test_a_chunk_plays_as_long_as_its_whole_frames(data, encoding, channels):
    """Bare and in base64, whose padding is no sound."""
    source = AudioFormat(encoding, 48_000, channels)
    text = base64.b64encode(data).decode()

    assert source.duration_ms(len(data)) == source.payload_ms(data) == source.payload_ms(text)


@pytest.mark.parametrize(("text", "size_bytes"), [("", 0), ("=", 0), ("==", 0), ("====", 1)])
def test_no_text_holds_less_than_nothing(text, size_bytes):
    """Also what is no base64."""
    assert size_bytes == base64_bytes(text)


def test_the_limits_themselves_are_allowed():
    """The first and last rate and channel count are formats."""
    formats = [AudioFormat("pcm16", 8000, 1), AudioFormat("pcm16", 192000, 8)]

    assert [2, 16] == [f.bytes_per_frame for f in formats]


def test_sizes_and_durations():
    """20 ms of 48 kHz stereo are 3840 bytes; a started frame does not count."""
    stereo = AudioFormat("pcm16", 48000, 2)

    assert 3840 == stereo.size_bytes(20.0)
    assert 20.0 == stereo.duration_ms(3840)
    assert 960 == stereo.frames(3843)
    assert 20.0 == stereo.duration_ms(3843)


@given(
    st.sampled_from(["pcm16", "float32", "pcmu", "pcma"]),
    st.integers(8000, 192000),
    st.integers(1, 8),
    st.integers(0, 10_000_000),
)
def test_size_and_duration_are_inverse(encoding, rate_hz, channels, frames):
    """Any whole number of frames survives the way through milliseconds."""
    audio_format = AudioFormat(encoding, rate_hz, channels)
    size_bytes = frames * audio_format.bytes_per_frame

    assert size_bytes == audio_format.size_bytes(audio_format.duration_ms(size_bytes))


def test_formats_load_without_numpy():
    """The server's pure core may import them."""
    program = "import sys, workers.formats; sys.exit('numpy' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode
