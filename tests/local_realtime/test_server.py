"""Whole calls over real sockets."""

import asyncio
import base64
import contextlib
import json

import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError, websocket_connect

from local_realtime.responders.echo import Echo
from local_realtime.server import LocalRealtime, ServerConfig, make_app

FAST = ServerConfig(pace=0)
LOCKED = ServerConfig(api_key="right")


@pytest.fixture
def app():
    return make_app(FAST)


@pytest.mark.gen_test
async def test_the_app_is_healthy(http_client, http_server, base_url):
    """`/healthz` answers 200 where a plain Tornado server serves the app."""
    response = await http_client.fetch(f"{base_url}/healthz")

    assert response.code == 200


@pytest.mark.gen_test
async def test_the_first_frame_is_session_created(serving):
    """The model is the one asked for."""
    async with serving() as (_, connect):
        created = await (await connect("?model=any-name")).read()

    assert created["type"] == "session.created"
    assert created["session"]["model"] == "any-name"


HANDSHAKES = {
    "wrong key": (LOCKED, {"Authorization": "Bearer wrong"}, 3000, "invalid_api_key"),
    "no model": (FAST, {"query": ""}, 4000, "missing_model"),
    "beta": (FAST, {"OpenAI_Beta": "realtime=v1"}, 4000, "beta_api_shape_disabled"),
}


@pytest.mark.gen_test
@pytest.mark.parametrize(("config", "how", "code", "name"), HANDSHAKES.values(), ids=HANDSHAKES)
async def test_a_bad_handshake_fails_in_band(serving, config, how, code, name):
    """101, one error event, and a close that repeats its code."""
    async with serving(config) as (_, connect):
        events, *close = await (await connect(**how)).rest()

    assert [event["error"]["code"] for event in events] == [name]
    assert close == [code, f"invalid_request_error.{name}"]


@pytest.mark.gen_test
async def test_no_credential_at_all_is_401(serving):
    """Where a key is needed the upgrade itself fails."""
    async with serving(LOCKED) as (_, connect):
        with pytest.raises(Exception, match="401"):
            await connect()


@pytest.mark.gen_test
async def test_there_are_no_calls_to_attach_to(serving):
    """WebRTC and SIP are not spoken here: 404, as for a call that is over."""
    async with serving(FAST) as (_, connect):
        with pytest.raises(Exception, match="404"):
            await connect("?call_id=rtc_1")


@pytest.mark.gen_test
async def test_the_key_subprotocol_is_not_echoed(serving):
    """Exactly `realtime` is selected, and nothing if it was not offered."""
    key = "openai-insecure-api-key.right"
    async with serving(LOCKED) as (_, connect):
        both = await connect(subprotocols=["realtime", key])
        only_key = await connect(subprotocols=[key])
        created = [(await client.read())["type"] for client in (both, only_key)]
        selected = [client.socket.selected_subprotocol for client in (both, only_key)]

    assert created == ["session.created"] * 2
    assert selected == ["realtime", None]


@pytest.mark.gen_test
async def test_recorded_speech_is_echoed_bit_for_bit(serving, speech, silence, audio):
    """Server VAD over a socket, sent faster than real time."""
    said = silence(400) + speech("selfish") + silence(700)
    async with serving(FAST) as (_, connect):
        client = await connect()
        await client.append(said)
        events = await client.until("rate_limits.updated")

    by_kind = {event["type"]: event for event in events}
    start_ms = by_kind["input_audio_buffer.speech_started"]["audio_start_ms"]
    end_ms = by_kind["input_audio_buffer.speech_stopped"]["audio_end_ms"]
    assert audio(events) == said[start_ms * 48 : end_ms * 48]


@pytest.mark.gen_test
async def test_a_manual_turn_is_echoed_bit_for_bit(serving, speech, audio):
    """Commit and `response.create` in one go, right after the last chunk."""
    said = speech("amiable")
    async with serving(FAST) as (_, connect):
        client = await connect()
        await client.manual()
        await client.append(said)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        events = await client.until("rate_limits.updated")

    assert audio(events) == said


async def begin_long_answer(client, tone, minutes=1):
    await client.manual()
    for _ in range(minutes):
        await client.append(tone(60_000), chunk_ms=60_000)
    await client.send("input_audio_buffer.commit")
    await client.send("response.create")
    await client.until("response.output_audio.delta")


@pytest.mark.gen_test
async def test_an_answer_is_cancelled_midway(serving, tone, audio):
    """A minute that would take six seconds ends when the client says so."""
    async with serving() as (_, connect):
        client = await connect()
        await begin_long_answer(client, tone)
        await client.send("response.cancel")
        events = await client.until("response.done")

    assert events[-1]["response"]["status"] == "cancelled"
    assert len(audio(events)) < 60_000 * 48


@pytest.mark.gen_test
async def test_speech_interrupts_midway(serving, tone, speech, silence):
    """Barge-in over a socket: speech, and the answer is over."""
    async with serving(ServerConfig(pace=1)) as (_, connect):
        client = await connect()
        await client.append(tone(3000) + silence(600))
        await client.until("response.output_audio.delta")
        await client.append(speech("amiable")[: 48 * 1000])
        events = await client.until("response.done")

    assert events[-1]["response"]["status_details"]["reason"] == "turn_detected"


@pytest.mark.gen_test
async def test_a_client_may_leave_mid_answer(serving, tone):
    """Its session is gone, and another one works."""
    async with serving() as (server, connect):
        client = await connect()
        await begin_long_answer(client, tone)
        client.socket.close()
        await client.rest()
        other = await connect()
        await other.read()

        assert server.open_sessions == 1


@pytest.mark.gen_test
async def test_a_client_that_does_not_read_stops_only_itself(serving, tone, audio):
    """Its answer waits with it, so that it can still be cancelled; another session goes on."""
    async with serving(FAST) as (_, connect):
        deaf, other = await connect(), await connect()
        await begin_long_answer(deaf, tone, minutes=5)
        await begin_long_answer(other, tone)
        heard = audio(await other.until("response.done"))
        await deaf.send("response.cancel")
        events = await deaf.until("response.done")

    assert len(heard) > 59_000 * 48
    assert events[-1]["response"]["status"] == "cancelled"
    assert len(audio(events)) < 5 * 60_000 * 48


@pytest.mark.gen_test
async def test_two_sessions_at_once_do_not_mix(serving, tone, audio):
    """Each gets its own sound back."""
    said = [tone(1500, hz=300), tone(1500, hz=500)]

    async def echo(client, pcm):
        await client.manual()
        await client.append(pcm)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        return audio(await client.until("response.done"))

    async with serving() as (_, connect):
        clients = [await connect(), await connect()]
        heard = await asyncio.gather(*map(echo, clients, said))

    assert heard == said


@pytest.mark.gen_test
async def test_bad_frames_leave_the_session_usable(serving):
    """Binary, no JSON, and nesting that exhausts the parser."""
    async with serving() as (_, connect):
        client = await connect()
        await client.read()
        await client.socket.write_message(b"\x00", binary=True)
        await client.socket.write_message("no json")
        await client.socket.write_message("[" * 1_000_000)
        codes = [(await client.read())["error"]["code"] for _ in range(3)]
        await client.manual()

        assert (await client.read())["type"] == "session.updated"
    assert codes == ["invalid_event", "invalid_json", "invalid_json"]


@pytest.mark.gen_test
async def test_a_frame_may_have_20_mib(serving):
    """One byte more ends that connection and no other."""
    async with serving() as (_, connect):
        large, larger = await connect(), await connect()
        await large.read()
        await large.socket.write_message(" " * 20 * 1024 * 1024)
        error = await large.read()
        with contextlib.suppress(WebSocketClosedError):
            await larger.socket.write_message(" " * (20 * 1024 * 1024 + 1))
        await larger.rest()
        await large.manual()
        await large.until("session.updated")

    assert error["error"]["code"] == "invalid_json"
    assert larger.ended


class Broken(Echo):
    """Cannot do anything."""

    async def answer(self, turn):
        raise ZeroDivisionError
        yield

    async def transcribe(self, sound):
        raise ZeroDivisionError


@pytest.mark.gen_test
async def test_a_broken_responder_fails_the_response(serving, caplog):
    """The session hears `server_error`, the log has the reason, and life goes on."""
    async with serving(FAST, Broken()) as (_, connect):
        client = await connect()
        await client.send("response.create")
        failed = (await client.until("response.done"))[-1]["response"]
        await client.manual()
        await client.until("session.updated")

    assert failed["status_details"]["error"]["code"] == "server_error"
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


class Careless(Echo):
    """Answers with something that is no answer, which fails inside the session."""

    async def answer(self, turn):
        yield "no answer"


@pytest.mark.gen_test
async def test_a_mistake_in_a_session_is_a_server_error(serving, caplog):
    """It is logged and told; the process and the session go on."""
    async with serving(FAST, Careless()) as (_, connect):
        client = await connect()
        await client.send("response.create")
        error = (await client.until("error"))[-1]["error"]
        await client.send("response.cancel")
        await client.until("error")

    assert error["type"] == error["code"] == "server_error"
    assert "made a mistake" in caplog.text


@pytest.mark.gen_test
async def test_closing_tells_every_client(serving):
    """`close_all` is 1001 for all, and the registry empties."""
    async with serving() as (server, connect):
        clients = [await connect(), await connect()]
        for client in clients:
            await client.read()
        server.close_all()
        ends = [await client.rest() for client in clients]
        await server.close()

        assert server.open_sessions == 0
    assert [end[1:] for end in ends] == [(1001, "server is shutting down")] * 2


@pytest.mark.gen_test
async def test_the_answer_of_a_retrieved_item_is_sound(serving, tone):
    """`conversation.item.retrieve` after a turn has the committed audio."""
    async with serving(FAST) as (_, connect):
        client = await connect()
        await client.manual()
        await client.append(tone(300))
        await client.send("input_audio_buffer.commit")
        item_id = (await client.until("input_audio_buffer.committed"))[-1]["item_id"]
        await client.send("conversation.item.retrieve", item_id=item_id)
        item = (await client.until("conversation.item.retrieved"))[-1]["item"]

    assert base64.b64decode(item["content"][0]["audio"]) == tone(300)


@pytest.mark.gen_test
async def test_a_page_may_come_as_to_azure(caplog):
    """By its path, with deployment and key in the query, which no log repeats."""
    server = LocalRealtime(LOCKED)
    port = server.listen("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{port}/openai/v1/realtime?deployment=m&api-version=1&api-key="
    try:
        good = await websocket_connect(url + "right")
        bad = await websocket_connect(url + "wrong")
        told = [json.loads(await client.read_message()) for client in (good, bad)]
        with pytest.raises(HTTPClientError, match="404"):
            await websocket_connect(url + "right&call_id=rtc_1")
        good.close()
        bad.close()
        assert [await client.read_message() for client in (good, bad)] == [None, None]
    finally:
        await server.close()

    assert told[0]["session"]["model"] == "m"
    assert told[1]["error"]["code"] == "invalid_api_key"
    assert "404 GET /openai/v1/realtime" in caplog.text
    assert "right" not in caplog.text
