"""Calls that only transcribe, over real sockets."""

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream

TURN_MS = 400
SCRIBE = "session=transcription&turn_detection=none"


def pcm(duration_ms: int) -> bytes:
    return bytes(duration_ms * 48)


@pytest.mark.gen_test
async def test_a_whole_call_brings_words_and_asks_for_no_answer():
    """By the address; its own address at the model; what makes no sense is refused by name."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.call(SCRIBE)
        told = (await client.next("connection_status"))["data"]
        assert ("transcription", "gpt-transcribe") == (told["negotiated"]["session"], told["model"])
        await client.status("connected")
        link = await fake.connection()
        assert "/v1/realtime?intent=transcription" == link.path
        await client.audio(pcm(TURN_MS))
        await client.say("commit_audio", id="c")
        await link.next_event("input_audio_buffer.commit")
        await link.send({"type": "input_audio_buffer.committed", "item_id": "u1"})
        assert "c" == (await client.next("audio_committed"))["data"]["ref"]
        about = {"item_id": "u1", "content_index": 0}
        for delta in ("He ", "might."):
            kind = "conversation.item.input_audio_transcription.delta"
            await link.send({"type": kind, "delta": delta, **about})
            assert delta == (await client.next("transcript"))["data"]["delta"]
        kind = "conversation.item.input_audio_transcription.completed"
        await link.send({"type": kind, "transcript": "He might.", **about})
        last = (await client.next("transcript"))["data"]
        assert ("user", "He might.", True) == (last["role"], last["text"], last["final"])

        for number, message in enumerate(
            (
                {"type": "text", "text": "Hi."},
                {"type": "interrupt"},
                {"type": "playback", "item_id": "x", "played_ms": 1},
                {"type": "tool_result", "call_id": "x", "output": 1},
                {"type": "configure", "voice": "cedar"},
                {"type": "configure", "tools": []},
            )
        ):
            kind = message.pop("type")
            await client.say(kind, **message, id=f"m{number}")
            error = await client.error("invalid_message")
            assert f"m{number}" == error["data"]["ref"]
            assert "makes no sense in a call that only transcribes" in error["error"]

        await client.say("configure", turn_detection="server_vad", transcription_language="de")
        assert "transcription" == (await client.next("configured"))["data"]["session"]
        sent = {event["type"] for event in link.events}
        assert {"session.update", "input_audio_buffer.append", "input_audio_buffer.commit"} == sent


@pytest.mark.gen_test
async def test_a_lost_model_is_dialled_at_the_same_address():
    """With what is in force then, and words go on."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        token = house.token(parley_session={"session": "transcription"})
        client = await house.connected(token=token)
        await client.say("configure", turn_detection="none")
        await client.next("configured")
        fake.drop(rst=True)
        await client.status("connected")
        link = await fake.connection(1)
        assert "/v1/realtime?intent=transcription" == link.path
        update = await link.next_event("session.update")
        assert update["session"]["audio"]["input"]["turn_detection"] is None
        await client.audio(pcm(TURN_MS))
        await client.say("commit_audio")
        await link.next_event("input_audio_buffer.commit")
        await link.send({"type": "input_audio_buffer.committed", "item_id": "u1"})
        await client.next("audio_committed")
        assert "response.create" not in {event["type"] for event in link.events}


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("query", "changes", "field", "code"),
    [
        ("session=translation", {}, "session", "invalid_message"),
        ("session=transcription&voice=cedar", {}, "voice", "invalid_message"),
        ("session=transcription&output=text", {}, "output", "invalid_message"),
        (
            "session=transcription",
            {"session_transcription_model": ""},
            "session",
            "invalid_message",
        ),
    ],
)
async def test_what_cannot_be_is_refused_at_the_opening(query, changes, field, code):
    """By name, before the model is dialled."""
    async with House("ws://127.0.0.1:9/", **changes) as house:
        status, body, _ = await house.refusal(query)
    assert (400, code, field) == (status, body["data"]["code"], body["data"]["field"])


@pytest.mark.gen_test
async def test_the_operator_decides_who_may(tmp_path):
    """By scope, as for every field."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        "[fields]\nsession = {token = false, query = false}\n"
        '[scopes.scribe]\nsession = {query = ["transcription"]}\n'
    )
    async with FakeUpstream() as fake, House(fake.url, session_policy_file=str(policy)) as house:
        status, body, _ = await house.refusal("session=transcription")
        assert (403, "permission_denied") == (status, body["data"]["code"])
        said = {"session": "transcription"}
        status, body, _ = await house.refusal(token=house.token(parley_session=said))
        assert (401, "token_invalid") == (status, body["data"]["code"])
        token = house.token(scopes=("scribe",))
        client = await house.call("session=transcription", token=token)
        told = (await client.next("connection_status"))["data"]["negotiated"]
        assert "transcription" == told["session"]
