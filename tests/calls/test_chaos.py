"""Conversations whose model is lost at any moment: nothing of what anybody said is.

``make chaos`` has many of them, others each time; CHAOS is how many, SEED which.
"""

import asyncio
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from local_realtime.handlers import realtime as local
from local_realtime.server import LocalRealtime, ServerConfig
from local_realtime.session.session import Session
from tests.calls.house import House, VoiceClient, until
from tests.fakes.fault_proxy import FaultProxy
from tornado_app.session.ledger.entries import ModelSaid, UserSaid

COUNT = int(os.environ.get("CHAOS", "8"))
SEED = os.environ.get("SEED") or "3"
AT_ONCE = 4
PATIENCE_S = 60.0
PCM_BYTES_PER_MS = 48

QUICK = {
    "upstream_reconnect_initial_ms": 20,
    "upstream_reconnect_max_ms": 100,
    "upstream_reconnect_attempts": 50,
    "session_transcription_model": "any",
    "limits_connections_per_user": 100,
    "limits_audio_burst_ms": 600_000,
    "limits_audio_rate": 1000,
    "limits_messages_per_s": 10_000,
    "limits_message_burst": 10_000,
}


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
        for _ in range(self.random.randint(2, 5)):
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
        pcm = self._noise(self.random.randint(300, 1500))
        self.spoken.append(pcm)
        sent = pcm if self.is_manual else pcm + bytes(1000 * PCM_BYTES_PER_MS)
        while sent:
            size = 2 * self.random.randint(240, 4800)
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

    def _noise(self, duration_ms: int) -> bytes:
        steps = (self.random.randint(-20_000, 20_000) for _ in range(24 * duration_ms))
        return b"".join(step.to_bytes(2, "little", signed=True) for step in steps)


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
        assert item.wire["type"] == "message"
        [part] = item.parts
        match entry:
            case UserSaid(text=text, is_spoken=False):
                assert ("user", text) == (item.wire["role"], part.text)
            case UserSaid(text=text, is_written=True):
                assert text == part.text
            case ModelSaid(text=text):
                assert "assistant" == item.wire["role"]
                is_cut = part.sound is not None and entry.heard_ms is not None
                assert part.text == ("" if is_cut else text)
    texts = [entry.text for entry in entries if isinstance(entry, UserSaid) and not entry.is_spoken]
    assert conversation.typed == texts


def check_heard(client: VoiceClient, session) -> None:
    """The caller has heard of each answer what the ledger says."""
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
    assert "error" not in client.types, [
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


def breaks(random: Random) -> Iterator[tuple[int, bool]]:
    """Six of ten links break, at a random place of a random turn."""
    while True:
        size_bytes = random.randint(1500, 220_000) if random.random() < 0.6 else 1 << 40
        yield size_bytes, random.random() < 0.5


async def one(number: int, house: House) -> None:
    conversation = Conversation(number, Random(f"{SEED} {number}"))
    turns = "none" if conversation.is_manual else "server_vad"
    model = f"model-{number}"
    client = await house.call(f"turn_detection={turns}&model={model}")
    [session] = [
        each._session
        for each in house.gateway.connections
        if each.config.model_session.model == model
    ]
    try:
        await conversation.hold(client)
        links = Recorded.of_models[model]
        await until(lambda: is_quiet(links[-1], session), "they have come to no end", PATIENCE_S)
        await client.say("get_status")
        await client.next("status", PATIENCE_S)
        check_links(conversation, links, session)
        check_heard(client, session)
    except AssertionError as wrong:
        wrong.add_note(f"conversation {number}: SEED={SEED}; {len(client.heard)} messages")
        raise
    client.socket.close(1000)
    await client.closed()


def is_quiet(model: Recorded, session) -> bool:
    """Neither side has anything more to say."""
    asking = session._conductor.answers.asking
    is_heard = session.is_connected and asking.known.running is None and asking.is_free
    is_said = model._responses.main is None and not model._listening.speaking
    entries = session.ledger.entries
    is_written = all(e.is_written for e in entries if isinstance(e, UserSaid))
    return is_heard and is_said and is_written and isinstance(entries[-1], ModelSaid)


@pytest.mark.timeout(120 + 20 * COUNT)
@pytest.mark.gen_test(timeout=100 + 20 * COUNT)
async def test_nothing_is_lost_with_a_model(monkeypatch):
    """Each conversation loses its model at random points; the seed is in what is printed."""
    print(f"CHAOS={COUNT} SEED={SEED}")  # noqa: T201
    broken = 0
    async with recorded_model(monkeypatch) as port:
        for begin in range(0, COUNT, AT_ONCE):
            numbers = range(begin, min(begin + AT_ONCE, COUNT))
            models = [f"model-{number}" for number in numbers]
            async with (
                FaultProxy(port, breaks(Random(f"{SEED} {begin}"))) as proxy,
                House(proxy.url, session_models=models, **QUICK) as house,
            ):
                await asyncio.gather(*(one(number, house) for number in numbers))
            broken += proxy.broken
    print(f"{broken} links were broken")  # noqa: T201
    assert broken
