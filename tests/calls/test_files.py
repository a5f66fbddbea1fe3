"""Complete files between the chunks of a call."""

import asyncio
import base64

import numpy as np
import psutil
import pytest

from tests.calls.house import Ground, House, VoiceClient, until
from tests.fakes.files import KINDS, file_of, silence, wav_by_hand, with_flac_total
from tests.fakes.upstream import FakeConnection, FakeUpstream
from workers.chain import Chain
from workers.formats import AudioFormat

SOURCE = AudioFormat("pcm16", 16_000)
MODEL = AudioFormat("pcm16", 24_000)
FILE_WAIT_S = 25.0
"""The helper starts with the first file, on a machine that may be busy."""
CHUNK = (8000 * np.sin(np.arange(1599) * 0.2)).astype("<i2").tobytes()
SOUND = (0.5 * np.sin(np.arange(3001) * 0.1)).astype(np.float32)
FILE = file_of("wav-pcm16", SOUND, 24_000)


async def send_file(client: VoiceClient, data: bytes = FILE, container: str = "wav") -> None:
    await client.say("audio_data", audio=base64.b64encode(data).decode(), format=container)


def at_once(data: bytes, source: AudioFormat) -> bytes:
    """All of *data* converted as a stream of its own."""
    chain = Chain.between(source, MODEL, as_base64=False)
    block, state = chain.run(chain.start(), data)
    tail, _ = chain.flush(state)
    return block.audio + tail.audio


def heard_by(link: FakeConnection) -> bytes:
    return b"".join(
        base64.b64decode(event["audio"])
        for event in link.events
        if event["type"] == "input_audio_buffer.append"
    )


async def stopped_helper(house: House, client: VoiceClient) -> psutil.Process:
    """The helper that has answered one file, and is not going to answer another."""
    await send_file(client)
    await client.next("audio_received", FILE_WAIT_S)
    helper = psutil.Process(house.gateway.audio.files.process_id)
    helper.suspend()
    return helper


async def in_helper(house: House) -> None:
    """Return when a file has been written to the helper."""
    await until(lambda: house.gateway.audio.files.busy, "no file is on its way")
    await asyncio.sleep(0)


@pytest.mark.gen_test
@pytest.mark.parametrize("channels", [1, 2])
async def test_the_model_hears_chunk_file_chunk(channels):
    """In order, each to its last sample; the file is acknowledged as a chunk is; for every kind."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        for number, kind in enumerate(KINDS):
            client = await house.connected("turn_detection=none&input_rate=16000")
            try:
                await check_chunk_file_chunk(kind, channels, client, fake, number)
            except AssertionError as wrong:
                wrong.add_note(kind)
                raise
            client.socket.close(1000)
            await client.closed()


async def check_chunk_file_chunk(
    kind: str, channels: int, client: VoiceClient, fake: FakeUpstream, number: int
) -> None:
    rate_hz = 48_000 if kind.startswith("ogg") else 44_100
    container = KINDS[kind][0]
    samples = np.repeat(SOUND[:, None], channels, axis=1)
    file = file_of(kind, samples, rate_hz)
    link = await fake.connection(number)
    await client.audio(CHUNK)
    await send_file(client, file, container)
    await client.audio_data(CHUNK)
    await client.say("commit_audio")
    await link.next_event("input_audio_buffer.commit", FILE_WAIT_S)
    received = [(await client.next("audio_received"))["data"] for _ in range(3)]
    await client.say("get_status")
    figures = (await client.next("status"))["data"]["audio"]

    chunk = at_once(CHUNK, SOURCE)
    heard = heard_by(link)
    assert (chunk, chunk) == (heard[: len(chunk)], heard[-len(chunk) :])
    middle = np.frombuffer(heard[len(chunk) : -len(chunk)], "<i2") / 32768
    exact = np.frombuffer(at_once(SOUND.tobytes(), AudioFormat("float32", rate_hz)), "<i2")
    assert exact.shape == middle.shape
    assert np.corrcoef(exact, middle)[0, 1] > 0.9
    assert [len(CHUNK), len(file), len(CHUNK)] == [data["size"] for data in received]
    assert received[1]["duration_ms"] == pytest.approx(3001 * 1000 / rate_hz, abs=0.01)
    assert received[1]["level_dbfs"] == pytest.approx(-9.0, abs=1.0)
    assert figures["received_ms"] == pytest.approx(
        sum(data["duration_ms"] for data in received), abs=0.1
    )
    assert "error" not in client.types
    client.check_numbers()


PIPED = with_flac_total(file_of("flac-16", SOUND, 24_000), 0)
ODD = {
    "flac into a pipe": (PIPED, "flac", 3001),
    "wav into a pipe": (
        wav_by_hand(at_once(SOUND.tobytes(), AudioFormat("float32", 24_000)), data_bytes=0),
        "wav",
        3001,
    ),
    "joined": (FILE + FILE, "wav", 6002),
    "joined flac, the second cut": (
        PIPED + file_of("flac-16", np.tile(SOUND, 2), 24_000)[:-20],
        "flac",
        3001 + 4096,
    ),
}


@pytest.mark.gen_test
async def test_an_odd_file_is_heard_to_its_last_sample():
    """What a recorder in a pipe, a broken upload and `cat` make."""
    exact = np.frombuffer(at_once(SOUND.tobytes(), AudioFormat("float32", 24_000)), "<i2")
    async with FakeUpstream() as fake, House(fake.url) as house:
        for number, (kind, (data, container, frames)) in enumerate(ODD.items()):
            client = await house.connected()
            link = await fake.connection(number)
            await send_file(client, data, container)
            received = (await client.next("audio_received", FILE_WAIT_S))["data"]
            await client.audio(CHUNK)
            await client.next("audio_received")
            client.socket.close(1000)
            await client.closed()

            duration_ms = pytest.approx(received["duration_ms"], abs=0.01)
            assert (kind, len(data), frames / 24) == (kind, received["size"], duration_ms)
            heard = np.frombuffer(heard_by(link), "<i2")[:3001]
            assert np.abs(heard.astype(int) - exact).max() <= 2, kind
            assert "error" not in client.types


@pytest.mark.gen_test
@pytest.mark.parametrize("binary", [False, True])
async def test_a_file_without_format_is_told(binary):
    """In its place among the chunks, and it names what would have been right."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected("input_rate=48000")
        send = client.audio if binary else client.audio_data
        for data in (CHUNK, FILE, CHUNK):
            await send(data)
        first, error, last = [await client.read() for _ in range(3)]

        assert ["audio_received", "audio_received"] == [first["type"], last["type"]]
        assert ("unsupported_format", "audio") == (error["data"]["code"], error["data"]["field"])
        assert "format: this begins as a wav file" in error["error"]
        assert 'with format "wav"' in error["error"]


BAD = {
    "webm": (FILE, "webm", "unsupported_format", "WebM"),
    "other case": (FILE, "WAV", "unsupported_format", "must be one of wav, flac, ogg"),
    "not what it says": (FILE, "flac", "unsupported_format", "the file is not flac but wav"),
    "WebM inside": (b"\x1aE\xdf\xa3" + bytes(99), "ogg", "unsupported_format", "but WebM"),
    "broken": (FILE[:12] + FILE[36:], "wav", "invalid_audio", "is broken"),
    "only a head": (FILE[:44], "wav", "invalid_audio", "holds no audio"),
    "empty": (b"", "wav", "invalid_audio", "the wav file is empty"),
    "long": (silence(2.1), "flac", "invalid_audio", "longer than 2 s"),
    "long by hours": (silence(600, 8_000), "flac", "invalid_audio", "longer than 2 s"),
    "large": (bytes(20_001), "wav", "message_too_large", "20000 bytes"),
}


@pytest.mark.gen_test
async def test_a_bad_file_gets_one_error_and_harms_nothing():
    """The next file and the next chunk are as if it had not been; whatever is bad of it."""
    limits = {"audio_file_ms": 2000, "audio_file_bytes": 20_000}
    async with FakeUpstream() as fake, House(fake.url, **limits) as house:
        for kind, (data, container, code, said) in BAD.items():
            client = await house.connected()
            await send_file(client, data, container)
            error = await client.next("error", FILE_WAIT_S)
            await send_file(client)
            await client.audio(CHUNK)
            sizes = [
                (await client.next("audio_received", FILE_WAIT_S))["data"]["size"] for _ in "12"
            ]

            assert code == error["data"]["code"], kind
            assert said in error["error"], kind
            assert [len(FILE), len(CHUNK)] == sizes, kind
            assert 1 == client.types.count("error"), kind
            client.check_numbers()
            client.socket.close(1000)
            await client.closed()


@pytest.mark.gen_test
async def test_bad_base64_of_a_file_is_named():
    """As for a chunk."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        await client.say("audio_data", audio="$$$€", format="wav")
        error = await client.next("error", FILE_WAIT_S)

    assert ("invalid_audio", "audio") == (error["data"]["code"], error["data"]["field"])
    assert "must be base64" in error["error"]


@pytest.mark.gen_test
async def test_a_file_is_no_longer_than_what_may_wait_for_the_model():
    """For longer than `audio.hold_ms` it cannot be set."""
    async with FakeUpstream() as fake, House(fake.url, audio_hold_ms=1000) as house:
        client = await house.connected()
        await send_file(client, silence(1.1), "flac")

        assert "longer than 1 s" in (await client.next("error", FILE_WAIT_S))["error"]


@pytest.mark.gen_test
async def test_a_file_that_takes_too_long_keeps_nobody_else_waiting():
    """Chunks of others pass, its own wait behind it; then the helper is replaced."""
    async with FakeUpstream() as fake, House(fake.url, audio_file_timeout_s=2) as house:
        hostile = await house.connected()
        others = [await house.connected(user=user) for user in ("bob", "carol")]
        await stopped_helper(house, hostile)
        await send_file(hostile)
        await hostile.audio(CHUNK)
        await in_helper(house)
        for other in others:
            for _ in range(5):
                await other.audio(CHUNK)
                await other.next("audio_received")
        assert ["audio_received"] == [kind for kind in hostile.types if kind.startswith("audio")]

        error = await hostile.next("error", FILE_WAIT_S)
        assert (
            "invalid_audio",
            "audio: the file takes too long to decode; at most 2 s are allowed.",
        ) == (
            error["data"]["code"],
            error["error"],
        )
        assert len(CHUNK) == (await hostile.next("audio_received"))["data"]["size"]
        await send_file(others[0])
        await others[0].next("audio_received", FILE_WAIT_S)


@pytest.mark.gen_test
async def test_a_helper_that_is_killed_in_mid_file_costs_that_file():
    """What is behind it goes on, and so does the call."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        helper = await stopped_helper(house, client)
        await send_file(client)
        await send_file(client)
        await client.audio(CHUNK)
        await in_helper(house)
        helper.kill()

        error = await client.next("error", FILE_WAIT_S)
        assert "audio: the file could not be decoded; it must be whole." == error["error"]
        sizes = [(await client.next("audio_received", FILE_WAIT_S))["data"]["size"] for _ in "12"]
        assert [len(FILE), len(CHUNK)] == sizes


@pytest.mark.gen_test
async def test_a_client_that_vanishes_with_a_file_in_flight_leaves_nothing():
    """No thread, descriptor or task; the helper goes on to the next client's file."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        first = await house.connected()
        helper = await stopped_helper(house, first)
        helper.resume()
        first.socket.close()
        await until(lambda: not house.gateway.connections, "it did not go")
        ground = await Ground.settled()

        second = await house.connected()
        helper.suspend()
        await send_file(second)
        await second.audio(CHUNK)
        await in_helper(house)
        second.socket.stream.close()
        await until(lambda: not house.gateway.connections, "it did not go")
        helper.resume()
        await ground.regained()

        third = await house.connected()
        await send_file(third)
        await third.next("audio_received", FILE_WAIT_S)
        assert helper.pid == house.gateway.audio.files.process_id


@pytest.mark.gen_test
async def test_cleared_in_mid_file_is_cleared_at_once():
    """The file that the helper still has is not heard of again."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        fake.answers["input_audio_buffer.clear"] = lambda _: [
            {"type": "input_audio_buffer.cleared"}
        ]
        client = await house.connected()
        helper = await stopped_helper(house, client)
        await send_file(client)
        await in_helper(house)
        await client.say("clear_audio")
        await client.next("audio_cleared")
        helper.resume()
        await client.audio(CHUNK)

        assert len(CHUNK) == (await client.next("audio_received"))["data"]["size"]


@pytest.mark.gen_test
async def test_the_helper_ends_with_the_server():
    """Even one that does not answer, with a file in it."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        helper = await stopped_helper(house, client)
        await send_file(client)
        await in_helper(house)
    assert not psutil.pid_exists(helper.pid)
