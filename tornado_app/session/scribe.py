"""Writes down what the model says, for the ledger.

It hears also what is not for the client: of an answer that was interrupted the model goes on to
have all that it said, and what was heard of it is a part of that.
"""

from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.session.rebuilding import Rebuilding

PLACES_KEPT = 32
"""Of items that have a place and nothing else yet: calls whose arguments are being written."""


class Scribe:
    """Thread: loop."""

    __slots__ = ("_ledger", "_names", "_places", "_speech", "_unnamed")

    def __init__(self, rebuilding: Rebuilding) -> None:
        self._ledger = rebuilding.ledger
        self._speech = rebuilding.speech
        self._names = rebuilding.names
        self._places: dict[str, str] = {}
        self._unnamed = 0

    def speech_started(self, said: realtime.UserSpeechStarted) -> bool:
        """Whether the client is to be told: a model that goes on with the call hears it anew."""
        self._speech.started(said.audio_start_ms)
        return self._names.started(said.item_id, said.audio_start_ms)

    def speech_stopped(self, said: realtime.UserSpeechStopped) -> bool:
        """The same."""
        self._speech.stopped(said.audio_end_ms)
        return self._names.stopped(said.item_id)

    def cleared(self) -> None:
        """What the model heard before is no turn, also if it began behind the order."""
        self._speech.silence()
        self._names.cleared()

    def committed(self, said: realtime.Committed, commit: str) -> None:
        """*commit*: the name of the order that asked for it; empty, if none did."""
        self._speech.committed(said.item_id)
        self._names.committed()
        if commit:
            self._ledger.rename(commit, said.item_id)
        self._ledger.spoke(said.item_id, is_committed=True)
        self._ledger.place(said.item_id, said.previous_item_id)

    def added(self, said: realtime.ItemAdded) -> None:
        """``conversation.item.added``: where an item stands, and that there is one."""
        item, after = said.item, said.previous_item_id
        match item.type, item.role:
            case "message", "assistant":
                self._ledger.said(item.id, "", is_spoken=False)
            case "message", "system":
                self._ledger.noted(item.id, item.text)
            case "message", "user" if not item.text and not self._speech.awaits_commit:
                self._ledger.spoke(item.id, is_committed=True)
            case "function_call", _ if after is not None:
                self._places[item.id] = after
                if len(self._places) > PLACES_KEPT:
                    del self._places[next(iter(self._places))]
        self._ledger.place(item.id, after)

    def user_words(self, said: realtime.UserTranscriptDelta) -> None:
        self._ledger.heard_user(said.item_id, said.delta)

    def user_words_end(self, item_id: str, text: str | None) -> None:
        self._ledger.heard_user_whole(item_id, text)
        if text:
            self._speech.written(item_id)

    def words(self, item_id: str, response_id: str, delta: str, *, is_spoken: bool) -> None:
        self._ledger.said(item_id or response_id, delta, is_spoken=is_spoken)

    def words_end(self, item_id: str, response_id: str, text: str | None) -> None:
        self._ledger.said_whole(item_id or response_id, text)

    def sound(self, item_id: str, response_id: str, duration_ms: float) -> None:
        self._ledger.sounded(item_id or response_id, duration_ms)

    def item_done(self, response_id: str, item: OutputItem) -> None:
        """An item of an answer is complete."""
        if item.is_call:
            self._unnamed += not item.id
            name = item.id or f"parley_call_{self._unnamed}"
            self._ledger.called(item, name)
            self._ledger.place(name, self._places.pop(item.id, None))
        elif item.status in {None, "completed"}:
            self._ledger.completed(item.id or response_id)
