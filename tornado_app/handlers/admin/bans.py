"""``/admin/v1/bans``: users and tokens that are kept out for a time."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from tornado_app.admission.bans import Kind, Name
from tornado_app.admission.claims import LONGEST_NAME
from tornado_app.handlers.admin.asking import AdminHandler, Failed
from tornado_app.handlers.admin.calls import Sentence, Why

LONGEST_S = 31_536_000.0
UNWRITABLE = "It could not be written down, and nothing has changed: {}."


class _Ban(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    name: Annotated[
        Name,
        Meta(
            pattern=r"\A[^\x00-\x1f\x7f]*\Z",
            description=f"text in one line, of 1 to {LONGEST_NAME} characters",
        ),
    ]
    """A user, or the number of a token (`jti`)."""
    for_s: Annotated[float, Meta(ge=1, le=LONGEST_S)] = 3600.0
    reason: Sentence = ""


class _BanHandler(AdminHandler):
    """Thread: loop."""

    def _where(self) -> dict[str, bool]:
        """Whether all machines know it."""
        return {"everywhere": self.administration.gateway.access.keeping_out.is_everywhere}


class BansHandler(_BanHandler):
    """Thread: loop."""

    allowed = ("GET", "POST")

    def get(self) -> None:
        bans = [_told(*each) for each in self.administration.kept_out()]
        self.tell(200, {"bans": bans, **self._where()})

    async def post(self) -> None:
        ban = self.read(_Ban)
        with _written():
            until_unix_s = await self.administration.keep_out(
                self.operator, ban.kind, ban.name, ban.for_s, ban.reason
            )
        self.tell(200, {**_told(ban.kind, ban.name, until_unix_s), **self._where()})


class BanHandler(_BanHandler):
    """Thread: loop."""

    allowed = ("DELETE",)

    async def delete(self, kind: str, name: str) -> None:
        try:
            known: Kind = msgspec.convert(kind, Kind)
        except msgspec.ValidationError:
            raise Failed(404, "Those who are kept out are users and tokens.") from None
        reason = self.query(Why).reason
        with _written():
            was_out = await self.administration.let_in(self.operator, known, name, reason)
        if not was_out:
            raise Failed(404, "Nobody of that name is kept out.")
        self.tell(200, {"kind": kind, "name": name, **self._where()})


@contextlib.contextmanager
def _written() -> Iterator[None]:
    """Says why a change could not be written down."""
    try:
        yield
    except ValueError as error:
        raise Failed(409, str(error)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Failed(500, UNWRITABLE.format(reason)) from None


def _told(kind: Kind, name: str, until_unix_s: float) -> dict[str, object]:
    return {"kind": kind, "name": name, "until": int(until_unix_s * 1000)}
