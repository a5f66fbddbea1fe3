"""Base64 of many texts at once against the standard library, one by one."""

import base64
import binascii
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.base64_text import decode_all, decode_joined, encode_all

ALPHABET = string.ascii_letters + string.digits + "+/"


def decoded_alone(text):
    """Return what a text holds by the slow way, None if it holds nothing."""
    body = text.rstrip("=")
    if len(text) % 4 or len(text) - len(body) > 2 or set(body) - set(ALPHABET):
        return None
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return None


@given(st.lists(st.binary(max_size=50)))
def test_each_chunk_is_encoded_apart(chunks):
    """Of any length, padding included."""
    assert [base64.b64encode(chunk) for chunk in chunks] == encode_all(chunks)


@given(st.lists(st.binary(max_size=50)))
def test_what_is_encoded_is_decoded(chunks):
    """There and back is the identity."""
    assert chunks == decode_all([text.decode() for text in encode_all(chunks)])


@given(
    st.lists(st.text("AQgw/+z9=", max_size=8) | st.sampled_from(["A===", "====", "AB==", "A\n=="]))
)
def test_texts_that_are_nearly_base64(texts):
    """Each is judged as it would be alone, wherever its padding is."""
    assert [decoded_alone(text) for text in texts] == decode_all(texts)


@pytest.mark.parametrize(
    "bad", ["A", "====", "A===", "=AAA", "AA=A", "AAA\n", "AA_-", "AAAÄ", "AAA\ud800", "AA==AA=="]
)
@pytest.mark.parametrize("before", [[], ["AAAA"], ["AA=="]])
@pytest.mark.parametrize("after", [[], ["AAAA"], ["AAA="]])
def test_a_wrong_text_spoils_no_other(bad, before, after):
    """At any place among good ones."""
    expected = [*map(base64.b64decode, before), None, *map(base64.b64decode, after)]

    assert expected == decode_all([*before, bad, *after])


@given(st.lists(st.text("AQgw/+z9=", min_size=4, max_size=8), min_size=1, max_size=3))
@example(["AAAAAA", "AAAAAA"])
@example(["AA=="])
def test_what_is_decoded_joined_is_what_each_holds(texts):
    """Of one length and without padding; else it is left to be decoded one by one."""
    texts = [text[: min(map(len, texts))] for text in texts]
    alone = decode_all(texts)
    is_joined = None not in alone and "=" not in "".join(texts)

    assert (b"".join(filter(None, alone)) if is_joined else None) == decode_joined(texts)
