"""libopus, as functions from states to states (https://opus-codec.org/docs/opus_api-1.5/).

Its decoders and encoders are plain memory without pointers into themselves, which may be copied;
so a state is bytes here, and nobody has to free it.  Each call gives up the interpreter's lock.
"""

import ctypes
from functools import lru_cache

import numpy as np

from workers.codecs import Samples
from workers.opus_packets import FRAME_BYTES_MAX

PACKAGE = "opuslib-next-bundled"
OK = 0
VOICE_OVER_IP = 2048
SET_COMPLEXITY, GET_LOOKAHEAD = 4010, 4027
COMPLEXITY = 5
"""Of 10: what more would cost is a third of the time, and is not heard in speech at this rate."""


class OpusFault(Exception):
    """libopus refused; says by which number."""


@lru_cache(maxsize=1)
def find() -> ctypes.CDLL | None:
    """The library that `PACKAGE` carries; None if it is not installed, or not for this system."""
    try:
        from opuslib_next.api import libopus  # noqa: PLC0415  it is loaded when it is imported
    except (ImportError, OSError):
        return None
    # Another handle to the same library: what we say of its functions is not said to the package's.
    library = ctypes.CDLL(libopus._name)  # noqa: SLF001  where it was found
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    library.opus_decoder_get_size.argtypes = [integer]
    library.opus_encoder_get_size.argtypes = [integer]
    library.opus_decoder_init.argtypes = [pointer, ctypes.c_int32, integer]
    library.opus_encoder_init.argtypes = [pointer, ctypes.c_int32, integer, integer]
    library.opus_encoder_ctl.argtypes = [pointer, integer]
    library.opus_decode_float.argtypes = [
        *(pointer, ctypes.c_char_p, ctypes.c_int32, pointer, integer, integer)
    ]
    library.opus_encode_float.argtypes = [pointer, pointer, integer, pointer, ctypes.c_int32]
    return library


def library() -> ctypes.CDLL:
    """The library, which is there.

    Raises
    ------
    OpusFault
        If it is not.
    """
    found = find()
    if found is None:
        raise OpusFault(f"the package {PACKAGE} is not installed")
    return found


@lru_cache(maxsize=8)
def new_decoder(rate_hz: int, channels: int) -> bytes:
    """The state of a decoder that has heard nothing: 18 KB for one channel."""
    opus = library()
    memory = ctypes.create_string_buffer(opus.opus_decoder_get_size(channels))
    _check(opus.opus_decoder_init(ctypes.addressof(memory), rate_hz, channels))
    return memory.raw


@lru_cache(maxsize=8)
def new_encoder(rate_hz: int) -> bytes:
    """The state of an encoder for speech, one channel, that has heard nothing: 32 KB."""
    opus = library()
    memory = ctypes.create_string_buffer(opus.opus_encoder_get_size(1))
    address = ctypes.addressof(memory)
    _check(opus.opus_encoder_init(address, rate_hz, 1, VOICE_OVER_IP))
    _check(opus.opus_encoder_ctl(address, SET_COMPLEXITY, ctypes.c_int(COMPLEXITY)))
    return memory.raw


@lru_cache(maxsize=8)
def lookahead_frames(rate_hz: int) -> int:
    """By how many samples what is decoded is later than what was encoded: 6.5 ms."""
    memory = ctypes.create_string_buffer(new_encoder(rate_hz))
    frames = ctypes.c_int32()
    address = ctypes.addressof(memory)
    _check(library().opus_encoder_ctl(address, GET_LOOKAHEAD, ctypes.byref(frames)))
    return frames.value


class Decoding:
    """A copy of a decoder's state, worked on.  Thread: one at a time."""

    def __init__(self, state: bytes, frames_max: int, channels: int = 1) -> None:
        """*frames_max* is the most that one packet may hold, at the decoder's rate."""
        self._opus = library()
        self._memory = ctypes.create_string_buffer(state, len(state))
        self._frames_max = frames_max
        self._out = np.empty((frames_max, channels), np.float32)

    def run(self, packet: bytes) -> Samples:
        """Decode the next packet; shape (frames, channels), good until the next call.

        Raises
        ------
        OpusFault
            If it is none.  The state is still good for the next.
        """
        if not packet:  # it would be taken for one that was lost, and guessed
            raise OpusFault("empty")
        frames = self._opus.opus_decode_float(
            ctypes.addressof(self._memory),
            packet,
            len(packet),
            self._out.ctypes.data,
            self._frames_max,
            0,
        )
        return self._out[: _check(frames)]

    @property
    def state(self) -> bytes:
        """For the next call."""
        return self._memory.raw


class Encoding:
    """A copy of an encoder's state, worked on.  Thread: one at a time."""

    def __init__(self, state: bytes) -> None:
        self._opus = library()
        self._memory = ctypes.create_string_buffer(state, len(state))
        self._out = ctypes.create_string_buffer(FRAME_BYTES_MAX)

    def run(self, samples: Samples) -> bytes:
        """Encode *samples*, shape (frames,), as one packet.

        Raises
        ------
        OpusFault
            If that many make no packet.
        """
        held = np.ascontiguousarray(samples, np.float32)
        size_bytes = self._opus.opus_encode_float(
            ctypes.addressof(self._memory),
            held.ctypes.data,
            len(held),
            ctypes.addressof(self._out),
            FRAME_BYTES_MAX,
        )
        return self._out.raw[: _check(size_bytes)]

    @property
    def state(self) -> bytes:
        """For the next call."""
        return self._memory.raw


def _check(result: int) -> int:
    if result < OK:
        raise OpusFault(str(result))
    return result
