"""``/admin/v1/usage``: what was used and what that cost, added up."""

from typing import Annotated, Any

from msgspec import Meta

from tornado_app.handlers.admin.asking import AdminHandler, Failed
from tornado_app.usage.accountant import Busy, NoPlace, Unstated
from tornado_app.usage.reading import NO_PLACE
from tornado_app.usage.statement import Wanted
from tornado_app.usage.summing import Sum

SUMS_MOST = 500

IS_BUSY = "It is being added up for somebody who asked before. Ask again in a moment."
TOO_LONG = "The records of {} could not be added up in time. Ask for fewer days, or run.py usage."
UNREADABLE = "The records of {} cannot be read now: {}."


class _Query(Wanted, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=SUMS_MOST)] = 100


class UsageHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET",)

    async def get(self) -> None:
        query = self.query(_Query)
        try:
            found = await self.administration.usage(query)
        except NoPlace:
            raise Failed(404, NO_PLACE) from None
        except Busy:
            raise Failed(409, IS_BUSY) from None
        except Unstated as error:
            raise Failed(503, _why(error)) from None
        sums = [{"name": name, **_told(each)} for name, each in found.sums.items()]
        self.tell(200, {"sums": sums, "all": _told(found.whole), "next": found.next})


def _why(error: Unstated) -> str:
    if error.why == "timeout":
        return TOO_LONG.format(error.setting)
    return UNREADABLE.format(error.setting, error.why)


def _told(found: Sum) -> dict[str, Any]:
    return {
        **found.figures(),
        "costs": {currency: format(cost, "f") for currency, cost in found.costs.items()},
        "estimated": found.estimated,
        "unpriced": found.unpriced,
    }
