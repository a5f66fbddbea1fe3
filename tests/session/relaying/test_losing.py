"""The model is lost, and a client that conducts notices as little of it as may be."""

import json

import pytest

from tests.session.relaying.call import SECRET, TOOL, Call
from tests.session.relaying.test_relaying import written
from tests.session.story import FORGETFUL
from tornado_app.session.commands import CancelTool
from tornado_app.session.kept import ORDERS_HELD


@pytest.fixture
def call():
    call = Call().begun()
    call.asks("conversation.item.create", item={"id": "item_q", **written("What is it?")})
    item = {"id": "item_q", **written("What is it?"), "status": "completed"}
    call.says("conversation.item.added", item=item, previous_item_id=None)
    call.says("conversation.item.done", item=item, previous_item_id=None)
    call.asks("response.create", response={"metadata": {"k": "v"}}).begins("resp_1")
    return call


def done(call):
    (response,) = [e["response"] for e in call.all_shown if e["type"] == "response.done"]
    return response


def echoed(call):
    """The model says what it has been told."""
    for event in call.sent:
        if event["type"] == "conversation.item.create":
            call.says("conversation.item.added", item=event["item"], previous_item_id=None)
            call.says("conversation.item.done", item=event["item"], previous_item_id=None)


def test_names_go_on_to_mean_the_same_items_and_the_client_notices_nothing(call):
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel.")
    call.ends_item("resp_1", "item_a", "A towel.").ends("resp_1")
    before = len(call.all_shown)

    call.loses_model().finds_model()
    told = [e["item"]["id"] for e in call.sent if e["type"] == "conversation.item.create"]
    echoed(call)

    assert ["item_q", "item_a"] == told
    assert before == len(call.all_shown)


def test_what_was_asked_and_not_answered_is_asked_of_the_next(call):
    call.begins_item("resp_1", "item_a").ends_item("resp_1", "item_a").ends("resp_1")
    call.asks("conversation.item.create", item=written("And now?"), event_id="e1")
    call.asks("response.create", event_id="e2")
    before = len(call.all_shown)

    call.loses_model().finds_model()

    asked = [(e["type"], e.get("event_id")) for e in call.sent]
    assert [("conversation.item.create", "e1"), ("response.create", "e2")] == asked[-2:]
    assert before == len(call.all_shown)


def test_an_answer_of_which_nothing_was_said_is_asked_for_again_by_its_name(call):
    call.loses_model().finds_model()

    (again,) = [e for e in call.sent if e["type"] == "response.create"]
    assert "v" == again["response"]["metadata"]["k"]
    call.answers("resp_9", "item_b", "A towel.", metadata=again["response"]["metadata"])

    kinds = [event["type"] for event in call.all_shown]
    assert 1 == kinds.count("response.created")
    assert ("resp_1", "completed") == (done(call)["id"], done(call)["status"])
    assert {"k": "v"} == done(call)["metadata"]
    assert ["item_b"] == [item["id"] for item in done(call)["output"]]


def test_an_answer_in_its_midst_goes_on_as_another_item_of_the_same(call):
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel, and")

    call.lost()
    assert [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ] == call.kinds
    assert "incomplete" == call.shown[-1]["item"]["status"]
    call.tick(call.session.timers.earliest)
    call.finds_model()
    (again,) = [e for e in call.sent if e["type"] == "response.create"]
    assert "broke off" in again["response"]["instructions"]
    call.answers("resp_9", "item_b", "nothing else.", metadata=again["response"]["metadata"])

    assert ("resp_1", "completed") == (done(call)["id"], done(call)["status"])
    assert ["item_a", "item_b"] == [item["id"] for item in done(call)["output"]]
    begun = [e for e in call.all_shown if e["type"] == "response.output_item.added"]
    assert [0, 1] == [event["output_index"] for event in begun]


def speaks_up(call):
    call.says("input_audio_buffer.speech_started", item_id="item_v", audio_start_ms=950)


@pytest.mark.parametrize("is_gone_on_with", [False, True])
def test_an_answer_that_the_user_has_interrupted_is_not_gone_on_with(call, is_gone_on_with):
    """Its model is lost before it says that it has stopped, or has not begun to go on."""
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel, and")
    if is_gone_on_with:
        call.loses_model()
    speaks_up(call.finds_model() if is_gone_on_with else call)
    if is_gone_on_with:
        call.begins("resp_9")
        assert "resp_9" == call.sent[0]["response_id"]
    call.loses_model().finds_model()

    assert "response.create" not in [each["type"] for each in call.sent]
    assert ("cancelled", "turn_detected") == (
        done(call)["status"],
        done(call)["status_details"]["reason"],
    )


def test_what_is_said_beside_the_conversation_is_not_interrupted(call):
    beside = {"conversation": "none", "metadata": {"k": "w"}}
    call.ends("resp_1").asks("response.create", response=beside)
    call.begins("resp_2", conversation_id=None)
    speaks_up(call)
    call.loses_model().finds_model()

    [again] = [each for each in call.sent if each["type"] == "response.create"]
    assert "w" == again["response"]["metadata"]["k"]


@pytest.mark.parametrize("is_beside", [False, True])
def test_what_the_client_does_not_know_as_an_item_does_not_end_as_one(call, is_beside):
    """What is said beside the conversation is no item of it; another was only about to be one."""
    if is_beside:
        call.ends("resp_1").asks("response.create", response={"conversation": "none"})
        call.begins("resp_2", conversation_id=None)
    name = "resp_2" if is_beside else "resp_1"
    item = {"id": "item_a", "type": "message", "role": "assistant", "content": []}
    call.says("response.output_item.added", response_id=name, output_index=0, item=item)
    call.lost()

    assert "response.output_item.done" in call.kinds
    assert "conversation.item.done" not in call.kinds


ENDS = [
    ("response.output_audio.done", {}),
    ("response.output_audio_transcript.done", {"transcript": "A towel."}),
    ("response.content_part.done", {"part": {"type": "audio", "transcript": "A towel."}}),
    ("conversation.item.done", {"item": {"id": "item_a", "type": "message"}}),
    ("response.output_item.done", {}),
]


@pytest.mark.parametrize("told", range(len(ENDS)))
def test_of_an_item_that_was_about_to_end_no_end_is_told_twice(call, told):
    """Nor is one left out."""
    where = {"response_id": "resp_1", "output_index": 0, "item_id": "item_a", "content_index": 0}
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel.")
    for kind, fields in ENDS[:told]:
        call.says(kind, **where, **fields)
    call.lost()

    assert [kind for kind, _ in ENDS[told:]] == call.kinds


def test_of_two_parts_each_has_an_end(call):
    """The first was over when the model was lost."""
    where = {"response_id": "resp_1", "output_index": 0, "item_id": "item_a"}
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel.")
    for kind, fields in ENDS[:3]:
        call.says(kind, **where, content_index=0, **fields)
    part = {"type": "text", "text": ""}
    call.says("response.content_part.added", **where, content_index=1, part=part)
    call.lost()

    parts = [each for each in call.shown if "content_index" in each]
    assert [("response.output_text.done", 1), ("response.content_part.done", 1)] == [
        (each["type"], each["content_index"]) for each in parts
    ]


@pytest.mark.parametrize("is_lost", [True, False])
def test_an_item_that_had_begun_ends_once_whoever_has_it(call, is_lost):
    """Its model was lost before it said so: the next one has it as well."""
    call.ends("resp_1").asks("conversation.item.create", item={"id": "item_r", **written("Hi.")})
    item = {"id": "item_r", **written("Hi."), "status": "completed"}
    call.says("conversation.item.added", item=item, previous_item_id="item_q")
    if is_lost:
        echoed(call.loses_model().finds_model())
    else:
        call.says("conversation.item.done", item=item, previous_item_id="item_q")
    echoed(call.loses_model().finds_model())

    done = [e["item"]["id"] for e in call.all_shown if e["type"] == "conversation.item.done"]
    assert ["item_q", "item_r"] == done


def test_a_turn_whose_model_is_lost_before_its_item_comes_has_it_from_the_next(call):
    """Its client knows that there is a turn, and waits for it; once is enough."""
    call.ends("resp_1").asks("input_audio_buffer.append", audio="AAAA" * 4000)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id="item_q")
    for _ in range(2):
        echoed(call.loses_model().finds_model())

    of = [e["type"] for e in call.all_shown if e.get("item", {}).get("id") == "item_u"]
    assert ["conversation.item.added", "conversation.item.done"] == of


def test_a_written_answer_in_its_midst_ends_in_writing(call):
    where = {"response_id": "resp_1", "output_index": 0, "item_id": "item_a", "content_index": 0}
    call.begins_item("resp_1", "item_a")
    call.says("response.content_part.added", **where, part={"type": "text"})
    call.says("response.output_text.delta", **where, delta="A towel, and")

    call.lost()
    ends = call.shown[-4:]
    assert [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ] == [event["type"] for event in ends]
    assert {"type": "text", "text": "A towel, and"} == ends[1]["part"]
    assert [{"type": "output_text", "text": "A towel, and"}] == ends[3]["item"]["content"]


@pytest.mark.parametrize("lost_answer", ["tell", "ask_again"])
def test_an_answer_that_broke_off_has_failed_if_the_operator_wants_it_so(lost_answer):
    call = Call(lost_answer=lost_answer).begun()
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    call.says_words("resp_1", "item_a", "A towel, and")

    call.loses_model()

    assert ("resp_1", "failed") == (done(call)["id"], done(call)["status"])
    assert "server_error" == done(call)["status_details"]["error"]["code"]
    call.finds_model()
    assert "response.create" not in [event["type"] for event in call.sent]


def test_a_call_of_the_clients_tool_that_is_whole_is_the_end_of_the_answer(call):
    call.calls("resp_1", "item_c", "call_c", "own")

    call.loses_model()

    assert ("resp_1", "completed") == (done(call)["id"], done(call)["status"])
    call.finds_model()
    told = [e["item"] for e in call.sent if e["type"] == "conversation.item.create"]
    assert "call_c" in [item.get("call_id") for item in told]


def test_a_tool_of_the_server_runs_on_and_the_next_model_has_its_result():
    call = Call(tools=(TOOL,)).begun()
    call.asks("response.create").begins("resp_1").calls("resp_1", "item_s", "call_s", TOOL.name)
    call.ends("resp_1")

    call.loses_model().finds_model().gets("call_s", "42")
    assert ["conversation.item.create", "response.create"] == [e["type"] for e in call.sent]
    call.answers("resp_9", "item_b", "It is 42.", metadata=call.sent[1]["response"]["metadata"])

    assert ("resp_1", "completed") == (done(call)["id"], done(call)["status"])
    assert TOOL.name not in json.dumps(call.all_shown)


def test_speech_that_nobody_has_committed_is_sent_again():
    call = Call().begun()
    call.asks("input_audio_buffer.append", audio="QUJD" * 1600)
    call.asks("input_audio_buffer.commit", event_id="mine")

    call.loses_model().finds_model()

    kinds = [event["type"] for event in call.sent]
    assert ["input_audio_buffer.append", "input_audio_buffer.commit"] == kinds[1:]
    assert "mine" == call.sent[2]["event_id"]
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    assert ["input_audio_buffer.committed"] == call.kinds


def test_an_item_that_the_model_knows_by_its_words_alone_is_cut_in_them(call):
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel and a fish.")
    words = {"response_id": "resp_1", "item_id": "item_a", "transcript": "A towel and a fish."}
    call.says("response.output_audio_transcript.done", **words)
    call.ends_item("resp_1", "item_a", "A towel and a fish.").ends("resp_1")
    call.loses_model().finds_model()
    echoed(call)

    cut = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 400}
    call.asks("conversation.item.truncate", **cut)

    assert ["conversation.item.delete", "conversation.item.create"] == [
        event["type"] for event in call.sent
    ]
    assert cut == {name: call.shown[0][name] for name in cut}
    assert ["conversation.item.truncated"] == call.kinds
    call.says("conversation.item.deleted", item_id="item_a")
    assert [] == call.shown


def test_a_deleted_item_is_not_told_again(call):
    call.begins_item("resp_1", "item_a").ends_item("resp_1", "item_a").ends("resp_1")
    call.asks("conversation.item.delete", item_id="item_q")
    call.says("conversation.item.deleted", item_id="item_q")

    call.loses_model().finds_model()

    assert "item_q" not in json.dumps(call.sent)


def test_a_tool_result_of_the_client_is_told_again(call):
    call.calls("resp_1", "item_c", "call_c", "own").ends("resp_1")
    result = {"id": "item_r", "type": "function_call_output", "call_id": "call_c", "output": "7"}
    call.asks("conversation.item.create", item=result)
    call.says("conversation.item.added", item=result, previous_item_id="item_c")

    call.loses_model().finds_model()

    told = [e["item"] for e in call.sent if e["type"] == "conversation.item.create"]
    assert ["item_q", "item_c", "item_r"] == [item["id"] for item in told]
    assert "7" == told[-1]["output"]


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ((), ["parley_answer_owed"]),
        (("response.create",), ["mine"]),
        (("begins", "ends"), []),
        (("speaks",), []),
    ],
)
def test_a_turn_that_the_model_has_found_is_answered_by_the_next(before, asked):
    """It is told the turn, and would answer none that it has not found itself."""
    call = Call().begun()
    call.says("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    call.says("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=900)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    for step in before:
        match step:
            case "response.create":
                call.asks("response.create", event_id="mine")
            case "begins":
                call.begins("resp_1")
            case "ends":
                call.ends("resp_1")
            case "speaks":
                call.says("input_audio_buffer.speech_started", item_id="item_v", audio_start_ms=950)
    call.loses_model().finds_model()

    assert asked == [e["event_id"] for e in call.sent if e["type"] == "response.create"]


def test_the_rest_of_an_answer_is_asked_for_by_the_instructions_of_the_client(call):
    """Those that are in force of the session, unless it had its own."""
    session = {"type": "realtime", "instructions": "Speak Welsh."}
    call.asks("session.update", session=session).says("session.updated", session=session)
    call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel, and")
    call.loses_model().finds_model()
    (again,) = [e for e in call.sent if e["type"] == "response.create"]

    assert "Speak Welsh." in again["response"]["instructions"]
    assert SECRET not in again["response"]["instructions"]


def test_who_finds_no_room_is_told_which_order_was_lost(call):
    """By the name that the client gave it."""
    call.lost()
    for number in range(ORDERS_HELD + 1):
        call.asks("conversation.item.create", item=written("Hello."), event_id=f"e{number}")
        if call.shown:
            break

    assert ("server_busy", f"e{number}") == (call.error["code"], call.error["event_id"])


def test_each_part_of_an_answer_in_its_midst_ends_at_its_own_place(call):
    """An item may have several."""
    where = {"response_id": "resp_1", "output_index": 0, "item_id": "item_a", "content_index": 1}
    call.begins_item("resp_1", "item_a")
    call.says("response.content_part.added", **where, part={"type": "text"})

    call.lost()
    ended = [e for e in call.shown if e["type"] == "response.content_part.done"]
    assert [(0, "audio"), (1, "text")] == [(e["content_index"], e["part"]["type"]) for e in ended]


def aside(call, name="resp_aside", item="item_aside"):
    """The client asks beside the conversation, and the model says so much of it."""
    wanted = {"conversation": "none", "metadata": {"k": "aside"}, "instructions": "Sort it."}
    call.asks("response.create", event_id="aside", response=wanted)
    call.begins("resp_unasked", conversation_id="conv_1", metadata=None)
    call.begins(name, conversation_id=None, metadata={"k": "aside"})
    where = {"response_id": name, "output_index": 0}
    shape = {"id": item, "type": "message", "role": "assistant", "content": []}
    call.says("response.output_item.added", **where, item=shape)
    part = {**where, "item_id": item, "content_index": 0}
    call.says("response.content_part.added", **part, part={"type": "text"})
    return call.says("response.output_text.delta", **part, delta="Plumbing.")


def told(call):
    return [e["item"]["id"] for e in call.sent if e["type"] == "conversation.item.create"]


def test_what_was_said_beside_the_conversation_is_none_of_it(call):
    """Although the client has heard it, the next model is told nothing of it."""
    call.ends("resp_1")
    aside(call)
    shape = {"id": "item_aside", "type": "message", "role": "assistant", "content": []}
    where = {"response_id": "resp_aside", "output_index": 0}
    call.says("response.output_item.done", **where, item={**shape, "status": "completed"})
    call.ends("resp_aside", conversation_id=None)
    call.ends("resp_unasked", conversation_id="conv_1")

    assert ["item_q"] == told(call.loses_model().finds_model())


def test_what_breaks_off_beside_the_conversation_is_over_and_not_gone_on_with(call):
    """And what the model was answering unasked is not taken for it."""
    call.ends("resp_1")
    aside(call).loses_model()
    (ended,) = (e["item"] for e in call.all_shown if e["type"] == "response.output_item.done")
    assert [{"type": "output_text", "text": "Plumbing."}] == ended["content"]

    call.finds_model()
    assert ["item_q"] == told(call)
    (again,) = (e["response"] for e in call.sent if e["type"] == "response.create")
    assert ("conversation" in again, "instructions" in again) == (False, False)
    over = {
        e["response"]["id"]: e["response"]["status"]
        for e in call.all_shown
        if "done" in e["type"] and "response" in e
    }
    assert "failed" == over["resp_aside"]


@pytest.fixture
def forgetful():
    """The next model is told nothing."""
    return Call(tools=(TOOL,), **FORGETFUL).begun()


def loses(call):
    """What is told and asked for that its model is lost."""
    told, sent = len(call.all_shown), len(call.all_sent)
    call.loses_model().finds_model()
    return call.all_shown[told:], [each["type"] for each in call.all_sent[sent:]]


ITEMS = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
    {"type": "function_call", "call_id": "call_1", "name": "own", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "42"},
]


@pytest.mark.parametrize("item", ITEMS, ids=[item["type"] for item in ITEMS])
def test_an_item_of_which_the_next_model_is_not_told_ends_with_its_own(forgetful, item):
    """Once, with all that its kind has to have."""
    item = {"id": "item_r", **item}
    forgetful.says("conversation.item.added", item=item, previous_item_id=None)
    [done], _ = loses(forgetful)

    assert ("conversation.item.done", "incomplete") == (done["type"], done["item"]["status"])
    assert item.keys() <= done["item"].keys()
    assert ([], ["session.update"]) == loses(forgetful)


def asks(call):
    call.asks("response.create", event_id="e1")


def commits(call):
    call.asks("input_audio_buffer.append", audio="QUJD" * 1000)
    call.asks("input_audio_buffer.commit", event_id="e1")


def is_owed_one(call):
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)


@pytest.mark.parametrize(("before", "ref"), [(asks, "e1"), (commits, "e1"), (is_owed_one, None)])
def test_what_a_model_that_knows_nothing_could_not_answer_is_told_of(forgetful, before, ref):
    """As at `/ws`; it is told once, and asked of nobody."""
    before(forgetful)
    [error], sent = loses(forgetful)

    assert ("error", ref) == (error["type"], error["error"]["event_id"])
    assert "was lost" in error["error"]["message"]
    assert ["session.update"] == sent
    assert forgetful.session._conductor.is_quiet


def test_what_is_brought_along_is_asked_again_of_whoever_comes(forgetful):
    brought = {"conversation": "none", "input": [written("Hi.")]}
    forgetful.asks("response.create", response=brought)
    forgetful.asks("conversation.item.create", item=written("Hi."))
    shown, sent = loses(forgetful)

    assert ["session.update", "response.create", "conversation.item.create"] == sent
    assert [] == shown


@pytest.mark.parametrize("steps", range(5))
def test_an_answer_of_which_the_next_model_knows_nothing_has_failed(forgetful, steps):
    """Be it in its midst, or waiting for a tool, which is stopped."""
    call = forgetful.asks("response.create").begins("resp_1")
    does = [
        lambda: call.begins_item("resp_1", "item_a").says_words("resp_1", "item_a", "A towel"),
        lambda: call.ends_item("resp_1", "item_a"),
        lambda: call.calls("resp_1", "item_c", "call_1", TOOL.name, 1),
        lambda: call.ends("resp_1"),
    ]
    for do in does[:steps]:
        do()
    _, sent = loses(call)

    assert "failed" == done(call)["status"]
    assert ["session.update"] == sent
    cancelled = [each for each in call.all if isinstance(each, CancelTool)]
    assert (steps > 2) == bool(cancelled)
    assert call.session._conductor.is_quiet
