"""The gate: what comes in, and what is sent back with a sentence."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import pcm
from workers.formats import AudioFormat
from workers.pcm import FLOAT32_LIMIT, BadAudio, is_audio

MONO = AudioFormat("pcm16", 8000)
STEREO = AudioFormat("pcm16", 24000, 2)
FLOAT = AudioFormat("float32", 24000)
MULAW = AudioFormat("pcmu", 8000)

BASE64 = "audio: must be base64: A-Z a-z 0-9 + / with = as padding, and nothing else."
NOT_FINITE = "audio: a float32 sample is NaN, infinite or beyond 1000000; full scale is 1.0."


def floats(*values):
    """Return the bytes of float32 samples."""
    return np.array(values, "<f4").tobytes()


def decoded(payload, audio_format):
    """Return the samples of one chunk, or raise what it is refused with."""
    [chunk], samples = pcm.decode_all([payload], audio_format)
    if isinstance(chunk, BadAudio):
        assert 0 == len(samples)
        raise chunk
    return samples


@pytest.mark.parametrize(
    ("payload", "audio_format", "reason", "sentence"),
    [
        ("AAA", MONO, "base64", BASE64),
        ("AA==AA==", MONO, "base64", BASE64),
        ("AAAA\n", MONO, "base64", BASE64),
        ("AA_-", MONO, "base64", BASE64),
        ("ÄÄÄÄ", MONO, "base64", BASE64),
        ("\ud800", MONO, "base64", BASE64),
        ("", MONO, "empty", "audio: is empty; a chunk must have at least one frame."),
        (b"", MONO, "empty", "audio: is empty; a chunk must have at least one frame."),
        (
            b"123",
            STEREO,
            "partial_frame",
            (
                "audio: 3 bytes is not a whole number of pcm16 frames;"
                " a frame of 2 channels is 4 bytes."
            ),
        ),
        (
            b"1",
            MONO,
            "partial_frame",
            "audio: 1 byte is not a whole number of pcm16 frames; a frame of 1 channel is 2 bytes.",
        ),
        (
            "AAAA",
            FLOAT,
            "partial_frame",
            (
                "audio: 3 bytes is not a whole number of float32 frames;"
                " a frame of 1 channel is 4 bytes."
            ),
        ),
        (
            bytes(160_002),
            MONO,
            "too_long",
            "audio: a chunk may be at most 10 s long; this one is 10.000 s.",
        ),
        (
            bytes(100_000),
            MULAW,
            "too_long",
            "audio: a chunk may be at most 10 s long; this one is 12.500 s.",
        ),
        (floats(0, np.nan, 0), FLOAT, "not_finite", NOT_FINITE),
        (floats(0, np.inf), FLOAT, "not_finite", NOT_FINITE),
        (floats(-np.inf, 0), FLOAT, "not_finite", NOT_FINITE),
        (floats(0, -3e38), FLOAT, "not_finite", NOT_FINITE),
    ],
)
def test_bad_audio_is_refused_with_a_sentence(payload, audio_format, reason, sentence):
    """The sentence says what was wrong and what is allowed."""
    with pytest.raises(BadAudio) as refusal:
        decoded(payload, audio_format)

    assert reason == refusal.value.reason
    assert sentence == refusal.value.sentence == str(refusal.value)


def test_the_longest_chunk_is_allowed():
    """Ten seconds to the sample pass."""
    assert (80_000,) == decoded(bytes(160_000), MONO).shape


def test_text_is_base64():
    """A payload means the same as bytes and as base64."""
    data = bytes(range(24))
    encoded = base64.b64encode(data).decode()

    np.testing.assert_array_equal(decoded(data, STEREO), decoded(encoded, STEREO))


def test_channels_are_averaged():
    """Mono is the mean of the channels, frame by frame."""
    left_and_right = np.array([[16384, 0], [-32768, -32768], [1, 2]], "<i2").tobytes()

    assert [0.25, -1.0, 1.5 / 32768] == decoded(left_and_right, STEREO).tolist()


def test_float32_beyond_full_scale_is_clipped_only_on_the_way_out():
    """1.5 is kept by the gate and becomes the last step of pcm16."""
    samples = decoded(floats(1.5, -2.0), FLOAT)

    assert [1.5, -2.0] == samples.tolist()
    assert b"\xff\x7f\x00\x80" == pcm.encode(samples, "pcm16")


@given(
    st.integers(1, 8),
    st.sampled_from(["pcm16", "float32", "pcmu", "pcma"]),
    st.binary(max_size=400) | st.text(max_size=40),
)
def test_the_gate_is_total(channels, encoding, payload):
    """Any payload is finite samples or a refusal, and nothing else."""
    audio_format = AudioFormat(encoding, 8000, channels)
    try:
        samples = decoded(payload, audio_format)
    except BadAudio:
        return

    assert np.float32 == samples.dtype
    assert 1 == samples.ndim
    assert np.isfinite(samples).all()


@given(st.integers(2, 8), st.integers(0, 50), st.integers(0, 50), st.integers(0, 2**32 - 1))
def test_mixing_down_does_not_depend_on_where_it_was_cut(channels, first, second, seed):
    """Two pieces mixed down apart are the whole mixed down, to the bit."""
    noise = np.random.default_rng(seed).standard_normal((first + second) * channels)
    samples = noise.astype(np.float32)
    pieces = np.split(samples, [first * channels])

    apart = np.concatenate([pcm.mix_down(piece, channels) for piece in pieces])

    np.testing.assert_array_equal(pcm.mix_down(samples, channels), apart)
    np.testing.assert_allclose(samples.reshape(-1, channels).mean(1), apart, atol=1e-6)


@pytest.mark.parametrize("audio_format", [MONO, STEREO, FLOAT, MULAW], ids=str)
def test_a_refused_chunk_leaves_the_others_as_they_are(audio_format):
    """Bytes and text, good and bad of every kind: each is what it is alone, in its order."""
    good = [floats(0.5, -0.25) * n for n in (1, 2, 5)]
    bad = ["AAA", "%%%%", "", b"123"[: audio_format.bytes_per_frame - 1], floats(np.nan, 0)]
    payloads = [bad[0], good[0], *bad, base64.b64encode(good[1]).decode(), bad[4], good[2]]

    chunks, samples = pcm.decode_all(payloads, audio_format)

    alone = [pcm.decode_all([payload], audio_format) for payload in payloads]
    assert list(map(repr, chunks)) == [repr(chunk) for [chunk], _ in alone]
    np.testing.assert_array_equal(np.concatenate([part for _, part in alone]), samples)


def test_the_loudest_that_is_taken_for_audio():
    """At the limit, and not beyond it, on either side."""
    most = np.float32(FLOAT32_LIMIT)
    beyond = np.nextafter(most, np.float32(np.inf))

    assert is_audio(np.array([most, -most]))
    assert not is_audio(np.array([beyond]))
    assert not is_audio(np.array([-beyond]))
