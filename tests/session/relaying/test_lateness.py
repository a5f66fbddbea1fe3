"""What a model does not come to say: tornado_app/session/relaying/lateness.py."""

import pytest

from tests.session.relaying.call import TOOL, Call
from tests.session.relaying.test_relaying import written
from tornado_app.errors import Refused
from tornado_app.session import commands, events

STALL_S, TIMEOUT_S = 20.0, 15.0
"""Of the stories: `response_stall_s` and `response_timeout_s`."""


def look(call, at, **facts):
    """Once a second."""
    before = len(call.all)
    while call.now < at:
        call.feed(events.Look(0, **facts), at=min(at, call.now + 1))
    call.fresh = call.all[before:]
    return call


@pytest.fixture
def call():
    """An answer is in its midst."""
    call = Call(tools=(TOOL,)).begun().asks("response.create", event_id="e1").begins("resp_1")
    return call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel, and")


def ends(call):
    over = (e["response"] for e in call.all_shown if e["type"] == "response.done")
    return [(response["id"], response["status"]) for response in over]


def lines(call, event):
    return [c.fields for c in call.all if isinstance(c, commands.Log) and c.event == event]


def test_an_answer_that_stops_half_way_has_failed_and_the_next_is_asked(call):
    """Its client is told the end of each part of it, and the model to stop."""
    assert [] == look(call, STALL_S - 1).shown
    look(call, STALL_S)

    assert ["response.cancel"] == [event["type"] for event in call.sent]
    assert "resp_1" == call.sent[0]["response_id"]
    assert ["response.output_item.done", "response.done"] == call.kinds[-2:]
    assert "incomplete" == call.shown[-2]["item"]["status"]
    response = call.shown[-1]["response"]
    assert ("resp_1", "failed") == (response["id"], response["status"])
    assert "stopped half way" in response["status_details"]["error"]["message"]
    assert ["response"] == [fields["waited_for"] for fields in lines(call, "upstream_late")]

    call.asks("response.create")
    assert ["response.create"] == [event["type"] for event in call.sent]
    call.answers("resp_2", "item_b")
    assert [("resp_1", "failed"), ("resp_2", "completed")] == ends(call)


def test_what_still_comes_of_it_is_not_shown(call):
    """It was over; what it cost is counted, once."""
    look(call, STALL_S)
    before = len(call.all_shown)
    call.says_words("resp_1", "item_a", " nothing else.").ends_item("resp_1", "item_a")
    call.begins_item("resp_1", "item_b").calls("resp_1", "item_c", "call_1", TOOL.name)
    call.ends("resp_1", "cancelled")
    look(call, 2 * STALL_S)

    shown = [event["type"] for event in call.all_shown[before:]]
    assert ["conversation.item.added"] == shown  # which there is
    assert not call.did(commands.CallTool)
    [fields] = lines(call, "response_done")
    assert ("failed", 10) == (fields["status"], fields["tokens"])


def test_one_that_the_model_never_ends_is_counted_all_the_same(call):
    """Soon after it was told to, and the model's own word comes too late for that."""
    look(call, STALL_S + 4)
    assert [] == lines(call, "response_done")
    look(call, STALL_S + 6).ends("resp_1", "cancelled")

    assert ["failed"] == [fields["status"] for fields in lines(call, "response_done")]
    assert [("resp_1", "failed")] == ends(call)


def test_an_answer_that_says_something_now_and_then_goes_on(call):
    """Also if the model does not say of which answer that is."""
    look(call, STALL_S - 1).says_words("resp_1", "item_a", " nothing")
    look(call, 2 * STALL_S - 3).says("response.output_audio_transcript.delta", delta=" else.")
    look(call, 3 * STALL_S - 5)

    assert [] == ends(call)


def test_an_answer_that_writes_what_is_hidden_goes_on(call):
    """The arguments of a call may be long."""
    facts = {"type": "function_call", "call_id": "call_1", "name": TOOL.name, "role": None}
    call.begins_item("resp_1", "item_c", 1, **facts)
    for at in range(10, 50, 10):
        where = {"response_id": "resp_1", "item_id": "item_c", "output_index": 1}
        look(call, at).says("response.function_call_arguments.delta", **where, delta="1")

    assert [] == ends(call)


def test_a_model_that_is_not_read_is_not_late(call):
    """Its client takes no more, and what it says waits."""
    look(call, 2 * STALL_S, is_held=True)
    assert [] == ends(call)
    assert [("resp_1", "failed")] == ends(look(call, 3 * STALL_S))


def test_an_answer_that_was_cancelled_and_never_ends_is_cancelled(call):
    """As its client wanted it."""
    call.asks("response.cancel")
    assert [("resp_1", "cancelled")] == ends(look(call, STALL_S))


def test_a_call_of_the_clients_tool_that_is_whole_is_the_end_of_the_answer(call):
    """Only the word that it is over was lost."""
    call.ends_item("resp_1", "item_a").calls("resp_1", "item_c", "call_1", "own", 1)
    assert [("resp_1", "completed")] == ends(look(call, STALL_S))


def test_a_tool_of_the_server_that_was_called_goes_on_with_no_answer(call):
    """Its result is in the conversation."""
    call.ends_item("resp_1", "item_a").calls("resp_1", "item_c", "call_1", TOOL.name, 1)
    look(call, STALL_S).gets("call_1")

    assert [("resp_1", "failed")] == ends(call)
    assert "response.create" not in [event["type"] for event in call.sent]


def test_the_names_of_the_next_model_are_its_own(call):
    look(call, STALL_S)
    call.loses_model().finds_model().asks("response.create").answers("resp_1", "item_a")

    assert [("resp_1", "failed"), ("resp_1", "completed")] == ends(call)


def test_an_answer_that_does_not_begin_is_an_error():
    """As of `voice.v1`; the next model is not asked for it."""
    call = Call().begun().asks("response.create", event_id="e1")
    assert [] == look(call, TIMEOUT_S - 1).shown
    look(call, TIMEOUT_S)

    assert ("server_error", "e1") == (call.error["type"], call.error["event_id"])
    assert [] == look(call, 2 * TIMEOUT_S).shown
    call.loses_model().finds_model()
    assert "response.create" not in [event["type"] for event in call.sent]


def test_a_model_that_is_dialled_has_all_the_time_for_it():
    """What was kept is on its way only then."""
    call = Call().begun()
    call.lost()
    call.asks("response.create", event_id="e1")
    call.tick(call.session.timers.earliest)
    call.now = 3 * TIMEOUT_S
    call.finds_model()
    assert [] == look(call, 4 * TIMEOUT_S - 1).shown
    assert "e1" == look(call, 4 * TIMEOUT_S).error["event_id"]


def test_what_is_asked_while_an_answer_runs_may_come_behind_it(call):
    """A model may take its time over one; if it has spoken since, nobody is told of an error."""
    call.asks("response.create", event_id="e2")
    for at in range(5, 35, 10):
        look(call, at).says_words("resp_1", "item_a", " and")
    call.ends_item("resp_1", "item_a").ends("resp_1")
    look(call, 25 + 2 * TIMEOUT_S)

    assert [] == [e for e in call.all_shown if e["type"] == "error"]


def finds_turn(call, name="item_u"):
    """The model is to answer it unasked."""
    call.says("input_audio_buffer.speech_started", item_id=name, audio_start_ms=0)
    call.says("input_audio_buffer.speech_stopped", item_id=name, audio_end_ms=900)
    return call.says("input_audio_buffer.committed", item_id=name, previous_item_id=None)


def test_a_turn_that_the_model_has_found_and_does_not_answer_is_an_error():
    """Once; and the next model is not asked for it, nor is going over to it waited with."""
    call = finds_turn(Call().begun())
    conductor = call.session._conductor
    assert not conductor.is_quiet
    assert [] == look(call, TIMEOUT_S - 1).shown
    look(call, TIMEOUT_S)

    assert ("server_error", None) == (call.error["type"], call.error["event_id"])
    assert "did not begin to answer" in call.error["message"]
    assert ["response.created"] == [line["waited_for"] for line in lines(call, "upstream_late")]
    assert conductor.is_quiet
    assert [] == look(call, 2 * TIMEOUT_S).shown
    call.loses_model().finds_model()
    assert "response.create" not in [event["type"] for event in call.sent]


def answers_it(call):
    call.answers("resp_1", "item_a")


def speaks_on(call):
    finds_turn(call, "item_v").answers("resp_1", "item_a")


def has_made_a_noise(call):
    kind = "conversation.item.input_audio_transcription.completed"
    call.says(kind, item_id="item_u", content_index=0, transcript=" ")


def is_closed(call):
    call.session._conductor.stop_answering(Refused("quota_exceeded", "Enough."))


def speaks_when_closed(call):
    is_closed(call)
    finds_turn(call, "item_v")


@pytest.mark.parametrize(
    "happens", [answers_it, speaks_on, has_made_a_noise, is_closed, speaks_when_closed]
)
def test_a_turn_that_needs_no_answer_any_more_is_none(happens):
    call = finds_turn(Call().begun())
    happens(call)
    look(call, 2 * TIMEOUT_S)

    assert [] == [each for each in call.all_shown if "error" == each["type"]]


def test_an_answer_that_is_owed_may_come_behind_the_one_that_runs(call):
    """As one that is asked for."""
    finds_turn(call)
    for at in range(5, 35, 10):
        look(call, at).says_words("resp_1", "item_a", " and")
    call.ends_item("resp_1", "item_a").ends("resp_1")
    look(call, 25 + 2 * TIMEOUT_S)

    assert [] == [each for each in call.all_shown if "error" == each["type"]]
    assert call.session._conductor.is_quiet


def test_the_next_model_has_all_the_time_for_what_the_one_before_owed():
    call = finds_turn(Call().begun())
    look(call, TIMEOUT_S - 1).loses_model().finds_model()
    connected_at = call.now
    assert [] == look(call, connected_at + TIMEOUT_S - 1).shown
    assert "did not begin to answer" in look(call, connected_at + TIMEOUT_S).error["message"]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conversation.item.create", {"item": written("Hi.")}),
        ("conversation.item.retrieve", {"item_id": "item_z"}),
        ("input_audio_buffer.commit", {}),
        ("session.update", {"session": {"type": "realtime", "instructions": "Be brief."}}),
        ("response.cancel", {"event_id": "parley_own"}),
        ("output_audio_buffer.clear", {"event_id": "parley_own"}),
    ],
)
def test_a_word_that_never_comes_keeps_no_call_from_going_over_to_the_next_model(kind, fields):
    """Some events have no answer at all."""
    call = Call().begun().asks(kind, **fields)
    conductor = call.session._conductor
    assert not conductor.is_quiet
    look(call, TIMEOUT_S)

    assert conductor.is_quiet
    assert [] == call.shown
