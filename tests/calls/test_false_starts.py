"""Whole calls in which a noise stops an answer, which goes on."""

import base64

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream

PCM = bytes(index % 251 for index in range(144_000))
"""Three seconds at 24 kHz, no piece of which is like another."""
GOES_ON = {"session_false_start": "go_on", "session_false_start_ms": 4000}


def deltas(pcm, item_id="item_a", response_id="resp_1"):
    """Pieces of odd sizes: samples are cut in two."""
    for begin in range(0, len(pcm), 4801):
        piece = base64.b64encode(pcm[begin : begin + 4801]).decode()
        names = {"item_id": item_id, "response_id": response_id}
        yield {"type": "response.output_audio.delta", "delta": piece, **names}


def created(response_id):
    return {"type": "response.created", "response": {"id": response_id}}


def done(response_id, status):
    return {"type": "response.done", "response": {"id": response_id, "status": status}}


async def stopped_by_a_noise(fake, client):
    """Of three seconds the client has played 300 ms when the model hears something."""
    await fake.send(created("resp_1"))
    for delta in deltas(PCM):
        await fake.send(delta)
    ended = {"item_id": "item_a", "response_id": "resp_1"}
    await fake.send({"type": "response.output_audio.done", **ended})
    sent_ms = 0.0
    while sent_ms < 2999.0:
        sent_ms += (await client.next("audio"))["data"]["duration_ms"]
    await client.say("playback", item_id="item_a", played_ms=300)
    await client.say("ping")
    await client.next("pong")
    await fake.send({"type": "input_audio_buffer.speech_started", "item_id": "item_u"})
    await fake.send(done("resp_1", "cancelled"))
    heard_ms = (await client.next("interrupted"))["data"]["heard_ms"]
    await fake.send({"type": "input_audio_buffer.speech_stopped", "item_id": "item_u"})
    await fake.send({"type": "input_audio_buffer.committed", "item_id": "item_u"})
    await fake.send(created("resp_2"))
    for delta in deltas(PCM[:9600], "item_b", "resp_2"):
        await fake.send(delta)
    return heard_ms


def transcript(text):
    kind = "conversation.item.input_audio_transcription.completed"
    return {"type": kind, "item_id": "item_u", "content_index": 0, "transcript": text}


@pytest.mark.parametrize("query", ["", "output_format=pcmu&output_rate=8000"])
@pytest.mark.gen_test
async def test_what_was_not_heard_comes_again_to_the_sample(query):
    """And the rest is asked for, when the answer to the noise is out of the way."""
    async with FakeUpstream() as fake, House(fake.url, **GOES_ON) as house:
        client = await house.connected(query)
        heard_ms = await stopped_by_a_noise(fake, client)
        assert 300 <= heard_ms < 3000
        await fake.send(transcript(""))
        goes_on = (await client.next("answer_goes_on"))["data"]
        assert {"item_id": "item_a", "offset_ms": heard_ms} == goes_on
        again, ends_ms = b"", heard_ms
        while ends_ms < 2999.0:
            data = (await client.next("audio"))["data"]
            assert ("item_a", pytest.approx(ends_ms, abs=0.01)) == (
                data["item_id"],
                data["offset_ms"],
            )
            again += base64.b64decode(data["audio"])
            ends_ms += data["duration_ms"]
        if query:
            assert len(again) == pytest.approx((3000 - heard_ms) * 8, abs=8)
        else:
            assert PCM[heard_ms * 48 :] == again
        assert "resp_2" == (await fake.next_event("response.cancel"))["response_id"]
        assert "item_u" == (await fake.next_event("conversation.item.delete"))["item_id"]
        await fake.send(done("resp_2", "cancelled"))
        rest = await fake.next_event("response.create")
        assert "Go on from its last word" in rest["response"]["instructions"]
        client.check_numbers()


@pytest.mark.gen_test
async def test_words_are_an_interruption_and_their_answer_is_heard():
    """It waited for them."""
    async with FakeUpstream() as fake, House(fake.url, **GOES_ON) as house:
        client = await house.connected()
        heard_ms = await stopped_by_a_noise(fake, client)
        await fake.send(transcript("Wait, please."))
        cut = await fake.next_event("conversation.item.truncate")
        assert ("item_a", heard_ms) == (cut["item_id"], cut["audio_end_ms"])
        heard = b""
        while len(heard) < 9600:
            data = (await client.next("audio"))["data"]
            assert "item_b" == data["item_id"]
            heard += base64.b64decode(data["audio"])
        assert PCM[:9600] == heard
        assert "answer_goes_on" not in client.types
