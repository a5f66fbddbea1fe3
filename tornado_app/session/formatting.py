"""The formats of a call, and how they change: in the order in which the client sends, and at the
border of two pieces of what it is sent.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tornado_app.errors import Refused
from tornado_app.policy.formats import FORMAT_FIELDS, INPUT_FIELDS, CallFormats, changed
from tornado_app.session.actions import Actions
from tornado_app.session.changes import Change, changes_bytes
from tornado_app.session.config import SessionConfig
from tornado_app.session.downlink import Downlink
from tornado_app.session.negotiated import first_formats
from tornado_app.session.uplink import Uplink

HELD = 16
"""So many changes of what the client sends may be undecided."""
STAYS = " The audio behind it is read as before."


class Formatting:
    """Thread: loop."""

    def __init__(
        self, config: SessionConfig, actions: Actions, uplink: Uplink, downlink: Downlink
    ) -> None:
        self._config = config
        self._actions = actions
        self._uplink = uplink
        self._downlink = downlink
        self.formats = first_formats(config)
        """What is in force."""

    def refusal(self, before: Iterable[Change], changes: Mapping[str, Any]) -> Refused | None:
        """Why *changes* cannot be behind those *before*, of which the model may still refuse some.

        Changes of formats alone are decided in their turn.  What the model is asked for beside them
        is not taken back, so those have to fit whatever becomes of the ones before.
        """
        expected, possible = self.formats, {self.formats}
        for change in before:
            expected = self._with(expected, change.formats)
            taken = {self._with(formats, change.formats) for formats in possible}
            possible = possible | taken if change.is_open else taken
        try:
            changed(expected, changes, has_opus=self._config.has_opus)
        except Refused as refused:
            return refused
        try:
            for formats in possible if changes.keys() - FORMAT_FIELDS else ():
                changed(formats, changes, has_opus=self._config.has_opus)
        except Refused as refused:
            refused.sentence = (
                f"{refused.field} builds on a configure that is not confirmed yet; send it again "
                "when that is, or without other fields."
            )
            return refused
        return None

    def hold(self, ask: Callable[[], None], changes: Mapping[str, Any]) -> None:
        """Have *ask* called in its turn, and what follows wait for what becomes of *changes*."""
        uplink = self._uplink
        if uplink.input.held >= HELD:
            sentence = f"Only {HELD} configurations may be on their way at once."
            refused = Refused("rate_limited", sentence, retry_after_ms=1000)
            uplink.refuse_in_turn(stays(refused, changes, self._actions.chunk))
            return
        # What cannot be is refused in its turn.
        expected = self._with(replace(self.formats, source=uplink.input.source), changes)
        uplink.input.hold(ask, expected.source, changes_bytes(changes))

    def keep_input(self) -> None:
        """Nothing comes of the oldest change that holds what follows."""
        self._uplink.input.release()

    def begin(self, change: Change, done: Callable[[], None]) -> None:
        """Change the formats; *done* is called when all that follows is in the new ones."""
        try:
            formats = changed(self.formats, change.formats, has_opus=self._config.has_opus)
        except Refused as refused:  # what it was built on was refused meanwhile
            change.refused = refused
            return
        if change.holds_input and formats.source != self.formats.source:
            change.holds_input = False
            self._uplink.change_input(formats.source)
            self.formats = replace(self.formats, source=formats.source)
        if formats == self.formats:
            done()
            return

        def sent() -> None:
            self.formats = formats
            done()

        self._downlink.change(formats, sent)

    def _with(self, formats: CallFormats, changes: Mapping[str, Any]) -> CallFormats:
        """*formats* with *changes*, or as they are if those cannot be."""
        with suppress(Refused):
            return changed(formats, changes, has_opus=self._config.has_opus)
        return formats


def stays(refused: Refused, changes: Mapping[str, Any], chunk: int) -> Refused:
    """*refused*, with what becomes of the audio that the client may have sent in new formats."""
    if INPUT_FIELDS & changes.keys():
        refused.sentence += STAYS
        refused.chunk = chunk or None
    return refused
