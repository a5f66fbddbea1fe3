"""Performs the rows of `interrupting.TABLE`, and finds out what a doubt was."""

from collections.abc import Callable

from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.protocol.realtime.orders import DeleteItem
from tornado_app.protocol.told import AnswerGoesOn, Interrupted
from tornado_app.session.actions import Actions
from tornado_app.session.asking import Asking
from tornado_app.session.config import SessionConfig
from tornado_app.session.doubt import Doubt
from tornado_app.session.downlink import Downlink
from tornado_app.session.interrupting import TABLE, Event, Heard, Step
from tornado_app.session.model_side import ModelSide
from tornado_app.session.playout import Playout, Unheard
from tornado_app.session.rebuilding import LEDGER_ID
from tornado_app.session.rounds import Rounds
from tornado_app.session.timers import Timers
from tornado_app.session.tools import Tools

TIMER = "doubt"
LATER_BYTES = 1 << 20
"""What the model may have said of another answer: it has understood something, then."""


class Cutting:
    """Thread: loop."""

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        *,
        playout: Playout,
        downlink: Downlink,
        asking: Asking,
        tools: Tools,
        rounds: Rounds,
    ) -> None:
        self._config = config
        self._model = model
        self._actions = actions
        self._timers = timers
        self._playout = playout
        self._downlink = downlink
        self._asking = asking
        self._tools = tools
        self._rounds = rounds
        self.doubt: Doubt | None = None
        self._goes_on = ""
        """The answer that went on while the model had not ended it."""
        self._unheard: list[Unheard] = []
        self._item_id: str | None = None

    @property
    def heard(self) -> Heard:
        """What the client hears."""
        known = self._asking.answering.known
        if self.doubt is not None:
            return Heard.IN_DOUBT
        if known.is_heard:
            return Heard.SPEAKING
        if self._playout.unheard(self._actions.now) or self._downlink.has_audio:
            return Heard.PLAYING
        if self._asking.is_asked:
            return Heard.ASKED
        return Heard.ENDING if known.running is not None else Heard.SILENT

    def happen(self, event: Event, item_id: str | None = None) -> None:
        """*item_id*: what the client believes to be playing."""
        self._item_id = item_id
        row = TABLE.get((self.heard, event))
        for step in row.steps if row is not None else ():
            self._perform(step)

    def speech(self, item_id: str) -> None:
        """The user begins to say something that ends answers."""
        event = Event.DOUBTFUL if self.doubt is not None or self._may_doubt else Event.SPEECH
        self.happen(event)
        if self.doubt is not None:
            self.doubt.speech.add(item_id)

    def speech_over(self) -> None:
        if self.doubt is not None:
            self.doubt.is_speech_over = True
            self._wait()

    def committed(self, item_id: str) -> None:
        """The model has made a turn of what was said."""
        if self.doubt is not None:
            self.doubt.turns.append(item_id)

    def words(self, item_id: str, text: str | None, *, is_whole: bool) -> None:
        """A transcript, or more of one; None: there will be none."""
        doubt = self.doubt
        if doubt is None or item_id not in doubt.speech.union(doubt.turns):
            return
        if any(letter.isalnum() for letter in text or ""):
            self.happen(Event.WORDS)
        elif is_whole and text is not None:
            self.happen(Event.NOISE)

    def told(self, item_id: str | None, played_ms: int) -> None:
        """The client says what it has played."""
        now = self._actions.now
        self._playout.told(item_id, played_ms, now)
        if self.doubt is not None:
            self._playout.rewind(now)
            for item in self.doubt.heard_ms:
                self.doubt.heard_ms[item] = heard_ms = self._playout.heard(item, now)
                self._downlink.rewind(item, heard_ms)

    def put_off(self, response_id: str, act: Callable[[], None], size_bytes: int = 0) -> bool:
        """Whether what the model says of another answer waits, to be acted upon then."""
        doubt = self.doubt
        if (
            doubt is None
            or response_id in doubt.answers
            or not self._asking.answering.hears(response_id)
        ):
            return False
        doubt.later.append(act)
        doubt.later_bytes += size_bytes
        if doubt.later_bytes > LATER_BYTES:
            self.happen(Event.WORDS)
        return True

    def keeps(self, response_id: str) -> bool:
        """Whether what comes of an answer is kept, as it may go on."""
        return self.doubt is not None and response_id in self.doubt.answers

    def came(self, item_id: str) -> None:
        """Something was kept of this item."""
        if self.doubt is not None:
            heard_ms = self._playout.heard(item_id, self._actions.now)
            self.doubt.heard_ms.setdefault(item_id, heard_ms)

    def finished(self, response: ResponseFacts) -> None:
        """``response.done``, before anybody acts upon it."""
        is_broken_off = response.status in {"cancelled", "failed", "incomplete"}
        if self.doubt is not None and response.id in self.doubt.answers:
            self.doubt.is_broken_off = is_broken_off
        elif self.doubt is not None and self._asking.answering.known.runs(response.id):
            self.happen(Event.WORDS)  # it is answered, whole
        elif response.id and response.id == self._goes_on:
            self._goes_on = ""
            running = self._asking.answering.known.running
            if is_broken_off and running is not None and not running.is_muted:
                self._asking.want_rest(running.ref)

    def on_timer(self) -> None:
        if self.doubt is not None:
            self.happen(Event.NOISE if self.doubt.is_speech_over else Event.WORDS)

    def forget(self) -> None:
        """The session ends."""
        self._close()
        if self._downlink.tape is not None:
            self._downlink.tape.clear()

    @property
    def _may_doubt(self) -> bool:
        """Whether the policy is to go on behind a noise, and words could tell it from speech."""
        goes_on = self._config.answers.false_start == "go_on"
        if not goes_on or not self._model.in_force.transcription_model:
            return False
        running = self._asking.answering.known.running
        if running is None:
            return True
        # What a tool was called for is asked for by itself; what has no name cannot be told apart.
        return bool(running.response_id) and self._rounds.find(running.response_id) is None

    def _perform(self, step: Step) -> None:
        match step:
            case Step.WITHDRAW:
                self._asking.withdraw()
            case Step.CANCEL:
                self._asking.answering.cancel()
            case Step.DROP:
                self._gather(self._downlink.cut())
                self._clear_tape()
                if self.doubt is not None:
                    self.doubt.later.clear()
            case Step.KEEP:
                self._gather(self._downlink.hold_back())
                self._begin_doubt()
            case Step.TRUNCATE:
                self._truncate()
            case Step.MUTE:
                self._asking.answering.mute()
            case Step.TELL:
                self._tell()
            case Step.WAIT:
                if self.doubt is not None:
                    self.doubt.is_speech_over = False
                self._wait()
            case Step.FORGET_NOISE:
                self._forget_noise()
            case Step.PLAY:
                self._play()
            case Step.ASK_REST:
                self._ask_rest()
            case Step.NOTE:
                self._note()

    def _gather(self, dropped: list[str]) -> None:
        """What was not heard.  What was not sent of what was *dropped* never will be."""
        now = self._actions.now
        unheard = self._playout.unheard(now)
        if self.doubt is not None:
            unheard = [Unheard(*item) for item in self.doubt.heard_ms.items()]
        names = {item.item_id for item in unheard}
        unheard += [
            Unheard(name, self._playout.heard(name, now)) for name in dropped if name not in names
        ]
        self._unheard = unheard

    def _truncate(self) -> None:
        if self.doubt is not None:
            self._gather([])
            self._downlink.words_over("assistant")
            self._clear_tape()
        for item in self._unheard:
            self._model.truncate(item.item_id, item.heard_ms)
        self._tools.on_interrupted()
        doubt = self._close()
        if doubt is not None:
            for act in doubt.later:
                act()

    def _tell(self) -> None:
        interrupted = self._interrupted()
        self._actions.say(interrupted)
        self._actions.log("interrupted", heard_ms=interrupted.heard_ms)
        if self.doubt is None:
            self._playout.forget()

    def _interrupted(self) -> Interrupted:
        item_id, ref = self._item_id, self._actions.ref
        named = [item for item in self._unheard if item.item_id == item_id]
        if item_id and not named and (heard_ms := self._playout.heard(item_id, self._actions.now)):
            return Interrupted(heard_ms, item_id, ref=ref)
        for item in named or self._unheard:
            return Interrupted(item.heard_ms, item.item_id, ref=ref)
        return Interrupted(0, ref=ref)

    def _begin_doubt(self) -> None:
        known = self._asking.answering.known
        heard_ms = {item.item_id: item.heard_ms for item in self._unheard}
        self.doubt = Doubt(heard_ms, known.names, known.ref)
        self._playout.rewind(self._actions.now)
        for item_id, ms in heard_ms.items():
            self._downlink.rewind(item_id, ms)
        self._wait()

    def _wait(self) -> None:
        self._timers.set(TIMER, self._actions.now + self._config.answers.false_start_ms / 1000)

    def _close(self) -> Doubt | None:
        doubt, self.doubt = self.doubt, None
        self._timers.clear(TIMER)
        return doubt

    def _clear_tape(self) -> None:
        if self._downlink.tape is not None:
            self._downlink.tape.clear()

    def _forget_noise(self) -> None:
        """An answer to it is none to anything, nor is one that is to come."""
        doubt, known = self.doubt, self._asking.answering.known
        assert doubt is not None  # noqa: S101  the row is of one
        if known.running is not None and known.running.response_id not in doubt.answers:
            self._asking.answering.cancel()
            self._asking.answering.mute()
        self._asking.answering.refuse_unasked()
        for item_id in doubt.turns:
            self._model.rebuilding.ledger.remove(item_id)
            self._model.rebuilding.speech.written(item_id)
            self._model.send(DeleteItem(item_id, f"{LEDGER_ID}_{item_id}"))

    def _play(self) -> None:
        doubt, tape = self.doubt, self._downlink.tape
        assert doubt is not None  # noqa: S101
        assert tape is not None  # noqa: S101
        now = self._actions.now
        first = next(iter(doubt.heard_ms), None)
        self._asking.answering.unmute(doubt.answers)
        if first is not None:
            self._actions.say(AnswerGoesOn(first, doubt.heard_ms[first]))
        self._actions.log("false_start")
        for sound in tape.rest(now):
            self._downlink.resume(sound)
        if not self._asking.answering.known.is_heard:
            self._downlink.end_item()

    def _ask_rest(self) -> None:
        """What was too much to keep, and what the model did not come to say."""
        doubt, tape = self._close(), self._downlink.tape
        assert doubt is not None  # noqa: S101
        assert tape is not None  # noqa: S101
        ends_ms = tape.ends_ms(self._actions.now)
        is_missing = doubt.is_broken_off
        for item_id, heard_ms in doubt.heard_ms.items():
            if not tape.is_whole(item_id, heard_ms, ends_ms):
                self._model.truncate(item_id, max(heard_ms, ends_ms.get(item_id, 0)))
                is_missing = True
        running = self._asking.answering.known.running
        if running is not None and running.response_id in doubt.answers and not running.is_muted:
            self._goes_on = running.response_id
        elif is_missing:
            self._asking.want_rest(doubt.ref)

    def _note(self) -> None:
        doubt = self._close()
        assert doubt is not None  # noqa: S101
        for item_id, heard_ms in doubt.heard_ms.items():
            self._model.rebuilding.cut(item_id, heard_ms)
        self._asking.answering.unmute(doubt.answers)
        self._downlink.words_over("assistant")
        self._playout.forget()
        self._clear_tape()
