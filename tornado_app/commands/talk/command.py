"""``run.py talk``: its arguments, its files and its signals."""

import argparse
import asyncio
import contextlib
import sys
import time
from pathlib import Path

from terminal.words import complain
from tornado_app.admission import tokens
from tornado_app.commands.arguments import TOKEN_TTL_S
from tornado_app.commands.configuration import token_rules
from tornado_app.commands.interruptible import until_told
from tornado_app.commands.talk.address import Address, read_address
from tornado_app.commands.talk.conversation import Wish, run
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.keeper import Keeper
from tornado_app.settings.schema import Settings
from workers.recordings import Recording, UnreadableRecording, open_recording, recording_from


def start(options: argparse.Namespace, settings: Settings) -> int:
    """0 if an answer came, 1 with a sentence if not; 128 and a signal's number if that ended it.

    Raises:
        OutputLost: If nobody reads what was said.
    """
    try:
        with contextlib.ExitStack() as stack:
            wish = _wish(options, settings, stack)
            with asyncio.Runner() as runner:
                return runner.run(until_told(run(wish)))
    except Failed as failed:
        complain(*failed.lines)
        return 1


def _wish(options: argparse.Namespace, settings: Settings, stack: contextlib.ExitStack) -> Wish:
    server = settings.server
    recording = _recording(options.file)
    stack.callback(recording.close)
    host = f"[{server.host}]" if ":" in server.host else server.host
    url = f"ws://{host}:{server.port}/ws" if options.url is None else options.url
    address = read_address(url, recording.rate_hz)
    keeper = Keeper(options.save, _answer_hz(address)) if options.save is not None else None
    if keeper is not None:
        stack.enter_context(keeper)
        if _are_one(options.file, options.save):
            raise Failed("--save would write over the recording; choose another file.")
    token = options.token
    if token is None:
        rules = token_rules(settings)
        if rules is None:
            raise Failed("There is no auth.secret to make a token with; give one with --token.")
        now = time.time()  # noqa: TID251  `exp` is wall time
        token = tokens.issue("developer", rules, now, TOKEN_TTL_S)
    return Wish(
        recording=recording,
        address=address,
        token=token,
        keeper=keeper,
        is_fast=options.fast,
        chunk_ms=options.chunk_ms,
    )


def _recording(path: str) -> Recording:
    """Before there is a loop, as it may wait for a pipe; raises `Failed`."""
    try:
        recording = _standard_input() if path == "-" else open_recording(path)
    except UnreadableRecording as unreadable:
        raise Failed(str(unreadable), unreadable.command) from None
    if recording.is_empty:
        recording.close()
        raise Failed(f"{recording.name} holds no audio.")
    return recording


def _are_one(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other)
    except OSError:  # standard input, or gone
        return False


def _standard_input() -> Recording:
    if sys.stdin.isatty():
        raise Failed("Standard input is this terminal; give it a recording: talk - < speech.wav")
    try:
        return recording_from(sys.stdin.buffer, "Standard input")
    except OSError as error:
        raise Failed(f"Standard input cannot be read: {error.strerror}.") from None


def _answer_hz(address: Address) -> int | None:
    try:
        return address.target.rate_hz
    except Failed:  # the gateway may know more, and says what is wrong
        return None
