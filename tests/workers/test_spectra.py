"""The two ways of synthesis against each other."""

import numpy as np
import pytest

from workers.resample import Resampler
from workers.spectra import ROWS_MAX, Chirp, Grid, Run, Same

PAIRS = [(48000, 24000), (44100, 24000), (8000, 24000), (24000, 44100), (16000, 8000)]


@pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)
def test_the_chirp_gives_what_the_grid_gives(in_hz, out_hz):
    """Where a grid exists, both evaluate the same spectrum at the same times."""
    layout = Resampler.between(in_hz, out_hz).layout
    blocks = np.random.default_rng(1).standard_normal((3, layout.size)).astype(np.float32)
    runs = [Run(n * layout.size, 7 * layout.hop * n - layout.overlap, 1) for n in range(3)]

    on_grid = Grid.of(layout).synthesise(blocks.reshape(-1), runs)
    by_chirp = Chirp.of(layout).synthesise(blocks.reshape(-1), runs)

    np.testing.assert_allclose(by_chirp, on_grid, atol=3e-6)


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 8, 9, 33, ROWS_MAX, 2 * ROWS_MAX + 1])
@pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)
def test_a_block_gives_the_same_alone_and_among_others(in_hz, out_hz, rows):
    """Neighbours in a transform do not change a bit."""
    layout = Resampler.between(in_hz, out_hz).layout
    blocks = np.random.default_rng(rows).standard_normal((rows, layout.size)).astype(np.float32)
    grid = Grid.of(layout)

    runs = [Run(n * layout.size, 0, 1) for n in range(rows)]

    alone = np.concatenate([grid.synthesise(block, [Run(0, 0, 1)]) for block in blocks])

    np.testing.assert_array_equal(alone, grid.synthesise(blocks.reshape(-1), runs))


@pytest.mark.parametrize(
    ("in_hz", "out_hz", "expected"),
    [
        (48000, 24000, Grid),
        (44100, 24000, Grid),
        (11025, 24000, Grid),
        (11025, 8000, Chirp),
        (8001, 24000, Chirp),
        (192000, 191999, Chirp),
        (24000, 24000, Same),
    ],
)
def test_rates_that_meet_within_20_ms_have_a_grid(in_hz, out_hz, expected):
    """Common rates take the fast way."""
    assert expected is type(Resampler.between(in_hz, out_hz).synthesis)


@pytest.mark.parametrize(("in_hz", "out_hz"), [*PAIRS, (8001, 24000), (24000, 8001)])
def test_blocks_join_without_gap_or_overlap(in_hz, out_hz):
    """The outputs of consecutive blocks are consecutive, and on time to the sample."""
    layout = Resampler.between(in_hz, out_hz).layout
    starts = [n * layout.hop - layout.overlap for n in range(50)]

    for start in starts:
        valid_from_s = (start + layout.overlap - layout.reach) / in_hz

        assert 0 <= layout.first_output(start) / out_hz - valid_from_s < 1 / out_hz + 1e-12
