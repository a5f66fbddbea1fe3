"""What a call does when a quota is nearly used up, and when it is."""

import pytest

from tests.session.story import delta, response
from tornado_app.admission.quotas import QuotaUse
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.orders import CancelResponse, CreateResponse
from tornado_app.session import events
from tornado_app.session.config import QuotaRules, TimeRules

DAY = "audio_s_per_user_per_day"
RESET_AT = 1_800_000_100_000


@pytest.fixture
def call(stage):
    def make(goodbye="", grace_s=20.0):
        rules = QuotaRules((0.8, 0.95), goodbye)
        times = TimeRules(call_grace_s=grace_s)
        long = {"ping_interval_s": 1e7, "read_timeout_s": 1e7}
        return stage(quotas=rules, times=times, **long).connected()

    return make


def metered(story, at, used, reset_at=RESET_AT, limit=DAY):
    """So much is used of 100; what the client is told."""
    story.feed(events.Metered((QuotaUse(limit, used, 100.0, reset_at),)), at)
    return [(data["limit"], data["used"]) for name, data in story.messages if "limit" in data]


def test_it_is_warned_of_at_each_part_once(call):
    story = call()
    told = [metered(story, float(at), used) for at, used in enumerate((79.9, 80, 85, 95, 99, 99))]

    assert [[], [(DAY, 80.0)], [], [(DAY, 95.0)], [], []] == told
    assert [(DAY, 95.5)] == metered(story, 9.0, 95.5, RESET_AT + 1), "a new day"
    assert [("tokens_per_user_per_day", 99)] == metered(
        story, 10.0, 99, limit="tokens_per_user_per_day"
    )


def test_what_is_kept_aside_and_given_back_is_not_warned_of_again(call):
    story = call()
    uses = [QuotaUse(DAY, used, 100.0, RESET_AT, holds=True) for used in (85, 40, 85, 96, 85, 96)]
    told = [story.feed(events.Metered((use,)), 1.0 + n).messages for n, use in enumerate(uses)]
    assert [1, 0, 0, 1, 0, 0] == [len(messages) for messages in told]


def test_the_warning_says_when_it_begins_anew(call):
    story = call()
    metered(story, 1.0, 90)
    (data,) = [data for name, data in story.messages if name == "limit_warning"]

    assert {"limit": DAY, "used": 90, "allowed": 100, "reset_at": RESET_AT} == data


def test_a_warning_of_money_says_of_which(stage):
    rules = QuotaRules((0.8,), currency="EUR")
    story = stage(quotas=rules).connected()
    metered(story, 1.0, 90, limit="money_per_user_per_day")
    money = [data for name, data in story.messages if name == "limit_warning"]
    metered(story, 2.0, 90, limit=DAY)
    audio = [data for name, data in story.messages if name == "limit_warning"]

    assert (["EUR"], [None]) == tuple([d.get("currency") for d in each] for each in (money, audio))


def test_a_call_ends_between_two_answers(call):
    """The client is told at once, once, and hears the answer to its end."""
    story = call()
    story.said(realtime.ResponseCreated(response()), 1.0).said(delta(2000))
    metered(story, 1.5, 100)
    assert ["quota_exceeded"] == story.errors
    metered(story, 1.6, 101)
    assert [] == story.errors
    story.tick(2.0)
    assert not story.session.ended
    story.said(realtime.ResponseFinished(response(status="completed")), 2.0)
    story.tick(2.9)
    assert not story.session.ended
    story.tick(3.6)
    assert story.session.ended
    assert [(4429, "quota_exceeded")] == story.closes


def test_a_silent_call_ends_at_once(call):
    story = call()
    metered(story, 5.0, 100)
    story.tick(5.0)
    assert story.session.ended
    told = [data["code"] for name, data in story.all_messages if name == "error"]
    assert ["quota_exceeded"] == told, "and once"


def test_it_does_not_wait_for_ever(call):
    story = call(grace_s=3.0)
    story.said(realtime.ResponseCreated(response()), 1.0)
    metered(story, 2.0, 100)
    story.tick(4.9)
    assert not story.session.ended
    story.tick(5.0)
    assert story.session.ended


def orders(story, kind):
    return [c.order for c in story.all if isinstance(getattr(c, "order", None), kind)]


def test_nothing_is_answered_any_more(call):
    """Not what is asked meanwhile, and what the model answers by itself is stopped as it begins."""
    story = call(grace_s=60.0)
    story.said(realtime.ResponseCreated(response()), 1.0).said(delta(2000))
    metered(story, 1.5, 100)
    story.client(asked.Text("And now?"), 1.6)
    story.said(realtime.ResponseFinished(response(status="completed")), 2.0)
    assert [] == orders(story, CreateResponse)
    story.said(realtime.ResponseCreated(response("resp_2")), 2.1)
    stopped = [order.response_id for order in orders(story, CancelResponse)]
    assert ["resp_1", "resp_2"] == stopped, "the turn has interrupted the first"


def test_the_model_says_goodbye(call):
    story = call(goodbye="The time of today is used up.")
    metered(story, 5.0, 100)
    story.tick(5.0)
    (order,) = [c.order for c in story.all if isinstance(getattr(c, "order", None), CreateResponse)]
    assert "The time of today is used up." in order.response["instructions"]
    assert not story.session.ended
