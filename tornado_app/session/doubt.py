"""Speech that has stopped an answer, and may prove to be a noise.

Where the policy is to go on then, what was not heard is kept, the truncation waits, and so does
what the model says of another answer, until there are words, or none came in time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tornado_app.errors import Ref


@dataclass(slots=True)
class Doubt:
    """What is not known to be an interruption."""

    heard_ms: dict[str, int]
    """Of each item that was not heard to its end."""
    answers: frozenset[str]
    """Those whose items they are."""
    ref: Ref | None
    speech: set[str] = field(default_factory=set)
    """The items that the user's speech is to become."""
    is_speech_over: bool = False
    turns: list[str] = field(default_factory=list)
    """Those that it has become."""
    is_broken_off: bool = False
    """The model has ended the answer before it was complete."""
    later: list[Callable[[], None]] = field(default_factory=list)
    later_bytes: int = 0
