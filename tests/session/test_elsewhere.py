"""A session whose upstream is one of several: what it does when that one lets it down."""

from typing import Any

import pytest

from tests.session.story import Story
from tornado_app.failover.upstreams import Upstream
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.events import ErrorFacts, ResponseFacts, StatusDetails
from tornado_app.session import events
from tornado_app.session.commands import CloseUpstream, DialUpstream, Log, NoteModel
from tornado_app.session.connecting import CONFIGURE_S
from tornado_app.session.model_side import UPDATE_ID

AZURE = Upstream("azure", "deployment", voices={"marin": "alloy", "cedar": "ash"})
EMPTY = ErrorFacts(type="insufficient_quota", code="insufficient_quota")
ALL_REFUSE = Failure("dial", "rejected", detail="http_401")


def opened(**changes: Any) -> Story:
    """The model has taken the connection, and nothing else."""
    story = Story(upstreams=3, **changes).opened()
    return story.feed(events.UpstreamOpened(5.0, "", AZURE))


def connected(**changes: Any) -> Story:
    story = opened(**changes)
    story.said(realtime.SessionCreated())
    return story.said(realtime.SessionUpdated())


def judged(story: Story) -> list[tuple[bool, str, str]]:
    notes = [each for each in story.all if isinstance(each, NoteModel)]
    return [(n.accepted, n.upstream, n.ending.cause if n.ending else "") for n in notes]


def goes_on_at_once(story: Story) -> bool:
    """It is dialled again without a pause, and the client hears of no error."""
    return story.tick(story.now).did(DialUpstream) and not [
        name for name, _ in story.all_messages if name == "error"
    ]


def test_it_is_asked_in_its_own_words():
    """Voice, model, and the client's view of who answers."""
    story = opened()
    [order] = story.orders
    assert "alloy" == order.session["audio"]["output"]["voice"]
    story.said(realtime.SessionCreated())
    story.said(realtime.SessionUpdated())
    [(_, data)] = story.messages
    assert ("connected", "deployment") == (data["status"], data["model"])

    story.client(asked.Configure({"voice": "cedar"}))
    [order] = story.orders
    assert "ash" == order.session["audio"]["output"]["voice"]
    assert "cedar" not in str(order.session)
    assert [(True, "azure", "")] == judged(story)


def test_a_configuration_that_it_refuses():
    """Another is asked at once."""
    story = opened()
    story.said(realtime.UpstreamError(ErrorFacts(code="invalid_value", event_id=UPDATE_ID)))

    assert story.did(CloseUpstream)
    assert [(False, "azure", "bad_session")] == judged(story)
    assert goes_on_at_once(story)


def test_one_that_takes_no_configuration():
    """It has a second, and not ten."""
    story = opened()
    assert not story.tick(CONFIGURE_S - 0.01).did(CloseUpstream)
    assert story.tick(CONFIGURE_S).did(CloseUpstream)

    assert [(False, "azure", "timeout")] == judged(story)
    assert goes_on_at_once(story)


@pytest.mark.parametrize(
    "said",
    [
        realtime.UpstreamError(EMPTY),
        realtime.ResponseFinished(
            ResponseFacts("resp_1", "failed", status_details=StatusDetails(EMPTY))
        ),
    ],
)
def test_an_account_that_runs_empty(said):
    """What it will not answer is asked elsewhere; the client is told of no error."""
    story = asked_something().said(said)

    assert story.did(CloseUpstream)
    assert (False, "azure", "insufficient_quota") == judged(story)[-1]
    assert goes_on_at_once(story)
    story.feed(events.UpstreamOpened(5.0, "", Upstream("here")))
    story.said(realtime.SessionCreated())
    story.said(realtime.SessionUpdated())
    assert ["conversation.item.create", "response.create"] == story.asked


def test_what_an_answer_cost_that_is_asked_elsewhere():
    """As the model that refused it has counted, and not as anybody would estimate it."""
    usage = {"total_tokens": 7, "input_token_details": {"text_tokens": 7}}
    refused = ResponseFacts("resp_1", "failed", usage=usage, status_details=StatusDetails(EMPTY))
    story = asked_something().said(realtime.ResponseFinished(refused))

    [done] = [each for each in story.all if isinstance(each, Log) and each.event == "response_done"]
    assert (7, {"text_input": 7}) == (done.fields["tokens"], done.fields["tokens_by_type"])
    assert {"text_input": 7} == story.session.totals().tokens


def limited(sentence: str, code: str = "rate_limit_exceeded") -> realtime.ResponseFinished:
    error = ErrorFacts(code=code, message=f"Rate limit reached. {sentence}")
    details = StatusDetails(error)
    return realtime.ResponseFinished(ResponseFacts("resp_1", "failed", status_details=details))


def asked_something() -> Story:
    story = connected()
    story.client(asked.Text("Who are you?"))
    return story.said(realtime.ResponseCreated(ResponseFacts("resp_1", "in_progress")))


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("Please try again in 1m30s.", "rate_limit_exceeded"),
        ("Please retry after 90 seconds.", "429"),
    ],
)
def test_a_limit_that_lasts(sentence, code):
    """A caller is not to wait so long: another is asked, and this one left alone for the time."""
    story = asked_something().said(limited(sentence, code))

    assert (False, "azure", "rate_limit_exceeded") == judged(story)[-1]
    [*_, note] = [each for each in story.all if isinstance(each, NoteModel)]
    assert (90.0, True) == (note.ending.retry_after_s, note.ending.retry)
    assert goes_on_at_once(story)


@pytest.mark.parametrize("sentence", ["Please try again in 800ms.", "Slow down."])
def test_a_limit_that_is_soon_over(sentence):
    """The client is told, and asks again."""
    story = asked_something().said(limited(sentence))

    assert ["rate_limited"] == story.errors
    assert not story.did(CloseUpstream)


@pytest.mark.parametrize("failure", [Failure("open", "reset"), Failure("open", "closed")])
def test_a_link_that_breaks(failure):
    """Those who are cut off together are not to come back together: there is a pause."""
    story = connected().lost(failure)

    assert not story.tick(story.now).did(DialUpstream)
    assert story.tick(story.session.timers.earliest).did(DialUpstream)
    assert (False, "azure", failure.kind) == judged(story)[-1]


def test_a_race_that_all_have_lost():
    """Whoever refused has been told of; the client is told, and the call is over."""
    story = connected().lost(Failure("open", "reset"))
    story.tick(story.session.timers.earliest)
    before = judged(story)
    story.lost(ALL_REFUSE)

    assert before == judged(story)
    assert ["upstream_rejected"] == story.errors
    assert [(4502, "upstream_failed")] == story.closes


def test_a_race_that_nobody_could_begin():
    """It is begun again when somebody may be dialled."""
    story = Story(upstreams=3).opened().lost(Failure("dial", "out", retry_after_s=7.0))

    assert [] == story.errors
    assert 7.0 < story.session.timers.earliest < 8.0
    assert story.tick(story.session.timers.earliest).did(DialUpstream)


def test_what_was_said_to_nobody():
    """An error that came with the end of a dial decides like one that was heard."""
    story = Story(upstreams=3).opened()
    lost = events.UpstreamLost(Failure("dial", "closed", close_code=1013), EMPTY)
    story.feed(lost)

    assert ["upstream_rejected"] == story.errors


def test_of_one_alone_nothing_changes():
    """It refuses, and the client is told."""
    story = Story().opened()
    story.feed(events.UpstreamOpened(5.0))
    story.said(realtime.UpstreamError(ErrorFacts(code="invalid_value", event_id=UPDATE_ID)))

    assert ["upstream_rejected"] == story.errors
    assert story.closes
