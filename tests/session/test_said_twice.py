"""A model some of whose events come once more, later: what is counted is as if they had not."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.session.relaying.call import TOOL, Call
from tests.session.story import Story
from tornado_app.protocol.realtime.events import parse_realtime
from tornado_app.protocol.realtime.overhearing import overhear
from tornado_app.session import events
from tornado_app.session.commands import CallTool
from tornado_app.session.config import ToolRules

USAGE = {"total_tokens": 10, "input_token_details": {"text_tokens": 4}}
WORDS = {"type": "tokens", "total_tokens": 3, "input_tokens": 2, "output_tokens": 1}
CONDUCTED = {
    "gateway": (lambda: Story(tools=ToolRules((TOOL,))).connected(), parse_realtime),
    "client": (lambda: Call(tools=(TOOL,)).begun(), overhear),
}


def turn(number):
    """Speech, an answer that says something and calls, and one with what came of that."""
    first, second, user = f"resp_{number}", f"resp_{number}_more", f"user_{number}"
    spoken = {"id": user, "type": "message", "role": "user", "content": []}
    said = {"id": f"said_{number}", "type": "message", "role": "assistant", "status": "completed"}
    call = {"id": f"call_item_{number}", "call_id": f"call_{number}", "name": TOOL.name}
    call |= {"type": "function_call", "status": "completed", "arguments": "{}"}
    handed = {"id": f"handed_{number}", "type": "mcp_call", "status": "completed"}
    yield "input_audio_buffer.committed", {"item_id": user, "previous_item_id": None}
    yield "conversation.item.added", {"item": spoken, "previous_item_id": None}
    yield "response.created", {"response": {"id": first}}
    for item in (said, call, handed):
        yield "response.output_item.added", {"response_id": first, "item": item}
        yield "response.output_item.done", {"response_id": first, "item": item}
    done = "conversation.item.input_audio_transcription.completed"
    yield done, {"item_id": user, "transcript": "Hello.", "usage": WORDS, "content_index": 0}
    facts = {"status": "completed", "usage": USAGE}
    yield "response.done", {"response": {"id": first, "output": [said, call, handed], **facts}}
    yield "", events.ToolDone(call["call_id"], "42")
    yield "response.created", {"response": {"id": second}}
    yield "response.done", {"response": {"id": second, "output": [], **facts}}


SAID = [event for number in range(3) for event in turn(number)]


def counted(conducts, again):
    """*again*: which events come once more, and behind how many others."""
    begin, read = CONDUCTED[conducts]
    story = begin()
    for number in range(len(SAID)):
        late = [each for each, behind in again.items() if each + behind == number and SAID[each][0]]
        for kind, fields in (SAID[number], *map(SAID.__getitem__, late)):
            text = json.dumps({"type": kind, **fields}) if kind else ""
            story.feed(events.UpstreamSaid(read(text)) if kind else fields)
    session = story.session
    tools = sum(isinstance(each, CallTool) for each in story.all)
    return session.totals().tokens, session._actions.facts, tools, session._conductor.is_busy


@given(
    st.sampled_from(sorted(CONDUCTED)),
    st.dictionaries(st.integers(0, len(SAID) - 1), st.integers(0, 15), max_size=5),
)
def test_what_comes_again_counts_once(conducts, again):
    """Answers and their tokens, calls of tools, turns and their words, whoever conducts."""
    assert counted(conducts, {}) == counted(conducts, again)
