"""``run.py talk``: its arguments, its files and its signals."""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from terminal.addresses import in_url, reachable
from terminal.streams import write_out
from terminal.words import answer, complain
from tornado_app.admission import tokens
from tornado_app.commands.arguments import TOKEN_TTL_S
from tornado_app.commands.configuration import token_rules
from tornado_app.commands.interruptible import until_told
from tornado_app.commands.raw_format import RawFormat
from tornado_app.commands.talk.address import DEFAULT_RATE_HZ, Address, read_address
from tornado_app.commands.talk.conversation import Wish, run, talk
from tornado_app.commands.talk.devices import Loudspeaker, Microphone
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.keeper import Keeper
from tornado_app.commands.talk.raw import STANDARD_INPUT, RawRecording
from tornado_app.commands.talk.result import Talked, figures, summary
from tornado_app.commands.talk.screen import Screen
from tornado_app.commands.talk.series import many
from tornado_app.commands.talk.turns import Spoken, Turn, Typed, given, typed_lines
from tornado_app.commands.talk.view import JsonLines, Silence, View
from tornado_app.settings.schema import Settings
from workers.recordings import Recording, UnreadableRecording, open_recording, recording_from


def start(options: argparse.Namespace, settings: Settings) -> int:
    """0 if all was answered, 1 with a sentence if not; 128 and a signal's number if that ended it.

    Raises:
        OutputLost: If nobody reads what was said.
    """
    view: View = JsonLines() if options.json else Screen()
    try:
        if options.repeat > 1 or options.parallel > 1:
            _check_series(options)
            return _run(_series(options, settings))
        with contextlib.ExitStack() as stack:
            wish = make_wish(options, settings, stack, view)
            return _run(run(wish, view))
    except Failed as failed:
        complain(*failed.lines)
        return 1


def _run(work: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner() as runner:
        return runner.run(until_told(work))


def make_wish(
    options: argparse.Namespace, settings: Settings, stack: contextlib.ExitStack, view: View
) -> Wish:
    """What was asked for; *stack* closes what that opens.

    Raises:
        Failed: If it cannot be.
    """
    server = settings.server
    recordings = _recordings(options)
    for recording in recordings:
        stack.callback(recording.close)
    own = f"ws://{in_url(reachable(server.host), server.port)}/ws"
    url = own if options.url is None else options.url
    rate_hz = recordings[0].rate_hz if recordings else DEFAULT_RATE_HZ
    address = read_address(url, rate_hz, _wished(options, url))
    keeper = Keeper(options.save, _answer_hz(address)) if options.save is not None else None
    if keeper is not None:
        stack.enter_context(keeper)
        if any(_are_one(path, options.save) for path in options.files):
            raise Failed("--save would write over the recording; choose another file.")
    speaker = Loudspeaker(_answer_hz(address) or DEFAULT_RATE_HZ) if options.play else None
    if speaker is not None:
        stack.callback(speaker.close)
    token = options.token
    if token is None:
        rules = token_rules(settings)
        if rules is None:
            raise Failed("There is no auth.secret to make a token with; give one with --token.")
        now = time.time()  # noqa: TID251  `exp` is wall time
        token = tokens.issue("developer", rules, now, TOKEN_TTL_S)
    turns: list[Turn] = [*map(Spoken, recordings), *map(Typed, options.text)]
    return Wish(
        turns=given(turns) if turns else typed_lines(view.prompt, view.prompted, sys.stdin),
        address=address,
        token=token,
        keeper=keeper,
        is_fast=options.fast,
        chunk_ms=options.chunk_ms,
        instructions=options.instructions or "",
        speaker=speaker,
    )


def _recordings(options: argparse.Namespace) -> list[Recording]:
    """What is spoken, before there is a loop: it may have to wait for a pipe; raises `Failed`."""
    if options.files.count("-") > 1:
        raise Failed("Standard input comes once; name it once.")
    if "" in options.files:  # it would be the directory that we are in
        raise Failed("The name of a recording is empty.")
    if not options.microphone:
        return [_recording(path, options.audio_in) for path in options.files]
    if options.files or options.text:
        raise Failed("--microphone is all that is said; leave out recordings and --text.")
    return [Microphone()]


def _wished(options: argparse.Namespace, url: str) -> dict[str, str]:
    """Parameters that options stand for; the model hears when one who speaks freely has ended."""
    wished = {"voice": options.voice} if options.voice else {}
    if options.microphone and "turn_detection=" not in url:
        wished["turn_detection"] = "server_vad"
    return wished


def _check_series(options: argparse.Namespace) -> None:
    if not options.files and not options.text:
        raise Failed("--repeat and --parallel need recordings or --text: they ask nobody.")
    if options.play or options.microphone:
        raise Failed("--play and --microphone are for one talk.")
    if "-" in options.files:
        raise Failed("Standard input comes once; give --repeat and --parallel a file.")
    if options.save is not None:
        raise Failed("--save keeps one talk; leave it out with --repeat and --parallel.")


async def _series(options: argparse.Namespace, settings: Settings) -> int:
    """Many talks; their summary, and 1 if any has failed."""
    shown = Screen()

    async def one() -> Talked:
        with contextlib.ExitStack() as stack:
            return await talk(make_wish(options, settings, stack, Silence()), Silence())

    def progress(done: int, failed: int) -> None:
        if not options.json:
            shown.progress(f"{done} of {count} talks, {failed} failed")

    count = max(options.repeat, options.parallel)
    began_at = time.monotonic()
    talks = await many(one, count, options.parallel, progress)
    told = figures(talks, time.monotonic() - began_at)
    shown.end_line()
    if options.json:
        write_out(json.dumps({"event": "summary", **told}) + "\n")
    else:
        answer(*summary(told))
    return int(told["failed"] > 0)


def _recording(path: str, raw: RawFormat | None) -> Recording:
    try:
        if raw is not None:
            return _raw(path, raw)
        recording = _standard_input() if path == "-" else open_recording(path)
    except UnreadableRecording as unreadable:
        raise Failed(str(unreadable), unreadable.command) from None
    if recording.is_empty:
        recording.close()
        raise Failed(f"{recording.name} holds no audio.")
    return recording


def _raw(path: str, raw: RawFormat) -> Recording:
    if path == "-":
        _check_standard_input()
        return RawRecording(STANDARD_INPUT, sys.stdin.buffer, raw)
    try:
        return RawRecording(path, Path(path).open("rb"), raw)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.") from None


def _are_one(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other)
    except OSError:  # standard input, or gone
        return False


def _check_standard_input() -> None:
    if sys.stdin.isatty():
        raise Failed("Standard input is this terminal; give it a recording: talk - < speech.wav")


def _standard_input() -> Recording:
    _check_standard_input()
    try:
        return recording_from(sys.stdin.buffer, STANDARD_INPUT)
    except OSError as error:
        raise Failed(f"Standard input cannot be read: {error.strerror}.") from None


def _answer_hz(address: Address) -> int | None:
    try:
        return address.target.rate_hz
    except Failed:  # the gateway may know more, and says what is wrong
        return None
