"""What orders and items take while they wait: tornado_app/session/kept.py."""

import pytest

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.session.kept import item_bytes


@pytest.mark.parametrize(
    ("item", "size_bytes"),
    [
        ({}, 0),
        ({"content": [{"type": "input_text", "text": "Hello."}]}, 6),
        ({"content": [{"text": "\U0001f642"}, {"text": "Hello."}]}, 4 + 6),
        ({"content": [{"type": "input_audio", "audio": "AAAA"}]}, 4),
        ({"content": [{"type": "input_audio", "audio": None, "text": "Hello."}]}, 6),
        ({"content": [{"type": "input_image", "image_url": "data:,"}]}, 6),
        ({"type": "function_call", "arguments": "{}"}, 2),
        ({"type": "function_call_output", "output": "forty-two"}, 9),
    ],
)
def test_an_item_takes_all_that_is_said_in_it(item, size_bytes):
    """Whatever kind it is: a client has a bound in bytes for all of them."""
    assert ENTRY_BYTES + size_bytes == item_bytes(item)
