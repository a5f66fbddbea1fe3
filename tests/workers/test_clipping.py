"""What 16 bits cannot hold is counted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.clipping import HIGHEST, LOWEST, count_clipped, is_clipped
from workers.codecs import encode


def plainly(samples: np.ndarray) -> int:
    steps = np.rint(samples.astype(np.float64) * 32768)
    return int(((steps > 32767) | (steps < -32768)).sum())


around = st.sampled_from([-1.0, 1.0]).flatmap(
    lambda sign: st.floats(-(2**-13), 2**-13, width=32).map(lambda off: np.float32(sign + off))
)


@given(st.lists(around | st.floats(-2, 2, width=32), max_size=50))
def test_counted_is_what_encoding_changes(values):
    """By rounding as the encoder does."""
    samples = np.array(values, np.float32)

    assert [plainly(samples)] == count_clipped(samples, [slice(0, len(samples))])


def test_the_edges_are_those_of_the_encoder():
    """One step of float32 decides."""
    below, above = np.nextafter(HIGHEST, np.float32(0)), np.nextafter(LOWEST, np.float32(-2))
    samples = np.array([below, HIGHEST, LOWEST, above], np.float32)

    assert [0, 1, 0, 1] == count_clipped(samples, [slice(i, i + 1) for i in range(4)])
    assert [0, 1, 0, 1] == [plainly(samples[i : i + 1]) for i in range(4)]


def test_each_cut_has_its_own_count():
    """A loud stream is not the fault of the others in its batch."""
    samples = np.array([0, 2, 2, 0, -3], np.float32)

    assert [2, 0, 1] == count_clipped(samples, [slice(0, 3), slice(3, 4), slice(4, 5)])
    assert [] == count_clipped(samples[:0], [])


@given(st.lists(around | st.floats(-1, 1, width=32), max_size=50))
def test_what_is_not_clipped_needs_no_clipping(values):
    """To the bit, and whoever is clipped is known to be."""
    samples = np.array(values, np.float32)

    assert is_clipped(samples) == bool(plainly(samples))
    if not is_clipped(samples):
        assert encode(samples, "pcm16") == encode(samples, "pcm16", clips=False)
