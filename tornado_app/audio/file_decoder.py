"""Decodes complete files in a helper process, so that libsndfile never meets them in this one."""

import asyncio
import contextlib
import os
import sys
import time
from asyncio import AbstractEventLoop
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, assert_never

import msgspec

from compiling import loading
from tornado_app.cores import start_child
from tornado_app.errors import Refused
from tornado_app.logs import get_logger
from workers import base64_text
from workers.blocks import Block
from workers.decoder_wire import (
    HEAD_BYTES,
    RATE_HZ,
    SIZES,
    Decoded,
    DecodeFile,
    Fault,
    NotDecoded,
    parse_reply,
)
from workers.decoder_wire import pack as pack_frame
from workers.formats import Container
from workers.pool import WorkFailed

JOBS_WAITING = 64
"""Of all sessions together, each of which has one at most."""
READY_TIMEOUT_S = 20.0
"""It is ready in 0.3 s."""
DEATH_S = 0.5
END_TIMEOUT_S = 5.0
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG")
"""What the helper gets of ours: no key and no secret."""
GIVE_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}
"""glibc's own thresholds grow with the first large file, and it then keeps what each takes
(mallopt(3)).  Other systems know nothing of them."""
ROOT = Path(__file__).resolve().parents[2]

FileOutcome: TypeAlias = Block | Refused | WorkFailed


@dataclass(frozen=True, slots=True)
class FileRules:
    """What one file may cost, and what is done to it."""

    play_ms: int
    timeout_s: float
    memory_bytes: int
    """Address space of the helper."""
    remove_dc: bool = False
    limit_peaks: bool = False

    @property
    def audio_bytes(self) -> int:
        """The most that the helper has to say."""
        return 2 * (self.play_ms * RATE_HZ // 1000 + 1)


class FileJob:
    """A file on its way through the helper.  Thread: loop."""

    def __init__(
        self, text: str, container: Container, deliver: Callable[[FileOutcome], None]
    ) -> None:
        self.text = text
        self.container = container
        self._deliver: Callable[[FileOutcome], None] | None = deliver

    @property
    def cancelled(self) -> bool:
        return self._deliver is None

    def cancel(self) -> None:
        """Nobody waits for it any more.  If the helper has it already, its answer is dropped."""
        self._deliver = None
        self.text = ""

    def finish(self, outcome: FileOutcome) -> None:
        deliver, self._deliver = self._deliver, None
        if deliver is not None:
            deliver(outcome)


class HelperFailed(Exception):
    """It could not be started, it died, or it said what makes no sense."""


class FileDecoder:
    """One file after the other, in a helper that is started with the first of them.

    A helper that dies, or is killed because a file takes too long, takes that one file with it:
    the next begins with a new helper.  Nothing here waits but its own task.  Thread: loop.
    """

    def __init__(self, rules: FileRules, loop: AbstractEventLoop) -> None:
        self.rules = rules
        """For files that come from now on."""
        self._loop = loop
        self._jobs: deque[FileJob] = deque()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._log = get_logger()

    @property
    def process_id(self) -> int | None:
        """Of the helper, while there is one that lives, as far as is known."""
        process = self._process
        return process.pid if process is not None and _is_alive(process) else None

    @property
    def busy(self) -> bool:
        """A file is in the helper, or about to be."""
        return self._task is not None

    def submit(
        self, text: str, container: Container, deliver: Callable[[FileOutcome], None]
    ) -> FileJob:
        """Decode a file, given as base64; *deliver* is called once, in a later turn of the loop."""
        job = FileJob(text, container, deliver)
        if len(self._jobs) >= JOBS_WAITING:
            self._jobs = deque(waiting for waiting in self._jobs if not waiting.cancelled)
        if self._stopped or len(self._jobs) >= JOBS_WAITING:
            sentence = "Too many files are waiting. Send it again later."
            self._loop.call_soon(job.finish, Refused("server_busy", sentence, None, 1000))
            return job
        self._jobs.append(job)
        if self._task is None:
            self._task = self._loop.create_task(self._work())
        return job

    async def stop(self) -> None:
        """End the helper.  Files that wait are not answered."""
        self._stopped = True
        self._jobs.clear()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._end()

    async def _work(self) -> None:
        """Run while there are files.  Raises nothing but its cancellation."""
        try:
            while self._jobs:
                job = self._jobs.popleft()
                if not job.cancelled:
                    # In a turn of its own: what goes wrong there keeps no other file waiting.
                    self._loop.call_soon(job.finish, await self._outcome(job))
        finally:
            self._task = None

    async def _outcome(self, job: FileJob) -> FileOutcome:
        try:
            process = await self._helper()
            try:
                async with asyncio.timeout(self.rules.timeout_s):
                    return await self._ask(process, job)
            except TimeoutError:
                await self._discard("timeout")
                most = f"{self.rules.timeout_s:g} s"
                sentence = f"audio: the file takes too long to decode; at most {most} are allowed."
            except (OSError, EOFError, HelperFailed, msgspec.DecodeError):
                await self._discard("died")
                sentence = "audio: the file could not be decoded; it must be whole."
            return Refused("invalid_audio", sentence)
        except Exception as error:  # noqa: BLE001  a fault of ours is one file's, not the next's
            await self._discard("fault")
            return WorkFailed(type(error).__name__)

    async def _ask(self, process: Process, job: FileJob) -> FileOutcome:
        stdin, stdout = _pipes(process)
        rules = self.rules
        request = DecodeFile(job.container, rules.play_ms, rules.remove_dc, rules.limit_peaks)
        stdin.write(pack_frame(request, job.text.encode(errors="replace")))
        await stdin.drain()
        head_bytes, body_bytes = SIZES.unpack(await stdout.readexactly(SIZES.size))
        if head_bytes > HEAD_BYTES or body_bytes > rules.audio_bytes:
            raise HelperFailed
        reply = parse_reply(await stdout.readexactly(head_bytes))
        audio = await stdout.readexactly(body_bytes)
        match reply:
            case Decoded():
                return _block(reply, audio)
            case NotDecoded(is_format, sentence):
                return Refused("unsupported_format" if is_format else "invalid_audio", sentence)
            case Fault(error):
                return WorkFailed(error)
            case _:
                assert_never(reply)

    async def _helper(self) -> Process:
        """The one that runs, or a new one that is ready.

        Raises:
            HelperFailed: If it did not come up.
            OSError: If the system has no process to give.
        """
        if self._process is not None:
            if _is_alive(self._process):
                return self._process
            await self._discard("died")
        begun = time.monotonic()
        rules = self.rules
        self._process = await start_child(
            sys.executable,
            "-m",
            "workers.decoder",
            str(rules.memory_bytes),
            str(rules.timeout_s),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # a trace there could hold what a client sent
            cwd=ROOT,
            env=_environment(),
        )
        _, stdout = _pipes(self._process)
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await stdout.readexactly(SIZES.size)
        except (TimeoutError, EOFError):
            raise HelperFailed from None
        self._log.info("file_decoder_started", ms=round((time.monotonic() - begun) * 1000))
        return self._process

    async def _discard(self, cause: str) -> None:
        code = await self._end(DEATH_S if cause == "died" else 0.0)
        self._log.warning("file_decoder_ended", cause=cause, exit_code=code)

    async def _end(self, grace_s: float = 0.0) -> int | None:
        """Kill the helper, stopped or not; it has nothing to keep.

        One that is dying by itself has *grace_s* to do so: asyncio loses the exit code of a process
        that is killed when it is dead already.
        """
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT_S):
                await process.wait()
        return process.returncode


def _is_alive(process: Process) -> bool:
    """The end of its output is heard before its exit code is known."""
    _, stdout = _pipes(process)
    return process.returncode is None and not stdout.at_eof()


def _pipes(process: Process) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None:
        raise HelperFailed
    return process.stdin, process.stdout


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    # BLAS is not used, and would take address space for each of its threads.
    return (
        kept
        | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        | GIVE_BACK
        | loading.code().for_children()
    )


def _block(decoded: Decoded, audio: bytes) -> Block:
    """What a chunk gives, too.

    Raises:
        HelperFailed: If the numbers cannot be.
    """
    frames, rate_hz = decoded.frames, decoded.rate_hz
    if frames <= 0 or rate_hz <= 0 or len(audio) != 2 * -(-frames * RATE_HZ // rate_hz):
        raise HelperFailed
    [text] = base64_text.encode_all([audio])
    duration_ms = frames * 1000 / rate_hz
    return Block(
        text,
        decoded.size_bytes,
        duration_ms,
        decoded.level_dbfs,
        len(audio) / 2 * 1000 / RATE_HZ,
        decoded.clipped,
    )
