"""``/admin/v1/calls``: who is talking, and the end of it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tornado_app.admin import calls
from tornado_app.handlers.admin.asking import AdminHandler, Failed

NO_SUCH_CALL = "There is no such call here, or it has ended."
CALLS_MOST = 500

Sentence = Annotated[
    str,
    Meta(
        max_length=500,
        pattern=r"\A[^\x00-\x1f\x7f]*\Z",
        description="text in one line, of at most 500 characters",
    ),
]


class _Query(calls.Wanted, frozen=True, forbid_unknown_fields=True):
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=CALLS_MOST)] = 100
    levels: bool = False


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of what needs no more to be said."""

    reason: Sentence = ""
    """For the audit."""


class _End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: Sentence = ""
    """For the client."""
    reason: Sentence = ""
    """For the audit."""


class CallsHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET",)

    def get(self) -> None:
        query = self.query(_Query)
        try:
            after = None if query.after is None else calls.Mark.read(query.after)
        except ValueError:
            raise Failed(400, "after must be what an answer had as next.") from None
        running = self.administration.gateway.connections
        page = calls.page_of(running, query, after, query.limit, with_levels=query.levels)
        self.tell(200, page)


class CallHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET",)

    def get(self, session_id: str) -> None:
        call = self.administration.gateway.calls.find(session_id)
        if call is None:
            raise Failed(404, NO_SUCH_CALL)
        listening = self.administration.listening
        listener, may_listen = listening.listener_of(session_id), listening.may(self.operator)
        self.tell(200, calls.detail(call, listener) | {"may_listen": may_listen})


class EndHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("POST",)

    async def post(self, session_id: str) -> None:
        asked = self.read(_End)
        words, reason = asked.words, asked.reason
        if not await self.administration.end_call(self.operator, session_id, words, reason):
            raise Failed(404, NO_SUCH_CALL)
        self.tell(200, {"session_id": session_id})
