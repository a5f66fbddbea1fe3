"""What a model says counts once: an answer, a turn, a call or its words, however often it says so.

A server whose events come twice would have calls performed, and words paid for, twice.
"""

KEPT = 512
"""More than are said again in any order that a connection leaves."""


class Once:
    """What the model of one link has said lately.  Thread: loop."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[int, int] = {}
        """Hashes, in their order, with that of the answer: a name may be as long as a message."""

    def is_news(self, kind: str, name: str, part: float = 0, *, of: str = "") -> bool:
        """Whether this is heard of for the first time; from now on it was.

        *of*: the answer that it is a part of, as far as that is known: some servers count their
        calls anew in each.
        """
        said, answer = hash((kind, name, part)), hash(of)  # that of nothing is 0
        before = self._said.get(said)
        if before is not None and (before == answer or 0 in {before, answer}):
            return False
        self._said[said] = answer
        if len(self._said) > KEPT:
            del self._said[next(iter(self._said))]
        return True

    def forget(self) -> None:
        """The model is another, and has its own names."""
        self._said.clear()
