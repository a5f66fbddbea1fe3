"""What is in force changes while a call runs, over real sockets."""

import base64
import random

import pytest

from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House, whole_log
from tests.fakes.upstream import FakeUpstream
from tests.session.test_configuring import laid_over

CANARY = "canary-o"


@pytest.mark.gen_test
async def test_changes_are_taken_refused_and_said_again_after_a_reconnection():
    """Each with the client's name for it; nobody is shown the operator's instructions."""
    with whole_log("debug") as log:
        async with (
            FakeUpstream() as fake,
            House(
                fake.url,
                session_voices=["ash"],
                session_instructions=CANARY,
                upstream_reconnect_initial_ms=1,
            ) as house,
        ):
            client = await house.connected()
            await fake.next_event("session.update")
            takes = fake.answers["session.update"]

            await client.say("configure", id="a", speed=1.25, voice="ash")
            taken = (await client.next("configured"))["data"]
            assert ("a", 1.25, "ash") == (taken["ref"], taken["speed"], taken["voice"])

            fake.answers["session.update"] = lambda event: [
                {
                    "type": "error",
                    "error": {
                        "type": "invalid_request_error",
                        "code": "invalid_value",
                        "message": CANARY,
                        "param": "session.max_output_tokens",
                        "event_id": event["event_id"],
                    },
                }
            ]
            await client.say("configure", id="b", max_output_tokens=7, output="text")
            refused = await client.error("upstream_rejected")
            assert ("b", "max_output_tokens") == (refused["data"]["ref"], refused["data"]["field"])
            await client.say("configure", id="c", instructions="Sing.", speed=1.0)
            assert "c" == (await client.error("permission_denied"))["data"]["ref"]

            fake.answers["session.update"] = takes
            fake.drop(rst=True)
            await client.status("reconnecting")
            await client.status("connected")
            session = (await fake.connections[-1].next_event("session.update"))["session"]
            assert {"speed": 1.25, "voice": "ash"}.items() <= session["audio"]["output"].items()
            assert (["audio"], CANARY) == (session["output_modalities"], session["instructions"])
            client.check_numbers()
    assert CANARY not in str(client.heard) + log.getvalue()


@pytest.mark.gen_test
async def test_a_realtime_server_takes_changes_in_mid_call():
    """Answers become written ones and spoken again, and then the voice is fixed."""
    server = LocalRealtime(ServerConfig(pace=0))
    port = server.listen("127.0.0.1", 0)
    try:
        async with House(f"ws://127.0.0.1:{port}/v1/realtime", session_voices=["ash"]) as house:
            client = await house.connected()
            await client.say("configure", output="text", voice="ash", turn_detection="none")
            await client.say("text", text="Hello.")
            assert {} == (await client.next("configured"))["data"]["turn_detection_fields"]
            await client.next("response_done")
            assert "audio" not in client.types
            await client.say("configure", output="audio", transcription_language="de")
            await client.say("text", text="Hello again.")
            await client.next("response_done")
            assert "audio" in client.types

            await client.say("configure", id="v", voice="marin", speed=1.1)
            refused = await client.error("invalid_message")
            assert ("voice", "v") == (refused["data"]["field"], refused["data"]["ref"])
            turns = {"type": "server_vad", "threshold": 0.7, "idle_timeout_ms": None}
            await client.say("configure", turn_detection=turns, voice="ash", speed=1.1)
            found = (await client.next("configured"))["data"]
            assert (1.1, 0.7) == (found["speed"], found["turn_detection_fields"]["threshold"])
    finally:
        await server.close()


CHANGES = {
    "voice": ["marin", "ash"],
    "output": ["audio", "text"],
    "speed": [0.5, 1.0, 1.5],
    "max_output_tokens": [100, 200],
    "transcription_language": ["en", "de"],
    "turn_detection": ["none", "semantic_vad", {"type": "server_vad", "threshold": 0.1}],
}
UNDER_WAY = 10


@pytest.mark.gen_test
async def test_two_hundred_changes_in_running_speech():
    """Every sample of it arrives, each change is answered, and both sides agree in the end."""
    chosen = random.Random(9)
    pcm = chosen.randbytes(200 * 960)
    async with (
        FakeUpstream() as fake,
        House(
            fake.url,
            session_voices=["ash"],
            session_turn_detections=["none", "semantic_vad", "server_vad"],
            limits_messages_per_s=10_000,
            limits_message_burst=10_000,
        ) as house,
    ):
        client = await house.connected()
        first = (await fake.next_event("session.update"))["session"]
        names = []
        for number in range(200):
            await client.audio(pcm[number * 960 : (number + 1) * 960])
            changed = chosen.sample(sorted(CHANGES), chosen.randint(1, 3))
            asked = {name: chosen.choice(CHANGES[name]) for name in changed}
            names.append(f"c{number}")
            await client.say("configure", id=names[-1], **asked)
            if len(names) > UNDER_WAY:
                await client.next("configured")
        while client.types.count("configured") < len(names):
            told = (await client.next("configured"))["data"]

        answers = [m["data"]["ref"] for m in client.heard if m["type"] == "configured"]
        assert names == answers
        assert "error" not in client.types
        [link] = fake.connections
        heard, session = b"", first
        for event in link.events:
            if event["type"] == "input_audio_buffer.append":
                heard += base64.b64decode(event["audio"])
            elif event["type"] == "session.update":
                session = laid_over(session, event["session"])
        assert pcm == heard
        turns = session["audio"]["input"]["turn_detection"] or {}
        assert {"idle_timeout_ms": None} | told["turn_detection_fields"] == (
            {"idle_timeout_ms": None} | turns
        )
        assert {"voice": told["voice"], "speed": told["speed"]}.items() <= (
            session["audio"]["output"].items()
        )
        assert [told["answers_in"]] == session["output_modalities"]
        assert told["max_output_tokens"] == session["max_output_tokens"]


@pytest.mark.gen_test
async def test_a_realtime_server_takes_history_in_mid_call(tmp_path):
    """If the operator lets clients, and once."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[fields]\nhistory = {configure = true}\n")
    server = LocalRealtime(ServerConfig(pace=0))
    port = server.listen("127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        async with House(url, session_policy_file=str(policy)) as house:
            client = await house.connected()
            past = [{"role": "user", "text": "Hi."}, {"role": "assistant", "text": "Hello."}]
            await client.say("configure", id="a", history=past)
            await client.say("text", text="Well?")
            assert "a" == (await client.next("configured"))["data"]["ref"]
            await client.next("response_done")
            await client.say("configure", id="b", history=past)
            assert "history" == (await client.error("invalid_message"))["data"]["field"]
            assert 1 == client.types.count("error")
    finally:
        await server.close()
