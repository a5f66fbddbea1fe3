"""What is made of a frame of the model that the client may be shown."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol.realtime.overhearing import overhear


@given(st.text() | st.binary())
def test_any_frame_is_something(frame):
    """And nothing is raised."""
    assert isinstance(overhear(frame).text, str)


def test_a_frame_that_is_no_text_is_written_with_what_could_be_read():
    assert "\ufffd{}" == overhear(b"\xff{}").text
