"""Random frames and packets through the pool, mutated files through the helper: nothing falls over.

``python -m tests.fuzz_audio --count 100000`` sends so many of each and says what became of them;
the suite sends some thousand (test_fuzz_audio.py).  The same seed gives the same bytes.
"""

import argparse
import asyncio
import base64
import collections
import random
import sys
import time
from collections.abc import Iterator

import numpy as np

from tests.fakes.files import KINDS, file_of
from tests.fakes.opus import Encoder
from tornado_app.audio.file_decoder import FileDecoder, FileRules
from tornado_app.errors import Refused
from workers import codecs
from workers.blocks import Block
from workers.chain import Chain
from workers.conditioned_chain import Conditioning
from workers.formats import BYTES_PER_SAMPLE, CHANNELS_MAX, OPUS_RATES_HZ, AudioFormat
from workers.opus.decoding import OpusDecodingChain
from workers.opus_packets import PACKET_MS_MAX, duration_ms
from workers.pcm import FLOAT32_LIMIT, MAX_CHUNK_S, BadAudio
from workers.pool import Flush, LaneWork, run_batch

MODEL = AudioFormat("pcm16", 24_000)
RATES_HZ = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000)
CHUNKS_IN_A_STREAM = 20
STREAMS_AT_ONCE = 25
FRAMES_MAX = 2_000
LIMITS = FileRules(play_ms=15_000, timeout_s=10.0, memory_bytes=512 << 20)
FILES_AT_ONCE = 32
HEADS = (
    b"RIFF\xff\xff\xff\xffWAVEfmt ",
    b"fLaC\0\0\0\x22",
    b"OggS\0\2" + bytes(8),
    b"\x1aE\xdf\xa3\x9fB\x86",
    b"\0\0\0\x1cftypisom",
)
"""How files begin that people send for raw audio."""
Tally = collections.Counter[str]


# Frames.


def random_format(rng: random.Random) -> AudioFormat:
    rate_hz = rng.choice(RATES_HZ) if rng.random() < 0.8 else rng.randint(8_000, 192_000)
    return AudioFormat(rng.choice(list(BYTES_PER_SAMPLE)), rate_hz, rng.randint(1, CHANNELS_MAX))


def random_frame(rng: random.Random, source: AudioFormat) -> bytes:
    """Often whole frames, sometimes not; float32 often of a sane size, with odd ones among it."""
    if rng.random() < 0.02:
        return b""
    if rng.random() < 0.02:
        return rng.choice(HEADS).ljust(source.bytes_per_frame * rng.randint(1, FRAMES_MAX), b"\0")
    data = rng.randbytes(rng.randint(1, FRAMES_MAX) * source.bytes_per_frame)
    if source.encoding == "float32" and rng.random() < 0.7:
        samples = np.frombuffer(data, "<i4").astype("<f4") / np.float32(2**31)
        if rng.random() < 0.2:
            odd = rng.choice([np.nan, np.inf, -np.inf, 1e6, 1.0000001e6, 1e-45, -0.0, 3.4e38])
            samples[rng.randrange(len(samples))] = odd
        data = samples.tobytes()
    return data if rng.random() < 0.8 else data[: rng.randint(0, len(data))]


def is_good(data: bytes, source: AudioFormat) -> bool:
    """What docs/protocol.md says a chunk is."""
    if not data or len(data) % source.bytes_per_frame or data.startswith(HEADS):
        return False
    if source.duration_ms(len(data)) > MAX_CHUNK_S * 1000:
        return False
    if source.encoding != "float32":
        return True
    with np.errstate(invalid="ignore"):
        return bool((np.abs(np.frombuffer(data, "<f4")) <= FLOAT32_LIMIT).all())


def fuzz_frames(count: int, rng: random.Random) -> Tally:
    """Send *count* frames through `run_batch`, in many streams at once; each is checked."""
    tally: Tally = Tally()
    slowest_ms = 0.0
    while tally["frames"] < count:
        streams = [random_stream(rng) for _ in range(STREAMS_AT_ONCE)]
        works = [LaneWork(chain, chain.start(), payloads) for chain, payloads, _ in streams]
        begun = time.perf_counter()
        results = run_batch(works)
        slowest_ms = max(slowest_ms, (time.perf_counter() - begun) * 1000)
        for (chain, _, frames), result in zip(streams, results, strict=True):
            check_stream(chain, frames, result.results, tally)
    tally["ms for the slowest batch"] = round(slowest_ms)
    return tally


def random_stream(rng: random.Random) -> tuple[Chain, list, list[bytes]]:
    """A chain, its payloads with a flush behind them, and the payloads without base64."""
    source, target = random_format(rng), MODEL
    if rng.random() < 0.3:
        target = AudioFormat(rng.choice(list(BYTES_PER_SAMPLE)), rng.choice(RATES_HZ))
    frames = [random_frame(rng, source) for _ in range(CHUNKS_IN_A_STREAM)]
    payloads = [base64.b64encode(f).decode() if rng.random() < 0.5 else f for f in frames]
    return Chain.between(source, target, as_base64=False), [*payloads, Flush()], frames


def check_stream(chain: Chain, frames: list[bytes], outcomes: list, tally: Tally) -> None:
    """Every good frame became a block, every other a sentence; together they have their length."""
    taken = 0
    for data, outcome in zip(frames, outcomes[:-1], strict=True):
        tally["frames"] += 1
        good = is_good(data, chain.source)
        tally["taken" if good else "refused"] += 1
        assert isinstance(outcome, Block if good else BadAudio), (chain.source, outcome)
        if good:
            assert len(data) == outcome.size_bytes
            taken += chain.source.frames(len(data))
    blocks = [outcome for outcome in outcomes if isinstance(outcome, Block)]
    audio = b"".join(block.audio for block in blocks)
    wanted = -(-taken * chain.target.rate_hz // chain.source.rate_hz)
    assert wanted * chain.target.bytes_per_frame == len(audio), (chain.source, chain.target)
    assert np.isfinite(codecs.decode(audio, chain.target.encoding)).all()
    assert all(-120 <= block.level_dbfs <= 130 for block in blocks)


# Packets.


def fuzz_packets(count: int, rng: random.Random) -> Tally:
    """Send *count* Opus packets, most of them mutated, through `run_batch`; each is checked."""
    tally: Tally = Tally()
    noise = np.random.default_rng(rng.getrandbits(32)).uniform(-0.9, 0.9, 48_000)
    good = [
        packet
        for rate_hz in OPUS_RATES_HZ
        for packet_ms in (2.5, 20, 60, 120)
        for packet in Encoder(rate_hz).packets(noise[: rate_hz // 4].astype(np.float32), packet_ms)
    ]
    chain = OpusDecodingChain.to(MODEL, False, Conditioning())
    states = [chain.start()] * STREAMS_AT_ONCE
    while tally["packets"] < count:
        streams = [[mutated_packet(rng, good) for _ in range(8)] for _ in states]
        works = [LaneWork(chain, *work) for work in zip(states, streams, strict=True)]
        results = run_batch(works)
        for packets, result in zip(streams, results, strict=True):
            for packet, outcome in zip(packets, result.results, strict=True):
                check_packet(packet, outcome, tally)
        states = [result.state for result in results]
    return tally


def mutated_packet(rng: random.Random, good: list[bytes]) -> bytes:
    packet = bytearray(rng.choice(good))
    for _ in range(rng.choice((0, 1, 1, 2, 8))):
        packet[rng.randrange(min(len(packet), rng.choice((2, 2000))))] = rng.randrange(256)
    left = len(packet) if rng.random() < 0.6 else rng.randint(0, len(packet))
    return bytes(packet[:left]) + rng.randbytes(rng.choice((0, 0, 0, 1, 300)))


def check_packet(packet: bytes, outcome: object, tally: Tally) -> None:
    """As long as it says, or a sentence."""
    tally["packets"] += 1
    if isinstance(outcome, Block):
        tally["decoded"] += 1
        assert len(packet) == outcome.size_bytes
        assert 0 < outcome.duration_ms == duration_ms(packet) <= PACKET_MS_MAX
        assert round(48 * outcome.duration_ms) == len(outcome.audio)
        assert -120 <= outcome.level_dbfs <= 130
        return
    assert isinstance(outcome, BadAudio), outcome
    tally["refused"] += 1


# Files.


def good_files(rng: random.Random) -> list[tuple[str, bytes]]:
    """Container and bytes of short files of each kind."""
    noise = np.random.default_rng(rng.getrandbits(32))
    files = []
    for kind, (container, *_) in KINDS.items():
        for rate_hz in (8_000, 48_000):
            for channels in (1, 2):
                samples = noise.uniform(-0.9, 0.9, (1500, channels)).astype(np.float32)
                files.append((container, file_of(kind, samples, rate_hz)))
    return files


def mutated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """The file with one to four things done to it, mostly in its head."""
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data) + 1) if rng.random() < 0.5 else rng.randrange(128)
        length = rng.choice((1, 2, 4, 4, 16, 200))
        replacement = rng.choice(
            (
                rng.randbytes(length),
                bytes(length),
                b"\xff" * length,
                (1 << rng.randrange(32)).to_bytes(4, "little"),
                other[place : place + length],
                b"",
            )
        )
        match rng.randrange(6):
            case 0:
                data = data[:place] + replacement + data[place + len(replacement) :]
            case 1:
                data = data[:place] + replacement + data[place:]
            case 2:
                data = data[:place] + replacement + data[place + length :]
            case 3:
                data = data[:place] if rng.random() < 0.3 else data[:place] + data
            case 4:
                data += other
            case 5:
                data = data[: -rng.randint(1, 300)]
    return data


def random_files(count: int, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    files = good_files(rng)
    for _ in range(count):
        container, data = rng.choice(files)
        data = mutated(rng, data, rng.choice(files)[1])
        yield container, data[: LIMITS.play_ms * 100]


async def fuzz_files(count: int, rng: random.Random) -> Tally:
    """Send *count* mutated files through the helper process, in order; each is checked."""
    loop = asyncio.get_running_loop()
    decoder = FileDecoder(LIMITS, loop)
    tally: Tally = Tally()
    waiting: collections.deque[asyncio.Future] = collections.deque()
    helpers = set()
    try:
        for container, data in random_files(count, rng):
            if len(waiting) >= FILES_AT_ONCE:
                check_file(await waiting.popleft(), tally)
                helpers.add(decoder.process_id)
            outcome = loop.create_future()
            decoder.submit(base64.b64encode(data).decode(), container, outcome.set_result)
            waiting.append(outcome)
        for outcome in waiting:
            check_file(await outcome, tally)
        helpers.add(decoder.process_id)
    finally:
        await decoder.stop()
    tally["helpers"] = len(helpers - {None})
    return tally


def check_file(outcome: object, tally: Tally) -> None:
    """A block of the length that its time says, or a refusal; a death counts as what it is."""
    tally["files"] += 1
    if isinstance(outcome, Block):
        tally["decoded"] += 1
        audio = base64.b64decode(outcome.audio, validate=True)
        assert len(audio) == round(48 * outcome.converted_ms)
        assert 0 < outcome.duration_ms <= LIMITS.play_ms
        assert abs(outcome.converted_ms - outcome.duration_ms) * 24 <= 1
        assert -120 <= outcome.level_dbfs <= 130
        return
    assert isinstance(outcome, Refused), outcome
    tally["refused"] += 1
    tally["crashes and hangs"] += "could not be decoded" in outcome.sentence


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_audio", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many of each")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.perf_counter()
    report("frames", fuzz_frames(options.count, random.Random(options.seed)), begun)
    begun = time.perf_counter()
    report("packets", fuzz_packets(options.count, random.Random(options.seed)), begun)
    begun = time.perf_counter()
    report("files", asyncio.run(fuzz_files(options.count, random.Random(options.seed))), begun)


def report(what: str, tally: Tally, begun: float) -> None:
    rows = ", ".join(f"{name} {number}" for name, number in tally.items())
    sys.stdout.write(f"{what}: {rows}; {time.perf_counter() - begun:.1f} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
