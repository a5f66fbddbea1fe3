"""What a call has in G.711, made what levels and ears take."""

from collections.abc import Iterator

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
        self._item_id = ""
        """Of which the model has said something in G.711 last."""

    def plain(self, entry: Entry) -> Iterator[Entry]:
        """The same as 24 kHz mono s16le, if it is sound; before it the end of another answer."""
        match entry:
            case UserSound(end_ms, audio, encoding) if encoding != "pcm16":
                pcm = self._user.plain(pybase64.b64decode(audio), encoding)
                yield UserSound(end_ms, pybase64.b64encode(pcm))
            case AnswerSound(item_id, pcm, encoding) if encoding != "pcm16":
                before, self._item_id = self._item_id, item_id
                if item_id != before and (tail := self._model.end()):
                    yield AnswerSound(before, tail)
                yield AnswerSound(item_id, self._model.plain(pcm, encoding))
            case _:
                yield entry


class _Way:
    """Thread: loop; what is between two pieces stays here."""

    def __init__(self) -> None:
        self._resampler = Resampler.between(G711_HZ, HEARD_HZ)
        self._state = self._resampler.start()

    def plain(self, data: bytes, encoding: SoundFormat) -> bytes:
        converted, self._state = self._resampler.run(self._state, decode(data, encoding))
        return encode(np.ascontiguousarray(converted), "pcm16")

    def end(self) -> bytes:
        """What is left of a sound; the next has nothing to do with it."""
        converted, self._state = self._resampler.flush(self._state)
        return encode(np.ascontiguousarray(converted), "pcm16")
