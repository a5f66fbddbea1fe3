"""How much an answer may say."""

from hypothesis import given
from hypothesis import strategies as st

from local_realtime.session.budget import Budget
from local_realtime.session.responder import Answer, FunctionCall
from local_realtime.session.usage import spoken_tokens, text_tokens
from local_realtime.sound.audio import Sound

PIECES = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 3000)).map(
        lambda size: Answer("x" * size[0], Sound(bytes(48 * size[1]), 24_000))
    ),
    max_size=5,
)


def spent(pieces, *, is_spoken):
    spoken_ms = sum(piece.sound.duration_ms for piece in pieces) if is_spoken else 0
    return text_tokens("".join(piece.text for piece in pieces)) + spoken_tokens(spoken_ms)


@given(PIECES, st.integers(1, 200), st.booleans())
def test_no_answer_has_more_tokens_than_it_may(pieces, max_tokens, is_spoken):
    """And one that is within its limit loses nothing."""
    budget = Budget(max_tokens, is_spoken=is_spoken)
    said = [budget.cut(piece) for piece in pieces if not budget.is_exceeded]

    assert spent(said, is_spoken=is_spoken) <= max_tokens
    assert budget.is_exceeded == (spent(pieces, is_spoken=is_spoken) > max_tokens)
    if not budget.is_exceeded:
        assert said == pieces


def test_a_call_is_paid_for_as_well():
    """What was said before leaves it less."""
    budget = Budget(5, is_spoken=False)
    budget.cut(Answer("x" * 12, Sound(b"", 24_000)))

    assert budget.letters_of(FunctionCall("f", "{}")) == 2
    assert budget.letters_of(FunctionCall("f", '{"city": "Paris"}')) == 4
    assert budget.is_exceeded


def test_without_a_limit_there_is_room_for_everything():
    """`inf` is the default."""
    budget = Budget(None, is_spoken=True)
    piece = Answer("x" * 10_000, Sound(bytes(480_000), 24_000))

    assert budget.cut(piece) is piece
    assert not budget.is_exceeded
