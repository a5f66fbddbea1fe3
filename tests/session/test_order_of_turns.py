"""Typed turns take their place among all that the client sends, though the pool takes its time."""

import pytest

from tests.session import test_client_tools as tools
from tests.session.story import converted
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import events

CHUNK = events.ClientAudio(bytes(960))
READY = events.UplinkReady(converted(20, 960))
FLUSHED = events.UplinkReady(converted(0, 0, b""))
ANSWERED = ["conversation.item.create", "response.create"]
UPDATED = realtime.SessionUpdated()


def words(orders):
    return [order.item["content"][0]["text"] for order in orders if hasattr(order, "item")]


@pytest.mark.parametrize("changes", [{"output": "text"}, {"output": "text", "input_rate": 8_000}])
def test_a_typed_turn_overtakes_no_change_of_what_is_in_force(story, changes):
    """The change waits for the audio before it, and the turn for the change: it is answered by
    what the client has set.
    """
    story.connected().feed(CHUNK).client(asked.Configure(changes))
    story.client(asked.Text("one", ref="t")).client(asked.Text("two", ref="u"))
    assert [] == story.orders
    assert ["input_audio_buffer.append", "session.update"] == story.feed(READY).asked[:2]
    if "input_rate" in changes:
        assert [] == story.said(UPDATED).asked
        story.feed(FLUSHED)

    assert (ANSWERED, ["one", "two"]) == (story.asked[-3:-1], words(story.orders))
    assert 0 == story.session._conductor.uplink.pending.replies
    begun = story.said(realtime.ResponseCreated(realtime.ResponseFacts("resp_1")))
    assert "t" == begun.messages[0][1]["ref"]


def test_history_that_waits_is_not_late_for_the_turn_behind_it(story):
    """It was sent before the first turn, and is told before it."""
    story.connected().feed(CHUNK)
    story.client(asked.Configure({"history": [{"role": "user", "text": "Before."}]}))
    story.client(asked.Text("Now."))

    assert ["Before.", "Now."] == words(story.feed(READY).orders)
    assert [] == story.errors


@pytest.mark.parametrize("waits", ["commit", "change"])
def test_what_is_typed_behind_an_interruption_is_answered(story, waits):
    """It stops what was sent before it, also what is still on its way, and nothing else."""
    story.connected()
    if waits == "commit":
        story.speak(200).client(asked.CommitAudio())
    else:
        story.feed(CHUNK).client(asked.Configure({"output": "text"}))
    story.client(asked.Text("Forget it.")).client(asked.Interrupt()).client(asked.Text("Now."))
    story.feed(FLUSHED if waits == "commit" else READY)

    assert ["Forget it.", "Now."] == words(story.orders)
    assert ["conversation.item.create", *ANSWERED] == story.asked[-3:]
    story.said(UPDATED)
    assert 0 == story.budget.held_bytes


def test_a_result_of_a_tool_overtakes_no_change_either():
    """What follows the result is answered by what the client has set before it."""
    story = tools.ends(tools.paints(tools.begins(tools.story())))
    story.feed(CHUNK).client(asked.Configure({"output": "text"}))
    tools.answers(story, ref="r")
    tools.answers(story, ref="twice")
    assert ([], []) == (story.asked, story.told)
    story.feed(READY)

    assert ["input_audio_buffer.append", "session.update", *ANSWERED] == story.asked
    errors = [data for name, data in story.messages if name == "error"]
    assert ["twice"] == [data["ref"] for data in errors]
