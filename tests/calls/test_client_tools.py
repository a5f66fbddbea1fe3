"""Tools of the client in whole calls: named by a token, performed by the client."""

import json

import pytest

from tests.calls.house import House, whole_log
from tests.calls.tool_house import Endpoint, ToolCall, http_tool
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.sealing import Seal, read_key
from tornado_app.protocol.close import GOING_AWAY
from tornado_app.session import events

SEALING = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"
TOOL = {
    "name": "set_canary_colour",
    "description": "Paint the page.",
    "parameters": {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
    },
}


@pytest.mark.gen_test
async def test_a_client_performs_what_its_token_names():
    """Sealed or not; results in another order; one answer; no name and no word in the log."""
    sealed = Seal(read_key(SEALING)).close({"tools": [TOOL]})
    with whole_log("debug") as log:
        async with FakeUpstream() as fake, House(fake.url, auth_sealing_key=SEALING) as house:
            client = await house.call(token=house.token(parley_session=sealed))
            await client.status("connected")
            call = ToolCall(fake, await fake.connection(), client, house)
            update = await call.link.next_event("session.update")
            assert [{"type": "function", **TOOL}] == update["session"]["tools"]

            ids = await call.model_calls(
                (TOOL["name"], {"colour": "red"}), (TOOL["name"], {"colour": "blue"})
            )
            first = (await client.next("tool_call"))["data"]
            assert (ids[0], {"colour": "red"}) == (first["call_id"], first["arguments"])
            assert (TOOL["name"], "r1", "f1_0") == tuple(
                first[name] for name in ("name", "response_id", "item_id")
            )
            second = (await client.next("tool_call"))["data"]
            await client.say("tool_result", call_id=second["call_id"], output={"was": "canary"})
            called, output = await call.output()
            assert (ids[1], {"was": "canary"}) == (called, json.loads(output))
            await client.say("tool_result", call_id=first["call_id"], output="canary")
            assert (ids[0], "canary") == await call.output()
            await call.link.next_event("response.create")

            await client.say("tool_result", call_id=first["call_id"], output="x", id="late")
            error = await client.next("error")
            assert ("call_id", "late") == (error["data"]["field"], error["data"]["ref"])
    assert "canary" not in log.getvalue()
    client.check_numbers()


@pytest.mark.gen_test
async def test_arguments_that_do_not_fit_and_a_client_that_says_stop():
    """The model reads of the first, the client of the second."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.call(token=house.token(parley_session={"tools": [TOOL]}))
        await client.status("connected")
        call = ToolCall(fake, await fake.connection(), client, house)
        output = await call.result_of(TOOL["name"], {"colour": "green"})
        assert '"red", "blue"' in json.loads(output)["error"]
        assert "tool_call" not in client.types

        (call_id,) = await call.model_calls((TOOL["name"], {"colour": "red"}))
        await client.next("tool_call")
        await client.say("interrupt")
        cancelled = await client.next("tool_call_cancelled")
        assert {"call_id": call_id, "reason": "interrupted"} == cancelled["data"]
        assert call_id == (await call.output())[0]


@pytest.mark.gen_test
async def test_both_kinds_in_one_answer_and_a_server_that_goes_away(tmp_path):
    """One answer behind the last result; what is open at the end is cancelled in words."""
    async with Endpoint() as endpoint:
        file = tmp_path / "tools.toml"
        file.write_text(http_tool("get_weather", endpoint.url("weather")))
        async with FakeUpstream() as fake, House(fake.url, tools_file=str(file)) as house:
            taken = {"tools": [{"name": "get_weather"}]}
            status, body, _ = await house.refusal(token=house.token(parley_session=taken))
            assert (401, "token_invalid") == (status, body["data"]["code"])

            client = await house.call(token=house.token(parley_session={"tools": [TOOL]}))
            await client.status("connected")
            call = ToolCall(fake, await fake.connection(), client, house)
            ids = await call.model_calls(
                ("get_weather", {"city": "Oslo"}), (TOOL["name"], {"colour": "red"})
            )
            assert ids[0] == (await call.output())[0]
            assert ids[1] == (await client.next("tool_call"))["data"]["call_id"]
            await client.say("tool_result", call_id=ids[1], output="Painted.")
            assert (ids[1], "Painted.") == await call.output()
            await call.link.next_event("response.create")
            await call.model_speaks()

            (open_id,) = await call.model_calls((TOOL["name"], {"colour": "blue"}))
            await client.next("tool_call")
            for connection in house.gateway.connections:
                connection.feed(events.Stop(GOING_AWAY))
            cancelled = await client.next("tool_call_cancelled")
            assert {"call_id": open_id, "reason": "ended"} == cancelled["data"]
            assert 1001 == (await client.closed())[0]
