"""What a client may make of its session and of an answer, and what it is shown of it."""

import json
from base64 import b64encode
from dataclasses import replace

import pytest

from tests.fakes.pictures import png
from tests.session.relaying.call import EVERYTHING, NOTHING, SECRET, TOOL, Call
from tests.session.story import model_session
from tests.session.test_log_lines import lines
from tornado_app.failover.upstreams import Upstream
from tornado_app.policy.fields import FIELDS
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.session import events
from tornado_app.session.config import PictureRules
from tornado_app.session.relaying.outstanding import KEPT
from workers.formats import AudioFormat

OWN = {"type": "function", "name": "own", "description": "Mine.", "parameters": {"type": "object"}}
PCM, PCMU = {"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}
CHOOSY = CallRules(
    Policy(
        {(name, "configure"): ALL for name in FIELDS}
        | {
            ("voice", "configure"): Grant(values=("marin", "cedar")),
            ("turn_detection", "configure"): Grant(values=("none",)),
            ("max_output_tokens", "configure"): Grant(low=1, high=500),
            ("instructions", "configure"): Grant(characters=10),
            ("speed", "configure"): Grant(low=0.9, high=1.1),
            ("output", "configure"): Grant(values=("text",)),
        },
        {},
    ),
    frozenset(),
)


DETECTION = "session.audio.input.turn_detection"
IMAGE_URL = "item.content[0].image_url"
PNG = f"data:image/png;base64,{b64encode(png()).decode()}"


def message_of(*parts):
    return {"type": "message", "role": "user", "content": list(parts)}


def update(**session):
    return {"session": {"type": "realtime", **session}}


def hearing(**fields):
    return update(audio={"input": fields})


def speaking(**fields):
    return update(audio={"output": fields})


@pytest.mark.parametrize(
    "session",
    [
        {"voice": {}},
        {"temperature": 0.8},
        {"audio": {"input": {"vad": {}}}},
        {"audio": {"output": {"speaker": "x"}}},
        {"mcp_servers": []},
        {"audio": {"output": {"voice": {"id": "marin", "x": 1}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "eagerness": "low"}}}},
        {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
        {"audio": {"input": {"turn_detection": {"x": None, "y": 1}}}},
    ],
)
def test_a_field_that_there_is_not_is_refused_as_the_api_does(session):
    call = Call().begun().asks("session.update", **update(**session), event_id="mine")

    assert [] == call.sent
    assert ("unknown_parameter", "mine") == (call.error["code"], call.error["event_id"])
    assert call.error["param"].startswith("session.")


def test_an_update_without_a_type_is_refused_for_that_first():
    call = Call().begun().asks("session.update", session={"temperature": 1})

    assert "missing_required_parameter" == call.error["code"]
    assert "session.type" == call.error["param"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        (speaking(voice="verse"), "session.audio.output.voice"),
        (speaking(voice={"id": "voice_1"}), "session.audio.output.voice"),
        (speaking(speed=1.5), "session.audio.output.speed"),
        (hearing(turn_detection={"type": "semantic_vad"}), "session.audio.input.turn_detection"),
        (hearing(turn_detection={"threshold": 0.1}), "session.audio.input.turn_detection"),
        (update(max_output_tokens=501), "session.max_output_tokens"),
        (update(instructions="longer than ten"), "session.instructions"),
        (update(output_modalities=["audio"]), "session.output_modalities"),
        (update(output_modalities=["text", "audio"]), "session.output_modalities"),
        (update(tools=[{"type": "mcp", "name": "x"}]), "session.tools[0].type"),
        (hearing(format={"type": "audio/opus"}), "session.audio.input.format.type"),
        (update(tools=[OWN, {**OWN, "name": "secret_lookup"}]), "session.tools[1].name"),
        (update(tools=[OWN, OWN]), "session.tools"),
        (update(tool_choice={"type": "function", "name": "secret_lookup"}), "session.tool_choice"),
        (update(tool_choice={"type": "mcp", "server_label": "x"}), "session.tool_choice"),
    ],
)
def test_a_value_that_a_field_may_not_have_is_refused_with_all_that_was_asked(fields, param):
    call = Call(CHOOSY, (TOOL,)).begun().asks("session.update", **fields)

    assert [] == call.sent
    assert "invalid_value" == call.error["code"]
    assert call.error["param"].startswith(param)


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        (speaking(voice="cedar"), {"audio": {"output": {"voice": "cedar"}}}),
        (hearing(turn_detection=None), {"audio": {"input": {"turn_detection": None}}}),
        (update(max_output_tokens="inf"), {"max_output_tokens": 4096}),
        (update(max_output_tokens=7), {"max_output_tokens": 7}),
        (update(instructions="Be brief."), {"instructions": "Be brief."}),
        (update(instructions=""), {"instructions": SECRET}),
        (update(tracing="auto", prompt={"id": "p"}, model="gpt-9"), {}),
        (hearing(noise_reduction=None), {"audio": {"input": {"noise_reduction": None}}}),
        (hearing(transcription={"model": "whisper-1"}), {"audio": {"input": {}}}),
        (update(truncation="disabled"), {"truncation": "disabled"}),
        (update(audio=None), {}),
        (hearing(format={"type": "audio/pcmu"}), {"audio": {"input": {"format": PCMU}}}),
        (hearing(format={"rate": 24000}), {"audio": {"input": {"format": {"rate": 24000}}}}),
    ],
)
def test_what_a_client_may_have_is_asked_for(fields, sent):
    call = Call(CHOOSY).begun().asks("session.update", **fields)

    assert [] == call.shown
    assert [{"type": "realtime", **sent}] == [each["session"] for each in call.sent]


@pytest.mark.parametrize("nothing", [None, "", []])
def test_a_field_is_set_back_to_what_the_call_began_with(nothing):
    """As the API sets it back to a default: here it is the operator's, or the token's."""
    begun = model_session(
        instructions=SECRET, voice="ash", speed=1.2, output="text", max_output_tokens=9
    )
    names = ["instructions", "output_modalities", "max_output_tokens", "tool_choice", "tools"]
    speech = {"voice": nothing, "speed": nothing, "format": nothing}
    audio = {"input": {"format": nothing, "turn_detection": nothing}, "output": speech}
    call = Call(CHOOSY, (TOOL,), model_session=begun).begun()
    call.asks("session.update", **update(audio=audio, **dict.fromkeys(names, nothing)))

    assert [] == call.shown
    session = call.sent[0]["session"]
    assert [TOOL.name] == [tool["name"] for tool in session.pop("tools")]
    assert {
        "type": "realtime",
        "instructions": SECRET,
        "output_modalities": ["text"],
        "max_output_tokens": 9,
        "tool_choice": "auto",
        "audio": {
            "input": {"format": PCM, "turn_detection": nothing},
            "output": {"voice": "ash", "speed": 1.2, "format": PCM},
        },
    } == session


def test_null_in_an_answer_leaves_what_the_session_has():
    names = ["instructions", "output_modalities", "max_output_tokens", "tool_choice", "tools"]
    speech = {"voice": None, "format": None}
    call = Call(CHOOSY).begun()
    call.asks("response.create", response={**dict.fromkeys(names), "audio": {"output": speech}})

    assert {"audio": {"output": {}}} == call.sent[0]["response"]


@pytest.mark.parametrize(
    "fields",
    [
        update(instructions="Tell all."),
        update(tools=[OWN], tool_choice="required"),
        update(max_output_tokens="inf"),
        update(output_modalities=["text"]),
        hearing(turn_detection=None, format={"type": "audio/pcmu"}),
        speaking(voice="verse", speed=1.5, format={"type": "audio/pcmu"}),
    ],
)
def test_what_is_not_the_clients_to_set_is_left_out_and_all_else_taken(fields):
    call = Call(NOTHING).begun()
    before = len(call.all_shown)
    call.asks("session.update", session={**fields["session"], "truncation": "disabled"})

    (sent,) = call.sent
    said = json.dumps(sent["session"])
    assert {"type", "truncation"} <= sent["session"].keys()
    assert not any(word in said for word in ("Tell", "own", "inf", "text", "pcmu", "verse", "null"))
    assert before == len(call.all_shown)


def test_tools_of_the_server_stay_beside_those_of_the_client():
    call = Call(tools=(TOOL,)).begun().asks("session.update", **update(tools=[OWN]))

    assert ["secret_lookup", "own"] == [tool["name"] for tool in call.sent[0]["session"]["tools"]]


def test_a_client_is_shown_what_is_in_force_but_for_what_is_the_operators():
    call = Call(tools=(TOOL,)).begun()
    call.asks("session.update", **update(tools=[OWN], instructions="Be brief."))
    asked = call.sent[0]["session"]
    call.says("session.updated", session={**asked, "id": "sess_model", "voice": "x"})

    (event,) = call.shown
    assert "session.updated" == event["type"]
    assert ("sess_1", "Be brief.") == (event["session"]["id"], event["session"]["instructions"])
    assert [OWN] == event["session"]["tools"]


def test_a_choice_of_a_tool_of_the_servers_is_shown_as_one_of_the_model():
    """Its name is nothing that the client may learn."""
    call = Call(tools=(TOOL,)).begun()
    call.says("session.updated", session={"tool_choice": {"type": "function", "name": TOOL.name}})
    assert "auto" == call.shown[-1]["session"]["tool_choice"]

    own = {"type": "function", "name": "own"}
    call.says("session.updated", session={"tool_choice": own})
    assert own == call.shown[-1]["session"]["tool_choice"]


def test_an_answer_may_differ_as_far_as_a_session_may():
    call = Call(CHOOSY, (TOOL,)).begun()
    asked = {"voice": "verse"}

    call.asks("response.create", response={"audio": {"output": asked}}, event_id="mine")
    assert ("invalid_value", "mine") == (call.error["code"], call.error["event_id"])

    call.asks("response.create", response={"tools": [OWN], "instructions": "", "metadata": {}})
    assert ["secret_lookup", "own"] == [t["name"] for t in call.sent[0]["response"]["tools"]]
    assert "instructions" not in call.sent[0]["response"]


def test_an_answer_beside_the_conversation_has_no_tools_of_the_server():
    call = Call(tools=(TOOL,)).begun()

    call.asks("response.create", response={"conversation": "none", "input": []})

    assert {"conversation": "none", "input": [], "tools": []} == call.sent[0]["response"]


ITEMS = {
    "system": {"type": "message", "role": "system", "content": []},
    "assistant": {"type": "message", "role": "assistant", "content": []},
    "call": {"type": "function_call", "call_id": "c", "name": "own", "arguments": "{}"},
    "picture": {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_image", "image_url": "data:image/png;base64,QUJD"}],
    },
}


@pytest.mark.parametrize("kind", ITEMS)
def test_an_item_that_is_not_the_clients_to_bring_is_refused(kind):
    call = Call(NOTHING).begun().asks("conversation.item.create", item=ITEMS[kind], event_id="e")

    assert [] == call.sent
    assert ("permission_denied", "e") == (call.error["code"], call.error["event_id"])

    call.asks("response.create", response={"input": [ITEMS[kind]]})
    assert "permission_denied" == call.error["code"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "mcp_approval_response", "approve": True},
        {"type": "message", "role": "developer", "content": []},
        {"type": "new_thing"},
        {"id": "parley_tool_1", **ITEMS["assistant"]},
        "nothing",
    ],
)
def test_an_item_that_there_is_not_is_refused(item):
    call = Call().begun().asks("conversation.item.create", item=item)

    assert [] == call.sent
    assert call.error["code"] in {"invalid_value", "invalid_type"}


@pytest.mark.parametrize(
    ("kind", "fields", "param"),
    [
        ("session.update", {}, "session"),
        ("session.update", update(tools=[{"name": "own"}]), "session.tools[0].type"),
        ("session.update", update(tools=[{"type": "function"}]), "session.tools[0].name"),
        ("conversation.item.create", {"item": {"role": "user"}}, "item.type"),
        ("conversation.item.create", {"item": {"type": "message"}}, "item.role"),
        ("response.create", {"response": {"input": [{}]}}, "response.input[0].type"),
        ("session.update", update(tool_choice={}), "session.tool_choice.type"),
        (
            "session.update",
            update(tool_choice={"type": "function"}),
            "session.tool_choice.name",
        ),
        ("session.update", speaking(voice={}), "session.audio.output.voice.id"),
        ("conversation.item.create", {"item": message_of({"type": "input_image"})}, IMAGE_URL),
    ],
)
def test_what_is_missing_is_named(kind, fields, param):
    call = Call(pictures=PictureRules(are_allowed=True)).begun()
    call.asks(kind, **fields, event_id="mine")

    assert [] == call.sent
    error = {name: call.error[name] for name in ("code", "param", "event_id")}
    assert {"code": "missing_required_parameter", "param": param, "event_id": "mine"} == error


def test_turn_detection_that_is_off_is_switched_on_by_its_type():
    """Without one there is nothing that its fields could be of."""
    call = Call(model_session=model_session(turn_detection="none")).begun()
    call.asks("session.update", **hearing(turn_detection={"threshold": 0.5}))

    assert [] == call.sent
    error = (call.error["code"], call.error["param"])
    assert ("missing_required_parameter", f"{DETECTION}.type") == error


@pytest.mark.parametrize(
    ("image_url", "code"),
    [
        ("data:image/gif;base64,QUJD", "invalid_value"),
        ("data:image/png;base64,QUJD", "invalid_value"),
        ("data:image/png;base64,!", "invalid_value"),
        (f"data:image/png;base64,{'QUJD' * 1_000}", "request_too_large"),
    ],
)
def test_a_picture_that_is_not_taken_is_named_where_it_stands(image_url, code):
    rules = PictureRules(are_allowed=True, size_bytes=1_000)
    call = Call(pictures=rules).begun()
    picture = {"type": "input_image", "image_url": image_url}
    item = message_of({"type": "input_text", "text": "?"}, picture)
    call.asks("conversation.item.create", item=item)
    assert (code, "item.content[1].image_url") == (call.error["code"], call.error["param"])

    call.asks("response.create", response={"conversation": "none", "input": [item]})
    where = "response.input[0].content[1].image_url"
    assert (code, where) == (call.error["code"], call.error["param"])
    assert [] == call.sent


@pytest.mark.parametrize("own", ["realtime", "transcription"])
def test_an_update_for_the_other_type_of_session_is_refused_for_that_first(own):
    (other,) = {"realtime", "transcription"} - {own}
    call = Call(model_session=model_session(session=own, transcription_model="t")).begun()
    call.asks("session.update", session={"type": other, "new": 1}, event_id="mine")

    assert [] == call.sent
    assert ("invalid_parameter", "session.type") == (call.error["code"], call.error["param"])


@pytest.mark.parametrize(
    ("kind", "fields", "param"),
    [
        ("session.update", {"session": "x"}, "session"),
        ("session.update", update(audio=[1]), "session.audio"),
        ("session.update", update(tools=["x"]), "session.tools[0]"),
        (
            "session.update",
            update(tools=[{"type": "function", "name": 1}]),
            "session.tools[0].name",
        ),
        ("session.update", hearing(format="pcm16"), "session.audio.input.format"),
        ("session.update", hearing(turn_detection="auto"), "session.audio.input.turn_detection"),
        ("session.update", speaking(voice=1), "session.audio.output.voice"),
        ("session.update", speaking(speed="fast"), "session.audio.output.speed"),
        ("session.update", speaking(speed=True), "session.audio.output.speed"),
        ("session.update", update(instructions=["x"]), "session.instructions"),
        ("session.update", update(output_modalities="text"), "session.output_modalities"),
        ("session.update", update(max_output_tokens=1.5), "session.max_output_tokens"),
        ("session.update", update(tool_choice=1), "session.tool_choice"),
        ("response.create", {"response": {"instructions": {"x": 1}}}, "response.instructions"),
        ("conversation.item.create", {"item": "x"}, "item"),
        ("response.create", {"response": {"input": {}}}, "response.input"),
        ("response.create", {"response": {"instructions": {}}}, "response.instructions"),
        ("response.create", {"response": {"instructions": False}}, "response.instructions"),
        ("session.update", hearing(format={"type": 1}), "session.audio.input.format.type"),
        ("session.update", update(tools=[{"type": 1}]), "session.tools[0].type"),
        ("session.update", update(tool_choice={"type": 1}), "session.tool_choice.type"),
        ("session.update", speaking(voice={"id": 1}), "session.audio.output.voice.id"),
        ("session.update", hearing(turn_detection={"type": ["x"]}), f"{DETECTION}.type"),
        ("session.update", hearing(turn_detection={"threshold": "0.5"}), f"{DETECTION}.threshold"),
        (
            "session.update",
            hearing(turn_detection={"type": "server_vad", "silence_duration_ms": 500.0}),
            f"{DETECTION}.silence_duration_ms",
        ),
        (
            "session.update",
            hearing(turn_detection={"type": "semantic_vad", "eagerness": 1}),
            f"{DETECTION}.eagerness",
        ),
        (
            "session.update",
            hearing(turn_detection={"create_response": 1}),
            f"{DETECTION}.create_response",
        ),
        ("conversation.item.create", {"item": {"type": ["message"]}}, "item.type"),
        ("conversation.item.create", {"item": {"type": "message", "role": None}}, "item.role"),
        (
            "conversation.item.create",
            {"item": message_of({"type": "input_image", "image_url": 1})},
            IMAGE_URL,
        ),
    ],
)
def test_a_value_of_another_type_is_named(kind, fields, param):
    call = Call(pictures=PictureRules(are_allowed=True)).begun().asks(kind, **fields)

    assert [] == call.sent
    assert ("invalid_type", param) == (call.error["code"], call.error["param"])


def test_who_writes_down_goes_on_where_an_update_names_nobody():
    """Be the one before confirmed or not; where nobody does, it is the operator's."""
    begun = model_session(transcription_model="house-transcribe")
    call = Call(model_session=begun, transcription_models=("other-transcribe",)).begun()
    other, speaks = {"model": "other-transcribe"}, {"language": "de"}
    house = {**speaks, "model": "house-transcribe"}

    for asked, sent in ((speaks, house), (other, other), (speaks, speaks), (None, None)):
        call.asks("session.update", **hearing(transcription=asked))
        assert sent == call.sent[0]["session"]["audio"]["input"]["transcription"]
    for _ in range(4):
        call.says("session.updated", session={})
    for asked, sent in ((speaks, house), (speaks, speaks)):
        call.asks("session.update", **hearing(transcription=asked))
        assert sent == call.sent[0]["session"]["audio"]["input"]["transcription"]
        call.says("session.updated", session={})


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"model": "whisper-1"}, {"model": "house-transcribe"}),
        (
            {"model": "other-transcribe", "delay": "low"},
            {"model": "other-transcribe", "delay": "low"},
        ),
        ({"model": "house-transcribe", "keywords": ["x"]}, None),
        (
            {"model": "gpt-live", "language": "de", "prompt": "p", "delay": "low", "keywords": []},
            {"model": "house-transcribe", "language": "de", "prompt": "p"},
        ),
        ({"language": "de"}, None),
        ({"language": ""}, None),
    ],
)
@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_who_writes_down_is_one_that_the_operator_pays_for(kind, asked, sent):
    begun = model_session(transcription_model="house-transcribe", session=kind)
    call = Call(model_session=begun, transcription_models=("other-transcribe",)).begun()

    audio = {"input": {"transcription": asked}}
    call.asks("session.update", session={"type": kind, "audio": audio})

    assert [] == call.shown
    unnamed = {"model": "house-transcribe"} if kind == "realtime" and "model" not in asked else {}
    wanted = {**(sent or asked), **unnamed}
    assert wanted == call.sent[0]["session"]["audio"]["input"]["transcription"]


def test_who_writes_down_is_whom_the_token_has_fixed():
    """As with all else that it sets, and does not leave to its client."""
    begun = model_session(transcription_model="token-transcribe")
    rules = replace(EVERYTHING, fixed=frozenset({"transcription_model"}))
    call = Call(rules, model_session=begun, transcription_models=("other-transcribe",)).begun()

    call.asks("session.update", **hearing(transcription={"model": "other-transcribe"}))

    asked = call.sent[0]["session"]["audio"]["input"]["transcription"]
    assert {"model": "token-transcribe"} == asked


def test_who_writes_down_is_named_by_a_text():
    begun = model_session(transcription_model="house-transcribe")
    call = Call(model_session=begun).begun()

    call.asks("session.update", **hearing(transcription={"model": {"id": "x"}}))

    assert ("invalid_type", []) == (call.error["code"], call.sent)


def test_another_upstream_writes_down_with_its_own():
    """Each has words of its own for what a client has asked for, before a loss and behind it."""
    own = Upstream("second", voices={"cedar": "its_cedar"}, transcription_model="its-transcribe")
    begun = model_session(transcription_model="house-transcribe")
    call = Call(model_session=begun).begun()
    audio = {"input": {"transcription": {"model": "x"}}, "output": {"voice": "cedar"}}
    call.asks("session.update", session={"type": "realtime", "audio": audio})
    call.says("session.updated", session={})

    call.loses_model().feed(events.UpstreamOpened(5.0, upstream=own))
    again = call.sent[0]["session"]["audio"]
    call.says("session.created", session={"id": "x"}).says("session.updated", session={})
    call.asks("session.update", session={"type": "realtime", "audio": audio})

    for there in (again, call.sent[0]["session"]["audio"]):
        assert "its-transcribe" == there["input"]["transcription"]["model"]
        assert "its_cedar" == there["output"]["voice"]


@pytest.mark.parametrize("kind", ["retrieve", "delete", "truncate"])
def test_an_item_that_is_hidden_is_one_that_there_is_not(kind):
    call = Call().begun()

    call.asks(f"conversation.item.{kind}", item_id="parley_tool_1", event_id="mine")

    assert [] == call.sent
    assert (f"item_{kind}_invalid_item_id", "mine") == (call.error["code"], call.error["event_id"])


@pytest.mark.parametrize(
    "kind",
    ["transcription_session.update", "session.close", "session.input_audio_buffer.append"],
)
def test_events_of_other_dialects_are_not_served(kind):
    """They would get past what is judged, counted or mended."""
    call = Call().begun().asks(kind, session={"instructions": "x"}, audio="QUJD")

    assert [] == call.sent
    assert "invalid_value" == call.error["code"]


def test_a_call_that_only_transcribes_is_asked_for_no_answer():
    """A server that would give one would have it paid for."""
    only = model_session(session="transcription", transcription_model="t")
    call = Call(model_session=only).begun().asks("response.create", event_id="mine")

    assert [] == call.sent
    assert ("invalid_value", "mine") == (call.error["code"], call.error["event_id"])


def test_the_next_model_is_begun_with_what_the_client_has_set():
    call = Call(EVERYTHING, (TOOL,), model_session=model_session(instructions=SECRET)).begun()
    call.asks("session.update", **update(tools=[OWN], audio={"output": {"voice": "cedar"}}))
    call.says("session.updated", session={})
    call.asks("session.update", **update(audio={"output": {"voice": "verse"}}))
    call.says("error", error={"code": "x", "event_id": call.sent[0]["event_id"]})

    call.loses_model()
    call.feed_opened()

    session = call.sent[0]["session"]
    assert "cedar" == session["audio"]["output"]["voice"]
    assert ["secret_lookup", "own"] == [tool["name"] for tool in session["tools"]]
    assert SECRET == session["instructions"]


@pytest.mark.parametrize(
    ("name", "updates", "begun"),
    [
        (
            "turn_detection",
            [
                {"type": "server_vad", "threshold": 0.4},
                {"type": "semantic_vad", "eagerness": "low"},
            ],
            {"type": "semantic_vad", "eagerness": "low"},
        ),
        (
            "turn_detection",
            [{"type": "semantic_vad", "eagerness": "low"}, {"type": "server_vad"}],
            {"type": "server_vad"},
        ),
        (
            "turn_detection",
            [{"type": "server_vad", "threshold": 0.4}, {"silence_duration_ms": 700}],
            {"type": "server_vad", "threshold": 0.4, "silence_duration_ms": 700},
        ),
        (
            "turn_detection",
            [{"type": "server_vad", "threshold": 0.4}, None, {"type": "server_vad"}],
            {"type": "server_vad"},
        ),
        ("format", [PCM, PCMU], PCMU),
        ("format", [PCMU, PCM], PCM),
    ],
)
def test_the_next_model_is_asked_for_nothing_of_a_type_that_is_no_more(name, updates, begun):
    """Each type has its own fields, and a model refuses all for one that it does not know."""
    call = Call().begun()
    for wanted in updates:
        call.asks("session.update", **hearing(**{name: wanted}))
        call.says("session.updated", session={})

    call.loses_model().feed_opened()

    assert begun == call.sent[0]["session"]["audio"]["input"][name]


@pytest.mark.parametrize(
    ("begun", "wanted"),
    [
        ({"vad_silence_ms": 700}, {"turn_detection": {"type": "semantic_vad"}}),
        ({"session": "transcription", "transcription_model": "t"}, {"format": PCMU}),
    ],
)
def test_nor_of_a_type_that_the_call_began_with(begun, wanted):
    """What it begins with is said field by field where it is not the API's own."""
    call = Call(model_session=model_session(instructions=SECRET, **begun)).begun()
    kind = call.all_sent[0]["session"]["type"]
    call.asks("session.update", session={"type": kind, "audio": {"input": wanted}})
    call.says("session.updated", session={})

    call.loses_model().feed_opened()

    asked = call.sent[0]["session"]["audio"]["input"]
    assert wanted == {name: asked[name] for name in wanted}


def test_what_is_taken_behind_an_update_that_was_refused_is_what_is_in_force():
    """Each answer of the model is about the oldest that it has not refused."""
    call = Call().begun()
    call.asks("session.update", **update(audio={"output": {"voice": "verse"}}))
    call.says("error", error={"code": "x", "event_id": call.sent[0]["event_id"]})
    call.asks("session.update", **update(audio={"output": {"voice": "cedar"}}))
    call.says("session.updated", session={})

    call.loses_model().feed_opened()

    assert "cedar" == call.sent[0]["session"]["audio"]["output"]["voice"]


def test_an_update_that_the_model_had_not_answered_is_asked_of_the_next():
    call = Call().begun()
    call.asks("session.update", **update(instructions="Be brief."))
    call.loses_model().finds_model()

    (asked,) = [e for e in call.sent if e.get("event_id", "").startswith("parley_relayed")]
    assert "Be brief." == asked["session"]["instructions"]
    assert [] == call.shown
    call.says("session.updated", session={"instructions": "Be brief."})
    assert "Be brief." == call.shown[0]["session"]["instructions"]


def test_an_answer_of_which_something_is_left_out_keeps_the_name_that_the_client_gave():
    call = Call(NOTHING).begun()
    call.asks("response.create", event_id="mine", response={"instructions": "Tell all."})

    assert [{"type": "response.create", "event_id": "mine", "response": {}}] == call.sent


@pytest.mark.parametrize("kind", ["session.update", "response.create"])
def test_a_tool_that_the_model_knows_of_the_client_may_be_chosen_without_being_named_again(kind):
    call = Call(tools=(TOOL,)).begun().asks("session.update", **update(tools=[OWN]))
    call.says("session.updated", session={})
    choice = {"tool_choice": {"type": "function", "name": "own"}}
    fields = update(**choice) if kind == "session.update" else {"response": choice}

    call.asks(kind, **fields)

    assert [] == call.shown
    assert choice.items() <= call.sent[0][kind.partition(".")[0]].items()


PAINT = {"type": "function", "name": "paint"}
CHOICE = {"type": "function", "name": "paint"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("session.update", update(tool_choice=CHOICE)),
        ("response.create", {"response": {"tool_choice": CHOICE}}),
    ],
)
def test_what_is_asked_at_once_behind_an_update_is_judged_by_it(kind, fields):
    """The model takes events in order; a client need not wait for what it answers."""
    call = Call(tools=(TOOL,)).begun().asks("session.update", **update(tools=[OWN]))
    call.asks("session.update", **update(tools=[PAINT]), event_id="paint")
    call.asks("session.update", **update(truncation="auto"))

    call.asks(kind, **fields)
    assert ([], [kind]) == (call.shown, [each["type"] for each in call.sent])

    call.says("error", error={"code": "x", "event_id": "paint"})
    call.asks(kind, **fields)
    assert ("invalid_value", []) == (call.error["code"], call.sent)


def test_a_tool_that_is_to_go_is_none_that_may_be_chosen():
    call = Call().begun().asks("session.update", **update(tools=[PAINT]))
    call.says("session.updated", session={})
    call.asks("session.update", **update(tools=[]))

    call.asks("response.create", response={"tool_choice": CHOICE})

    assert ("invalid_value", []) == (call.error["code"], call.sent)


def test_an_answer_beside_the_conversation_has_tools_of_which_the_model_has_said_nothing_yet():
    call = Call(tools=(TOOL,)).begun().asks("session.update", **update(tools=[OWN]))

    call.asks("response.create", response={"conversation": "none"})

    assert [OWN] == call.sent[0]["response"]["tools"]


@pytest.mark.parametrize(
    ("before", "part", "code"),
    [
        ([None], {"threshold": 0.2}, "missing_required_parameter"),
        ([{"type": "semantic_vad"}], {"eagerness": "low"}, None),
        ([{"type": "semantic_vad"}], {"threshold": 0.2}, "unknown_parameter"),
        ([{"type": "semantic_vad"}, {"eagerness": "low"}], {"eagerness": "high"}, None),
        ([None, {"type": "server_vad"}], {"threshold": 0.2}, None),
    ],
)
def test_a_part_of_a_turn_detection_is_judged_by_the_one_asked_for_last(before, part, code):
    call = Call().begun()
    for detection in before:
        call.asks("session.update", **hearing(turn_detection=detection))

    call.asks("session.update", **hearing(turn_detection=part))

    assert [code] * bool(code) == [event["error"]["code"] for event in call.shown]
    assert [] == call.sent if code else call.sent


def test_a_client_is_shown_what_the_model_has_taken_and_nothing_else():
    call = Call().begun().asks("session.update", **update(tools=[OWN], instructions="Be brief."))
    call.asks("session.update", **update(tools=[PAINT], instructions="Sing."))

    call.says("session.updated", session={"instructions": SECRET, "tools": [OWN]})

    session = call.shown[0]["session"]
    assert ("Be brief.", [OWN]) == (session["instructions"], session["tools"])


def test_instructions_that_are_set_back_are_shown_as_none():
    """What the model goes by is the operator's then."""
    call = Call().begun().asks("session.update", **update(instructions=""))
    call.says("session.updated", session={"instructions": SECRET})

    assert "" == call.shown[0]["session"]["instructions"]


def test_a_transcript_is_counted_for_the_model_that_was_asked_for_last():
    """Also when it is not asked any more: turns are under way."""
    begun = model_session(transcription_model="first")
    call = Call(model_session=begun, transcription_models=("second", "third")).begun()
    for transcription in ({"model": "second"}, {"model": "third"}, None):
        call.asks("session.update", **hearing(transcription=transcription))
        call.says("session.updated", session={"type": "realtime"})
    done = "conversation.item.input_audio_transcription.completed"
    call.says(done, item_id="item_u", transcript="Hello.", usage={"type": "duration", "seconds": 1})

    assert ["third"] == [line["asked_model"] for line in lines(call, "transcribed")]


def test_a_prompt_of_the_operators_is_shown_as_none():
    call = Call().begun().says("session.updated", session={"prompt": {"id": "OYSTER"}})

    assert call.shown[0]["session"]["prompt"] is None


@pytest.mark.parametrize("waits", [False, True])
def test_several_updates_may_have_one_name(waits):
    """A client that numbers none: of one that is refused the next is none the worse."""
    call = Call(source=AudioFormat("pcm16", 16_000)).begun()
    if waits:
        call.asks("input_audio_buffer.append", audio="AAAA" * 100)
    for text in ("Be brief.", "Be kind."):
        call.asks("session.update", event_id="mine", **update(instructions=text))
    if waits:
        call.hears_back(20)
    refused = [each for each in call.all_sent if each["type"] == "session.update"][-2]
    error = {"type": "invalid_request_error", "code": "x", "message": "No."}
    call.says("error", error={**error, "event_id": refused["event_id"]})
    assert "mine" == call.error["event_id"]
    call.says("session.updated", **update(instructions="Be kind."))

    assert "Be kind." == call.shown[0]["session"]["instructions"]
    call.loses_model().finds_model()
    told = [each["session"] for each in call.sent if each["type"] == "session.update"]
    assert ["Be kind."] == [session["instructions"] for session in told]


def test_an_update_is_in_force_however_much_is_asked_behind_it():
    """Of that the oldest is not asked of a next model, and this one is begun with the update."""
    call = Call(messages_per_s=1e6, message_burst=1e6).begun()
    call.asks("session.update", **update(instructions="Be brief."))
    for _ in range(KEPT):
        call.asks("conversation.item.create", item=message_of({"type": "input_text", "text": "Hi"}))
    call.says("session.updated", **update(instructions="Be brief."))
    assert "Be brief." == call.shown[0]["session"]["instructions"]
    call.loses_model().finds_model()

    told = [each["session"] for each in call.sent if each["type"] == "session.update"]
    assert ["Be brief."] == [session["instructions"] for session in told]


@pytest.mark.parametrize("is_for_answer", [False, True])
@pytest.mark.parametrize(
    ("rules", "second"),
    [
        (PictureRules(are_allowed=True, per_call=1), PNG),
        (PictureRules(are_allowed=True, per_call=9, per_minute=1), PNG),
        (PictureRules(are_allowed=True, per_call=1), "data:image/png;base64,QUJD"),
    ],
)
def test_of_pictures_that_come_together_none_counts_if_one_is_refused(rules, second, is_for_answer):
    """The event is not taken, and the first may be shown again."""
    call = Call(pictures=rules).begun()
    first = message_of({"type": "input_image", "image_url": PNG})
    both = message_of(*first["content"], {"type": "input_image", "image_url": second})
    if is_for_answer:
        call.asks("response.create", response={"conversation": "none", "input": [both]})
    else:
        call.asks("conversation.item.create", item=both)
    assert call.error["param"].endswith(".content[1].image_url")
    assert not lines(call, "picture_taken")

    call.asks("conversation.item.create", item=first)
    assert [first] == [each["item"] for each in call.sent]
    assert 1 == len(lines(call, "picture_taken"))


def test_a_picture_of_an_event_that_is_refused_counts_for_nothing():
    """For whatever else it is refused."""
    call = Call(pictures=PictureRules(are_allowed=True, per_call=1)).begun()
    item = message_of({"type": "input_image", "image_url": PNG})
    call.asks("conversation.item.create", item=item, previous_item_id="parley_hidden")
    assert "error" == call.shown[0]["type"]

    assert [item] == [
        each["item"] for each in call.asks("conversation.item.create", item=item).sent
    ]
    assert "error" == call.asks("conversation.item.create", item=item).shown[0]["type"]


def test_what_the_client_says_next_is_in_the_format_that_it_has_asked_for():
    """Whoever listens in hears it so; what the model says is when it has said so."""
    call = Call().begun().asks("session.update", **hearing(format=PCMU))
    assert ("pcmu", "pcm16") == call.session.sound_formats

    call.asks("session.update", **hearing(format=PCM))
    call.says("session.updated", session={"audio": {"input": {"format": PCMU}}})
    assert ("pcm16", "pcm16") == call.session.sound_formats
