"""Ogg files that were cut, or joined."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import file_of
from workers.containers import decode_file
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


def joined(pages: list[tuple]) -> bytes:
    """Pages as `pages_of` gives them; of one that was changed, the CRC is wrong."""
    return b"".join(
        HEAD.pack(*fields, len(lacing)) + lacing + body for *fields, lacing, body in pages
    )


def with_granules(data: bytes, changed) -> bytes:
    """*data* with other granule positions in the pages of its audio, and not the end said."""
    *heads, last = pages_of(data)
    changed_pages = [
        (*page[:3], changed(page[3]), *page[4:]) if page[3] > 0 else page for page in heads
    ]
    return joined([*changed_pages, (*last[:2], 0, changed(last[3]), *last[4:])])


OPUS = FILES["ogg-opus"]
UNTRIMMED = b"".join(streams(with_granules(OPUS, lambda granule: 0)))


@pytest.mark.parametrize(
    "changed",
    [
        lambda granule: -1,
        lambda granule: granule + 10_000_000,
        lambda granule: granule - 959,
        lambda granule: granule + 500 * (granule > 96_000),
        lambda granule: 1 << 60,
    ],
    ids=["unknown", "begun before", "begins at one", "a gap", "immense"],
)
def test_opus_is_heard_whatever_its_recorder_counted(changed):
    """From the first sample to the last, as one that counted right; a decoder would give up."""
    samples, rate_hz = decode_file(with_granules(OPUS, changed), "ogg", 10_000)

    whole, _ = decode_file(OPUS, "ogg", 10_000)
    assert 16_000 == rate_hz
    assert len(whole) <= len(samples) < len(whole) + 960
    assert np.array_equal(whole, samples[: len(whole)])
    assert UNTRIMMED == b"".join(streams(with_granules(OPUS, changed)))


VORBIS = file_of("ogg-vorbis", np.random.default_rng(1).normal(0, 0.1, 60_000), 16_000)
"""Of several pages."""


@pytest.mark.parametrize(
    "changed",
    [
        lambda granule: 0,
        lambda granule: -1,
        lambda granule: granule // 16,
        lambda granule: granule + 10_000_000,
        lambda granule: granule - 1_000,
        lambda granule: granule + 500 * (granule > 30_000),
        lambda granule: 1 << 60,
    ],
    ids=["nought", "unknown", "another clock", "begun before", "begins later", "a gap", "immense"],
)
def test_vorbis_is_heard_whatever_its_recorder_counted(changed):
    """All of it was lost where the last page said nothing, and its end where that said little."""
    samples, _ = decode_file(with_granules(VORBIS, changed), "ogg", 10_000)

    whole, _ = decode_file(VORBIS, "ogg", 10_000)
    assert len(whole) <= len(samples) < len(whole) + 1024
    assert np.array_equal(whole, samples[: len(whole)])


@pytest.mark.parametrize("granule", [0, -1])
@pytest.mark.parametrize("length", [1, 100, 9_000])
def test_a_short_vorbis_whose_last_page_says_nothing_is_heard(length, granule):
    """One page of audio, which says that it is the last."""
    *heads, last = pages_of(file_of("ogg-vorbis", SAMPLES[:length], 16_000))
    data = joined([*heads, (*last[:3], granule, *last[4:])])

    assert length <= len(decode_file(data, "ogg", 10_000)[0]) < length + 1024


@pytest.mark.parametrize("shift", [0, 10_000_000])
@pytest.mark.parametrize("is_told_before", [True, False])
def test_opus_that_ends_with_a_page_of_its_own_is_heard_to_its_end(is_told_before, shift):
    """And not beyond it: the page without audio says where that is."""
    *pages, last = pages_of(OPUS)
    pages = [(*page[:3], page[3] + shift * (page[3] > 0), *page[4:]) for page in pages]
    end = last[3] + shift
    before = (*last[:2], 0, end if is_told_before else end + 100, *last[4:])
    behind = (*last[:2], 4, end, last[4], last[5] + 1, 0, b"", b"")

    assert [OPUS] == list(streams(joined([*pages, before, behind])))


@pytest.mark.parametrize("kind", FILES)
def test_what_cannot_be_heard_is_not_in_the_way(kind):
    """An index, which stands before the audio and which a decoder takes for all there is."""
    first, second, *pages = pages_of(FILES[kind])
    index = [(b"OggS", 0, flags, 0, 7, flags, 0, b"\x08", b"fishead\0") for flags in (2, 4)]

    assert [FILES[kind]] == list(streams(joined([index[0], first, second, index[1], *pages])))


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
