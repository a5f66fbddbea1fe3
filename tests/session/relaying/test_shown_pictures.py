"""Which pictures an item of a client brings along."""

import pytest

from tornado_app.protocol import asked
from tornado_app.session.relaying.shown_pictures import pictures_of


def test_each_data_url_is_one():
    content = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_image", "image_url": "data:image/jpeg;base64,QUJE"},
        {"type": "input_image", "image_url": 7},
        "no part",
    ]
    expected = [
        ("item.content[1].image_url", asked.Image("QUJD", "png")),
        ("item.content[3].image_url", asked.Image("QUJE", "jpeg")),
    ]
    assert expected == list(pictures_of("item", {"type": "message", "content": content}))


@pytest.mark.parametrize("item", [None, [], {}, {"content": None}, {"content": {"image_url": ""}}])
def test_whatever_is_no_item_has_none(item):
    assert [] == list(pictures_of("item", item))
