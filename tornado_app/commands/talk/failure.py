"""Why a talk cannot go on."""

from terminal.words import AS_IT_IS


class Failed(Exception):
    """The talk cannot go on; the text is one sentence for the user.

    `command` is what helps, for a shell; or empty.
    """

    def __init__(self, sentence: str, command: str = "") -> None:
        super().__init__(sentence)
        self.lines = (sentence, f"{AS_IT_IS}{command}") if command else (sentence,)


class TurnedAway(Failed):
    """The gateway has heard who is calling, and says no: asking again changes nothing."""
