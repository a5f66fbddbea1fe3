"""Whether the client is there: one that was lost may come back, and all goes on until then."""

from tornado_app.protocol.told import ListeningIn
from tornado_app.session import events
from tornado_app.session.actions import Actions
from tornado_app.session.commands import PingClient
from tornado_app.session.conductor import Conductor
from tornado_app.session.lifetime import Lifetime


class Presence:
    """Thread: loop."""

    __slots__ = ("_actions", "_conductor", "_is_listened_to", "_lifetime", "is_away")

    def __init__(self, actions: Actions, lifetime: Lifetime, conductor: Conductor) -> None:
        self._actions = actions
        self._lifetime = lifetime
        self._conductor = conductor
        self.is_away = False
        self._is_listened_to = False

    def lose(self) -> None:
        """The client is lost; all goes on but its loudspeaker, and what it is told is kept."""
        if not self.is_away:
            self.is_away = True
            self._lifetime.away()
            self._conductor.away()
            self._actions.log("client_away")

    def come_back(self, event: events.ClientBack) -> None:
        was_away, self.is_away = self.is_away, False
        self._lifetime.back(event.token_expires_at_unix_s)
        self._actions.log("client_back")
        self._conductor.back(event.resume_token, was_away=was_away)
        if self._is_listened_to:  # what it had been told it may have forgotten
            self._actions.say(ListeningIn("begun"))
        self._actions.do(PingClient())  # whose answer says that it has the token

    def listened_to(self, *, is_on: bool) -> None:
        """Somebody hears the call from now on, or does not any more."""
        self._is_listened_to = is_on
        self._actions.say(ListeningIn("begun" if is_on else "ended"))
