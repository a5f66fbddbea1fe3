"""Answers that stopped half way, and were ended for their client: nothing more of them is shown."""

KEPT = 64


class GivenUp:
    """Of one link after the other.  Thread: loop."""

    def __init__(self) -> None:
        self._answers: dict[str, float | None] = {}
        """When each was given up; None: it is counted."""
        self._items: dict[str, None] = {}

    def add(self, answer: str, items: tuple[str, ...], now: float) -> None:
        """*items*: those of which the client was told the end."""
        self._answers[answer] = now
        self._items |= dict.fromkeys(items)
        for known in (self._answers, self._items):
            while len(known) > KEPT:
                del known[next(iter(known))]

    def has(self, answer: str) -> bool:
        return answer in self._answers

    def has_item(self, item_id: str) -> bool:
        return item_id in self._items

    def counts(self, answer: str) -> bool:
        """Its model has ended it.  True: it was not counted yet."""
        before, self._answers[answer] = self._answers[answer], None
        return before is not None

    def uncounted(self, before: float) -> list[str]:
        """Those that were given up *before*, and that the model has not ended since."""
        since = self._answers.items()
        return [name for name, at in since if at is not None and at <= before]

    def forget(self) -> None:
        """The model is another, and has its own names."""
        self._answers.clear()
        self._items.clear()
