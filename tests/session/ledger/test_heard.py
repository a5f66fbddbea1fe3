"""How much of an answer's text was heard."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.session.ledger.heard import cut_at_word, heard_letters
from tornado_app.session.ledger.saying import Saying


@pytest.mark.parametrize(
    ("text", "letters", "heard"),
    [
        ("How are you?", 12, "How are you?"),
        ("How are you?", 99, "How are you?"),
        ("How are you?", 11, "How are"),
        ("How are you?", 7, "How are"),
        ("How are you?", 6, "How"),
        ("How are you?", 3, "How"),
        ("How are you?", 2, ""),
        ("How are you?", 0, ""),
        ("Donaudampfschiff", 8, ""),
        ("你好。今天天气很好。", 5, "你好。今天"),
        ("x" * 100, 50, "x" * 50),
        ("", 0, ""),
    ],
)
def test_no_word_is_heard_in_part(text, letters, heard):
    """A word that was cut is one that was not heard; where there are no spaces, each is a word."""
    assert heard == cut_at_word(text, letters)


@pytest.mark.parametrize(
    ("heard_ms", "audio_ms", "letters_per_s", "letters"),
    [
        (0, 1000, None, 0),
        (0, 0, None, 0),
        (500, 1000, None, 50),
        (1000, 1000, None, 100),
        (2000, 1000, None, 100),
        (1000, 1000, 15.0, 15),
        (500, 1000, 1000.0, 50),
        (10, 0, None, 100),
    ],
)
def test_letters_go_by_the_audio(heard_ms, audio_ms, letters_per_s, letters):
    """In proportion, and no faster than the voice speaks."""
    assert letters == heard_letters(100, heard_ms, audio_ms, letters_per_s)


def test_text_that_came_behind_what_was_heard_was_not_heard():
    """However much text there is, the second sentence came with the second second."""
    saying = Saying()
    saying.add("One. ")
    saying.audio_ms = 1000.0
    saying.add("Two and three and four and five.")
    saying.audio_ms = 2000.0
    saying.is_complete, saying.heard_ms = True, 900.0

    assert "One." == saying.heard_text(15.0)


def test_an_answer_that_broke_off_is_heard_at_the_pace_of_the_voice():
    """Text runs ahead of the audio, which is not all of it."""
    saying = Saying()
    saying.add("He might even have been made amiable himself, they say.")
    saying.audio_ms, saying.is_spoken = 1000.0, True
    assert "He might" == _broken_off(saying, 12.0).heard_text(99.0)
    assert "He might even" == _broken_off(saying, 15.0).heard_text(99.0)


def _broken_off(saying: Saying, letters_per_s: float) -> Saying:
    found = deepcopy(saying)
    found.break_off(letters_per_s)
    return found


@given(
    st.lists(st.tuples(st.text(max_size=12), st.integers(0, 400)), max_size=20),
    st.integers(0, 8000),
    st.booleans(),
)
def test_what_was_heard_is_the_beginning_and_grows(pieces, heard_ms, is_complete):
    """Whatever it is, and whenever it came."""
    saying = Saying()
    for text, audio_ms in pieces:
        saying.add(text)
        saying.audio_ms += audio_ms
    saying.is_complete, saying.heard_ms = is_complete, heard_ms
    text = "".join(text for text, _ in pieces)
    heard = saying.heard_text(15.0)
    assert text.startswith(heard)

    saying.heard_ms = heard_ms + 100
    assert saying.heard_text(15.0).startswith(heard)
