"""When the user said what."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.recordings.laying import GAP_MS, HORIZON_MS, Chunk, lay_speech


def laid(*chunks):
    return [begin_ms for begin_ms, _ in lay_speech(Chunk(*chunk, 0) for chunk in chunks)]


def test_a_chunk_was_spoken_before_it_came():
    assert [980.0, 1000.0] == laid((1000, 20), (1020, 20))


def test_what_came_late_was_not_spoken_late():
    """The network held the second and third back, and gave them with the fourth."""
    assert [80.0, 100.0, 120.0, 140.0] == laid((100, 20), (159, 20), (159, 20), (160, 20))


@pytest.mark.parametrize("back_ms", [3000, 16_000])
def test_what_was_held_back_for_seconds_goes_where_it_was_spoken(back_ms):
    """By a network, or by a client that was lost."""
    spoken = range(1000, back_ms, 20)
    live = [(back_ms + 20 * number, 20) for number in range(1, 50)]

    assert [980.0, *spoken, *(end - 20 for end, _ in live)] == laid(
        (1000, 20), *[(back_ms, 20)] * len(spoken), *live
    )


def test_a_pause_of_the_client_stays():
    assert [80.0, 1080.0, 1100.0] == laid((100, 20), (1100, 20), (1120, 20))


def test_a_file_that_comes_at_once_lies_before_it_came_as_far_as_there_is_room():
    assert [20_000.0, 30_000.0] == laid((30_000, 10_000), (30_020, 20))
    assert [0.0, 10_000.0] == laid((1000, 10_000), (1020, 20))


def test_clocks_that_differ_leave_no_holes_in_words():
    """500 ppm: a chunk of 20 ms comes each 20.01 ms."""
    begins = laid(*((20.01 * number, 20) for number in range(1, 5000)))
    gaps = [b - a - 20 for a, b in pairwise(begins) if b - a > 20.001]

    assert gaps
    assert all(gap > GAP_MS for gap in gaps)
    assert abs(begins[-1] - 20.01 * 4998) < GAP_MS + 3


@given(
    st.lists(
        st.tuples(st.floats(0, 400), st.floats(1, 200), st.sampled_from([0, 0, 0, 500, 7000])),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_the_network_does(chunks):
    """Late by up to 400 ms, in order; sometimes the client says nothing for a while."""
    spoken_ms, came_ms, truth, sent = 0.0, 0.0, [], []
    for late_ms, duration_ms, pause_ms in chunks:
        truth.append(spoken_ms + pause_ms)
        spoken_ms += pause_ms + duration_ms
        came_ms = max(came_ms, spoken_ms + late_ms)
        sent.append((came_ms, duration_ms))
    begins = laid(*sent)

    ends = [0.0, *(b + d for b, (_, d) in zip(begins, sent, strict=True))]
    assert len(sent) == len(begins)
    for begin, end, (came, duration), true in zip(begins, ends, sent, truth, strict=False):
        assert begin >= end - 1e-6
        assert begin + duration <= came + 1e-6 or begin == end
        assert begin >= true - GAP_MS - 1e-6  # what came later than it could is later, never sooner


@given(st.integers(0, 9999), st.floats(0, 150))
def test_a_steady_voice_is_where_it_was_as_soon_as_one_chunk_was_quick(seed, most_ms):
    """Each second has some that nothing holds back."""
    came_ms, sent, random = 0.0, [], Random(seed)
    for number in range(400):
        late_ms = 0 if number % 50 >= 40 else random.uniform(0, most_ms)
        came_ms = max(came_ms, 20 * (number + 1) + late_ms)
        sent.append((came_ms, 20.0))
    begins = laid(*sent)

    assert all(abs(begin - 20 * number) <= GAP_MS for number, begin in enumerate(begins))


def test_only_so_much_is_held():
    """Chunks of an hour go through a window."""
    taken = 0

    def chunks():
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield Chunk(20.0 * number, 20.0, number)

    most = 0
    for number, _ in enumerate(lay_speech(chunks())):
        most = max(most, taken - number)
    assert most <= HORIZON_MS / 20 + 2
