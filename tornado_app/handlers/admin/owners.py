"""``/admin/v1/limits/{owner}/{name}``: what one user or organisation has, and to begin anew."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tornado_app.admission.claims import LONGEST_NAME
from tornado_app.admission.quotas import Owner
from tornado_app.handlers.admin.asking import AdminHandler, Failed
from tornado_app.handlers.admin.calls import Why

NO_SUCH_OWNER = "Those who have limits are users and organisations."
NO_SUCH_PLAN = "There is no such plan in limits.plans_file."


class _Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""


class _OwnerHandler(AdminHandler):
    """Thread: loop."""

    @staticmethod
    def known(owner: str, name: str) -> Owner:
        """Raises `Failed`, if they are none of those who have limits."""
        try:
            found: Owner = msgspec.convert(owner, Owner)
        except msgspec.ValidationError:
            raise Failed(404, NO_SUCH_OWNER) from None
        if len(name) > LONGEST_NAME:
            raise Failed(404, f"No name has more than {LONGEST_NAME} characters.")
        return found


class OwnerHandler(_OwnerHandler):
    """Thread: loop."""

    allowed = ("GET",)

    async def get(self, owner: str, name: str) -> None:
        known, plan = self.known(owner, name), self.query(_Query).plan
        try:
            self.tell(200, await self.administration.limits_of(known, name, plan))
        except LookupError:
            raise Failed(404, NO_SUCH_PLAN) from None


class ResetHandler(_OwnerHandler):
    """Thread: loop."""

    allowed = ("POST",)

    async def post(self, owner: str, name: str) -> None:
        known, reason = self.known(owner, name), self.read(Why).reason
        told = await self.administration.reset_limits(
            self.operator, known, name, reason, self.passed_on
        )
        self.tell(200, {"owner": owner, "name": name, "everywhere": told})
