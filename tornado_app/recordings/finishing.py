"""Makes of a spool what people listen to and read: FLAC, WebVTT and JSON.

The JSON is written last: a recording that has one is whole, and its spool is gone.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from terminal.files import open_private
from tornado_app.recordings.hearing import Clip, Playing, lay_answers
from tornado_app.recordings.laying import Chunk, lay_speech
from tornado_app.recordings.sound import (
    Index,
    Side,
    answer_stretches,
    speech_stretches,
    write_all,
    write_flac,
)
from tornado_app.recordings.spool import MODEL_BYTES_PER_MS, PART, SUFFIX, frames
from tornado_app.recordings.words import Utterance, utterances, webvtt
from tornado_app.session.record import (
    AnswerSound,
    Away,
    Back,
    Begun,
    Cut,
    Ended,
    Entry,
    Sent,
    Spoken,
    Told,
    UserSound,
    Words,
)


class Unusable(Exception):
    """A spool that does not say which call it is of."""


class Call:
    """What a spool says; of sound only where it is."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises Unusable."""
        self.playing: list[Playing] = []
        self.entries: list[Entry] = []
        self.sounds = Index()
        self.end_ms = 0.0
        self.is_whole = False
        self._speech_ms: float | None = None
        """When the user began to speak, since the last turn."""
        self._told: set[str] = set()
        """Turns of which the model has said when they began."""
        begun: Begun | None = None
        for entry, place, size_bytes in frames(file):
            match entry:
                case Begun():
                    begun = entry
                case UserSound(end_ms):
                    self._note_speech(end_ms, size_bytes / MODEL_BYTES_PER_MS)
                case AnswerSound(item_id):
                    self.sounds.add(item_id, place, size_bytes)
                case _:
                    self._note(entry)
        if begun is None:
            raise Unusable
        self.begun = begun

    def _note_speech(self, end_ms: float, duration_ms: float) -> None:
        self.end_ms = max(self.end_ms, end_ms)
        if self._speech_ms is None:
            self._speech_ms = max(0.0, end_ms - duration_ms)

    def _note(self, entry: Sent | Told | Cut | Away | Back | Spoken | Words | Ended) -> None:
        self.end_ms = max(self.end_ms, entry.at_ms)
        match entry:
            case Ended(at_ms):
                self.end_ms, self.is_whole = at_ms, True
                self.playing.append(entry)
            case Sent() | Told() | Cut() | Away() | Back():
                self.playing.append(entry)
            case Spoken(at_ms, item_id, "committed"):
                # Of a turn that the client has ended nobody has said when it began; of another the
                # first word counts.
                begin_ms = at_ms if self._speech_ms is None else self._speech_ms
                if item_id not in self._told:
                    self.entries.append(Spoken(begin_ms, item_id, "begun"))
                self._speech_ms = None
            case Spoken(_, item_id):
                self._told.add(item_id)
            case _:
                pass
        self.entries.append(entry)


def finish(spool: Path, stopped: Callable[[], bool] = lambda: False) -> dict[str, Any] | None:
    """Finish one recording; return what its JSON says, or None if somebody else has it still.

    Raises:
        OSError: If it cannot be read or written; the spool stays.
        Stopped: If *stopped* says so meanwhile; the spool stays.
        Unusable: If it holds nothing.
    """
    with spool.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if not os.fstat(file.fileno()).st_nlink:  # another process has just finished it
            return None
        call = Call(file)
        stem, parts = spool.with_suffix(""), call.begun.parts
        clips, audio_ms, said = lay_answers(call.playing), None, []
        if parts != "words":
            audio_ms = _write_sound(stem.with_suffix(".flac"), file, call, clips, stopped)
        if parts != "audio":
            said = utterances(call.entries, clips, call.end_ms)
            with _new(stem.with_suffix(".vtt")) as out:
                write_all(out, webvtt(said).encode())
        about = _about(call, audio_ms, said)
        with _new(stem.with_suffix(".json")) as out:
            write_all(out, msgspec.json.format(msgspec.json.encode(about), indent=1))
        spool.unlink()
    return about


def _about(call: Call, audio_ms: float | None, said: list[Utterance]) -> dict[str, Any]:
    begun = call.begun
    return {
        "session_id": begun.session_id,
        "user_id": begun.user_id,
        "opened_at": begun.opened_at_unix_ms,
        "duration_ms": round(call.end_ms),
        "audio_ms": None if audio_ms is None else round(audio_ms),
        "model": begun.model,
        "voice": begun.voice,
        "parts": begun.parts,
        "is_whole": call.is_whole,
        "words": [
            asdict(each) | {"begin_ms": round(each.begin_ms), "end_ms": round(each.end_ms)}
            for each in said
        ],
    }


def _write_sound(
    path: Path, file: BinaryIO, call: Call, clips: list[Clip], stopped: Callable[[], bool]
) -> float:
    user = Side(speech_stretches(lay_speech(_chunks(file))), file)
    model = Side(answer_stretches(clips, call.sounds), file)
    with _new(path) as out:
        return write_flac(out, user, model, call.end_ms, stopped)


def _chunks(file: BinaryIO) -> Iterator[Chunk]:
    for entry, place, size_bytes in frames(file):
        if isinstance(entry, UserSound):
            yield Chunk(entry.end_ms, size_bytes / MODEL_BYTES_PER_MS, place)


@contextlib.contextmanager
def _new(path: Path) -> Iterator[RawIOBase]:
    """A file that is there when all of it is, and not if anything fails."""
    part = path.with_name(path.name + PART)
    part.unlink(missing_ok=True)
    descriptor = open_private(part, os.O_RDWR | os.O_EXCL)
    try:
        with open(descriptor, "w+b", buffering=0) as file:  # noqa: PTH123  of a descriptor
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def spools(directory: Path) -> list[Path]:
    """Those that are there, of calls that run as well; the oldest first."""
    return sorted(directory.glob(f"*{SUFFIX}"), key=_changed_at)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
