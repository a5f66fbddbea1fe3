"""A session driven by hand, a client over a real socket, and speech to send."""

import asyncio
import base64
import json
import wave
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from local_realtime.ears.vad import EnergyEar
from local_realtime.responders.echo import Echo
from local_realtime.server import LocalRealtime, ServerConfig
from local_realtime.session.outbox import Close, Judge, Overhear, Think, Transcribe
from local_realtime.session.session import Session
from tests.local_realtime import wire_types
from tests.on_demand import scipy_signal

DATA = Path(__file__).parents[1] / "data"
BYTES_PER_MS = 48
SILENCE_100_MS = bytes(100 * BYTES_PER_MS)


def result_of(coroutine):
    """What a coroutine returns that never has to wait."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


def pieces_of(answer):
    """All that an asynchronous generator yields that never has to wait."""

    async def collected():
        return [piece async for piece in answer]

    return result_of(collected())


class Call:
    """A session with an echo behind it; most methods return the events that followed."""

    ANSWER = [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    SPOKEN_END = [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]

    def __init__(self, model="test-model", *, pace=10.0, ears=EnergyEar, **begun):
        self.now = 100.0
        self.responder = Echo()
        self.session = Session(
            model, now=self.now, unix_now=1_000_000.0, pace=pace, ears=ears, **begun
        )
        (self.created,) = self._perform(self.session.open())
        self.closed = None

    def send(self, kind, **fields):
        return self.frame(json.dumps({"type": kind, **fields}))

    def frame(self, frame):
        events = self._perform(self.session.handle(frame, self.now))
        while self.session.has_unheard:
            events += self._perform(self.session.listen(self.now))
        return events

    def append(self, pcm, chunk_ms=100):
        size = chunk_ms * BYTES_PER_MS
        return [
            event
            for start in range(0, len(pcm), size)
            for event in self.send(
                "input_audio_buffer.append",
                audio=base64.b64encode(pcm[start : start + size]).decode(),
            )
        ]

    def update(self, **session):
        return self.send("session.update", session={"type": "realtime", **session})

    def turn_detection(self, value):
        return self.update(audio={"input": {"turn_detection": value}})

    def say(self, text):
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        return self.send("conversation.item.create", item=item)

    def wait(self, seconds):
        """Let time pass, with every tick at its moment."""
        end, events = self.now + seconds, []
        while self.session.due <= end and not self.closed:
            self.now = max(self.now, self.session.due)
            events += self._perform(self.session.tick(self.now))
        self.now = end
        return events

    @staticmethod
    def done(events):
        """The response that ended in these events."""
        return next(event["response"] for event in events if event["type"] == "response.done")

    @staticmethod
    def error(events):
        """The error, if it is all that happened."""
        (event,) = events
        assert event["type"] == "error"
        return event["error"]

    def _perform(self, outputs):
        events = []
        for output in outputs:
            match output:
                case Think():
                    more = []
                    for piece in pieces_of(self.responder.answer(output.turn)):
                        more += self.session.take(output.response_id, piece, self.now)
                    more += self.session.answered(output.response_id, self.now)
                case Transcribe():
                    text = result_of(self.responder.transcribe(output.sound))
                    more = self.session.transcribed(output.item_id, output.sound.seconds, text)
                case Overhear():
                    text = result_of(self.responder.overhear(output.sound))
                    more = self.session.overheard(output.item_id, text)
                case Judge():
                    probability = result_of(self.responder.finished(output.sound))
                    more = self.session.judged(output.at_ms, probability)
                case Close():
                    self.closed, more = output, []
                case event:
                    wire_types.check(event)
                    events.append(event)
                    more = []
            events += self._perform(more)
        return events


class Client:
    """A WebSocket client that speaks events."""

    def __init__(self, socket):
        self.socket = socket
        self.ended = False

    async def send(self, kind, **fields):
        await self.socket.write_message(json.dumps({"type": kind, **fields}))

    async def append(self, pcm, chunk_ms=100):
        size = chunk_ms * BYTES_PER_MS
        for start in range(0, len(pcm), size):
            audio = base64.b64encode(pcm[start : start + size]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def manual(self):
        session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await self.send("session.update", session=session)

    async def read(self):
        # Tornado tells the end once and then waits for ever.
        text = None if self.ended else await self.socket.read_message()
        self.ended = text is None
        if text is None:
            return None
        event = json.loads(text)
        # A server may be told to send kinds that nobody knows; the stories of a session are strict.
        if event["type"] in wire_types.MODELS:
            wire_types.check(event)
        return event

    async def until(self, kind):
        """Everything up to the first event of *kind*."""
        events = []
        while not events or events[-1]["type"] != kind:
            event = await self.read()
            assert event is not None, f"closed before {kind}: {kinds_of(events)}"
            events.append(event)
        return events

    async def rest(self):
        """Everything up to the end, then close code and reason."""
        events = []
        while (event := await self.read()) is not None:
            events.append(event)
        return events, self.socket.close_code, self.socket.close_reason


def kinds_of(events):
    """The types in order, repeated deltas of one kind written once."""
    return [kind for kind, _ in groupby(event["type"] for event in events)]


def audio_of(events):
    """The bytes of all audio deltas."""
    return b"".join(
        base64.b64decode(event["delta"])
        for event in events
        if event["type"] == "response.output_audio.delta"
    )


@pytest.fixture
def call():
    return Call()


@pytest.fixture
def new_call():
    return Call


@pytest.fixture
def kinds():
    return kinds_of


@pytest.fixture
def audio():
    return audio_of


@pytest.fixture(scope="session")
def speech():
    """Speech by name: 24 kHz PCM16 without silence around it, `recorded` to `spoken` samples."""

    def load(name, gain=1.0):
        with wave.open(str(DATA / f"{name}.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        resampled = scipy_signal().resample_poly(samples.astype(float), 3, 2) * gain
        return np.clip(np.rint(resampled), -32768, 32767).astype("<i2").tobytes()

    return load


@pytest.fixture
def silence():
    """Digital silence of so many milliseconds."""
    return lambda duration_ms: bytes(duration_ms * BYTES_PER_MS)


@pytest.fixture
def tone():
    """A sine of so many milliseconds."""

    def make(duration_ms, hz=300, amplitude=8000):
        seconds = np.arange(duration_ms * 24) / 24_000
        return (amplitude * np.sin(2 * np.pi * hz * seconds)).astype("<i2").tobytes()

    return make


@pytest.fixture
def serving():
    """To be entered: a server on a free port and a way to connect; all is closed at the end."""

    @asynccontextmanager
    async def serve(config=None, responder=None, ears=EnergyEar):
        server = LocalRealtime(config or ServerConfig(), responder, ears)
        port = server.listen("127.0.0.1", 0)
        clients = []
        authority = f"127.0.0.1:{port}"

        async def connect(query="?model=test-model", subprotocols=None, **headers):
            request = HTTPRequest(
                f"ws://{authority}/v1/realtime{query}",
                headers={key.replace("_", "-"): value for key, value in headers.items()},
            )
            socket = await websocket_connect(request, subprotocols=subprotocols)
            clients.append(Client(socket))
            return clients[-1]

        connect.http_url = f"http://{authority}"
        try:
            yield server, connect
        finally:
            await server.close()
            for client in clients:
                await client.rest()
                client.socket.close()
            await _let_read(responder)

    return serve


async def _let_read(responder):
    """Wait for what the models still read: they outlive this loop, and their tasks cannot."""
    while left := [task for task in getattr(responder, "readings", ()) if not task.done()]:
        await asyncio.wait(left)


@pytest.fixture(scope="session")
def models():
    """One set of models for all tests of speech."""
    from local_realtime.responders.speech import Speech  # noqa: PLC0415  the others do without its packages

    class Models(Speech):
        @property
        def readings(self):
            """What is being read, and is read to its end for whoever else may ask."""
            return [*self._readings.values(), *self._read_pieces.values()]

    speech = Models(threads=2)
    yield speech
    speech.close()
