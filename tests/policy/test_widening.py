"""Whatever policy, token and client say: each stays within what the one before leaves open."""

import json
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.test_settling import BEEP, FIRST, NO_PARAMETERS, TURNS
from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS, SOURCES
from tornado_app.policy.formats import FORMAT_FIELDS
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.settling import apply, rules_of, settle

BEEP_BYTES = len("beep" + json.dumps(NO_PARAMETERS, separators=(",", ":")))
VALUES = {
    "instructions": ["", "Sing.", "Sing all day."],
    "voice": ["marin", "ash", "sage"],
    "model": ["large", "small", "huge"],
    "transcription_model": ["ears", "large"],
    "transcription_language": ["en", "de", "fr"],
    "turn_detection": ["server_vad", "semantic_vad", "none"],
    "output": ["audio", "text"],
    "speed": [0.25, 0.5, 1.0, 1.25, 1.5],
    "max_output_tokens": [1, 100, 1000, 4096],
    "metadata": [{}, {"a": "b"}, {"a": "bcd"}],
    "history": [[], TURNS[:1], TURNS],
    "tools": [[], [BEEP]],
    "tool_choice": ["auto", "none", "required"],
    "images": [False, True],
    "record": [False, True],
    "idle_timeout_s": [1, 60, 900],
    "max_call_s": [1, 600, 3600],
    "session": ["realtime"],  # one that only transcribes has fewer fields, and a test of its own
    "input_format": ["pcm16", "pcmu", "opus"],
    "input_rate": [8000, 24000, 48000],
    "input_channels": [1, 2, 8],
    "output_format": ["pcm16", "float32", "pcma"],
    "output_rate": [8000, 24000, 192000],
    "output_encoding": ["base64", "binary"],
}
GRANTED = VALUES | {"session": ["realtime", "transcription"]}
SIZES = {
    "instructions": [0, 5, 13],
    "metadata": [0, 2, 4],
    "history": [0, 3, 9],
    "tools": [0, BEEP_BYTES],
}


def test_every_field_is_tried():
    """None is forgotten."""
    assert FIELDS.keys() == VALUES.keys()


def grants(name):
    """Nothing, all, or less; the bounds lie at, below and above what is asked for."""
    match FIELDS[name].measure:
        case "value" if name in {"images", "record"}:
            narrow = st.none()
        case "value":
            few = st.lists(st.sampled_from(GRANTED[name]), min_size=1, unique=True)
            narrow = few.map(lambda values: Grant(tuple(values)))
        case "number":
            bound = st.sampled_from(VALUES[name])
            narrow = st.tuples(bound, bound).map(lambda b: Grant(low=min(b), high=max(b)))
        case "characters":
            sizes = {max(0, size + more) for size in SIZES[name] for more in (-1, 0, 1)}
            narrow = st.sampled_from(sorted(sizes)).map(lambda size: Grant(characters=size))
    return st.one_of(st.just(ALL), st.just(ALL), narrow, narrow, st.none())


@dataclass(frozen=True)
class World:
    """All that is said of one call, about few fields, so that much of it is allowed."""

    policy: Policy
    held: frozenset[str]
    token: dict
    leaves: dict
    query: dict
    configured: list[dict]


@st.composite
def worlds(draw):
    names = draw(st.lists(st.sampled_from([*VALUES]), min_size=1, max_size=2, unique=True))
    keys = [(name, source) for name in names for source in SOURCES]
    keys = [(name, source) for name, source in keys if source in FIELDS[name].sources]
    of = {key: grants(key[0]) for key in keys}
    everybody = draw(st.fixed_dictionaries(of))
    scopes = draw(st.dictionaries(st.sampled_from("ab"), st.fixed_dictionaries({}, optional=of)))
    may_leave = {name: grants(name) for name in names if FIELDS[name].sources - {"token"}}
    return World(
        Policy(everybody, scopes),
        draw(st.frozensets(st.sampled_from("abc"))),
        draw(asked(names, "token")),
        draw(st.fixed_dictionaries({}, optional=may_leave)),
        draw(asked(names, "query")),
        draw(st.lists(asked(names, "configure"), min_size=1, max_size=3)),
    )


def asked(names, source):
    """Mostly of what the source can spell."""
    spelled_there = [name for name in names if source in FIELDS[name].sources]
    some = st.sampled_from([spelled_there, spelled_there, names])
    return some.flatmap(
        lambda of: st.fixed_dictionaries(
            {}, optional={name: st.sampled_from(VALUES[name]) for name in of}
        )
    )


def spelled(grant):
    """As it stands in a token."""
    if grant is None or grant == ALL:
        return grant is not None
    if grant.values is not None:
        return list(grant.values)
    if grant.characters is not None:
        return {"characters": grant.characters}
    return {"min": grant.low, "max": grant.high}


@settings(max_examples=3 * settings().max_examples)
@given(worlds())
def test_no_client_can_widen_what_operator_or_token_narrowed(world):
    """Whatever is in force was allowed to who set it; what was refused has changed nothing."""
    policy, held, token, leaves = world.policy, world.held, world.token, world.leaves
    said = token | {"client_may": {name: spelled(grant) for name, grant in leaves.items()}}
    rules = rules_of(policy, held, said)

    def may(source, words):
        """Whether all of *words* is allowed, told from the values alone."""
        return all(
            allowed(policy, held, source, name, value)
            and (
                source == "token"
                or (name in leaves and within(leaves[name], name, value))
                or (name not in leaves and name not in token)
            )
            for name, value in words.items()
        )

    try:
        now = settle(FIRST, rules, said, world.query)
    except Refused:
        assert not (may("token", token) and may("query", world.query))
        return
    assert may("token", token)
    assert may("query", world.query)
    expected = token | world.query
    check_in_force(now, expected)
    for words in world.configured:
        before = now
        try:
            now = apply(now, rules, "configure", words)
        except Refused:
            assert not may("configure", words)
            assert before is now
        else:
            assert may("configure", words)
            expected |= words
        check_in_force(now, expected)


def check_in_force(session, expected):
    """What was set last, by whoever could, and else the operator's own."""
    for name, field in FIELDS.items():
        if name in FORMAT_FIELDS:
            continue  # they are no part of what the model is asked
        if name not in expected:
            assert getattr(FIRST, name) == getattr(session, name)
        elif name == "turn_detection":
            assert expected[name] == session.turn_detection
        else:
            assert field.check(name, expected[name]) == getattr(session, name)


def allowed(policy, held, source, name, value):
    """By a rule of its scopes, or where they have none by that for everybody."""
    key = (name, source)
    said = [policy.scopes[s][key] for s in held & policy.scopes.keys() if key in policy.scopes[s]]
    field = FIELDS[name]
    is_spelled = source in field.sources and not (field.is_done and source == "configure")
    return is_spelled and any(within(g, name, value) for g in said or [policy.everybody.get(key)])


def within(grant, name, value):
    if grant is None:
        return False
    if name in SIZES:
        size = SIZES[name][VALUES[name].index(value)]
        return grant.characters is None or size <= grant.characters
    if isinstance(value, int | float) and not isinstance(value, bool):
        return grant.low <= value <= grant.high
    return grant.values is None or value in grant.values
