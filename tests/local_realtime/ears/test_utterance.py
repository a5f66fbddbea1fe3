"""Which frames are read."""

from itertools import pairwise

import pytest

from local_realtime.ears.utterance import GAP_FRAMES, MARGIN_FRAMES, MAX_FRAMES, stretches


@pytest.mark.parametrize("frames", [[], [0.1] * 500, [0.9] * 7, [0.9] * 7 + [0.0] * 99 + [0.9] * 7])
def test_a_click_is_not_read(frames):
    """A quarter of a second it must have, in one piece."""
    assert stretches(frames) == []


def test_speech_is_read_with_a_margin():
    """And what is further away is not."""
    frames = [0.0] * 100 + [0.9] * 50 + [0.0] * 100

    assert stretches(frames) == [(100 - MARGIN_FRAMES, 150 + MARGIN_FRAMES)]


def test_long_silence_parts_what_is_read():
    """Two seconds; less is part of the utterance."""
    word = [0.9] * 20

    assert len(stretches(word + [0.0] * GAP_FRAMES + word)) == 1
    assert len(stretches(word + [0.0] * (GAP_FRAMES + 1) + word)) == 2


def test_long_speech_is_cut_where_it_is_quietest():
    """Every piece is short enough, and they join."""
    frames = [0.9] * (3 * MAX_FRAMES)
    frames[MAX_FRAMES - 50] = 0.1
    pieces = stretches(frames)

    assert pieces[0] == (0, MAX_FRAMES - 50)
    assert all(stop - start <= MAX_FRAMES for start, stop in pieces)
    assert all(one[1] == other[0] for one, other in pairwise(pieces))
    assert pieces[-1][1] == len(frames)
