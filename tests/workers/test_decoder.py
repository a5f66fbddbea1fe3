"""The process that decodes: what it answers, and what it is kept from."""

import base64
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import KINDS, file_of, silence
from workers.chain import Chain
from workers.conditioned_chain import ConditionedChain, Conditioning
from workers.decoder import answer, convert
from workers.decoder_wire import SIZES, Decoded, DecodeFile, Fault, NotDecoded, pack, parse_reply
from workers.formats import AudioFormat


def sets_a_limit_of_memory():
    """As Linux does, and macOS does not."""
    command = "import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 40, 1 << 40))"
    done = subprocess.run([sys.executable, "-c", command], check=False, capture_output=True)
    return done.returncode == 0


needs_a_limit_of_memory = pytest.mark.skipif(
    not sets_a_limit_of_memory(), reason="this system limits no address space"
)

ROOT = Path(__file__).parents[2]


def ask(data: bytes, container: str = "wav", max_ms: int = 15_000):
    return answer(DecodeFile(container, max_ms), base64.b64encode(data))


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).uniform(-0.5, 0.5, frames).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 24_000, 44_100, 48_000, 192_000])
def test_a_file_is_what_its_samples_would_be_as_chunks(rate_hz):
    """To the bit: the file goes the same way as float32 chunks and the flush behind them."""
    samples = noise(rate_hz // 3)
    reply, audio = ask(file_of("wav-float32", samples, rate_hz))
    chain = Chain.between(AudioFormat("float32", rate_hz), AudioFormat("pcm16", 24_000), False)
    chunk, state = chain.run(chain.start(), samples.tobytes())
    tail, _ = chain.flush(state)

    assert chunk.audio + tail.audio == audio
    assert 2 * -(-len(samples) * 24_000 // rate_hz) == len(audio)
    size_bytes = len(file_of("wav-float32", samples, rate_hz))
    assert reply == Decoded(size_bytes, len(samples), rate_hz, chunk.level_dbfs, 0)


@given(st.integers(8_000, 192_000), st.integers(1, 3_000))
def test_every_length_is_exact(rate_hz, frames):
    """ceil(n * 24000 / rate), for any rate and from one sample on."""
    audio, clipped = convert(noise(frames), rate_hz, Conditioning())

    assert (2 * -(-frames * 24_000 // rate_hz), 0) == (len(audio), clipped)


@pytest.mark.parametrize("conditioning", [Conditioning(True, False), Conditioning(False, True)])
def test_a_file_is_repaired_as_chunks_are(conditioning):
    """Longer than what is converted at once, too loud, and with an offset."""
    samples = 3 * noise(60_000) + np.float32(0.2)
    request = DecodeFile("wav", 15_000, conditioning.remove_dc, conditioning.limit_peaks)
    file = file_of("wav-float32", samples, 24_000)
    reply, audio = answer(request, base64.b64encode(file))
    source, target = AudioFormat("float32", 24_000), AudioFormat("pcm16", 24_000)
    chain = ConditionedChain.of(source, target, False, conditioning)
    block, _ = chain.run(chain.start(), samples.tobytes())

    assert block.audio == audio
    assert block.clipped_samples == reply.clipped


def test_wrong_base64_is_said_as_for_a_chunk():
    """The loop does not look; the helper does."""
    reply, audio = answer(DecodeFile("wav", 1000), b"$$$$")

    assert isinstance(reply, NotDecoded)
    assert "must be base64" in reply.sentence
    assert b"" == audio


def test_what_kind_of_mistake_it_is_is_told():
    """The gateway has two codes for it."""
    assert ask(silence(0.1), "wav")[0].is_format
    assert not ask(silence(0.1), "flac", 50)[0].is_format


@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    st.floats(0.0, 1.0),
)
def test_a_mutated_file_gives_exact_audio_or_a_sentence(kind, changes, left):
    """Some bytes are other ones and the end is missing: no exception, and no other length."""
    data = bytearray(file_of(kind, noise(2000), 16_000))
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    reply, audio = ask(bytes(data[: int(left * len(data))]), KINDS[kind][0])

    assert not isinstance(reply, Fault)
    if isinstance(reply, Decoded):
        assert 2 * -(-reply.frames * 24_000 // reply.rate_hz) == len(audio)
    else:
        assert reply.sentence


def frames_of(data: bytes) -> list[tuple[object, bytes]]:
    stream, frames = io.BytesIO(data), []
    while sizes := stream.read(SIZES.size):
        head_bytes, body_bytes = SIZES.unpack(sizes)
        head, body = stream.read(head_bytes), stream.read(body_bytes)
        frames.append((parse_reply(head) if head else None, body))
    return frames


def run(*arguments: str, requests: bytes = b"") -> tuple[int, bytes]:
    """A Python program from beginning to end; its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        input=requests,
        capture_output=True,
        timeout=120,
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    return done.returncode, done.stdout


def helper(requests: bytes, memory_bytes: int = 512 << 20) -> tuple[int, bytes]:
    return run("-m", "workers.decoder", str(memory_bytes), "5.0", requests=requests)


def test_it_answers_in_order_and_ends_with_its_input():
    """First an empty frame that says it is ready; nobody is left behind when the gateway goes."""
    good, bad = file_of("wav-pcm16", noise(480), 24_000), b"nothing"
    requests = b"".join(
        pack(DecodeFile("wav", 1000), base64.b64encode(data)) for data in (good, bad, good)
    )
    code, said = helper(requests)
    ready, first, second, third = frames_of(said)

    assert (0, (None, b"")) == (code, ready)
    assert [Decoded, NotDecoded, Decoded] == [type(reply) for reply, _ in (first, second, third)]
    assert first == third
    assert 960 == len(first[1])


@needs_a_limit_of_memory
def test_a_file_that_wants_more_memory_than_there_is_is_refused():
    """Minutes of silence at 192 kHz are a small file; the next one is decoded all the same."""
    bomb = pack(DecodeFile("flac", 600_000), base64.b64encode(silence(200, 192_000)))
    good = pack(DecodeFile("flac", 1000), base64.b64encode(silence(0.1)))
    code, said = helper(bomb + good, memory_bytes=320 << 20)
    _, (refused, _), (decoded, _) = frames_of(said)

    assert 0 == code
    assert "more memory" in refused.sentence
    assert isinstance(decoded, Decoded)


ENDLESS = """
from workers import decoder
def answer(request, text):
    while True:
        pass
decoder.answer = answer
decoder.main(["536870912", "0.0"])
"""


def test_a_decoder_that_never_returns_is_ended_by_the_kernel():
    """Should the gateway be gone, nobody else watches."""
    request = pack(DecodeFile("flac", 1000), b"")
    code, said = run("-c", ENDLESS, requests=request)

    assert -signal.SIGXCPU == code
    assert [(None, b"")] == frames_of(said)


CONFINED = """
import os, signal
from workers.decoder import confine
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
confine(1 << 29)
for attempt in (
    lambda: open("/dev/shm/parley-test", "wb", buffering=0).write(b"x"),
    lambda: [os.dup(0) for _ in range(100)],
):
    try:
        attempt()
    except OSError:
        print("refused")
"""


def test_it_writes_no_file_and_opens_no_hundred():
    """What decoding does not need is given up before the first file."""
    assert (0, b"refused\nrefused\n") == run("-c", CONFINED)
