"""FLAC files that do not know their length, were cut, or joined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import file_of, with_flac_total
from workers.mending.flac import FrameHead, last_frame, streams

SAMPLES = np.random.default_rng(3).uniform(-0.5, 0.5, 10_000).astype(np.float32)
FILE = file_of("flac-16", SAMPLES, 16_000)
PICTURE = b"fLaC\x06" + (50).to_bytes(3, "big") + FILE[:50]


@pytest.mark.parametrize("total", [0, 10_000, 2**36 - 1])
def test_the_length_is_unknown_whatever_it_said(total):
    """And the sum of the audio with it; what else the header says stays."""
    [stream] = streams(with_flac_total(FILE, total))

    assert FILE[8:21] == stream[8:21]
    assert (FILE[21] & 0xF0, bytes(20)) == (stream[21], stream[22:42])
    assert stream[42:] == FILE[-len(stream[42:]) :]


def test_joined_files_are_one_stream_each():
    """Behind metadata that looks like a file of its own."""
    [plain] = streams(FILE)
    blocks = b"fLaC" + b"\0" + FILE[5:42] + PICTURE[4:]
    dressed = blocks + b"\x81" + bytes(3) + plain[42:]

    assert [plain, plain, plain] == list(streams(FILE + dressed + FILE))


def test_a_tag_in_front_is_passed():
    """It is ID3's, and some programs put it before anything."""
    assert list(streams(FILE)) == list(streams(b"ID3\x04\0\0\0\0\0\x05tag.." + FILE))


@pytest.mark.parametrize("left", [0, 3, 8, 30, 41, 42])
def test_a_file_that_ends_in_its_head_has_no_stream(left):
    """There is nothing to hear."""
    [plain] = streams(FILE)

    assert [] == list(streams(plain[:left]))


def test_a_file_behind_one_that_was_cut_is_whole():
    """Within its head, or the metadata that an encoder leaves room for; or within its audio."""
    [plain] = streams(FILE)
    roomy = b"fLaC" + b"\0" + FILE[5:42] + b"\x81\0\0\x40" + bytes(64) + plain[42:]
    head = len(roomy) - len(plain) + 42
    for left in [*range(head + 300), *range(len(roomy) - 10, len(roomy))]:
        *kept, last = streams(roomy[:left] + FILE)
        assert plain == last, left
        assert [roomy[head:left]] * (left > head) == [stream[42:] for stream in kept]


@given(st.integers(42, len(FILE)))
def test_the_last_frame_is_found_wherever_the_file_ends(left):
    """Whole or cut; noise looks like the beginning of a frame quite often."""
    [plain] = streams(FILE)
    last = last_frame(plain[:left])

    assert last in {None, FrameHead(0, 4096), FrameHead(4096, 8192), FrameHead(8192, 10_000)}
    if left == len(plain):
        assert FrameHead(8192, 10_000) == last


@given(st.binary(max_size=300))
def test_nothing_falls_over(data):
    """Whatever stands behind the name."""
    for stream in streams(b"fLaC\x80\0\0\x22" + data):
        last_frame(stream)
