"""The last line of a call has all its figures."""

from tests.session.story import Story, converted, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.events import (
    ResponseCreated,
    ResponseFinished,
    UserTranscriptDone,
)
from tornado_app.session import events
from tornado_app.session.commands import Log


def fields_of(story, event):
    return next(each.fields for each in story.all if isinstance(each, Log) and each.event == event)


def test_the_last_line_of_a_call_sums_it_up():
    """What came, what there was of turns and answers, and what they cost."""
    story = Story().connected()
    for _ in range(3):
        story.feed(events.ClientAudio(bytes(960)))
        story.feed(events.UplinkReady(converted(20, 960)))
    story.client(asked.Text("Hello."))
    story.said(ResponseCreated(response()))
    usage = {"total_tokens": 9, "output_token_details": {"audio_tokens": 4}}
    story.said(ResponseFinished(response(status="completed", usage=usage)))
    story.feed(events.ClientGone(1000))

    closed = fields_of(story, "session_closed")
    assert (3, 60.0, 60.0) == (closed["chunks"], closed["received_ms"], closed["sent_ms"])
    assert (1, 0, 0) == (closed["answers"], closed["interruptions"], closed["tool_calls"])
    assert (9, {"audio_output": 4, "unnamed": 5}) == (closed["tokens"], closed["tokens_by_type"])
    assert len(story.all_messages) == closed["messages"]


def test_what_a_model_counts_to_write_down_is_counted():
    """Of a call that does nothing else it is all that there is, and quotas go by it."""
    story = Story().connected()
    usage = {"type": "tokens", "total_tokens": 12, "input_tokens": 9, "output_tokens": 3}
    usage["input_token_details"] = {"audio_tokens": 9}
    story.said(UserTranscriptDone("item_u", "Hello.", usage=usage))
    assert {"audio_input": 9, "text_output": 3} == story.session.totals().tokens
    story.feed(events.ClientGone(1000))

    assert 12 == fields_of(story, "session_closed")["tokens"]


def test_a_call_can_be_followed_to_the_models_own_ids():
    """Of the session, and of each answer."""
    story = Story().connected()
    story.said(ResponseCreated(response()))
    story.said(ResponseFinished(response(status="completed")))

    assert fields_of(story, "upstream_connected")["model_session"]
    assert "resp_1" == fields_of(story, "response_done")["response_id"]


def test_a_call_that_has_just_begun_has_cost_nothing():
    """All its figures begin at nought, and those of what is typed and shown as well."""
    totals = Story().opened().session.totals()

    assert 1 == totals.messages
    assert (0, 0) == (totals.given_text, totals.given_pictures)
    assert not any(
        getattr(totals, name)
        for name in totals.__struct_fields__
        if name not in {"messages", "given_text", "given_pictures"}
    )
