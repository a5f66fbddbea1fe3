"""``/admin/v1/calls/{session_id}/listening``: to hear a call while it runs."""

from base64 import b64encode
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tornado_app.admin.listening import ListenedToAlready
from tornado_app.handlers.admin.asking import AdminHandler, Failed
from tornado_app.handlers.admin.calls import NO_SUCH_CALL, Why
from tornado_app.watching.ear import SAMPLES_PER_MS, Heard

MAY_NOT = "This key may not listen in: admin.listeners has the names of those that may."
TAKEN = "Somebody else listens to this call. One at a time may."
UNWRITTEN = "It could not be written down, so nobody listens."
DOES_NOT = "This key does not listen to such a call. POST begins it."


class _After(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[int, Meta(ge=0)] | None = None


class ListeningHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET", "POST", "DELETE")

    async def post(self, session_id: str) -> None:
        reason = self.read(Why).reason
        listening = self.administration.listening
        is_passed_on = self.passed_on == "further"
        if not listening.may(self.operator):
            if not is_passed_on:
                await listening.refuse(self.operator, session_id, reason)
            raise Failed(403, MAY_NOT)
        try:
            await listening.begin(self.operator, session_id, reason, is_passed_on=is_passed_on)
        except LookupError:
            raise Failed(404, NO_SUCH_CALL) from None
        except ListenedToAlready:
            raise Failed(409, TAKEN) from None
        except OSError:
            raise Failed(500, UNWRITTEN) from None
        self.tell(200, {"session_id": session_id, "rate_hz": SAMPLES_PER_MS * 1000})

    def get(self, session_id: str) -> None:
        after = self.query(_After).after
        listening = self.administration.listening
        if not listening.may(self.operator):
            raise Failed(403, MAY_NOT)
        try:
            self.tell(200, _told(listening.hear(self.operator, session_id, after)))
        except LookupError:
            raise Failed(404, DOES_NOT) from None

    async def delete(self, session_id: str) -> None:
        reason = self.query(Why).reason
        try:
            ending = self.administration.listening.end(self.operator, session_id, reason)
            self.tell(200, {"session_id": session_id, "seconds": round(await ending, 1)})
        except LookupError:
            raise Failed(404, DOES_NOT) from None


def _told(heard: Heard) -> dict[str, Any]:
    return {
        "from": heard.from_ms,
        "until": heard.until_ms,
        "user": _text(heard.user),
        "model": _text(heard.model),
        "words": [
            {"at": int(each.at_ms), "role": each.role, "text": each.text} for each in heard.words
        ],
        "lost_ms": heard.lost_ms,
        "is_over": heard.is_over,
    }


def _text(pcm: bytes | None) -> str | None:
    return None if pcm is None else b64encode(pcm).decode()
