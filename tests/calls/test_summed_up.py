"""A whole call whose beginning is summed up when the local model has heard too much."""

import uuid

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.handlers import realtime as local
from local_realtime.responders.speech import Speech
from local_realtime.server import LocalRealtime, ServerConfig
from local_realtime.session.session import Session
from tests.calls.house import House

MODULE = '''
"""What sums up, of a test."""
from parley_tools import Caller, Said, summary

asked = []

@summary
async def in_short(said: list[Said], caller: Caller) -> str:
    asked.append((caller.user_id, [(each.kind, each.text) for each in said]))
    return "The user's name is Anna." if "Anna" in said[0].text else "Nothing was said."
'''
TOKENS = 500
"""Of which the next model is to know half: 1000 bytes, which is less than two turns."""
LONG = "Repeat: " + "la " * 500


class Listening(Session):
    """A session of the model that keeps what it was told."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.told = []
        sessions.append(self)

    def handle(self, frame, now):
        event = local.msgspec.json.decode(frame)
        if event["type"] == "conversation.item.create":
            self.told.append(event["item"])
        return super().handle(frame, now)


sessions: list[Listening] = []


def words(item):
    return item["role"], item["content"][0]["text"]


async def ask(client, sentence):
    await client.say("text", text=sentence)
    await client.next("response_done")
    final = [m["data"] for m in client.heard if m["type"] == "transcript" and m["data"]["final"]]
    return final[-1]["text"]


@pytest.mark.gen_test(timeout=120)
async def test_what_was_summed_up_is_known_after_a_roll_over(tmp_path, monkeypatch):
    """The next model was never told the turn that it answers from."""
    sessions.clear()
    monkeypatch.setattr(local, "Session", Listening)
    name = f"summary_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    tools = tmp_path / "tools.toml"
    tools.write_text(f'[python]\nmodule = "{name}"\n')
    speech = Speech(threads=1)
    server = LocalRealtime(ServerConfig(), speech, speech.ear)
    url = f"ws://127.0.0.1:{server.listen('127.0.0.1', 0)}/v1/realtime"
    settings = {"tools_file": str(tools), "upstream_context_tokens": TOKENS}
    try:
        async with House(url, **settings) as house:
            client = await house.connected("output=text")
            assert "Nice to meet you, Anna." == await ask(client, "My name is Anna.")
            await ask(client, LONG)
            told = (await client.status("connected"))["data"]
            assert ("rebuilt", "context_limit") == (told["context"], told["reason"])
            assert "Your name is Anna." == await ask(client, "What is my name?")
            [asked] = __import__(name).asked
            assert "error" not in client.types
    finally:
        await server.close()
        speech.close()

    user, said = asked
    assert "alice" == user
    assert ("user", "My name is Anna.") == said[0]
    first, *rest = map(words, sessions[1].told)
    assert ("system", "What was said before, summed up: The user's name is Anna.") == first
    assert ("user", "My name is Anna.") not in rest
