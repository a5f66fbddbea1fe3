"""Acknowledgements that are kept as what they say."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol.told import AudioReceived
from tornado_app.protocol.voice_v1.server import encode
from tornado_app.resuming.receipts import Receipts, gathered
from tornado_app.session.commands import SendClient

SAID = st.tuples(
    st.integers(0, (1 << 32) - 1),
    st.floats(0, 1e6),
    st.floats(-200, 10),
    st.integers(1, 2),
    st.sampled_from([None, None, None, None, "a", 7]),
    st.integers(-5, 40),
)


def receipt(seq, chunk, said=(1920, 20.0, -30.5, 1, None, 20), at_ms=1_700_000_000_000):
    size, duration_ms, level_dbfs, _, ref, _ = said
    message = AudioReceived(size, duration_ms, level_dbfs, chunk, ref=ref)
    return SendClient(message, seq, at_ms, urgent=False)


def spelled(kept):
    """As they would be sent."""
    for each in kept:
        if isinstance(each, Receipts):
            yield from spelled(each.commands())
        elif isinstance(each, SendClient):
            yield encode(each.message, each.seq, each.timestamp_ms)
        else:
            yield each


def counts(run):
    """Of what is kept of them; 0: as it was sent."""
    kept = gathered(run, encode)
    return [each.count if isinstance(each, Receipts) else 0 for each in kept]


@given(st.lists(SAID, min_size=1))
def test_what_is_gathered_is_spelled_as_it_was(said):
    """To the letter, and in its order, whichever chunk has none."""
    chunk, at_ms, run = 0, 1_700_000_000_000, []
    for seq, each in enumerate(said, 1):
        chunk, at_ms = chunk + each[3], at_ms + each[5]
        run.append(receipt(seq, chunk, each, at_ms))

    assert list(spelled(run)) == list(spelled(gathered(run, encode)))


def test_those_that_follow_one_another_are_one():
    """A chunk that has none begins another."""
    run = [receipt(seq, seq) for seq in range(1, 51)]

    assert [50] == counts(run)
    assert [50, 8] == counts([*run, *(receipt(seq, seq + 1) for seq in range(51, 59))])


def test_one_that_the_client_has_named_is_kept_as_it_is_sent():
    """The name may be of any size."""
    named = [receipt(seq, seq, (1920, 20.0, -30.5, 1, "a name", 20)) for seq in (2, 3, 5)]
    run = [receipt(1, 1), *named[:2], receipt(4, 4), named[2]]

    assert [1, 0, 0, 1, 0] == counts(run)


def test_they_take_as_much_as_they_say_they_do():
    """What is counted is what is there, so that the budget of a process is one."""
    said = [(1900 + n, 20.0 + n / 100, -n / 10, 1, None, 0) for n in range(50)]
    fresh = [receipt(n, n, each, 1000 + n) for n, each in enumerate(said, 1)]
    tracemalloc.start()
    try:
        kept = list(gathered(fresh, encode))
        taken_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 1 == len(kept)
    assert abs(taken_bytes - kept[0].size_bytes) < 300
    assert kept[0].size_bytes < 50 * 40
