"""Tools of the client in whole calls: named by a token, performed by the client."""

import json

import pytest

from tests.calls.house import House, whole_log
from tests.calls.tool_house import ToolCall
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.sealing import Seal, read_key

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
        assert "'red', 'blue'" in json.loads(output)["error"]
        assert "tool_call" not in client.types

        (call_id,) = await call.model_calls((TOOL["name"], {"colour": "red"}))
        await client.next("tool_call")
        await client.say("interrupt")
        cancelled = await client.next("tool_call_cancelled")
        assert {"call_id": call_id, "reason": "interrupted"} == cancelled["data"]
        assert call_id == (await call.output())[0]
