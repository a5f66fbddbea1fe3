"""Tests of tornado_app/session/pending_queue.py: what has waited long comes a part at a time."""

import pytest

from tests.session.story import Story, converted
from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.orders import CreateItem, CreateResponse
from tornado_app.session import events
from tornado_app.session.pending_queue import AT_ONCE, AT_ONCE_BYTES

EMOJI = "\N{GRINNING FACE}" * 32_000
EMOJI_BYTES = 4 * 32_000
FILE = events.ClientFile("A" * 1_000, "flac")
RATES = {"messages_per_s": 10_000.0, "message_burst": 10_000.0}


@pytest.fixture
def busy() -> Story:
    """A call whose file is decoded for long: all that it says has to wait."""
    story = Story(**RATES, turn_detection="none").connected().speak(200).feed(FILE)
    return story.feed(events.UplinkReady(converted(0, 0)))  # what was before the file


def decoded(story: Story) -> Story:
    return story.feed(events.UplinkReady(converted(500, 960)))


def next_turn(story: Story) -> Story:
    return story.tick(story.now)


def is_due(story: Story) -> bool:
    return "due" in story.session.timers


def pongs(messages) -> list[str]:
    return [data["id"] for name, data in messages if name == "pong"]


def texts(orders) -> list[str]:
    """Which turns the model is told of, by their first letters."""
    items = [order.item for order in orders if isinstance(order, CreateItem)]
    return [item["content"][0]["text"].removeprefix(EMOJI) for item in items]


def all_texts(story: Story) -> list[str]:
    return texts(c.order for c in story.all if hasattr(c, "order"))


def test_replies_come_a_part_in_each_turn_of_the_loop_and_in_their_order(busy):
    numbers = [str(number) for number in range(3 * AT_ONCE + 1)]
    for number in numbers:
        busy.client(asked.Ping(ref=number))
    assert [] == pongs(busy.all_messages)

    assert numbers[:AT_ONCE] == pongs(decoded(busy).messages)
    for _ in range(3):
        assert 1 <= len(pongs(next_turn(busy).messages)) <= AT_ONCE
    assert not is_due(busy)
    assert numbers == pongs(busy.all_messages)


def test_typed_turns_come_by_their_size(busy):
    """The loop writes down each of their letters, and encodes and masks it."""
    busy.client(asked.CommitAudio())
    names = [str(number) for number in range(10)]
    for name in names:
        busy.client(asked.Text(EMOJI + name))
    decoded(busy).feed(events.UplinkReady(converted(0, 0)))

    most = AT_ONCE_BYTES // EMOJI_BYTES + 1
    held_bytes = busy.budget.held_bytes
    while is_due(busy):
        next_turn(busy)
        assert len(texts(busy.orders)) <= 2 * most  # what was kept for this turn as well
        assert busy.budget.held_bytes <= held_bytes
        held_bytes = busy.budget.held_bytes
    while "release" in busy.session.timers:
        next_turn(busy)
    assert names == all_texts(busy)
    assert 0 == busy.budget.held_bytes


def test_what_the_pool_answers_meanwhile_is_heard_behind_it(busy):
    for number in range(2 * AT_ONCE):
        busy.client(asked.Ping(ref=str(number)))
    for _ in range(3):
        busy.feed(events.ClientAudio(bytes(960), ref="audio"))
    busy.client(asked.Ping(ref="last"))
    decoded(busy)

    for _ in range(3):
        busy.feed(events.UplinkReady(converted(20, 960)))
        assert "audio_received" not in busy.told
    while is_due(busy):
        next_turn(busy)
    told = [name for name, _ in busy.all_messages if name in {"pong", "audio_received"}]
    assert ["pong"] * 2 * AT_ONCE + ["audio_received"] * 3 + ["pong"] == told[-2 * AT_ONCE - 4 :]
    assert 0 == busy.session.waiting_ms[0]


def test_many_answers_of_the_pool_come_a_part_at_a_time_as_well(busy):
    for number in range(AT_ONCE + 1):
        busy.client(asked.Ping(ref=str(number)))
    for _ in range(2 * AT_ONCE):
        busy.feed(events.ClientAudio(bytes(96)))
    decoded(busy)
    for _ in range(2 * AT_ONCE):
        busy.feed(events.UplinkReady(converted(2, 96)))

    turns = 0
    while is_due(busy):
        assert next_turn(busy).told.count("audio_received") <= AT_ONCE
        turns += 1
    assert turns >= 2
    assert 2 * AT_ONCE + 2 == [name for name, _ in busy.all_messages].count("audio_received")


def test_a_turn_that_is_typed_meanwhile_is_behind_the_others(busy):
    busy.client(asked.CommitAudio())
    names = [str(number) for number in range(2 * AT_ONCE)]
    for name in names:
        busy.client(asked.Text(name))
    decoded(busy).feed(events.UplinkReady(converted(0, 0)))
    busy.client(asked.Text("typed meanwhile"))

    while is_due(busy):
        next_turn(busy)
    assert [*names, "typed meanwhile"] == all_texts(busy)


def test_of_turns_that_still_wait_an_interruption_wants_no_answer(busy):
    busy.client(asked.CommitAudio())
    for number in range(2 * AT_ONCE):
        busy.client(asked.Text(str(number)))
    decoded(busy).feed(events.UplinkReady(converted(0, 0)))
    busy.client(asked.Interrupt())

    asked_for = 0
    while is_due(busy):
        asked_for += sum(isinstance(order, CreateResponse) for order in next_turn(busy).orders)
    assert 2 * AT_ONCE == len(all_texts(busy))
    assert 0 == asked_for


def test_what_is_owed_is_said_before_the_end(busy):
    for number in range(2 * AT_ONCE):
        busy.client(asked.Ping(ref=str(number)))
    decoded(busy)
    for _ in range(50):  # more wrong messages than a client may send in a minute
        busy.feed(events.ClientRefused(asked_wrong()))

    assert busy.session.ended
    assert 2 * AT_ONCE == len(pongs(busy.all_messages))
    busy.check()


def asked_wrong() -> InvalidMessage:
    return InvalidMessage("invalid_message", "It is wrong.")


def test_a_timer_that_is_lost_costs_a_second(busy):
    for number in range(2 * AT_ONCE):
        busy.client(asked.Ping(ref=str(number)))
    decoded(busy)
    busy.session.timers.clear("due")

    busy.feed(events.Look(0, is_held=False, queued_bytes=0, better=frozenset()), busy.now + 1)
    assert 2 * AT_ONCE == len(pongs(busy.all_messages))
