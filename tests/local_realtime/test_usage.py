"""Token arithmetic."""

from local_realtime.audio import Sound
from local_realtime.items import Item, Part, spoken_by_user
from local_realtime.usage import Meter

NOTHING = Sound(b"", 24_000)


def seconds(duration):
    return Sound(bytes(48_000 * duration), 24_000)


def test_audio_is_counted_by_time_and_text_by_letters():
    """Ten a second heard, twenty a second spoken, four letters to one."""
    items = (spoken_by_user("u", seconds(3)),)
    usage = Meter().measure("x" * 40, items, "y" * 8, seconds(2))

    assert usage["input_token_details"]["text_tokens"] == 10
    assert usage["input_token_details"]["audio_tokens"] == 30
    assert usage["output_token_details"] == {"text_tokens": 2, "audio_tokens": 40}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 82


def test_an_earlier_answer_is_input_at_its_own_rate():
    """Assistant audio is twenty tokens a second in the context as well."""
    part = Part({"type": "output_audio", "transcript": "spoken"}, seconds(1))
    item = Item("a", {"type": "message", "role": "assistant"}, parts=(part,))

    assert Meter().measure("", (item,), "", NOTHING)["input_tokens"] == 20


def test_what_was_input_before_is_cached_in_steps_of_64():
    """The whole conversation is input again; new instructions lose the cache."""
    meter, items = Meter(), (spoken_by_user("u", seconds(20)),)
    first = meter.measure("x", items, "", NOTHING)
    second = meter.measure("x", (*items, *items), "", NOTHING)
    third = meter.measure("y", items, "", NOTHING)

    cached = [u["input_token_details"]["cached_tokens"] for u in (first, second, third)]
    assert cached == [0, 192, 0]
    assert second["input_token_details"]["cached_tokens_details"]["audio_tokens"] == 192
