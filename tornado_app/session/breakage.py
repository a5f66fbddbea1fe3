"""Pieces of an answer that are no audio: counted, logged, told."""

from tornado_app.admission.limits import Bucket
from tornado_app.errors import Refused
from tornado_app.session.actions import Actions

TOLD_PER_S = 1.0
TOLD_BURST = 10.0
"""A model that sends nothing but broken pieces must not fill the client's queue with errors."""


class Breakage:
    """What was broken, and what of it the client has not been told.  Thread: loop."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._bucket = Bucket(TOLD_PER_S, TOLD_BURST)
        self.pieces = 0
        self._untold = 0

    def note(self, size_bytes: int) -> Refused | None:
        """One more; returns what to tell the client, if it is to be told now."""
        self.pieces += 1
        self._untold += 1
        self._actions.log("answer_audio_broken", size_bytes=size_bytes)
        return None if self._bucket.take(self._actions.now) else self.take_untold()

    def take_untold(self) -> Refused | None:
        """What to tell the client of all that it has not been told."""
        count, self._untold = self._untold, 0
        if not count:
            return None
        those = "A piece" if count == 1 else f"{count} pieces"
        verb = "was no audio and is" if count == 1 else "were no audio and are"
        return Refused("upstream_unavailable", f"{those} of the answer {verb} missing.")
