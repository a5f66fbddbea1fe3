"""Whatever becomes of the model's events, turns go on to be answered."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.session.unreliable_model import Line, nameless, of_another
from tornado_app.protocol import asked
from tornado_app.protocol.told import Configured, ErrorReport, ResponseDone, ResponseStarted
from tornado_app.session import commands, events
from tornado_app.usage.call_usage import CallUsage
from tornado_app.usage.prices import Prices

FAULTS = {
    "none": lambda event: [event],
    "lost": lambda event: [],
    "twice": lambda event: [event, event],
    "nameless": lambda event: [nameless(event)],
    "of another": lambda event: [of_another(event)],
}


class UnreliableModel(RuleBasedStateMachine):
    """A client that does anything, a model that is only ever heard in part."""

    configured = 0

    @initialize(turn_detection=st.sampled_from(["server_vad", "none"]), is_patient=st.booleans())
    def begin(self, turn_detection, is_patient):
        """Everything is in order at first.  A patient client waits before it says more."""
        self.line = Line({"turn_detection": turn_detection})
        self.is_patient = is_patient

    @rule()
    def type(self):
        """A typed turn."""
        self.line.happen(events.ClientSaid(asked.Text("hello")))

    @rule()
    def speak_and_commit(self):
        """A spoken one."""
        self.line.happen(events.ClientAudio(bytes(9600)))
        self.line.happen(events.ClientSaid(asked.CommitAudio()))

    @rule()
    def clear(self):
        """And one that is taken back."""
        self.line.happen(events.ClientSaid(asked.ClearAudio()))

    @rule()
    def interrupt(self):
        """The client wants to hear no more."""
        self.line.happen(events.ClientSaid(asked.Interrupt()))

    @rule()
    def configure(self):
        """What is in force changes."""
        self.configured += 1
        change = asked.Configure({"speed": 1.25}, ref=f"change {self.configured}")
        self.line.happen(events.ClientSaid(change))

    @rule(place=st.integers(0, 3), fault=st.sampled_from(sorted(FAULTS)))
    def deliver(self, place, fault):
        """An event comes, late or early or not as it was."""
        self.line.deliver(place, FAULTS[fault])

    @rule()
    def the_model_speaks(self):
        """It has more to say of its answer."""
        self.line.model.speak()

    @rule()
    def the_user_barges_in(self):
        """The model's own turn detection."""
        self.line.model.barge_in()

    @rule(obeys=st.booleans(), loses_orders=st.booleans())
    def the_line_changes(self, obeys, loses_orders):
        """The model stops to listen, or begins again."""
        self.line.model.obeys = obeys
        self.line.loses_orders = loses_orders

    @rule()
    def the_answer_hangs(self):
        """It has begun and will not end."""
        self.line.model.hangs = self.line.model.active is not None

    @rule(seconds=st.floats(0.0, 25.0))
    def wait(self, seconds):
        """Nothing happens but time."""
        self.line.wait(seconds)

    @invariant()
    def holds(self):
        """What holds for every session."""
        if hasattr(self, "line"):
            self.line.story.check()
            assert not self.line.story.session.ended

    def teardown(self):
        """The line is in order again: all is settled in time, and each new turn is answered."""
        if not hasattr(self, "line"):
            return
        line = self.line
        line.model.obeys = line.model.obeys or not self.is_patient
        if self.is_patient:
            line.behave()
            self._assert_settled()
        self._type_and_wait()
        line.behave()
        self._assert_settled()

        since, item = self._type_and_wait()
        self._assert_settled()
        answers = line.completed(since)
        assert [line.model.answers(name, item) for name in answers] == [True]
        assert not line.told(ErrorReport, since)

    def _type_and_wait(self):
        """One more turn, to a model that behaves; it is answered, or refused."""
        line = self.line
        since = len(line.story.all)
        line.loses_orders = False
        self.type()
        item = line.model.last_item

        def is_settled():
            return line.completed(since) or line.told(ErrorReport, since)

        line.behave(is_settled)
        assert is_settled()
        return since, item

    def _assert_settled(self):
        """Nothing is waited for, and every answer that the client was told of has ended."""
        assert not self.line.timers
        begun = Counter(message.response_id for message in self.line.told(ResponseStarted))
        ended = Counter(message.response_id for message in self.line.told(ResponseDone))
        assert begun == ended
        self._assert_counted_once()
        told = [*self.line.told(Configured), *self.line.told(ErrorReport)]
        answered = [m.ref for m in told if m.ref is not None and m.ref.startswith("change")]
        assert [f"change {n}" for n in range(1, self.configured + 1)] == sorted(
            answered, key=lambda ref: int(ref.split()[1])
        )

    def _assert_counted_once(self):
        """Each answer has one end in the log and in the metrics, and is one record of usage."""
        story, records = self.line.story, []
        usage = CallUsage(story.config, story.session.totals, records.append, prices=Prices())
        facts = [each for each in story.all if isinstance(each, commands.Log)]
        for fact in facts:
            usage.hear(fact.event, fact.fields, story.now)
        begun, ended = (
            Counter(fact.fields["response_id"] for fact in facts if fact.event == event)
            for event in ("response_begun", "response_done")
        )
        written = (record.response_id for record in records if record.kind == "answer")
        assert begun == ended == Counter(written)


UnreliableModel.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestUnreliableModel = UnreliableModel.TestCase
