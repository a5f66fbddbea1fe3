"""Whatever becomes of the model's events, what it calls has an end, and turns are answered."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.session.test_lost_events import UnreliableModel
from tests.session.unreliable_model import Line
from tornado_app.protocol.realtime.functions import Function
from tornado_app.session import events
from tornado_app.session.config import ToolRules

CLOCK = Function("get_time", "What time it is.", {"type": "object", "properties": {}}, 12.0)


class UnreliableModelWithTools(UnreliableModel):
    """The same, and it calls tools that take their time or never answer."""

    @initialize(turn_detection=st.sampled_from(["server_vad", "none"]), is_patient=st.booleans())
    def begin(self, turn_detection, is_patient):
        """Everything is in order at first, and there is a tool."""
        tools = ToolRules((CLOCK,), at_once=3, filler="One moment.", filler_after_ms=3000)
        self.line = Line({"turn_detection": turn_detection, "tools": tools})
        self.is_patient = is_patient

    @rule()
    def the_model_calls(self):
        """The answer that runs, if one does."""
        self.line.model.call_tool()

    @rule(place=st.integers(0, 3))
    def a_tool_answers(self, place):
        """One of those that are under way."""
        performing = self.line.performing
        if performing:
            call_id = performing.pop(place % len(performing))
            self.line.happen(events.ToolDone(call_id, "noon"))

    @invariant()
    def what_runs_is_what_is_performed(self):
        """Nothing is forgotten on one side only, and no call is answered twice."""
        if hasattr(self, "line"):
            running = self.line.story.session._conductor.answers.tools._open
            assert sorted(call_id for call_id, _ in running.all) == sorted(self.line.performing)
            assert len(running) <= 3
            outputs = self.line.model.outputs
            assert len(outputs) == len(set(outputs))

    def _assert_settled(self):
        """And every call has ended, with what belongs to it."""
        super()._assert_settled()
        tools = self.line.story.session._conductor.answers.tools
        assert ([], {}) == (tools._open.all, tools._rounds._rounds)
        assert not self.line.performing


UnreliableModelWithTools.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None
)
TestUnreliableModelWithTools = UnreliableModelWithTools.TestCase
