"""How the answer's audio is cut: sizes, samples in two halves, and places."""

from base64 import b64encode

import pytest

from tests.session.story import config
from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.session.pieces import OFFSETS_KEPT, Joints, Offsets, Sound, piece_bytes
from workers.formats import AudioFormat

ABC = b"aAbBcCdDeEfF"


@pytest.mark.parametrize(
    ("changes", "size_bytes"),
    [
        # A second of the model's own as base64 is 64,000 letters; 64 KiB are 49,152 bytes of it.
        ({}, 49_152),
        ({"binary_output": True}, 65_532),
        ({"target": AudioFormat("pcm16", 48_000, 1)}, 24_576),
        ({"target": AudioFormat("float32", 192_000, 1), "binary_output": True}, 4_092),
        ({"target": AudioFormat("pcmu", 8_000, 1)}, 294_912),
        ({"outbound_bytes": 80_000}, 7_500),
        ({"outbound_bytes": 800}, 480),
    ],
)
def test_a_piece_is_a_share_of_what_the_client_takes(changes, size_bytes):
    """In whole samples and groups of base64, and never shorter than the resampler's step."""
    assert size_bytes == piece_bytes(config(**changes))


@pytest.mark.parametrize("text", [b64encode(ABC).decode(), ""])
def test_pieces_are_taken_from_the_front(text):
    """As the model's own text, or made of the samples."""
    sound = Sound("item_a", "resp_1", ABC, text)

    assert (b64encode(b"aAbBcC").decode(), 6) == sound.take_text(6)
    assert 6 == sound.left_bytes
    assert (b64encode(b"dDeEfF").decode(), 6) == sound.take_text(12)
    assert (0, ("", 0)) == (sound.left_bytes, sound.take_text(6))


def test_samples_are_taken_from_the_front_to_the_last():
    sound = Sound("item_a", "resp_1", ABC, "")

    assert [b"aAbBcC", b"dD", b"eEfF", b""] == [sound.take(size) for size in (6, 2, 6, 6)]
    assert 0 == sound.left_bytes


def joined(joints, pcm, item_id="item_a", text="whole"):
    sound = joints.join(AnswerAudio("resp_1", item_id, pcm, text))
    return sound.pcm, sound.text


def test_half_a_sample_waits_for_its_other_half():
    """Of its own item, whatever comes of another meanwhile; whole ones pass with their text."""
    joints = Joints()
    assert (b"aA", "whole") == joined(joints, b"aA")
    assert (b"", "") == joined(joints, b"b")
    assert (b"xX", "whole") == joined(joints, b"xX", "item_b")
    assert (b"bBcC", "") == joined(joints, b"BcC")
    assert (b"dD", "whole") == joined(joints, b"dD")
    assert (b"eE", "") == joined(joints, b"eEf")
    assert (b"fF", "") == joined(joints, b"F")

    assert 0 == joints.end("item_a")


def test_halves_that_have_no_other_are_counted_and_forgotten():
    """Of one item, or of all."""
    joints = Joints()
    for item_id in ("item_a", "item_b", "item_c"):
        joined(joints, b"x", item_id)

    assert [1, 0, 2, 0] == [joints.end(name) for name in ("item_a", "item_a", None, None)]
    assert (b"yY", "whole") == joined(joints, b"yY", "item_b")


def test_each_piece_begins_where_the_one_before_has_ended():
    """Of its own item; one that is sent again has its place."""
    offsets = Offsets()
    assert [0.0, 20.0] == [offsets.move("item_a", ms) for ms in (20.0, 5.5)]
    assert [0.0, 1.0] == [offsets.move("item_b", ms) for ms in (1.0, 1.0)]
    assert 25.5 == offsets.move("item_a", 1.0)
    offsets.put("item_a", 7.0)
    assert [7.0, 8.0] == [offsets.move("item_a", 1.0) for _ in range(2)]
    offsets.put("item_x", 7.0)

    assert 0.0 == offsets.move("item_x", 1.0)


def test_the_item_that_moved_longest_ago_is_forgotten():
    offsets = Offsets()
    for number in range(OFFSETS_KEPT):
        offsets.move(f"item_{number}", 10.0)
    offsets.move("item_0", 10.0)
    offsets.move("one more", 10.0)

    assert [20.0, 0.0] == [offsets.move(f"item_{number}", 1.0) for number in (0, 1)]
