"""What is made of a frame of the model that the client may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol.realtime.events import AudioDelta, Cleared, Malformed
from tornado_app.protocol.realtime.items import Item
from tornado_app.protocol.realtime.overhearing import Overheard, Place, overhear


@given(st.text() | st.binary())
def test_any_frame_is_something(frame):
    """And nothing is raised."""
    assert isinstance(overhear(frame).text, str)


def test_a_frame_that_is_no_text_is_written_with_what_could_be_read():
    assert "\ufffd{}" == overhear(b"\xff{}").text


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type": "input_audio_buffer.cleared"}', Cleared()),
        (
            '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAA="}',
            AudioDelta("r", "i", "AAA="),
        ),
        (
            '{"type":"response.content_part.added","response_id":"r","item_id":"i","part":{}}',
            Place("response.content_part.added", "r", "i"),
        ),
        (
            '{"type":"conversation.item.done","item":{"id":"i","type":"message","name":"n"}}',
            Place("conversation.item.done", item=Item("i", "message", name="n")),
        ),
        (
            '{"type":"conversation.item.truncated","item_id":"i","audio_end_ms":400}',
            Place("conversation.item.truncated", item_id="i", audio_end_ms=400.0),
        ),
        ('{"type":"a.later.one","item_id":7}', Place("a.later.one")),
        ('{"type":"a.later.one","item_id":"i","item":7}', Place("a.later.one", "", "i")),
        (
            '{"type":"conversation.item.done","item":{"id":"i","name":"n","content":null}}',
            Place("conversation.item.done", item=Item("i", name="n")),
        ),
        (
            r'{"type":"response.function_call_arguments.delta","item_id":"i","delta":"\ud83d"}',
            Place("response.function_call_arguments.delta", item_id="i"),
        ),
        ("[]", Malformed(2)),
    ],
)
def test_what_is_relayed_is_known_as_far_as_it_concerns_the_call(text, said, as_bytes):
    """Of which answer and item it is, whatever it is, beside the text as the model has written it;
    audio stays as it is.
    """
    assert Overheard(said, text) == overhear(text.encode() if as_bytes else text)
