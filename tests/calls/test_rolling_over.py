"""A call that outlasts a session of the local model, in real time: each has a limit of 20 s."""

import asyncio
import time
from base64 import b64decode

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

import soundfile

from local_realtime.handlers import realtime as local
from local_realtime.rehearsal.faults import parse_faults
from local_realtime.responders.speech import Speech
from local_realtime.server import LocalRealtime, ServerConfig
from local_realtime.session.session import Session
from tests.calls.house import House, until
from tests.calls.test_opus_speech import SPEECH_S, final_words
from tests.calls.test_recordings import made

HZ = 24_000
CHUNK_S = 0.02
CHUNK = int(HZ * CHUNK_S)
LIMIT = "session-expiry=20"
OVERLAP_S = 6.0
"""So much of the last silence is said again to the next model, at most."""


class Listening(Session):
    """A session of the model that keeps what it has heard; of one that is made ready and not gone
    over to that is nothing.
    """

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.appended = bytearray()

    def handle(self, frame, now):
        event = local.msgspec.json.decode(frame)
        if event["type"] == "input_audio_buffer.append":
            if not self.appended:
                heard.append(self)
            self.appended += b64decode(event["audio"])
        return super().handle(frame, now)


heard: list[Listening] = []
"""Those that the call has had, in order: two, or more where the computer is so busy that the second
nears its end as well.
"""


class Microphone:
    """Never rests: a room whose noise is never twice the same, and what is said in it."""

    def __init__(self, client) -> None:
        self._client = client
        self._rng = np.random.default_rng(11)
        self._words = np.zeros(0, np.int16)
        self.sent = bytearray()

    def say(self, words: np.ndarray) -> None:
        self._words = np.concatenate([self._words, words])

    async def run(self) -> None:
        begun_at, number = time.monotonic(), 0
        while True:
            while begun_at + CHUNK_S * (number + 1) <= time.monotonic():
                await self._client.audio(self._next())
                number += 1
            await asyncio.sleep(CHUNK_S / 2)

    def _next(self) -> bytes:
        chunk = self._rng.integers(-3, 4, CHUNK).astype(np.int16)
        words, self._words = self._words[:CHUNK], self._words[CHUNK:]
        chunk[: len(words)] += words // 2
        self.sent += chunk.tobytes()
        return chunk.tobytes()


def said(speech: Speech, sentence: str) -> np.ndarray:
    return np.frombuffer(speech._mouth.say(sentence, "cedar", 1.0)[1].pcm, "<i2")


def answers_of(client) -> np.ndarray:
    """All that the client was sent to play."""
    pieces = [m["data"]["audio"] for m in client.heard if m["type"] == "audio"]
    return np.frombuffer(b"".join(map(b64decode, pieces)), "<i2")


def check_laid(sound: np.ndarray, side: np.ndarray) -> None:
    """All of *sound* is on this side of the recording, in order and once; the rest is silence."""
    at = 0
    for begin in range(0, len(sound), CHUNK):
        piece = sound[begin : begin + CHUNK]
        if piece.any():
            left = side[at:]
            at += int(left.astype(bool).argmax() - piece.astype(bool).argmax())
            assert np.array_equal(side[at : at + len(piece)], piece), f"at {begin / HZ:.2f} s"
            at += len(piece)
    assert not side[at:].any()


def check_passed_on(sent: np.ndarray, parts: list[np.ndarray]) -> None:
    """Each model has heard a part of what was *sent*, which begins in the one before, or behind."""
    begins, ends = zip(*(place_of(part, sent) for part in parts), strict=True)
    assert (0, len(sent)) == (begins[0], ends[-1])
    for begin, end in zip(begins[1:], ends[:-1], strict=True):
        assert 0 <= end - begin <= OVERLAP_S * HZ, f"{(begin - end) / HZ:.2f} s are missing"


def place_of(part: np.ndarray, sent: np.ndarray) -> tuple[int, int]:
    """From where to where; nothing is there twice, as no noise is like another."""
    first, rest = part[:CHUNK], sent
    places = np.flatnonzero(rest[: len(rest) - CHUNK + 1] == first[0])
    begin = next(int(at) for at in places if np.array_equal(rest[at : at + CHUNK], first))
    assert np.array_equal(sent[begin : begin + len(part)], part)
    return begin, begin + len(part)


@pytest.mark.gen_test(timeout=120)
async def test_a_call_goes_on_when_the_models_time_is_over(tmp_path, monkeypatch):
    """Not a sample is lost, none comes twice, and what was said before is known after it."""
    heard.clear()
    monkeypatch.setattr(local, "Session", Listening)
    speech = Speech(threads=2)
    server = LocalRealtime(ServerConfig(faults=parse_faults(LIMIT)), speech, speech.ear)
    url = f"ws://127.0.0.1:{server.listen('127.0.0.1', 0)}/v1/realtime"
    kept = {"recordings_calls": "all", "recordings_directory": str(tmp_path)}
    try:
        async with House(url, session_transcription_model="any", **kept) as house:
            client = await house.connected()
            microphone = Microphone(client)
            task = asyncio.ensure_future(microphone.run())
            microphone.say(said(speech, "My name is Anna."))
            await client.next("response_done", SPEECH_S)
            told = (await client.status("connected"))["data"]
            assert ("rebuilt", "session_limit") == (told["context"], told["reason"])
            before = len(client.heard)
            microphone.say(said(speech, "What is my name?"))
            await client.next("response_done", SPEECH_S)
            task.cancel()
            sent = np.frombuffer(microphone.sent, "<i2")
            await until(
                lambda: heard[-1].appended.endswith(sent[-CHUNK:].tobytes()), "some is lost"
            )
            [connection] = house.gateway.connections
            playout = connection._session._conductor.answers.playout
            await until(lambda: not playout.unheard(time.monotonic()), "it is not played")
            client.socket.close()
            await made(tmp_path)
    finally:
        await server.close()
        speech.close()

    statuses = [m["data"]["status"] for m in client.heard if m["type"] == "connection_status"]
    assert ["connecting", "connected", "connected"] == statuses[:3]
    assert {"connected"} == set(statuses[1:])
    assert "error" not in client.types
    client.heard, everything = client.heard[before:], client.heard
    assert "Your name is Anna." == final_words(client, "assistant")
    assert "What is my name?" == final_words(client, "user")
    client.heard = everything

    assert len(heard) >= 2
    check_passed_on(sent, [np.frombuffer(each.appended, "<i2") for each in heard])
    [flac] = tmp_path.glob("*.flac")
    left, right = soundfile.read(flac, dtype="int16")[0].T
    check_laid(sent, left)
    check_laid(answers_of(client), right)
