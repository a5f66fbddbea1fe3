"""Tests of tornado_app/session/unsent.py: how much of what waits for the model is audio."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.session.ledger.speech import UPSTREAM_BYTES_PER_MS
from tornado_app.session.unsent import SMALL_BYTES, Unsent

AUDIO = st.tuples(st.just("audio"), st.integers(1, 200))
OTHER = st.tuples(st.just("other"), st.integers(SMALL_BYTES + 1, 300_000))
LEAVES = st.tuples(st.just("leaves"), st.floats(0, 1))


@given(st.lists(st.one_of(AUDIO, OTHER, LEAVES), max_size=60))
def test_it_knows_what_lies_in_the_socket(happens):
    """Whatever went in, in whatever order, and however far it has left."""
    unsent, end_ms = Unsent(), 0.0
    lies: list[tuple[str, float]] = []
    for what, amount in happens:
        if what == "audio":
            end_ms += amount
            lies.append(("audio", amount * UPSTREAM_BYTES_PER_MS))
        elif what == "other":
            unsent.note(amount, end_ms)
            lies.append(("other", amount))
        else:
            leaving_bytes = amount * sum(size for _, size in lies)
            while lies and leaving_bytes > 0:
                kind, size = lies.pop(0)
                if size > leaving_bytes:
                    lies.insert(0, (kind, size - leaving_bytes))
                leaving_bytes -= size

        audio_bytes = sum(size for kind, size in lies if kind == "audio")
        unsent_bytes = sum(size for _, size in lies)
        found_ms = unsent.audio_ms(unsent_bytes, end_ms)
        assert abs(audio_bytes / UPSTREAM_BYTES_PER_MS - found_ms) < 0.1


def test_what_has_left_is_forgotten():
    """A socket that is never quite empty keeps no more than lies in it."""
    unsent = Unsent()
    for number in range(1000):
        unsent.note(1000, number * 100.0)
        unsent.audio_ms(1000, number * 100.0)

    assert len(unsent._others) < 3
    unsent.note(SMALL_BYTES, 1e6)
    assert len(unsent._others) < 3
