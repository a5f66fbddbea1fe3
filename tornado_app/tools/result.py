"""What a tool is given and what it gives back."""

from typing import Protocol

from msgspec import Struct

from parley_tools import Caller
from tornado_app.protocol.realtime.functions import Function, error_output
from tornado_app.session.events import ToolOutcome

FAILED = "The tool failed."
"""All that the model is told where nobody has meant to tell it more."""


class Result(Struct, frozen=True):
    """``output`` is for the model, the rest for the log."""

    output: str
    outcome: ToolOutcome = "done"
    detail: str = ""

    @classmethod
    def fault(cls, sentence: str, outcome: ToolOutcome = "failed", detail: str = "") -> "Result":
        return cls(error_output(sentence), outcome, detail)


def sendable(text: str) -> str:
    """*text* with U+FFFD for what is in no UTF-8: half of a character, as in odd names of files.

    Of a class of its own, as readers of HTML have them, it could not be written.
    """
    text = str.__str__(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Tool(Protocol):
    """One tool of the server, whatever is behind it."""

    @property
    def name(self) -> str:
        """What the model calls it."""

    @property
    def function(self) -> Function | None:
        """What the model is told; None: nobody is there to perform it now."""

    @property
    def scopes(self) -> frozenset[str]:
        """A call has the tool if its token has one of these; none: every call has it."""

    async def call(self, arguments: str, caller: Caller) -> Result:
        """Perform one call.  Raises nothing but `asyncio.CancelledError`; has no deadline itself.

        *arguments* is what the model wrote, which may be anything.
        """
