"""Conversations that take any course, and what must be true of them when they are over."""

import asyncio
from base64 import b64decode
from collections import Counter
from contextlib import asynccontextmanager
from random import Random

import pytest

from local_realtime.handlers import realtime as local
from local_realtime.server import LocalRealtime, ServerConfig
from local_realtime.session.session import Session
from tests.calls.house import VoiceClient
from tornado_app.session.ledger.entries import ModelSaid, ToolAnswered, ToolCalled, UserSaid

PATIENCE_S = 60.0
PCM_BYTES_PER_MS = 48


class Recorded(Session):
    """A session of the model that keeps what it has heard."""

    of_models: dict[str, list["Recorded"]] = {}

    def __init__(self, model, **how):
        super().__init__(model, **how)
        self.appended = bytearray()
        self.of_models.setdefault(model, []).append(self)

    def handle(self, frame, now):
        event = local.msgspec.json.decode(frame)
        if event["type"] == "input_audio_buffer.append":
            self.appended += b64decode(event["audio"])
        return super().handle(frame, now)

    @property
    def items(self):
        return self._conversation.items

    @property
    def turns(self):
        """The audio of each turn of the user's."""
        sounds = [item.parts[0].sound for item in self.items if item.wire.get("role") == "user"]
        return [sound.pcm for sound in sounds if sound is not None]


class Conversation:
    """One caller, who says and types things, interrupts, and waits for answers or does not."""

    def __init__(self, number: int, random: Random) -> None:
        self.number = number
        self.random = random
        self.is_manual = random.random() < 0.6
        self.spoken: list[bytes] = []
        self.typed: list[str] = []

    async def hold(self, client: VoiceClient) -> None:
        await client.status("connected")
        for _ in range(self.random.randint(1, 3)):
            await self._turn(client)
        # The last one is whole, so that it can be told when everything is over.
        await self._type(client)
        await self._answer(client)

    async def _turn(self, client: VoiceClient) -> None:
        if self.random.random() < 0.6:
            await self._speak(client)
        else:
            await self._type(client)
        fate = self.random.random()
        if fate < 0.2:
            await client.next("response_started", PATIENCE_S)
            await client.say("interrupt")
            await client.next("interrupted", PATIENCE_S)
        else:
            await self._answer(client)

    async def _speak(self, client: VoiceClient) -> None:
        """Loud noise that is like no other, in chunks of any size."""
        pcm = self.random.randbytes(self.random.randint(120, 450) * PCM_BYTES_PER_MS)
        self.spoken.append(pcm)
        sent = pcm if self.is_manual else pcm + bytes(600 * PCM_BYTES_PER_MS)
        while sent:
            size = 2 * self.random.randint(480, 9600)
            await client.audio(sent[:size])
            sent = sent[size:]
            await asyncio.sleep(0)
        if self.is_manual:
            await client.say("commit_audio")

    async def _type(self, client: VoiceClient) -> None:
        text = f"word {self.number} {len(self.typed)}"
        self.typed.append(text)
        await client.say("text", text=text)

    async def _answer(self, client: VoiceClient) -> None:
        while (await client.next("response_done", PATIENCE_S))["data"].get("continues"):
            pass


def check_links(conversation: Conversation, links: list[Recorded], session) -> None:
    """Of what the caller said, and of what the last model knows of it."""
    for number, pcm in enumerate(conversation.spoken):
        if conversation.is_manual:
            found = sum(pcm in link.turns for link in links)
            assert found, f"turn {number} is no turn of any model, sample by sample"
        else:
            assert any(pcm in link.appended for link in links), f"turn {number} was not heard"
    last = links[-1]
    entries = session.ledger.entries
    assert [item.id for item in last.items] == [entry.id for entry in entries]
    for item, entry in zip(last.items, entries, strict=True):
        if isinstance(entry, ToolCalled | ToolAnswered):
            kind = "function_call" if isinstance(entry, ToolCalled) else "function_call_output"
            assert (kind, entry.call_id) == (item.wire["type"], item.wire["call_id"])
            continue
        assert item.wire["type"] == "message"
        [part] = item.parts
        known = (item.wire["role"], part.text)
        match entry:
            case UserSaid(text=text, is_spoken=False):
                assert ("user", text) == known
            case UserSaid(text=text, is_written=True):
                assert ("user", text) == known
            case ModelSaid(text=text):
                is_cut = part.sound is not None and entry.heard_ms is not None
                assert ("assistant", "" if is_cut else text) == known, entry
    calls = [e.call_id for e in entries if isinstance(e, ToolCalled)]
    assert Counter(calls) == Counter(e.call_id for e in entries if isinstance(e, ToolAnswered))
    texts = [entry.text for entry in entries if isinstance(entry, UserSaid) and not entry.is_spoken]
    assert conversation.typed == texts


def check_heard(client: VoiceClient, session, *, may_lose: bool = False) -> None:
    """The caller has heard of each answer what the ledger says, and of no error, unless audio
    *may* be lost.
    """
    heard_ms: dict[str, float] = {}
    for message in client.heard:
        if isinstance(message, dict) and message["type"] == "audio":
            item_id = message["data"]["item_id"]
            heard_ms[item_id] = heard_ms.get(item_id, 0.0) + message["data"]["duration_ms"]
    for entry in session.ledger.entries:
        if isinstance(entry, ModelSaid):
            was_sent_ms = heard_ms.get(entry.id, 0.0)
            if entry.heard_ms is None:
                assert was_sent_ms == pytest.approx(entry.audio_ms, abs=0.1)
            else:
                assert entry.heard_ms <= was_sent_ms + 0.1
    client.check_numbers()
    assert may_lose or "error" not in client.types, [
        m for m in client.heard if isinstance(m, dict) and m["error"]
    ]


@asynccontextmanager
async def recorded_model(monkeypatch):
    monkeypatch.setattr(local, "Session", Recorded)
    Recorded.of_models.clear()
    server = LocalRealtime(ServerConfig(pace=20))
    port = server.listen("127.0.0.1", 0)
    try:
        yield port
    finally:
        await server.close()


def knows_all(model: Recorded, session) -> bool:
    """It has every item of the conversation, and no other."""
    return [item.id for item in model.items] == [entry.id for entry in session.ledger.entries]


def is_quiet(model: Recorded, session) -> bool:
    """Neither side has anything more to say, and the client was told all of it."""
    asking = session._conductor.answers.asking
    is_heard = (
        asking.answering.known.running is None
        and asking.is_free
        and not session.downlink.kept_bytes
    )
    is_said = model._responses.main is None and not model._listening.speaking
    # One whose model was lost with its words is told to the next as it was spoken.
    told = session._model.rebuilding._told
    entries = session.ledger.entries
    is_written = all(e.is_written or e.id in told for e in entries if isinstance(e, UserSaid))
    # A tool that ran on behind an interruption is heard of behind the answer to the next turn.
    called = [e.call_id for e in entries if isinstance(e, ToolCalled)]
    has_results = len(called) == sum(isinstance(e, ToolAnswered) for e in entries)
    said = [e for e in entries if not isinstance(e, ToolCalled | ToolAnswered)]
    is_answered = has_results and isinstance(said[-1], ModelSaid)
    return session.is_connected and is_heard and is_said and is_written and is_answered
