"""Text in spoken pieces."""

from hypothesis import given
from hypothesis import strategies as st

from local_realtime.mouth.sentences import MAX_LETTERS, SentenceCutter, sentences


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


@given(text=st.text("ab.!? \n,", max_size=400), size=st.integers(1, 9))
def test_a_text_in_pieces_is_the_same_text(text, size):
    """Nothing is lost, and nothing said twice."""
    cutter = SentenceCutter()
    cut = [one for i in range(0, len(text), size) for one in cutter.feed(text[i : i + size])]

    assert text == "".join([*cut, *cutter.rest()])
    assert all(cut)


def test_a_sentence_is_whole_when_the_next_begins():
    """Not before: "3." may go on with "14"."""
    cutter = SentenceCutter()

    assert [[], ["Pi is 3.14. "], ["Yes! "], []] == [
        cutter.feed(piece) for piece in ("Pi is 3.", "14. ", "Yes! N", "o")
    ]
    assert ["No"] == cutter.rest()
