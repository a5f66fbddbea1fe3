"""What the caller notices of a tool while it runs, as an operator writes it."""

from typing import Annotated

from msgspec import Meta, Struct

from tornado_app.protocol.realtime.functions import Manners
from tornado_app.settings.schema import Filler, FillerDelay


class MannersEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What any tool may have beside what it is."""

    filler: Filler | None = None
    filler_after_ms: FillerDelay | None = None
    shown: Annotated[
        bool | tuple[str, ...], Meta(description="true, false or a list of scopes")
    ] = False

    @property
    def manners(self) -> Manners:
        shown = self.shown if isinstance(self.shown, bool) else frozenset(self.shown)
        return Manners(self.filler, self.filler_after_ms, shown)
