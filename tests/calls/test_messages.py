"""Every message of a client and all that it leads to, step by step against a scripted model."""

import base64
import time
from itertools import pairwise

import numpy as np
import pytest

from tests.calls.house import House, VoiceClient
from tests.fakes.upstream import FakeUpstream

PCM_100_MS = bytes(range(240)) * 20
"""24 kHz s16le."""
USAGE = {
    "total_tokens": 127,
    "input_tokens": 120,
    "output_tokens": 7,
    "input_token_details": {"text_tokens": 20, "audio_tokens": 100, "cached_tokens": 64},
    "output_token_details": {"text_tokens": 2, "audio_tokens": 5},
}


def said_in_turn(item: str, answer: str, audio: list[bytes], words: list[str]) -> list[dict]:
    """What the model sends from the end of a turn to the end of its answer (3.3)."""
    ids = {"response_id": answer, "item_id": f"{answer}_item", "content_index": 0}
    pieces = []
    for pcm, word in zip(audio, words, strict=True):
        pieces += [
            {"type": "response.output_audio_transcript.delta", **ids, "delta": word},
            {
                "type": "response.output_audio.delta",
                **ids,
                "delta": base64.b64encode(pcm).decode(),
            },
        ]
    text = "".join(words)
    return [
        {"type": "input_audio_buffer.committed", "item_id": item},
        {"type": "conversation.item.added", "item": {"id": item}},
        {"type": "response.created", "response": {"id": answer, "status": "in_progress"}},
        {"type": "response.output_item.added", "item": {"id": f"{answer}_item"}},
        *pieces,
        {"type": "response.output_audio.done", **ids},
        {"type": "response.output_audio_transcript.done", **ids, "transcript": text},
        {"type": "response.content_part.done", **ids},
        done(answer),
        {"type": "rate_limits.updated", "rate_limits": []},
    ]


def created(answer: str) -> dict:
    return {"type": "response.created", "response": {"id": answer, "status": "in_progress"}}


def done(answer: str, status: str = "completed", usage: dict | None = USAGE, **more) -> dict:
    return {
        "type": "response.done",
        "response": {"id": answer, "status": status, "usage": usage, "output": [], **more},
    }


def delta(item: str, answer: str, pcm: bytes) -> dict:
    audio = base64.b64encode(pcm).decode()
    return {
        "type": "response.output_audio.delta",
        "response_id": answer,
        "item_id": item,
        "delta": audio,
    }


async def send_all(fake: FakeUpstream, events: list[dict]) -> None:
    for event in events:
        await fake.send(event)


async def until_type(client: VoiceClient, kind: str) -> list[dict]:
    """All messages up to the next one of that type, that one included."""
    before = len(client.heard)
    await client.next(kind)
    return [heard for heard in client.heard[before:] if isinstance(heard, dict)]


@pytest.mark.gen_test
async def test_a_spoken_turn_with_turn_detection():
    """From speech to the end of the answer: each event in the order of the model, numbered."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        started_ms = time.time_ns() // 1_000_000
        await client.audio_data(PCM_100_MS)
        received = await client.next("audio_received")
        append = await fake.next_event("input_audio_buffer.append")

        assert PCM_100_MS == base64.b64decode(append["audio"])
        assert (4800, 100.0) == (received["data"]["size"], received["data"]["duration_ms"])
        assert -30 < received["data"]["level_dbfs"] < 0

        asr = "conversation.item.input_audio_transcription"
        await send_all(
            fake,
            [
                {
                    "type": "input_audio_buffer.speech_started",
                    "item_id": "u",
                    "audio_start_ms": 40,
                },
                {"type": "input_audio_buffer.speech_stopped", "item_id": "u", "audio_end_ms": 90},
                {"type": f"{asr}.delta", "item_id": "u", "content_index": 0, "delta": "good"},
                {"type": f"{asr}.delta", "item_id": "u", "content_index": 0, "delta": " day"},
                *said_in_turn("u", "r", [PCM_100_MS, PCM_100_MS[:960]], ["Hel", "lo."]),
                {"type": f"{asr}.completed", "item_id": "u", "transcript": "Good day."},
            ],
        )
        heard = await until_type(client, "response_done") + [await client.next("transcript")]

        a = {"role": "assistant", "item_id": "r_item"}
        u = {"role": "user", "item_id": "u"}
        audio = {"item_id": "r_item", "response_id": "r"}
        expected = [
            ("speech_started", {"item_id": "u", "audio_start_ms": 40}),
            ("speech_stopped", {"item_id": "u", "audio_end_ms": 90}),
            ("transcript", {**u, "delta": "good", "text": "good", "final": False}),
            ("transcript", {**u, "delta": " day", "text": "good day", "final": False}),
            ("audio_committed", {"item_id": "u"}),
            ("response_started", {"response_id": "r"}),
            ("transcript", {**a, "delta": "Hel", "text": "Hel", "final": False}),
            (
                "audio",
                {
                    **audio,
                    "audio": base64.b64encode(PCM_100_MS).decode(),
                    "offset_ms": 0.0,
                    "duration_ms": 100.0,
                },
            ),
            ("transcript", {**a, "delta": "lo.", "text": "Hello.", "final": False}),
            (
                "audio",
                {
                    **audio,
                    "audio": base64.b64encode(PCM_100_MS[:960]).decode(),
                    "offset_ms": 100.0,
                    "duration_ms": 20.0,
                },
            ),
            ("transcript", {**a, "text": "Hello.", "final": True}),
            ("response_done", {"response_id": "r", "status": "completed", "usage": USAGE}),
            ("transcript", {**u, "text": "Good day.", "final": True}),
        ]
        waits = [message["data"].pop("wait") for message in heard if "wait" in message["data"]]
        assert expected == [(message["type"], message["data"]) for message in heard]

        assert [{"model_ms", "gateway_ms"}] == [wait.keys() for wait in waits]
        client.check_numbers()
        stamps = [message["timestamp"] for message in client.heard]
        assert all(earlier <= later for earlier, later in pairwise(stamps))
        assert started_ms - 5000 < stamps[0] <= stamps[-1] <= time.time_ns() // 1_000_000 + 5
        # With turn detection the model answers by itself.
        asked = [event["type"] for event in fake.connections[0].events]
        assert ["session.update", "input_audio_buffer.append"] == asked


@pytest.mark.gen_test
async def test_a_spoken_turn_that_the_client_ends():
    """commit_audio commits what was sent, and then asks for an answer."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected("turn_detection=none")
        update = await fake.next_event("session.update")
        assert update["session"]["audio"]["input"]["turn_detection"] is None

        await client.audio(PCM_100_MS)
        await client.say("commit_audio")
        await fake.next_event("response.create")
        asked = [event["type"] for event in fake.connections[0].events]
        assert [
            "session.update",
            "input_audio_buffer.append",
            "input_audio_buffer.commit",
            "response.create",
        ] == asked

        await send_all(fake, said_in_turn("u", "r", [PCM_100_MS], ["Yes."]))
        await client.next("response_done")
        types = [kind for kind in client.types if kind != "audio_received"]
        assert [
            "connection_status",
            "connection_status",
            "audio_committed",
            "response_started",
            "transcript",
            "audio",
            "transcript",
            "response_done",
        ] == types
        client.check_numbers()


@pytest.mark.gen_test
@pytest.mark.parametrize("rate_hz", [24_000, 44_100, 48_000])
async def test_the_shortest_turn_may_be_cut_in_any_way(rate_hz):
    """100 ms are enough to commit, in two pieces and at any rate."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected(f"turn_detection=none&input_rate={rate_hz}")
        await client.audio(bytes(rate_hz // 10))
        await client.audio(bytes(rate_hz // 10))
        await client.say("commit_audio")

        await fake.next_event("input_audio_buffer.commit")


@pytest.mark.gen_test
async def test_a_typed_turn():
    """The text is an item of the user's, and an answer is asked for; text comes as a transcript."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        await client.say("text", text='What is "é"?')
        item = (await fake.next_event("conversation.item.create"))["item"]
        await fake.next_event("response.create")

        content = [{"type": "input_text", "text": 'What is "é"?'}]
        named = {"type": "message", "role": "user", "id": "parley_text_1"}
        assert {**named, "content": content} == item

        ids = {"response_id": "r", "item_id": "a"}
        await send_all(
            fake,
            [
                created("r"),
                {"type": "response.output_text.delta", **ids, "delta": "A let"},
                {"type": "response.output_text.delta", **ids, "delta": "ter."},
                {"type": "response.output_text.done", **ids, "text": "A letter."},
                done("r"),
            ],
        )
        heard = await until_type(client, "response_done")
        texts = [(m["data"]["text"], m["data"]["final"]) for m in heard[1:-1]]
        assert [("A let", False), ("A letter.", False), ("A letter.", True)] == texts
        client.check_numbers()


@pytest.mark.gen_test
async def test_barge_in_cuts_the_item_where_the_client_stopped_playing():
    """Speech during an answer: flush, truncate at the played position, drop what still comes."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        transcript = {
            "type": "response.output_audio_transcript.delta",
            "response_id": "r",
            "item_id": "a",
            "delta": "One, two",
        }
        await send_all(fake, [created("r"), transcript, delta("a", "r", PCM_100_MS * 40)])
        await client.next("audio")
        await client.say("playback", item_id="a", played_ms=4000)
        await client.say("playback", item_id="a", played_ms=400)
        await client.say("ping")
        await client.next("pong")  # both positions are in

        # Told to be at the very end, the guess from the clock cannot run past it.
        await client.say("playback", item_id="a", played_ms=250)
        await client.say("ping")
        await client.next("pong")
        started = {"type": "input_audio_buffer.speech_started", "item_id": "u2"}
        await fake.send({**started, "audio_start_ms": 5000})
        heard = await until_type(client, "interrupted")
        truncate = await fake.next_event("conversation.item.truncate")

        assert ["speech_started", "transcript", "interrupted"] == [m["type"] for m in heard]
        assert {"role": "assistant", "item_id": "a", "text": "One, two", "final": True} == heard[1][
            "data"
        ]
        assert "a" == heard[2]["data"]["item_id"] == truncate["item_id"]
        assert 250 <= truncate["audio_end_ms"] < 4000
        assert heard[2]["data"]["heard_ms"] == truncate["audio_end_ms"]
        assert 0 == truncate["content_index"]

        late = {**transcript, "delta": ", three"}
        await send_all(
            fake, [late, delta("a", "r", PCM_100_MS), done("r", "cancelled", None), created("r2")]
        )
        heard = await until_type(client, "response_started")
        assert ["response_done", "response_started"] == [m["type"] for m in heard]
        expected = {"response_id": "r", "status": "cancelled", "usage": None}
        assert expected == heard[0]["data"]

        # The model cancels by itself; a cancel of ours could hit the next answer (0.8).
        asked = {event["type"] for event in fake.connections[0].events}
        assert {"session.update", "conversation.item.truncate"} == asked
        client.check_numbers()


@pytest.mark.gen_test
async def test_an_interruption_by_the_client():
    """The answer is cancelled by its name and the item cut at what the client heard."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        await send_all(fake, [created("r"), delta("a", "r", PCM_100_MS * 10)])
        await client.next("audio")
        await client.say("interrupt", item_id="a", heard_ms=300)

        cancel = await fake.next_event("response.cancel")
        truncate = await fake.next_event("conversation.item.truncate")
        interrupted = await client.next("interrupted")
        assert "r" == cancel["response_id"]
        assert ("a", 300) == (truncate["item_id"], truncate["audio_end_ms"])
        assert {"item_id": "a", "heard_ms": 300} == interrupted["data"]

        await send_all(fake, [delta("a", "r", PCM_100_MS), done("r", "cancelled")])
        finished = await until_type(client, "response_done")
        assert ["response_done"] == [message["type"] for message in finished]
        assert "cancelled" == finished[0]["data"]["status"]

        # Nothing plays any more.
        await client.say("interrupt")
        again = await client.next("interrupted")
        assert {"heard_ms": 0} == again["data"]
        client.check_numbers()


@pytest.mark.gen_test
async def test_clear_audio_drops_what_was_not_committed():
    """The model is told to, and the client hears when it has."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        fake.answers["input_audio_buffer.clear"] = lambda _: [
            {"type": "input_audio_buffer.cleared", "event_id": "e"}
        ]
        client = await house.connected("turn_detection=none")
        await client.audio(PCM_100_MS)
        await client.next("audio_received")
        await client.say("clear_audio")
        cleared = await client.next("audio_cleared")
        assert {} == cleared["data"]

        # Nothing is left to commit.
        await client.say("commit_audio")
        await client.error("audio_buffer_empty")
        asked = [event["type"] for event in fake.connections[0].events]
        assert ["session.update", "input_audio_buffer.append", "input_audio_buffer.clear"] == asked


@pytest.mark.gen_test
async def test_pings_and_pongs():
    """A ping comes back with its id, and a pong needs no answer."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        for fields in ({}, {"id": "a"}, {"id": 7}, {"id": 10**30}, {"id": None}):
            await client.say("pong", **fields)
            await client.say("ping", **fields)
            pong = await client.next("pong")
            named = fields.get("id")
            assert named == pong["data"].get("id")
            assert (named if isinstance(named, str) else None) == pong["data"].get("ref")

        assert ["connection_status"] * 2 + ["pong"] * 5 == client.types


@pytest.mark.gen_test
async def test_get_status_tells_where_the_session_is():
    """Everything that docs/protocol.md lists, with figures that add up."""
    async with FakeUpstream() as fake, House(fake.url, limits_connections=2) as house:
        other = await house.connected(user="bob")
        client = await house.connected("input_rate=48000")
        await client.audio(bytes(96 * 100))
        await client.next("audio_received")
        await client.say("get_status")
        status = (await client.next("status"))["data"]

        first = client.heard[0]["data"]
        fixed = {"status", "session_id", "user_id", "model", "connected_at", "upstream"}
        assert fixed | {"audio", "limits", "token_expires_at"} == set(status)
        assert ("connected", first["session_id"], "alice", "gpt-realtime-2.1") == (
            status["status"],
            status["session_id"],
            status["user_id"],
            status["model"],
        )
        assert {"state": "connected", "reconnects": 0} == {
            name: status["upstream"][name] for name in ("state", "reconnects")
        }
        assert 100.0 == status["audio"]["received_ms"] >= status["audio"]["sent_ms"] > 80.0
        assert {"used": 2, "limit": 2} == status["limits"]["connections"]
        assert {"used": 1, "limit": 10} == status["limits"]["connections_per_user"]
        assert {"used", "limit"} == set(status["limits"]["message_burst"])
        assert 0 <= status["connected_at"] - client.heard[0]["timestamp"] < 5000
        assert 590_000 < status["token_expires_at"] - client.heard[0]["timestamp"] <= 600_000
        assert first["session_id"] != other.heard[0]["data"]["session_id"]


@pytest.mark.gen_test
async def test_binary_output_is_a_frame_behind_its_message():
    """`size` in place of `audio`, then exactly so many bytes, then the next message."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected("output_encoding=binary")
        parts = [PCM_100_MS, PCM_100_MS[:2]]
        await send_all(fake, said_in_turn("u", "r", parts, ["a", "b"]))
        await client.next("response_done")

        spoken = [i for i, heard in enumerate(client.heard) if isinstance(heard, bytes)]
        assert parts == [client.heard[i] for i in spoken]
        for i in spoken:
            message = client.heard[i - 1]
            assert "audio" == message["type"]
            assert "audio" not in message["data"]
            assert len(client.heard[i]) == message["data"]["size"]
        client.check_numbers()


@pytest.mark.gen_test
@pytest.mark.parametrize("encoding", ["base64", "binary"])
async def test_nothing_overtakes_audio_that_is_being_converted(encoding):
    """The tail of the resampler comes before the end of the answer; two answers do not mix."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected(f"output_rate=8000&output_encoding={encoding}")
        tone = (8000 * np.sin(np.arange(2400) / 20)).astype("<i2").tobytes()
        for answer in ("r1", "r2"):
            await send_all(fake, said_in_turn("u", answer, [tone] * 3, ["a", "b", "c"]))
        await client.next("response_done")
        await client.next("response_done")

        played: dict[str, int] = {}
        finished = []
        for index, heard in enumerate(client.heard):
            if isinstance(heard, bytes) or heard["type"] not in {"audio", "response_done"}:
                continue
            answer = heard["data"]["response_id"]
            assert answer not in finished
            if heard["type"] == "response_done":
                finished.append(answer)
                continue
            data = heard["data"]
            size = len(
                client.heard[index + 1] if "size" in data else base64.b64decode(data["audio"])
            )
            assert played.get(answer, 0) / 16 == pytest.approx(data["offset_ms"], abs=0.001)
            assert size / 16 == pytest.approx(data["duration_ms"], abs=0.001)
            played[answer] = played.get(answer, 0) + size
        assert ["r1", "r2"] == finished
        # 300 ms at 8 kHz, to the sample.
        assert {"r1": 4800, "r2": 4800} == played
        client.check_numbers()


@pytest.mark.gen_test
async def test_an_answer_does_not_begin_with_the_rest_of_a_lost_one():
    """The model is lost in the middle of its audio: what the resampler holds belongs to that."""
    async with FakeUpstream() as fake, House(fake.url, upstream_reconnect_initial_ms=1) as house:
        client = await house.connected("output_rate=8000")
        await send_all(fake, [created("r1"), delta("a", "r1", PCM_100_MS)])
        await client.next("audio")
        before = len(client.heard)
        fake.drop()
        lost = await client.next("response_done")
        failed = {"response_id": "r1", "status": "failed", "usage": None}
        assert {**failed, "continues": True} == lost["data"]

        # The end of the answer waits for its last samples, and the next model for nobody.
        told = [one["data"] for one in client.heard[before:] if one["type"] == "connection_status"]
        if "connected" not in {status["status"] for status in told}:
            await client.status("connected")
        await send_all(fake, said_in_turn("u", "r2", [PCM_100_MS], ["b"]))
        await client.next("response_done")
        played: dict[str, float] = {}
        for message in client.heard:
            if message["type"] == "audio":
                data = message["data"]
                played[data["item_id"]] = data["offset_ms"] + data["duration_ms"]
        assert {"a": 100.0, "r2_item": 100.0} == played
        client.check_numbers()


@pytest.mark.gen_test
async def test_a_failed_answer_is_explained():
    """The status says it, and one error says why in our words."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        details = {
            "type": "failed",
            "error": {"code": "rate_limit_exceeded", "message": "of org-secret"},
        }
        await send_all(fake, [created("r"), done("r", "failed", None, status_details=details)])
        finished = await client.next("response_done")
        assert {"response_id": "r", "status": "failed", "usage": None} == finished["data"]

        error = await client.error("rate_limited")
        assert "org-secret" not in str(client.heard)
        assert error["data"]["retryable"]


@pytest.mark.gen_test
async def test_audio_before_the_model_is_ready_is_kept_in_order():
    """Nothing is lost and nothing is reordered while the model takes its time."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        waiting = fake.answers.pop("session.update")
        client = await house.call()
        chunks = [bytes([number, 0]) * 480 for number in range(1, 21)]
        for chunk in chunks:
            await client.audio(chunk)
        for _ in chunks:
            await client.next("audio_received")
        await client.say("text", text="Hello?")
        await client.say("get_status")
        status = await client.next("status")
        assert "connecting" == status["data"]["status"]
        assert 400.0 == status["data"]["audio"]["buffered_ms"]
        update = await fake.next_event("session.update")
        assert ["session.update"] == [event["type"] for event in fake.connections[0].events]

        for event in waiting(update):
            await fake.send(event)
        await client.status("connected")
        for chunk in chunks:
            append = await fake.next_event("input_audio_buffer.append")
            assert chunk == base64.b64decode(append["audio"])
        await fake.next_event("conversation.item.create")
        await fake.next_event("response.create")
