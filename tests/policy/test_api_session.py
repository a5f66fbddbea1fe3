"""Tests of api_session.py, api_words.py, api_audio.py, api_tools.py of tornado_app/policy."""

from dataclasses import replace

import pytest

from tests.session.story import model_session
from tornado_app.policy.api_session import narrow_response, narrow_session
from tornado_app.policy.api_words import Standing
from tornado_app.policy.fields import FIELDS
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol.realtime.api_errors import ApiRefusal
from tornado_app.protocol.realtime.model_session import OneFunction

BEGUN = model_session(instructions="Be brief.", voice="marin", max_output_tokens=4096)
PCM = {"type": "audio/pcm", "rate": 24_000}
SERVERS = {"type": "function", "name": "lookup"}
OWN = {"type": "function", "name": "own"}


def standing(*names: str, values: dict[str, Grant] | None = None, **changes) -> Standing:
    """A client that may set fields of these *names*, all if there are none, within *values*."""
    grants = dict.fromkeys(names or FIELDS, ALL) | (values or {})
    policy = Policy({(name, "configure"): grant for name, grant in grants.items()}, {})
    rules = CallRules(policy, frozenset(), taken=frozenset({"lookup"}))
    return replace(Standing(rules, BEGUN, "server_vad"), **changes)


NOTHING = standing("record")
WRITES = {
    "only_transcribes": True,
    "transcription_models": ("ears", "large"),
    "is_written_down": True,
}


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({}, {}),
        ({"model": "gpt-9", "tracing": "auto", "prompt": {"id": "p"}}, {}),
        (
            {"include": ["x"], "truncation": "disabled"},
            {"include": ["x"], "truncation": "disabled"},
        ),
        ({"instructions": "Sing."}, {"instructions": "Sing."}),
        ({"instructions": None}, {"instructions": "Be brief."}),
        ({"instructions": ""}, {"instructions": "Be brief."}),
        ({"max_output_tokens": 7}, {"max_output_tokens": 7}),
        ({"max_output_tokens": "inf"}, {"max_output_tokens": 4096}),
        ({"max_output_tokens": None}, {"max_output_tokens": 4096}),
        ({"output_modalities": ["text"]}, {"output_modalities": ["text"]}),
        ({"output_modalities": None}, {"output_modalities": ["audio"]}),
        ({"tools": [OWN]}, {"tools": [OWN]}),
        ({"tools": None}, {"tools": []}),
        ({"tool_choice": "none"}, {"tool_choice": "none"}),
        ({"tool_choice": None}, {"tool_choice": "auto"}),
        ({"audio": None}, {}),
        ({"audio": {"input": None}}, {"audio": {}}),
    ],
)
def test_what_a_session_is_asked_to_be(asked, taken):
    """What sets a field back brings what the call began with."""
    wanted = narrow_session({"type": "realtime", **asked}, standing())

    assert {"type": "realtime", **taken} == wanted


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({"output": {"voice": "ash", "speed": 1.5}}, ...),
        ({"output": {"voice": {"id": "ash"}}}, ...),
        ({"output": {"voice": None}}, {"output": {"voice": "marin"}}),
        ({"output": {"speed": None}}, {"output": {"speed": BEGUN.speed}}),
        ({"output": {"format": {"type": "audio/pcmu"}}}, ...),
        ({"output": {"format": None}}, {"output": {"format": PCM}}),
        ({"input": {"format": {"type": "audio/pcma"}}}, ...),
        ({"input": {"format": {"rate": 24_000}}}, ...),
        ({"input": {"noise_reduction": None}}, ...),
        ({"input": {"turn_detection": None}}, ...),
        ({"input": {"turn_detection": {"threshold": 0.7}}}, ...),
        ({"input": {"turn_detection": {"type": "server_vad", "threshold": None}}}, ...),
    ],
)
def test_what_its_audio_is_asked_to_be(asked, taken):
    """By the names of the API, both ways."""
    wanted = narrow_session({"type": "realtime", "audio": asked}, standing())

    assert (asked if taken is ... else taken) == wanted["audio"]


@pytest.mark.parametrize(
    "asked",
    [
        {"instructions": "Sing."},
        {"instructions": None},
        {"max_output_tokens": 7},
        {"max_output_tokens": "inf"},
        {"output_modalities": ["text"]},
        {"tools": [OWN]},
        {"tools": None},
        {"tool_choice": "required"},
        {"audio": {"output": {"voice": "ash", "speed": 1.5, "format": {"type": "audio/pcmu"}}}},
        {"audio": {"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}}},
        {"audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    ],
)
def test_what_is_not_the_clients_to_set_is_left_out(asked):
    """Without a word: stock clients say all that they know of."""
    wanted = narrow_session({"type": "realtime", **asked}, NOTHING)

    assert {"type": "realtime"} == {k: v for k, v in wanted.items() if k != "audio"}
    assert not any(wanted.get("audio", {}).values())


def test_formats_that_the_gateway_converts_are_its_own():
    """Whatever the client may set besides, one way or the other."""
    formats = {"type": "audio/pcmu"}
    asked = {
        "type": "realtime",
        "audio": {"input": {"format": formats}, "output": {"format": formats}},
    }

    into = narrow_session(asked, standing(converts_input=True))
    assert {"input": {}, "output": {"format": formats}} == into["audio"]
    out = narrow_session(asked, standing(converts_output=True))
    assert {"input": {"format": formats}, "output": {}} == out["audio"]


@pytest.mark.parametrize(
    ("asked", "word", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ([], "invalid_type", "session"),
        ({"type": "transcription"}, "invalid_parameter", "session.type"),
        ({"type": "realtime", "x" * 99: 1}, "unknown_parameter", f"session.{'x' * 64}"),
        ({"type": "realtime", "instructions": 1}, "invalid_type", "session.instructions"),
        (
            {"type": "realtime", "max_output_tokens": 0},
            "invalid_value",
            "session.max_output_tokens",
        ),
        (
            {"type": "realtime", "max_output_tokens": True},
            "invalid_type",
            "session.max_output_tokens",
        ),
        ({"type": "realtime", "output_modalities": "text"}, "invalid_type", None),
        (
            {"type": "realtime", "output_modalities": ["text", "audio"]},
            "invalid_value",
            "session.output_modalities",
        ),
        ({"type": "realtime", "output_modalities": ["smell"]}, "invalid_value", None),
        ({"type": "realtime", "audio": []}, "invalid_type", "session.audio"),
        ({"type": "realtime", "audio": {"both": {}}}, "unknown_parameter", "session.audio.both"),
        (
            {"type": "realtime", "audio": {"output": {"speed": 9.0}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": 1}}},
            "invalid_type",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "mp3"}}}},
            "invalid_value",
            "session.audio.output.format.type",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": "server_vad"}}},
            "invalid_type",
            "session.audio.input.turn_detection",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"threshold": 9}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        ({"type": "realtime", "tools": {}}, "invalid_type", "session.tools"),
        ({"type": "realtime", "tools": ["own"]}, "invalid_type", "session.tools[0]"),
        (
            {"type": "realtime", "tools": [{"name": "own"}]},
            "missing_required_parameter",
            "session.tools[0].type",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function"}]},
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        (
            {"type": "realtime", "tools": [OWN, {"type": "mcp", "name": "m"}]},
            "invalid_value",
            "session.tools[1].type",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function", "name": 1}]},
            "invalid_type",
            "session.tools[0].name",
        ),
        ({"type": "realtime", "tools": [SERVERS]}, "invalid_value", "session.tools[0].name"),
        ({"type": "realtime", "tool_choice": 1}, "invalid_type", "session.tool_choice"),
        (
            {"type": "realtime", "tool_choice": SERVERS},
            "invalid_value",
            "session.tool_choice.name",
        ),
    ],
)
def test_what_may_not_be_is_refused_by_its_place(asked, word, param):
    """With a word of the API, and all that was asked with it."""
    with pytest.raises(ApiRefusal) as caught:
        narrow_session(asked, standing(server_tools=(SERVERS,)))

    assert (word, "invalid_message") == (caught.value.word, caught.value.code)
    if param is not None:
        assert param == caught.value.field


@pytest.mark.parametrize(
    ("name", "grant", "asked", "param"),
    [
        ("voice", Grant(("ash",)), {"audio": {"output": {"voice": "marin"}}}, "audio.output.voice"),
        ("speed", Grant(high=1.1), {"audio": {"output": {"speed": 1.5}}}, "audio.output.speed"),
        ("instructions", Grant(characters=3), {"instructions": "Sing."}, "instructions"),
        ("tools", Grant(characters=3), {"tools": [OWN]}, "tools"),
        (
            "output_format",
            Grant(("pcm16",)),
            {"audio": {"output": {"format": {"type": "audio/pcmu"}}}},
            "audio.output.format",
        ),
    ],
)
def test_what_is_the_clients_within_limits_is_held_to_them(name, grant, asked, param):
    """Those of the operator."""
    with pytest.raises(ApiRefusal) as caught:
        narrow_session({"type": "realtime", **asked}, standing(values={name: grant}))

    assert ("invalid_value", f"session.{param}") == (caught.value.word, caught.value.field)


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({"model": "large", "prompt": "Names."}, ...),
        ({"model": "whisper-1"}, {"model": "ears"}),
        (
            {"model": "whisper-1", "language": "de", "prompt": "Names.", "delay": "low"},
            {"model": "ears", "language": "de", "prompt": "Names."},
        ),
        ({"language": "de"}, ...),
    ],
)
def test_who_writes_down_is_one_of_the_operators(asked, taken):
    """Another that a library names is the first of them, with what all understand."""
    session = {"type": "transcription", "audio": {"input": {"transcription": asked}}}
    wanted = narrow_session(session, standing(**WRITES))

    assert (asked if taken is ... else taken) == wanted["audio"]["input"]["transcription"]


@pytest.mark.parametrize(
    ("asked", "is_written_down", "taken"),
    [
        ({}, False, {"model": "ears"}),
        ({"language": "de"}, False, {"language": "de", "model": "ears"}),
        ({"model": None}, False, {"model": "ears"}),
        ({"model": None, "prompt": "Names."}, True, {"model": "ears", "prompt": "Names."}),
        ({}, True, {}),
        ({"language": "de"}, True, {"language": "de"}),
    ],
)
def test_who_names_nobody_to_write_down_has_the_operators(asked, is_written_down, taken):
    """Not one that the model would take by itself; who is asked already goes on."""
    session = {"type": "realtime", "audio": {"input": {"transcription": asked}}}
    own = standing(transcription_models=("ears", "large"), is_written_down=is_written_down)

    assert taken == narrow_session(session, own)["audio"]["input"]["transcription"]


def test_who_may_not_choose_a_language_has_none_of_its_own():
    """In either spelling."""
    asked = {"model": "large", "language": "de", "languages": ["de"]}
    session = {"type": "realtime", "audio": {"input": {"transcription": asked}}}
    wanted = narrow_session(session, replace(NOTHING, transcription_models=("large",)))

    assert {"model": "large"} == wanted["audio"]["input"]["transcription"]


@pytest.mark.parametrize("part", ["create_response", "interrupt_response", "idle_timeout_ms"])
def test_a_turn_of_a_call_that_only_transcribes_is_not_answered(part):
    """The API has no such part there; a server that has it would answer unasked."""
    detection = {"type": "server_vad", "threshold": 0.5}
    session = {"type": "transcription", "audio": {"input": {"turn_detection": detection}}}
    assert session == narrow_session(session, standing(**WRITES))
    detection[part] = 5000 if part == "idle_timeout_ms" else True
    with pytest.raises(ApiRefusal) as caught:
        narrow_session(session, standing(**WRITES))

    where = f"session.audio.input.turn_detection.{part}"
    assert ("unknown_parameter", where) == (caught.value.word, caught.value.field)


@pytest.mark.parametrize("cleared", [None, "", []])
def test_a_call_that_only_transcribes_does_not_do_without(cleared):
    """And has no voice to choose; another may do without."""
    session = {"type": "transcription", "audio": {"input": {"transcription": cleared}}}
    assert {} == narrow_session(session, standing(**WRITES))["audio"]["input"]
    with pytest.raises(ApiRefusal):
        narrow_session({"type": "transcription", "audio": {"output": {}}}, standing(**WRITES))

    other = standing(transcription_models=("ears",))
    wanted = narrow_session({**session, "type": "realtime"}, other)
    assert {"transcription": cleared} == wanted["audio"]["input"]


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        (None, {}),
        ({}, {}),
        ({"instructions": "Sing.", "metadata": {"k": "v"}}, ...),
        ({"instructions": "", "max_output_tokens": None, "tools": None, "tool_choice": None}, {}),
        (
            {"output_modalities": None, "audio": {"output": {"voice": None}}},
            {"audio": {"output": {}}},
        ),
        ({"audio": {"output": {"voice": "ash", "format": {"type": "audio/pcmu"}}}}, ...),
        ({"tools": [OWN], "tool_choice": OWN}, {"tools": [SERVERS, OWN], "tool_choice": OWN}),
        (
            {"tools": [OWN], "conversation": "auto"},
            {"tools": [SERVERS, OWN], "conversation": "auto"},
        ),
        ({"tools": [OWN], "conversation": "none"}, {"tools": [OWN], "conversation": "none"}),
        ({"conversation": "none"}, {"tools": [], "conversation": "none"}),
        ({"prompt": {"id": "p"}}, {}),
    ],
)
def test_what_one_answer_is_asked_to_be(asked, taken):
    """What it says nothing of is as the session has it; beside the conversation no tool of ours."""
    wanted = narrow_response(asked, standing(server_tools=(SERVERS,)))

    assert (asked if taken is ... else taken) == wanted


def test_an_answer_may_choose_among_the_functions_of_the_session():
    """Its client's own, and of the server's nothing is said."""
    own = standing(server_tools=(SERVERS,), client_tools=(OWN,))

    assert {"tool_choice": OWN} == narrow_response({"tool_choice": OWN}, own)
    with pytest.raises(ApiRefusal) as caught:
        narrow_response({"tool_choice": SERVERS}, own)
    assert "response.tool_choice.name" == caught.value.field


@pytest.mark.parametrize(
    ("asked", "own", "is_good"),
    [
        ({"tools": [OWN], "tool_choice": OWN}, (), True),
        ({"tools": [], "tool_choice": OWN}, (OWN,), False),
        ({"tool_choice": OWN}, (OWN,), True),
        ({"tool_choice": OWN}, (), False),
    ],
)
def test_a_session_may_choose_among_the_functions_that_it_has_then(asked, own, is_good):
    """Those that are named with the choice, or before."""
    own = standing(client_tools=own)
    if is_good:
        assert OWN == narrow_session({"type": "realtime", **asked}, own)["tool_choice"]
        return
    with pytest.raises(ApiRefusal) as caught:
        narrow_session({"type": "realtime", **asked}, own)
    assert "session.tool_choice.name" == caught.value.field


@pytest.mark.parametrize(
    ("narrowed", "beside", "left"),
    [
        (narrow_session, {"type": "realtime"}, {}),
        (narrow_response, {}, {}),
        (narrow_response, {"conversation": "none"}, {"tools": []}),
    ],
)
def test_a_choice_among_functions_that_are_left_out_is_left_out_with_them(narrowed, beside, left):
    """A client that may not set tools and says all it knows of is not refused for it."""
    may_choose = standing("tool_choice", server_tools=(SERVERS,))

    wanted = narrowed({**beside, "tools": [OWN], "tool_choice": OWN}, may_choose)

    assert {**beside, **left} == wanted


@pytest.mark.parametrize("tools", [[SERVERS], [1], 1, None, ...])
def test_a_function_that_nobody_names_is_refused_as_ever(tools):
    """Whatever stands in the place of the tools that are left out."""
    asked = {"tool_choice": OWN} if tools is ... else {"tools": tools, "tool_choice": OWN}

    with pytest.raises(ApiRefusal) as caught:
        narrow_response(asked, standing("tool_choice"))

    assert "response.tool_choice.name" == caught.value.field


def test_a_choice_is_set_back_to_a_function_of_the_servers():
    """Which the call began with, and of which the client knows nothing."""
    begun = replace(BEGUN, tool_choice=OneFunction("lookup"))
    asked = {"type": "realtime", "tool_choice": None}

    wanted = narrow_session(asked, standing(server_tools=(SERVERS,), begun=begun))

    assert SERVERS == wanted["tool_choice"]


@pytest.mark.parametrize(
    ("more", "word", "param"),
    [
        ({"server_url": "https://x.example"}, "unknown_parameter", "server_url"),
        ({"function": SERVERS}, "unknown_parameter", "function"),
        ({"description": ["x" * 99]}, "invalid_type", "description"),
        ({"parameters": ["x" * 99]}, "invalid_type", "parameters"),
    ],
)
def test_a_function_has_what_the_api_has_for_it(more, word, param):
    """What else stands there is not judged, and a list of words is not counted."""
    with pytest.raises(ApiRefusal) as caught:
        narrow_response({"tools": [{**OWN, **more}]}, standing())

    assert (word, f"response.tools[0].{param}") == (caught.value.word, caught.value.field)


@pytest.mark.parametrize("kind", ["translation", ["realtime"], None])
def test_a_session_is_of_one_of_the_types_that_there_are(kind):
    with pytest.raises(ApiRefusal) as caught:
        narrow_session({"type": kind}, standing())

    assert "session.type" == caught.value.field


@pytest.mark.parametrize("way", ["input", "output"])
@pytest.mark.parametrize(
    ("asked", "is_good"),
    [
        ({"type": "audio/pcm"}, True),
        ({"type": "audio/pcm", "rate": None}, True),
        ({"type": "audio/pcm", "rate": 8000}, False),
        ({"rate": 24_000}, True),
        ({"rate": 8000}, False),
        ({"type": None, "rate": 16_000}, False),
        ({"type": "audio/pcmu", "rate": 8000}, True),
        ({"type": "audio/pcmu", "rate": 4000}, False),
        ({"type": "audio/pcm", "rate": 24_000, "sample_rate": 8000}, False),
        ({"type": "audio/pcm", "rate": "8000"}, False),
    ],
)
def test_sound_has_the_rate_by_which_it_is_counted(way, asked, is_good):
    """Else a third of what is said would count, where a model takes another one."""
    session = {"type": "realtime", "audio": {way: {"format": asked}}}
    if is_good:
        assert session == narrow_session(session, standing())
        return
    with pytest.raises(ApiRefusal) as caught:
        narrow_session(session, standing())

    assert caught.value.field.startswith(f"session.audio.{way}.format.")


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ([{"model": "dear"}], ""),
        ("dear", ""),
        ({"model_id": "dear"}, ".model_id"),
        ({"model": "large", "languages": "de"}, ".languages"),
        ({"model": "large", "languages": ["en", "de"]}, ".languages[1]"),
        ({"model": "large", "language": "de"}, ".language"),
        ({"model": "large", "prompt": ["Names."]}, ".prompt"),
    ],
)
def test_who_writes_down_what_is_judged_in_each_of_its_parts(asked, param):
    session = {"type": "realtime", "audio": {"input": {"transcription": asked}}}
    english = {"transcription_language": Grant(("en",))}
    with pytest.raises(ApiRefusal) as caught:
        narrow_session(session, standing(values=english, **WRITES | {"only_transcribes": False}))

    assert f"session.audio.input.transcription{param}" == caught.value.field


@pytest.mark.parametrize("more", [{"description": "x" * 99}, {"parameters": {"x": "x" * 99}}])
def test_all_that_a_function_says_counts(more):
    """Its name, what it is for, and what it takes."""
    narrow = standing(values={"tools": Grant(characters=90)})
    narrow_session({"type": "realtime", "tools": [OWN]}, narrow)
    with pytest.raises(ApiRefusal):
        narrow_session({"type": "realtime", "tools": [{**OWN, **more}]}, narrow)
