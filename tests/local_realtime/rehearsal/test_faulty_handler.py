"""Faults over real sockets."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from tornado.httpclient import HTTPClientError

from local_realtime.rehearsal.bad_frames import BAD_FRAMES
from local_realtime.rehearsal.faults import parse_faults
from local_realtime.responders.echo import Echo
from local_realtime.server import ServerConfig
from local_realtime.session.responder import Answer
from local_realtime.sound.audio import Sound
from tests.calls.house import Ground, until
from tests.fakes.raw_websocket import PING, PONG, TEXT, Frame, RawClient, client_frame

HOLDS = "slow-answers=600000"
"""A pause that no test lives to see the end of."""


def with_faults(text="", **config):
    return ServerConfig(pace=0, faults=parse_faults(text), **config)


@asynccontextmanager
async def raw(server, faults):
    """A client that sees every byte of a session with these faults."""
    port = server.listen("127.0.0.1", 0)
    headers = f"X-Parley-Fault: {faults}\r\n"
    client = await RawClient.connect(port, "/v1/realtime?model=m", headers)
    try:
        yield client
    finally:
        client.writer.transport.abort()
        await asyncio.sleep(0)  # the transport closes its socket in the next turn


def sends(client, kind, **fields):
    client.send(client_frame(TEXT, json.dumps({"type": kind, **fields}).encode()))


async def kind_of_next(client):
    return json.loads((await client.receive()).payload)["type"]


async def refusal(connect, **headers):
    """Status, `error` object and headers of a request that is not upgraded."""
    with pytest.raises(HTTPClientError) as refused:
        await connect(**headers)
    response = refused.value.response
    return refused.value.code, json.loads(response.body)["error"], response.headers


IN_BAND = {
    "bad-key": (3000, "invalid_request_error.invalid_api_key"),
    "no-credit": (1013, "insufficient_quota.credit_balance_exhausted"),
    "retired-model": (4004, "invalid_request_error.model_not_found"),
    "missing-model": (4000, "invalid_request_error.missing_model"),
    "invalid-model": (4000, "invalid_request_error.invalid_model"),
    "beta-header": (4000, "invalid_request_error.beta_api_shape_disabled"),
}


@pytest.mark.gen_test
@pytest.mark.parametrize(("fault", "close"), IN_BAND.items(), ids=IN_BAND)
async def test_a_handshake_is_refused_in_band(serving, fault, close):
    """101, one error, and a close whose reason is the error's type and code."""
    async with serving() as (_, connect):
        (event,), *closed = await (await connect(X_Parley_Fault=fault)).rest()

    assert event["type"] == "error"
    assert tuple(closed) == close
    assert close[1] == f"{event['error']['type']}.{event['error']['code']}"


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("status", "code", "retry"),
    [
        (401, "invalid_api_key", None),
        (429, "rate_limit_exceeded", "1"),
        (500, None, None),
        (503, None, "1"),
        (499, None, None),
    ],
)
async def test_an_upgrade_is_refused(serving, status, code, retry):
    """With the status that was asked for, and an error object as the body."""
    async with serving() as (_, connect):
        told = await refusal(connect, X_Parley_Fault=f"http-status={status}")

    assert (told[0], told[1]["code"], told[2].get("Retry-After")) == (status, code, retry)


@pytest.mark.gen_test
async def test_a_bad_header_is_a_bad_request(serving):
    """The sentence is that of the command line, and others have their session."""
    async with serving() as (_, connect):
        status, error, _ = await refusal(connect, X_Parley_Fault="close=7")
        created = await (await connect()).read()

    assert (status, error["code"]) == (400, "invalid_fault")
    assert error["message"].startswith("The fault close must be an integer from 1000 to 4999")
    assert created["type"] == "session.created"


@pytest.mark.gen_test
async def test_the_header_may_be_forbidden(serving):
    """It is refused, not passed over: a test that relies on it must not pass by mistake."""
    async with serving(with_faults(header_faults="never")) as (_, connect):
        status, error, _ = await refusal(connect, X_Parley_Fault="stall")

    assert (status, error["code"]) == (403, "fault_not_allowed")


@pytest.mark.gen_test
@pytest.mark.parametrize(("rule", "status"), [("local", 403), ("always", 101)])
async def test_strangers_have_no_faults_unless_all_have(serving, monkeypatch, rule, status):
    """By default only who is on this computer may ask."""
    monkeypatch.setattr("local_realtime.rehearsal.faulty_handler.FaultyHandler._is_local", False)
    async with serving(with_faults(header_faults=rule)) as (_, connect):
        if status == 101:
            closed = await (await connect(X_Parley_Fault="bad-key")).rest()
            assert closed[1] == 3000
        else:
            assert (await refusal(connect, X_Parley_Fault="bad-key"))[0] == status


@pytest.mark.gen_test
async def test_the_header_adds_to_the_servers_own(serving):
    """And wins where both name the same."""
    async with serving(with_faults("unknown-event@1,close=4001@1")) as (_, connect):
        own = await (await connect()).rest()
        both = await (await connect(X_Parley_Fault="close=4002@1")).rest()

    assert [len(own[0]), len(both[0])] == [2, 2]
    assert [own[1], both[1]] == [4001, 4002]


@pytest.mark.gen_test
async def test_only_the_first_connections_may_have_faults(serving):
    """A client that comes again finds a healthy server; refused upgrades count."""
    async with serving(with_faults("first-connections=2,http-status=503")) as (_, connect):
        statuses = [(await refusal(connect))[0] for _ in range(2)]
        created = await (await connect()).read()

    assert statuses == [503, 503]
    assert created["type"] == "session.created"


@pytest.mark.gen_test
async def test_a_late_upgrade_holds_up_nobody_else(serving):
    """While one client waits for it, another has its session; the first may leave."""
    async with serving() as (_, connect):
        waiting = asyncio.ensure_future(connect(X_Parley_Fault="handshake-delay=600000"))
        created = await (await connect()).read()
        soon = await (await connect(X_Parley_Fault="handshake-delay=1")).read()
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert created["type"] == soon["type"] == "session.created"


@pytest.mark.gen_test
@pytest.mark.parametrize("fault", ["handshake-delay=600000", "slow-writer=1"])
async def test_a_client_that_does_not_wait(serving, fault):
    """Whether before the upgrade or in the first event: nothing of it stays."""
    upgrade = (
        b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with serving(with_faults(fault)) as (server, _):
        port = server.listen("127.0.0.1", 0)
        ground = await Ground.settled()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(upgrade)
        await until(lambda: server.registry.connections == 1, "it has not come")
        writer.transport.abort()
        await ground.regained()


@pytest.mark.gen_test
async def test_a_session_expires(serving):
    """An error, and 1001 with the API's own words."""
    async with serving() as (_, connect):
        events, *closed = await (await connect(X_Parley_Fault="session-expiry=0.1")).rest()

    assert [event["type"] for event in events] == ["session.created", "error"]
    assert events[1]["error"]["code"] == "session_expired"
    assert closed == [1001, "Your session hit the maximum duration of 60 minutes"]


@pytest.mark.gen_test
async def test_a_server_error_closes(serving):
    """An error, then 1011."""
    async with serving() as (_, connect):
        events, code, _ = await (await connect(X_Parley_Fault="server-error@1")).rest()

    assert (events[-1]["error"]["code"], code) == ("server_error", 1011)


@pytest.mark.gen_test
async def test_a_reset_is_a_reset(serving):
    """Not a FIN: the client's next read fails."""
    async with serving() as (server, _), raw(server, "reset@1") as client:
        with pytest.raises(ConnectionResetError):  # what is still unread is lost with it
            await client._within_deadline(client.reader.read())


@pytest.mark.gen_test
async def test_a_drop_is_an_end_without_a_close_frame(serving):
    """Half of a frame if that is wanted, and then nothing."""
    async with serving() as (server, _), raw(server, "drop=mid-frame@1") as client:
        assert await kind_of_next(client) == "session.created"
        half = await client._within_deadline(client.reader.read())

    assert half.startswith(b"\x81")
    assert b"session.created" in half


@pytest.mark.gen_test
async def test_a_stalled_server_answers_pings_only(serving):
    """It takes what it gets and says nothing."""
    async with serving() as (server, _), raw(server, "stall@1") as client:
        await client.receive()
        sends(client, "input_audio_buffer.clear")
        client.send(client_frame(PING, b"there?"))

        assert await client.receive() == Frame(PONG, b"there?")


@pytest.mark.gen_test
async def test_pings_may_go_unanswered(serving):
    """Events still are."""
    async with serving() as (server, _), raw(server, "no-pongs") as client:
        await client.receive()
        client.send(client_frame(PING, b"there?"))
        sends(client, "input_audio_buffer.clear")

        assert await kind_of_next(client) == "input_audio_buffer.cleared"


@pytest.mark.gen_test
@pytest.mark.parametrize("what", BAD_FRAMES)
async def test_a_malformed_frame_is_sent_as_it_is(serving, what):
    """Byte for byte, after the events that were to come before it."""
    async with serving() as (server, _), raw(server, f"malformed={what}@1") as client:
        await client.receive()
        bad = BAD_FRAMES[what]()

        assert await client._read(len(bad)) == bad


@pytest.mark.gen_test
async def test_a_server_that_does_not_read(serving):
    """Megabytes stay on the way to it, while another session goes on."""
    async with serving() as (server, connect), raw(server, "slow-reader=0") as client:
        await client.receive()
        sends(client, "input_audio_buffer.clear")
        client.send(client_frame(TEXT, b" " * 2**24))
        answer = asyncio.ensure_future(client.receive())
        other = await connect()
        for _ in range(20):
            await other.send("input_audio_buffer.clear")
            await other.until("input_audio_buffer.cleared")
        unsent_bytes = client.writer.transport.get_write_buffer_size()
        assert not answer.done()
        answer.cancel()

    assert unsent_bytes > 0


@pytest.mark.gen_test
async def test_a_server_that_reads_slowly(serving):
    """It answers in the end."""
    async with serving() as (server, _), raw(server, "slow-reader=500") as client:
        await client.receive()
        sends(client, "input_audio_buffer.clear")

        assert await kind_of_next(client) == "input_audio_buffer.cleared"


@pytest.mark.gen_test
async def test_a_server_that_writes_slowly(serving):
    """Its frames come in drops, whole in the end, with no pong in the middle of one."""
    async with serving() as (server, _), raw(server, "slow-writer=5000") as client:
        client.send(client_frame(PING, b"there?"))
        sends(client, "input_audio_buffer.clear")
        kinds = [await kind_of_next(client) for _ in range(2)]

    assert kinds == ["session.created", "input_audio_buffer.cleared"]


@pytest.mark.gen_test
async def test_an_answer_that_waits_holds_up_nothing_else(serving):
    """The client may go on, and leave; nothing of the session stays."""
    async with serving(with_faults(HOLDS)) as (server, connect):
        await (await connect()).read()
        ground = await Ground.settled()
        client = await connect()
        await client.read()
        await client.send("response.create")
        await client.manual()
        updated = await client.read()
        client.socket.close()
        await client.rest()
        await until(lambda: server.open_sessions == 1, "the session is still there")
        await ground.regained()

    assert updated["type"] == "session.updated"


@pytest.mark.gen_test
async def test_more_waits_than_there_is_room_for(serving):
    """The session waits with it, reads no more, and ends with the server at the latest."""

    async def ask_a_lot(connect):
        client = await connect()
        for _ in range(20):
            await client.send("response.create", response={"conversation": "none"})
        await client.read()

    async with serving() as (_, connect):
        await ask_a_lot(connect)
    ground = await Ground.settled()
    async with serving(with_faults("slow-events=600000")) as (_, connect):
        await ask_a_lot(connect)
    await ground.regained()


@pytest.mark.gen_test
@pytest.mark.parametrize("fault", ["slow-answers=1", "slow-events=1", "done-delay=1,late-deltas"])
async def test_a_slow_answer_is_the_same_answer(serving, kinds, audio, tone, fault):
    """Every event in its place, every sample."""
    said = tone(700)

    async def turn(client):
        await client.manual()
        await client.append(said)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        events = await client.until("rate_limits.updated")
        assert audio(events) == said
        return [kind for kind in kinds(events) if "delta" not in kind]

    async with serving(with_faults()) as (_, connect):
        plain = await turn(await connect())
        slow = await turn(await connect(X_Parley_Fault=fault))

    assert slow == plain


RESPONSES = {
    "response-failed": ("failed", "insufficient_quota"),
    "response-failed=server-error": ("failed", "server_error"),
    "rate-limited=9": ("failed", "rate_limit_exceeded"),
    "response-incomplete": ("incomplete", None),
}


@pytest.mark.gen_test
@pytest.mark.parametrize(("fault", "end"), RESPONSES.items(), ids=RESPONSES)
async def test_a_response_ends_otherwise(serving, fault, end):
    """Every time, and the session goes on."""
    async with serving(with_faults()) as (_, connect):
        client = await connect(X_Parley_Fault=fault)
        for _ in range(2):
            await client.send("response.create")
            *_, done, limits = await client.until("rate_limits.updated")
            details = done["response"]["status_details"]
            told = (done["response"]["status"], details.get("error", {}).get("code"))
            assert told == end

    assert (limits["rate_limits"][0]["remaining"] == 0) == fault.startswith("rate")


@pytest.mark.gen_test
async def test_a_transcription_fails(serving, tone):
    """The answer comes all the same."""
    async with serving(with_faults("transcription-failed")) as (_, connect):
        client = await connect()
        await client.manual()
        transcription = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        await client.send("session.update", session={"type": "realtime", **transcription})
        await client.append(tone(300))
        await client.send("input_audio_buffer.commit")
        failed = await client.until("conversation.item.input_audio_transcription.failed")
        await client.send("response.create")
        done = await client.until("response.done")

    assert failed[-1]["error"]["code"] == "audio_unintelligible"
    assert done[-1]["response"]["status"] == "completed"


@pytest.mark.gen_test
async def test_a_transcript_comes_after_the_answer_it_belongs_to(serving, tone):
    """Word by word, and nothing waits for it."""
    async with serving(with_faults("late-transcripts=50")) as (_, connect):
        client = await connect()
        await client.manual()
        transcription = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        await client.send("session.update", session={"type": "realtime", **transcription})
        await client.append(tone(300))
        await client.send("input_audio_buffer.commit")
        await client.send("response.create", response={"output_modalities": ["text"]})
        events = await client.until("response.done")
        events += await client.until("conversation.item.input_audio_transcription.completed")

    told = [e for e in events if e["type"].endswith("transcription.delta")]
    assert len(told) > 3
    assert "".join(e["delta"] for e in told) == events[-1]["transcript"]


@pytest.mark.gen_test
async def test_late_deltas_over_a_socket(serving, tone, speech, silence):
    """The client hears the old answer for a moment after it has begun to speak."""
    config = ServerConfig(pace=1, faults=parse_faults("late-deltas=2"))
    async with serving(config) as (_, connect):
        client = await connect()
        await client.append(tone(3000) + silence(600))
        await client.until("response.output_audio.delta")
        await client.append(speech("amiable")[: 48 * 1000])
        await client.until("input_audio_buffer.speech_started")
        late = await client.until("response.done")

    assert [event["type"] for event in late[:3]] == [
        "response.output_audio.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
    ]


@pytest.mark.gen_test
async def test_a_broken_off_session_leaves_others_alone(serving):
    """Twenty that end badly, one that lives."""
    async with serving() as (server, connect):
        healthy = await connect()
        for fault in ("reset@1", "drop@1", "close=4000@1", "malformed=huge-frame@1") * 5:
            client = await connect(X_Parley_Fault=fault)
            client.socket.close()
            await client.rest()
        await healthy.manual()
        await healthy.until("session.updated")
        await until(lambda: server.open_sessions == 1, "a session is still there")


class Tells(Echo):
    """Answers with a sentence and says when it has given it to the last who asked."""

    def __init__(self, last):
        self._left = last
        self.given = asyncio.Event()

    async def answer(self, turn):
        self._left -= 1
        if not self._left:
            self.given.set()
        yield Answer("Yes.", Sound(bytes(4800), 24_000))


@pytest.mark.gen_test
async def test_an_answer_that_is_cancelled_while_its_events_wait(serving):
    """What was begun is told from its beginning to its end."""
    others = 20
    responder = Tells(others + 1)
    async with serving(with_faults("slow-events=5"), responder) as (_, connect):
        client = await connect()
        for _ in range(others):
            await client.send("response.create", response={"conversation": "none"})
        await client.send("response.create")
        await responder.given.wait()
        await client.send("response.cancel")
        events = []
        while sum(event["type"] == "response.done" for event in events) <= others:
            events.append(await client.read())

    told = {
        kind: [e["item"]["id"] for e in events if e["type"] == f"response.output_item.{kind}"]
        for kind in ("added", "done")
    }
    statuses = [e["response"]["status"] for e in events if e["type"] == "response.done"]
    assert sorted(told["added"]) == sorted(told["done"])
    assert len(told["added"]) == others + 1
    assert statuses.count("cancelled") == 1
