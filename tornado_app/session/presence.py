"""Whether the client is there: one that was lost may come back, and all goes on until then."""

from tornado_app.protocol.told import ListeningIn
from tornado_app.session import events
from tornado_app.session.actions import Actions
from tornado_app.session.commands import PingClient
from tornado_app.session.conductor import Conductor
from tornado_app.session.lifetime import Lifetime


class Presence:
    """Thread: loop."""

    __slots__ = (
        "_actions",
        "_came_with_seq",
        "_conductor",
        "_is_listened_to",
        "_lifetime",
        "_received",
        "_told_seq",
        "is_away",
    )

    def __init__(self, actions: Actions, lifetime: Lifetime, conductor: Conductor) -> None:
        self._actions = actions
        self._lifetime = lifetime
        self._conductor = conductor
        self.is_away = False
        self._is_listened_to = False
        self._came_with_seq = 0
        """The last message that it had when it came back."""
        self._told_seq = 0
        """Of the message by which it was given the newest resume token then."""
        self._received = 0
        """How many messages of it had come."""

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
        self._came_with_seq, self._told_seq = event.last_seq, self._actions.messages
        self._received = self._actions.received
        if self._is_listened_to:  # what it had been told it may have forgotten
            self._actions.say(ListeningIn("begun"))
        self._actions.do(PingClient())  # whose answer says that it has the token

    def may_lack_token(self, last_seq: int | None) -> bool:
        """Whether whoever has read everything up to *last_seq* may be its client, and not have read
        the newest resume token; None: that is still to be said.

        It says nothing before it has.  Its library answers pings by itself, and may have the token
        where the client has not: so who has read on since it is back, and not as far, is the client
        that has come once more.  Who has not read on may be one that it had given up before.
        """
        if not self._lifetime.is_heard:
            return True
        if self._actions.received != self._received:
            return False
        return last_seq is None or self._came_with_seq < last_seq < self._told_seq

    def listened_to(self, *, is_on: bool) -> None:
        """Somebody hears the call from now on, or does not any more."""
        self._is_listened_to = is_on
        self._actions.say(ListeningIn("begun" if is_on else "ended"))
