"""The model's answer on its way to the client: in order, and no faster than the client takes it.

What comes of the model waits here.  While there is room in the client's queue, `go_on` is called
again and again, and each time lets one piece of audio or one message go; so a large piece is never
more than the queue holds, whatever the client's format makes of it.

    model -> waiting --go_on--> `Delivery` -> client
"""

from collections import deque
from collections.abc import Callable

from tornado_app.errors import Refused
from tornado_app.policy.formats import CallFormats
from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.protocol.told import ErrorReport, ResponseDone, ServerMessage
from tornado_app.session.actions import Actions
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.breakage import Breakage
from tornado_app.session.config import SessionConfig
from tornado_app.session.delivery import BEHIND_POOL, Delivery
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.output import Output
from tornado_app.session.pieces import MODEL_BYTES_PER_MS, Joints, Sound
from tornado_app.session.playout import Playout
from tornado_app.session.tape import Tape
from tornado_app.session.transcripts import Key, Role, Transcripts
from tornado_app.session.uttering import Uttering
from tornado_app.session.waiting import (
    LIGHT_BYTES,
    Counted,
    Due,
    End,
    InPool,
    Over,
    Said,
    Whole,
    Words,
    is_light,
    size_of,
)


class Downlink:
    """Sends audio and, behind it, what belongs behind it.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_breakage",
        "_delivery",
        "_in_pool",
        "_joints",
        "_open",
        "_output",
        "_probe",
        "_uttering",
        "_waiting",
        "_waits",
        "may_go_on",
        "sent",
        "tape",
        "transcripts",
    )

    may_go_on: bool
    """Something waits that may go as soon as the client has room: call `go_on`."""

    def __init__(
        self,
        config: SessionConfig,
        actions: Actions,
        playout: Playout,
        transcripts: Transcripts,
        *,
        waits: AnswerWaits,
    ) -> None:
        self.may_go_on = False
        self._actions = actions
        self.transcripts = transcripts
        self._waits = waits
        self.tape = Tape(playout) if config.answers.false_start == "go_on" else None
        """What was not heard of answers, if it may be sent again."""
        self._uttering = Uttering(actions, transcripts)
        self._breakage = Breakage(actions)
        self._joints = Joints()
        self._output = Output(config, actions, playout, waits)
        self.sent = self._output.sent
        self._probe = self.sent.probe
        self._waiting: deque[Sound | End | Said] = deque()
        self._delivery = Delivery(actions, self._output, self._uttering)
        self._in_pool = self._delivery.in_pool  # the hot path looks there itself
        self._open: End | None = None
        """The item whose audio has begun and not ended."""

    @property
    def holds(self) -> bool:
        """Something waits for the client: the model need not be read on."""
        return bool(self._waiting)

    def audio(self, heard: AnswerAudio) -> None:
        sound = self._joints.join(heard)
        if not sound.pcm:
            return
        if self._actions.now >= self._probe.due_at and not self._waiting and not self._in_pool:
            self.sent.begin()
        if self._waits.open:
            self._waits.heard(heard.response_id)
        if self.tape is not None:
            self.tape.add(sound, self._actions.now)
        self.resume(sound)

    def resume(self, sound: Sound) -> None:
        """Whole samples, which may have been sent before."""
        if self._open is None or self._open.item_id != sound.item_id:
            self._end_open()
            self._open = End(sound.item_id, sound.response_id)
        if (
            self._actions.has_room
            and not self._waiting
            and not self._in_pool
            and sound.left_bytes <= self._output.piece_bytes
        ):
            self._actions.has_room = False  # for one piece
            self._delivery.send(sound)
        else:
            self._wait(sound)

    def keep(self, heard: AnswerAudio) -> None:
        """More of an answer that is held back."""
        sound = self._joints.join(heard)
        if sound.pcm and self.tape is not None:
            self.tape.add(sound, self._actions.now)

    def rewind(self, item_id: str, offset_ms: float) -> None:
        """What comes next of this item is what is behind *offset_ms*."""
        self._output.rewind(item_id, offset_ms)

    def change(self, formats: CallFormats, done: Callable[[], None]) -> None:
        """Go on in other formats behind the pieces that are in the pool, in the middle of an item
        if there is one.  *done* is called right before the first piece that is in them.
        """
        self._delivery.change(formats, done)
        self._look()

    def broken(self, size_bytes: int) -> None:
        """A piece of the answer is no audio, and costs itself only."""
        self._tell_broken(self._breakage.note(size_bytes))

    def end_item(self, item_id: str | None = None) -> None:
        """The audio of this item is complete, or of all: send what is still held of it."""
        for _ in range(self._joints.end(item_id)):
            self.broken(1)
        if self._open is not None and item_id in {None, self._open.item_id}:
            self._end_open()
        if item_id is None:
            self._tell_broken(self._breakage.take_untold())

    def say(self, message: ServerMessage) -> None:
        """Send *message* behind all that came before it."""
        said: Said = message
        if isinstance(message, ResponseDone) and len(str(message.usage)) > LIGHT_BYTES:
            said = Counted(message)
        if (
            self._waiting
            or len(self._in_pool) >= BEHIND_POOL
            or not is_light(said, self.transcripts)
        ):
            self._wait(said)
        else:
            self._delivery.follow(said)

    def words(self, key: Key, delta: str) -> None:
        """More of an item's text, behind all that came before it."""
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, Words) and last.key == key:
            last.deltas.append(delta)
        else:
            self._wait(Words(key, [delta]))

    def words_end(self, key: Key, whole: str | None) -> None:
        self._wait(Whole(key, whole))

    def words_due(self) -> None:
        self._wait(Due())

    def words_over(self, role: Role) -> None:
        """What was said of this side is all that there will be, of what is not complete."""
        self._wait(Over(role))

    def go_on(self) -> None:
        """Let one piece of audio, or one message, go."""
        if not self.may_go_on:
            return
        entry = self._waiting[0]
        if isinstance(entry, Sound):
            self._delivery.send(entry)
            if not entry.left_bytes:
                self._waiting.popleft()
        else:
            if not self._in_pool and self._uttering.say_before(entry):
                return  # one by one, as long as there is room
            self._waiting.popleft()
            if isinstance(entry, End):
                self._delivery.end_item(entry)
            else:
                self._delivery.follow(entry)
        self._look()

    def ready(self, result: Converted | Unusable) -> None:
        self._delivery.ready(result)
        self._look()

    def not_taken(self) -> None:
        """The client had no room: what waits does not wait for us."""
        self._probe.forget()

    def drop(self, *last: Said) -> list[str]:
        """Interrupted: audio that waits is not sent; messages are, with *last* behind them.

        Those that are large wait for room, with what is behind them.  Returns the items of which
        something was dropped.
        """
        self._joints.end()
        return self._drop(*last)

    def hold_back(self) -> list[str]:
        """The same of an answer that may go on; more of it is for `keep`."""
        return self._drop()

    def _drop(self, *last: Said) -> list[str]:
        self._probe.forget()
        entries = [*self._in_pool, *self._waiting, *last]
        self._waiting.clear()
        self._open = None
        self._delivery.drop()
        dropped: dict[str, None] = {}
        for entry in entries:
            if isinstance(entry, Sound | InPool):
                if entry.item_id:
                    dropped[entry.item_id] = None
            elif not isinstance(entry, End):
                if self._waiting or not is_light(entry, self.transcripts):
                    self._waiting.append(entry)
                else:
                    self._uttering.utter(entry)
        self._look()
        return list(dropped)

    def cut(self) -> list[str]:
        """The same, and what was said of the answer in words is all that there will be."""
        return self.drop(Over("assistant"))

    def finish(self) -> None:
        """The session ends: say what has been waiting behind audio."""
        self._tell_broken(self._breakage.take_untold())
        self.drop()
        for entry in self._waiting:
            if not isinstance(entry, Sound | End):
                self._uttering.utter(entry)
        self.transcripts.say_all()
        self.forget()

    def forget(self) -> None:
        """The session ends, and nobody is there to be told."""
        self._waiting.clear()
        self._delivery.forget()
        self._look()

    @property
    def has_audio(self) -> bool:
        """Audio waits that the client has not been sent."""
        return any(isinstance(e, Sound | InPool) for e in (*self._in_pool, *self._waiting))

    @property
    def is_empty(self) -> bool:
        """Nothing waits for the client, and no words of the user's are to be gone on with."""
        return not (self._waiting or self._in_pool or self.transcripts.kept_bytes_of("user"))

    @property
    def waiting_ms(self) -> float:
        """How long the audio plays that waits, or is being converted."""
        waiting_bytes = sum(e.left_bytes for e in self._waiting if isinstance(e, Sound))
        return (waiting_bytes + self._delivery.in_pool_bytes) / MODEL_BYTES_PER_MS

    @property
    def kept_bytes(self) -> int:
        """What waits takes so much."""
        tape_bytes = self.tape.size_bytes if self.tape is not None else 0
        return tape_bytes + sum(map(size_of, self._waiting)) + sum(map(size_of, self._in_pool))

    @property
    def broken_pieces(self) -> int:
        return self._breakage.pieces

    def _wait(self, entry: Sound | End | Said) -> None:
        self._waiting.append(entry)
        self._look()

    def _look(self) -> None:
        self.may_go_on = bool(self._waiting) and (
            not self._in_pool
            or (self._delivery.pool_has_room and is_light(self._waiting[0], self.transcripts))
        )

    def _end_open(self) -> None:
        if self._open is not None:
            self._wait(self._open)
            self._open = None

    def _tell_broken(self, refused: Refused | None) -> None:
        if refused is not None:
            self.say(ErrorReport.of(refused))
