"""``/admin/v1/bans``: users and tokens that are kept out for a time."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tornado_app.admission.bans import Kind, Name
from tornado_app.errors import Refused
from tornado_app.handlers.admin.asking import AdminHandler
from tornado_app.handlers.admin.calls import Sentence

LONGEST_S = 31_536_000.0
UNWRITABLE = "It could not be written down, and nothing has changed: {}."


class _Ban(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    name: Annotated[Name, Meta(pattern=r"^[^\x00-\x1f\x7f]*$")]
    """A user, or the number of a token (`jti`)."""
    for_s: Annotated[float, Meta(ge=1, le=LONGEST_S)] = 3600.0
    reason: Sentence = ""


class _Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Sentence = ""


class BansHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET", "POST")

    def get(self) -> None:
        self.tell(200, {"bans": [_told(*each) for each in self.administration.kept_out()]})

    async def post(self) -> None:
        try:
            ban = self.read(_Ban)
            until_unix_s = await self.administration.keep_out(
                self.operator, ban.kind, ban.name, ban.for_s, ban.reason
            )
        except Refused as refused:
            self.fail(400, refused.sentence)
        except ValueError as error:
            self.fail(409, str(error))
        except OSError as error:
            self.fail(500, UNWRITABLE.format(error.strerror or type(error).__name__))
        else:
            self.tell(200, _told(ban.kind, ban.name, until_unix_s))


class BanHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("DELETE",)

    async def delete(self, kind: str, name: str) -> None:
        try:
            known = msgspec.convert(kind, Kind)
            reason = self.query(_Why).reason
            was_out = await self.administration.let_in(self.operator, known, name, reason)
        except msgspec.ValidationError:
            self.fail(404, "Those who are kept out are users and tokens.")
        except Refused as refused:
            self.fail(400, refused.sentence)
        except ValueError as error:
            self.fail(409, str(error))
        except OSError as error:
            self.fail(500, UNWRITABLE.format(error.strerror or type(error).__name__))
        else:
            if was_out:
                self.tell(200, {"kind": kind, "name": name})
            else:
                self.fail(404, "Nobody of that name is kept out.")


def _told(kind: Kind, name: str, until_unix_s: float) -> dict[str, object]:
    return {"kind": kind, "name": name, "until": int(until_unix_s * 1000)}
