"""Tests of tornado_app/protocol/voice_v1/opening.py."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.errors import InvalidRequest
from tornado_app.policy.fields import FIELDS
from tornado_app.protocol.opening import Opening, OpeningRules
from tornado_app.protocol.voice_v1.opening import (
    FORMAT_PARAMETERS,
    SESSION_PARAMETERS,
    parse_opening,
)
from workers.formats import AudioFormat, OpusFormat

RULES = OpeningRules()
PARAMETERS = [
    "input_format",
    "input_rate",
    "input_channels",
    "output_format",
    "output_rate",
    "output_encoding",
]


def opening(**query: str) -> Opening:
    return parse_opening({name: [value] for name, value in query.items()}, RULES)


def test_a_client_that_asks_for_nothing_gets_the_defaults():
    """24 kHz PCM both ways, passed through as the model gives it."""
    pcm = AudioFormat("pcm16", 24_000, 1)

    expected = Opening(pcm, pcm, "base64", False)
    assert expected == opening()
    assert opening().passes_through


@pytest.mark.parametrize(
    ("query", "source", "target"),
    [
        ({"input_format": "pcmu"}, AudioFormat("pcmu", 8000), AudioFormat("pcm16", 24_000)),
        (
            {"input_format": "pcma", "input_rate": "16000"},
            AudioFormat("pcma", 16_000),
            AudioFormat("pcm16", 24_000),
        ),
        (
            {"input_format": "float32", "input_rate": "192000", "input_channels": "8"},
            AudioFormat("float32", 192_000, 8),
            AudioFormat("pcm16", 24_000),
        ),
        ({"output_format": "pcma"}, AudioFormat("pcm16", 24_000), AudioFormat("pcma", 8000)),
        (
            {"output_format": "float32", "output_rate": "8000"},
            AudioFormat("pcm16", 24_000),
            AudioFormat("float32", 8000),
        ),
        ({"input_format": "opus"}, OpusFormat(24_000), AudioFormat("pcm16", 24_000)),
        (
            {"input_format": "opus", "input_rate": "48000", "input_channels": "2"},
            OpusFormat(48_000, 2),
            AudioFormat("pcm16", 24_000),
        ),
        (
            {"output_format": "opus", "output_rate": "8000", "input_channels": "2"},
            AudioFormat("pcm16", 24_000, 2),
            OpusFormat(8_000),
        ),
        ({"input_rate": "0016000"}, AudioFormat("pcm16", 16_000), AudioFormat("pcm16", 24_000)),
    ],
)
def test_formats_are_read(query, source, target):
    """Telephony codecs come with 8 kHz, everything else with 24."""
    chosen = opening(**query)

    assert (source, target) == (chosen.source, chosen.target)


@pytest.mark.parametrize(
    ("query", "through"),
    [
        ({}, True),
        ({"input_rate": "8000"}, True),
        ({"output_rate": "48000"}, False),
        ({"output_encoding": "binary"}, False),
        ({"output_format": "float32"}, False),
        ({"output_format": "opus"}, False),
        ({"input_format": "opus"}, True),
    ],
)
def test_only_24_khz_pcm_as_base64_passes_through(query, through):
    """Anything else is converted."""
    assert through == opening(**query).passes_through


def test_what_is_chosen_of_the_session_is_taken_as_it_is_written():
    """Whether it may be is for the policy; and a wish to resume is noted."""
    query = {"voice": ["x", "nobody"], "speed": ["fast"], "output": [], "resume": ["x"]}
    chosen = parse_opening(query, RULES)

    assert ({"voice": "nobody", "speed": "fast"}, True) == (chosen.choices, chosen.wants_resume)


def test_every_field_that_an_address_may_set_has_a_parameter():
    """It is called as the field is."""
    assert {field.name for field in FIELDS.values() if "query" in field.sources} == {
        *SESSION_PARAMETERS,
        *FORMAT_PARAMETERS,
    }


@pytest.mark.parametrize(
    ("name", "value", "may_be"),
    [
        ("input_format", "PCM16", "one of pcm16, float32, pcmu, pcma, opus"),
        ("input_format", "", "one of pcm16, float32, pcmu, pcma, opus"),
        ("output_format", "mp3", "one of pcm16, float32, pcmu, pcma, opus"),
        ("input_rate", "7999", "an integer from 8000 to 192000"),
        ("input_rate", "192001", "an integer from 8000 to 192000"),
        ("input_rate", "24000.0", "an integer from 8000 to 192000"),
        ("input_rate", "-24000", "an integer from 8000 to 192000"),
        ("input_rate", "٢٤٠٠٠", "an integer from 8000 to 192000"),
        ("input_rate", "9" * 10_000, "an integer from 8000 to 192000"),
        ("output_rate", "", "an integer from 8000 to 192000"),
        ("input_channels", "0", "an integer from 1 to 8"),
        ("input_channels", "9", "an integer from 1 to 8"),
        ("output_encoding", "hex", "one of base64, binary"),
    ],
)
def test_a_bad_parameter_is_named_with_what_it_may_be(name, value, may_be):
    """A developer sees at once what to change."""
    with pytest.raises(InvalidRequest) as refused:
        opening(**{name: value})

    assert ("invalid_message", name) == (refused.value.code, refused.value.field)
    assert f"{name} must be {may_be}." == refused.value.sentence


@pytest.mark.parametrize(
    ("name", "value", "may_be"),
    [
        ("input_rate", "44100", "one of 8000, 12000, 16000, 24000, 48000"),
        ("input_rate", "loud", "one of 8000, 12000, 16000, 24000, 48000"),
        ("output_rate", "96000", "one of 8000, 12000, 16000, 24000, 48000"),
        ("input_channels", "3", "an integer from 1 to 2"),
    ],
)
def test_opus_has_rates_and_channels_of_its_own(name, value, may_be):
    """Five, and two."""
    with pytest.raises(InvalidRequest) as refused:
        opening(input_format="opus", output_format="opus", **{name: value})

    assert (name, f"{name} must be {may_be}.") == (refused.value.field, refused.value.sentence)


@pytest.mark.parametrize("name", ["input_format", "output_format"])
def test_a_server_without_the_codec_says_so(name):
    """Its package may not be there for the system it runs on."""
    without = dataclasses.replace(RULES, has_opus=False)
    with pytest.raises(InvalidRequest) as refused:
        parse_opening({name: ["opus"]}, without)

    assert name == refused.value.field
    assert "this server has no Opus; it may be one of pcm16, float32, pcmu, pcma." in (
        refused.value.sentence
    )


def test_the_last_of_several_values_counts_and_strangers_are_left_alone():
    """Trackers of all kinds add parameters of their own."""
    query = {"input_rate": ["8000", "16000"], "utm_source": ["x"], "voice": []}

    assert 16_000 == parse_opening(query, RULES).source.rate_hz


@given(
    st.dictionaries(
        st.sampled_from(PARAMETERS) | st.text(max_size=5),
        st.lists(st.text(max_size=9) | st.integers(0, 200_000).map(str), max_size=2),
    )
)
def test_any_query_is_an_opening_or_an_invalid_request(query):
    """Nothing else is raised."""
    try:
        parse_opening(query, RULES)
    except InvalidRequest as refused:
        assert refused.field in PARAMETERS  # noqa: PT017  both ways are right


def test_parameters_nobody_knows_are_named():
    """So that a slip of the pen can be found; those of the page are not."""
    known = {"token": "t", "resume": "r", "last_seq": "7", "voice": "marin", "model": ""}
    del known["model"]

    assert () == opening(**known).ignored
    assert ("intput_rate", "Voice") == opening(intput_rate="8000", Voice="ash").ignored


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 61 + "..."),
        ("x" * 62 + "\n", "x" * 62 + "?"),
        ("x" * 60 + "\u202e" * 5, "x" * 60 + "?..."),
    ],
    ids=["short", "long", "unprintable", "both"],
)
def test_a_name_is_said_back_as_far_as_it_can_be(name, shown):
    """Cut behind 64 characters, and with a sign for what drives a terminal."""
    assert (shown,) == opening(**{name: "1"}).ignored


@given(st.dictionaries(st.text(), st.text(max_size=3), max_size=64))
def test_names_that_are_said_back_are_few_short_and_printable(query):
    """They are a client's own words, or somebody's who made its link."""
    strange = {f"?{name}": value for name, value in query.items()}
    ignored = opening(**strange).ignored

    assert len(ignored) == min(16, len(strange))
    assert all(len(name) <= 64 and name.isprintable() for name in ignored)
