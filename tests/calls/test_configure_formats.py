"""Formats change while a call runs, over real sockets: what is heard on both sides goes on."""

import base64
import math
import random
from fractions import Fraction

import numpy as np
import pytest

from tests.calls.house import House
from tests.fakes.opus import Encoder
from tests.fakes.upstream import FakeUpstream
from tests.session.test_configuring import laid_over
from workers import codecs
from workers.formats import BYTES_PER_SAMPLE
from workers.opus import library

TONE_HZ = 440
LEVEL = 0.2
QUIET = 0.006
"""What G.711 makes of a tone, with some room; half a sample of 24 kHz would be three times that."""
CHANGES = 500
UNDER_WAY = 10
ANSWER_FROM = 20
"""From then on the model speaks, and its voice is fixed."""
PLACE = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}

INPUTS = [
    {"input_format": "pcm16"},
    {"input_format": "float32"},
    {"input_format": "pcmu"},
    {"input_rate": 8_000},
    {"input_rate": 16_000},
    {"input_rate": 24_000},
    {"input_rate": 44_100},
    {"input_rate": 48_000},
    {"input_format": "pcm16", "input_rate": 11_025, "input_channels": 2},
    {"input_channels": 1},
    {"input_channels": 3},
]
OUTPUTS = [
    {"output_format": "pcm16"},
    {"output_format": "float32"},
    {"output_format": "pcma"},
    {"output_rate": 8_000},
    {"output_rate": 24_000},
    {"output_rate": 44_100},
    {"output_rate": 48_000},
    {"output_encoding": "base64"},
    {"output_encoding": "binary"},
    {"output_format": "pcm16", "output_rate": 24_000, "output_encoding": "base64"},
]
OTHERS = [
    {"speed": 0.5},
    {"speed": 1.25},
    {"output": "text"},
    {"output": "audio"},
    {"max_output_tokens": 100},
    {"transcription_language": "de"},
    {"turn_detection": "semantic_vad"},
    {"turn_detection": {"type": "server_vad", "threshold": 0.1}},
    {"tool_choice": "none"},
]
REFUSED = [
    {"input_rate": 7_999},
    {"input_format": "opus", "input_rate": 44_100},
    {"input_format": "float32", "speed": 9},
    {"output_format": "mp3"},
    {"output_rate": 8_000, "max_output_tokens": 7},
    {"input_rate": 8_000, "max_output_tokens": 7},
    {"instructions": "Sing."},
]
"""The last but one by the model."""


def tone(begin_s, rate_hz, frames):
    times = float(begin_s) + np.arange(frames) / rate_hz
    return (LEVEL * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)


class Microphone:
    """A tone that goes on, in the format that the client has said last."""

    def __init__(self):
        self.settings = {"input_format": "pcm16", "input_rate": 24_000, "input_channels": 1}
        self.at_s = Fraction(0)
        self.sent_bytes = 0

    def chunk(self, milliseconds):
        encoding, rate_hz, channels = self.settings.values()
        frames = math.ceil(milliseconds * rate_hz / 1000)
        samples = np.repeat(tone(self.at_s, rate_hz, frames), channels)
        self.at_s += Fraction(frames, rate_hz)
        return codecs.encode(samples, encoding)


def check_heard(heard, item_s):
    """The answer as a client plays it: each piece in the format of the last ``configured``."""
    output = {"format": "pcm16", "rate_hz": 24_000, "encoding": "base64"}
    end_ms, pieces, formats = 0.0, iter(heard), set()
    for message in pieces:
        if isinstance(message, bytes) or message["type"] not in {"configured", "audio"}:
            assert not isinstance(message, bytes), "a frame that no message has announced"
            continue
        data = message["data"]
        if message["type"] == "configured":
            output = data["output"]
            continue
        assert ("audio" in data) == (output["encoding"] == "base64")
        audio = base64.b64decode(data["audio"]) if "audio" in data else next(pieces)
        assert data.get("size", len(audio)) == len(audio)
        samples = codecs.decode(audio, output["format"]).astype(np.float64)
        rate_hz = output["rate_hz"]
        assert abs(data["offset_ms"] - end_ms) < 0.002
        assert abs(data["duration_ms"] - len(samples) * 1000 / rate_hz) < 0.002
        times = data["offset_ms"] / 1000 + np.arange(len(samples)) / rate_hz
        error = np.abs(samples - LEVEL * np.sin(2 * np.pi * TONE_HZ * times))
        inside = (times > 0.02) & (times < item_s - 0.02)
        assert error[inside].max(initial=0) < QUIET, (message["seq"], output)
        end_ms = data["offset_ms"] + len(samples) * 1000 / rate_hz
        formats.add(tuple(output.values()))
    assert abs(end_ms - item_s * 1000) < 1000 / 8_000 + 0.01
    return formats


def is_answer(message):
    """To a ``configure``."""
    return isinstance(message, dict) and message["type"] in {"configured", "error"}


def is_taken(event):
    return event["session"].get("max_output_tokens") != 7


def answers_of_model(event):
    """It takes all but an answer of 7 tokens."""
    if not is_taken(event):
        facts = {"type": "invalid_request_error", "code": "odd", "event_id": event["event_id"]}
        return [{"type": "error", "error": {**facts, "message": "", "param": None}}]
    return [{"type": "session.updated", "session": event["session"]}]


class Torture:
    """One client, one model, and what each has been told."""

    def __init__(self, client, fake):
        self.client, self.fake = client, fake
        self.chosen = random.Random(9)
        self.microphone = Microphone()
        self.expected = []
        self.answered = 0
        self.spoken = 0

    def changes(self, number):
        """Some, and whether they will be taken."""
        if self.chosen.random() < 0.12:
            return self.chosen.choice(REFUSED), False
        changes = {}
        for kind in self.chosen.sample([INPUTS, OUTPUTS, OTHERS], self.chosen.randint(1, 2)):
            changes |= self.chosen.choice(kind)
        if number < ANSWER_FROM - UNDER_WAY:
            changes["voice"] = self.chosen.choice(["marin", "ash"])
        return changes, True

    async def change(self, number):
        """Between two chunks, of which the second is in the new format."""
        client, microphone = self.client, self.microphone
        changes, is_taken = self.changes(number)
        await client.audio(microphone.chunk(self.chosen.choice([7, 20, 20, 40])))
        await client.say("configure", id=f"c{number}", **changes)
        self.expected.append((f"c{number}", "configured" if is_taken else "error"))
        if is_taken:
            fields = microphone.settings.keys() & changes.keys()
            microphone.settings |= {field: changes[field] for field in fields}
        await client.audio(microphone.chunk(self.chosen.choice([5, 20])))

    async def speak(self, frames):
        """The model says more of its tone."""
        pcm = codecs.encode(tone(Fraction(self.spoken, 24_000), 24_000, frames), "pcm16")
        self.spoken += frames
        delta = base64.b64encode(pcm).decode()
        await self.fake.send({"type": "response.output_audio.delta", **PLACE, "delta": delta})

    async def end(self):
        """The answer is over, and so is the turn."""
        await self.fake.send({"type": "response.output_audio.done", **PLACE})
        done = {"id": "resp_1", "status": "completed"}
        await self.fake.send({"type": "response.done", "response": done})
        await self.client.say("configure", id="last", turn_detection="none")
        self.expected.append(("last", "configured"))
        await self.client.say("commit_audio")
        await self.fake.next_event("input_audio_buffer.commit")
        while "response_done" not in self.client.types or self.answered < len(self.expected):
            await self.read()

    async def read(self):
        self.answered += is_answer(await self.client.read())

    def of_model(self, first):
        """The audio that it was sent, and what it has in force."""
        [link] = self.fake.connections
        pcm, session = b"", first
        for event in link.events:
            if event["type"] == "input_audio_buffer.append":
                pcm += base64.b64decode(event["audio"])
            elif event["type"] == "session.update" and is_taken(event):
                session = laid_over(session, event["session"])
        return np.frombuffer(pcm, "<i2") / 32768, session


@pytest.mark.gen_test(timeout=240)
async def test_five_hundred_changes_in_running_speech_and_a_running_answer():
    """Each is answered, in order; both sides hear one tone; both agree on what is in force."""
    async with (
        FakeUpstream() as fake,
        House(
            fake.url,
            session_voices=["ash"],
            session_turn_detections=["none", "semantic_vad", "server_vad"],
            limits_messages_per_s=10_000,
            limits_format_changes_per_minute=10_000,
            limits_message_burst=10_000,
            limits_errors_per_minute=10_000,
            limits_audio_rate=1_000,
        ) as house,
    ):
        torture = Torture(await house.connected(), fake)
        first = (await fake.next_event("session.update"))["session"]
        fake.answers["session.update"] = answers_of_model
        for number in range(CHANGES):
            await torture.change(number)
            if number == ANSWER_FROM:
                begun = {"id": "resp_1", "status": "in_progress"}
                await fake.send({"type": "response.created", "response": begun})
            if number > ANSWER_FROM:
                await torture.speak(480 + number)
            while len(torture.expected) - torture.answered > UNDER_WAY:
                await torture.read()
        await torture.end()

        heard = [message for message in torture.client.heard if is_answer(message)]
        told = [(message["data"].get("ref"), message["type"]) for message in heard]
        assert sorted(torture.expected) == sorted(told)
        assert [each for each in torture.expected if each[1] == "configured"] == [
            each for each in told if each[1] == "configured"
        ]
        samples, session = torture.of_model(first)
        assert math.ceil(torture.microphone.at_s * 24_000) == len(samples)
        error = np.abs(samples - tone(Fraction(0), 24_000, len(samples)))[480:-480]
        assert error.max() < QUIET
        assert len(check_heard(torture.client.heard, torture.spoken / 24_000)) > 10
        check_agreement(heard[-1]["data"], torture.microphone.settings, session)
        torture.client.check_numbers()


def check_agreement(told, settings, session):
    """Client, gateway and model have the same in force."""
    assert settings == {
        "input_format": told["input"]["format"],
        "input_rate": told["input"]["rate_hz"],
        "input_channels": told["input"]["channels"],
    }
    assert [told["answers_in"]] == session["output_modalities"]
    assert told["max_output_tokens"] == session["max_output_tokens"]
    assert told["speed"] == session["audio"]["output"].get("speed", 1.0)
    assert told["voice"] == session["audio"]["output"]["voice"]
    assert session["audio"]["input"]["turn_detection"] is None


def test_the_test_knows_every_width():
    """A format that is new here has a part in it."""
    assert {"pcm16", "float32", "pcmu", "pcma"} == set(BYTES_PER_SAMPLE)


@pytest.mark.gen_test
@pytest.mark.skipif(library.find() is None, reason="this system has no Opus")
async def test_a_call_goes_to_opus_and_back():
    """Both ways: packets from the next message on, and samples behind them again."""
    async with FakeUpstream() as fake, House(fake.url, session_turn_detection="none") as house:
        client = await house.connected()
        await client.audio(codecs.encode(tone(Fraction(0), 24_000, 2400), "pcm16"))
        await client.say("configure", input_format="opus", output_format="opus")
        for packet in Encoder(24_000).packets(tone(Fraction(0), 24_000, 2240)):
            await client.audio(packet)
        formats = (await client.next("configured"))["data"]
        assert ("opus", "opus") == (formats["input"]["format"], formats["output"]["format"])
        await fake.send({"type": "response.created", "response": {"id": "resp_1"}})
        pcm = base64.b64encode(codecs.encode(tone(Fraction(0), 24_000, 4800), "pcm16")).decode()
        await fake.send({"type": "response.output_audio.delta", **PLACE, "delta": pcm})
        first = await client.next("audio")
        assert (0.0, 13.5) == (first["data"]["offset_ms"], first["data"]["duration_ms"])
        await client.say(
            "configure", input_format="pcm16", output_format="pcm16", input_rate=48_000
        )
        await client.audio(codecs.encode(tone(Fraction(0), 48_000, 4800), "pcm16"))
        await client.next("configured")
        await fake.send({"type": "response.output_audio.delta", **PLACE, "delta": pcm})
        await fake.send({"type": "response.output_audio.done", **PLACE})
        done = {"id": "resp_1", "status": "completed"}
        await fake.send({"type": "response.done", "response": done})
        await client.next("response_done")
        await client.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit")

        pieces = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "audio"]
        assert abs(sum(piece["duration_ms"] for piece in pieces) - 400) < 0.1
        assert "error" not in client.types
        samples, _ = Torture(client, fake).of_model({})
        assert 2400 + 5 * 480 + 2400 == len(samples)
