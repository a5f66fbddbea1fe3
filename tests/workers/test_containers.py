"""Complete files: what is in them comes out, and what is wrong with them is said."""

import io
from contextlib import suppress

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import KINDS, file_of, silence, wav_by_hand, with_flac_total
from workers import codecs
from workers.containers import decode_file
from workers.formats import RATE_HZ_MAX, RATE_HZ_MIN
from workers.pcm import BadAudio

MAX_MS = 10_000
STEP = {
    "wav-pcm8": 2**-7,
    "wav-pcm16": 2**-15,
    "wav-pcm24": 2**-23,
    "wav-pcm32": 2**-23,  # float32 has no more
    "wav-float32": 2**-23,
    "wav-float64": 2**-23,
    "wav-extensible": 2**-23,
    "flac-16": 2**-15,
    "flac-24": 2**-23,
}
"""The resolution of what keeps every sample."""


def speechlike(frames: int, channels: int = 1) -> np.ndarray:
    """Sines below 3 kHz of an 8 kHz signal, louder in the first channel; within full scale."""
    times = np.arange(frames)[:, None] * (1 + np.arange(channels))
    return (0.4 * np.sin(times * 0.11) + 0.3 * np.sin(times * 0.7)).astype(np.float32)


def refusal(data: bytes, container: str = "wav", max_ms: int = MAX_MS) -> BadAudio:
    with pytest.raises(BadAudio) as refused:
        decode_file(data, container, max_ms)
    assert refused.value.sentence.endswith("."), refused.value
    return refused.value


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("kind", STEP)
def test_what_keeps_every_sample_gives_every_sample(kind, rate_hz, channels):
    """To half a step of its resolution, mixed down to the mean, at the rate it says."""
    samples = speechlike(3000, channels)
    decoded, told_hz = decode_file(file_of(kind, samples, rate_hz), KINDS[kind][0], MAX_MS)

    assert rate_hz == told_hz
    assert (3000,) == decoded.shape
    assert np.abs(decoded - samples.mean(axis=1)).max() <= STEP[kind]


def test_files_of_many_rates_are_not_joined():
    """A message of 4000 files of one sample, each of another rate, were 4 s of work."""
    files = [file_of("wav-pcm16", speechlike(1), 8000 + number) for number in range(17)]

    assert (16,) <= decode_file(b"".join(files[:16]), "wav", MAX_MS)[0].shape
    assert "container" == refusal(b"".join(files)).reason


@pytest.mark.parametrize(("tag", "encoding"), [(6, "pcma"), (7, "pcmu")])
def test_g711_in_a_wav_is_g711(tag, encoding):
    """All 256 codes give what our own tables give."""
    codes = bytes(range(256))
    decoded, _ = decode_file(wav_by_hand(codes, rate_hz=8000, bits=8, tag=tag), "wav", MAX_MS)

    assert codecs.decode(codes, encoding).tolist() == decoded.tolist()


def test_pcm16_in_a_wav_is_pcm16():
    """Every one of the 65536 steps, as in a raw chunk."""
    data = np.arange(-32768, 32768).astype("<i2").tobytes()
    decoded, _ = decode_file(wav_by_hand(data), "wav", MAX_MS)

    assert codecs.decode(data, "pcm16").tolist() == decoded.tolist()


@pytest.mark.parametrize("bits", [20, 24])
@pytest.mark.parametrize("channels", [1, 2])
def test_bits_that_do_not_fill_their_bytes_are_the_upper_ones(channels, bits):
    """Samples of 24 bits in four bytes were read as if they had three: noise, and a third more."""
    steps = np.arange(-6000, 6000).reshape(-1, channels) * (1 << 18)
    file = bytearray(wav_by_hand(steps.astype("<i4").tobytes(), channels=channels, bits=32))
    file[34:36] = bits.to_bytes(2, "little")
    decoded, _ = decode_file(bytes(file), "wav", MAX_MS)

    assert (steps.mean(axis=1) / 2**31).tolist() == decoded.tolist()


TAG = b"ID3\x04\0\0\0\0\0\x14" + b"TIT2".ljust(20, b"\0")
WITH_FOOTER = b"ID3\x04\0\x10\0\0\0\x14" + bytes(20) + b"3DI\x04\0\x10\0\0\0\x14"


@pytest.mark.parametrize("kind", ["wav-pcm16", "flac-16", "ogg-vorbis", "ogg-opus"])
@pytest.mark.parametrize("tags", [TAG, TAG + TAG, WITH_FOOTER])
def test_tags_in_front_of_a_file_are_in_nobodys_way(kind, tags):
    """It was taken for an MP3."""
    file, complete = FILES[kind]
    decoded, _ = decode_file(tags + file, KINDS[kind][0], MAX_MS)

    assert np.array_equal(complete, decoded)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kind", "rate_hz"), [
    ("ogg-vorbis", 8_000), ("ogg-vorbis", 44_100), ("ogg-vorbis", 48_000),
    ("ogg-opus", 8_000), ("ogg-opus", 16_000), ("ogg-opus", 24_000), ("ogg-opus", 48_000),
])  # fmt: skip
def test_what_is_compressed_sounds_the_same_and_has_its_length(kind, rate_hz, channels):
    """Neither the codec's delay nor its padding is heard: every sample is at its place."""
    samples = speechlike(2 * rate_hz, channels)
    decoded, told_hz = decode_file(file_of(kind, samples, rate_hz), "ogg", MAX_MS)

    assert (rate_hz, len(samples)) == (told_hz, len(decoded))
    assert np.corrcoef(samples.mean(axis=1), decoded)[0, 1] > 0.97


WHOLE = speechlike(20_000)[:, 0]
COMPRESSED = {"flac-16": 4096, "flac-24": 4096, "ogg-vorbis": 2048, "ogg-opus": 960}
"""The most samples that are lost with the piece that was cut: FLAC's and Vorbis' blocks, 60 ms."""


def whole(kind: str) -> tuple[bytes, np.ndarray]:
    """A file of `WHOLE` at 16 kHz, and what is heard of it."""
    file = file_of(kind, WHOLE, 16_000)
    decoded, _ = decode_file(file, KINDS[kind][0], MAX_MS)
    assert len(WHOLE) == len(decoded)
    return file, decoded


FILES = {kind: whole(kind) for kind in KINDS}


@given(st.sampled_from(sorted(KINDS)), st.floats(0.0, 1.0))
def test_a_cut_file_gives_what_is_left(kind, part):
    """As the whole file would have given it, and no other sample."""
    file, complete = FILES[kind]
    head_bytes = 4000 if kind == "ogg-vorbis" else 200
    left = file[: head_bytes + int(part * (len(file) - head_bytes))]
    if part < 0.5:  # there may be nothing yet
        with suppress(BadAudio):
            decoded, _ = decode_file(left, KINDS[kind][0], MAX_MS)
            assert np.array_equal(complete[: len(decoded)], decoded)
        return
    decoded, _ = decode_file(left, KINDS[kind][0], MAX_MS)

    assert len(complete) * 0.3 < len(decoded)
    assert np.array_equal(complete[: len(decoded)], decoded)


@pytest.mark.parametrize("kind", COMPRESSED)
@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_file_whose_end_is_missing_loses_one_piece(cut, kind):
    """Not the page of a second that the piece stands in, and not all of the file."""
    file, complete = FILES[kind]
    decoded, _ = decode_file(file[:-cut], KINDS[kind][0], MAX_MS)

    assert len(complete) - COMPRESSED[kind] <= len(decoded) < len(complete)


@pytest.mark.parametrize("kind", ["ogg-vorbis", "ogg-opus"])
def test_a_short_file_that_was_cut_is_heard(kind):
    """All its audio is in one page, and that is the one that was cut."""
    file = file_of(kind, WHOLE[:6000], 16_000)
    decoded, _ = decode_file(file[:-1], "ogg", MAX_MS)

    assert 6000 - COMPRESSED[kind] <= len(decoded) < 6000
    assert np.corrcoef(WHOLE[: len(decoded)], decoded)[0, 1] > 0.95


@pytest.mark.parametrize("frames", [0, 1, 30_000, 2**36 - 1])
@pytest.mark.parametrize("kind", ["flac-16", "flac-24"])
def test_a_flac_whose_length_is_wrong_is_heard_to_its_end(kind, frames):
    """Zero is what a program writes that writes into a pipe."""
    file, complete = FILES[kind]
    decoded, _ = decode_file(with_flac_total(file, frames), "flac", MAX_MS)

    assert np.array_equal(complete, decoded)


def test_a_flac_behind_a_tag_is_heard():
    """All of it."""
    file, complete = FILES["flac-16"]
    decoded, _ = decode_file(b"ID3\x04\0\0\0\0\0\x05tag.." + file, "flac", MAX_MS)

    assert np.array_equal(complete, decoded)


@pytest.mark.parametrize("place", [0.3, 0.6])
def test_a_flac_that_is_damaged_is_refused(place):
    """Half a sentence for a whole one would be a lie; one that was cut is known to be."""
    file = bytearray(FILES["flac-16"][0])
    file[int(place * len(file))] ^= 0x55

    assert "flac file is broken" in refusal(bytes(file), "flac").sentence


@given(
    st.sampled_from(["wav", "flac", "ogg"]),
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=4),
)
def test_joined_files_are_heard_one_after_the_other(container, parts):
    """Of any encodings, each whole or cut, and to its last sample."""
    kinds = [kind for kind, (name, *_) in KINDS.items() if name == container]
    files, heard = [], []
    for number, is_cut in parts:
        file, _ = FILES[kinds[number % len(kinds)]]
        files.append(file[: len(file) * 3 // 4] if is_cut else file)
        heard.append(decode_file(files[-1], container, MAX_MS)[0])
    decoded, rate_hz = decode_file(b"".join(files), container, MAX_MS)

    assert 16_000 == rate_hz
    assert np.array_equal(np.concatenate(heard), decoded)


@pytest.mark.parametrize("kind", ["wav-pcm16", "flac-16", "ogg-vorbis", "ogg-opus"])
def test_joined_files_of_other_rates_and_channels_are_one_signal(kind):
    """Of the highest rate, mixed down."""
    parts = [(speechlike(8000), 8_000), (speechlike(24_000, 2), 24_000)]
    joined = b"".join(file_of(kind, samples, rate_hz) for samples, rate_hz in parts)
    decoded, rate_hz = decode_file(joined, KINDS[kind][0], MAX_MS)

    assert (24_000, 48_000) == (rate_hz, len(decoded))
    exact = parts[1][0].mean(axis=1)
    assert np.corrcoef(exact, decoded[24_000:])[0, 1] > 0.97
    assert np.abs(decoded[:24_000]).max() > 0.4


def test_joined_files_are_together_no_longer_than_one_may_be():
    """The bound is on what is decoded."""
    file = silence(0.6, 8_000)
    assert "longer than 1 s" in refusal(file + file, "flac", 1000).sentence


BAD = {
    "other container": (file_of("flac-16", speechlike(99), 8000), "container", "not wav"),
    "WebM": (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01", "container", "not wav but WebM"),
    "MP4": (b"\x00\x00\x00\x1cftypisom", "container", "not wav but MP4"),
    "nothing": (b"", "empty", "the wav file is empty"),
    "noise": (bytes(range(256)), "container", "not wav"),
    "only the name": (b"RIFF\x04\x00\x00\x00WAVE", "empty", "holds no audio"),
    "no format": (wav_by_hand(bytes(256))[:12] + wav_by_hand(bytes(256))[36:], "broken", "broken"),
    "AIFF": (
        b"FORM\x00\x00\x00\x00AIFFCOMM",
        "container",
        "not wav but AIFF, which is not decoded",
    ),
    "no samples": (wav_by_hand(b""), "empty", "holds no audio"),
    "other encoding": (wav_by_hand(bytes(256), bits=4, tag=0x11), "broken", "broken"),
    "slow": (wav_by_hand(bytes(256), rate_hz=RATE_HZ_MIN - 1), "container", "7999 Hz"),
    "fast": (wav_by_hand(bytes(256), rate_hz=RATE_HZ_MAX + 1), "container", "192001 Hz"),
    "many channels": (wav_by_hand(bytes(256), channels=9), "container", "9 channels"),
    "NaN": (wav_by_hand(b"\x00\x00\xc0\x7f" * 9, bits=32, tag=3), "not_finite", "NaN"),
    "infinite": (wav_by_hand(b"\x00\x00\x80\x7f" * 9, bits=32, tag=3), "not_finite", "infinite"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_a_reason(kind):
    """One sentence says what is wrong and, where there is a choice, what is allowed."""
    data, reason, said = BAD[kind]
    refused = refusal(data)

    assert reason == refused.reason
    assert said in refused.sentence


def test_an_encoding_that_is_not_taken_is_named_by_what_is():
    """IMA ADPCM is a WAV, and one of the decoders that nobody needs to reach."""
    samples = speechlike(4000)[:, 0]
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="IMA_ADPCM")

    assert "may hold pcm8, pcm16" in refusal(buffer.getvalue()).sentence


def test_the_longest_file_is_taken_and_one_frame_more_is_not():
    """The limit is in time, whatever the rate."""
    decoded, _ = decode_file(silence(1.0, 44_100), "flac", 1000)
    assert 44_100 == len(decoded)

    file = file_of("flac-16", np.zeros(44_101, np.float32), 44_100)
    assert "longer than 1 s" in refusal(file, "flac", 1000).sentence
