"""Anything that client, model, line and clock can do, in any order: what holds after each step.

Two hundred conversations with every run; ``make sessions SESSIONS=20000`` tries so many.
"""

import math
import os
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.session.story import UNIX_MS, model_session
from tests.session.test_tools import WEATHER
from tests.session.unreliable_model import Line, Model
from tornado_app.protocol import asked, told
from tornado_app.protocol.close import CLOSES, GOING_AWAY
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.protocol.realtime.items import Item
from tornado_app.protocol.realtime.orders import Truncate
from tornado_app.session import commands, events
from tornado_app.session.config import TimeRules, ToolRules
from tornado_app.session.ledger.entries import ModelSaid

EXAMPLES = int(os.environ.get("SESSIONS", "100"))
STEPS = 40
TIMES = TimeRules(
    idle_timeout_s=300,
    max_call_s=600,
    call_grace_s=20,
    goodbye="Goodbye.",
    microphone_silence_s=30,
    first_audio_s=10,
)
ENDS = {
    "ping_interval_s": 30.0,
    "read_timeout_s": 60.0,
    "reconnect_attempts": 3,
    "token_expires_at_unix_s": UNIX_MS / 1000 + 900,
    "times": TIMES,
}
"""What ends a call by itself, beside what happens in it."""

MODEL_BYTES_PER_MS = 48
RESET = Failure("open", "reset")
FINAL = Failure("open", "closed", close_code=4000)
EXPIRED = Failure("open", "closed", close_code=1001, close_reason="maximum duration")


def changes(config):
    """What the session of one conversation has that others have not."""
    return {
        "model_session": model_session(
            turn_detection=config["turn_detection"],
            transcription_model="ears" if config["transcribes"] else "",
            interrupt_response=config["interrupts"],
        ),
        "tools": ToolRules((WEATHER,)),
        "resume_window_s": 20.0 if config["resumes"] else 0.0,
        "ledger_entries": 100 if config["is_kept"] else 0,
        "backlog": config["backlog"],
        "false_start": config["false_start"],
        "session_limit_s": 40.0 if config["rolls_over"] else 0.0,
        "roll_over_before_s": 20.0,
    } | (ENDS if config["ends"] else {})


CONFIGS = st.fixed_dictionaries(
    {
        "turn_detection": st.sampled_from(["server_vad", "none"]),
        "transcribes": st.sampled_from([True, True, True, False]),
        "interrupts": st.sampled_from([True, True, True, False]),
        "resumes": st.booleans(),
        "is_kept": st.sampled_from([True, True, True, False]),
        "backlog": st.sampled_from(["push_back", "refuse", "drop_oldest"]),
        "false_start": st.sampled_from(["go_on", "go_on", "stop"]),
        "ends": st.booleans(),
        "rolls_over": st.booleans(),
    }
)


class Talkative(Model):
    """What it says at once is long enough to be interrupted, and it says which items it has."""

    delta_ms = 400

    def speak(self):
        """With what it says in words."""
        name = self.active
        super().speak()
        if self.active is not None and not self.hangs:
            words = realtime.AnswerTranscriptDelta(name, f"item_of_{name}", "well ")
            self.says.append(words)

    def take_item(self, item):
        super().take_item(item)
        self.says.append(realtime.ItemAdded(Item(id=item.get("id", ""))))


class CountedLine(Line):
    """Counts what the session has received of each item, on this link and those before."""

    def __post_init__(self):
        self.received_ms = Counter()
        super().__post_init__()

    def deliver(self, place, change):
        def counted(event):
            came = change(event)
            if isinstance(event, AnswerAudio):
                size_bytes = len(event.pcm) * len(came)
                self.received_ms[event.item_id] += size_bytes / MODEL_BYTES_PER_MS
            return came

        super().deliver(place, counted)


class Call(RuleBasedStateMachine):
    """One session, and everything that it was given and has said."""

    @initialize(config=CONFIGS)
    def begin(self, config):
        self.sent_ms = Counter()
        """Of each item of the model's, what the client was given."""
        self.started, self.over = [], []
        self.next_ms: dict[str, float] = {}
        """Of an item that goes on behind a noise: from where it has to."""
        self.stopped: set[str] = set()
        """Answers of which the client is to hear nothing more."""
        self.before = self.stopped
        self.is_mixed = False
        """The line has changed the order of what the model said."""
        self.goes_on = False
        """Some answer has gone on behind a noise, and may be heard behind its end."""
        self.looked_at = self.noises = 0
        self.is_here = True
        self.may_end = config["ends"]
        """Else it goes on for as long as it can, so that much comes together."""
        self.may_be_left = self.may_end or config["resumes"]
        self.line = CountedLine(changes(config), kind=Talkative)

    # What happens.

    def happen(self, event, at=None):
        story = self.line.story
        if not story.session.ended:
            self.line.happen(event, at)

    def say(self, message):
        if self.is_here:
            self.happen(events.ClientSaid(message))

    @rule(ms=st.sampled_from([20, 100, 900]))
    def speak(self, ms):
        if self.is_here:
            self.happen(events.ClientAudio(bytes(ms * MODEL_BYTES_PER_MS)))

    @rule(ref=st.sampled_from([None, "t1", "t2"]))
    def type(self, ref):
        self.say(asked.Text("hello", ref=ref))

    @rule(
        message=st.sampled_from(
            [
                asked.CommitAudio(),
                asked.ClearAudio(),
                asked.Ping("p"),
                asked.Configure({"speed": 1.2}),
                asked.Configure({"turn_detection": "none"}),
                asked.ToolResult("call_1", "42"),
            ]
        )
    )
    def order(self, message):
        self.say(message)

    @rule(heard_ms=st.sampled_from([None, 0, 10, 10_000]), last=st.booleans())
    def interrupt(self, heard_ms, last):
        items = [*self.sent_ms]
        item = items[-1] if last and items else None
        self.say(asked.Interrupt(item, heard_ms))

    @precondition(lambda self: self.sent_ms)
    @rule(share=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    def play(self, share):
        item = [*self.sent_ms][-1]
        self.say(asked.Playback(item, int(self.sent_ms[item] * share)))

    @rule()
    def barge_in(self):
        """As the model hears it."""
        if self.line.is_linked:
            self.line.model.barge_in()

    @rule()
    def barge_in_alone(self):
        """The model hears speech and cancels nothing, nor does the end of it come."""
        if self.line.is_linked:
            self.line.model.says.append(realtime.UserSpeechStarted("item_u", 0))

    @precondition(lambda self: self.line.is_linked)
    @rule(cancels=st.booleans(), answers=st.booleans(), words=st.sampled_from([None, "", "yes"]))
    def make_a_noise(self, cancels, answers, words):
        """In the middle of an answer, and the model takes it for speech; *words* None: none come
        in time.
        """
        model = self.line.model
        if model.active is None:
            model.begin()
        model.speak()
        self.deliver()
        self.noises += 1
        item = f"item_noise_{self.noises}"
        model.says.append(realtime.UserSpeechStarted(item, 0))
        if cancels and model.active is not None:
            model.end("cancelled")
        model.says += [realtime.UserSpeechStopped(item, 1), realtime.Committed(item)]
        if answers and model.active is None:
            model.begin()
        self.deliver()
        if words is None:
            self.wait(2.0)
        else:
            model.says.append(realtime.UserTranscriptDone(item, words))
            self.deliver()

    @rule(seconds=st.sampled_from([2, 30]))
    def go_well(self, seconds):
        """Whoever is asked answers, and all of it comes."""
        until = self.line.story.now + seconds
        while self.line.story.now < until and not self.line.story.session.ended:
            self.line.deliver_all()
            self.line.model.speak()
            self.line.deliver_all()
            self.wait(0.5)

    @rule(text=st.sampled_from([None, "", "yes please"]))
    def transcribe(self, text):
        for item in (f"item_{self.line.model.last_item}", "item_u"):
            self.line.model.says.append(realtime.UserTranscriptDone(item, text))

    @precondition(lambda self: self.line.is_linked)
    @rule(is_news=st.booleans(), fails=st.sampled_from([False, False, True]))
    def transcribe_a_part(self, is_news, fails):
        """Of the last turn, or of one that is heard of only by its words."""
        item = "item_new" if is_news else f"item_{self.line.model.last_item}"
        said = realtime.UserTranscriptDelta(item, "yes ")
        self.line.model.says.append(realtime.UserTranscriptFailed(item, None) if fails else said)
        self.deliver()

    @rule(times=st.integers(1, 4))
    def answer(self, times):
        for _ in range(times):
            self.line.model.speak()

    @rule()
    def answer_unasked(self):
        if self.line.is_linked and self.line.model.active is None:
            self.line.model.begin()

    @rule()
    def call_tool(self):
        self.line.model.call_tool()

    @precondition(lambda self: self.line.performing)
    @rule()
    def tool_done(self):
        self.happen(events.ToolDone(self.line.performing.pop(0), "42", "done"))

    @rule(obeys=st.booleans(), refuses=st.booleans())
    def change_the_model(self, obeys, refuses):
        self.line.model.obeys, self.line.model.refuses = obeys, refuses

    @rule()
    def deliver(self):
        while self.line.model.says and not self.line.story.session.ended:
            self._deliver(0, 1)

    @rule(place=st.integers(0, 5), copies=st.integers(0, 2))
    def deliver_badly(self, place, copies):
        """Out of order, twice, or never."""
        if self.line.model.says and not self.line.story.session.ended:
            self.is_mixed = self.is_mixed or place > 0 or copies > 1
            self._deliver(place, copies)

    def _deliver(self, place, copies):
        self.line.deliver(place, lambda event: [event] * copies)

    @rule(failure=st.sampled_from([RESET, RESET, FINAL, EXPIRED]))
    def lose_the_model(self, failure):
        if not self.line.is_linked:
            return
        if not self.may_end:
            failure = RESET
        self.line.is_linked = False
        was_spare = self.line.is_spare and not self.line.story.session.is_connected
        before = len(self.line.story.all)
        self.happen(events.UpstreamLost(failure, has_spare=self.line.has_spare))
        if was_spare and not self.line.story.session.ended:
            did = self.line.story.all[before:]
            assert not [each for each in did if isinstance(each, commands.SendClient)]
            [dial] = [each for each in did if isinstance(each, commands.DialUpstream)]
            assert dial.is_fresh

    @rule(has_spare=st.booleans())
    def open_another_link(self, has_spare):
        """For whoever dials next."""
        self.line.has_spare = has_spare

    @rule(copies=st.integers(0, 2))
    def hear_the_next_model(self, copies):
        """Once, twice or never."""
        self.line.deliver_prepared(copies)

    @precondition(lambda self: self.line.prepared)
    @rule(failure=st.sampled_from([RESET, FINAL]))
    def lose_the_next_model(self, failure):
        self.line.prepared = None
        self.happen(events.PreparedLost(failure))

    @precondition(lambda self: self.line.prepared)
    @rule(unsent=st.sampled_from([0, 3 << 20]))
    def let_the_next_model_wait(self, unsent):
        self.happen(events.PreparedBacklog(unsent))

    @precondition(lambda self: self.is_here and self.may_be_left)
    @rule(is_lost=st.booleans())
    def lose_the_client(self, is_lost):
        self.is_here = False
        self.happen(events.ClientGone(None, is_lost=is_lost or not self.may_end))

    @precondition(lambda self: not self.is_here)
    @rule()
    def come_back(self):
        self.is_here = True
        self.happen(events.ClientBack("token", UNIX_MS / 1000 + self.line.story.now + 900, 1))

    @rule(is_full=st.booleans())
    def fill(self, is_full):
        self.line.story.is_full = is_full
        if not is_full:
            self.happen(events.ClientHasRoom())

    @rule(unsent=st.sampled_from([0, 100_000, 3 << 20]))
    def look(self, unsent):
        if self.line.is_linked:
            self.happen(events.Look(unsent, self.line.story.is_full, 0))

    @rule(loses=st.booleans())
    def change_the_line(self, loses):
        self.line.loses_orders = loses

    @rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 6.0, 25.0]))
    def wait(self, seconds):
        if not self.line.story.session.ended:
            self.line.wait(seconds)

    @precondition(lambda self: self.may_end)
    @rule(seconds=st.sampled_from([1.0, 30.0]))
    def drain(self, seconds):
        self.happen(events.Drain(self.line.story.now + seconds))

    @precondition(lambda self: self.may_end)
    @rule()
    def stop(self):
        self.happen(events.Stop(GOING_AWAY))

    # What holds.

    @invariant()
    def is_told_in_order(self):
        """One answer at a time for the client; nothing of one that was stopped or is over."""
        if not hasattr(self, "line"):
            return
        everything = self.line.story.all
        for command in everything[self.looked_at :]:
            match command:
                case commands.SendClient(message):
                    self._look_at(message)
                case commands.SendUpstream(Truncate(item_id, heard_ms)):
                    received_ms = self.line.received_ms[item_id]
                    assert 0 <= heard_ms <= received_ms, "cut beyond the audio that exists"
                case commands.Log("false_start"):  # told only if some of it was heard
                    self.stopped = self.before
                    self.goes_on = True
                case commands.Log("rolled_over", fields) if not fields["is_forced"]:
                    assert self.started == self.over, "gone over in the middle of an answer"
        self.looked_at = len(everything)

    def _look_at(self, message):
        match message:
            case told.ResponseStarted(response_id):
                assert self.started == self.over, "two answers at once"
                self.started.append(response_id)
            case told.ResponseDone(response_id):
                self.over.append(response_id)
                assert self.started == self.over, "the end of an answer that did not begin"
            case told.Audio(item_id=item_id, response_id=response_id):
                assert response_id in self.started
                # What comes behind its own end is late, and not lost.
                may_be_late = self.goes_on or self.is_mixed
                assert may_be_late or response_id not in self.over, "sound behind the end"
                assert response_id not in self.stopped, "a stale delta"
                ends_at_ms = message.offset_ms + message.duration_ms
                assert ends_at_ms <= self.line.received_ms[item_id] + 1, "more sent than there was"
                goes_on_ms = self.next_ms.pop(item_id, self.sent_ms[item_id])
                assert abs(message.offset_ms - goes_on_ms) <= 1, "a hole, or said twice"
                self.next_ms[item_id] = ends_at_ms
                self.sent_ms[item_id] = max(self.sent_ms[item_id], ends_at_ms)
            case told.Interrupted(heard_ms, item_id):
                assert heard_ms <= self.sent_ms[item_id or ""] + 1, "more heard than sent"
                self.before = self.stopped
                self.stopped = self.stopped | set(self.started)
            case told.AnswerGoesOn(item_id, offset_ms):
                assert offset_ms <= self.sent_ms[item_id], "it goes on behind what was sent"
                items = [*self.sent_ms]
                behind = items[items.index(item_id) + 1 :] if item_id in items else []
                self.next_ms |= {item_id: offset_ms} | dict.fromkeys(behind, 0.0)

    @invariant()
    def no_more_is_heard_than_there_was(self):
        if not hasattr(self, "line"):
            return
        session = self.line.story.session
        for item, sent_ms in self.sent_ms.items():
            heard_ms = session._conductor.answers.playout.heard(item, self.line.story.now)
            assert heard_ms <= sent_ms + 1
        for entry in session.ledger.entries:
            if isinstance(entry, ModelSaid) and entry.heard_ms is not None:
                assert entry.heard_ms <= entry.audio_ms + 1

    @invariant()
    def whoever_waits_is_woken(self):
        """A session that is silent has a timer for what it waits for."""
        if not hasattr(self, "line") or self.line.story.session.ended:
            return
        session, story = self.line.story.session, self.line.story
        answers, model, timers = session._conductor.answers, session._model, session.timers
        assert ("resume" if session._presence.is_away else "read") in timers
        assert model.state in {"connecting", "connected", "reconnecting"}
        if model.state != "connected":
            assert "ready" in timers or "redial" in timers
        else:
            asking = answers.asking
            if asking.answering.known.running is not None or asking._request.state != "none":
                assert "response" in timers
            assert "response" in timers or not asking.answering.known.is_expected
            assert not (asking._request.waits and asking.is_free)
        assert ("doubt" in timers) == (answers.cutting.doubt is not None)
        if len(answers.tools._open):
            assert "tools" in timers
        if session._backlog.paused:
            waits = session._conductor.uplink.buffered_ms > 0 or "audio_rate" in timers
            assert waits or self.line.story.budget.held_bytes > 0, "a pause without a reason"
        if not story.is_full:
            assert not session.downlink.holds, "an answer is held for nobody"

    @invariant()
    def an_end_is_one(self):
        if not hasattr(self, "line"):
            return
        story = self.line.story
        closes = [c.close for c in story.all if isinstance(c, commands.CloseClient)]
        ends = [c for c in story.all if isinstance(c, commands.Log) and c.event == "session_closed"]
        assert len(closes) <= 1
        assert set(closes) <= set(CLOSES)
        assert len(ends) == story.session.ended
        if not story.session.ended:
            assert not closes
            return
        assert isinstance(story.all[-1], commands.Finish)
        assert self.line.prepared is None, "a link is left"
        assert math.inf == story.session.timers.earliest
        before = len(story.all)
        for event in (events.Tick(), events.ClientGone(1000), events.ClientSaid(asked.Ping())):
            assert not story.session.handle(event, story.now)
        assert before == len(story.all)

    def teardown(self):
        """Behind all that, everything that was asked for is answered, or told of."""
        if not hasattr(self, "line"):
            return
        story = self.line.story
        self.line.story.is_full = False
        self.happen(events.ClientHasRoom())
        if not self.is_here:
            self.come_back()
        if not story.session.ended:
            self.happen(events.Look(0, False, 0))
            self.line.model.obeys = True
            self._end_user_words()
            self.line.behave(lambda: story.session.ended)
            self.is_told_in_order()
        if not story.session.ended:
            assert self.started == self.over, "an answer has no end"
            assert not {"response", "confirm", "configure"} & self.line.timers
            self._check_words()
        self._check_counts()
        story.check()

    def _end_user_words(self):
        """The model that is there may say the rest of them at any time, and nobody waits for it."""
        self.line.deliver_all()
        links = [
            place
            for place, command in enumerate(self.line.story.all)
            if isinstance(command, commands.DialUpstream | commands.SwapUpstream)
        ]
        words = [w for w in self.line.told(told.Transcript, since=links[-1]) if w.role == "user"]
        for item in {each.item_id: None for each in words if not each.final}:
            self.line.model.says.append(realtime.UserTranscriptDone(item, "yes"))

    def _check_counts(self):
        """Each answer is counted once."""
        logs = [c for c in self.line.story.all if isinstance(c, commands.Log)]
        counted = [log.fields["response_id"] for log in logs if log.event == "response_done"]
        assert len(counted) == len(set(counted)), "an answer that is counted twice"

    def _check_words(self):
        """A transcript that has begun has an end."""
        told_words = self.line.told(told.Transcript)
        is_final = {(each.role, each.item_id): each.final for each in told_words}
        assert all(is_final.values()), "words without an end"


Call.TestCase.settings = settings(deadline=None, max_examples=EXAMPLES, stateful_step_count=STEPS)
TestCall = pytest.mark.timeout(180 + EXAMPLES)(Call.TestCase)
TestCall.__doc__ = "A session, whatever happens to it."
