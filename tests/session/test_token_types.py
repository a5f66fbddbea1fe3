"""What a model says it has used, taken apart."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.metrics.definitions import TOKENS
from tornado_app.session.token_types import tokens_by_type

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
