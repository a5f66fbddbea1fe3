"""The way of one call among several upstreams: raced for it, and told how they served it."""

from tornado_app.session.commands import NoteModel
from tornado_app.session.config import SessionConfig
from tornado_app.upstream.race import Deliver, Race, Read
from tornado_app.upstream.several import Several


class CallRoute:
    """Thread: loop."""

    __slots__ = ("_route", "_several")

    def __init__(self, several: Several, config: SessionConfig) -> None:
        self._several = several
        self._route = several.new_route(config)

    def begin_anew(self, config: SessionConfig) -> None:
        """It asks for another model: what was refused to it before says nothing of that."""
        self._route = self._several.new_route(config)

    def race(self, config: SessionConfig, read: Read, deliver: Deliver, *, is_fresh: bool) -> Race:
        """As `Several.race`."""
        return self._several.race(self._route, config, read, deliver, is_fresh=is_fresh)

    def better(self, used: str) -> frozenset[str]:
        """Those that are wanted more than *used*, and may be dialled; none before one is used."""
        return self._route.better(used) if used else frozenset()

    def note(self, note: NoteModel) -> None:
        """What became of the call with the upstream that it had, if it had one."""
        if note.upstream:
            self._several.note(self._route, note)
