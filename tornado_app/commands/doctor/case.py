"""What the steps hand on to each other."""

import argparse
import contextlib
from dataclasses import dataclass, field

from tornado_app.commands.doctor.veil import Veil
from tornado_app.commands.doctor.voice import Voice
from tornado_app.commands.talk.address import place_of
from tornado_app.commands.talk.dial import dial
from tornado_app.server import Server
from tornado_app.settings.schema import Settings

USER = "doctor"


@dataclass(slots=True)
class Case:
    """One examination: what was asked for, and what was made on the way.  Thread: loop."""

    options: argparse.Namespace
    url: str
    """Of the gateway that is tried; empty until our own listens."""
    token: str
    recording: str
    veil: Veil
    settings: Settings | None = None
    server: Server | None = None
    voice: Voice | None = None
    is_given: bool = field(init=False)
    """Whether the token is a stranger's, which says what it says."""

    def __post_init__(self) -> None:
        self.is_given = bool(self.token)
        self.veil.add(self.token)
        self.veil.add_url(self.url)

    @property
    def known(self) -> Settings:
        """The settings, of a step that needs them."""
        if self.settings is None:
            raise LookupError("settings")
        return self.settings

    @property
    def place(self) -> str:
        return place_of(self.url)

    async def open(self, token: str) -> Voice:
        """A call.

        Raises:
            Failed: If there will be none.
        """
        return Voice(await dial(self.url, token))

    async def close(self) -> None:
        """End all that was begun."""
        with contextlib.suppress(OSError):
            if self.voice is not None:
                await self.voice.close()
        if self.server is not None:
            await self.server.stop()
