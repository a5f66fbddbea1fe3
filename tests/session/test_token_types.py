"""What a model says it has used, taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.metrics.definitions import TOKENS
from tornado_app.session.token_types import (
    tokens_by_type,
    total_tokens,
    transcription_seconds,
    transcription_tokens,
)

COUNT = st.integers(0, 5000)


def test_cached_tokens_are_counted_once():
    """They are part of the model's text and audio, and here a type of their own."""
    usage = {
        "total_tokens": 100,
        "input_token_details": {
            "text_tokens": 20,
            "audio_tokens": 40,
            "image_tokens": 5,
            "cached_tokens_details": {"text_tokens": 8, "audio_tokens": 10},
        },
        "output_token_details": {"text_tokens": 10, "audio_tokens": 25},
    }

    assert {
        "text_input": 12,
        "audio_input": 30,
        "image_input": 5,
        "cached_text_input": 8,
        "cached_audio_input": 10,
        "text_output": 10,
        "audio_output": 25,
    } == tokens_by_type(usage)


def test_what_a_model_does_not_name_is_unnamed():
    """A server that gives a total alone is counted, too."""
    assert {"unnamed": 7} == tokens_by_type({"total_tokens": 7})
    assert {} == tokens_by_type(None)
    assert {} == tokens_by_type({"total_tokens": -3, "input_token_details": "many"})
    assert {} == tokens_by_type({"total_tokens": True})


def test_a_count_is_one_however_it_is_written():
    """12.0 is 12, and what is counted both ways is counted in all."""
    usage = {"total_tokens": 30.0, "input_token_details": {"audio_tokens": 12.0}}

    assert {"audio_input": 12, "unnamed": 18} == tokens_by_type(usage)
    assert {"unnamed": 30} == tokens_by_type({"input_tokens": 20, "output_tokens": 10.0})
    assert {"text_output": 3, "unnamed": 9} == transcription_tokens(
        {"input_tokens": 9, "output_tokens": 3}
    )


@pytest.mark.parametrize(
    ("usage", "total"),
    [
        ({"total_tokens": 30}, 30),
        ({"total_tokens": 30.0, "input_tokens": 20}, 30),
        ({"input_tokens": 20, "output_tokens": 10}, 30),
        ({"total_tokens": 0, "input_tokens": 0}, 0),
        ({"total_tokens": None}, None),
        ({"total_tokens": "30"}, None),
        ({"total_tokens": -1}, None),
        ({"total_tokens": True}, None),
        ({"total_tokens": float("nan")}, None),
        ({}, None),
        (None, None),
    ],
)
def test_how_many_there_were_is_known_if_it_was_said(usage, total):
    """None of them is another thing than no word of it: then they are estimated."""
    assert total == total_tokens(usage)


@given(st.dictionaries(st.sampled_from(["text_tokens", "audio_tokens", "image_tokens"]), COUNT))
def test_the_types_add_up_to_the_total(details):
    """Whichever of them a model names."""
    total = sum(details.values()) + 11

    found = tokens_by_type({"total_tokens": total, "input_token_details": details})

    assert total == sum(found.values())
    assert set(found) <= set(TOKENS.labels[0].values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["total_tokens", "input_token_details", "cached_tokens_details", "text_tokens"]
            ),
            inner,
        ),
    )
)
def test_nothing_that_a_model_says_is_a_fault(usage):
    """No number below 0, and no exception."""
    found = tokens_by_type(usage if isinstance(usage, dict) else {"total_tokens": usage})

    assert all(tokens > 0 for tokens in found.values())


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(0, 0.0), (2, 2.0), (2.5, 2.5), (86_400, 86_400.0)]
    + [(wrong, 0.0) for wrong in (-1, 86_401, True, "2", None, float("nan"))],
)
def test_seconds_are_believed_if_they_can_be(said, seconds):
    """A day is more than any turn."""
    assert seconds == transcription_seconds({"seconds": said})
    assert 0.0 == transcription_seconds(None)


def test_what_is_written_down_comes_out_as_text():
    """A model says of it how much there is, and not of what."""
    usage = {"total_tokens": 12, "input_tokens": 9, "output_tokens": 3}
    usage["input_token_details"] = {"audio_tokens": 9}

    assert {"audio_input": 9, "text_output": 3} == transcription_tokens(usage)
    assert {} == transcription_tokens(None)
