"""Who may set what: every field, every source, every scope, with the sentence that says so."""

from dataclasses import replace

import pytest

from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS, SOURCES, from_text
from tornado_app.policy.formats import FORMAT_FIELDS
from tornado_app.policy.functions import CHOICE_MAY_BE
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.reading import PolicyReader
from tornado_app.policy.settling import apply, rules_of, settle
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import ModelSession, Turn

FIRST = ModelSession(
    model="large",
    instructions="Be brief.",
    voice="marin",
    turn_detection="server_vad",
    vad_threshold=0.5,
    vad_prefix_padding_ms=300,
    vad_silence_ms=500,
    transcription_model="ears",
    max_output_tokens=1000,
)
TURNS = [{"role": "user", "text": "Hi."}, {"role": "assistant", "text": "Hello."}]
BEEP = {"name": "beep"}
NO_PARAMETERS = {"type": "object", "properties": {}}
TOOLS = "a list of at most 32 objects of name, description and parameters"

POLICY = PolicyReader({"voice": Grant(("marin", "ash"))}).read(
    {
        "fields": {
            "instructions": {"token": {"characters": 12}, "configure": False},
            "voice": {"token": True, "query": "session", "configure": ["ash"]},
            "model": {"token": ["large", "small"], "query": False},
            "transcription_model": {"token": ["ears", "large"]},
            "transcription_language": {"token": True, "query": ["en", "de"], "configure": True},
            "turn_detection": {"token": True, "query": ["none"], "configure": ["semantic_vad"]},
            "output": {"token": True, "query": True, "configure": False},
            "speed": {"token": {"min": 0.5, "max": 1.25}, "query": False, "configure": True},
            "max_output_tokens": {"token": True, "query": {"min": 1, "max": 100}},
            "metadata": {"token": {"characters": 10}},
            "history": {"token": True, "configure": {"characters": 10}},
            "tools": {"token": True, "configure": {"characters": 100}},
            "tool_choice": {"token": True, "configure": ["none"]},
            "images": {"token": True, "configure": True},
            "record": {"token": True},
            "idle_timeout_s": {"token": {"min": 1, "max": 900}},
            "max_call_s": {"token": True},
            "session": {"token": True, "query": False},
        },
        "scopes": {
            "premium": {"model": {"query": ["huge"]}, "speed": {"query": {"min": 1, "max": 1.5}}},
            "slow": {"speed": {"query": {"min": 0.25, "max": 0.5}}, "model": {"query": ["slow"]}},
            "phone": {
                "input_format": {"configure": ["pcmu", "pcma"]},
                "input_rate": {"configure": {"min": 8000, "max": 16000}},
                "input_channels": {"configure": True},
                "output_format": {"configure": True},
                "output_encoding": {"configure": True, "query": True},
            },
            "kiosk": {"voice": {"query": False}, "output": {"query": ["audio"]}},
            "scribe": {"session": {"query": ["transcription"]}},
        },
    }
)

QUERY = "voice, transcription_language, turn_detection, output, max_output_tokens"
PREMIUM = "voice, model, transcription_language, turn_detection, output, speed, max_output_tokens"
KIOSK = "transcription_language, turn_detection, output, max_output_tokens"
TOKEN = ", ".join(name for name, field in FIELDS.items() if "token" in field.sources)
BY_TOKEN = "may not be set by a token; what may be set is"
FORMATS = "one of pcm16, float32, pcmu, pcma, opus"
CONFIGURE = "voice, transcription_language, turn_detection, speed, history, tools, tool_choice"
BY_CLIENT = "may not be set by the client while the call runs; what may be set is"
BY_ADDRESS = "may not be set by the address; what may be set is"
VADS = "one of server_vad, semantic_vad, none"

# (field, source, scopes, value, what it is then, or the sentence).
TABLE = [
    ("instructions", "token", (), "Sing.", "Sing."),
    ("instructions", "token", (), "Sing all day.", "at most 12 characters"),
    ("instructions", "token", (), "Sing always.", "Sing always."),
    ("instructions", "token", (), "a\0", "a text of at most 65536 characters"),
    ("instructions", "token", (), 7, "a text of at most 65536 characters"),
    ("instructions", "query", (), "Sing.", f"{BY_ADDRESS} {QUERY}"),
    ("instructions", "configure", (), "Sing.", f"{BY_CLIENT} {CONFIGURE}"),
    ("voice", "token", (), "anybody", "anybody"),
    ("voice", "token", (), "", "a text of 1 to 200 printable characters"),
    ("voice", "token", (), "a\n", "a text of 1 to 200 printable characters"),
    ("voice", "query", (), "ash", "ash"),
    ("voice", "query", (), "", "one of marin, ash"),
    ("voice", "query", (), "sage", "one of marin, ash"),
    ("voice", "query", ("kiosk",), "ash", f"{BY_ADDRESS} {KIOSK}"),
    ("voice", "configure", (), "ash", "ash"),
    ("voice", "configure", (), "marin", "one of ash"),
    ("model", "token", (), "small", "small"),
    ("model", "token", (), "huge", "one of large, small"),
    ("model", "query", (), "small", f"{BY_ADDRESS} {QUERY}"),
    ("model", "query", ("premium",), "huge", "huge"),
    ("model", "query", ("premium",), "small", "one of huge"),
    ("model", "query", ("premium", "slow"), "slow", "slow"),
    ("model", "query", ("premium", "slow"), "huge", "huge"),
    ("model", "query", ("premium", "slow"), "small", "one of huge, slow"),
    ("model", "configure", (), "small", f"{BY_CLIENT} {CONFIGURE}"),
    ("transcription_model", "token", (), "large", "large"),
    ("transcription_model", "token", (), "huge", "one of ears, large"),
    ("transcription_model", "query", (), "large", f"{BY_ADDRESS} {QUERY}"),
    ("transcription_model", "configure", (), "large", f"{BY_CLIENT} {CONFIGURE}"),
    ("transcription_language", "token", (), "pt-BR", "pt-BR"),
    ("transcription_language", "token", (), "German", "a language as in en, de or pt-BR"),
    ("transcription_language", "query", (), "de", "de"),
    ("transcription_language", "query", (), "fr", "one of en, de"),
    ("transcription_language", "configure", (), "fr", "fr"),
    ("turn_detection", "token", (), "none", "none"),
    ("turn_detection", "token", (), {"type": "semantic_vad", "eagerness": "low"}, "semantic_vad"),
    ("turn_detection", "token", (), "vad", f"{VADS}"),
    ("turn_detection", "token", (), 7, f"{VADS}, or an object with such a type"),
    ("turn_detection", "query", (), "none", "none"),
    ("turn_detection", "query", (), "server_vad", "one of none"),
    ("turn_detection", "configure", (), {"type": "semantic_vad"}, "semantic_vad"),
    ("turn_detection", "configure", (), {"type": "server_vad"}, "one of semantic_vad"),
    ("output", "token", (), "text", "text"),
    ("output", "token", (), "both", "one of audio, text"),
    ("output", "query", (), "text", "text"),
    ("output", "query", ("kiosk",), "text", "one of audio"),
    ("output", "configure", (), "text", f"{BY_CLIENT} {CONFIGURE}"),
    ("speed", "token", (), 1.25, 1.25),
    ("speed", "token", (), 0.5, 0.5),
    ("speed", "query", ("premium", "slow"), 0.3, 0.3),
    ("speed", "query", ("premium", "slow"), 1.5, 1.5),
    (
        "speed",
        "query",
        ("premium", "slow"),
        0.75,
        "a number from 1 to 1.5, or a number from 0.25 to 0.5",
    ),
    ("speed", "token", (), 1.3, "a number from 0.5 to 1.25"),
    ("speed", "token", (), "1", "a number from 0.25 to 1.5"),
    ("speed", "token", (), True, "a number from 0.25 to 1.5"),
    ("speed", "token", (), float("nan"), "a number from 0.25 to 1.5"),
    ("speed", "query", (), 1, f"{BY_ADDRESS} {QUERY}"),
    ("speed", "query", ("premium",), 1.5, 1.5),
    ("speed", "configure", (), 0.25, 0.25),
    ("max_output_tokens", "token", (), 4096, 4096),
    ("max_output_tokens", "token", (), True, "an integer from 1 to 4096"),
    ("max_output_tokens", "token", (), 4097, "an integer from 1 to 4096"),
    ("max_output_tokens", "query", (), 100, 100),
    ("max_output_tokens", "query", (), 101, "an integer from 1 to 100"),
    ("max_output_tokens", "configure", (), 1, f"{BY_CLIENT} {CONFIGURE}"),
    ("metadata", "token", (), {"plan": "gold"}, {"plan": "gold"}),
    ("metadata", "token", (), {"plan": "platinum"}, "at most 10 characters"),
    ("metadata", "query", (), {}, f"{BY_ADDRESS} {QUERY}"),
    ("metadata", "configure", (), {}, f"{BY_CLIENT} {CONFIGURE}"),
    ("history", "token", (), TURNS, (Turn("user", "Hi."), Turn("assistant", "Hello."))),
    ("history", "token", (), {}, "a list of at most 128 objects of role and text"),
    ("history", "query", (), [], f"{BY_ADDRESS} {QUERY}"),
    ("history", "configure", (), TURNS, (Turn("user", "Hi."), Turn("assistant", "Hello."))),
    ("history", "configure", (), TURNS * 2, "at most 10 characters"),
    ("tools", "token", (), [BEEP], (Function("beep", "", NO_PARAMETERS),)),
    ("tools", "token", (), 7, TOOLS),
    ("tools", "query", (), [], f"{BY_ADDRESS} {QUERY}"),
    ("tools", "configure", (), [BEEP], (Function("beep", "", NO_PARAMETERS),)),
    ("tools", "configure", (), [BEEP | {"description": "x" * 70}], "at most 100 characters"),
    ("tool_choice", "token", (), "none", "none"),
    ("tool_choice", "token", (), "any", CHOICE_MAY_BE),
    ("tool_choice", "query", (), "none", f"{BY_ADDRESS} {QUERY}"),
    ("tool_choice", "configure", (), "none", "none"),
    ("tool_choice", "configure", (), "auto", "one of none"),
    ("images", "token", (), True, True),
    ("images", "token", (), 1, "true or false"),
    ("images", "query", (), True, f"{BY_ADDRESS} {QUERY}"),
    ("images", "configure", (), True, f"{BY_CLIENT} {CONFIGURE}"),
    ("record", "token", (), False, False),
    ("record", "token", (), "no", "true or false"),
    ("record", "query", (), True, f"{BY_ADDRESS} {QUERY}"),
    ("record", "configure", (), True, f"{BY_CLIENT} {CONFIGURE}"),
    ("idle_timeout_s", "token", (), 900, 900),
    ("idle_timeout_s", "token", (), 901, "an integer from 1 to 900"),
    ("idle_timeout_s", "query", (), 5, f"{BY_ADDRESS} {QUERY}"),
    ("idle_timeout_s", "configure", (), 5, f"{BY_CLIENT} {CONFIGURE}"),
    ("max_call_s", "token", (), 86_400, 86_400),
    ("max_call_s", "token", (), 0, "an integer from 1 to 86400"),
    ("max_call_s", "query", (), 5, f"{BY_ADDRESS} {QUERY}"),
    ("max_call_s", "configure", (), 5, f"{BY_CLIENT} {CONFIGURE}"),
    ("session", "token", (), "realtime", "realtime"),
    ("session", "token", (), "translation", "one of realtime, transcription"),
    ("session", "token", (), ["transcription"], "one of realtime, transcription"),
    ("session", "query", (), "realtime", f"{BY_ADDRESS} {QUERY}"),
    ("session", "query", ("scribe",), "realtime", "one of transcription"),
    ("session", "configure", (), "realtime", f"{BY_CLIENT} {CONFIGURE}"),
    *(
        (name, "token", (), 1, f"{BY_TOKEN} {TOKEN}")
        for name, field in FIELDS.items()
        if "token" not in field.sources
    ),
    *((name, "query", (), 1, f"{BY_ADDRESS} {QUERY}") for name in sorted(FORMAT_FIELDS)),
    *((name, "configure", (), 1, f"{BY_CLIENT} {CONFIGURE}") for name in sorted(FORMAT_FIELDS)),
    ("input_format", "configure", ("phone",), "pcmu", None),
    ("input_format", "configure", ("phone",), "pcm16", "one of pcmu, pcma"),
    ("input_format", "configure", ("phone",), 7, "one of pcmu, pcma"),
    ("output_format", "configure", ("phone",), "mp3", FORMATS),
    ("input_rate", "configure", ("phone",), 8000, None),
    ("input_rate", "configure", ("phone",), 16001, "an integer from 8000 to 16000"),
    ("input_rate", "configure", ("phone",), 8000.0, "an integer from 8000 to 192000"),
    ("input_rate", "configure", ("phone",), True, "an integer from 8000 to 192000"),
    ("input_channels", "configure", ("phone",), 9, "an integer from 1 to 8"),
    ("output_encoding", "configure", ("phone",), "hex", "one of base64, binary"),
    ("output_encoding", "query", ("phone",), "binary", None),
    ("resume", "token", (), [], f"{BY_TOKEN} {TOKEN}"),
    ("n" * 65, "query", (), 1, f"{BY_ADDRESS} {QUERY}"),
    ("a b", "query", ("premium",), 1, f"{BY_ADDRESS} {PREMIUM}"),
]


@pytest.mark.parametrize(("name", "source", "scopes", "value", "expected"), TABLE)
def test_field_by_source_and_scope(name, source, scopes, value, expected):
    """It is set, or refused by name with what is allowed; never with the value."""
    rules = rules_of(POLICY, frozenset(scopes), {})
    try:
        found = apply(FIRST, rules, source, {name: value})
    except Refused as refused:
        found = (refused.code, refused.field, refused.sentence)
    if isinstance(found, tuple):
        shown = name if name.isidentifier() and len(name) <= 64 else "A field"
        code, must = "invalid_message", "must be "
        if expected.startswith("may not"):
            code, must = "permission_denied", ""
        assert (code, shown, f"{shown} {must}{expected}.") == found
        return
    if name in FORMAT_FIELDS:  # which the model is not asked
        assert (None, FIRST) == (expected, found)
        return
    assert expected == getattr(found, name)
    as_before = {name: getattr(FIRST, name), "vad_eagerness": FIRST.vad_eagerness}
    assert FIRST == replace(found, **as_before)


def test_the_table_has_every_field_and_source():
    """None is forgotten."""
    assert {(name, source) for name in FIELDS for source in SOURCES} <= {
        (name, source) for name, source, *_ in TABLE
    }


@pytest.mark.parametrize(
    ("name", "value", "where", "may_be"),
    [
        ("turn_detection", {"type": "server_vad", "threshold": 2}, "threshold", "a number from 0"),
        ("turn_detection", {"type": "server_vad", "threshold": True}, "threshold", "a number"),
        ("turn_detection", {"type": "server_vad", "idle_timeout_ms": 1}, "idle_timeout_ms", "an i"),
        ("turn_detection", {"type": "server_vad", "create_response": 1}, "create_response", "true"),
        ("turn_detection", {"type": "semantic_vad", "eagerness": []}, "eagerness", "one of low"),
        ("metadata", {"plan": 7}, "plan", "a text of at most 512 characters"),
    ],
)
def test_what_is_wrong_inside_a_field_has_its_path(name, value, where, may_be):
    """So that it can be found."""
    with pytest.raises(Refused) as refused:
        apply(FIRST, rules_of(POLICY, frozenset(), {}), "token", {name: value})

    assert f"{name}.{where}" == refused.value.field
    assert refused.value.sentence.startswith(f"{name}.{where} must be {may_be}")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            {"type": "none", "threshold": 1},
            r"n.threshold must be left out; what none has is type\.",
        ),
        ({"type": "semantic_vad", "threshold": 1}, "what semantic_vad has is type, eagerness, cr"),
        ({"type": "server_vad", "x" * 65: 1}, "^turn_detection.a field must be left out"),
        ({"type": "server_vad", "<b>": 1}, "^turn_detection.a field must be left out"),
        ({}, VADS),
    ],
)
def test_turn_detection_has_the_parts_of_its_type(value, sentence):
    """Those of another are named as what they are not, also where a policy lists the types."""
    listed = Policy({("turn_detection", "token"): Grant(values=("server_vad", "none"))}, {})
    for policy in (POLICY, listed) if value else (POLICY,):
        with pytest.raises(Refused, match=sentence):
            apply(FIRST, rules_of(policy, frozenset(), {}), "token", {"turn_detection": value})


@pytest.mark.parametrize(
    ("turn", "where"),
    [
        ("Hi.", "history[1]"),
        ({"role": "user"}, "history[1]"),
        ({"role": "system", "text": "x"}, "history[1].role"),
        ({"role": "user", "text": ""}, "history[1].text"),
        ({"role": "user", "text": "x", "audio": ""}, "history[1]"),
    ],
)
def test_each_turn_of_the_history_is_looked_at(turn, where):
    """Only what was said by either side, in words."""
    with pytest.raises(Refused) as refused:
        apply(FIRST, rules_of(POLICY, frozenset(), {}), "token", {"history": [TURNS[0], turn]})

    assert where == refused.value.field


@pytest.mark.parametrize(
    ("name", "most", "more"),
    [
        ("metadata", {f"k{n}": "" for n in range(16)}, {f"k{n}": "" for n in range(17)}),
        ("metadata", {"k" * 64: "x" * 512}, {"k" * 65: ""}),
        ("history", TURNS * 64, TURNS * 65),
        (
            "history",
            [{"role": "user", "text": "x" * 32_768}] * 4,
            [*[{"role": "user", "text": "x" * 32_768}] * 4, TURNS[0]],
        ),
        ("instructions", "x" * 65_536, "x" * 65_537),
        ("voice", "x" * 200, "x" * 201),
        ("speed", 1.5, 1.51),
        ("speed", 0.25, 0.24),
        (
            "turn_detection",
            {"type": "server_vad", "idle_timeout_ms": None},
            {"type": "server_vad", "idle_timeout_ms": 4999},
        ),
        (
            "turn_detection",
            {"type": "server_vad", "idle_timeout_ms": 30_000},
            {"type": "server_vad", "idle_timeout_ms": 30_001},
        ),
        ("turn_detection", {"type": "server_vad", "silence_duration_ms": 50}, "vad"),
        ("instructions", "Grüße \N{GRINNING FACE}", "half \ud83d"),
        ("history", [{"role": "user", "text": "?"}], [{"role": "user", "text": ""}]),
    ],
)
def test_each_field_has_its_bounds_whatever_a_policy_grants(name, most, more):
    """As much is taken, and not one more."""
    rules = rules_of(Policy({(name, "token"): ALL}, {}), frozenset(), {})
    apply(FIRST, rules, "token", {name: most})

    with pytest.raises(Refused):
        apply(FIRST, rules, "token", {name: more})


def test_what_cannot_be_spelled_there_no_policy_grants():
    """An address is in logs, and no place for what is hidden."""
    rules = rules_of(Policy({("metadata", "query"): ALL}, {}), frozenset(), {})
    with pytest.raises(Refused, match=r"metadata may not be set by the address; .* is nothing"):
        apply(FIRST, rules, "query", {"metadata": {}})


def test_a_token_leaves_what_it_leaves_in_so_many_words():
    """The word "session" is the operator's."""
    with pytest.raises(
        Refused, match=r"client_may\.voice must be true, false, or a list of values"
    ):
        rules_of(POLICY, frozenset(), {"client_may": {"voice": "session"}})


@pytest.mark.parametrize(
    ("left", "field"),
    [
        (1, "client_may"),
        ({"voise": True}, "client_may"),
        ({"metadata": True}, "client_may.metadata"),
        ({"voice": 1}, "client_may.voice"),
    ],
)
def test_a_token_that_leaves_what_cannot_be_left_is_refused_by_its_path(left, field):
    """Whoever made it finds the place."""
    with pytest.raises(Refused) as refused:
        rules_of(POLICY, frozenset(), {"client_may": left})

    assert ("invalid_message", field) == (refused.value.code, refused.value.field)


def test_less_than_the_operator_leaves_is_refused_by_name():
    """The operator would let this voice through; the token does not."""
    rules = rules_of(POLICY, frozenset(), {"client_may": {"voice": ["ash"]}})
    with pytest.raises(Refused) as refused:
        apply(FIRST, rules, "query", {"voice": "marin"})

    assert ("voice", "voice must be one of ash.") == (refused.value.field, refused.value.sentence)


def test_a_refusal_tells_what_the_token_has_left():
    """What it has set or closed is not among that."""
    said = {"voice": "ash", "client_may": {"output": False}}
    rules = rules_of(POLICY, frozenset(), said)
    with pytest.raises(Refused) as refused:
        apply(FIRST, rules, "query", {"voice": "ash"})

    assert "voice" == refused.value.field
    left = "transcription_language, turn_detection, max_output_tokens"
    assert f"voice is for the token to decide; what may be set is {left}." == refused.value.sentence


def test_all_of_it_or_nothing():
    """One field that is refused leaves the others as they were."""
    rules = rules_of(POLICY, frozenset(), {})
    with pytest.raises(Refused):
        apply(FIRST, rules, "configure", {"voice": "ash", "speed": 9})

    assert "ash" == apply(FIRST, rules, "configure", {"voice": "ash", "speed": 1}).voice


def test_parts_of_turn_detection_that_are_left_out_stay():
    """The operator's silence counts where the token names a threshold only."""
    rules = rules_of(POLICY, frozenset(), {})
    asked = {"turn_detection": {"type": "server_vad", "threshold": 0.7}}
    settled = apply(FIRST, rules, "token", asked)

    assert (0.7, 500, True) == (
        settled.vad_threshold,
        settled.vad_silence_ms,
        settled.interrupt_response,
    )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("speed", "1.5", 1.5),
        ("speed", "1", 1),
        ("speed", "nan", "nan"),
        ("speed", "1e9", "1e9"),
        ("max_output_tokens", "٣", "٣"),
        ("max_output_tokens", "-1", "-1"),
        ("voice", "7", "7"),
    ],
)
def test_numbers_in_an_address_are_numbers(name, text, value):
    """Other scripts and notations are left to be refused."""
    assert value == from_text(name, text)


@pytest.mark.parametrize(
    ("granted", "said", "may"),
    [
        (False, {}, False),
        (True, {}, True),
        (False, {"images": True}, True),
        (True, {"images": False}, False),
        (True, {"client_may": {"images": False}}, False),
        (True, {"client_may": {"images": True}}, True),
        (False, {"client_may": {"images": True}}, False),
        (False, {"images": True, "client_may": {"images": True}}, True),
    ],
)
def test_who_may_show_pictures(granted, said, may):
    """Whom the token lets, or the operator if the token says nothing against it."""
    grants = {("images", "token"): ALL} | ({("images", "configure"): ALL} if granted else {})
    rules = rules_of(Policy(grants, {}), frozenset(), said)

    assert may == rules.allows_images(settle(FIRST, rules, said, {}))


def test_a_scope_lets_show_pictures():
    """As for every field."""
    policy = Policy({}, {"seeing": {("images", "configure"): ALL}})

    assert [False, True] == [
        rules_of(policy, frozenset(scopes), {}).allows_images(FIRST) for scopes in ((), ("seeing",))
    ]
