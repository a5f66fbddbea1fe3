"""Every event of a client, in every state of its call, under a policy that lets it and one that
does not: it is sent, kept for the model, or refused in the API's words.
"""

import pytest

from tests.session.relaying.call import EVERYTHING, NOTHING, TOOL, Call
from tests.session.relaying.test_relaying import written

SYSTEM = {"type": "message", "role": "system", "content": []}
UPDATE = {"type": "realtime", "instructions": "Be brief."}
TAKEN = {
    "session.update": {"session": UPDATE},
    "input_audio_buffer.append": {"audio": "QUJD"},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": written("hello")},
    "conversation.item.retrieve": {"item_id": "item_q"},
    "conversation.item.truncate": {"item_id": "item_q", "content_index": 0, "audio_end_ms": 1},
    "conversation.item.delete": {"item_id": "item_q"},
    "response.create": {"response": {"instructions": "Be brief."}},
    "response.cancel": {},
    "output_audio_buffer.clear": {},
}
"""Whatever the policy says, these are taken."""

REFUSED = {
    "session.update": ({"session": {"type": "realtime", "x": 1}}, "unknown_parameter"),
    "conversation.item.create": ({"item": {"type": "mcp_call"}}, "invalid_value"),
    "conversation.item.retrieve": ({"item_id": "parley_x"}, "item_retrieve_invalid_item_id"),
    "conversation.item.truncate": ({"item_id": "parley_x"}, "item_truncate_invalid_item_id"),
    "conversation.item.delete": ({"item_id": "parley_x"}, "item_delete_invalid_item_id"),
    "response.create": ({"response": {"temperature": 1}}, "unknown_parameter"),
    "response.cancel": ({"TYPE": "session.update", "session": UPDATE}, "unknown_parameter"),
    "input_audio_buffer.append": ({"audio": "QUJD", "more": 1}, "unknown_parameter"),
    "input_audio_buffer.commit": ({"session": UPDATE}, "unknown_parameter"),
    "something.new": ({}, "invalid_value"),
    "transcription_session.update": ({}, "invalid_value"),
    "session.close": ({}, "invalid_value"),
    "session.input_audio_buffer.append": ({"audio": "QUJD"}, "invalid_value"),
}
"""And these are not."""


def connecting(rules):
    return Call(rules, (TOOL,)).opened()


def connected(rules):
    return Call(rules, (TOOL,)).begun()


def answering(rules):
    return connected(rules).asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")


def calling_a_tool(rules):
    call = connected(rules).asks("response.create").begins("resp_1")
    return call.calls("resp_1", "item_s", "call_s", TOOL.name).ends("resp_1")


def reconnecting(rules):
    return connected(rules).lost()


STATES = [connecting, connected, answering, calling_a_tool, reconnecting]
POLICIES = [EVERYTHING, NOTHING]
AWAY = {connecting, reconnecting}
ANSWERED_HERE = {
    (calling_a_tool, "response.create"): "conversation_already_has_active_response",
    (calling_a_tool, "response.cancel"): "response.done",
}
"""For the client an answer runs, of which the model knows nothing."""


@pytest.mark.parametrize("rules", POLICIES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", TAKEN)
def test_an_event_that_a_client_may_send(kind, state, rules):
    call = state(rules)

    call.asks(kind, **TAKEN[kind], event_id="mine")

    here = ANSWERED_HERE.get((state, kind))
    if here is not None:
        assert [] == call.sent
        assert here in {call.shown[0]["type"], call.shown[0].get("error", {}).get("code")}
        return
    assert [] == call.shown
    if state in AWAY:
        assert [] == call.sent
        call = call if state is connecting else call.tick(call.session.timers.earliest)
        before = len(call.all)
        call.model_comes()
        call.fresh = call.all[before:]
    sent = [each for each in call.sent if each["type"] == kind][-1]
    if kind == "session.update":
        assert (rules is EVERYTHING) == ("instructions" in sent["session"])
    if kind == "response.create":
        assert (rules is EVERYTHING) == ("instructions" in sent["response"])


@pytest.mark.parametrize("rules", POLICIES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", REFUSED)
def test_an_event_that_no_client_may_send(kind, state, rules):
    fields, code = REFUSED[kind]
    call = state(rules)

    call.asks(kind, **fields, event_id="mine")

    assert [] == call.sent
    assert (code, "mine") == (call.error["code"], call.error["event_id"])
    assert not call.session.ended


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("item", "needs"), [(SYSTEM, "instructions"), ({**SYSTEM, "role": "assistant"}, "history")]
)
def test_an_item_that_only_some_may_bring(state, item, needs):
    call = state(NOTHING).asks("conversation.item.create", item=item)
    assert "permission_denied" == call.error["code"]
    assert needs in call.error["message"]

    call = state(EVERYTHING).asks("conversation.item.create", item=item)
    assert [] == call.shown


@pytest.mark.parametrize("kind", TAKEN)
def test_an_ended_call_answers_nothing(kind):
    call = connected(EVERYTHING)
    call.abandoned()

    call.asks(kind, **TAKEN[kind])

    assert [] == call.fresh
