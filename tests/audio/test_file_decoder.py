"""Tests of tornado_app/audio/file_decoder.py, with the real helper process."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.calls.house import until, whole_log
from tests.fakes.files import file_of, silence
from tornado_app.audio.file_decoder import JOBS_WAITING, FileDecoder, FileRules
from tornado_app.errors import Refused
from workers.blocks import Block

ROOT = Path(__file__).parents[2]
LIMITS = FileRules(play_ms=15_000, timeout_s=10.0, memory_bytes=512 << 20)
WAIT_S = 45.0
SOUND = (0.5 * np.sin(np.arange(4800) * 0.1)).astype(np.float32)
MAY_BE = "; it may be wav, flac, ogg."
FILE = file_of("wav-pcm16", SOUND, 24_000)


class Desk:
    """Hands files in and keeps what comes back."""

    def __init__(self, limits: FileRules) -> None:
        self.decoder = FileDecoder(limits, asyncio.get_running_loop())
        self.outcomes = []

    def hand_in(self, data: bytes = FILE, container: str = "wav"):
        text = base64.b64encode(data).decode()
        return self.decoder.submit(text, container, self.outcomes.append)

    async def outcome(self, data: bytes = FILE, container: str = "wav"):
        before = len(self.outcomes)
        self.hand_in(data, container)
        await until(lambda: len(self.outcomes) > before, "a file was not answered", WAIT_S)
        return self.outcomes[-1]


@asynccontextmanager
async def desk(limits: FileRules = LIMITS):
    there = Desk(limits)
    try:
        yield there
    finally:
        await there.decoder.stop()
        assert there.decoder.process_id is None


@pytest.mark.gen_test
async def test_a_file_becomes_a_block_as_a_chunk_does():
    """Base64 of 24 kHz mono pcm16, with the size, the time and the level of the file."""
    async with desk() as there:
        block = await there.outcome()

    assert (len(FILE), 200.0, -9.0, 4800) == (
        block.size_bytes,
        block.duration_ms,
        block.level_dbfs,
        round(24 * block.converted_ms),
    )
    heard = np.frombuffer(base64.b64decode(block.audio), "<i2") / 32768
    assert np.abs(heard - SOUND).max() <= 2**-15


@pytest.mark.gen_test
async def test_there_is_no_process_before_the_first_file_and_one_for_all():
    """Whoever sends no files pays nothing for them."""
    async with desk() as there:
        assert there.decoder.process_id is None
        for _ in range(3):
            assert isinstance(await there.outcome(), Block)
            first = there.decoder.process_id
        await there.outcome()

        assert first == there.decoder.process_id
        helper = psutil.Process(first)
        assert 1 == helper.num_threads()
        assert helper.nice() > psutil.Process().nice()


@pytest.mark.gen_test
async def test_the_helper_knows_no_secret(monkeypatch):
    """A file that takes it over finds no key there."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-strangers")
    async with desk() as there:
        await there.outcome()
        environment = psutil.Process(there.decoder.process_id).environ()

    # Whether its code is compiled is all that it is told.
    told = {name for name in environment if "KEY" in name or "PARLEY" in name}
    assert told <= {"PARLEY_COMPILED"}


@pytest.mark.gen_test
async def test_a_file_whose_taker_fails_keeps_no_other_waiting():
    """The next one is decoded and answered as if nothing had been."""
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: faults.append(what))
    async with desk() as there:
        there.decoder.submit(base64.b64encode(FILE).decode(), "wav", [].index)
        assert isinstance(await there.outcome(), Block)

    assert [ValueError] == [type(fault["exception"]) for fault in faults]


@pytest.mark.gen_test
async def test_files_are_answered_in_order_and_a_bad_one_is_only_itself():
    """What is wrong with it is told by code and sentence."""
    async with desk() as there:
        for data in (FILE, b"nonsense", silence(0.1), FILE):
            there.hand_in(data)
        await until(lambda: len(there.outcomes) == 4, "a file was not answered", WAIT_S)

    one, two, three, four = there.outcomes
    assert one == four
    assert ("unsupported_format", f"format: the file is not wav{MAY_BE}") == (
        two.code,
        two.sentence,
    )
    assert ("unsupported_format", f"format: the file is not wav but flac{MAY_BE}") == (
        three.code,
        three.sentence,
    )


@pytest.mark.gen_test
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_helper_that_dies_takes_one_file_with_it(number):
    """The next file has a new helper; the log says what became of the old one."""
    with whole_log() as log:
        async with desk() as there:
            await there.outcome()
            victim = there.decoder.process_id
            os.kill(victim, signal.SIGSTOP)
            there.hand_in()
            there.hand_in()
            await asyncio.sleep(0)  # the decoder's task writes the first to the helper
            os.kill(victim, number)
            with suppress(ProcessLookupError):  # it is gone already, or wakes to find the signal
                os.kill(victim, signal.SIGCONT)
            await until(lambda: len(there.outcomes) == 3, "a file was not answered", WAIT_S)

            assert "invalid_audio" == there.outcomes[1].code
            assert isinstance(there.outcomes[2], Block)
            assert victim != there.decoder.process_id
    assert f'"exit_code": {-number}' in log.getvalue()


@pytest.mark.gen_test
async def test_a_helper_that_died_while_idle_takes_no_file_with_it():
    """The system may kill it for its memory."""
    async with desk() as there:
        await there.outcome()
        os.kill(there.decoder.process_id, signal.SIGKILL)
        await until(lambda: there.decoder.process_id is None, "it did not die")

        assert isinstance(await there.outcome(), Block)


@pytest.mark.gen_test
async def test_a_file_that_takes_too_long_is_killed_stopped_or_not():
    """The clock is ours: a process that the kernel has stopped uses no CPU time."""
    async with desk(FileRules(15_000, 1.0, 512 << 20)) as there:
        await there.outcome()
        os.kill(there.decoder.process_id, signal.SIGSTOP)
        refused = await there.outcome()
        assert (
            "audio: the file takes too long to decode; at most 1 s are allowed." == refused.sentence
        )

        assert isinstance(await there.outcome(), Block)


@pytest.mark.gen_test
async def test_a_bomb_is_refused_and_the_next_file_works():
    """Of length and of memory: 200 s of 192 kHz in a hundred kilobytes."""
    bomb = silence(200, 192_000)
    async with desk(FileRules(15_000, 10.0, 512 << 20)) as there:
        assert "longer than 15 s" in (await there.outcome(bomb, "flac")).sentence
        assert isinstance(await there.outcome(), Block)
    async with desk(FileRules(600_000, 10.0, 320 << 20)) as there:
        assert "more memory" in (await there.outcome(bomb, "flac")).sentence
        assert isinstance(await there.outcome(), Block)


@pytest.mark.gen_test
async def test_a_file_nobody_waits_for_is_not_answered():
    """In flight or still waiting; the file behind it is."""
    async with desk() as there:
        await there.outcome()
        jobs = [there.hand_in() for _ in range(3)]
        jobs[0].cancel()
        jobs[1].cancel()
        await until(lambda: len(there.outcomes) == 2, "the file behind was not answered", WAIT_S)


@pytest.mark.gen_test
async def test_more_files_than_may_wait_are_refused():
    """Who comes too late is told to come again."""
    async with desk() as there:
        for _ in range(JOBS_WAITING + 2):
            there.hand_in()
        await until(lambda: len(there.outcomes) == JOBS_WAITING + 2, "no answer", WAIT_S)

    refused = [outcome for outcome in there.outcomes if isinstance(outcome, Refused)]
    assert {"server_busy"} == {outcome.code for outcome in refused}
    assert 1 <= len(refused) <= 2


@pytest.mark.gen_test
async def test_files_nobody_waits_for_take_no_place():
    """One client that hands in and clears does not shut everybody else out."""
    async with desk() as there:
        for _ in range(2 * JOBS_WAITING):
            there.hand_in().cancel()
        there.hand_in()
        await until(lambda: there.outcomes, "the file was not answered", WAIT_S)

    assert [Block] == [type(outcome) for outcome in there.outcomes]


@pytest.mark.gen_test
async def test_a_helper_that_cannot_start_is_a_fault_of_ours(monkeypatch):
    """The client is told "internal", and the next file tries again."""
    async with desk() as there:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "executable", "/bin/false")
            assert "HelperFailed" == (await there.outcome()).error

        assert isinstance(await there.outcome(), Block)


GATEWAY = """
import asyncio, base64, sys
from tornado_app.audio.file_decoder import FileDecoder, FileRules
async def main():
    decoder = FileDecoder(FileRules(15_000, 10.0, 512 << 20), asyncio.get_running_loop())
    done = asyncio.Event()
    decoder.submit(base64.b64encode(b"nothing").decode(), "wav", lambda _: done.set())
    await done.wait()
    print(decoder.process_id, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_helper_ends_with_the_gateway_however_that_ends(number):
    """Its input ends with whoever held the other end."""
    with subprocess.Popen(
        [sys.executable, "-c", GATEWAY], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as gateway:
        for line in gateway.stdout:  # the log goes there, too
            if line.strip().isdecimal():
                break
        helper = psutil.Process(int(line))
        gateway.send_signal(number)
    helper.wait(WAIT_S)
