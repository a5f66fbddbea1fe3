"""Text in spoken pieces."""

from hypothesis import given
from hypothesis import strategies as st

from local_realtime.sentences import MAX_LETTERS, sentences


def test_sentences_end_where_they_end():
    """Not at a title, a decimal or the time."""
    text = "Hello! I am Mr. Dash. It is 3.5 m.\nYes?"

    assert sentences(text) == ["Hello! ", "I am Mr. Dash. ", "It is 3.5 m.\n", "Yes?"]


@given(st.text(alphabet="ab ,.;!\n", max_size=1500))
def test_nothing_is_lost(text):
    """And no piece is too long to be spoken at once."""
    pieces = sentences(text)

    assert "".join(pieces) == text
    assert all(0 < len(piece.strip()) <= MAX_LETTERS or piece.isspace() for piece in pieces)
