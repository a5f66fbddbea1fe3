"""`talk` as a person has it: a process, its terminal and its signals, and a gateway."""

import asyncio
import base64
import contextlib
import os
import signal
import sys

import numpy as np
import pytest
import soundfile
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from tests.calls.house import ROOT
from tests.commands.talk.parley import parley


@pytest.fixture
def recording(tmp_path):
    """Five seconds of noise."""
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 40_000), 8_000)
    return str(path)


@contextlib.asynccontextmanager
async def talking(url: str, token: str, *words: str, **streams):
    """The process, and its end whatever happens."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "run.py",
        "talk",
        *words,
        "--url",
        url,
        "--token",
        token,
        cwd=ROOT,
        env=environ,
        stdout=streams.get("stdout", asyncio.subprocess.PIPE),
        stderr=asyncio.subprocess.PIPE,
        stdin=streams.get("stdin"),
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


class HalfAnAnswer(WebSocketHandler):
    """A gateway whose answer begins and has no end: half a second of sound, then a word."""

    async def open(self):
        await self.say("connection_status", status="connected", model="half")

    async def on_message(self, message):
        if isinstance(message, bytes):
            await self.say("audio_received", duration_ms=len(message) / 16)
            return
        await self.say("audio_committed", item_id="u")
        await self.say("audio", audio=base64.b64encode(bytes(24_000)).decode())
        await self.say("transcript", role="assistant", item_id="a", text="Half.", final=True)

    async def say(self, kind, **data):
        await self.write_message({"type": kind, "data": data, "error": ""})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.gen_test
async def test_a_signal_keeps_what_was_heard(recording, tmp_path, number):
    """A whole recording of it, a sentence, and the signal's exit code."""
    saved = tmp_path / "answer.wav"
    server = HTTPServer(Application([("/ws", HalfAnAnswer)]))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    url = f"ws://127.0.0.1:{sockets[0].getsockname()[1]}"
    try:
        async with talking(url, "t", recording, "--fast", "--save", str(saved)) as process:
            assert b"Answer: Half.\n" == await process.stdout.readline()
            process.send_signal(number)
            err = (await process.communicate())[1].decode()
    finally:
        server.stop()
        await server.close_all_connections()

    name = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}[number]
    assert 128 + number == process.returncode
    assert err.endswith(f"Stopped by {name}.\n")
    assert f"Saved to {saved}." in err
    assert "Traceback" not in err
    assert 0.5 == soundfile.info(saved).duration


@pytest.mark.gen_test
async def test_a_reader_that_has_gone(recording, tmp_path):
    """The talk ends quietly, as other programs do; what was heard is kept."""
    reading, writing = os.pipe()
    os.close(reading)
    async with (
        parley() as house,
        talking(house.url, house.token(), recording, "--fast", stdout=writing) as process,
    ):
        os.close(writing)
        err = (await process.communicate())[1]

    assert 141 == process.returncode
    assert b"Traceback" not in err


@pytest.mark.gen_test
async def test_a_recording_through_a_pipe(recording):
    """Words come to standard output, all else to standard error; no line is wrapped."""
    async with parley() as house:
        with open(recording, "rb") as stdin:  # noqa: ASYNC230, PTH123
            async with talking(house.url, house.token(), "-", "--fast", stdin=stdin) as process:
                out, err = await process.communicate()

    assert 0 == process.returncode
    words = [
        "You: (5.0 s of speech, not transcribed: echo mode)",
        "Answer: (echo of 5.0 s of audio)",
    ]
    assert sorted(words) == sorted(out.decode().splitlines())
    assert "Spoke 5.00 s of standard input." in err.decode().splitlines()
    assert b"\x1b" not in out + err
