"""Whole calls before a model that refuses, breaks off, talks rubbish or stops listening."""

import asyncio
import base64
import json
import re
import struct
from contextlib import suppress

import pytest
from msgspec.structs import replace

from tests.calls.house import House, VoiceClient, until, whole_log
from tests.fakes.upstream import (
    CLOSE,
    FAULTS,
    FakeConnection,
    FakeUpstream,
    frame,
    realtime,
    unused_port,
)
from tornado_app.session.heard import NEAR_S

QUICK = {
    "upstream_reconnect_initial_ms": 10,
    "upstream_reconnect_max_ms": 20,
    "upstream_reconnect_attempts": 2,
}
HASTY = QUICK | {"upstream_connect_timeout_s": 0.3, "upstream_ready_timeout_s": 0.3}
"""For models that never answer: on a busy computer one that does may need as long."""

CANARY = "CANARY7f3a"
KEY = f"key-{CANARY}-of-the-operator"
CHUNK = bytes(range(240)) * 20
"""100 ms of 24 kHz PCM."""

UNAVAILABLE = ("upstream_unavailable", (4502, "upstream_failed"))
TIMED_OUT = ("upstream_timeout", (4502, "upstream_failed"))
REJECTED = ("upstream_rejected", (4502, "upstream_failed"))
EXPIRED = ("session_expired", (4504, "session_expired"))

TWICE = ["connecting", "reconnecting", "reconnecting", "disconnected"]
NEVER = ["connecting", "disconnected"]


def says_no(code: int, kind: str, error: str, reason: str | None = None):
    """A model that takes the connection, sends an error and closes: what a bad key looks like."""

    async def script(peer: FakeConnection) -> None:
        sentence = f"Incorrect key {KEY} for wss://{CANARY}.example/v1/realtime."
        await peer.send(
            {"type": "error", "error": {"type": kind, "code": error, "message": sentence}}
        )
        await peer.close(code, reason if reason is not None else f"{kind}.{error}")

    return script


def statuses(client: VoiceClient) -> list[str]:
    return [
        heard["data"]["status"]
        for heard in client.heard
        if isinstance(heard, dict) and heard["type"] == "connection_status"
    ]


def fake(handshake="accept", script=realtime, **how) -> FakeUpstream:
    return FakeUpstream(script, handshake=handshake, **how)


def deaf(upstream: FakeUpstream) -> FakeUpstream:
    """One that takes no configuration."""
    upstream.answers.clear()
    return upstream


async def nothing(_peer: FakeConnection) -> None:
    """What a model says that never begins."""


def speak(response: str = "resp_1", item: str = "item_1") -> list[dict]:
    """The beginning of an answer: 100 ms of it."""
    audio = base64.b64encode(CHUNK).decode()
    return [
        {"type": "response.created", "response": {"id": response, "status": "in_progress"}},
        {
            "type": "response.output_audio.delta",
            "response_id": response,
            "item_id": item,
            "delta": audio,
        },
    ]


@pytest.mark.parametrize(
    ("make", "error", "expected"),
    [
        pytest.param(lambda: fake("silent"), TIMED_OUT, TWICE, id="no handshake"),
        pytest.param(lambda: fake("hang_up"), UNAVAILABLE, TWICE, id="hangs up"),
        pytest.param(lambda: fake("reset"), UNAVAILABLE, TWICE, id="resets"),
        pytest.param(lambda: fake("endless"), UNAVAILABLE, TWICE, id="endless headers"),
        pytest.param(lambda: fake("wrong_key"), UNAVAILABLE, TWICE, id="no websocket"),
        pytest.param(lambda: fake(301), REJECTED, NEVER, id="301"),
        pytest.param(lambda: fake(401), REJECTED, NEVER, id="401"),
        pytest.param(lambda: fake(403), REJECTED, NEVER, id="403"),
        pytest.param(lambda: fake(404), REJECTED, NEVER, id="404"),
        pytest.param(lambda: fake(429), UNAVAILABLE, TWICE, id="429"),
        pytest.param(lambda: fake(500), UNAVAILABLE, TWICE, id="500"),
        pytest.param(lambda: fake(script=nothing), TIMED_OUT, TWICE, id="no session.created"),
        pytest.param(lambda: deaf(fake()), TIMED_OUT, TWICE, id="no session.updated"),
        pytest.param(
            lambda: fake(script=says_no(3000, "invalid_request_error", "invalid_api_key")),
            REJECTED,
            NEVER,
            id="bad key",
        ),
        pytest.param(
            lambda: fake(script=says_no(1013, "insufficient_quota", "credit_balance_exhausted")),
            REJECTED,
            NEVER,
            id="no credit",
        ),
        pytest.param(
            lambda: fake(script=says_no(1013, "insufficient_quota", "anything", "")),
            REJECTED,
            NEVER,
            id="no credit, no reason",
        ),
        pytest.param(
            lambda: fake(script=says_no(1013, "server_error", "overloaded", "try again later")),
            UNAVAILABLE,
            TWICE,
            id="busy",
        ),
        pytest.param(
            lambda: fake(script=says_no(4004, "invalid_request_error", "model_not_found")),
            REJECTED,
            NEVER,
            id="retired model",
        ),
        pytest.param(
            lambda: fake(script=says_no(1001, "invalid_request_error", "session_expired")),
            EXPIRED,
            TWICE,
            id="expired",
        ),
        pytest.param(
            lambda: fake(script=says_no(1011, "server_error", CANARY, f"wss://{CANARY}/{KEY}")),
            UNAVAILABLE,
            TWICE,
            id="a secret as code and reason",
        ),
    ],
)
@pytest.mark.gen_test
async def test_a_model_that_does_not_come_up(make, error, expected):
    """The client hears each try, one error and the close; nobody hears the key or the address."""
    how = HASTY if error == TIMED_OUT else QUICK
    with whole_log() as log:
        async with make() as upstream, House(upstream.url, KEY, **how) as house:
            client = await house.call()
            closed = await client.closed()

    heard = json.dumps(client.heard)
    assert error == (client.heard[-1]["data"]["code"], closed)
    assert expected == statuses(client)
    assert 1 == client.types.count("error")
    client.check_numbers()
    assert {"upstream_lost", "upstream_rejected"} & set(re.findall(r"upstream_\w+", log.getvalue()))
    for told in (heard, log.getvalue()):
        assert "of-the-operator" not in told
        assert "/v1/realtime" not in told
        assert f"localhost:{upstream.port}" not in told
    # A code that is a plain word is for the operator's log, and for nobody else.
    assert CANARY not in heard


@pytest.mark.gen_test
async def test_a_wrong_key_is_for_a_person():
    """Whatever the level of the log, a line says that somebody must act."""
    with whole_log("error") as log:
        async with fake(401) as upstream, House(upstream.url, KEY, **QUICK) as house:
            await (await house.call()).closed()

    [line] = map(json.loads, log.getvalue().splitlines())
    assert ("upstream_rejected", "error") == (line["event"], line["level"])
    assert ("http_401", 401) == (line["cause"], line["http_status"])


@pytest.mark.gen_test
async def test_a_model_that_is_not_there():
    """A refused connection is tried again, then told with 4502."""
    url = f"ws://127.0.0.1:{unused_port()}/v1/realtime"
    async with House(url, **QUICK) as house:
        client = await house.call()
        closed = await client.closed()

    assert TWICE == statuses(client)
    assert UNAVAILABLE == (client.heard[-1]["data"]["code"], closed)
    assert client.heard[-1]["data"]["retryable"]


@pytest.mark.gen_test
async def test_a_model_that_refuses_the_configuration():
    """There is no second try: it would refuse that as well."""
    with whole_log() as log:
        async with FakeUpstream() as upstream, House(upstream.url, KEY, **QUICK) as house:
            upstream.answers["session.update"] = lambda event: [
                {
                    "type": "error",
                    "error": {
                        "type": "invalid_request_error",
                        "code": "unknown_parameter",
                        "param": "session.audio.input.noise",
                        "message": f"No {KEY} for you.",
                        "event_id": event["event_id"],
                    },
                }
            ]
            client = await house.call()
            closed = await client.closed()
            peer = await upstream.connection()
            await peer.next_frame(CLOSE)

    assert REJECTED == (client.heard[-1]["data"]["code"], closed)
    assert 1 == len(upstream.connections)
    assert CANARY not in json.dumps(client.heard) + log.getvalue()
    assert "unknown_parameter" in log.getvalue()


@pytest.mark.parametrize("rst", [False, True], ids=["FIN", "RST"])
@pytest.mark.gen_test
async def test_a_drop_in_the_middle_of_an_answer(rst):
    """The answer has failed, the model is dialled again, and the talk goes on."""
    async with FakeUpstream() as upstream, House(upstream.url, **QUICK) as house:
        client = await house.connected()
        await client.say("text", text="hello")
        await upstream.next_event("response.create")
        for event in speak():
            await upstream.send(event)
        await client.next("audio")
        upstream.drop(rst=rst)

        again = await client.status("reconnecting")
        done = await client.next("response_done")
        connected = await client.status("connected")
        await upstream.next_event("response.create")  # for the rest of the answer
        await client.audio(CHUNK)
        append = await upstream.next_event("input_audio_buffer.append")
        for event in [
            *speak("resp_2", "item_2"),
            {"type": "response.done", "response": {"id": "resp_2", "status": "completed"}},
        ]:
            await upstream.send(event)
        completed = await client.next("response_done")
        client.check_numbers()

    assert 1 == again["data"]["attempt"]
    assert ("resp_1", "failed") == (done["data"]["response_id"], done["data"]["status"])
    assert "rebuilt" == connected["data"]["context"]
    assert CHUNK.startswith(base64.b64decode(append["audio"])[:100])
    assert ("resp_2", "completed") == (
        completed["data"]["response_id"],
        completed["data"]["status"],
    )
    assert 2 == len(upstream.connections)


@pytest.mark.gen_test
async def test_what_is_said_while_the_model_is_away():
    """It is kept, and reaches the next model in order, after the configuration."""
    chunks = [bytes([number]) * 960 for number in range(8)]
    settings = QUICK | {"upstream_reconnect_attempts": 100}
    async with FakeUpstream() as upstream, House(upstream.url, **settings) as house:
        client = await house.connected()
        upstream.handshake = 503
        upstream.drop()
        await client.status("reconnecting")
        for chunk in chunks:
            await client.audio(chunk)
            await client.next("audio_received")
        upstream.handshake = "accept"
        await client.status("connected")
        peer = await upstream.connection(1)
        heard = [await peer.next_event("input_audio_buffer.append") for _ in chunks]

    assert chunks == [base64.b64decode(event["audio"]) for event in heard]
    assert "session.update" == peer.events[0]["type"]


@pytest.mark.gen_test
async def test_audio_that_was_lost_with_the_model_is_told():
    """What is not kept for the next one is named in milliseconds."""
    changes = QUICK | {"upstream_speech_kept_ms": 0}
    async with FakeUpstream() as upstream, House(upstream.url, **changes) as house:
        client = await house.connected("turn_detection=none")
        await client.audio(CHUNK)
        await upstream.next_event("input_audio_buffer.append")
        upstream.drop(rst=True)
        error = await client.error("upstream_unavailable")
        await client.status("connected")

    assert error["error"].startswith("100 ms of audio were lost")


@pytest.mark.gen_test
async def test_a_model_that_is_lost_for_good():
    """After the last try the client is told and closed."""
    with whole_log() as log:
        async with FakeUpstream() as upstream, House(upstream.url, KEY, **QUICK) as house:
            client = await house.connected()
            upstream.handshake = 500
            upstream.drop(rst=True)
            closed = await client.closed()

    assert ["connecting", "connected", "reconnecting", "reconnecting", "disconnected"] == statuses(
        client
    )
    assert UNAVAILABLE == (client.heard[-1]["data"]["code"], closed)
    assert CANARY not in log.getvalue()


@pytest.mark.gen_test
async def test_the_session_of_the_model_ends_by_itself():
    """At sixty minutes: an error, 1001, and for a client with nothing to go on with 4504."""
    how = QUICK | {"session_ledger_entries": 0}
    async with FakeUpstream() as upstream, House(upstream.url, **how) as house:
        client = await house.connected()
        await upstream.send(
            {"type": "error", "error": {"type": "invalid_request_error", "code": "session_expired"}}
        )
        await upstream.close(1001, "Your session hit the maximum duration of 60 minutes.")
        closed = await client.closed()

    assert EXPIRED == (client.heard[-1]["data"]["code"], closed)
    assert 1 == client.types.count("error")


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(FAULTS["invalid_json"], id="invalid JSON"),
        pytest.param(FAULTS["deep_json"], id="deep JSON"),
        pytest.param(FAULTS["binary"], id="binary"),
        pytest.param(FAULTS["ping_flood"], id="flood of pings"),
        pytest.param(lambda peer: peer.send({"type": "moon.rise", "moon": 1}), id="unknown event"),
        pytest.param(lambda peer: peer.send({"type": "response.done"}), id="no fields"),
        pytest.param(lambda peer: peer.send({"no": "type"}), id="no type"),
        pytest.param(
            lambda peer: peer.send(
                {
                    "type": "response.output_audio.delta",
                    "response_id": "resp_0",
                    "item_id": "item_0",
                    "delta": "!!!!",
                }
            ),
            id="bad base64",
        ),
        pytest.param(
            lambda peer: peer.send(
                {
                    "type": "error",
                    "error": {"type": "invalid_request_error", "code": None, "message": KEY},
                }
            ),
            id="an error of no use",
        ),
    ],
)
@pytest.mark.gen_test
async def test_rubbish_that_harms_nobody(send):
    """The call goes on over the same link."""
    with whole_log() as log:
        async with FakeUpstream() as upstream, House(upstream.url, KEY, **QUICK) as house:
            client = await house.connected("output_rate=16000")
            await send(upstream.connections[0])
            await client.audio(CHUNK)
            await upstream.next_event("input_audio_buffer.append")
            for event in speak():
                await upstream.send(event)
            await client.next("audio")
            client.check_numbers()

    assert 1 == len(upstream.connections)
    assert ["connecting", "connected"] == statuses(client)
    assert CANARY not in json.dumps(client.heard) + log.getvalue()
    assert "session_failed" not in log.getvalue()


@pytest.mark.parametrize(
    "fault",
    [
        "bad_opcode",
        "reserved_bit",
        "bad_utf8",
        "bad_continuation",
        "interrupted_message",
        "masked",
        "long_ping",
        "fragmented_ping",
        "huge_frame",
        "many_fragments",
        "close_without_code",
        "close_bad_code",
        "close_one_byte",
    ],
)
@pytest.mark.gen_test
async def test_rubbish_that_ends_the_link(fault):
    """The link is given up, a new one is made, and the client stays."""
    with whole_log() as log:
        async with FakeUpstream() as upstream, House(upstream.url, KEY, **QUICK) as house:
            client = await house.connected()
            with suppress(OSError):  # it hangs up while we are still at it
                await FAULTS[fault](upstream.connections[0])
            connected = await client.status("connected")
            await client.audio(CHUNK)
            await upstream.next_event("input_audio_buffer.append")

    assert ["connecting", "connected", "reconnecting", "connected"] == statuses(client)
    assert "rebuilt" == connected["data"]["context"]
    assert '"level": "error"' not in log.getvalue()


@pytest.mark.gen_test
async def test_a_frame_in_the_middle_of_which_the_model_dies():
    """Half a message is no message."""
    async with FakeUpstream() as upstream, House(upstream.url, **QUICK) as house:
        client = await house.connected()
        peer = upstream.connections[0]
        await peer.send_raw(frame(1, json.dumps({"type": "response.done"}).encode())[:-3])
        peer.drop(rst=True)
        await client.status("connected")

    assert "response_done" not in client.types


@pytest.mark.gen_test
async def test_a_model_that_never_answers(monkeypatch):
    """The client is told that no answer began, and may ask again."""
    # The one deadline that is no setting.
    monkeypatch.setattr("tornado_app.house_rules.RESPONSE_TIMEOUT_S", 0.2)
    async with FakeUpstream() as upstream, House(upstream.url, **QUICK) as house:
        client = await house.connected()
        await client.say("text", text="hello")
        error = await client.error("upstream_timeout")
        await client.say("text", text="hello again")
        await upstream.next_event("response.create")
        await upstream.next_event("response.create")

    assert error["data"]["retryable"]
    assert ["connecting", "connected"] == statuses(client)


@pytest.mark.gen_test
async def test_an_answer_that_stops_half_way():
    """The client is told, the answer cancelled, and the next turn answered."""
    settings = QUICK | {"upstream_response_stall_s": 0.3}
    audio = {"item_id": "item_a", "delta": base64.b64encode(bytes(4800)).decode()}
    async with FakeUpstream() as upstream, House(upstream.url, **settings) as house:
        client = await house.connected()
        await client.say("text", text="hello")
        await upstream.next_event("response.create")
        await upstream.send({"type": "response.created", "response": {"id": "resp_1"}})
        await upstream.send(
            {"type": "response.output_audio.delta", "response_id": "resp_1"} | audio
        )
        done = await client.next("response_done")
        await client.error("upstream_timeout")
        await client.say("text", text="hello again")
        cancel = await upstream.next_event("response.cancel")
        refusal = {"code": "response_cancel_not_active", "event_id": cancel["event_id"]}
        await upstream.send({"type": "error", "error": refusal})
        await upstream.next_event("response.create")

    assert {"response_id": "resp_1", "status": "failed", "usage": None} == done["data"]
    assert ["connecting", "connected"] == statuses(client)


@pytest.mark.gen_test
async def test_what_is_said_to_a_model_that_hangs():
    """It takes all and says nothing, of which no silence can be known: the next one hears it."""
    chunks = [bytes([number]) * 4800 for number in range(1, 11)]
    settings = QUICK | {"upstream_ping_interval_s": 1, "upstream_read_timeout_s": 4}
    async with (
        FakeUpstream(answer_pings=False) as upstream,
        House(upstream.url, **settings) as house,
    ):
        client = await house.connected()
        [connection] = house.gateway.connections
        await until(lambda: connection._reading.unanswered_s > NEAR_S, "it answers")
        for chunk in chunks:
            await client.audio(chunk)
            await client.next("audio_received")
            connection.look()
        peer = await upstream.connection(1)
        heard = [await peer.next_event("input_audio_buffer.append") for _ in chunks]
        assert "error" not in client.types

    assert chunks == [base64.b64decode(event["audio"]) for event in heard]


@pytest.mark.gen_test
async def test_a_model_that_stops_reading():
    """First no more is taken (`audio_backlog`), then the link is given up for another, which is
    told what that one has not read: no more lies with the system than is kept.
    """
    settings = QUICK | FAST | {"upstream_write_timeout_s": 0.5, "audio_hold_ms": 5000}
    async with (
        FakeUpstream(receive_buffer_bytes=4096) as upstream,
        House(upstream.url, **settings) as house,
    ):
        client = await house.connected()
        upstream.connections[0].reading.clear()
        speaking = asyncio.ensure_future(speak_on(client))
        await client.status("reconnecting")
        speaking.cancel()
        await client.status("connected")
        await client.audio(CHUNK)
        await upstream.next_event("input_audio_buffer.append")
        client.check_numbers()

    codes = [heard["data"]["code"] for heard in client.heard if heard["type"] == "error"]
    assert {"audio_backlog"} == set(codes)
    assert 2 == len(upstream.connections)


class LittleRoom(House):
    """With an outbox that has no room for one chunk, which `check-config` refuses."""

    def __init__(self, upstream_url: str, **changes: object) -> None:
        super().__init__(upstream_url, **changes)
        upstream = replace(self.settings.upstream, outbox_bytes=65_536)
        self.settings = replace(self.settings, upstream=upstream)


@pytest.mark.gen_test
async def test_a_model_that_stops_reading_with_little_room():
    """What has no room in its outbox ends the link before the time is over."""
    with whole_log() as log:
        async with (
            FakeUpstream(receive_buffer_bytes=4096) as upstream,
            LittleRoom(upstream.url, **QUICK, **FAST) as house,
        ):
            client = await house.connected()
            upstream.connections[0].reading.clear()
            speaking = asyncio.ensure_future(speak_on(client, chunk_bytes=190_000))
            await client.status("reconnecting")
            speaking.cancel()
            await client.status("connected")

    assert '"cause": "outbox_full"' in log.getvalue()


FAST = {"limits_audio_rate": 1000}


async def speak_on(client: VoiceClient, chunk_bytes: int = 48_000) -> None:
    """Speech, a second or more in each message, for as long as this may run."""
    while True:
        await client.audio(bytes(chunk_bytes))
        await asyncio.sleep(0.01)  # 100 times as fast as speech


@pytest.mark.gen_test
async def test_a_close_code_that_stands_for_itself():
    """A restart of the model (1012) is no reason to end the call."""
    async with FakeUpstream() as upstream, House(upstream.url, **QUICK) as house:
        client = await house.connected()
        await upstream.close(1012, "service restart")
        await client.status("connected")
        answer = await upstream.connections[0].next_frame(CLOSE)

    assert struct.pack("!H", 1000) == answer
