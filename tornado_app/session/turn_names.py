"""What the client calls the turn that the user was saying when the model was lost.

The next model hears it from its beginning, and names it anew.  The client was told of it already:

    the next one hears it begin     not told again; its name means the first one from then on
    it hears it end                 told, unless that was told before
    it hears nothing there          what it hears later is another turn
"""

NAMES_KEPT = 64
"""A client speaks of the last ones, if of any."""


class TurnNames:
    """Thread: loop."""

    __slots__ = ("_again", "_is_over", "_item_id", "_names", "_until_ms")

    def __init__(self) -> None:
        self._item_id = ""
        """What the model calls the turn that is being said; empty: none is."""
        self._is_over = False
        """The client was told that the user has said it."""
        self._again = ""
        """What the client calls the turn that is to be heard again."""
        self._until_ms = 0.0
        """Where it begins at the latest, as of the API's ``audio_start_ms``."""
        self._names: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Some have two names."""
        return bool(self._names)

    def started(self, item_id: str, start_ms: float) -> bool:
        """The model hears the user speak; whether that is news to the client."""
        again, self._again, self._item_id = self._again, "", item_id
        if again and start_ms < self._until_ms:
            self._rename(item_id, again)
            return False
        self._is_over = False
        return True

    def stopped(self, item_id: str) -> bool:
        """And end; whether that is news."""
        if item_id != self._item_id:
            return True
        is_news, self._is_over = not self._is_over, True
        return is_news

    def committed(self) -> None:
        """It is a turn."""
        self._item_id = ""

    def cleared(self) -> None:
        """What was being said is not wanted any more."""
        self._item_id = self._again = ""

    def lost(self, again_ms: float) -> None:
        """The model is gone.  The next one is told *again_ms* of speech anew."""
        if self._item_id:
            self._again = self.shown(self._item_id)
        self._item_id, self._until_ms = "", again_ms

    def shown(self, item_id: str) -> str:
        """What the client calls what the model calls so."""
        return self._names.get(item_id, item_id)

    def shown_text(self, text: str) -> str:
        """An event of the model, with the names that the client knows."""
        for models, clients in self._names.items():
            text = text.replace(f'"{models}"', f'"{clients}"')
        return text

    def meant_text(self, text: str) -> str:
        """An event of the client, with the names that the model knows."""
        for models, clients in self._names.items():
            text = text.replace(f'"{clients}"', f'"{models}"')
        return text

    def _rename(self, models: str, clients: str) -> None:
        # One that was to be heard for the second time again has a name of before, which nobody has.
        self._names = {m: c for m, c in self._names.items() if c != clients}
        if models != clients:
            self._names[models] = clients
        if len(self._names) > NAMES_KEPT:
            del self._names[next(iter(self._names))]
