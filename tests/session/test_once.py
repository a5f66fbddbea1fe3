"""What a model says again counts no second time."""

import pytest

from tests.session.story import Story
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session.commands import Log
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
