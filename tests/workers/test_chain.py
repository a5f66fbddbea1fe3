"""Everything done to a chunk, from the client's bytes to the model's."""

import base64
import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers import oracles
from workers import codecs
from workers.blocks import Block
from workers.chain import Chain
from workers.formats import AudioFormat
from workers.pcm import BadAudio

TARGET = AudioFormat("pcm16", 24000)
SOURCES = [
    AudioFormat("pcm16", 48000),
    AudioFormat("pcm16", 44100, 2),
    AudioFormat("float32", 16000),
    AudioFormat("pcmu", 8000),
    AudioFormat("pcma", 8000, 2),
    AudioFormat("pcm16", 24000),
    AudioFormat("pcm16", 24000, 2),
    AudioFormat("float32", 24000),
]


def speech(audio_format, duration_ms, frequency_hz=500):
    """Return a tone of half scale in every channel, as bytes of the format."""
    length = round(duration_ms * audio_format.rate_hz / 1000)
    tone = oracles.sine(frequency_hz, audio_format.rate_hz, length) / 2
    frames = np.repeat(tone, audio_format.channels)
    match audio_format.encoding:
        case "pcm16":
            return np.rint(frames * 32768).astype("<i2").tobytes()
        case "float32":
            return frames.astype("<f4").tobytes()
        case "pcmu":
            return bytes(oracles.mulaw_encode(round(s * 32768)) for s in frames.tolist())
        case "pcma":
            return bytes(oracles.alaw_encode(round(s * 32768)) for s in frames.tolist())


def processed(chain, payloads):
    """Return all blocks of a stream, that of the flush last."""
    state, blocks = chain.start(), []
    for payload in payloads:
        block, state = chain.run(state, payload)
        blocks.append(block)
    block, _ = chain.flush(state)
    return [*blocks, block]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_every_format_becomes_the_tone_it_holds(source):
    """100 ms in any format are the same 100 ms for the model, within what the encoding keeps."""
    chain = Chain.between(source, TARGET, as_base64=False)

    blocks = processed(chain, [speech(source, 100)])

    actual = np.frombuffer(b"".join(b.audio for b in blocks), "<i2") / 32768
    ideal = oracles.sine(500, 24000, 2400) / 2
    middle = slice(480, -480)
    assert 2400 == len(actual)
    expected_db = -30 if source.encoding in {"pcmu", "pcma"} else -80
    assert expected_db >= oracles.decibels(actual[middle] - ideal[middle], ideal[middle])


def test_a_block_tells_what_came_in_and_what_goes_out():
    """Size and duration are the chunk's, frames those of the audio."""
    source = AudioFormat("pcm16", 48000, 2)
    chain = Chain.between(source, TARGET, as_base64=False)

    block, end = processed(chain, [speech(source, 40)])

    assert (7680, 40.0, -9.0) == (block.size_bytes, block.duration_ms, block.level_dbfs)
    assert (0, 0.0, -120.0) == (end.size_bytes, end.duration_ms, end.level_dbfs)
    assert 40 == block.converted_ms + end.converted_ms
    assert 48 * block.converted_ms == pytest.approx(len(block.audio))


def test_text_and_bytes_mean_the_same():
    """A chunk in base64 gives the block of the chunk itself."""
    source = AudioFormat("pcm16", 48000)
    chain = Chain.between(source, TARGET, as_base64=False)
    data = speech(source, 40)

    assert processed(chain, [data]) == processed(chain, [base64.b64encode(data).decode()])


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_base64_is_the_audio_in_ascii(source):
    """The same blocks, but for how the audio is written."""
    plain = Chain.between(source, TARGET, as_base64=False)
    wrapped = Chain.between(source, TARGET, as_base64=True)
    payloads = [speech(source, 20), speech(source, 35)]

    for expected, block in zip(
        processed(plain, payloads), processed(wrapped, payloads), strict=True
    ):
        assert expected.audio == base64.b64decode(block.audio, validate=True)
        assert expected == msgspec.structs.replace(block, audio=expected.audio)


@pytest.mark.parametrize("encoding", ["pcm16", "float32", "pcmu", "pcma"])
def test_equal_formats_pass_every_byte(encoding):
    """Nothing is decoded, rounded or held back, but the level is measured."""
    audio_format = AudioFormat(encoding, 8000)
    chain = Chain.between(audio_format, audio_format, as_base64=False)
    data = speech(audio_format, 20) if encoding == "float32" else bytes(range(256))

    block, end = processed(chain, [data])

    assert data == block.audio
    assert audio_format.duration_ms(len(data)) == block.converted_ms
    assert -120.0 < block.level_dbfs
    assert Block(b"", 0, 0.0, -120.0, 0) == end


@pytest.mark.parametrize("encoding", ["pcm16", "float32", "pcmu", "pcma"])
def test_any_encoding_can_be_the_target(encoding):
    """What the model says reaches telephones and browsers alike."""
    target = AudioFormat(encoding, 8000)
    chain = Chain.between(TARGET, target, as_base64=False)

    blocks = processed(chain, [speech(TARGET, 60)])

    assert target.size_bytes(60) == sum(len(b.audio) for b in blocks)
    assert 60 == pytest.approx(sum(b.converted_ms for b in blocks))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SOURCES), st.lists(st.integers(1, 2000), min_size=1, max_size=8))
def test_cutting_into_chunks_does_not_matter(source, lengths):
    """The bytes that go out do not depend on how the client cut its stream."""
    chain = Chain.between(source, TARGET, as_base64=False)
    noise = np.random.default_rng(7).standard_normal(sum(lengths) * source.channels) / 4
    whole = codecs.encode(noise.astype(np.float32), source.encoding)
    cuts = np.cumsum([0, *lengths]) * source.bytes_per_frame
    chunks = [whole[first:last] for first, last in itertools.pairwise(cuts)]

    at_once = b"".join(block.audio for block in processed(chain, [whole]))

    assert at_once == b"".join(block.audio for block in processed(chain, chunks))


@pytest.mark.parametrize("bad", [b"", b"123", "%", bytes(960_002)])
def test_bad_audio_does_not_touch_the_stream(bad):
    """After a refusal the state is still good, and the next chunk as if nothing had been."""
    source = AudioFormat("pcm16", 48000)
    chain = Chain.between(source, TARGET, as_base64=False)
    first, second = speech(source, 30), speech(source, 50)
    _, state = chain.run(chain.start(), first)
    expected, _ = chain.run(state, second)

    with pytest.raises(BadAudio):
        chain.run(state, bad)

    assert expected == chain.run(state, second)[0]


def test_sessions_share_a_chain():
    """The same formats give the very same chain."""
    chains = [Chain.between(SOURCES[0], TARGET, as_base64=True) for _ in range(2)]

    assert chains[0] is chains[1]


def test_the_target_is_mono():
    """There is no mixing up."""
    with pytest.raises(ValueError, match="target: must have one channel"):
        Chain.between(TARGET, AudioFormat("pcm16", 24000, 2), as_base64=False)
