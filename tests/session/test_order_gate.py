"""What passes to the model, and what waits: tornado_app/session/order_gate.py."""

import pytest

from tests.session.story import config, converted
from tornado_app.admission.budget import Budget, ProcessBudget
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.orders import Append, CancelResponse, CreateItem
from tornado_app.session import events
from tornado_app.session.actions import Actions
from tornado_app.session.commands import SendUpstream
from tornado_app.session.kept import ORDERS_HELD, order_bytes
from tornado_app.session.ledger.speech import SpeechKept
from tornado_app.session.order_gate import AT_ONCE_BYTES, SENT_AHEAD_PART, OrderGate
from tornado_app.session.timers import Timers

CONFIG = config(outbox_bytes=40_000)
FULL_BYTES = int(CONFIG.uplink.outbox_bytes * SENT_AHEAD_PART) + 1
ITEM = CreateItem({"type": "message", "content": [{"type": "input_text", "text": "x" * 1000}]})


class Gate:
    def __init__(self):
        self.budget = Budget(8 << 20, ProcessBudget(8 << 20, 1))
        self.actions, self.timers = Actions(CONFIG), Timers()
        self.gate = OrderGate(CONFIG, self.actions, self.timers, self.budget, SpeechKept(0.0))

    def opened(self):
        self.gate.is_open = True
        return self

    def at(self, now):
        self.actions.now = now
        return self.gate

    @property
    def sent(self):
        return [each.order for each in self.actions.take() if isinstance(each, SendUpstream)]


@pytest.fixture
def gate():
    return Gate()


def audio(number):
    return Append(f"{number:04}".encode() * 240, 15.0)


def test_what_comes_before_connected_is_sent_in_order_afterwards(story):
    """Nothing is lost and nothing is reordered."""
    story.opened().speak(100).speak(20)
    story.client(asked.Text("hello"))
    assert [] == story.asked

    story.model_ready()

    assert [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.append",
        "conversation.item.create",
        "response.create",
    ] == ["session.update", *story.asked]


def test_a_long_turn_that_was_kept_is_committed(stage):
    """However many chunks it came in, hold_ms alone bounds it."""
    story = stage(turn_detection="none", hold_ms=15_000.0, message_burst=1000.0).opened()
    for _ in range(300):
        story.speak(20)
    story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, audio=b"")))
    assert [] == story.errors

    story.model_ready()
    story.tick(story.now)
    assert ["input_audio_buffer.commit", "response.create"] == story.asked[-2:]


def test_as_much_is_kept_for_the_next_model_as_for_the_first(stage):
    """What was lost with one takes no room from the next."""
    story = stage(messages_per_s=9999.0, message_burst=9999.0).connected()
    story.feed(events.UpstreamBacklog(story.config.uplink.outbox_bytes)).client(asked.Text("Hi"))
    story.lost()

    taken = [_is_taken(story) for _ in range(ORDERS_HELD + 1)]
    fresh = stage(messages_per_s=9999.0, message_burst=9999.0).opened()
    assert [_is_taken(fresh) for _ in range(ORDERS_HELD + 1)] == taken
    assert {True, False} == set(taken)


def _is_taken(story):
    return "server_busy" not in story.client(asked.Text("Hi")).errors


def test_all_that_waits_goes_before_what_comes_later(gate):
    """Also speech, which may not wait for anything but that."""
    gate.gate.send(ITEM)
    gate.gate.send_audio(audio(1))
    assert [] == gate.sent
    gate.opened().gate.send_audio(audio(2))
    assert [] == gate.sent, "what is kept has not been let go yet"
    gate.gate.release()
    gate.gate.send_audio(audio(3))

    assert [ITEM, audio(1), audio(2), audio(3)] == gate.sent


def test_a_socket_that_has_enough_is_given_no_more_until_it_is_empty(gate):
    gate.opened().gate.on_unsent(FULL_BYTES)
    assert not gate.gate.is_free
    gate.gate.send_audio(audio(1))
    gate.gate.on_unsent(FULL_BYTES - 1)
    assert [] == gate.sent
    gate.gate.on_unsent(0)

    assert [audio(1)] == gate.sent
    assert gate.gate.is_free


def test_more_than_a_socket_takes_is_let_go_a_part_at_a_time(gate):
    """The next part when it is known what it has taken of the first."""
    for number in range(20):
        gate.gate.send_audio(audio(number))
    gate.opened().gate.release()
    first = gate.sent
    assert 0 < len(first) < 20
    assert "release" in gate.timers
    while gate.gate.kept:
        gate.gate.release()

    assert [audio(number) for number in range(len(first), 20)] == gate.sent


def large(number):
    text = f"{number:04}" * 16_384
    return CreateItem({"type": "message", "content": [{"type": "input_text", "text": text}]})


def test_much_at_once_leaves_a_part_in_each_turn_of_the_loop(gate):
    """Other calls are served between; nothing is refused for that, and nothing overtakes."""
    orders = [large(number) for number in range(40)] + [ITEM] * (2 * ORDERS_HELD)
    gate.opened().at(1.0)
    assert all(gate.gate.send(order) for order in orders)
    gate.gate.send_audio(audio(1))
    sent, turns = gate.sent, 1
    assert sum(map(order_bytes, sent)) < AT_ONCE_BYTES + 70_000
    while gate.gate.kept:
        assert ["release"] == gate.timers.take_due(float(turns))
        turns += 1
        gate.at(float(turns)).release()
        part = gate.sent
        assert sum(map(order_bytes, part)) < AT_ONCE_BYTES + 70_000
        sent += part

    assert [*orders, audio(1)] == sent
    assert 0 == gate.budget.held_bytes
    assert gate.gate.is_free


def test_what_waits_for_the_next_turn_is_bounded_by_what_a_call_may_keep(gate):
    """Who sends faster than it leaves is refused, and the answer can be ended all the same."""
    gate.opened().at(1.0)
    while gate.gate.send(large(1)):
        assert gate.budget.held_bytes <= gate.budget.call_bytes
    cancel = CancelResponse("r", "c")
    assert gate.gate.send(cancel)
    while gate.gate.kept:
        gate.gate.release()

    assert cancel == gate.sent[-1]
    assert 0 == gate.budget.held_bytes


def test_a_socket_that_fills_up_meanwhile_bounds_what_waits(gate):
    """Then it is not the next turn that is waited for."""
    gate.opened().at(1.0)
    while gate.gate.send(large(1)) and not gate.gate.kept:
        pass
    gate.gate.on_unsent(FULL_BYTES)
    kept = [gate.gate.send(ITEM) for _ in range(ORDERS_HELD + 1)]

    assert {True, False} == set(kept)


def test_what_the_configuration_is_passes_a_gate_that_is_shut(gate):
    """It is what opens it."""
    gate.gate.send_audio(audio(1))
    gate.gate.let_go(ITEM)

    assert [ITEM] == gate.sent


def test_a_link_that_is_gone_takes_what_it_had_to_send_with_it(gate):
    """But not what was kept here, of which the next is told."""
    gate.opened().gate.on_unsent(FULL_BYTES)
    gate.gate.send_audio(audio(1))
    held = gate.budget.held_bytes
    gate.gate.shut()

    assert held - FULL_BYTES == gate.budget.held_bytes
    assert (0, 0.0) == (gate.gate.unsent_bytes, gate.gate.unsent_audio_ms)
    assert not gate.gate.is_open
    gate.opened().gate.release()
    assert [audio(1)] == gate.sent


def test_a_model_is_late_only_for_what_it_could_hear(gate):
    """As long as something waits for its socket, it could not."""
    gate.opened()
    gate.at(5.0).on_unsent(100)
    assert 7.0 == gate.at(7.0).caught_up_at
    gate.at(8.0).on_unsent(0)
    assert 8.0 == gate.at(9.0).caught_up_at
