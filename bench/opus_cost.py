"""What 20 ms of Opus cost the pool's thread, each way, beside PCM; see README.md."""

import argparse
import base64
import time
from collections.abc import Sequence

import numpy as np

from bench.common import print_table
from workers.conditioned_chain import Conditioning
from workers.conversions import to_client, to_model
from workers.formats import AudioFormat, OpusFormat, StreamFormat
from workers.opus.encoding import OpusEncodingChain
from workers.pool import Conversion, LaneWork, run_batch
from workers.recordings import read_recording

MODEL = AudioFormat("pcm16", 24_000)
CHUNK_MS = 20
RECORDING = "tests/data/leisure.wav"
FORMATS: tuple[StreamFormat, ...] = (
    AudioFormat("pcm16", 24_000),
    AudioFormat("pcm16", 48_000),
    OpusFormat(24_000),
    OpusFormat(48_000),
)


def speech_of(rate_hz: int) -> bytes:
    """The recording in 16 bits; how it is brought to the rate makes no difference here."""
    samples, own_hz = read_recording(RECORDING)
    places = np.arange(int(len(samples) * rate_hz / own_hz)) * own_hz / rate_hz
    there = np.interp(places, np.arange(len(samples)), samples)
    return (there * 32767).astype("<i2").tobytes()


def chunks_of(source: StreamFormat) -> list[str]:
    """20 ms each, in base64."""
    size = source.rate_hz * CHUNK_MS // 1000 * 2
    data = speech_of(source.rate_hz)
    pcm = [data[at : at + size] for at in range(0, len(data) - size, size)]
    if isinstance(source, OpusFormat):
        fed = AudioFormat("pcm16", source.rate_hz)
        chain = OpusEncodingChain.between(fed, OpusFormat(source.rate_hz), True)
        [(blocks, _)] = chain.run_all([(chain.start(), pcm)])
        return [piece.audio.decode() for block in blocks for piece in getattr(block, "pieces", ())]
    return [base64.b64encode(chunk).decode() for chunk in pcm]


def cost_us(conversion: Conversion, chunks: Sequence[str], streams: int) -> float:
    """CPU for each chunk of *streams* streams that come together, one chunk of each at a time."""
    states = [conversion.start()] * streams
    begun_s = time.thread_time()
    for chunk in chunks:
        results = run_batch([LaneWork(conversion, state, [chunk]) for state in states])
        states = [result.state for result in results]
    return (time.thread_time() - begun_s) * 1e6 / (len(chunks) * streams)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.opus_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    answer = chunks_of(MODEL)
    for client in FORMATS:
        name = f"{client.encoding} {client.rate_hz // 1000} kHz"
        ways = (
            ("to the model", to_model(client, MODEL, Conditioning()), chunks_of(client)),
            ("to the client", to_client(MODEL, client, as_base64=True), answer),
        )
        for way, conversion, chunks in ways:
            figures = [
                sorted(cost_us(conversion, chunks, streams) for _ in range(options.rounds))
                for streams in (1, 16)
            ]
            rows.append([name, way, *(f"{f[0]:.0f} ({f[len(f) // 2]:.0f})" for f in figures)])
    print_table(["format", "way", "us alone: least (median)", "of 16 together"], rows)


if __name__ == "__main__":
    main()
