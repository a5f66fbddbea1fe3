"""What holds for one call, over real sockets: said by the token, chosen in the address."""

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream


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
            "turn_detection, output, speed, max_output_tokens."
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
