"""What is asked of the whole of a gateway: how full it is, to go away, to read its files again."""

import msgspec

from tornado_app.admin.history import Span
from tornado_app.handlers.admin.asking import AdminHandler
from tornado_app.handlers.admin.calls import Why
from tornado_app.version import VERSION


class VersionHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET",)

    def get(self) -> None:
        self.tell(200, {"version": VERSION})


class ElsewhereHandler(AdminHandler):
    """Every address below that is none.  Thread: loop."""

    allowed = ()

    def prepare(self) -> None:
        super().prepare()
        if self.operator:
            self.fail(404, "There is nothing at this address; openapi.json has those that are.")


class LimitsHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET",)

    def get(self) -> None:
        used = self.administration.gateway.limits_used()
        self.tell(
            200,
            {
                "limits": [
                    {"limit": name, "used": use.used, "allowed": use.limit}
                    for name, use in used.items()
                ]
            },
        )


class _Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    span: Span = "hour"


class FiguresHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET",)

    def get(self) -> None:
        self.tell(200, self.administration.figures(self.query(_Span).span))


class DrainHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("POST",)

    async def post(self) -> None:
        reason = self.read(Why).reason
        await self.administration.drain(self.operator, reason)
        self.tell(202, {"draining": True})


class ReloadHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("POST",)

    async def post(self) -> None:
        reason = self.read(Why).reason
        outcome = await self.administration.reload(self.operator, reason, self.passed_on)
        if outcome is None:
            self.tell(202, {"told": True})
        elif outcome.problems:
            self.tell(409, {"error": "Nothing has changed.", "problems": outcome.problems})
        else:
            self.tell(200, {"changed": outcome.changed, "waiting": outcome.waiting})
