"""The protocol's small print over real sockets: ids, numbers of chunks, what was negotiated."""

import base64

import pytest

from tests.calls.house import House
from tests.fakes.files import silence
from tests.fakes.upstream import FakeUpstream

CHUNK = bytes(960)
TEXT = base64.b64encode(CHUNK).decode()


@pytest.mark.gen_test
async def test_a_client_learns_what_came_of_its_opening():
    """In the first message: formats, voice, model, turn detection, and slips of the pen."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        query = "input_format=pcma&output_encoding=binary&voice=ash&rate=8000&%00%1b%5b31m=1"
        client = await house.call(query)
        first = (await client.next("connection_status"))["data"]["negotiated"]
        assert {"format": "pcma", "rate_hz": 8000, "channels": 1, "encoding": "any"} == (
            first["input"]
        )
        assert {"format": "pcm16", "rate_hz": 24_000, "channels": 1, "encoding": "binary"} == (
            first["output"]
        )
        assert ("ash", "gpt-realtime-2.1", "server_vad") == (
            first["voice"],
            first["model"],
            first["turn_detection"],
        )
        assert ["rate", "??[31m"] == first["ignored"]
        assert "negotiated" not in (await client.status("connected"))["data"]


@pytest.mark.gen_test
async def test_errors_about_audio_name_the_chunk():
    """Frames, base64, files, what is wrong and what is too large: each counts one."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        await client.audio(CHUNK)
        await client.say("audio_data", audio=TEXT, id="two")
        await client.audio(b"odd")
        await client.say("audio_data", audio="!", id="four")
        await client.say("audio_data", id="five")
        await client.say("audio_data", audio=TEXT, format="mp3", id="six")
        await client.audio(bytes(300_000))
        await client.say("audio_data", audio="A" * 300_000, id="eight")
        file = base64.b64encode(silence(0.1)).decode()
        await client.say("audio_data", audio=file, format="flac", id="nine")
        await client.say("text", text="x" * 300_000, id="no audio")
        await client.audio(CHUNK)

        heard = {}
        while (data := (message := await client.read())["data"]).get("chunk") != 10:
            if message["type"] in {"audio_received", "error"}:
                heard[data.get("chunk", "none")] = (data.get("code", "received"), data.get("ref"))
        assert {
            1: ("received", None),
            2: ("received", "two"),
            3: ("invalid_audio", None),
            4: ("invalid_audio", "four"),
            5: ("invalid_message", "five"),
            6: ("unsupported_format", "six"),
            7: ("message_too_large", None),
            8: ("message_too_large", "eight"),
            9: ("received", "nine"),
            "none": ("message_too_large", "no audio"),
        } == heard


@pytest.mark.gen_test
async def test_a_wrong_message_is_known_by_its_id():
    """Several may be on their way at once, and each error says of which it is."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        await client.say("text", id="a")
        await client.say("hello", id="b")
        await client.text("no JSON")
        await client.say("get_status", id="d" * 65)
        await client.say("get_status", id="e")

        refs = []
        while (message := await client.read())["type"] != "status":
            refs.append((message["data"]["code"], message["data"].get("ref")))
        assert "e" == message["data"]["ref"]
        assert [
            ("invalid_message", "a"),
            ("unknown_type", "b"),
            ("invalid_json", None),
            ("invalid_message", None),
        ] == refs


@pytest.mark.gen_test
async def test_what_the_model_says_of_a_turn_bears_its_id():
    """A typed turn that it refuses, and one that it answers."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        await client.say("text", text="Good day", id="a")
        name = (await fake.next_event("conversation.item.create"))["event_id"]
        error = {"type": "invalid_request_error", "code": "no", "event_id": name}
        await fake.send({"type": "error", "error": error})
        assert "a" == (await client.error("upstream_rejected"))["data"]["ref"]

        again = await house.connected(user="bob")
        await again.say("text", text="Good day", id="b")
        link = await fake.connection(1)
        await link.next_event("response.create")
        await link.send({"type": "response.created", "response": {"id": "r"}})
        assert "b" == (await again.next("response_started"))["data"]["ref"]
        await link.send({"type": "response.done", "response": {"id": "r", "status": "completed"}})
        assert "b" == (await again.next("response_done"))["data"]["ref"]
