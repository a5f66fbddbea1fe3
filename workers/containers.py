"""Complete files of audio from outside.

Runs in a process of its own only (`workers.decoder`): here C meets the bytes of strangers.
"""

import io
from collections.abc import Callable, Iterator

import numpy as np
import soundfile

from workers import pcm
from workers.blocks import Block, Flush, Payload
from workers.chain import Chain
from workers.codecs import Samples
from workers.formats import CHANNELS_MAX, RATE_HZ_MAX, RATE_HZ_MIN, AudioFormat, Container
from workers.magic import NOT_TAKEN, TAKEN, kind_of, without_tags
from workers.mending import flac, ogg, wav
from workers.pcm import BadAudio

NOT_FINITE = "audio: a sample of the file is NaN, infinite or immense; full scale is 1.0."
ENCODINGS: dict[Container, dict[str, str]] = {
    "wav": {
        "PCM_U8": "pcm8",
        "PCM_16": "pcm16",
        "PCM_24": "pcm24",
        "PCM_32": "pcm32",
        "FLOAT": "float32",
        "DOUBLE": "float64",
        "ULAW": "mu-law",
        "ALAW": "A-law",
    },
    "flac": {"PCM_S8": "8 bits", "PCM_16": "16 bits", "PCM_24": "24 bits"},
    "ogg": {"VORBIS": "Vorbis", "OPUS": "Opus"},
}
"""What is taken of what libsndfile decodes: its rare decoders are its least tried."""

STREAMS: dict[Container, Callable[[bytes], Iterator[bytes]]] = {
    "wav": wav.streams,
    "flac": flac.streams,
    "ogg": ogg.streams,
}
"""A file may be several, joined; the decoder reads the first, as far as its header says."""

NOTHING: Samples = np.empty(0, np.float32)

RATES_MAX = 16
"""Of the streams of one file: each has a filter made for it, which takes a millisecond."""

BLOCK_FRAMES = 16_384
"""Read at once: it bounds what a frame of many channels costs, however long the file says it is."""


def decode_file(data: bytes, container: Container, max_ms: int) -> tuple[Samples, int]:
    """Decode a file, mixed down.

    Parameters
    ----------
    data : bytes
        The file.
    container : Container
        What it should be.
    max_ms : int
        The longest that is taken.  Decoding stops there, whatever the file goes on to hold.

    Returns
    -------
    samples : float32, shape (frames,), full scale +-1.0
        The mean of the channels, not clipped: finite, and at most `pcm.FLOAT32_LIMIT`.
    rate_hz : int
        From 8 to 192 kHz.

    Raises
    ------
    BadAudio
        If it is another container, has another encoding, rate or number of channels than is taken,
        is empty, too long, broken, or not finite, or if its streams have more than `RATES_MAX`
        rates.
    """
    _check_magic(data, container)
    parts, rates_hz, played_ms = list[tuple[Samples, int]](), set[int](), 0.0
    for stream in STREAMS[container](without_tags(data)):
        part = _decode_stream(stream, container, max_ms, played_ms)
        played_ms += len(part[0]) * 1000 / part[1]
        parts.append(part)
        rates_hz.add(part[1])
        if len(rates_hz) > RATES_MAX:
            sentence = f"audio: files that are joined may have at most {RATES_MAX} rates."
            raise BadAudio("container", sentence)
    parts = [part for part in parts if len(part[0])]
    if not parts:
        sentence = f"audio: the {container} file holds no audio; it must have at least one sample."
        raise BadAudio("empty", sentence)
    rate_hz = max(rate_hz for _, rate_hz in parts)
    return np.concatenate([_resampled(samples, hz, rate_hz) for samples, hz in parts]), rate_hz


def _decode_stream(
    stream: bytes, container: Container, max_ms: int, played_ms: float
) -> tuple[Samples, int]:
    try:
        with soundfile.SoundFile(io.BytesIO(stream)) as file:
            # Or it seeks behind each block that it reads, which fails where a file is cut.
            file.seekable = lambda: False
            _check_header(file, container)
            max_frames = int((max_ms - played_ms) * file.samplerate / 1000)
            blocks, frames = list[Samples](), 0
            for block in _blocks(file, stream, container):
                frames += len(block)
                if frames > max_frames:
                    sentence = (
                        f"audio: the file is longer than {max_ms / 1000:g} s, the most allowed."
                    )
                    raise BadAudio("too_long", sentence)
                if not pcm.is_audio(block):
                    raise BadAudio("not_finite", NOT_FINITE)
                blocks.append(pcm.mix_down(block.reshape(-1), file.channels))
            return np.concatenate([*blocks, NOTHING]), file.samplerate
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        # soundfile has ValueError and TypeError for headers that contradict themselves.
        sentence = f"audio: the {container} file is broken; it must be whole, as it was made."
        raise BadAudio("broken", sentence) from error


def _blocks(file: soundfile.SoundFile, stream: bytes, container: Container) -> Iterator[Samples]:
    """Shape (frames, channels) each, until the stream ends, or is cut."""
    frames = 0
    while True:
        block = np.full((BLOCK_FRAMES, file.channels), np.nan, np.float32)
        try:
            read = file.read(out=block)
        except soundfile.SoundFileError:
            # What was read before the fault is there, but soundfile does not say how much.
            read = block[: _first_unwritten(block)]
            if container != "flac" or not flac.ends_at(stream, frames + len(read)):
                raise
            yield read
            return
        if not len(read):
            return
        frames += len(read)
        yield read


def _first_unwritten(block: Samples) -> int:
    unwritten = np.isnan(block).all(axis=1)
    return int(unwritten.argmax()) if unwritten.any() else len(block)


def _resampled(samples: Samples, source_hz: int, target_hz: int) -> Samples:
    """As one stream; *samples* itself if the rates are equal."""
    if source_hz == target_hz:
        return samples
    source, target = AudioFormat("float32", source_hz), AudioFormat("float32", target_hz)
    chain = Chain.between(source, target, as_base64=False)
    payloads: list[Payload] = [
        samples[at : at + source_hz].tobytes() for at in range(0, len(samples), source_hz)
    ]
    [(outcomes, _)] = chain.run_all([(chain.start(), [*payloads, Flush()])])
    audio = b"".join([outcome.audio for outcome in outcomes if isinstance(outcome, Block)])
    return np.frombuffer(audio, "<f4")


def _check_magic(data: bytes, container: Container) -> None:
    if not data:
        sentence = f"audio: the {container} file is empty; it must have at least one sample."
        raise BadAudio("empty", sentence)
    found = kind_of(data)
    if found == container:
        return
    instead = f" but {found}" if found else ""
    if found in NOT_TAKEN:
        instead += ", which is not decoded"
    sentence = f"format: the file is not {container}{instead}; it may be {', '.join(TAKEN)}."
    raise BadAudio("container", sentence)


def _check_header(file: soundfile.SoundFile, container: Container) -> None:
    encodings = ENCODINGS[container]
    if file.subtype not in encodings:
        allowed = ", ".join(encodings.values())
        raise BadAudio("container", f"audio: a {container} file may hold {allowed}.")
    if not RATE_HZ_MIN <= file.samplerate <= RATE_HZ_MAX:
        raise BadAudio(
            "container",
            f"audio: the file's rate is {file.samplerate} Hz;"
            f" allowed are {RATE_HZ_MIN} to {RATE_HZ_MAX}.",
        )
    if not 1 <= file.channels <= CHANNELS_MAX:
        raise BadAudio(
            "container",
            f"audio: the file has {file.channels} channels; allowed are 1 to {CHANNELS_MAX}.",
        )
