"""What `response.create` may override."""

import pytest


def test_response_input_replaces_the_conversation(call):
    """Items and references given with the request are what is answered."""
    item = call.say("first")[0]["item"]
    call.say("second")
    wanted = {
        "input": [{"type": "item_reference", "id": item["id"]}],
        "output_modalities": ["text"],
    }
    call.send("response.create", response=wanted)
    answered = call.done(call.wait(5))

    assert answered["output"][0]["content"][0]["text"] == "You wrote: first"


def test_overrides_hold_for_one_response(call):
    """The session is as it was."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    wanted = {
        "output_modalities": ["text"],
        "instructions": "Sing.",
        "metadata": {"topic": "x"},
        "input": [item],
    }
    created = call.send("response.create", response=wanted)[0]["response"]
    call.wait(1)
    after = call.send("response.create")[0]["response"]

    assert (created["output_modalities"], created["metadata"]) == (["text"], {"topic": "x"})
    assert (after["output_modalities"], after["metadata"]) == (["audio"], None)


def test_null_overrides_nothing(call):
    """As if it were not there, where the session says otherwise than the defaults."""
    tool = {"type": "function", "name": "f"}
    call.update(output_modalities=["text"], max_output_tokens=7, tools=[tool])
    names = ("output_modalities", "max_output_tokens", "tools", "instructions", "audio", "input")
    created = call.send("response.create", response=dict.fromkeys(names))[0]["response"]

    assert (created["output_modalities"], created["max_output_tokens"]) == (["text"], 7)


REFUSED = {
    "prompt": ({"prompt": {"id": "pmpt_1"}}, "invalid_value", "response.prompt"),
    "mcp": ({"tools": [{"type": "mcp"}]}, "invalid_value", "response.tools[0]"),
    "custom voice": (
        {"audio": {"output": {"voice": {"id": "x"}}}},
        "invalid_value",
        "response.audio.output.voice.id",
    ),
    "speed": (
        {"audio": {"output": {"speed": 1}}},
        "unknown_parameter",
        "response.audio.output.speed",
    ),
    "truncation": ({"truncation": "auto"}, "unknown_parameter", "response.truncation"),
    "many pairs": (
        {"metadata": {str(number): "" for number in range(17)}},
        "invalid_value",
        "response.metadata",
    ),
    "no object": (1, "invalid_type", "response"),
    "temperature": ({"temperature": 1}, "unknown_parameter", "response.temperature"),
    "modality": (
        {"output_modalities": ["audio", "text"]},
        "invalid_value",
        "response.output_modalities",
    ),
    "conversation": ({"conversation": "x"}, "invalid_value", "response.conversation"),
    "metadata": ({"metadata": {"k": 1}}, "invalid_type", "response.metadata.k"),
    "long key": ({"metadata": {"k" * 65: "v"}}, "invalid_value", "response.metadata"),
    "long value": (
        {"metadata": {"k": "v" * 513}},
        "string_above_max_length",
        "response.metadata.k",
    ),
    "input": ({"input": [1]}, "invalid_type", "response.input[0]"),
    "unknown item": (
        {"input": [{"type": "item_reference", "id": "x"}]},
        "invalid_value",
        "response.input[0].id",
    ),
}


@pytest.mark.parametrize(("wanted", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_a_bad_override_starts_nothing(call, wanted, code, param):
    """With the path of what is wrong, and no response."""
    refused = call.error(call.send("response.create", response=wanted))

    assert (refused["code"], refused["param"]) == (code, param)
    assert call.wait(5) == []
