"""Recordings on disk, for the command line client and for tests.  No client's file comes here."""

import contextlib
import io
import shlex
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from workers import pcm
from workers.codecs import Samples
from workers.magic import ID3, kind_of, without_tags
from workers.mending import flac, mp3, ogg, others, wav

BLOCK_FRAMES = 16_384
HEAD_BYTES = 16_384
"""As much of a file is looked at, to know what it is."""
MENDED_BYTES = 64 * 1024 * 1024
"""What is wrong with a header is found in memory; a longer file is believed that it holds audio."""
PIPE_BYTES = 256 * 1024 * 1024
"""An hour of 24 kHz in 16 bits, and half of one more: what is longer may have no end."""

STREAMS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "wav": wav.streams,
    "flac": flac.streams,
    "ogg": ogg.streams,
    "MP3": mp3.streams,
    **others.STREAMS,
}
NOT_DECODED = {"WebM", "MP4", "AAC"}
FAULTS = (OSError, soundfile.SoundFileError, TypeError, ValueError, OverflowError)
"""soundfile has TypeError and ValueError for headers that contradict themselves."""


class UnreadableRecording(Exception):
    """A file that holds no audio we can read; says which, and why.

    Attributes
    ----------
    command : str
        What makes a recording of it, for a shell; or empty.
    """

    def __init__(self, sentence: str, command: str = "") -> None:
        super().__init__(sentence)
        self.command = command


class Recording:
    """One recording, read piece by piece.  Thread: any one.

    Attributes
    ----------
    name : str
        For people.
    rate_hz : int
        Any that the file has.
    duration_s : float or None
        As its header says, if it can be believed.
    is_empty : bool
        It is a recording, and there is nothing in it.
    fault : str
        Why it ended early, if it did; empty until `blocks` has come so far.
    """

    def __init__(self, name: str, source: bytes | Path, kind: str | None) -> None:
        self.name = name
        self.fault = ""
        self._source: io.IOBase = io.BytesIO()
        self._is_flac = kind == "flac"
        self._rest = _streams(source, kind)
        self._first = next(self._rest, source)
        self._file = self._open(self._first)
        self.rate_hz: int = self._file.samplerate
        self.is_empty = not self._file.frames
        seconds = self._file.frames / self.rate_hz
        self.duration_s = seconds if seconds < 7 * 86400 else None

    def blocks(self) -> Iterator[Samples]:
        """All of it, once.

        Yields
        ------
        samples : float32, shape (n,), full scale +-1.0
            The mean of the channels, finite, at `rate_hz`.  What is behind a fault is left out.
        """
        yield from self._of(self._file, self._first)
        for stream in self._rest:
            if self.fault:
                return
            try:
                file = self._open(stream)
            except UnreadableRecording as unreadable:
                self.fault = str(unreadable)
                return
            yield from _at_rate(self._of(file, stream), file.samplerate, self.rate_hz)

    def close(self) -> None:
        """Let go of the file, read or not."""
        self._source.close()

    def _open(self, stream: bytes | Path) -> soundfile.SoundFile:
        # Not by its name: "x.raw" would be believed to be raw, whatever is in it.
        self._source.close()
        self._source = io.BytesIO(stream) if isinstance(stream, bytes) else stream.open("rb")
        try:
            file = soundfile.SoundFile(self._source)
        except FAULTS as error:
            self.close()
            raise _unreadable(self.name) from error
        # Or it seeks behind each block that it reads, which fails where a file is cut.
        file.seekable = lambda: False
        return file

    def _of(self, file: soundfile.SoundFile, stream: bytes | Path) -> Iterator[Samples]:
        frames, is_cut = 0, False
        with file:
            while not self.fault and not is_cut:
                block = np.full((BLOCK_FRAMES, file.channels), np.nan, np.float32)
                try:
                    read = file.read(out=block)
                except FAULTS:
                    # What was read before the fault is there; soundfile does not say how much.
                    unread = np.isnan(block).all(axis=1)
                    read = block[: int(unread.argmax()) if unread.any() else len(block)]
                    is_cut = self._is_cut(stream, frames + len(read))
                    broken = f"{self.name} is broken from here on; what is before it was read."
                    self.fault = "" if is_cut else broken
                frames += len(read)
                if len(read):
                    finite = np.nan_to_num(read, nan=0.0, posinf=1.0, neginf=-1.0)
                    yield pcm.mix_down(finite.reshape(-1), file.channels)
                elif not self.fault:
                    return

    def _is_cut(self, stream: bytes | Path, frames: int) -> bool:
        """Whether one with a fault behind *frames* samples has only no more: a FLAC says both."""
        return self._is_flac and isinstance(stream, bytes) and flac.ends_at(stream, frames)


def open_recording(path: Path | str) -> Recording:
    """Open a recording.

    Parameters
    ----------
    path : path or str
        WAV, FLAC, OGG, MP3 and what else libsndfile knows; a pipe is read to its end first.

    Raises
    ------
    UnreadableRecording
        If there is no such file, or no recording in it.
    """
    path, name = Path(path), str(path)
    try:
        state = path.stat()
        with path.open("rb") as file:
            if not stat.S_ISREG(state.st_mode):
                return recording_from(file, name)
            head = file.read(HEAD_BYTES)
            kind = _kind_of(head)
            is_mended = kind in STREAMS or head.startswith(ID3)
            if not is_mended or state.st_size > MENDED_BYTES:
                _check(name, kind, state.st_size)
                recording = Recording(name, path, kind)
                if not recording.is_empty or not is_mended or state.st_size > PIPE_BYTES:
                    return recording
                recording.close()
            file.seek(0)
            return _recording_of(file.read(), name)
    except FileNotFoundError:
        raise UnreadableRecording(f"{name}: there is no such file.") from None
    except OSError as error:
        raise UnreadableRecording(f"{name} cannot be read: {error.strerror}.") from None


def recording_from(pipe: BinaryIO, name: str) -> Recording:
    """The recording that comes through a pipe, to its end.

    Raises
    ------
    OSError
        If it cannot be read.
    UnreadableRecording
        If there is no recording, or no end.
    """
    data = pipe.read(PIPE_BYTES + 1)
    if len(data) > PIPE_BYTES:
        raise UnreadableRecording(f"{name} is longer than {PIPE_BYTES >> 20} MiB; use a file.")
    return _recording_of(data, name)


def _recording_of(data: bytes, name: str) -> Recording:
    kind = _kind_of(data)
    _check(name, kind, len(data))
    return Recording(name, data, kind)


def read_recording(path: Path | str) -> tuple[Samples, int]:
    """Read a recording whole, mixed down.

    Parameters
    ----------
    path : path or str
        As for `open_recording`.

    Returns
    -------
    samples : float32, shape (frames,), full scale +-1.0
        The mean of the channels.
    rate_hz : int

    Raises
    ------
    UnreadableRecording
        If there is no such file, or no audio in it.
    """
    with contextlib.closing(open_recording(path)) as recording:
        return np.concatenate([np.empty(0, np.float32), *recording.blocks()]), recording.rate_hz


def write_recording(
    path: Path | str | io.BytesIO, samples: Samples, rate_hz: int, container: str | None = None
) -> None:
    """Write a mono recording of 16 bits; the suffix, or *container*, chooses what it is.

    Parameters
    ----------
    path : path, str or file
        Ends in .wav, .flac or .ogg; a file that is there is replaced.
    samples : float32, shape (frames,), full scale +-1.0
        Finite; clipped at full scale.
    rate_hz : int
        Any that the container knows.
    container : str, optional
        For a file without a name.
    """
    # Not libsndfile's own conversion, which scales by 32767: written and read again is equal.
    steps = np.frombuffer(pcm.encode(samples, "pcm16"), "<i2")
    soundfile.write(path, steps, rate_hz, format=container)


def at_rate(recording: Recording, rate_hz: int) -> Iterator[Samples]:
    """All of *recording*, at another rate; the same samples if it has that one."""
    return _at_rate(recording.blocks(), recording.rate_hz, rate_hz)


def _at_rate(blocks: Iterator[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
    if source_hz == target_hz:
        yield from blocks
        return
    # A third of what starts a talk in writing, which has no recording.
    from workers.resample import Resampler  # noqa: PLC0415

    resampler = Resampler.between(source_hz, target_hz)
    state = resampler.start()
    for block in blocks:
        converted, state = resampler.run(state, block)
        yield converted
    yield resampler.flush(state)[0]


def _streams(source: bytes | Path, kind: str | None) -> Iterator[bytes]:
    """What a file holds one behind the other, if it can be taken apart."""
    if isinstance(source, bytes) and kind is not None and kind in STREAMS:
        return STREAMS[kind](without_tags(source))
    return iter(())


def _kind_of(data: bytes) -> str | None:
    """What file *data* begins as, be it in the middle of a frame of MP3, as a cut stream does."""
    return kind_of(data) or ("MP3" if mp3.has_frames(data) else None)


def _check(name: str, kind: str | None, size_bytes: int) -> None:
    if not size_bytes:
        raise UnreadableRecording(f"{name} is empty.")
    if kind in NOT_DECODED:
        command = f"ffmpeg -i {shlex.quote(name)} recording.wav"
        raise UnreadableRecording(f"{name} is {kind}, which is not read here. Convert it:", command)


def _unreadable(name: str) -> UnreadableRecording:
    command = f"ffmpeg -f s16le -ar 16000 -ac 1 -i {shlex.quote(name)} recording.wav"
    return UnreadableRecording(
        f"{name} is not a recording that can be read. If it is raw audio, say what it is:", command
    )
