"""What the caller notices of a tool while it runs, as an operator writes it."""

from msgspec import Struct

from tornado_app.protocol.realtime.functions import Manners
from tornado_app.settings.schema import Filler, FillerDelay


class MannersEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What any tool may have beside what it is."""

    filler: Filler | None = None
    filler_after_ms: FillerDelay | None = None
    shown: bool | tuple[str, ...] = False

    @property
    def manners(self) -> Manners:
        shown = self.shown if isinstance(self.shown, bool) else frozenset(self.shown)
        return Manners(self.filler, self.filler_after_ms, shown)
