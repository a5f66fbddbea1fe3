"""What of a model's audio is good, and what is passed on as it is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio, hear_audio


@given(st.binary(max_size=100))
def test_good_audio_is_decoded(pcm):
    """Of any length; its text goes on as it is where it is whole samples."""
    text = base64.b64encode(pcm).decode()

    passed_on = text if len(pcm) % 2 == 0 else ""
    assert AnswerAudio("r", "a", pcm, passed_on) == hear_audio("r", "a", text)


@pytest.mark.parametrize(
    "text",
    [
        *("!!!!", "A", "AAA", "AAAAA", "AA=", "====", "AA==AAAA", "AAAA\n", " AAAA", "AA AA"),
        *("__--", "AA-_", "AAAA,", "AAA\u00e9", "AAA\ud800", "\u0410\u0410\u0410\u0410", "AA=A"),
        "data:audio/pcm;base64,AAAA",
        None,
    ],
)
def test_broken_audio_is_found(text):
    """Another alphabet, white space, missing padding: what some decoder would refuse."""
    assert BrokenAudio("r", len(text or "")) == hear_audio("r", "a", text)


@pytest.mark.parametrize(("text", "pcm"), [("AAB=", b"\0\0"), ("AAECAx==", b"\0\1\2\3")])
def test_padding_with_bits_left_over_is_spelled_anew(text, pcm):
    """Strict decoders refuse it (RFC 4648, section 3.5); what it means is plain."""
    assert AnswerAudio("r", "a", pcm) == hear_audio("r", "a", text)


@given(st.text() | st.text("AQgw/+z9=-_!", max_size=12))
def test_any_text_has_a_verdict(text):
    """Nothing is raised, and what is passed on is what everybody would write."""
    heard = hear_audio("r", "a", text)

    if isinstance(heard, AnswerAudio) and heard.text:
        assert text == base64.b64encode(heard.pcm).decode()
