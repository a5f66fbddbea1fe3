"""Token arithmetic."""

import pytest

from local_realtime.session.items import Item, Part, parse_item, spoken_by_user
from local_realtime.session.usage import Context, Meter, transcription_usage
from local_realtime.sound.audio import Sound


def seconds(duration):
    return Sound(bytes(48_000 * duration), 24_000)


def measure(meter, items=(), instructions="x", *, tools=(), said="", spoken_ms=0, reasons=False):
    context = Context(instructions, tuple(tools), tuple(items))
    return meter.measure(context, said, spoken_ms, reasons=reasons)


def cached(usage):
    return usage["input_token_details"]["cached_tokens"]


def test_audio_is_counted_by_time_and_text_by_letters():
    """Ten a second heard, twenty a second spoken, four letters to one."""
    items = (spoken_by_user("u", seconds(3)),)
    usage = measure(Meter(), items, "x" * 40, said="y" * 8, spoken_ms=2000)

    assert usage["input_token_details"]["text_tokens"] == 10
    assert usage["input_token_details"]["audio_tokens"] == 30
    assert usage["output_token_details"] == {"text_tokens": 2, "audio_tokens": 40}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 82


def test_an_earlier_answer_is_input_at_its_own_rate():
    """Assistant audio is twenty tokens a second in the context as well."""
    part = Part({"type": "output_audio", "transcript": "spoken"}, seconds(1))
    item = Item("a", {"type": "message", "role": "assistant"}, parts=(part,))

    assert measure(Meter(), (item,), "")["input_tokens"] == 20


def test_an_image_is_counted_by_its_detail():
    """Not by the letters of its URL."""
    content = {"type": "input_image", "image_url": "data:image/png;base64,iVBO"}
    wanted = {"type": "message", "role": "user", "content": [content, {**content, "detail": "low"}]}
    item = parse_item(wanted, "item", {"type": "audio/pcm"})
    details = measure(Meter(), (item,), "")["input_token_details"]

    assert (details["image_tokens"], details["text_tokens"]) == (765 + 85, 0)


def test_what_was_input_before_is_cached_in_steps_of_64():
    """The whole conversation is input again; new instructions lose the cache."""
    meter = Meter()
    first, second = (spoken_by_user(item_id, seconds(20)) for item_id in "ab")
    usages = [
        measure(meter, (first,)),
        measure(meter, (first, second)),
        measure(meter, (first, second), instructions="y"),
    ]

    assert [cached(usage) for usage in usages] == [0, 192, 0]
    assert usages[1]["input_token_details"]["cached_tokens_details"]["audio_tokens"] == 192


def test_the_cache_holds_up_to_the_first_change():
    """New tools, or the first item deleted, lose all of it; the last one deleted loses nothing."""
    items = [spoken_by_user(item_id, seconds(20)) for item_id in "abc"]
    tool = {"type": "function", "name": "f"}
    for changed, tools, tokens in (
        (items[1:], (), 0),
        (items[:2], (), 384),
        ([items[0], items[2]], (), 192),
        (items, (tool,), 0),
    ):
        meter = Meter()
        measure(meter, items)
        assert cached(measure(meter, changed, tools=tools)) == tokens


def test_an_out_of_band_response_does_not_cost_the_cache():
    """The conversation's own beginning is still known after it."""
    meter, items = Meter(), (spoken_by_user("a", seconds(20)),)
    measure(meter, items)
    measure(meter, (), instructions="classify")

    assert cached(measure(meter, items)) == 192


def test_reasoning_models_say_that_nothing_was_reasoned():
    """The others have no such count."""
    details = [measure(Meter(), reasons=reasons)["output_token_details"] for reasons in (1, 0)]

    assert [detail.get("reasoning_tokens") for detail in details] == [0, None]


TRANSCRIPTS = {
    "seconds": ("whisper-1", {"type": "duration", "seconds": 3}),
    "seconds of a streaming model": ("gpt-live-transcribe", {"type": "duration", "seconds": 3}),
    "no model": (None, {"type": "duration", "seconds": 3}),
    "tokens": (
        "gpt-4o-mini-transcribe",
        {
            "type": "tokens",
            "total_tokens": 27,
            "input_tokens": 23,
            "input_token_details": {"text_tokens": 2, "audio_tokens": 21},
            "output_tokens": 4,
        },
    ),
}


@pytest.mark.parametrize(("model", "usage"), TRANSCRIPTS.values(), ids=TRANSCRIPTS)
def test_a_transcript_is_billed_as_its_model_is(model, usage):
    """By seconds, rounded up, or by tokens with those of the prompt."""
    assert transcription_usage(model, "Names.", 2.05, "words and words") == usage
