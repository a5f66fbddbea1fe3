"""Any order of answers, room, pool and interruptions: what waits has a reason, and all is said."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.session.story import Story, response
from tornado_app.protocol.asked import Interrupt
from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio
from tornado_app.protocol.realtime.events import (
    AnswerTranscriptDelta,
    AudioDone,
    ResponseCreated,
    ResponseFinished,
)
from tornado_app.protocol.told import Audio, ResponseDone, Transcript
from tornado_app.session import commands, events
from tornado_app.session.delivery import PIECES_AHEAD
from tornado_app.session.pieces import piece_bytes
from workers.blocks import Block
from workers.formats import AudioFormat

OUTBOUND_BYTES = 16_384


class Pool:
    """Hands every piece back as it is, when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def perform(self, command: commands.Command) -> None:
        match command:
            case commands.ConvertDownlink(payload):
                self.waiting.append(payload)
            case commands.FlushDownlink():
                self.waiting.append(b"")
            case commands.ResetDownlink():
                self.waiting.clear()

    def next(self) -> events.DownlinkReady:
        pcm = self.waiting.pop(0)
        return events.DownlinkReady(Block(pcm, len(pcm), len(pcm) / 48, -30.0, len(pcm) / 48))


class Call(RuleBasedStateMachine):
    """One session whose client takes binary frames, and all that it was told."""

    @initialize(passes=st.booleans())
    def begin(self, passes):
        self.story = Story(
            passes_through=False,
            binary_output=True,
            outbound_bytes=OUTBOUND_BYTES,
            target=AudioFormat("pcm16", 48_000 if passes else 24_000, 1),
        ).connected()
        self.pool = Pool()
        self.number = 0
        self.spoken: dict[str, bytes] = {}
        self.words: dict[str, str] = {}
        self.response = self.item = ""
        self.performed = 0
        self.begin_answer()

    @property
    def told(self):
        return [c for c in self.story.all if isinstance(c, commands.SendClient)]

    def feed(self, event):
        """As a connection does: what the pool is given is performed in order."""
        self.story.feed(event)
        for command in self.story.all[self.performed :]:
            self.pool.perform(command)
        self.performed = len(self.story.all)

    def said(self, event):
        self.feed(events.UpstreamSaid(event, has_room=not self.story.is_full))

    @precondition(lambda self: not self.response)
    @rule()
    def begin_answer(self):
        self.number += 1
        self.response, self.item = f"resp_{self.number}", f"item_{self.number}a"
        self.said(ResponseCreated(response(self.response)))

    @precondition(lambda self: self.response)
    @rule(size=st.integers(0, 6000), other=st.booleans())
    def speak(self, size, other):
        item = self.item[:-1] + chr(ord(self.item[-1]) + other)
        pcm = bytes([self.number % 256]) * size
        self.spoken[item] = self.spoken.get(item, b"") + pcm
        self.said(AnswerAudio(self.response, item, pcm))

    @precondition(lambda self: self.response)
    @rule(text=st.text("ab ", max_size=9).map(lambda text: text * 300))
    def write(self, text):
        self.words[self.item] = self.words.get(self.item, "") + text
        self.said(AnswerTranscriptDelta(self.response, self.item, text))

    @precondition(lambda self: self.response)
    @rule()
    def say_something_broken(self):
        self.said(BrokenAudio(self.response, 3))

    @precondition(lambda self: self.response)
    @rule()
    def end_audio(self):
        self.said(AudioDone(self.response, self.item))
        self.item = self.item[:-1] + chr(ord(self.item[-1]) + 2)  # nothing more comes of it

    @precondition(lambda self: self.response)
    @rule()
    def end_answer(self):
        self.said(ResponseFinished(response(self.response, status="completed")))
        self.response = ""

    @rule()
    def interrupt(self):
        self.feed(events.ClientSaid(Interrupt()))
        self.spoken.clear()
        self.words.clear()
        if self.response:
            self.said(ResponseFinished(response(self.response, status="cancelled")))
            self.response = ""

    @rule(is_full=st.booleans())
    def turn(self, is_full):
        self.story.is_full = is_full
        if not is_full:
            self.feed(events.ClientHasRoom())

    @precondition(lambda self: self.pool.waiting)
    @rule()
    def convert(self):
        self.feed(self.pool.next())

    @rule(seconds=st.floats(0.0, 2.0))
    def wait(self, seconds):
        self.story.now += seconds
        self.feed(events.Tick())

    @invariant()
    def what_waits_has_a_reason(self):
        downlink = self.story.session.downlink
        if not self.story.is_full and not self.pool.waiting:
            assert not downlink.holds
        ahead_bytes = sum(map(len, self.pool.waiting))
        assert ahead_bytes <= (PIECES_AHEAD + 1) * piece_bytes(self.story.config)

    def teardown(self):
        if not hasattr(self, "story"):
            return
        self.story.is_full = False
        if self.response:
            self.end_answer()
        self.feed(events.ClientHasRoom())
        while self.pool.waiting:
            self.feed(self.pool.next())
        assert not self.story.session.downlink.holds
        for item, pcm in self.spoken.items():
            frames = [c.binary for c in self.told if _is_audio_of(c.message, item)]
            assert pcm[: len(pcm) // 2 * 2] == b"".join(frames)
        for item, text in self.words.items():
            said = [m for m in self._messages(Transcript) if m.item_id == item]
            assert text == "".join(message.delta or "" for message in said)
        self._check_order()
        self.story.check()

    def _messages(self, kind):
        return [c.message for c in self.told if isinstance(c.message, kind)]

    def _check_order(self):
        over = set()
        for command in self.told:
            match command.message:
                case ResponseDone(response_id):
                    over.add(response_id)
                case Audio(response_id=response_id):
                    assert response_id not in over
                case Transcript(item_id=item_id, final=False):
                    assert f"resp_{item_id[5:-1]}" not in over


def _is_audio_of(message, item):
    return isinstance(message, Audio) and message.item_id == item


Call.TestCase.settings = settings(deadline=None, stateful_step_count=25)
TestCall = Call.TestCase
TestCall.__doc__ = "Room, pool, answers and interruptions in any order."
