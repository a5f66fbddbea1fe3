"""A call that is recorded: what is in the files is what was said and heard, when it was."""

import asyncio
import base64
import contextlib
import json
import os
import re
import resource
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.calls.house import House, until, whole_log
from tests.fakes.upstream import FakeUpstream

HZ = 24_000
USER = 9000
"""The user's voice, a value that no answer has."""
ANSWER_MS = 800
WORDS = "One two three four."
BARGE_IN_MS = 350
WAIT_MS = 70
"""The loudspeaker begins so long after the first piece of an answer came."""
TRUE_WITHIN_MS = 20


def sound(value: int, duration_ms: float, hz: int = HZ) -> bytes:
    """The same sample again and again, so that it is found wherever it lies."""
    return np.full(round(hz * duration_ms / 1000), value, "<i2").tobytes()


def value_of(turn: int) -> int:
    return 1000 * (turn + 1)


class Caller:
    """A microphone that never rests and a loudspeaker; both know what is true, in seconds."""

    def __init__(self, client, hz: int) -> None:
        self.client = client
        self.hz = hz
        self.speaks_until = 0.0
        self.lag_ms = 0.0
        """How late this process was at the worst: what it says comes so late, too."""
        self.spoken: list[tuple[float, float]] = []
        self.item, self.begun_at, self.there_ms = "", 0.0, 0.0
        self.heard: dict[str, tuple[float, float]] = {}
        """When each answer began to play, and stopped."""

    async def speak(self) -> None:
        """Chunks of 20 ms, each sent when it is over; a busy loop is late, and sends them all."""
        begun_at, number = time.monotonic(), 0
        was = begun_at
        while True:
            now = time.monotonic()
            self.lag_ms = max(self.lag_ms, 1000 * (now - was) - 10)
            was = now
            while begun_at + 0.02 * (number + 1) <= now:
                from_s = begun_at + 0.02 * number
                speaks = from_s < self.speaks_until
                if speaks:
                    self.spoken.append((from_s, from_s + 0.02))
                await self.client.audio(sound(USER if speaks else 0, 20, self.hz))
                number += 1
            await asyncio.sleep(0.01)

    async def listen(self) -> None:
        async for message in self._messages():
            data, now = message["data"], time.monotonic()
            if message["type"] == "audio":
                if data["item_id"] != self.item:
                    self._stop(now)
                    self.item, self.begun_at = data["item_id"], now + WAIT_MS / 1000
                self.there_ms = data["offset_ms"] + data["duration_ms"]
            elif message["type"] == "interrupted":
                self._stop(now)

    async def report(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            played_ms = (time.monotonic() - self.begun_at) * 1000
            if self.item and played_ms > 0:
                told_ms = int(min(played_ms, self.there_ms))
                await self.client.say("playback", item_id=self.item, played_ms=told_ms)
                if told_ms == int(self.there_ms):
                    self._stop(self.begun_at + self.there_ms / 1000)

    async def _messages(self):
        while (heard := await self.client.read()) is not None:
            if isinstance(heard, dict):
                yield heard

    def _stop(self, now: float) -> None:
        if self.item:
            end = min(now, self.begun_at + self.there_ms / 1000)
            self.heard[self.item] = (self.begun_at, end)
        self.item = ""


async def answer(fake, turn: int, pieces: int = 4) -> str:
    """The model answers with so many pieces at once."""
    item = f"item_{turn}"
    ids = {"response_id": f"resp_{turn}", "item_id": item, "output_index": 0, "content_index": 0}
    await fake.send({"type": "response.created", "response": {"id": f"resp_{turn}"}})
    for _ in range(pieces):
        delta = base64.b64encode(sound(value_of(turn), ANSWER_MS / 4)).decode()
        await fake.send({"type": "response.output_audio.delta", "delta": delta, **ids})
    await fake.send({"type": "response.output_audio_transcript.done", "transcript": WORDS, **ids})
    await fake.send({"type": "response.output_audio.done", **ids})
    done = {"id": f"resp_{turn}", "status": "completed", "output": []}
    await fake.send({"type": "response.done", "response": done})
    return item


async def five_turns(fake, caller: Caller) -> None:
    """The second and the fourth answer are interrupted by voice."""
    for turn in range(5):
        item = f"user_{turn}"
        caller.speaks_until = time.monotonic() + 0.2
        started = {"audio_start_ms": 0, "item_id": item}
        await fake.send({"type": "input_audio_buffer.speech_started", **started})
        await asyncio.sleep(0.25)
        stopped = {"audio_end_ms": 200, "item_id": item}
        await fake.send({"type": "input_audio_buffer.speech_stopped", **stopped})
        committed = {"item_id": item, "previous_item_id": None}
        await fake.send({"type": "input_audio_buffer.committed", **committed})
        said = {"item_id": item, "content_index": 0, "transcript": f"Turn {turn}."}
        kind = "conversation.item.input_audio_transcription.completed"
        await fake.send({"type": kind, **said})
        await answer(fake, turn)
        if turn in (1, 3):
            await until(
                lambda: caller.item and time.monotonic() - caller.begun_at > BARGE_IN_MS / 1000,
                "the answer does not play",
            )
        else:
            await until(lambda turn=turn: f"item_{turn}" in caller.heard, "nothing was played")
            await asyncio.sleep(0.1)  # its last word of it is on its way


async def recorded_call(fake, house, directory: Path, query: str = "", hz: int = HZ):
    """The caller of such a call, when it began, and what is in the files."""
    client = await house.connected(query)
    opened_at = next(iter(house.gateway.connections)).config.opened_at
    caller = Caller(client, hz)
    tasks = [asyncio.ensure_future(t()) for t in (caller.speak, caller.listen, caller.report)]
    try:
        await five_turns(fake, caller)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    client.socket.close()
    about = await made(directory)
    return caller, opened_at, about


async def made(directory: Path):
    """What the JSON of the only recording says."""
    found: list[Path] = []

    def is_made() -> bool:
        found[:] = directory.glob("*.json")
        return bool(found)

    await until(is_made, "the recording is not made")
    return json.loads(found[0].read_text())


def within(heard_ms: float) -> int:
    """How many characters of whole words play in so many of an answer's milliseconds."""
    at = int(len(WORDS) * min(heard_ms / ANSWER_MS, 1.0))
    return at if at == len(WORDS) else max(WORDS.rfind(" ", 0, at + 1), 0)


def stretches(samples, is_there, lag_ms: float) -> list[tuple[float, float]]:
    """From and to, in s, where *is_there* holds.

    Shorter holes than 30 ms are none, nor those of a report that came later than the next ones by
    no more than this process was late itself.
    """
    places = np.flatnonzero(is_there(samples))
    if not len(places):
        return []
    cuts = np.flatnonzero(np.diff(places) > HZ * (0.03 + lag_ms / 1000))
    begins = places[np.concatenate(([0], cuts + 1))]
    ends = places[np.concatenate((cuts, [-1]))] + 1
    return [(float(b) / HZ, float(e) / HZ) for b, e in zip(begins, ends, strict=True)]


def joined(chunks: list[tuple[float, float]], lag_ms: float) -> list[tuple[float, float]]:
    """As `stretches`: who was late cannot tell two turns apart that were nearer to each other."""
    whole: list[tuple[float, float]] = []
    for begin, end in chunks:
        if whole and begin - whole[-1][1] < 0.03 + lag_ms / 1000:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((begin, end))
    return whole


def off_ms(found, truth, opened_at: float) -> float:
    """The most that a begin or an end is away from where it was."""
    assert len(found) == len(truth), (found, truth)
    return max(
        1000 * abs(f - (t - opened_at))
        for pair in zip(found, truth, strict=True)
        for f, t in zip(*pair, strict=True)
    )


@pytest.mark.parametrize(
    ("query", "hz"),
    [("", HZ), ("input_rate=48000&output_rate=8000&output_format=pcmu", 48_000)],
)
@pytest.mark.gen_test(timeout=90)
async def test_both_sides_lie_where_they_were(tmp_path, query, hz):
    """Five turns and two interruptions, against what the caller knows to be true."""
    async with (
        FakeUpstream() as fake,
        House(
            fake.url, recordings_calls="all", recordings_directory=str(tmp_path / "kept")
        ) as house,
    ):
        caller, opened_at, about = await recorded_call(fake, house, tmp_path / "kept", query, hz)

    [flac] = (tmp_path / "kept").glob("*.flac")
    samples, rate_hz = soundfile.read(flac, dtype="int16")
    assert (HZ, 2) == (rate_hz, samples.shape[1])
    left, right = samples.T
    user = stretches(left, lambda side: np.abs(side - USER) < USER // 2, caller.lag_ms)
    spoken = joined(caller.spoken, caller.lag_ms)
    assert off_ms(user, spoken, opened_at) <= TRUE_WITHIN_MS + caller.lag_ms
    for turn in range(5):
        value = value_of(turn)
        found = stretches(right, lambda side, value=value: side == value, caller.lag_ms)
        assert (
            off_ms(found, [caller.heard[f"item_{turn}"]], opened_at)
            <= TRUE_WITHIN_MS + caller.lag_ms
        ), turn
    assert not set(np.unique(right)) - {0, *map(value_of, range(5))}
    assert about["is_whole"]
    answers = [each for each in about["words"] if each["role"] == "assistant"]
    heard = [each["heard_characters"] for each in answers]
    assert {heard[turn] for turn in (0, 2, 4)} == {len(WORDS)}
    for turn in (1, 3):
        begin, end = caller.heard[f"item_{turn}"]
        by_ms = TRUE_WITHIN_MS + caller.lag_ms
        least, most = (within(1000 * (end - begin) + off_by) for off_by in (-by_ms, by_ms))
        assert least <= heard[turn] <= most
    assert [f"Turn {turn}." for turn in range(5)] == [
        each["text"] for each in about["words"] if each["role"] == "user"
    ]
    [vtt] = (tmp_path / "kept").glob("*.vtt")
    unheard = Counter(WORDS[count:].strip() for count in heard if count < len(WORDS))
    assert unheard == Counter(re.findall(r"<c.unheard>(.*?)</c>", vtt.read_text()))


class Unsteady:
    """A client's side that keeps what is said while it has no connection."""

    def __init__(self, client) -> None:
        self.client = client
        self.chunks = 0
        self.kept: list[bytes] = []

    async def audio(self, pcm: bytes) -> None:
        self.chunks += 1
        if self.client is None:
            self.kept.append(pcm)
        else:
            await self.client.audio(pcm)

    async def lose(self, house) -> None:
        """The connection breaks when all that was sent has been taken."""
        client, self.client = self.client, None
        sent = self.chunks
        while (await client.next("audio_received"))["data"]["chunk"] < sent:
            pass
        client.socket.protocol.stream.close()
        while not (await house.scrape())("clients_lost_total"):
            await asyncio.sleep(0.02)

    async def go_on(self, client) -> None:
        while self.kept:
            await client.audio(self.kept.pop(0))
        self.client = client


async def heard(client, count: int) -> tuple[float, float]:
    """From and to when so many pieces of 200 ms play that come at once."""
    await client.next("audio")
    began_at = time.monotonic()
    for _ in range(count - 1):
        await client.next("audio")
    return began_at, began_at + 0.2 * count


@pytest.mark.gen_test
async def test_a_call_whose_client_was_lost_is_one_recording(tmp_path):
    """What is said meanwhile lies where it was said, and what waited where it was heard."""
    keeps = {"session_resume_window_s": 20, "recordings_calls": "all"}
    async with (
        FakeUpstream() as fake,
        House(fake.url, recordings_directory=str(tmp_path), **keeps) as house,
    ):
        client = await house.connected()
        opened_at = next(iter(house.gateway.connections)).config.opened_at
        line = Unsteady(client)
        caller = Caller(line, HZ)
        speaking = asyncio.ensure_future(caller.speak())
        await answer(fake, 0, pieces=2)
        truth = [await heard(client, 2)]
        await until(lambda: time.monotonic() > truth[0][1], "time stands still")
        await line.lose(house)
        caller.speaks_until = time.monotonic() + 0.3
        await answer(fake, 1, pieces=3)
        await until(lambda: len(line.kept) > 40, "nobody speaks")
        place = max(message["seq"] for message in client.heard)
        token = client.heard[0]["data"]["resume_token"]
        again = await house.call(f"resume={token}&last_seq={place}")
        truth.append(await heard(again, 3))
        assert (await again.status("connected"))["data"]["resumed"]
        await line.go_on(again)
        await until(lambda: time.monotonic() > truth[1][1], "time stands still")
        speaking.cancel()
        again.socket.close()
        about = await made(tmp_path)

    [flac] = tmp_path.glob("*.flac")
    left, right = soundfile.read(flac, dtype="int16")[0].T
    within_ms = TRUE_WITHIN_MS + caller.lag_ms
    user = stretches(left, lambda side: np.abs(side - USER) < USER // 2, caller.lag_ms)
    assert off_ms(user, joined(caller.spoken, caller.lag_ms), opened_at) <= within_ms
    for turn, true in enumerate(truth):
        value = value_of(turn)
        found = stretches(right, lambda side, value=value: side == value, caller.lag_ms)
        assert off_ms(found, [true], opened_at) <= within_ms, turn
    assert about["is_whole"]
    assert [19, 19] == [each["heard_characters"] for each in about["words"]]


@pytest.mark.gen_test
async def test_who_is_recorded_is_told_and_nobody_else(tmp_path):
    """By the settings and the token; the policy may take it from tokens."""
    directory = str(tmp_path)
    for calls, said, is_recorded in (
        ("all", {}, True),
        ("all", {"record": False}, False),
        ("asked", {}, False),
        ("asked", {"record": True}, True),
        ("none", {"record": True}, False),
    ):
        async with (
            FakeUpstream() as fake,
            House(fake.url, recordings_calls=calls, recordings_directory=directory) as house,
        ):
            client = await house.call(token=house.token(parley_session=said))
            told = (await client.next("connection_status"))["data"]["negotiated"]
            assert is_recorded == told.get("recorded", False), (calls, said)
            assert "recorded" not in told or told["recorded"] is True
        assert is_recorded == bool(list(tmp_path.glob("*.json"))), (calls, said)
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.gen_test
async def test_files_are_for_one_user_alone_and_hold_what_they_should(tmp_path):
    """Names are session ids, whatever the user is called."""
    async with (
        FakeUpstream() as fake,
        House(
            fake.url,
            recordings_calls="all",
            recordings_parts="words",
            recordings_directory=str(tmp_path / "kept"),
        ) as house,
    ):
        client = await house.connected(user="../../<é> vil")
        session_id = next(iter(house.gateway.connections)).config.session_id
        await client.say("text", text="<b>Hello</b>\n\n00:00 --> 00:01 & you")
        await fake.next_event("response.create")
        client.socket.close()
        about = await made(tmp_path / "kept")

    assert "../../<é> vil" == about["user_id"]
    names = {path.name for path in (tmp_path / "kept").iterdir()}
    assert {f"{session_id}.json", f"{session_id}.vtt"} == names
    assert 0o700 == (tmp_path / "kept").stat().st_mode & 0o777
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "kept").iterdir())
    vtt = (tmp_path / "kept" / f"{session_id}.vtt").read_text()
    assert "<v User>&lt;b&gt;Hello&lt;/b&gt; 00:00 --&gt; 00:01 &amp; you\n" in vtt


@contextlib.contextmanager
def small_files(tmp_path):
    """No file may be larger than 100 kB: the system refuses it in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        yield tmp_path, "EFBIG"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def full_disk(tmp_path):
    """A file system of 128 KiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(tmp_path)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nobody but root may mount a file system")
    try:
        yield tmp_path, "ENOSPC"
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@contextlib.contextmanager
def no_directory(tmp_path):
    """Where the directory should be, there is a file."""
    (tmp_path / "kept").write_text("")
    yield tmp_path / "kept", "ENOTDIR|EEXIST"


@pytest.mark.parametrize("trouble", [small_files, full_disk, no_directory])
@pytest.mark.gen_test(timeout=90)
async def test_a_disk_that_takes_nothing_costs_the_recording_alone(tmp_path, trouble):
    """One warning, a count; the client hears every sample, in two calls one after the other."""
    pcm = sound(5000, 4000)
    with trouble(tmp_path) as (directory, why), whole_log() as log:
        async with (
            FakeUpstream() as fake,
            House(fake.url, recordings_calls="all", recordings_directory=str(directory)) as house,
        ):
            for _ in range(2):
                client = await house.connected("output_encoding=binary")
                for begin in range(0, len(pcm), 9600):
                    await client.audio(pcm[begin : begin + 9600])
                await fake.send({"type": "response.created", "response": {"id": "r"}})
                ids = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
                for begin in range(0, len(pcm), 4800):
                    delta = base64.b64encode(pcm[begin : begin + 4800]).decode()
                    kind = "response.output_audio.delta"
                    await fake.send({"type": kind, "delta": delta, **ids})
                await fake.send({"type": "response.output_audio.done", **ids})
                done = {"id": "r", "status": "completed", "output": []}
                await fake.send({"type": "response.done", "response": done})
                await client.next("response_done")
                heard = b"".join(each for each in client.heard if isinstance(each, bytes))
                assert pcm == heard
                await until(
                    lambda: house.gateway.records.recorder.failed, "the disk took all of it"
                )
                client.socket.close()
                await until(lambda: not house.gateway.connections, "the call does not end")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    warnings = [line for line in lines if line["event"] == "recording_failed"]
    assert 1 == len(warnings)
    assert warnings[0]["why"] in why.split("|")
    assert "warning" == warnings[0]["level"]
    assert not [line for line in lines if line["level"] in ("error", "critical")]
