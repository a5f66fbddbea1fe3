"""A recording in every format, cut in every way: what arrives is the recording."""

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream
from tests.on_demand import scipy_signal
from workers import codecs, pcm
from workers.chain import Chain
from workers.formats import AudioFormat
from workers.recordings import read_recording

RECORDING = Path(__file__).resolve().parents[1] / "data" / "amiable.wav"
MODEL = AudioFormat("pcm16", 24_000)
RATES_HZ = (8_000, 16_000, 44_100, 48_000, 96_000)
CHUNKS_MS = (5, 20, 33, 100)
FAST = {"limits_messages_per_s": 100_000, "limits_message_burst": 1_000_000}


def recorded(rate_hz: int) -> np.ndarray:
    """The recording at that rate, by scipy's own resampler."""
    samples, own_hz = read_recording(RECORDING)
    return scipy_signal().resample_poly(samples, rate_hz, own_hz).astype(np.float32) * 0.9


def in_format(samples: np.ndarray, audio_format: AudioFormat) -> bytes:
    """Loud on the left, if there are two channels."""
    shares = (1.0,) if audio_format.channels == 1 else (0.9, 0.3)
    frames = np.stack([samples * np.float32(share) for share in shares], axis=1)
    return pcm.encode(frames.reshape(-1), audio_format.encoding)


def at_once(data: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """All of *data* converted as one chunk."""
    chain = Chain.between(source, target, as_base64=False)
    block, state = chain.run(chain.start(), data)
    tail, _ = chain.flush(state)
    return block.audio + tail.audio


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def combinations() -> list:
    """Every encoding at every rate; channels and chunks take turns, so that all pairs occur."""
    formats = [
        AudioFormat(encoding, rate_hz, channels)
        for encoding in ("pcm16", "float32", "pcmu", "pcma")
        for rate_hz in RATES_HZ
        for channels in (1, 2)
    ]
    chunks_ms = [CHUNKS_MS[(turn + turn // 4) % 4] for turn in range(len(formats))]
    return [
        pytest.param(f, ms, id=f"{f.encoding}-{f.rate_hz}-{f.channels}-{ms}ms")
        for f, ms in zip(formats, chunks_ms, strict=True)
    ]


@pytest.mark.gen_test
@pytest.mark.parametrize(("source", "chunk_ms"), combinations())
async def test_the_model_hears_the_recording(source, chunk_ms):
    """To the bit what one conversion of the whole gives, and like what scipy gives."""
    samples = recorded(source.rate_hz)
    data = in_format(samples, source)
    query = (
        f"turn_detection=none&input_format={source.encoding}"
        f"&input_rate={source.rate_hz}&input_channels={source.channels}"
    )
    async with FakeUpstream() as fake, House(fake.url, **FAST) as house:
        client = await house.connected(query)
        step = source.size_bytes(chunk_ms)
        for number, start in enumerate(range(0, len(data), step)):
            send = client.audio_data if number % 3 else client.audio
            await send(data[start : start + step])
        await client.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit")
        await client.say("get_status")
        figures = (await client.next("status"))["data"]["audio"]

        events = fake.connections[0].events
        heard = b"".join(
            base64.b64decode(event["audio"])
            for event in events
            if event["type"] == "input_audio_buffer.append"
        )
        assert at_once(data, source, MODEL) == heard
        assert -(-len(samples) * 24_000 // source.rate_hz) * 2 == len(heard)
        reference = scipy_signal().resample_poly(samples.astype(np.float64), 24_000, source.rate_hz)
        assert likeness(reference, np.frombuffer(heard, "<i2")) >= 0.99
        assert len(samples) * 1000 / source.rate_hz == pytest.approx(
            figures["received_ms"], abs=0.1
        )
        assert "error" not in client.types
        client.check_numbers()


@pytest.mark.gen_test
@pytest.mark.parametrize("encoding", ["pcm16", "float32", "pcmu", "pcma"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100, 48_000, 96_000])
async def test_the_client_hears_the_model(encoding, rate_hz):
    """In its own format, complete to the sample, as base64 and as binary frames."""
    target = AudioFormat(encoding, rate_hz)
    samples = recorded(24_000)
    data = pcm.encode(samples, "pcm16")
    ids = {"response_id": "r", "item_id": "a"}
    steps = [4800, 2, 12_000, 958]  # bytes; whole samples, and nothing else is the same
    async with FakeUpstream() as fake, House(fake.url) as house:
        query = f"output_format={encoding}&output_rate={rate_hz}&output_encoding="
        clients = [await house.connected(query + way) for way in ("base64", "binary")]
        for link in fake.connections:
            await link.send({"type": "response.created", "response": {"id": "r"}})
            start = number = 0
            while start < len(data):
                piece = data[start : start + steps[number % 4]]
                delta = base64.b64encode(piece).decode()
                await link.send({"type": "response.output_audio.delta", **ids, "delta": delta})
                start, number = start + len(piece), number + 1
            await link.send({"type": "response.output_audio.done", **ids})
            response = {"id": "r", "status": "completed"}
            await link.send({"type": "response.done", "response": response})

        for client in clients:
            await client.next("response_done")
            audio = [
                m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "audio"
            ]
            frames = [heard for heard in client.heard if isinstance(heard, bytes)]
            heard = b"".join(frames or [base64.b64decode(message["audio"]) for message in audio])

            assert at_once(data, MODEL, target) == heard
            assert -(-len(samples) * rate_hz // 24_000) * target.bytes_per_frame == len(heard)
            reference = scipy_signal().resample_poly(samples.astype(np.float64), rate_hz, 24_000)
            assert likeness(reference, codecs.decode(heard, encoding)) >= 0.99
            played_ms = audio[-1]["offset_ms"] + audio[-1]["duration_ms"]
            assert target.duration_ms(len(heard)) == pytest.approx(played_ms, abs=0.01)
            client.check_numbers()
