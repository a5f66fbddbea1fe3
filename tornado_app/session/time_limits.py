"""How long a call may last, how long nobody may say anything in it, and how long its microphone.

    limit                 is over when                            what then
    idle_timeout_s        nobody says anything, nothing plays     the call ends
    max_call_s            the call is as old as that              it ends when nobody speaks, or
                                                                  call_grace_s later
    microphone_silence_s  a client that streams sends no sound    it is told, once

Each is warned of before, but for the last, which is a warning.
"""

from tornado_app.protocol import asked
from tornado_app.protocol.close import CALL_LIMIT, CONVERSATION_IDLE
from tornado_app.protocol.endings import Ending
from tornado_app.protocol.told import LimitWarning
from tornado_app.session.conductor import Conductor
from tornado_app.session.parts import Parts

BESIDE = (asked.Ping, asked.Pong, asked.Playback, asked.RefreshToken)
"""What a program says, whether or not anybody is there."""

IDLE = "idle"
CALL = "call"
MICROPHONE = "microphone"
PART = "part"
LIMITS = frozenset({IDLE, CALL, MICROPHONE, PART})

LOOK_S = 0.25
"""So often a call whose time is over is looked at: nobody tells when the client has played all."""
TAIL_S = 0.5
"""A client hears an answer so much later than we think, as it keeps some to play without a hole."""
SPEECH_S = 60.0
"""Nobody speaks longer in one breath: the end of that speech was lost."""


class TimeLimits:
    """Thread: loop."""

    __slots__ = (
        "_actions",
        "_backlog",
        "_conductor",
        "_has_said_goodbye",
        "_model",
        "_opened_at",
        "_parting",
        "_rules",
        "_silent_since",
        "_timers",
        "_told_at",
        "active_at",
    )

    def __init__(self, parts: Parts, conductor: Conductor) -> None:
        config = parts.config
        self._rules = config.times
        self._opened_at = config.opened_at
        self._actions = parts.actions
        self._timers = parts.timers
        self._model = parts.model
        self._backlog = parts.backlog
        self._conductor = conductor
        self.active_at = config.opened_at
        """When client or model last said something, but for audio of the client's."""
        self._silent_since = config.opened_at
        self._told_at: float | None = None
        """When the client was told of its microphone's silence, if that still lasts."""
        self._parting: tuple[Ending, float, str] | None = None
        """How the call ends, when at the latest, and what the model is to say before."""
        self._has_said_goodbye = False

    def start(self) -> None:
        rules = self._rules
        if rules.idle_timeout_s:
            self._timers.set(IDLE, self._opened_at + self._idle_warned_after_s)
        if rules.max_call_s:
            warned_before_s = _before(rules.call_warning_s, rules.max_call_s)
            self._timers.set(CALL, self._opened_at + rules.max_call_s - warned_before_s)
        if rules.microphone_silence_s:
            self._timers.set(MICROPHONE, self._opened_at + rules.microphone_silence_s)

    def client_said(self, message: asked.Command) -> None:
        """Not all that a client says is of the conversation."""
        if not isinstance(message, BESIDE):
            self.active_at = self._actions.now

    def on_timer(self, name: str) -> Ending | None:
        """An ending if the call must end now."""
        if name == IDLE:
            return self._on_idle()
        if name == CALL:
            return self._on_call()
        if name == PART:
            return self._on_part()
        self._on_microphone()
        return None

    def _on_idle(self) -> Ending | None:
        now, timeout_s = self._actions.now, self._rules.idle_timeout_s
        self._note_activity()
        if now >= self.active_at + timeout_s:
            sentence = f"Nobody has said anything for {timeout_s:g} s."
            cause = "conversation_idle"
            return Ending("conversation_idle", sentence, False, CONVERSATION_IDLE, cause)
        warned_at = self.active_at + self._idle_warned_after_s
        if now < warned_at:
            self._timers.set(IDLE, warned_at)
        else:
            self._warn("idle_timeout_s", now - self.active_at, timeout_s)
            self._timers.set(IDLE, self.active_at + timeout_s)
        return None

    @property
    def _idle_warned_after_s(self) -> float:
        timeout_s = self._rules.idle_timeout_s
        return timeout_s - _before(self._rules.idle_warning_s, timeout_s)

    def _note_activity(self) -> None:
        """Answers that are long, and tools, say nothing between their beginning and their end."""
        conductor, now = self._conductor, self._actions.now
        if self._user_speaks or conductor.is_busy:
            self.active_at = now
        self.active_at = max(self.active_at, conductor.heard_until)
        if not self._model.finds_speech:
            self.active_at = max(self.active_at, conductor.sound_at)

    @property
    def _user_speaks(self) -> bool:
        since = self._conductor.speech_since
        return since is not None and self._actions.now < since + SPEECH_S

    def _on_call(self) -> Ending | None:
        now, most_s = self._actions.now, self._rules.max_call_s
        ends_at = self._opened_at + most_s
        if now < ends_at:
            self._warn("max_call_s", now - self._opened_at, most_s)
            self._timers.set(CALL, ends_at)
            return None
        sentence = f"The call has lasted {most_s:g} s, which is as long as it may."
        ending = Ending("call_limit", sentence, False, CALL_LIMIT, "call_limit")
        self.part(ending, ends_at, self._rules.goodbye)
        return self._on_part()

    def part(self, ending: Ending, since: float, goodbye: str) -> None:
        """End the call as soon as nobody speaks, or `call_grace_s` after *since*.

        Of two reasons the first counts.
        """
        if self._parting is None:
            self._parting = ending, since + self._rules.call_grace_s, goodbye
            self._timers.set(PART, self._actions.now)

    def _on_part(self) -> Ending | None:
        if self._parting is None:
            return None
        ending, latest_at, goodbye = self._parting
        now = self._actions.now
        if now >= latest_at or self._may_part(goodbye):
            return ending
        self._timers.set(PART, min(now + LOOK_S, latest_at))
        return None

    def _may_part(self, goodbye: str) -> bool:
        """Whether nobody speaks, and the model has said goodbye if it is to."""
        conductor, now = self._conductor, self._actions.now
        if self._user_speaks or conductor.is_busy or now < conductor.heard_until + TAIL_S:
            return False
        if not goodbye or self._has_said_goodbye:
            return True
        self._has_said_goodbye = conductor.say_alone(goodbye)
        if self._has_said_goodbye:
            self._actions.log("goodbye_asked")
        return False

    def _on_microphone(self) -> None:
        now, allowed_s = self._actions.now, self._rules.microphone_silence_s
        sound_at = self._conductor.sound_at
        # Who listens to an answer may well be silent.
        since = max(self._silent_since, sound_at, self._conductor.heard_until)
        if self._told_at is not None and sound_at > self._told_at:
            self._told_at = None
        is_awaited = self._model.finds_speech and self._conductor.has_streamed
        if not is_awaited or self._backlog.paused or self._told_at is not None:
            self._silent_since = now
            self._timers.set(MICROPHONE, now + allowed_s)
        elif now < since + allowed_s:
            self._timers.set(MICROPHONE, since + allowed_s)
        else:
            self._told_at = now
            self._warn("microphone_silence_s", now - since, allowed_s)
            self._timers.set(MICROPHONE, now + allowed_s)

    def _warn(self, limit: str, used: float, allowed: float) -> None:
        self._actions.log("limit_near", limit=limit)
        self._actions.say(LimitWarning(limit, round(used, 1), allowed))


def _before(warning_s: float, limit_s: float) -> float:
    """How long before the end of a limit it is warned of: half of it at most."""
    return min(warning_s, limit_s / 2)
