"""`talk` as a person has it: a process, its terminal and its signals, and a gateway."""

import asyncio
import contextlib
import os
import signal
import sys

import numpy as np
import pytest
import soundfile

from tests.calls.house import ROOT, House
from tests.commands.talk.parley import parley


@pytest.fixture
def recording(tmp_path):
    """Five seconds of noise, whose echo is still being spoken when the test has seen it begin."""
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 40_000), 8_000)
    return str(path)


@contextlib.asynccontextmanager
async def talking(house: House, *words: str, **streams):
    """The process, and its end whatever happens."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "run.py",
        "talk",
        *words,
        "--url",
        house.url,
        "--token",
        house.token(),
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.gen_test(timeout=30)
async def test_a_signal_keeps_what_was_heard(recording, tmp_path, number):
    """A whole recording of it, a sentence, and the signal's exit code."""
    saved = tmp_path / "answer.wav"
    async with (
        parley(pace=1) as house,
        talking(house, recording, "--fast", "--save", str(saved)) as process,
    ):
        while b"Answer" not in await process.stdout.readuntil(b":"):
            pass
        await asyncio.sleep(0.3)  # of an answer that lasts five seconds
        process.send_signal(number)
        err = (await process.communicate())[1].decode()

    name = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}[number]
    assert 128 + number == process.returncode
    assert err.endswith(f"Stopped by {name}.\n")
    assert f"Saved to {saved}." in err
    assert "Traceback" not in err
    assert 0 < soundfile.info(saved).duration < 5


@pytest.mark.gen_test(timeout=30)
async def test_a_reader_that_has_gone(recording, tmp_path):
    """The talk ends quietly, as other programs do; what was heard is kept."""
    reading, writing = os.pipe()
    os.close(reading)
    async with (
        parley() as house,
        talking(house, recording, "--fast", stdout=writing) as process,
    ):
        os.close(writing)
        err = (await process.communicate())[1]

    assert 141 == process.returncode
    assert b"Traceback" not in err


@pytest.mark.gen_test(timeout=30)
async def test_a_recording_through_a_pipe(recording):
    """Words come to standard output, all else to standard error; no line is wrapped."""
    async with parley() as house:
        with open(recording, "rb") as stdin:  # noqa: ASYNC230, PTH123
            async with talking(house, "-", "--fast", stdin=stdin) as process:
                out, err = await process.communicate()

    assert 0 == process.returncode
    words = [
        "You: (5.0 s of speech, not transcribed: echo mode)",
        "Answer: (echo of 5.0 s of audio)",
    ]
    assert sorted(words) == sorted(out.decode().splitlines())
    assert "Spoke 5.00 s of Standard input." in err.decode().splitlines()
    assert b"\x1b" not in out + err
