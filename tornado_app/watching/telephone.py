"""What a call has in G.711, made what levels and ears take."""

import numpy as np
import pybase64

from tornado_app.session.record import AnswerSound, Entry, SoundFormat, UserSound
from workers.codecs import decode, encode
from workers.resample import Resampler

G711_HZ = 8000
HEARD_HZ = 24_000


class Telephone:
    """Of one call.  Thread: loop."""

    def __init__(self) -> None:
        self._user, self._model = _Way(), _Way()

    def plain(self, entry: Entry) -> Entry:
        """The same as 24 kHz mono s16le, if it is sound."""
        match entry:
            case UserSound(end_ms, audio, encoding) if encoding != "pcm16":
                pcm = self._user.plain(pybase64.b64decode(audio), encoding)
                return UserSound(end_ms, pybase64.b64encode(pcm))
            case AnswerSound(item_id, pcm, encoding) if encoding != "pcm16":
                return AnswerSound(item_id, self._model.plain(pcm, encoding))
            case _:
                return entry


class _Way:
    """Thread: loop; what is between two pieces stays here."""

    def __init__(self) -> None:
        self._resampler = Resampler.between(G711_HZ, HEARD_HZ)
        self._state = self._resampler.start()

    def plain(self, data: bytes, encoding: SoundFormat) -> bytes:
        converted, self._state = self._resampler.run(self._state, decode(data, encoding))
        return encode(np.ascontiguousarray(converted), "pcm16")
