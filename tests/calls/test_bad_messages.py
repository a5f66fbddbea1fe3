"""What a client must not send: one error for each, and everything else goes on."""

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.ioloop import IOLoop

from tests.calls.house import House, VoiceClient
from tests.fakes.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    TEXT,
    RawClient,
    client_frame,
)
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tornado_app.errors import ERROR_CODES

LIMIT_BYTES = 65_536
PCM_20_MS = bytes(range(240)) * 4


def audio(data: bytes) -> str:
    return json.dumps({"type": "audio_data", "audio": base64.b64encode(data).decode()})


def float32(*samples: float) -> bytes:
    return np.array(samples, "<f4").tobytes()


async def check_unharmed(
    client: VoiceClient, model: FakeUpstream | FakeConnection, chunk: bytes = PCM_20_MS
) -> None:
    """A ping is answered, and the next chunk arrives."""
    await client.say("ping", id="still here")
    await client.next("pong")
    await client.audio(chunk)
    await client.next("audio_received")
    await client.say("ping", id="the model too")
    await client.next("pong")
    await model.next_event("input_audio_buffer.append")
    client.check_numbers()


async def one_error(client: VoiceClient, message: str | bytes) -> dict[str, Any]:
    """Send it; the one error it leads to."""
    before = client.types.count("error")
    await client.socket.write_message(message, binary=isinstance(message, bytes))
    error = await client.next("error")
    # A second error would be in front of the answer to what is sent now.
    await client.say("clear_audio")
    await client.next("audio_cleared")
    assert before + 1 == client.types.count("error")
    return error


BAD = {
    "unknown type": ('{"type":"shout"}', "unknown_type", "type", "audio_data, commit_audio"),
    "token of no length": (
        '{"type":"refresh_token","token":""}',
        "invalid_message",
        "token",
        "a JSON Web Token",
    ),
    "nothing to configure": ('{"type":"configure"}', "invalid_message", None, "it takes voice"),
    "not the client's": (
        '{"type":"configure","instructions":"Sing."}',
        "permission_denied",
        "instructions",
        "what may be set is voice, transcription_language",
    ),
    "unknown field": ('{"type":"ping","x":1}', "invalid_message", "x", "no field x"),
    "wrong type": ('{"type":"text","text":1}', "invalid_message", "text", "must be a string"),
    "missing field": ('{"type":"audio_data"}', "invalid_message", "audio", "is missing"),
    "out of range": (
        '{"type":"playback","item_id":"a","played_ms":-1}',
        "invalid_message",
        "played_ms",
        "from 0 to 3600000",
    ),
    "no JSON": ("hello", "invalid_json", None, "not valid JSON"),
    "no text at all": ("", "invalid_json", None, "not valid JSON"),
    "no object": ("[1]", "invalid_message", None, "JSON object"),
    "no type": ("{}", "invalid_message", "type", "type is missing"),
    "deep nesting": ('{"a":' * 10_000, "invalid_json", None, "not valid JSON"),
    "deep list": ("[" * 30_000, "invalid_message", None, "JSON object"),
    "deep field": (
        '{"type":"ping","id":' + "[" * 900 + "]" * 900 + "}",
        "invalid_message",
        "id",
        "must be",
    ),
    "bad base64": (
        '{"type":"audio_data","audio":"$$$$"}',
        "invalid_audio",
        "audio",
        "must be base64",
    ),
    "url base64": ('{"type":"audio_data","audio":"__--"}', "invalid_audio", "audio", "base64"),
    "no padding": ('{"type":"audio_data","audio":"AAA"}', "invalid_audio", "audio", "base64"),
    "odd bytes": (audio(bytes(961)), "invalid_audio", "audio", "961 bytes"),
    "odd frame": (bytes(961), "invalid_audio", "audio", "961 bytes"),
    "empty audio": (audio(b""), "invalid_audio", "audio", "empty"),
    "empty frame": (b"", "invalid_audio", "audio", "empty"),
    "container": (
        '{"type":"audio_data","audio":"AAAA","format":"mp3"}',
        "unsupported_format",
        "format",
        "format",
    ),
    "too large": (bytes(LIMIT_BYTES + 2), "message_too_large", None, "65536 bytes"),
    "too large text": (audio(bytes(LIMIT_BYTES)), "message_too_large", None, "65536 bytes"),
    "too large unicode": (
        json.dumps({"type": "text", "text": "€" * 30_000}, ensure_ascii=False),
        "message_too_large",
        None,
        "65536 bytes",
    ),
}


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_message_gets_one_error_and_harms_nothing(kind):
    """The error names the field and what was expected; later messages are as if it had not been."""
    message, code, field, said = BAD[kind]
    async with (
        FakeUpstream() as fake,
        House(fake.url, limits_message_bytes=LIMIT_BYTES) as house,
    ):
        fake.answers["input_audio_buffer.clear"] = lambda _: [
            {"type": "input_audio_buffer.cleared"}
        ]
        client = await house.connected()
        error = await one_error(client, message)

        assert code == error["data"]["code"], error
        assert field == error["data"].get("field")
        assert said in error["error"]
        assert not error["data"]["retryable"]
        await check_unharmed(client, fake)


@pytest.mark.gen_test
@pytest.mark.parametrize("sample", [math.nan, math.inf, -math.inf, 1e7, -3.4e38])
async def test_a_float_that_is_no_sample_spoils_its_chunk_only(sample):
    """NaN, infinity, or another format read as float32."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        fake.answers["input_audio_buffer.clear"] = lambda _: [
            {"type": "input_audio_buffer.cleared"}
        ]
        client = await house.connected("input_format=float32")
        for message in (float32(0.5, sample), audio(float32(sample, 0.5))):
            error = await one_error(client, message)
            assert ("invalid_audio", "audio") == (error["data"]["code"], error["data"]["field"])
            assert "NaN, infinite" in error["error"]
        await check_unharmed(client, fake, float32(0.5, -0.5))


@pytest.mark.gen_test
async def test_a_commit_of_nothing_is_an_error():
    """In manual mode the gateway knows; with turn detection the model says so."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        refusal = {"type": "invalid_request_error", "code": "input_audio_buffer_commit_empty"}
        fake.answers["input_audio_buffer.commit"] = lambda event: [
            {"type": "error", "error": {**refusal, "event_id": event["event_id"]}}
        ]
        manual = await house.connected("turn_detection=none")
        await manual.say("commit_audio")
        error = await manual.error("audio_buffer_empty")
        assert "100 ms" in error["error"]
        await manual.audio(PCM_20_MS)
        await manual.say("commit_audio")
        await manual.error("audio_buffer_empty")

        detected = await house.connected()
        await detected.say("commit_audio")
        await detected.error("audio_buffer_empty")
        await check_unharmed(detected, fake)


@pytest.mark.gen_test
async def test_a_message_far_too_large_is_not_even_read():
    """Four times the limit: one error, then 1009; other clients notice nothing."""
    async with (
        FakeUpstream() as fake,
        House(fake.url, limits_message_bytes=LIMIT_BYTES) as house,
    ):
        other = await house.connected(user="bob")
        client = await house.connected()
        await client.socket.write_message(bytes(4 * LIMIT_BYTES + 1), binary=True)
        assert (1009, "message_too_large") == await client.closed()
        assert ["connection_status"] * 2 + ["error"] == client.types
        assert "message_too_large" == client.heard[-1]["data"]["code"]
        client.check_numbers()
        await check_unharmed(other, fake.connections[0])


async def raw(house: House) -> RawClient:
    """A client that may break the rules, with a session."""
    headers = f"Authorization: Bearer {house.token()}\r\n"
    return await RawClient.connect(house.port, "/ws", headers=headers)


async def ending(client: RawClient) -> tuple[int, str]:
    while (frame := await client.receive()).opcode != CLOSE:
        assert json.loads(frame.payload)["type"] in {"connection_status", "error"}
    return frame.close_code, frame.close_reason


VIOLATIONS = {
    "no UTF-8": (client_frame(TEXT, b'{"type":"ping","id":"\xff"}'), 1007, "invalid_utf8"),
    "cut UTF-8": (client_frame(TEXT, "é".encode()[:1]), 1007, "invalid_utf8"),
    "no mask": (client_frame(TEXT, b"{}", masked=False), 1002, "protocol_error"),
    "reserved bit": (client_frame(TEXT, b"{}", reserved=4), 1002, "protocol_error"),
    "bad opcode": (client_frame(3, b"{}"), 1002, "protocol_error"),
    "no beginning": (client_frame(CONTINUATION, b"{}"), 1002, "protocol_error"),
    "bad close code": (client_frame(CLOSE, b"\x03\xed"), 1002, "protocol_error"),
    "huge": (client_frame(BINARY, b"")[:1] + b"\xff" + b"\x7f" * 8, 1009, "message_too_large"),
}


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", VIOLATIONS)
async def test_a_broken_rule_of_websocket_ends_the_connection(kind):
    """With the code of RFC 6455, and the model's link with it."""
    data, code, reason = VIOLATIONS[kind]
    async with FakeUpstream() as fake, House(fake.url, limits_connections=1) as house:
        client = await raw(house)
        link = await fake.connection()
        await link.next_event("session.update")
        client.send(data)

        assert (code, reason) == await ending(client)
        await client.close()
        await link.next_frame(CLOSE)
        assert 1000 == link.close_code


@pytest.mark.gen_test
async def test_too_many_messages_are_dropped_and_said_so():
    """Each one beyond the rate gets an error with the time to wait, and those within go through."""
    limits = {"limits_messages_per_s": 1, "limits_message_burst": 5}
    async with FakeUpstream() as fake, House(fake.url, **limits) as house:
        client = await house.connected()
        for number in range(8):
            await client.say("ping", id=number)
        heard = [await client.read() for _ in range(8)]

        assert ["pong"] * 5 + ["error"] * 3 == [message["type"] for message in heard]
        assert list(range(5)) == [message["data"]["id"] for message in heard[:5]]
        for error in heard[5:]:
            assert "rate_limited" == error["data"]["code"]
            assert error["data"]["retryable"]
            assert 0 < error["data"]["retry_after_ms"] <= 1001
        client.check_numbers()


@pytest.mark.gen_test
async def test_a_client_that_does_not_get_better_is_closed():
    """One error more than may be in a minute: it is told, and closed with 4429."""
    async with FakeUpstream() as fake, House(fake.url, limits_errors_per_minute=3) as house:
        other = await house.connected(user="bob")
        client = await house.connected()
        for _ in range(4):
            await client.text("rubbish")
        assert (4429, "limit_reached") == await client.closed()

        codes = [message["data"]["code"] for message in client.heard[2:]]
        assert ["invalid_json"] * 4 + ["rate_limited"] == codes
        assert 60_000 == client.heard[-1]["data"]["retry_after_ms"]
        client.check_numbers()
        await check_unharmed(other, fake.connections[0])


@pytest.mark.gen_test
async def test_bad_audio_counts_as_well():
    """Though only a pool thread finds out that it is bad."""
    async with FakeUpstream() as fake, House(fake.url, limits_errors_per_minute=3) as house:
        client = await house.connected()
        for _ in range(4):
            await client.audio(b"\0")
        assert (4429, "limit_reached") == await client.closed()


_frames = st.lists(
    st.text(max_size=80)
    | st.binary(max_size=80)
    | st.builds(
        lambda kind, fields: json.dumps({"type": kind, **fields}),
        st.sampled_from(["audio_data", "ping", "text", "interrupt", "playback", "commit_audio"]),
        st.dictionaries(
            st.sampled_from(["audio", "id", "text", "item_id", "heard_ms", "played_ms"]),
            st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
            max_size=3,
        ),
    ),
    min_size=1,
    max_size=8,
)


def test_no_message_kills_a_session():
    """Any text and any bytes: valid envelopes with codes of the list, and the session goes on."""
    io_loop = IOLoop(make_current=False)
    loop = io_loop.asyncio_loop  # type: ignore[attr-defined]
    fake = FakeUpstream()
    house: House | None = None

    async def opened() -> tuple[House, VoiceClient]:
        await fake.__aenter__()
        limits = {
            "limits_errors_per_minute": 100_000,
            "limits_messages_per_s": 100_000,
            "limits_message_burst": 1_000_000,
        }
        house = House(fake.url, **limits)
        await house.__aenter__()
        return house, await house.connected()

    async def converse(client: VoiceClient, frames: list[str | bytes]) -> None:
        before = len(client.heard)
        for frame in frames:
            await client.socket.write_message(frame, binary=isinstance(frame, bytes))
        await client.say("ping", id="the end of it")
        while (await client.next("pong"))["data"].get("id") != "the end of it":
            pass
        for message in client.heard[before:]:
            if message["type"] == "error":
                assert message["data"]["code"] in ERROR_CODES
                assert "internal" != message["data"]["code"]

    async def closed() -> None:
        if house is not None:
            await house.__aexit__()
        await fake.__aexit__()

    try:
        house, client = loop.run_until_complete(opened())

        @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
        @given(_frames)
        def try_frames(frames: list[str | bytes]) -> None:
            loop.run_until_complete(converse(client, frames))

        try_frames()
        client.check_numbers()
    finally:
        loop.run_until_complete(closed())
        io_loop.close(all_fds=True)
