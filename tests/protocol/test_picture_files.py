"""Tests of tornado_app/protocol/picture_files.py."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fakes.pictures import chunk, jpeg, png, segment
from tornado_app.protocol.picture_files import (
    FORMATS,
    SEGMENTS_MAX,
    NoPicture,
    looks_like,
    size_of,
)

EXIF = segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 3
TABLES = segment(0xC4, bytes(20)) + segment(0xDB, bytes(65))


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("png", png(), (4, 2)),
        ("png", png(30_000, 1, 16, 6), (30_000, 1)),
        ("png", png() + b"something behind it", (4, 2)),
        ("jpeg", jpeg(), (4, 2)),
        ("jpeg", jpeg(640, 65_535), (640, 65_535)),
        ("jpeg", jpeg(before=EXIF + TABLES), (4, 2)),
        ("jpeg", jpeg(before=b"\xff\xff\xff"), (4, 2)),
        ("jpeg", jpeg(before=b"\xff\x01\xff\xd0"), (4, 2)),
        ("jpeg", jpeg(frame=0xC2), (4, 2)),
        ("jpeg", jpeg() + bytes(8), (4, 2)),
    ],
    ids=[
        "png",
        "deep",
        "png-tail",
        "jpeg",
        "tall",
        "camera",
        "filled",
        "markers",
        "progressive",
        "jpeg-tail",
    ],
)
def test_a_picture_says_how_large_it_is(kind, data, expected):
    """Wherever that stands in it."""
    assert expected == size_of(kind, data)


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("png", jpeg(), "does not begin as a PNG does; it looks like JPEG"),
        ("jpeg", png(), "does not begin as a JPEG does; it looks like PNG"),
        ("jpeg", b"GIF89a", "does not begin as a JPEG does; it looks like GIF"),
        ("png", b"RIFF\0\0\0\0WEBPVP8 ", "does not begin as a PNG does; it looks like WebP"),
        ("jpeg", b"\0\0\0\x18ftypheic", "does not begin as a JPEG does; it looks like HEIC"),
        ("png", b"<html>", "does not begin as a PNG does"),
        ("png", b"", "does not begin as a PNG does"),
        ("png", png()[:20], "has no header"),
        ("png", b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", bytes(13)), "has no header"),
        ("png", png()[:24] + b"\1" + png()[25:], "has a header that is damaged"),
        ("png", png(depth=3), "has a header that no PNG has"),
        ("png", png(colour=5), "has a header that no PNG has"),
        ("png", png(1 << 31), "has a header that no PNG has"),
        ("png", png(0), "has a width or a height of 0"),
        ("jpeg", jpeg(height=0), "has a width or a height of 0"),
        ("png", png()[:-1], "is cut: its end is missing"),
        ("jpeg", jpeg()[:-1], "is cut: its end is missing"),
        ("jpeg", b"\xff\xd8" + segment(0xC0, b"\x08\0\2\0\4\0"), "is cut: its end is missing"),
        ("jpeg", jpeg()[:12], "has no header that says how large it is"),
        ("jpeg", jpeg(before=b"\xff\xda\0\2"), "has no header that says how large it is"),
        ("jpeg", jpeg(before=b"\xff\xe1\0\1"), "has no header that says how large it is"),
        ("jpeg", jpeg(before=b"\xff\xe1\xff\xff"), "has no header that says how large it is"),
        ("jpeg", b"\xff\xd8\xff\xc0\0\4\0\0\xff\xd9", "has a header that is damaged"),
        ("jpeg", b"\xff\xd8\xff\xc0\0\x0b\x08\0", "has no header that says how large it is"),
        ("jpeg", b"\xff\xd8\xff\xc0\0\1" + bytes(9), "has no header that says how large it is"),
    ],
)
def test_what_is_none_is_told_why(kind, data, why):
    """In words that end a sentence."""
    with pytest.raises(NoPicture) as none:
        size_of(kind, data)

    assert why == str(none.value)


def test_a_jpeg_of_nothing_but_segments_is_given_up():
    """However many there are: a bounded number is looked at."""
    most = segment(0xE2, b"") * (SEGMENTS_MAX - 2)
    assert (4, 2) == size_of("jpeg", jpeg(before=most))
    with pytest.raises(NoPicture):
        size_of("jpeg", jpeg(before=most + segment(0xE2, b"")))
    with pytest.raises(NoPicture):
        size_of("jpeg", jpeg(before=b"\xff" * 200_000))


@given(
    st.sampled_from(FORMATS),
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda tail: png()[:33] + tail),
        st.binary(max_size=80).map(lambda tail: jpeg()[:6] + tail),
        st.binary(max_size=80).map(lambda tail: png()[:8] + tail),
    ),
)
@example("jpeg", b"\xff\xd8\xff")
@example("png", b"\x89PNG\r\n\x1a\n")
def test_reading_is_total(kind, data):
    """A size, or a word on why there is none, for any bytes."""
    assert isinstance(looks_like(data), str)
    try:
        size = size_of(kind, data)
    except NoPicture:
        return
    assert min(size) > 0
