"""Tools of the server in whole calls: over HTTP and in Python, and all that can go wrong."""

import asyncio
import base64
import importlib
import json
import threading

import pytest
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from tests.calls.house import Ground, until, whole_log
from tests.calls.tool_house import Endpoint, ToolCall, http_tool, tool_call, write_python
from tests.commands.talk.test_conversation import talk_to
from tests.fakes.upstream import unused_port

CITY = {"city": "Oslo"}
ORDERS = TypeAdapter(RealtimeClientEvent)


@pytest.mark.gen_test
async def test_a_tool_over_http_is_called(tmp_path):
    """Its result reaches the conversation, an answer is asked for, and the client sees no tool."""
    async with (
        Endpoint() as endpoint,
        tool_call(tmp_path, http_tool("get_weather", endpoint.url("weather"))) as call,
    ):
        (told,) = call.update["session"]["tools"]
        assert ("function", "get_weather") == (told["type"], told["name"])

        output = await call.result_of("get_weather", CITY)
        assert {"city": "Oslo", "temperature": 4} == json.loads(output)
        body = json.loads(endpoint.requests[0].body)
        assert ("alice", "get_weather", CITY) == (body["user_id"], body["name"], body["arguments"])
        assert body["session_id"].startswith("sess_")

        first = await call.client.next("response_done")
        assert first["data"]["continues"] is True
        second = await call.client.next("response_done")
        assert "continues" not in second["data"]
        assert "get_weather" not in json.dumps(call.client.heard)


@pytest.mark.gen_test
async def test_a_tool_in_python_is_called(tmp_path):
    """Sync and async, with the schema of the signature and what is known of the caller."""
    entry, _ = write_python(tmp_path)
    async with tool_call(tmp_path, entry) as call:
        tools = {tool["name"]: tool for tool in call.update["session"]["tools"]}
        schema = tools["price"]["parameters"]
        assert ["product"] == schema["required"]
        assert "integer" == schema["properties"]["pieces"]["type"]
        assert {} == tools["who"]["parameters"]["properties"]
        assert "secret" not in tools

        output = await call.result_of("price", {"product": "tea", "pieces": 2})
        assert {"product": "tea", "euros": 6} == json.loads(output)
        user, session, call_id = (await call.result_of("who")).split()
        assert ("alice", "sess_", "call_3_0") == (user, session[:5], call_id)


FAULTS = {
    "hang": "within 0.5 s",
    "drip": "within 0.5 s",
    "fault": "status 500",
    "large": "too large",
    "zipped": "encoding",
    "broken": "no JSON",
    "picture": "neither JSON nor text",
    "elsewhere": "may not go",
}


def timeout_for(kind: str) -> float:
    """Short where it is what is tried: a computer may be too busy for half a second to be long."""
    return 0.5 if "within 0.5 s" == FAULTS.get(kind) else 20


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", FAULTS)
async def test_an_endpoint_that_misbehaves_costs_one_call(tmp_path, kind):
    """The model reads why; the next call of a good tool works; no request goes elsewhere."""
    async with Endpoint() as endpoint:
        bad = http_tool("bad", endpoint.url(kind), timeout_s=timeout_for(kind))
        entries = bad + http_tool("good", endpoint.url("weather"))
        async with tool_call(tmp_path, entries) as call:
            error = json.loads(await call.result_of("bad", CITY))["error"]
            assert FAULTS[kind] in error
            assert "temperature" in await call.result_of("good", CITY)
        assert ["bad", "good"] == [
            json.loads(request.body)["name"] for request in endpoint.requests
        ]
        await until(lambda: not endpoint.held or endpoint.broken_off, "a request is left")


@pytest.mark.gen_test
async def test_an_answer_in_no_encoding_may_say_so(tmp_path):
    """In any case, and behind the mark that some programs put in front of UTF-8."""
    async with (
        Endpoint() as endpoint,
        tool_call(tmp_path, http_tool("plain", endpoint.url("plain"))) as call,
    ):
        assert '{"city": "Paris"}' == await call.result_of("plain", CITY)


@pytest.mark.gen_test
async def test_an_endpoint_that_refuses_or_hangs_up(tmp_path):
    """Nobody listens there, or somebody who leaves, and may have acted before that."""

    async def leave(_, writer):
        writer.close()

    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    entries = http_tool("nobody", f"http://127.0.0.1:{unused_port()}/")
    entries += http_tool("leaves", f"http://127.0.0.1:{port}/")
    async with tool_call(tmp_path, entries) as call:
        assert "cannot be reached" in await call.result_of("nobody", CITY)
        assert "broke off its answer" in await call.result_of("leaves", CITY)
    server.close()
    await server.wait_closed()


@pytest.mark.gen_test
@pytest.mark.parametrize("arguments", ["{no", "[]", '{"city":7}', '{"town":"x"}', "", "[" * 9000])
async def test_arguments_that_do_not_fit_go_back_to_the_model(tmp_path, arguments):
    """Nothing is asked of the endpoint."""
    async with Endpoint() as endpoint:
        entry = http_tool("get_weather", endpoint.url("weather"))
        async with tool_call(tmp_path, entry) as call:
            assert json.loads(await call.result_of("get_weather", arguments))["error"]
        assert [] == endpoint.requests


@pytest.mark.gen_test
async def test_connections_are_reused_and_cookies_are_not(tmp_path):
    """What an endpoint sets for one caller is not sent for the next."""
    async with Endpoint() as endpoint:
        entry = http_tool("get_weather", endpoint.url("text"))
        async with tool_call(tmp_path, entry) as call:
            for _ in range(3):
                assert "sunny" == await call.result_of("get_weather", CITY)
        assert 1 == len({request.connection.context.address for request in endpoint.requests})
        assert all("Cookie" not in request.headers for request in endpoint.requests)


@pytest.mark.gen_test
async def test_arguments_in_the_query(tmp_path):
    """GET has no body."""
    async with Endpoint() as endpoint:
        entry = http_tool("get_weather", endpoint.url("text?units=c"), 'method = "GET"')
        async with tool_call(tmp_path, entry) as call:
            await call.result_of("get_weather", {"city": "Bad Ems & more"})
        assert "units=c&city=Bad+Ems+%26+more" == endpoint.requests[0].query.replace("%20", "+")
        assert b"" == endpoint.requests[0].body


PYTHON_FAULTS = {
    "raises": "The tool failed.",
    "refuses": "The shop is closed.",
    "odd": "no JSON",
    "blocks": "within 0.3 s",
    "blocks_loop": "within 0.3 s",
    "hangs": "within 0.3 s",
}


@pytest.mark.gen_test
@pytest.mark.parametrize("name", PYTHON_FAULTS)
async def test_a_function_that_misbehaves_costs_one_call(tmp_path, name):
    """Others are called beside it, and what it says of itself is not said."""
    entry, module = write_python(tmp_path)
    with whole_log() as log:
        async with tool_call(tmp_path, entry) as call:
            error = json.loads(await call.result_of(name))["error"]
            assert PYTHON_FAULTS[name] in error
            assert "euros" in await call.result_of("price", {"product": "tea"})
            if name == "blocks_loop":
                await until(lambda: "tool_left_running" in log.getvalue(), "it is not noticed")
            assert "alice" in await call.result_of("who")
            importlib.import_module(module).let_go.set()
            await until(lambda: _mine() <= 1, "a thread is left")
    assert "canary" not in log.getvalue()
    assert "tool_failed" in log.getvalue()


@pytest.mark.gen_test
async def test_half_of_a_character_is_no_fault(tmp_path):
    """As in the name of a file that is in no UTF-8; the rest reaches the model."""
    entry, _ = write_python(tmp_path)
    async with tool_call(tmp_path, entry) as call:
        assert "caf\N{REPLACEMENT CHARACTER}" == await call.result_of("half")
        error = json.loads(await call.result_of("refuses_half"))["error"]
        assert "There is no caf\N{REPLACEMENT CHARACTER}." == error


def _mine():
    return sum(thread.name.startswith("tool-") for thread in threading.enumerate())


@pytest.mark.gen_test
async def test_threads_that_hang_are_replaced_up_to_a_bound(tmp_path):
    """Four may run and four be left; then a call waits in vain, and when one ends all is well."""
    entry, module = write_python(tmp_path)
    async with tool_call(tmp_path, entry) as call:
        for _ in range(2):
            await call.model_calls(*[("blocks", {})] * 4)
            for _ in range(4):
                assert "within" in (await call.output())[1]
            await call.link.next_event("response.create")
            await call.model_speaks()
        assert 8 == _mine()
        assert "within" in await call.result_of("blocks")
        assert 8 == _mine()

        importlib.import_module(module).let_go.set()
        assert "euros" in await call.result_of("price", {"product": "tea"})


@pytest.mark.gen_test
async def test_twenty_calls_at_once(tmp_path):
    """Eight run, the others are told to come again, and one answer is asked for."""
    async with Endpoint() as endpoint:
        entry = http_tool("slow", endpoint.url("hang"))
        async with tool_call(tmp_path, entry) as call:
            ids = await call.model_calls(*[("slow", CITY)] * 20)
            refused = dict([await call.output() for _ in range(12)])
            assert all("8 are allowed" in output for output in refused.values())
            await until(lambda: endpoint.held == 8, "they do not run at once")
            endpoint.let_go.set()
            found = dict([await call.output() for _ in range(8)])
            assert set(ids) == {*refused, *found}
            assert {""} == set(found.values())
            await call.link.next_event("response.create")


@pytest.mark.gen_test
async def test_barge_in_while_a_tool_runs(tmp_path):
    """The client stops; the result reaches the conversation, and nothing is asked."""
    async with Endpoint() as endpoint:
        entry = http_tool("slow", endpoint.url("hang"))
        async with tool_call(tmp_path, entry) as call:
            await call.model_calls(("slow", CITY))
            await until(lambda: endpoint.held == 1, "it was not called")
            await call.client.say("interrupt")
            await call.client.next("interrupted")
            endpoint.let_go.set()
            await call.output()
            await call.client.say("get_status")
            status = await call.client.next("status")
            assert (1, 0) == (status["data"]["tools"]["calls"], status["data"]["tools"]["running"])
            asked = [event["type"] for event in call.link.events]
            assert "response.create" not in asked


@pytest.mark.gen_test
async def test_hanging_up_ends_what_runs(tmp_path):
    """No task, socket or thread of it stays behind."""
    entry, _ = write_python(tmp_path)
    async with Endpoint() as endpoint:
        slow = http_tool("slow", endpoint.url("hang"))
        async with tool_call(tmp_path, entry + slow) as call:
            await call.result_of("who")
            call.client.socket.close()
            await call.client.closed()
            ground = await Ground.settled()
            other = await call.house.connected()
            call.link = await call.fake.connection(1)
            await call.model_calls(("slow", CITY), ("hangs", {}))
            await until(lambda: endpoint.held == 1, "it was not called")
            other.socket.close()
            await other.closed()
            await until(lambda: endpoint.broken_off == 1, "the request goes on")
            endpoint.let_go.set()
            await ground.regained()
        assert 0 == _mine()


@pytest.mark.gen_test
async def test_a_gateway_that_stops_ends_all_calls(tmp_path):
    """Also those of a client that is there."""
    entry, _ = write_python(tmp_path)
    async with Endpoint() as endpoint:
        slow = http_tool("slow", endpoint.url("hang"))
        async with tool_call(tmp_path, entry + slow) as call:
            await call.model_calls(("slow", CITY), ("hangs", {}))
            await until(lambda: endpoint.held == 1, "it was not called")
        assert 0 == _mine()
        await until(lambda: endpoint.broken_off == 1, "the request goes on")


@pytest.mark.gen_test
async def test_twenty_neighbours_lose_nothing_while_tools_misbehave(tmp_path):
    """Blocked threads, a blocked loop and endpoints that hang are no business of the audio's.

    Nor is a caller beside them who hangs up in mid-call: each sample reaches the model.
    """
    entry, module = write_python(tmp_path)
    async with Endpoint() as endpoint:
        entry += http_tool("hang", endpoint.url("hang"), timeout_s=0.5)
        entry += http_tool("large", endpoint.url("large"))
        async with tool_call(tmp_path, entry, limits_connections_per_user=30) as call:
            neighbours = [await call.house.connected() for _ in range(20)]
            links = [await call.fake.connection(number + 1) for number in range(20)]
            leaver = await call.house.connected()
            leaving = ToolCall(call.fake, await call.fake.connection(21), leaver, call.house)
            bad = ("blocks", {}), ("blocks_loop", {}), ("hang", CITY), ("large", CITY)
            await call.model_calls(*bad, ("raises", {}))
            await leaving.model_calls(("hangs", {}), ("hang", CITY))
            for number in range(10):
                for neighbour in neighbours:
                    await neighbour.audio(bytes([number]) * 960)
                if number == 5:
                    leaver.socket.close()
            for number in range(10):
                for neighbour in neighbours:
                    received = await neighbour.next("audio_received")
                    assert number + 1 == received["data"]["chunk"]
            assert "error" not in {kind for each in neighbours for kind in each.types}
            spoken = b"".join(bytes([number]) * 960 for number in range(10))
            for link in links:
                await until(lambda link=link: spoken == audio_of(link), "speech is missing")
            outputs = [await call.output() for _ in range(5)]
            assert all("error" in output for _, output in outputs)
            importlib.import_module(module).let_go.set()
            await until(lambda: _mine() <= 1, "a thread is left")


def audio_of(link):
    """All that one caller has said to the model."""
    kind = "input_audio_buffer.append"
    appends = [event["audio"] for event in link.events if event["type"] == kind]
    return b"".join(map(base64.b64decode, appends))


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", ["text", "fault", "elsewhere", "picture", "large", "hang"])
async def test_secrets_and_words_are_seen_by_nobody(tmp_path, monkeypatch, kind):
    """Neither headers nor keys, arguments nor addresses: in no byte of the client or the log."""
    monkeypatch.setenv("TOOL_KEY", "canary-canary-canary")
    more = 'signing_key = {env = "TOOL_KEY"}\nheaders = {X-Key = {env = "TOOL_KEY"}}'
    with whole_log() as log:
        async with Endpoint() as endpoint:
            url, timeout_s = endpoint.url(kind), timeout_for(kind)
            signed = http_tool("signed", url, more, timeout_s=timeout_s)
            query = http_tool("query", url, 'method = "GET"', timeout_s=timeout_s)
            async with tool_call(tmp_path, signed + query) as call:
                await call.result_of("signed", {"city": "canary"})
                await call.result_of("query", {"city": "canary"})
                await call.result_of("signed", {"town": "canary"})
                await call.client.say("get_status")
                await call.client.next("status")
        assert endpoint.requests[0].headers["X-Key"] == "canary-canary-canary"
    assert "canary" not in log.getvalue()
    assert "canary" not in str(call.client.heard)
    assert f":{endpoint.port}" not in log.getvalue() + str(call.client.heard)


@pytest.mark.gen_test
async def test_what_goes_upstream_is_what_the_api_takes(tmp_path):
    """Every order of a call with tools, field for field, in the order of the API."""
    entry, _ = write_python(tmp_path)
    async with tool_call(tmp_path, entry) as call:
        await call.client.say("text", text="Who am I?")
        await call.link.next_event("response.create")
        await call.model_calls(("who", {}), ("no_such_tool", {}))
        outputs = [await call.output(), await call.output()]
        await call.link.next_event("response.create")
        orders = list(call.link.events)

    kinds = [order["type"] for order in orders]
    item, asked = "conversation.item.create", "response.create"
    assert ["session.update", item, asked, item, item, asked] == kinds
    assert {"call_1_0", "call_1_1"} == {call_id for call_id, _ in outputs}
    for order in orders:
        ORDERS.validate_python(order, strict=True)


@pytest.mark.gen_test
async def test_talk_waits_for_the_answer_behind_the_tool(tmp_path, capsys):
    """An answer that only called is not the end of the turn."""
    entry, _ = write_python(tmp_path)
    async with tool_call(tmp_path, entry) as call:
        talking = asyncio.ensure_future(talk_to(call.house, save=tmp_path / "answer.wav"))
        call.link = await call.fake.connection(1)
        await call.link.next_event("input_audio_buffer.commit")
        await call.link.send({"type": "input_audio_buffer.committed", "item_id": "u"})
        heard = "conversation.item.input_audio_transcription.completed"
        await call.link.send({"type": heard, "item_id": "u", "transcript": "Who am I?"})
        await call.link.next_event("response.create")
        await call.model_calls(("who", {}))
        await call.output()
        await call.link.next_event("response.create")
        assert not talking.done()
        of_item = {"response_id": "r9", "item_id": "i9"}
        await call.link.send({"type": "response.created", "response": {"id": "r9"}})
        delta = {"type": "response.output_audio.delta", **of_item, "delta": "AAAA" * 1600}
        await call.link.send(delta)
        done = {"id": "r9", "status": "completed"}
        await call.link.send({"type": "response.done", "response": done})
        assert 0 == await talking
    assert (tmp_path / "answer.wav").stat().st_size > 4000
