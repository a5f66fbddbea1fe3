"""What is hidden stays so, whatever the model repeats of it: no byte of it for client or log."""

import base64
import json

import pytest

from tests.calls.house import House, whole_log
from tests.calls.test_policy import SEALING
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.sealing import Seal

OPERATORS, SEALED, KEY = "canary-operator words", "canary-sealed words", b"canary-k" * 4
TOKEN_SAYS = {
    "instructions": f"{SEALED} {{metadata.x}}",
    "metadata": {"x": SEALED},
    "history": [{"role": "user", "text": SEALED}, {"role": "assistant", "text": SEALED}],
    "client_may": {"instructions": True, "history": False},
}
ITEM = {
    "id": "item_1",
    "object": "realtime.item",
    "type": "message",
    "role": "system",
    "content": [{"type": "input_text", "text": SEALED}],
}
ERROR = {"type": "invalid_request_error", "code": None, "message": SEALED, "param": SEALED}
SESSION = {
    "type": "realtime",
    "id": "sess_1",
    "instructions": f"{OPERATORS} {SEALED}",
    "prompt": {"id": SEALED, "variables": {"x": SEALED}},
    "tracing": {"metadata": {"x": SEALED}},
}
RESPONSE = {
    "id": "resp_1",
    "object": "realtime.response",
    "instructions": SEALED,
    "metadata": {"x": SEALED},
    "output": [ITEM],
}
FAILED = RESPONSE | {"status": "failed", "status_details": {"type": "failed", "error": ERROR}}
COUNTED = {"total_tokens": 7, "input_token_details": {"text_tokens": 7, "note": SEALED}}


def repeats(*words):
    """All that a model may say beside an answer's own words, with what it was told in it."""
    errors = [ERROR | {"type": kind, "code": code} for kind in words for code in words]
    return [
        {"type": "session.created", "session": SESSION},
        {"type": "session.updated", "session": SESSION},
        {"type": "conversation.created", "conversation": {"id": SEALED}},
        *[
            {"type": f"conversation.item.{kind}", "previous_item_id": SEALED, "item": ITEM}
            for kind in ("added", "created", "done", "retrieved", "deleted", "truncated")
        ],
        *[{"type": "error", "error": error} for error in errors],
        *[
            {"type": "error", "error": ERROR | {"event_id": f"parley_{kind}"}}
            for kind in ("history", "text", "commit_1", "clear", "tool", "cancel_1", "truncate")
        ],
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": "item_1",
            "error": ERROR,
        },
        {"type": "rate_limits.updated", "rate_limits": [{"name": SEALED}]},
        {"type": "mcp_list_tools.failed", "item_id": SEALED},
        {"type": SEALED, "x": SEALED},
        {"type": "response.output_item.added", "response_id": "resp_1", "item": ITEM},
        {"type": "response.created", "response": RESPONSE},
        {"type": "response.output_item.done", "response_id": "resp_1", "item": ITEM},
        {"type": "response.done", "response": FAILED | {"usage": COUNTED}},
        {"type": "response.created", "response": RESPONSE | {"id": "resp_2"}},
        {
            "type": "response.done",
            "response": RESPONSE
            | {"id": "resp_2", "status": SEALED, "usage": {"total_tokens": SEALED}},
        },
        {"type": 7, "x": SEALED},
        [SEALED],
    ]


def check_nowhere(text):
    """None of it, as it is or in base64, wherever that begins."""
    assert "canary" not in text
    assert SEALING not in text
    for secret in (OPERATORS.encode(), SEALED.encode(), KEY):
        for shift in range(3):
            encoded = base64.b64encode(bytes(shift) + secret).decode()
            assert encoded[4:-4] not in text


@pytest.mark.gen_test
async def test_what_the_model_repeats_reaches_neither_client_nor_log():
    """In events, refusals, failures and the reason of a close."""
    with whole_log("debug") as log:
        async with (
            FakeUpstream() as fake,
            House(
                fake.url,
                auth_sealing_key=SEALING,
                session_instructions=OPERATORS,
                upstream_reconnect_initial_ms=1,
                limits_errors_per_minute=10_000,
            ) as house,
        ):
            token = house.token(parley_session=Seal(KEY).close(TOKEN_SAYS))
            client = await house.call(token=token)
            await client.status("connected")
            link = fake.connections[-1]
            assert SEALED in str(await link.next_event("session.update"))
            for event in repeats("server_error", "rate_limit_exceeded", "model_not_found", SEALED):
                await link.send(event)
            await link.close(1011, f"invalid_request_error.{SEALED}"[:120])
            _, reason = await client.closed()
            heard = json.dumps(client.heard)
    check_nowhere(heard + str(reason) + log.getvalue())


@pytest.mark.gen_test
@pytest.mark.parametrize("handshake", ["accept", 401, 500])
async def test_nor_does_what_it_says_when_it_refuses(handshake):
    """The session itself, or the way to it."""
    with whole_log("debug") as log:
        async with (
            FakeUpstream(handshake=handshake, refusal_headers=f"X-Told: {SEALED}\r\n") as fake,
            House(
                fake.url,
                auth_sealing_key=SEALING,
                session_instructions=OPERATORS,
                upstream_reconnect_initial_ms=1,
                upstream_reconnect_attempts=1,
            ) as house,
        ):
            error = ERROR | {"event_id": "parley_session"}
            fake.answers["session.update"] = lambda _: [{"type": "error", "error": error}]
            token = house.token(parley_session=Seal(KEY).close(TOKEN_SAYS))
            client = await house.call(token=token)
            _, reason = await client.closed()
            heard = json.dumps(client.heard)
    assert "upstream_rejected" in heard or "upstream_unavailable" in heard
    check_nowhere(heard + str(reason) + log.getvalue())
