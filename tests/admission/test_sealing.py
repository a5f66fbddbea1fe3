"""Tests of tornado_app/admission/sealing.py."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from tornado_app.admission.sealing import Seal, Unreadable, read_key

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
SAID = {"instructions": "Be brief, Zoë.", "metadata": {"plan": "gold"}}


TEXT = json.dumps(SAID)


def made(header, text=TEXT, key=KEY):
    """As another library would, or somebody who tries."""
    algorithms = ["dir", "A256GCM", "A128CBC-HS256", "A256KW", "DEF"]
    return jwe.encrypt_compact(header, text, OctKey.import_key(key), algorithms=algorithms)


HEADER = {"alg": "dir", "enc": "A256GCM"}


def test_what_was_sealed_is_opened():
    """By this gateway and by no other key; twice the same is not twice the same text."""
    sealed = Seal(KEY).close(SAID)

    assert SAID == Seal(KEY).open(sealed)
    assert sealed != Seal(KEY).close(SAID)
    assert "brief" not in str(base64.urlsafe_b64decode(sealed.split(".")[3] + "=="))
    with pytest.raises(Unreadable):
        Seal(OTHER).open(sealed)


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u5b57", "\U0001f600"])
def test_what_is_sealed_is_not_much_longer_than_its_text(letter):
    """Whatever it is written in: a token has a length that it may not pass."""
    text = letter * 999

    assert len(Seal(KEY).close({"instructions": text})) < len(text.encode()) * 4 / 3 + 200


def test_the_key_before_opens_and_does_not_close():
    """So that it can be changed while tokens of it are good."""
    both = Seal(OTHER, KEY)

    assert SAID == both.open(Seal(KEY).close(SAID))
    with pytest.raises(Unreadable):
        Seal(KEY).open(both.close(SAID))


@pytest.mark.parametrize(
    "sealed",
    [
        made(HEADER, "[]"),
        made(HEADER, '{"a": 1, "a": 2}'),
        made(HEADER, '{"a": NaN}'),
        made(HEADER, "[" * 9000),
        made({**HEADER, "zip": "DEF"}),
        made({"alg": "dir", "enc": "A128CBC-HS256"}),
        made({"alg": "A256KW", "enc": "A256GCM"}),
        made({**HEADER, "jku": "https://keys.example"}),
        made({**HEADER, "x5u": "https://keys.example"}),
        made(HEADER) + "=",
        made(HEADER) + "A",
        made(HEADER)[:-1],
        "." * 4,
        "",
    ],
    # What is sealed anew in each process has another name in each, and they compare names.
    ids=[
        *("a list", "a name twice", "no number", "too deep", "compressed", "another encryption"),
        *(
            "a wrapped key",
            "a place of keys",
            "a place of certificates",
            "padded",
            "longer",
            "shorter",
            "four dots",
            "nothing",
        ),
    ],
)
def test_what_is_sealed_otherwise_is_unreadable(sealed):
    """Another algorithm, compressed, cut, padded, or no object; whoever made it."""
    with pytest.raises(Unreadable):
        Seal(KEY).open(sealed)


@pytest.mark.parametrize("key_id", ["", "k", "k1", "k12"])
def test_other_libraries_name_key_and_type(key_id):
    """Nothing depends on it, nor on how long it makes the header."""
    assert SAID == Seal(KEY).open(made({**HEADER, "kid": key_id, "typ": "JWE"}))


@given(
    st.text() | st.from_regex(r"[\w-]{2,60}\.\.[\w-]{16}\.[\w-]{2,20}\.[\w-]{22}", fullmatch=True)
)
def test_anything_else_is_unreadable(sealed):
    """And nothing else is raised."""
    with pytest.raises(Unreadable):
        Seal(KEY).open(sealed)


@given(st.integers(0, 10_000), st.integers(1, 63))
def test_no_character_can_be_changed(place, by):
    """Header, vector, text and tag are all held by the key."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sealed = Seal(KEY).close(SAID)
    at = place % len(sealed)
    if sealed[at] == "." or sealed[at + 1 : at + 2] in {".", ""}:
        return  # a dot; or a last character, of which some bits are none of the text's
    changed = alphabet[(alphabet.index(sealed[at]) + by) % 64]

    with pytest.raises(Unreadable):
        Seal(KEY).open(sealed[:at] + changed + sealed[at + 1 :])


@pytest.mark.parametrize("padding", ["", "="])
def test_a_key_is_base64url(padding):
    """As `basenc --base64url` writes it."""
    assert KEY == read_key(base64.urlsafe_b64encode(KEY).decode().rstrip("=") + padding)


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "+" * 43, "x" * 43 + "=="])
def test_what_is_no_key_is_said(text):
    """Without it."""
    with pytest.raises(ValueError, match="must be 32 bytes as base64url"):
        read_key(text)
