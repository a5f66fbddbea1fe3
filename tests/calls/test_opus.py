"""Calls in raw Opus: packets in, packets out, and what is thrown between them."""

import base64
import random
import re

import numpy as np
import pytest

from tests.calls.house import House
from tests.fakes.files import file_of
from tests.fakes.opus import Decoder, Encoder, likeness, tone
from tests.fakes.upstream import FakeUpstream
from workers.opus_packets import duration_ms

QUERY = "turn_detection=none&input_format=opus"
ANSWER = (tone(24_000, 24_000) * 32768).astype("<i2").tobytes()
GARBAGE = [b"\xfb", b"\xfb\0", b"\xfb\x07" + bytes(40), b"\xfa\xff\xff\0", b"\xf9\0\0\0"]


def heard_by(link) -> np.ndarray:
    texts = [event["audio"] for event in link.events if event["type"].endswith(".append")]
    return np.frombuffer(b"".join(map(base64.b64decode, texts)), "<i2") / 32768


def packets_of(client) -> list[bytes]:
    """What came to be played, a packet a message."""
    frames = [heard for heard in client.heard if isinstance(heard, bytes)]
    told = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "audio"]
    return frames or [base64.b64decode(data["audio"], validate=True) for data in told]


async def say_answer(link, data: bytes, item_id: str = "i", piece_bytes: int = 7001) -> None:
    """An item of an answer, in deltas of an odd size and a whole one for the rest."""
    ids = {"response_id": "r", "item_id": item_id}
    for at in range(0, len(data), piece_bytes & ~1):
        delta = base64.b64encode(data[at : at + (piece_bytes & ~1)]).decode()
        await link.send({"type": "response.output_audio.delta", **ids, "delta": delta})
    await link.send({"type": "response.output_audio.done", **ids})


@pytest.mark.gen_test
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (24_000, 1), (48_000, 2)])
async def test_the_model_hears_what_was_encoded(rate_hz, channels, binary):
    """Each packet is acknowledged with its own size and length, whatever its encoder was given."""
    packets = Encoder(rate_hz).packets(tone(rate_hz, rate_hz // 2))
    packets += Encoder(rate_hz).packets(tone(rate_hz, rate_hz // 2), 60)
    async with FakeUpstream() as fake, House(fake.url) as house:
        query = f"{QUERY}&input_rate={rate_hz}&input_channels={channels}"
        client = await house.connected(query)
        said = client.heard[0]["data"]["negotiated"]["input"]
        assert ("opus", rate_hz, channels) == (said["format"], said["rate_hz"], said["channels"])
        for packet in packets:
            await (client.audio if binary else client.audio_data)(packet)
        await client.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit")
        received = [(await client.next("audio_received"))["data"] for _ in packets]
        await client.say("get_status")
        figures = (await client.next("status"))["data"]["audio"]

        assert [len(packet) for packet in packets] == [data["size"] for data in received]
        assert [duration_ms(packet) for packet in packets] == [d["duration_ms"] for d in received]
        heard = heard_by(fake.connections[0])
        assert 24 * sum(map(duration_ms, packets)) == len(heard)
        assert likeness(tone(24_000, 12_000), heard[:12_500], 24_000) > 0.95
        assert figures["sent_ms"] == figures["received_ms"] == sum(map(duration_ms, packets))
        assert "error" not in client.types
        client.check_numbers()


@pytest.mark.gen_test
@pytest.mark.parametrize("encoding", ["base64", "binary"])
@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
async def test_the_answer_comes_in_packets_of_20_ms(rate_hz, encoding):
    """One in each message; durations and offsets are those of the answer, item by item."""
    query = f"output_format=opus&output_rate={rate_hz}&output_encoding={encoding}"
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected(query)
        link = fake.connections[0]
        await link.send({"type": "response.created", "response": {"id": "r"}})
        await say_answer(link, ANSWER, "first")
        await say_answer(link, ANSWER, "second")
        await link.send({"type": "response.done", "response": {"id": "r", "status": "completed"}})
        await client.next("response_done")
        told = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "audio"]
        packets = packets_of(client)

        assert {20.0} == {duration_ms(packet) for packet in packets}
        assert len(told) == len(packets)
        half = len(packets) // 2
        for part in (told[:half], told[half:]):
            assert 1 == len({data["item_id"] for data in part})
            ends = [0, *(data["offset_ms"] + data["duration_ms"] for data in part)]
            assert [data["offset_ms"] for data in part] == pytest.approx(ends[:-1], abs=0.01)
            assert 1000 == pytest.approx(ends[-1], abs=0.2)
        for part in (packets[:half], packets[half:]):
            heard = Decoder().samples(part)
            assert likeness(tone(24_000, 24_000), heard, 24_000) > 0.95
        if encoding == "binary":
            assert [len(packet) for packet in packets] == [data["size"] for data in told]
        client.check_numbers()


@pytest.mark.gen_test
async def test_what_is_interrupted_leaves_nothing_in_the_next_answer():
    """The packet that was not full, and the encoder that had heard it, are gone."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected("output_format=opus")
        link = fake.connections[0]
        await link.send({"type": "response.created", "response": {"id": "r"}})
        delta = base64.b64encode(ANSWER[:10_000]).decode()
        ids = {"response_id": "r", "item_id": "i"}
        await link.send({"type": "response.output_audio.delta", **ids, "delta": delta})
        for _ in range(10):
            await client.next("audio")
        speech = {"item_id": "u", "audio_start_ms": 0}
        await link.send({"type": "input_audio_buffer.speech_started", **speech})
        await client.next("interrupted")
        cut = await fake.next_event("conversation.item.truncate")
        assert 0 <= cut["audio_end_ms"] <= 10_000 / 48
        client.heard.clear()
        await link.send({"type": "response.done", "response": {"id": "r", "status": "cancelled"}})
        await link.send({"type": "response.created", "response": {"id": "r2"}})
        after = {"response_id": "r2", "item_id": "j"}
        for end in ("delta", "done"):
            text = base64.b64encode(ANSWER[:9600]).decode()
            await link.send({"type": f"response.output_audio.{end}", **after, "delta": text})
        await link.send({"type": "response.done", "response": {"id": "r2", "status": "completed"}})
        while (await client.next("response_done"))["data"]["response_id"] != "r2":
            pass
        told = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "audio"]

        assert {"j"} == {data["item_id"] for data in told}
        assert 200 == pytest.approx(told[-1]["offset_ms"] + told[-1]["duration_ms"], abs=0.2)
        assert likeness(tone(24_000, 4800), Decoder().samples(packets_of(client)), 24_000) > 0.95


@pytest.mark.gen_test
async def test_each_malformed_packet_is_one_error_and_the_stream_goes_on():
    """In its place; what the good ones give is as if there had been no other."""
    rng = random.Random(7)
    good = Encoder().packets(tone(24_000, 24_000))
    sent = [(packet, True) for packet in good]
    for bad in GARBAGE * 4:
        sent.insert(rng.randrange(len(sent)), (bad, False))
    fast = {"limits_messages_per_s": 10_000, "limits_errors_per_minute": 10_000}
    async with FakeUpstream() as fake, House(fake.url, **fast) as house:
        client = await house.connected(QUERY)
        for packet, _ in sent:
            await (client.audio if rng.random() < 0.5 else client.audio_data)(packet)
        for packet, is_good in sent:
            heard = await client.read()
            if is_good:
                assert ("audio_received", len(packet)) == (heard["type"], heard["data"]["size"])
            else:
                code, field = heard["data"]["code"], heard["data"]["field"]
                assert ("error", "invalid_audio", "audio") == (heard["type"], code, field)
                assert "a message must hold one packet" in heard["error"]
        await client.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit")

        exact = np.clip(np.rint(Decoder().samples(good) * 32768), -32768, 32767) / 32768
        assert np.array_equal(exact, heard_by(fake.connections[0]))
        client.check_numbers()


@pytest.mark.gen_test
async def test_random_bytes_are_answered_one_by_one():
    """Libopus decodes more of them than one would think; the process and the call live on."""
    rng = random.Random(8)
    fast = {"limits_messages_per_s": 10_000, "limits_errors_per_minute": 10_000}
    async with FakeUpstream() as fake, House(fake.url, **fast) as house:
        client = await house.connected(QUERY)
        for _ in range(300):
            await client.audio(rng.randbytes(rng.randint(1, 400)))
        told = [(await client.read())["type"] for _ in range(300)]

        assert {"audio_received", "error"} == set(told)
        await client.audio(Encoder().packets(tone(24_000, 4800))[0])
        assert 20 == (await client.next("audio_received"))["data"]["duration_ms"]


@pytest.mark.gen_test
async def test_a_recorder_s_file_in_place_of_packets_is_named():
    """What most people have who say Opus: an Ogg around it."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected(QUERY)
        await client.audio(file_of("ogg-opus", tone(24_000, 4800), 24_000))

        assert 'with format "ogg"' in (await client.error("unsupported_format"))["error"]


@pytest.mark.gen_test
async def test_a_file_between_packets_does_not_end_their_stream():
    """Each is heard in its place, and the decoder goes on behind it."""
    packets = Encoder().packets(tone(24_000, 9600))
    sound = tone(24_000, 2400)
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected(QUERY)
        for packet in packets[:9]:
            await client.audio(packet)
        file = base64.b64encode(file_of("wav-pcm16", sound, 24_000)).decode()
        await client.say("audio_data", audio=file, format="wav")
        for packet in packets[9:]:
            await client.audio(packet)
        await client.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit", 20.0)

        heard = heard_by(fake.connections[0])
        exact = np.clip(np.rint(Decoder().samples(packets) * 32768), -32768, 32767) / 32768
        assert np.array_equal(exact, np.concatenate([heard[: 9 * 480], heard[9 * 480 + 2400 :]]))
        assert np.abs(heard[9 * 480 :][:2400] - sound).max() < 1e-4


@pytest.mark.gen_test
async def test_how_long_packets_play_is_what_may_wait():
    """Their bytes are few; `audio.hold_ms` and the rate of a client are of what they hold."""
    packets = Encoder().packets(tone(24_000, 96_000), 120)
    tight = {"audio_backlog": "refuse", "limits_audio_burst_ms": 1000, "limits_audio_rate": 1.1}
    async with FakeUpstream() as fake, House(fake.url, **tight) as house:
        client = await house.connected(QUERY)
        for packet in packets:
            await client.audio(packet)
        error = await client.error("audio_backlog")
        await client.say("get_status")
        figures = (await client.next("status"))["data"]["audio"]

        assert 120 == float(re.match(r"(\d+) ms", error["error"])[1])
        assert figures["dropped_ms"] >= 120 * (len(packets) - 12)
