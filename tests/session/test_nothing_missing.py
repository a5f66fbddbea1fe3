"""Models that find turns and are lost at any moment: each word is in one turn, and in its place."""

from base64 import b64decode, b64encode
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.story import Story
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.orders import Append
from tornado_app.protocol.told import SpeechStarted, SpeechStopped
from tornado_app.session import commands, events
from workers.blocks import Block

SAMPLES_PER_MS = 24
WORDS = [(900, 1_700), (2_300, 4_000), (4_600, 4_900), (5_900, 8_800), (9_500, 9_900)]
"""In ms of the client's sound, of which each sample says in which it is."""
PADDING_MS, SILENCE_MS = 300, 500
END_MS = 11_000


class Ears:
    """A model that finds turns; what it says waits until it is heard, or is lost with it."""

    def __init__(self, number):
        self.name, self.turns = f"u{number}", 0
        self.heard: list[int] = []
        self.forgotten = 0
        self.says: list[tuple[realtime.UpstreamEvent, list[int]]] = []
        self.word: tuple[int, int] | None = None

    def hear(self, order):
        samples = np.frombuffer(b64decode(order.audio), "<i2")
        self.heard += samples[::SAMPLES_PER_MS].tolist()
        while self._find_end() if self.word else self._find_beginning():
            pass

    def _find_beginning(self):
        for word in WORDS:
            if self.heard and word[1] > self.heard[0] and word[0] < self.heard[-1]:
                self.word, self.turns = word, self.turns + 1
                at_ms = self._place(word[0] - PADDING_MS)
                self._say(realtime.UserSpeechStarted(f"{self.name}_{self.turns}", at_ms))
                return True
        return False

    def _find_end(self):
        end_ms = self.word[1] + SILENCE_MS
        if self.heard[-1] < end_ms:
            return False
        at_ms, name = self._place(end_ms), f"{self.name}_{self.turns}"
        count = at_ms - self.forgotten
        turn, self.heard = self.heard[:count], self.heard[count:]
        self.forgotten, self.word = at_ms, None
        self._say(realtime.UserSpeechStopped(name, at_ms))
        self._say(realtime.Committed(name, None), turn)
        return True

    def _place(self, ms):
        return self.forgotten + sum(each < ms for each in self.heard)

    def _say(self, event, turn=()):
        self.says.append((event, list(turn)))


class Talk:
    def __init__(self):
        self.story = Story(hold_ms=60_000.0, audio_burst_ms=60_000.0, reconnect_attempts=99)
        self.story.connected()
        self.models = 1
        self.model = Ears(self.models)
        self.said_ms = self.told = 0
        self.turns: list[list[int]] = []

    def speak(self, duration_ms):
        end_ms = min(END_MS, self.said_ms + duration_ms)
        samples = np.repeat(np.arange(self.said_ms, end_ms), SAMPLES_PER_MS).astype("<i2").tobytes()
        duration_ms, self.said_ms = float(end_ms - self.said_ms), end_ms
        if samples:
            block = Block(b64encode(samples), len(samples), duration_ms, -20.0, duration_ms)
            self.story.feed(events.ClientAudio(samples)).feed(events.UplinkReady(block))
            self.let_hear()

    def let_hear(self):
        fresh, self.told = self.story.all[self.told :], len(self.story.all)
        for command in fresh:
            if isinstance(command, commands.SendUpstream) and isinstance(command.order, Append):
                self.model.hear(command.order)

    def listen(self, count):
        for _ in range(min(count, len(self.model.says))):
            event, turn = self.model.says.pop(0)
            self.turns += [turn] if turn else []
            self.story.said(event)

    def lose(self, away_ms):
        """The next model is there when the client has said some more."""
        self.story.lost()
        self.models += 1
        self.model = Ears(self.models)
        self.told = len(self.story.all)
        self.speak(away_ms)
        self.story.tick(self.story.session.timers.earliest)
        self.story.model_ready()
        while "release" in self.story.session.timers:
            self.story.tick(self.story.now)
        self.let_hear()


STEPS = st.lists(
    st.tuples(st.just("speak"), st.sampled_from([10, 20, 100, 700, 3_000]))
    | st.tuples(st.just("listen"), st.integers(1, 4))
    | st.tuples(st.just("lose"), st.sampled_from([0, 20, 900])),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_each_word_is_in_one_turn_and_where_it_was_said(steps):
    """Whatever the client sends at once, and whenever a model is lost."""
    talk = Talk()
    for name, number in [*steps, ("speak", END_MS), ("listen", 99)]:
        getattr(talk, name)(number)

    for begin_ms, end_ms in WORDS:
        [turn] = [turn for turn in talk.turns if turn[0] < end_ms and turn[-1] >= begin_ms]
        assert set(range(begin_ms, end_ms)) <= set(turn)
        assert all(after == before + 1 for before, after in pairwise(turn))
    said = [c.message for c in talk.story.all if isinstance(c, commands.SendClient)]
    places = [
        each.audio_start_ms if isinstance(each, SpeechStarted) else each.audio_end_ms
        for each in said
        if isinstance(each, SpeechStarted | SpeechStopped)
    ]
    assert sorted(places) == places
    assert {end_ms + SILENCE_MS for _, end_ms in WORDS} == set(places[1::2])
