"""What a model says again counts no second time."""

import json

import pytest

from tests.session.relaying.call import TOOL
from tests.session.story import Story
from tests.session.test_said_twice import CONDUCTED
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import events
from tornado_app.session.commands import CallTool, Log
from tornado_app.session.once import KEPT, Once

USAGE = {"type": "tokens", "total_tokens": 3, "input_tokens": 2, "output_tokens": 1}


def test_it_is_news_once_among_the_last():
    """So many and no more are remembered, until the model is another."""
    once = Once()
    assert all(once.is_news("call", f"c{number}") for number in range(KEPT))
    assert not once.is_news("call", "c0")
    assert once.is_news("call", "new")
    assert once.is_news("call", "c0")
    assert not once.is_news("call", "c2")
    once.forget()

    assert once.is_news("call", "c2")


def test_what_is_of_another_kind_or_part_is_another():
    once = Once()

    assert once.is_news("call", "a")
    assert once.is_news("words", "a")
    assert once.is_news("words", "a", 1)
    assert not once.is_news("words", "a", 1.0)


def test_what_is_of_another_answer_is_another():
    """As far as it is known of which each is."""
    once = Once()

    assert once.is_news("call", "call_0", of="resp_1")
    assert not once.is_news("call", "call_0", of="resp_1")
    assert not once.is_news("call", "call_0")
    assert once.is_news("call", "call_0", of="resp_2")
    assert not once.is_news("call", "call_0", of="resp_2")


@pytest.mark.parametrize("has_event", [True, False], ids=["in an event", "in the end alone"])
@pytest.mark.parametrize("conducts", sorted(CONDUCTED))
def test_a_server_may_count_its_calls_anew_in_each_answer(conducts, has_event):
    """The second would be waited for without an end."""
    begin, read = CONDUCTED[conducts]
    story = begin()
    for number in range(2):
        name = f"resp_{number}"
        item = {"id": f"item_{number}", "type": "function_call", "status": "completed"}
        item |= {"call_id": "call_0", "name": TOOL.name, "arguments": "{}"}
        facts = {"id": name, "status": "completed", "output": [item]}
        said = [{"type": "response.created", "response": {"id": name}}]
        if has_event:
            said += [{"type": "response.output_item.done", "response_id": name, "item": item}]
        for event in [*said, {"type": "response.done", "response": facts}]:
            story.feed(events.UpstreamSaid(read(json.dumps(event))))
        story.feed(events.ToolDone("call_0", "42"))

    assert 2 == sum(isinstance(each, CallTool) for each in story.all)


@pytest.mark.parametrize(
    ("names", "times"),
    [
        ([("item_1", 0), ("item_1", 0)], 1),
        ([("item_1", 0), ("item_1", 1), ("item_1", 1)], 2),
        ([("item_1", 0), ("item_2", 0), ("item_1", 0)], 2),
        ([("", 0), ("", 0)], 2),
    ],
    ids=["twice", "parts", "items", "nameless"],
)
def test_words_are_paid_for_once(names, times):
    """Two parts of an item are two; of what has no name nobody knows."""
    story = Story().connected()
    for item_id, part in names:
        story.said(realtime.UserTranscriptDone(item_id, "Hello.", USAGE, part))

    counted = [c for c in story.all if isinstance(c, Log) and c.event == "transcribed"]
    assert times == len(counted)
    assert 3 * times == sum(story.session.totals().tokens.values())


def test_the_next_model_has_names_of_its_own():
    story = Story().connected()
    story.said(realtime.UserTranscriptDone("item_1", "Hello.", USAGE))
    story.lost()
    story.tick(story.session.timers.earliest)
    story.model_ready()
    story.said(realtime.UserTranscriptDone("item_1", "Hello again.", USAGE))

    assert 6 == sum(story.session.totals().tokens.values())
