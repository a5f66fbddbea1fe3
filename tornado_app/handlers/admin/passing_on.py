"""The administration of a whole machine: whatever is asked is asked of its processes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado_app.handlers.bodies import BodyHandler
from tornado_app.handlers.quiet import as_json

PASSED_ON = "Parley-Passed-On"
"""The header by which a process knows that its parent has asked all of them: the secret that both
have, and whether another writes it down."""
FURTHER = "further"
TRIED = "tried"
ASKED_FROM = "Parley-Asked-From"
"""The header by which a process knows where the request came from: the secret, and the address."""
OF_CONNECTION = frozenset(
    {"connection", "content-length", "transfer-encoding", "expect", "keep-alive", "upgrade", "te"}
    | {"trailer", "date", "server", PASSED_ON.lower(), ASKED_FROM.lower()}
)
"""What is of one connection alone (RFC 9110, 7.6.1), or between parent and children."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it came."""

    method: str
    target: str
    """Path and query."""
    headers: dict[str, str]
    body: bytes
    ip: str = ""
    """Whose it is."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is answered."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class PassingOnHandler(BodyHandler):
    """Judges nothing: who may ask is known to those who are asked.  Thread: loop."""

    allowed = ()

    def initialize(self, ask: Callable[[Asked], Awaitable[Answered]]) -> None:
        self._ask = ask
        self._method = self.request.method or ""
        if self._method not in self.SUPPORTED_METHODS:
            # Tornado would refuse it, and which the address takes is known to those who are asked.
            self.request.method = "OPTIONS"

    def prepare(self) -> None:
        self.begin_body()

    async def _pass_on(self, *_: str) -> None:
        request = self.request
        request.method = self._method
        if self.refused is not None:
            self.answer(400, as_json({"error": self.refused.sentence}))
            return
        asked = Asked(
            self._method,
            request.uri or "",
            passed(request.headers),
            bytes(self._body),
            request.remote_ip or "",
        )
        answered = await self._ask(asked)
        self.set_status(answered.status)
        self.clear_header("Content-Type")
        for name, value in answered.headers.items():
            self.set_header(name, value)
        await self.finish(answered.body or None)

    get = post = put = patch = delete = options = head = _pass_on


def passed(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that go on, either way."""
    return {name: text for name, text in headers.items() if name.lower() not in OF_CONNECTION}


def passing_on_routes(
    ask: Callable[[Asked], Awaitable[Answered]],
) -> list[tuple[str, Any, dict[str, Any]]]:
    """All addresses of operators, and their page."""
    return [(r"/admin(?:/.*)?", PassingOnHandler, {"ask": ask})]
