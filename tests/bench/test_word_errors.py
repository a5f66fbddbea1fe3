"""A telephone line through Parley's workers, heard by the local recogniser."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")

from bench import word_errors


def test_a_telephone_line_costs_no_more_words_than_through_soxr():
    """mu-law at 8 kHz is understood as well from our resampler as from soxr's."""
    found = word_errors.measure()

    assert 0.15 >= word_errors.rate(found["line, Parley"])
    assert sum(found["line, soxr"]) >= sum(found["line, Parley"])


def test_both_ways_give_the_same_sound():
    """They are as long, and differ by less than 2 %: where the filters' edges lie."""
    line = word_errors.on_the_line(*word_errors.recording("amiable"))
    ours, theirs = (
        np.frombuffer(way(line), "<i2").astype(float)
        for way in (word_errors.through_parley, word_errors.through_soxr)
    )

    assert len(ours) == len(theirs)
    assert 0.02 > (ours - theirs).std() / theirs.std()
