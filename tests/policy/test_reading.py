"""A policy as an operator writes it, and what is wrong with it."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.policy.fields import FIELDS, SOURCES
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.reading import CHARACTERS_MAX, PolicyReader, laid_over

HOUSED = (
    *("voice", "model", "transcription_model", "turn_detection"),
    *("max_output_tokens", "idle_timeout_s", "max_call_s"),
)
HOUSE = {name: Grant() for name in HOUSED}
DEFAULTS = tomllib.loads((Path(__file__).parents[2] / "conf/policy.toml").read_text("utf-8"))
NOBODY = frozenset[str]()


def read(text):
    reader = PolicyReader(HOUSE)
    return reader.read(tomllib.loads(text)), reader.problems


def test_the_defaults_say_something_of_every_field_and_source():
    """And nothing that is wrong; what clients may choose of money and words is the operator's."""
    reader = PolicyReader({name: Grant(values=(name,)) for name in HOUSE})
    policy = reader.read(DEFAULTS)

    assert [] == reader.problems
    expected = {(f.name, s) for f in FIELDS.values() for s in SOURCES if s in f.sources}
    assert expected == set(policy.everybody)
    assert {"parley.conduct"} == set(policy.scopes)
    for name in ("voice", "model", "turn_detection", "max_output_tokens"):
        assert (Grant(values=(name,)),) == policy.grants(name, "query", NOBODY)
    for name in ("instructions", "history"):
        assert () == policy.grants(name, "configure", NOBODY)
        assert () != policy.grants(name, "configure", frozenset({"parley.conduct"}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[voices]", "voices: a policy has [fields], [scopes.NAME] and [instructions] with claims"),
        ("fields = 1", "fields: a policy has"),
        ("[fields]\nvoise = {}", "fields.voise: is no field; the fields are instructions, voice"),
        ("[fields]\nvoice = 1", "fields.voice: must be a table that may have token, query, conf"),
        ("[fields]\nmetadata = {query = true}", "fields.metadata: must be a table that may have t"),
        (
            '[fields]\nspeed = {token = "session"}',
            "fields.speed.token: must be true, false, or a table of min and max",
        ),
        (
            "[fields]\nvoice = {token = []}",
            'fields.voice.token: must be true, false, "session", or a list of values',
        ),
        (
            "[scopes.a]\nhistory = {token = {min = 1, max = 2}}",
            "scopes.a.history.token: must be true, false, or a table of characters",
        ),
        (
            '[fields]\noutput = {token = ["audio", "video"]}',
            "fields.output.token: must be of what the field may be, one of audio, text",
        ),
        (
            "[fields]\nspeed = {token = {min = 0.1, max = 1}}",
            "fields.speed.token: must be of what the field may be, a number from 0.25 to 1.5",
        ),
        (
            "[fields]\nmax_output_tokens = {token = {min = 1, max = 1.5}}",
            "fields.max_output_tokens.token: must be of what the field may be, an integer from 1",
        ),
        (
            "[fields]\nspeed = {token = {min = 1.2, max = 1.1}}",
            "fields.speed.token: must be true, false, or a table of min and max",
        ),
        (
            "[fields]\nhistory = {token = {characters = -1}}",
            "fields.history.token: must be true, false, or a table of characters",
        ),
        ("[scopes]\na = 1", "scopes.a: must be a table, to be written as [scopes.a]"),
        ("[instructions]\nclaims = [1]", "instructions.claims: must be a list of names of claims"),
        ("[instructions]\nclaims = []\nmore = 1", "instructions: a policy has"),
    ],
)
def test_what_is_wrong_is_named(text, problem):
    """With its place, and what may stand there; and it grants nothing."""
    policy, [found] = read(text)

    assert found.startswith(problem)
    assert all(grant is None for grant in policy.everybody.values())


@pytest.mark.parametrize(
    ("longest", "grants"),
    [
        (0, (Grant(characters=0),)),
        (CHARACTERS_MAX, (Grant(characters=CHARACTERS_MAX),)),
        (CHARACTERS_MAX + 1, ()),
        ("true", ()),
    ],
)
def test_a_length_is_granted_from_none_to_the_longest(longest, grants):
    """What is no length grants nothing."""
    policy, problems = read(f"[fields]\nhistory = {{token = {{characters = {longest}}}}}")

    assert grants == policy.grants("history", "token", NOBODY)
    assert bool(grants) != bool(problems)


def test_everything_that_is_wrong_is_named():
    """An operator mends a file once."""
    _, problems = read("[fields]\nvoise = {}\nspead = {}\nspeed = {tokens = true}\noutput = 1")

    assert ["voise", "spead", "speed", "output"] == [
        problem.partition(":")[0].removeprefix("fields.") for problem in problems
    ]


def test_a_file_is_laid_over_the_defaults():
    """What it does not name stays; a scope is laid over the same scope."""
    below, _ = read(
        '[fields]\nspeed = {token = true, query = true}\n[scopes.a]\nvoice = {query = ["x"]}\n'
        '[instructions]\nclaims = ["name"]'
    )
    above, _ = read("[fields]\nspeed = {query = false}\n[scopes.a]\noutput = {query = false}")
    whole = laid_over(below, above)

    assert ((ALL,), ()) == tuple(whole.grants("speed", s, NOBODY) for s in ("token", "query"))
    assert (Grant(("x",)),) == whole.grants("voice", "query", frozenset("a"))
    assert () == whole.grants("output", "query", frozenset("a"))
    assert ("name",) == whole.claims


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from([*FIELDS, *SOURCES]), inner)
    ),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from(["fields", "scopes", "instructions", "x"]), JSON))
def test_anything_is_a_policy_or_a_list_of_problems(tables):
    """Nothing is raised."""
    reader = PolicyReader(HOUSE)

    assert reader.read(tables).everybody is not None


def test_a_scope_may_be_known_to_one_of_two_policies_only():
    """Whichever it is; where both say something of it the one above counts."""
    key, other = ("voice", "token"), ("speed", "token")
    below = Policy({}, {"old": {key: ALL}, "both": {key: None, other: ALL}}, ("name",))
    above = Policy({}, {"new": {key: ALL}, "both": {key: ALL}})

    whole = laid_over(below, above)
    assert {"old": {key: ALL}, "new": {key: ALL}, "both": {key: ALL, other: ALL}} == whole.scopes
    assert ("name",) == whole.claims
    assert ("org",) == laid_over(below, Policy({}, {}, ("org",))).claims
