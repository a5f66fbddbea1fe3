"""Tests of item_events.py and scribe: what the next model is told of what was in a conversation."""

from base64 import b64encode

import pytest

from tests.fakes.pictures import png
from tests.session.relaying.call import TOOL, Call
from tests.session.relaying.test_relaying import written
from tornado_app.session.config import PictureRules
from tornado_app.session.ledger.telling import UNSEEN

PNG = f"data:image/png;base64,{b64encode(png()).decode()}"


def brings(call, item, item_id="item_x"):
    """The client puts an item there, and the model has it."""
    call.asks("conversation.item.create", item={"id": item_id, **item})
    shape = {"id": item_id, "status": "completed", **item}
    return call.says("conversation.item.added", item=shape, previous_item_id=None)


def retold(call):
    """The model is lost: what the next is told of."""
    call.loses_model().finds_model()
    return [e["item"] for e in call.sent if e["type"] == "conversation.item.create"]


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (written("Hello."), ("user", "input_text", "Hello.")),
        (
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "I sang."}],
            },
            ("assistant", "output_text", "I sang."),
        ),
        (
            {
                "type": "message",
                "role": "system",
                "content": [{"type": "input_text", "text": "Sing."}],
            },
            ("system", "input_text", "Sing."),
        ),
    ],
)
def test_what_a_client_brought_is_told_to_the_next_model(item, told):
    """By its name, in its role, to the word."""
    (found,) = retold(brings(Call().begun(), item))

    (part,) = found["content"]
    assert "item_x" == found["id"]
    assert told == (found["role"], part["type"], part["text"])


def test_a_call_and_its_result_are_told_as_such():
    """In their order."""
    call = Call().begun()
    facts = {"call_id": "call_1", "name": "own", "arguments": '{"a": 1}'}
    brings(call, {"type": "function_call", **facts}, "item_c")
    output = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    brings(call, output, "item_o")

    asked, answered = retold(call)
    assert facts.items() <= asked.items()
    assert ("call_1", "42") == (answered["call_id"], answered["output"])


@pytest.mark.parametrize("beside", [{}, {"id": None}, {"call_id": None}, {"status": 1}])
def test_a_call_is_told_by_the_name_that_the_model_gave_it(beside):
    """Whatever the client has written in its item, as long as the model takes it."""
    call = Call().begun()
    item = {"type": "function_call", "name": "own", "arguments": "{}"}
    call.asks("conversation.item.create", item={**item, **beside})
    placed = {**item, "id": "item_c", "call_id": "call_model"}
    call.says("conversation.item.added", item=placed, previous_item_id=None)
    output = {"type": "function_call_output", "call_id": "call_model", "output": "42"}
    brings(call, output, "item_o")

    asked, answered = retold(call)
    assert ("item_c", "call_model", "own") == (asked["id"], asked["call_id"], asked["name"])
    assert ("call_model", "42") == (answered["call_id"], answered["output"])


def test_a_picture_is_shown_to_the_next_model_as_well():
    """As the client has written it."""
    call = Call(pictures=PictureRules(are_allowed=True)).begun()
    part = {"type": "input_image", "image_url": PNG}
    brings(call, {"type": "message", "role": "user", "content": [part]})

    (found,) = retold(call)
    assert [part] == found["content"]


def test_what_was_said_is_told_in_words():
    """By whoever wrote it down, if anybody did."""
    call = Call().begun()
    for item in ("item_u", "item_v"):
        call.says("input_audio_buffer.speech_started", item_id=item, audio_start_ms=0)
        call.says("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=500)
        call.says("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        shape = {"id": item, "type": "message", "role": "user", "content": []}
        call.says("conversation.item.added", item=shape, previous_item_id=None)
    words = "conversation.item.input_audio_transcription"
    call.says(f"{words}.delta", item_id="item_u", delta="Hel")
    call.says(f"{words}.completed", item_id="item_u", transcript="Hello.")
    error = {"code": "x", "message": "No."}
    call.says(f"{words}.failed", item_id="item_v", content_index=0, error=error)

    first, *_ = retold(call)
    assert ("item_u", "Hello.") == (first["id"], first["content"][0]["text"])


def test_an_answer_that_was_cut_is_told_as_far_as_it_was_heard():
    """As the client has said it."""
    call = Call().begun()
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    call.says_words("resp_1", "item_a", "One two three four.")
    call.ends_item("resp_1", "item_a", "One two three four.").ends("resp_1")
    cut = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 500}
    call.asks("conversation.item.truncate", **cut)
    call.says("conversation.item.truncated", **cut)

    (found,) = retold(call)
    text = found["content"][0]["text"]
    assert "One two three four.".startswith(text.rstrip("."))
    assert text != "One two three four."


def test_what_was_deleted_is_told_to_nobody():
    """Nor asked for again."""
    call = brings(Call().begun(), written("Hello."))
    call.asks("conversation.item.delete", item_id="item_x")
    call.says("conversation.item.deleted", item_id="item_x")

    assert "conversation.item.deleted" in call.kinds
    assert [] == retold(call)


@pytest.mark.parametrize(
    ("asks", "says"),
    [
        (("input_audio_buffer.clear", {}), ("input_audio_buffer.cleared", {})),
        (
            ("conversation.item.retrieve", {"item_id": "item_x"}),
            ("conversation.item.retrieved", {"item": {"id": "item_x", "type": "message"}}),
        ),
        (
            ("conversation.item.truncate", {"item_id": "item_x", "audio_end_ms": 1}),
            ("conversation.item.truncated", {"item_id": "item_x", "audio_end_ms": 1}),
        ),
    ],
)
def test_what_was_answered_is_not_asked_of_the_next_model(asks, says):
    """And what was not is."""
    kind, fields = asks
    call = Call().begun().asks(kind, **fields)
    call.says(says[0], **says[1])
    assert [says[0]] == call.kinds
    call.loses_model().finds_model()
    assert kind not in [event["type"] for event in call.sent]


def test_tools_of_the_server_have_limits_that_the_model_is_told():
    """Too many at once, too long arguments, too long results."""
    call = Call(tools=(TOOL,)).begun()
    most = call.config.tools.at_once
    call.asks("response.create").begins("resp_1")
    for number in range(most + 1):
        call.calls("resp_1", f"item_{number}", f"call_{number}", TOOL.name, number)
    (refused,) = [e["item"] for e in call.sent if e["type"] == "conversation.item.create"]
    assert f"call_{most}" == refused["call_id"]
    assert f"Only {most} tools" in refused["output"]

    call.gets("call_0", "x" * (call.config.tools.result_bytes + 1))
    (item,) = [e["item"] for e in call.sent]
    assert "too large" in item["output"]
    call.gets("call_1", "x" * call.config.tools.result_bytes)
    (item,) = [e["item"] for e in call.sent]
    assert "x" * call.config.tools.result_bytes == item["output"]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "own"}])
def test_a_tool_that_had_to_be_called_need_not_be_called_again(choice):
    """Else the answer would never end."""
    own = {"type": "function", "name": "own", "parameters": {"type": "object"}}
    call = Call(tools=(TOOL,)).begun()
    call.asks("response.create", response={"tool_choice": choice, "tools": [own]})
    call.begins("resp_1").calls("resp_1", "item_c", "call_1", TOOL.name).ends("resp_1")
    call.gets("call_1")

    assert "auto" == call.sent[-1]["response"]["tool_choice"]


def test_a_picture_that_is_not_kept_is_told_of_in_words():
    """There was one, and the answer behind it is about it."""
    call = Call(pictures=PictureRules(are_allowed=True)).begun()
    shown = {"type": "input_image", "image_url": PNG}
    brings(call, {"type": "message", "role": "user", "content": [shown]})
    call.session._model.rebuilding.pictures.trim(0)

    assert [UNSEEN] == [item["content"][0]["text"] for item in retold(call)]


def test_what_is_put_in_front_is_told_in_front():
    """A model says of it that nothing is before it, as of what it has not placed."""
    call = brings(brings(Call().begun(), written("One."), "item_1"), written("Two."), "item_2")
    item = {"id": "item_0", **written("Nought.")}
    call.asks("conversation.item.create", item=item, previous_item_id="root")
    call.says("conversation.item.added", item=item, previous_item_id=None)
    call.asks("conversation.item.create", item=item | {"id": "item_h"}, previous_item_id="item_0")
    call.says("conversation.item.added", item=item | {"id": "item_h"}, previous_item_id="item_0")

    assert ["item_0", "item_h", "item_1", "item_2"] == [each["id"] for each in retold(call)]
