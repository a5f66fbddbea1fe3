"""The model's answer on its way to the client: in order, and no faster than the client takes it.

What comes of the model waits here.  While there is room in the client's queue, `go_on` is called
again and again, and each time lets one piece of audio or one message go; so a large piece is never
more than the queue holds, whatever the client's format makes of it.

    model -> waiting --go_on-+-> client                      (the model's own format)
                             +-> pool -> in the pool -> client   (another)
"""

from collections import deque

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.protocol.told import Audio, ErrorReport, ResponseDone, ServerMessage
from tornado_app.session.actions import Actions
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.breakage import Breakage
from tornado_app.session.commands import ConvertDownlink, FlushDownlink, ResetDownlink
from tornado_app.session.config import SessionConfig
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.pieces import MODEL_BYTES_PER_MS, Joints, Offsets, Sound, piece_bytes
from tornado_app.session.playout import Playout
from tornado_app.session.transcripts import Key, Role, Transcripts
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

PIECES_AHEAD = 2
"""So many may be in the pool before more goes there: a quarter of the client's queue at most."""
BEHIND_POOL = 64
"""So many messages may wait behind what is in the pool: they all go when it is back."""


class Downlink:
    """Sends audio and, behind it, what belongs behind it.  Thread: loop."""

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
        self._config = config
        self._actions = actions
        self._playout = playout
        self.transcripts = transcripts
        self._waits = waits
        self._breakage = Breakage(actions)
        self._joints = Joints()
        self._piece_bytes = piece_bytes(config)
        self._waiting: deque[Sound | End | Said] = deque()
        self._in_pool: deque[InPool | Said] = deque()
        self._in_pool_bytes = 0
        self._open: End | None = None
        """The item whose audio has begun and not ended, if it is being converted."""
        self._offsets = Offsets()

    @property
    def holds(self) -> bool:
        """Something waits for the client: the model need not be read on."""
        return bool(self._waiting)

    def audio(self, heard: AnswerAudio) -> None:
        sound = self._joints.join(heard)
        if not sound.pcm:
            return
        if self._waits.open:
            self._waits.heard(heard.response_id)
        if not self._config.passes_through:
            if self._open is not None and self._open.item_id != sound.item_id:
                self._end_open()
            self._open = self._open or End(sound.item_id, sound.response_id)
        self._wait(sound)

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
            self._follow(said)

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
            self._send_piece(entry)
            if not entry.left_bytes:
                self._waiting.popleft()
        else:
            if not self._in_pool and self._say_words_before(entry):
                return  # one by one, as long as there is room
            self._waiting.popleft()
            if isinstance(entry, End):
                self._enter_pool(InPool(entry.item_id, entry.response_id, 0))
                self._actions.do(FlushDownlink())
            else:
                self._follow(entry)
        self._look()

    def _say_words_before(self, said: Said | End) -> bool:
        """Say one text that *said* must not overtake; False if there is none."""
        match said:
            case Over(role):
                return self.transcripts.finish_one(role)
            case ResponseDone() | Counted():
                return self.transcripts.say_one()
            case _:
                return False

    def ready(self, result: Converted | Unusable) -> None:
        place = self._in_pool.popleft()
        assert isinstance(place, InPool)  # noqa: S101  `_drain` leaves nothing else in front
        self._in_pool_bytes -= place.size_bytes
        if isinstance(result, Unusable):
            sentence = "A piece of the answer could not be converted and is missing."
            self._actions.refuse(Refused("internal", sentence))
        else:
            self._send_converted(place, result)
        self._drain()
        self._look()

    def drop(self, *last: Said) -> list[str]:
        """Interrupted: audio that waits is not sent; messages are, with *last* behind them.

        Those that are large wait for room, with what is behind them.  Returns the items of which
        something was dropped.
        """
        self._actions.do(ResetDownlink())
        entries = [*self._in_pool, *self._waiting, *last]
        self._in_pool.clear()
        self._waiting.clear()
        self._in_pool_bytes, self._open = 0, None
        self._joints.end()
        dropped: dict[str, None] = {}
        for entry in entries:
            if isinstance(entry, Sound | InPool):
                dropped[entry.item_id] = None
            elif not isinstance(entry, End):
                if self._waiting or not is_light(entry, self.transcripts):
                    self._waiting.append(entry)
                else:
                    self._utter(entry)
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
                self._utter(entry)
        self.transcripts.say_all()
        self.forget()

    def forget(self) -> None:
        """The session ends, and nobody is there to be told."""
        self._in_pool.clear()
        self._waiting.clear()
        self._in_pool_bytes = 0
        self._look()

    @property
    def has_audio(self) -> bool:
        """Audio waits that the client has not been sent."""
        return any(isinstance(e, Sound | InPool) for e in (*self._in_pool, *self._waiting))

    @property
    def waiting_ms(self) -> float:
        """How long the audio plays that waits, or is being converted."""
        waiting_bytes = sum(e.left_bytes for e in self._waiting if isinstance(e, Sound))
        return (waiting_bytes + self._in_pool_bytes) / MODEL_BYTES_PER_MS

    @property
    def kept_bytes(self) -> int:
        """What waits takes so much."""
        return sum(map(size_of, self._waiting)) + sum(map(size_of, self._in_pool))

    @property
    def broken_pieces(self) -> int:
        return self._breakage.pieces

    def _wait(self, entry: Sound | End | Said) -> None:
        self._waiting.append(entry)
        self._look()

    def _look(self) -> None:
        self.may_go_on = bool(self._waiting) and (
            not self._in_pool
            or (
                self._in_pool_bytes < PIECES_AHEAD * self._piece_bytes
                and len(self._in_pool) < BEHIND_POOL
                and is_light(self._waiting[0], self.transcripts)
            )
        )

    def _follow(self, said: Said) -> None:
        """Behind the audio that is in the pool."""
        if self._in_pool:
            self._in_pool.append(said)
        else:
            self._utter(said)

    def _drain(self) -> None:
        while self._in_pool and not isinstance(self._in_pool[0], InPool):
            entry = self._in_pool.popleft()
            assert not isinstance(entry, InPool)  # noqa: S101  tells the type checker
            self._utter(entry)

    def _utter(self, said: Said) -> None:
        """It is its turn."""
        match said:
            case Words(key, deltas):
                self.transcripts.add(key, deltas)
            case Whole(key, text):
                self.transcripts.finish(key, text)
            case Due():
                self.transcripts.say_due()
            case Over(role):
                self.transcripts.finish_all(role)
            case ResponseDone():
                self.transcripts.say_all()
                self._actions.say(said)
            case Counted(message):
                self.transcripts.say_all()
                self._actions.say(message)
            case _:
                self._actions.say(said)

    def _end_open(self) -> None:
        if self._open is not None:
            self._wait(self._open)
            self._open = None

    def _tell_broken(self, refused: Refused | None) -> None:
        if refused is not None:
            self.say(ErrorReport.of(refused))

    def _enter_pool(self, place: InPool) -> None:
        self._in_pool.append(place)
        self._in_pool_bytes += place.size_bytes

    def _send_piece(self, sound: Sound) -> None:
        if self._config.passes_through:
            text, size_bytes = sound.take_text(self._piece_bytes)
            self._send(sound.item_id, sound.response_id, size_bytes / MODEL_BYTES_PER_MS, text=text)
            return
        pcm = sound.take(self._piece_bytes)
        self._enter_pool(InPool(sound.item_id, sound.response_id, len(pcm)))
        self._actions.do(ConvertDownlink(pcm))

    def _send_converted(self, place: InPool, result: Converted) -> None:
        item_id, response_id = place.item_id, place.response_id
        for piece in result.pieces:
            if self._config.binary_output:
                self._send(item_id, response_id, piece.duration_ms, binary=piece.audio)
            else:
                self._send(item_id, response_id, piece.duration_ms, text=piece.audio.decode())

    def _send(
        self,
        item_id: str,
        response_id: str,
        duration_ms: float,
        *,
        text: str | None = None,
        binary: bytes | None = None,
    ) -> None:
        offset_ms = self._offsets.move(item_id, duration_ms)
        message = Audio(
            item_id=item_id,
            response_id=response_id,
            offset_ms=round(offset_ms, 3),
            duration_ms=round(duration_ms, 3),
            audio=text,
            size=len(binary) if binary is not None else None,
            wait=self._waits.take(response_id) if self._waits.open else None,
        )
        self._playout.sent(item_id, duration_ms, self._actions.now)
        self._actions.say(message, binary=binary)
