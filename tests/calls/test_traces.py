"""What a collector of OpenTelemetry is told of whole calls."""

import json
from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.calls.house import House, until, whole_log
from tests.calls.tool_house import Endpoint, http_tool, tool_call, write_python
from tests.fakes.upstream import FakeUpstream, unused_port

pytestmark = pytest.mark.skipif(
    find_spec("opentelemetry.sdk") is None, reason="requirements-traces.txt is not installed"
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
CLIENT = f"00-{TRACE}-{PARENT}-01"


def Collector(manner="take"):  # noqa: N802
    """Its package takes a second to import, and few who collect this run it."""
    return import_module("tests.fakes.collector").Collector(manner)


def usage(total: int) -> dict:
    return {
        "total_tokens": total,
        "input_tokens": total - 20,
        "output_tokens": 20,
        "input_token_details": {
            "text_tokens": 25,
            "audio_tokens": total - 45,
            "cached_tokens_details": {"text_tokens": 10},
        },
        "output_token_details": {"text_tokens": 5, "audio_tokens": 15},
    }


async def answers(link, response_id, tokens):
    """The model answers in sound, and counts."""
    facts = {"id": response_id, "status": "completed"}
    await link.send({"type": "response.created", "response": facts})
    named = {"response_id": response_id, "item_id": f"i_{response_id}", "content_index": 0}
    delta = {"type": "response.output_audio.delta", "output_index": 0, "delta": "AAAA" * 800}
    await link.send(delta | named)
    await link.send({"type": "response.done", "response": facts | {"usage": usage(tokens)}})


@pytest.mark.gen_test
async def test_a_call_with_a_tool_and_a_roll_over_is_one_story(tmp_path):
    """From the client's own trace, by way of the call, to the endpoint of a tool."""
    secret = "It is four degrees in Oslo, Alice."
    async with Collector() as collector, Endpoint() as endpoint:
        toml = http_tool("get_weather", endpoint.url("weather"))
        settings = {
            "traces_enabled": True,
            "traces_endpoint": collector.url,
            "traces_headers": "x-team=voice%20one",
            "upstream_context_tokens": 500,
        }
        with whole_log() as log:
            async with tool_call(
                tmp_path, toml, headers={"traceparent": CLIENT}, **settings
            ) as call:
                client, link = call.client, call.link
                call.fake.answers["conversation.item.create"] = lambda event: [
                    {"type": "conversation.item.added", "item": event["item"]}
                ]
                await client.say("text", text=secret)
                await link.next_event("response.create")
                await call.model_calls(("get_weather", {"city": "Oslo"}))
                await call.output()
                await link.next_event("response.create")
                await answers(link, "resp_2", 100)
                await client.next("audio")
                await client.say("text", text=secret)
                await link.next_event("response.create")
                await answers(link, "resp_3", 1000)
                await client.status("connected")  # with the next session of the model
                session_id = client.heard[0]["data"]["session_id"]
            told = [json.loads(line) for line in log.getvalue().splitlines()]

        (root,) = collector.named("call realtime")
        assert (TRACE, PARENT, 2) == (root.trace_id, root.parent_id, root.kind)
        assert {TRACE} == {span.trace_id for span in collector.spans}
        assert ["dial", "turn", "turn", "roll_over"] == collector.children(root)
        first, second = collector.named("turn")
        chat = "chat gpt-realtime-2.1"
        assert [chat, "execute_tool get_weather", chat] == collector.children(first)
        assert [chat] == collector.children(second)
        (rolled,) = collector.named("roll_over")
        assert ["dial"] == collector.children(rolled)
        assert "context_limit" == rolled.attributes["parley.reason"]
        for span in collector.spans:
            above = next((each for each in collector.spans if each.span_id == span.parent_id), None)
            assert above is None or above.begun_ns <= span.begun_ns <= span.ended_ns

        (tool,) = collector.named("execute_tool get_weather")
        (asked,) = endpoint.requests
        assert f"00-{TRACE}-{tool.span_id}-01" == asked.headers["traceparent"]
        assert "execute_tool" == tool.attributes["gen_ai.operation.name"]
        last = collector.named(chat)[-1].attributes
        expected = {
            "gen_ai.operation.name": "chat",
            "gen_ai.conversation.id": session_id,
            "gen_ai.request.model": "gpt-realtime-2.1",
            "gen_ai.response.id": "resp_3",
            "gen_ai.response.finish_reasons": ["completed"],
            "gen_ai.output.type": "speech",
            "gen_ai.usage.input_tokens": 980,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 10,
        }
        assert expected == {name: last.get(name) for name in expected}
        assert "gen_ai.response.time_to_first_chunk" in last
        assert "parley" == collector.resource["service.name"]
        assert {"voice one"} == {each.headers["x-team"] for each in collector.requests}
        everything = repr(collector.spans)
        assert not any(word in everything for word in ("Oslo", "alice", "127.0.0.1", "AAAA"))
        lines = [line for line in told if line.get("session_id") == session_id]
        assert {TRACE} == {line["trace_id"] for line in lines}
        assert call.house.gateway.records.tracing.exporter.exported == len(collector.spans)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("sent", "is_told"), [(CLIENT[:-1] + "0", False), ("00-nonsense", True), (None, True)]
)
async def test_whoever_began_the_trace_says_whether_it_is_told_of(tmp_path, sent, is_told):
    """Its tools learn the same; a header that is none is nobody's trace."""
    async with Collector() as collector, Endpoint() as endpoint:
        toml = http_tool("get_weather", endpoint.url("weather"))
        settings = {"traces_enabled": True, "traces_endpoint": collector.url}
        headers = {"traceparent": sent} if sent else {}
        async with tool_call(tmp_path, toml, headers=headers, **settings) as call:
            await call.result_of("get_weather", {"city": "Oslo"})
        assert is_told == bool(collector.spans)
        version, trace_id, _, flags = endpoint.requests[0].headers["traceparent"].split("-")
        assert ("00", "01" if is_told else "00") == (version, flags)
        assert (trace_id == TRACE) == (not is_told)


@pytest.mark.gen_test
async def test_without_traces_nothing_is_told_and_nothing_imported(tmp_path):
    """Nor is a client's trace handed on."""
    async with Endpoint() as endpoint:
        toml = http_tool("get_weather", endpoint.url("weather"))
        async with tool_call(tmp_path, toml, headers={"traceparent": CLIENT}) as call:
            await call.result_of("get_weather", {"city": "Oslo"})
            assert call.house.gateway.records.tracing is None
        assert "traceparent" not in endpoint.requests[0].headers


@pytest.mark.gen_test(timeout=30)
@pytest.mark.parametrize("manner", ["hang", "refuse", "busy", "away"])
async def test_a_collector_that_fails_costs_no_call_and_no_time_at_the_end(manner, monkeypatch):
    """What it did not take is counted, and told once."""
    monkeypatch.setattr(import_module("tornado_app.tracing.otlp"), "SEND_S", 1.0)
    async with Collector("hang" if manner == "away" else manner) as collector:
        url = collector.url if manner != "away" else f"http://127.0.0.1:{unused_port()}/v1/traces"
        with whole_log() as log:
            async with (
                FakeUpstream() as fake,
                House(fake.url, traces_enabled=True, traces_endpoint=url) as house,
            ):
                client = await house.connected()
                client.socket.close()
                await until(lambda: not house.gateway.connections, "the call does not end")
                if manner != "away":
                    await until(lambda: collector.requests, "nothing comes")
                client = await house.connected()
                await client.say("ping")
                await client.next("pong")
            exporter = house.gateway.records.tracing.exporter
            assert 0 == exporter.exported
            assert exporter.dropped + exporter.failed == 4
        assert url not in log.getvalue()


@pytest.mark.gen_test(timeout=60)
@pytest.mark.skipif(find_spec("mcp") is None, reason="requirements-mcp.txt is not installed")
async def test_tools_of_every_kind_learn_where_they_are(tmp_path):
    """Over MCP in the message, in Python with the caller."""
    entry, _ = write_python(tmp_path)
    server = import_module("tests.fakes.mcp_server").McpHouse()
    async with Collector() as collector:
        settings = {"traces_enabled": True, "traces_endpoint": collector.url}
        with server:
            entry += f'[mcp.house]\nurl = "{server.url}"\ntools = ["get_weather"]\n'
            async with tool_call(
                tmp_path, entry, headers={"traceparent": CLIENT}, **settings
            ) as call:
                told = await call.result_of("where")
                await call.result_of("get_weather", {"city": "Oslo"})
            bodies = [json.loads(body) for _, _, body in server.requests if body]
        (python,) = collector.named("execute_tool where")
        (mcp,) = collector.named("execute_tool get_weather")
        assert f"00-{TRACE}-{python.span_id}-01" == told
        (sent,) = (body["params"] for body in bodies if body.get("method") == "tools/call")
        assert f"00-{TRACE}-{mcp.span_id}-01" == sent["_meta"]["traceparent"]
