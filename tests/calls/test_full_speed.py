"""Clients that read as fast as they are given, whatever the model says, and how much at once."""

import asyncio
import base64
import json

import numpy as np
import pytest

from tests.calls.house import House, VoiceClient, until, whole_log
from tests.fakes.raw_websocket import PING, TEXT, client_frame
from tests.fakes.upstream import FakeConnection, FakeUpstream
from workers import codecs
from workers.chain import Chain
from workers.formats import AudioFormat

MODEL = AudioFormat("pcm16", 24_000)
IDS = {"response_id": "r", "item_id": "a"}


def noise(duration_ms: float) -> bytes:
    size = MODEL.size_bytes(duration_ms)
    return np.random.default_rng(7).integers(-9000, 9000, size // 2).astype("<i2").tobytes()


async def begin(link: FakeConnection) -> None:
    await link.send({"type": "response.created", "response": {"id": "r"}})


async def speak(link: FakeConnection, pcm: bytes) -> None:
    delta = base64.b64encode(pcm).decode()
    await link.send({"type": "response.output_audio.delta", **IDS, "delta": delta})


async def end(link: FakeConnection, usage: dict | None = None) -> None:
    await link.send({"type": "response.output_audio.done", **IDS})
    response = {"id": "r", "status": "completed", "usage": usage}
    await link.send({"type": "response.done", "response": response})


async def answer(link: FakeConnection, pcm: bytes) -> None:
    """All of it at once, in deltas as they are usual."""
    await begin(link)
    for begin_at in range(0, len(pcm), 19_200):
        await speak(link, pcm[begin_at : begin_at + 19_200])
    await end(link)


async def heard(client: VoiceClient) -> tuple[bytes, float]:
    """All audio until the answer ends, and how long it plays by what the messages say."""
    await client.next("response_done", timeout_s=30)
    messages = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "audio"]
    at_ms = 0.0
    for message in messages:
        assert message["offset_ms"] == pytest.approx(at_ms, abs=0.01)
        at_ms = message["offset_ms"] + message["duration_ms"]
    frames = [frame for frame in client.heard if isinstance(frame, bytes)]
    for message, frame in zip(messages, frames, strict=False):
        assert message["size"] == len(frame)
    texts = [base64.b64decode(m["audio"], validate=True) for m in messages if "audio" in m]
    client.check_numbers()
    assert "error" not in client.types
    return b"".join(frames or texts), at_ms


@pytest.mark.gen_test
@pytest.mark.parametrize("size_bytes", [1_572_864, 6_000_000])
@pytest.mark.parametrize("query", ["", "output_encoding=binary", "output_rate=48000"])
async def test_a_large_delta_is_heard_whole(size_bytes, query):
    """Far more than may wait for a client, in one message of the model."""
    pcm = noise(size_bytes / 48)
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected(query)
        link = fake.connections[0]
        await begin(link)
        await speak(link, pcm)
        await end(link)
        audio, played_ms = await heard(client)

    rate_hz = 48_000 if "rate" in query else 24_000
    assert len(pcm) / 48 == pytest.approx(played_ms, abs=0.01)
    assert len(audio) == len(pcm) * rate_hz // 24_000
    if rate_hz == 24_000:
        assert pcm == audio


@pytest.mark.gen_test
@pytest.mark.parametrize("outbound_bytes", [1 << 20, 16_384])
@pytest.mark.parametrize("encoding", ["base64", "binary"])
async def test_an_answer_given_at_once_is_heard_in_the_largest_format(encoding, outbound_bytes):
    """Twenty seconds are 15 MB there, and what is heard is what one conversion of all gives.

    With the smallest queue that may be set as well, where a piece is larger than its share.
    """
    pcm, target = noise(20_000), AudioFormat("float32", 192_000)
    query = f"output_format=float32&output_rate=192000&output_encoding={encoding}"
    limits = {"limits_outbound_bytes": outbound_bytes}
    async with FakeUpstream() as fake, House(fake.url, **limits) as house:
        client = await house.connected(query)
        link = fake.connections[0]
        speaking = asyncio.ensure_future(answer(link, pcm))
        audio, played_ms = await heard(client)
        await speaking

    chain = Chain.between(MODEL, target, as_base64=False)
    state, expected = chain.start(), b""
    for begin_at in range(0, len(pcm), 480_000):
        block, state = chain.run(state, pcm[begin_at : begin_at + 480_000])
        expected += block.audio
    tail, _ = chain.flush(state)
    assert 20_000 == pytest.approx(played_ms, abs=0.1)
    one, other = (codecs.decode(data, "float32") for data in (expected + tail.audio, audio))
    assert len(one) == len(other)
    assert float(np.abs(one - other).max()) < 1e-5


@pytest.mark.gen_test
async def test_twenty_thousand_words_are_heard():
    """All of them, each once and in order, in far fewer messages; the whole text is the last."""
    words = [f"{number} " for number in range(20_000)]
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        link = fake.connections[0]
        await begin(link)
        kind = "conversation.item.input_audio_transcription.delta"
        await link.send({"type": kind, "item_id": "u", "delta": "Count."})  # and is never complete
        for word in words:
            await link.send(
                {"type": "response.output_audio_transcript.delta", **IDS, "delta": word}
            )
        whole = "".join(words)
        await link.send(
            {"type": "response.output_audio_transcript.done", **IDS, "transcript": whole}
        )
        await end(link)
        await client.next("response_done", timeout_s=30)

    said = [m["data"] for m in client.heard if m["type"] == "transcript"]
    assert "Count." == said.pop(0)["text"]
    assert {"text": whole, "final": True}.items() <= said[-1].items()
    assert whole == "".join(message["delta"] for message in said[:-1]) == said[-2]["text"]
    assert len(said) < 1000
    client.check_numbers()


async def tell(link: FakeConnection, text: str, usage: dict) -> None:
    """A second of audio, and behind it twelve texts."""
    await begin(link)
    await speak(link, noise(1000))
    for number in range(12):
        await link.send(
            {
                "type": "response.output_audio_transcript.done",
                "response_id": "r",
                "item_id": f"item_{number}",
                "transcript": text,
            }
        )
    await end(link, usage)


@pytest.mark.gen_test
@pytest.mark.parametrize("query", ["", "output_rate=48000"])
async def test_messages_larger_than_the_queue_are_heard(query):
    """Texts and a count of any size: a client is cut for not reading, and for that alone."""
    text = "\N{SMILING FACE WITH SUNGLASSES}\x01 " * 150_000
    usage = {f"field_{number}_{'x' * 100}": number for number in range(20_000)}
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected(query)
        link = fake.connections[0]
        telling = asyncio.ensure_future(tell(link, text, usage))
        done = await client.next("response_done", timeout_s=30)
        await telling

    assert [text] * 12 == [m["data"]["text"] for m in client.heard if m["type"] == "transcript"]
    assert usage == done["data"]["usage"]
    client.check_numbers()


@pytest.mark.gen_test
@pytest.mark.parametrize("query", ["", "output_encoding=binary", "output_format=float32"])
async def test_a_broken_piece_is_one_error_and_a_cut_sample_is_none(query):
    """In every format: what can be heard is heard, and what is missing is told and logged."""
    pcm = bytes(range(1, 241)) * 20
    with whole_log() as log:
        async with FakeUpstream() as fake, House(fake.url) as house:
            client = await house.connected(query)
            link = fake.connections[0]
            await begin(link)
            await speak(link, pcm[:2001])
            for text in ("!!!!", "__--", "AAA", 7, None):
                delta = {"type": "response.output_audio.delta", **IDS, "delta": text}
                await link.send(delta)
            await speak(link, pcm[2001:])
            await end(link)
            await client.next("response_done")

    messages = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "audio"]
    assert len(pcm) / 48 == pytest.approx(sum(m["duration_ms"] for m in messages), abs=0.01)
    if not query:
        assert pcm == b"".join(base64.b64decode(m["audio"], validate=True) for m in messages)
    errors = [m["data"]["code"] for m in client.heard if isinstance(m, dict) and m["error"]]
    assert ["upstream_unavailable"] * 5 == errors
    assert 5 == log.getvalue().count('"answer_audio_broken"')


@pytest.mark.gen_test
async def test_an_interruption_ends_an_answer_that_waits():
    """Of a minute given at once the client hears no more, and the next answer begins at once."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected("output_format=float32&output_rate=192000")
        link = fake.connections[0]
        await begin(link)
        await speak(link, noise(60_000))
        await client.next("audio")
        await client.say("interrupt")
        await client.next("interrupted")
        cancel = await link.next_event("response.cancel")
        assert "r" == cancel["response_id"]
        await end(link)
        await client.next("response_done")
        await asyncio.sleep(0)
        assert "audio" not in client.types[client.types.index("interrupted") :]


@pytest.mark.gen_test
async def test_a_large_message_under_way_bears_pings_and_questions():
    """It waits for a client that stops for a while, and what else is said finds its room."""
    quick = {"heartbeat_interval_s": 0.1, "heartbeat_read_timeout_s": 30}
    text = "word " * 2_000_000
    async with FakeUpstream() as fake, House(fake.url, **quick) as house:
        client = await house.raw()
        link = await fake.connection()
        await link.next_event("session.update")
        await begin(link)
        client.writer.transport.pause_reading()
        done = {"type": "response.output_audio_transcript.done", **IDS, "transcript": text}
        await link.send(done)
        await end(link)
        (connection,) = house.gateway.connections
        await until(lambda: connection._taker.is_full, "the client is never full")
        watcher = await house.raw(user="watcher")  # its pings tell the time
        for _ in range(5):
            while (await watcher.receive()).opcode != PING:
                pass
            client.send(client_frame(PING, b"?") + client_frame(TEXT, b'{"type":"get_status"}'))
            await client.writer.drain()
        client.writer.transport.resume_reading()
        frames = [await client.receive()]
        while b'"type":"response_done"' not in frames[-1].payload[:40]:
            frames.append(await client.receive())
        await watcher.close()
        await client.close()

    said = [json.loads(frame.payload) for frame in frames if frame.opcode == TEXT]
    assert [text] == [m["data"]["text"] for m in said if m["type"] == "transcript"]
    assert list(range(1, len(said) + 1)) == [message["seq"] for message in said]
