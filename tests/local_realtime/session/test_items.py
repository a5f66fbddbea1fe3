"""What a client may create, and how it is shown."""

import pytest

from local_realtime.errors import Refused
from local_realtime.session.items import parse_item

PCM = {"type": "audio/pcm", "rate": 24_000}


def message(role="user", **content):
    return {"type": "message", "role": role, "content": [content]}


ACCEPTED = {
    "user text": message(type="input_text", text="x"),
    "user image": message(type="input_image", image_url="data:image/png;base64,iVBO", detail="low"),
    "system text": message("system", type="input_text", text="x"),
    "assistant text": message("assistant", type="output_text", text="x"),
    "call": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    "assistant text with its phase": {
        **message("assistant", type="output_text", text="x"),
        "phase": "final_answer",
    },
    "client id": {**message(type="input_text", text="x"), "id": "mine"},
}


@pytest.mark.parametrize("wanted", ACCEPTED.values(), ids=ACCEPTED)
def test_an_item_is_shown_as_it_was_created(wanted):
    """With an id and a status added."""
    shown = parse_item(wanted, "item", PCM).to_wire()

    assert shown == {**wanted, "id": shown["id"], "status": "completed"}


@pytest.mark.parametrize(
    ("role", "kind", "status"),
    [("assistant", "output_text", "incomplete"), ("user", "input_text", "completed")],
)
def test_only_an_answer_may_have_broken_off(role, kind, status):
    """Of what a client says of a status nothing else is kept."""
    wanted = {**message(role, type=kind, text="x"), "status": "incomplete"}

    assert status == parse_item(wanted, "item", PCM).status


def test_the_output_of_a_function_has_no_status():
    """As recorded from the API."""
    wanted = {"type": "function_call_output", "call_id": "c", "output": "42"}

    assert "status" not in parse_item(wanted, "item", PCM).to_wire()


def test_audio_is_shown_only_when_retrieved():
    """The bytes come back as they were sent."""
    item = parse_item(message(type="input_audio", audio="AAECAw=="), "item", PCM)

    assert item.to_wire()["content"] == [{"type": "input_audio", "transcript": None}]
    assert item.to_wire(PCM)["content"][0]["audio"] == "AAECAw=="


REFUSED = {
    "no object": (1, "invalid_type", "item"),
    "no type": ({}, "missing_required_parameter", "item.type"),
    "mcp": ({"type": "mcp_call"}, "invalid_value", "item"),
    "no type we know": ({"type": "song"}, "invalid_value", "item.type"),
    "image elsewhere": (
        message(type="input_image", image_url="https://example.com/cat.png"),
        "invalid_value",
        "item.content[0].image_url",
    ),
    "phase": (
        {**message("assistant", type="output_text", text="x"), "phase": "first"},
        "invalid_value",
        "item.phase",
    ),
    "no role": ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
    "assistant audio": (
        message("assistant", type="output_audio", audio=""),
        "invalid_value",
        "item.content[0].type",
    ),
    "no text": (message(type="input_text"), "missing_required_parameter", "item.content[0].text"),
    "bad audio": (
        message(type="input_audio", audio="?"),
        "invalid_value",
        "item.content[0].audio",
    ),
    "long id": (
        {**message(type="input_text", text="x"), "id": "x" * 33},
        "string_above_max_length",
        "item.id",
    ),
}


@pytest.mark.parametrize(("wanted", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused(wanted, code, param):
    """With the path of what is wrong."""
    with pytest.raises(Refused) as refused:
        parse_item(wanted, "item", PCM)

    assert (refused.value.code, refused.value.param) == (code, param)
