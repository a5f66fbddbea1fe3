"""What holds for one call, over real sockets: said by the token, chosen in the address."""

import base64
import json

import pytest

from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House, fault_of_ours, whole_log
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.sealing import Seal

SEALING = base64.urlsafe_b64encode(b"canary-k" * 4).decode()
CANARY = "canary-a"
SEALED = {
    "instructions": f"{CANARY} for {{metadata.x}} {{user_id}}",
    "metadata": {"x": CANARY},
    "history": [{"role": "user", "text": CANARY}, {"role": "assistant", "text": CANARY}],
}


@pytest.mark.gen_test
async def test_what_the_token_says_is_what_the_model_is_told():
    """And what the client is told is in force; its own choices come behind."""
    said = {
        "voice": "cedar",
        "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
        "output": "text",
    }
    async with (
        FakeUpstream() as fake,
        House(fake.url, session_instructions="For {user_id}.") as house,
    ):
        token = house.token(parley_session=said)
        client = await house.call("speed=1.25&transcription_language=de", token=token)
        first = (await client.next("connection_status"))["data"]["negotiated"]
        session = (await fake.next_event("session.update"))["session"]

        assert ("cedar", "semantic_vad", "text", 1.25, "de") == (
            first["voice"],
            first["turn_detection"],
            first["answers_in"],
            first["speed"],
            first["transcription_language"],
        )
        assert "For alice." == session["instructions"]
        assert ["text"] == session["output_modalities"]
        assert {"voice": "cedar", "speed": 1.25}.items() <= session["audio"]["output"].items()
        heard = session["audio"]["input"]
        assert "de" == heard["transcription"]["language"]
        assert "low" == heard["turn_detection"]["eagerness"]


@pytest.mark.gen_test
async def test_what_the_token_has_set_is_not_the_clients_to_choose():
    """It is refused by name before anybody is dialled."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        token = house.token(parley_session={"voice": "cedar"})
        status, body, _ = await house.refusal("voice=ash", token=token)

        assert (403, "permission_denied") == (status, body["data"]["code"])
        assert "voice" == body["data"]["field"]
        assert body["error"] == (
            "voice is for the token to decide; what may be set is model, transcription_language, "
            "turn_detection, output, speed, max_output_tokens, session, input_format, input_rate, "
            "input_channels, output_format, output_rate, output_encoding."
        )
        assert [] == fake.connections


@pytest.mark.gen_test
async def test_a_written_answer_comes_as_words_and_no_audio():
    """With output=text."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected("output=text")
        await client.say("text", text="Hello.")
        await fake.next_event("response.create")
        ids = {"response_id": "r", "item_id": "i"}
        response = {"id": "r", "status": "completed", "usage": None, "output": []}
        await fake.send({"type": "response.created", "response": {"id": "r"}})
        await fake.send({"type": "response.output_text.delta", **ids, "delta": "Hi."})
        await fake.send({"type": "response.output_text.done", **ids, "text": "Hi."})
        await fake.send({"type": "response.done", "response": response})
        await client.next("response_done")

        [words] = [m["data"] for m in client.heard if m["type"] == "transcript"][-1:]
        assert ("Hi.", True) == (words["text"], words["final"])
        assert "audio" not in client.types


def seen(client, log):
    """All that a client and whoever reads the log have seen."""
    return json.dumps([heard for heard in client.heard if isinstance(heard, dict)]) + log.getvalue()


def check_hidden(text):
    """Nothing of the operator's, the sealed part's or the key's is in it."""
    for secret in (CANARY, SEALING, "canary-k", "canary-o"):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode()[:10] not in text


@pytest.mark.gen_test
async def test_what_is_sealed_reaches_the_model_and_nobody_else():
    """Neither the client nor the log at its most talkative, through faults and a reconnection."""
    with whole_log("debug") as log:
        async with (
            FakeUpstream() as fake,
            House(
                fake.url,
                auth_sealing_key=SEALING,
                session_instructions="canary-o",
                upstream_reconnect_initial_ms=1,
            ) as house,
        ):
            operators = await house.connected()
            update = await fake.next_event("session.update")
            assert "canary-o" == update["session"]["instructions"]
            operators.socket.close()

            sealed = Seal(b"canary-k" * 4).close(SEALED)
            client = await house.call(token=house.token(parley_session=sealed))
            await client.status("connected")
            link = fake.connections[-1]
            assert (
                f"{CANARY} for {CANARY} alice"
                == ((await link.next_event("session.update"))["session"]["instructions"])
            )
            for kind in ("input_text", "output_text"):
                item = (await link.next_event("conversation.item.create"))["item"]
                assert [{"type": kind, "text": CANARY}] == item["content"]
            await client.say("get_status")
            await client.next("status")
            error = {"type": "x", "code": "bad", "message": CANARY, "event_id": "parley_history"}
            await link.send({"type": "error", "error": error})
            await client.next("error")
            link.drop(rst=True)
            await client.status("reconnecting")
            await client.status("connected")
            for _ in range(2):
                again = fake.connections[-1]
                assert CANARY in str(await again.next_event("conversation.item.create"))
            connection = next(iter(house.gateway.connections))
            check_hidden(repr(connection.config))
            fault_of_ours(connection, CANARY)
            assert 1011 == (await client.closed())[0]
            text = seen(client, log)
    assert "session_failed" in text
    check_hidden(text)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({**SEALED, "speed": CANARY}, "speed"),
        ({**SEALED, CANARY: 1}, "unknown field"),
        ({**SEALED, "metadata": {CANARY: 7}}, "metadata"),
        ({**SEALED, "instructions": f"{{{CANARY}}}"}, "instructions"),
    ],
)
async def test_a_sealed_part_that_is_wrong_reveals_nothing(wrong, detail):
    """To the client, one sentence; to the log, the name of the field."""
    with whole_log("debug") as log:
        async with FakeUpstream() as fake, House(fake.url, auth_sealing_key=SEALING) as house:
            sealed = Seal(b"canary-k" * 4).close(wrong)
            token = house.token(parley_session=sealed)
            status, body, _ = await house.refusal(token=token)

            assert (401, "token_invalid") == (status, body["data"]["code"])
            assert "field" not in body["data"]
    [line] = [json.loads(line) for line in log.getvalue().splitlines() if "client_refused" in line]
    assert detail == line["detail"]
    check_hidden(json.dumps(body) + log.getvalue())


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "said",
    [
        {
            "speed": 1.2,
            "transcription_language": "de",
            "output": "text",
            "max_output_tokens": 100,
            "history": SEALED["history"],
        },
        {
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.6,
                "prefix_padding_ms": 100,
                "silence_duration_ms": 300,
                "idle_timeout_ms": 6000,
                "create_response": False,
                "interrupt_response": False,
            }
        },
        {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
        {"tools": [{"name": "beep"}], "tool_choice": "none"},
        {"turn_detection": "none", "instructions": "{user_id} is {metadata.x}."},
    ],
    ids=["all that is told", "server_vad", "semantic_vad", "tools", "none"],
)
async def test_a_realtime_server_takes_all_of_it(said):
    """The local one refuses what the API would."""
    server = LocalRealtime(ServerConfig(pace=0))
    port = server.listen("127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        async with House(url, auth_sealing_key=SEALING) as house:
            sealed = Seal(b"canary-k" * 4).close(said)
            client = await house.call(token=house.token(parley_session=sealed))
            await client.status("connected")
            await client.say("text", text="Hello.")
            done = await client.next("response_done")
            assert "completed" == done["data"]["status"]
            assert "error" not in client.types
            assert ("audio" in client.types) == (said.get("output") != "text")
    finally:
        await server.close()
