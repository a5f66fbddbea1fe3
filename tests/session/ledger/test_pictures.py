"""Tests of tornado_app/session/ledger/pictures.py."""

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.session.ledger.pictures import PicturesKept

URL = "data:image/png;base64,QUJD"
ITEM = {"content": [{"type": "input_image", "image_url": URL}, {"type": "input_text", "text": "?"}]}
SIZE_BYTES = ENTRY_BYTES + len(URL)


def test_the_oldest_picture_is_the_first_to_go():
    """As many stay as there is room for, and what they need is counted."""
    kept = PicturesKept()
    for name in ("a", "b", "c"):
        kept.keep(name, ITEM)
    assert 3 * SIZE_BYTES == kept.kept_bytes
    assert ITEM == kept.find("a")

    kept.trim(2 * SIZE_BYTES)
    assert [None, ITEM, ITEM] == [kept.find(name) for name in ("a", "b", "c")]
    assert 2 * SIZE_BYTES == kept.kept_bytes

    kept.trim(0)
    assert kept.find("c") is None
    assert 0 == kept.kept_bytes
