"""Ogg files that were cut, or joined."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import file_of
from workers.mending.ogg import HEAD, streams

SAMPLES = (0.5 * np.sin(np.arange(40_000) * 0.1)).astype(np.float32)
FILES = {kind: file_of(kind, SAMPLES, 16_000) for kind in ("ogg-vorbis", "ogg-opus")}


def pages_of(data: bytes) -> list[tuple]:
    """The fields of each page, and its body; every page must be whole."""
    found, at = [], 0
    while at < len(data):
        *fields, segments = HEAD.unpack_from(data, at)
        begin = at + HEAD.size + segments
        end = begin + sum(data[at + HEAD.size : begin])
        assert b"OggS" == fields[0]
        assert end <= len(data)
        found.append((*fields, data[at + HEAD.size : begin], data[begin:end]))
        at = end
    return found


@pytest.mark.parametrize("kind", FILES)
def test_a_whole_file_is_one_stream_as_it_is(kind):
    """To the byte."""
    assert [FILES[kind]] == list(streams(FILES[kind]))


@pytest.mark.parametrize("first", FILES)
@pytest.mark.parametrize("second", FILES)
def test_joined_files_are_one_stream_each(first, second):
    """Also if there is something between them."""
    parts = [FILES[first], FILES[second], FILES[first]]

    assert parts == list(streams(b"".join(parts)))
    assert parts == list(streams(b"\0\0".join(parts)))


@pytest.mark.parametrize("kind", FILES)
@given(part=st.floats(0.0, 1.0, exclude_max=True))
def test_a_cut_page_keeps_its_whole_packets(kind, part):
    """Its pages are good pages, and it is nowhere said that the stream ends."""
    data = FILES[kind]
    left = data[: int(part * len(data))]
    found = list(streams(left))
    pages = [page for stream in found for page in pages_of(stream)]
    assert len(found) <= 1

    for page, whole in zip(pages, pages_of(data), strict=False):
        assert whole[-1].startswith(page[-1])
        assert whole[-2].startswith(page[-2])
        assert page[-2][-1] < 255 or page == whole
        assert not page[2] & 4
        assert page[3] <= whole[3]
    lost = len(left) - sum(HEAD.size + len(page[-2]) + len(page[-1]) for page in pages)
    assert lost < 800 or not pages


def cuts_about_pages(data: bytes) -> list[int]:
    """Every place in the head of a page, and the last bytes before it and behind it."""
    sizes = [HEAD.size + len(page[-2]) + len(page[-1]) for page in pages_of(data)]
    heads = [HEAD.size + len(page[-2]) for page in pages_of(data)]
    return [
        cut
        for begin, head in zip(accumulate(sizes, initial=0), [*heads, 0], strict=True)
        for cut in range(max(0, begin - 8), min(len(data), begin + head + 8))
    ]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_may_be_cut_anywhere_in_the_head_of_a_page(kind):
    """Nothing is made of half a head."""
    data = FILES[kind]
    whole = pages_of(data)
    for cut in cuts_about_pages(data):
        for stream in streams(data[:cut]):
            *pages, last = pages_of(stream)
            assert pages == whole[: len(pages)]
            assert whole[len(pages)][-1].startswith(last[-1])


@pytest.mark.parametrize("kind", FILES)
def test_a_file_behind_one_that_was_cut_is_whole(kind):
    """Wherever: within the head of a page, or a byte before the end of one."""
    data = FILES[kind]
    for cut in cuts_about_pages(data):
        assert data == list(streams(data[:cut] + data))[-1], cut


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_was_cut_before_its_audio_has_no_stream(kind):
    """There is nothing to hear."""
    heads = pages_of(FILES[kind])[0]
    left = HEAD.size + len(heads[-2]) + len(heads[-1])

    assert [] == list(streams(FILES[kind][:left]))


@given(st.binary(max_size=300))
def test_nothing_falls_over(data):
    """Whatever stands behind the name."""
    list(streams(b"OggS" + data))
    list(streams(FILES["ogg-opus"][:200] + data + FILES["ogg-opus"][200:]))
