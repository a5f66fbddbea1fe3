"""Tests of tornado_app/session/pictures.py: turns with a picture."""

from base64 import b64encode

import pytest

from tests.fakes.pictures import jpeg, png, segment
from tests.session.story import Story, converted
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import events
from tornado_app.session.config import PictureRules
from tornado_app.session.conversation_memory import PART

FLUSHED = events.UplinkReady(converted(0, 0, b""))
ALLOWED = PictureRules(are_allowed=True, size_bytes=3000, side_px=100, per_call=4, per_minute=2)
CANARY = "canary-picture"


def shown(data=None, kind="png", text=None, ref="p"):
    data = png() if data is None else data
    return asked.Image(b64encode(data).decode(), kind, text, ref=ref)


def seeing(**changes):
    return Story(pictures=ALLOWED, **changes)


def only(story):
    [(_, data)] = story.messages
    return data


@pytest.mark.parametrize(
    ("message", "parts", "kind"),
    [
        (shown(text="What is this?"), ["input_text", "input_image"], "png"),
        (shown(jpeg(), "jpeg"), ["input_image"], "jpeg"),
    ],
)
def test_a_picture_is_a_turn_and_is_answered(message, parts, kind):
    """As a data URL, behind the words; the answer bears the client's own name."""
    story = seeing().connected().client(message)

    assert ["conversation.item.create", "response.create"] == story.asked
    item = story.orders[0].item
    assert ("message", "user", parts) == (
        item["type"],
        item["role"],
        [part["type"] for part in item["content"]],
    )
    assert f"data:image/{kind};base64,{message.image}" == item["content"][-1]["image_url"]
    story.said(realtime.ResponseCreated(realtime.ResponseFacts("r1")))
    assert "p" == only(story)["ref"]


@pytest.mark.parametrize(
    ("message", "code", "field", "sentence"),
    [
        (
            shown(jpeg()),
            "unsupported_format",
            "image",
            (
                "image must be a picture as format says: it does not begin as a PNG does; it "
                "looks like JPEG."
            ),
        ),
        (
            shown(png()[:-1]),
            "unsupported_format",
            "image",
            "image must be a picture as format says: it is cut: its end is missing.",
        ),
        (shown(kind="gif"), "unsupported_format", "format", "format must be one of png, jpeg."),
        (
            asked.Image("no base64", "png", ref="p"),
            "invalid_message",
            "image",
            "image must be a base64 string.",
        ),
        (
            shown(png() + bytes(3000)),
            "message_too_large",
            "image",
            "image: a picture may have at most 3000 bytes.",
        ),
        (
            shown(png(7, 101)),
            "message_too_large",
            "image",
            "image: a picture may have at most 100 pixels on a side; this one is 7 by 101.",
        ),
    ],
)
def test_what_is_no_picture_is_refused_in_words(message, code, field, sentence):
    """Nothing reaches the model; it counts for no limit, and the call goes on."""
    story = seeing().connected()
    for _ in range(6):
        error = only(story.client(message))
        assert (code, field, sentence, "p") == (
            error["code"],
            error["field"],
            error["sentence"],
            error["ref"],
        )
        assert [] == story.asked
    assert "conversation.item.create" in story.client(shown()).asked


@pytest.mark.parametrize("are_allowed", [True, False])
def test_the_first_status_says_whether_pictures_may_be_shown(are_allowed):
    """A page need not try one to know."""
    story = Story(pictures=PictureRules(are_allowed=are_allowed)).opened()

    assert are_allowed is only(story)["negotiated"]["images"]


@pytest.mark.parametrize("spoken_behind_ms", [0, 100])
def test_a_picture_that_is_half_sent_is_no_audio(spoken_behind_ms):
    """Neither while it waits for the model's socket, nor when that is lost."""
    rules = PictureRules(are_allowed=True, size_bytes=300_000)
    story = Story(pictures=rules, ledger_entries=0, turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio()).feed(FLUSHED).said(realtime.Committed("u"))
    assert "conversation.item.create" in story.client(shown(png() + bytes(200_000))).asked
    if spoken_behind_ms:
        story.speak(spoken_behind_ms)

    story.feed(events.UpstreamBacklog(150_000 + 64 * spoken_behind_ms))
    assert spoken_behind_ms == story.figures.buffered_ms
    told = [data["sentence"] for name, data in story.lost().messages if name == "error"]
    expected = [f"{spoken_behind_ms} ms of audio were lost with the connection to the model."]
    assert expected * bool(spoken_behind_ms) == [each for each in told if "ms of audio" in each]


def test_audio_that_was_not_sent_is_lost_once():
    """It lay in the socket, and nobody had committed it: that is the same audio."""
    story = Story(ledger_entries=0).connected().speak(200)
    story.feed(events.UpstreamBacklog(64 * 150))

    lost = [data["sentence"] for name, data in story.lost().messages if name == "error"]
    assert "200 ms of audio were lost with the connection to the model." in lost


def test_a_picture_as_large_as_may_be_is_taken():
    """To the byte, whatever base64 makes of it."""
    for short in range(3):
        padding = ALLOWED.size_bytes - len(png()) - short
        story = seeing().connected().client(shown(png() + bytes(padding)))
        assert "conversation.item.create" in story.asked
    assert ["message_too_large"] == story.client(shown(png() + bytes(padding + 3 + short))).errors


def test_who_may_not_is_told_so_whatever_it_is():
    """By default nobody may: neither the picture nor what it says it is is looked at."""
    for message in (shown(), shown(kind="gif"), asked.Image("?", "png", ref="p")):
        error = only(Story().connected().client(message))

        assert ("permission_denied", "type", "p") == (error["code"], error["field"], error["ref"])
        assert "policy, or the token, has to allow pictures" in error["sentence"]


def test_there_are_so_many_a_minute_and_so_many_a_call():
    """The one passes by waiting, and the sentence says how long; the other does not."""
    story = seeing().connected()
    for _ in range(2):
        assert [] == story.client(shown(), at=0.0).errors
    error = only(story.client(shown()))
    assert ("rate_limited", True, 30_001) == tuple(
        error[name] for name in ("code", "retryable", "retry_after_ms")
    )
    assert [] == story.client(shown(), at=30.0).errors
    assert [] == story.client(shown(), at=59.0 + 1.0).errors
    error = only(story.client(shown(), at=90.0 - 30.0))
    assert ("permission_denied", False) == (error["code"], error["retryable"])
    assert "A call may show 4 pictures, and this one has." == error["sentence"]


def test_it_waits_behind_a_commit_that_is_on_its_way():
    """As a typed turn does, and one answer is to both."""
    story = seeing(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio(ref="c")).client(shown())
    assert [] == story.asked
    held = story.budget.held_bytes

    story.feed(FLUSHED)
    assert ["input_audio_buffer.commit", "response.create", "conversation.item.create"] == (
        story.asked
    )
    assert held >= len(shown().image)
    assert 0 == story.budget.held_bytes


def test_it_is_kept_while_there_is_no_model():
    """Before the first and between two; it counts against the call's budget until it is sent."""
    story = seeing().opened().client(shown())
    assert [] == story.asked
    assert story.budget.held_bytes > len(shown().image)
    assert ["conversation.item.create", "response.create"] == story.model_ready().asked[-2:]
    assert 0 == story.budget.held_bytes

    story.lost()
    story.client(shown(jpeg(), "jpeg"))
    story.tick(at=1.0)
    assert ["conversation.item.create", "response.create"] == story.model_ready().asked[-2:]


def test_what_has_no_room_is_not_kept():
    """The client is told, and may show it again."""
    story = seeing(call_bytes=2000).opened().client(shown(png() + bytes(2000)))

    assert ("server_busy", "p") == (only(story)["code"], only(story)["ref"])
    assert 0 == story.budget.held_bytes


@pytest.mark.parametrize("code", ["image_parse_error", ""])
def test_a_model_that_refuses_a_picture_is_told_of_in_words(code):
    """And the answer to it is not waited for, nor its loss told twice."""
    story = seeing().connected().client(shown())
    name = story.orders[0].event_id
    facts = realtime.ErrorFacts("invalid_request_error", code or None, CANARY, None, name)
    error = only(story.said(realtime.UpstreamError(facts)))

    assert ("upstream_rejected", "image", "p") == (error["code"], error["field"], error["ref"])
    why = code or "no reason given"
    assert (
        f"The model did not take this picture ({why}); the turn was left out."
        == (error["sentence"])
    )
    story.said(realtime.ResponseCreated(realtime.ResponseFacts("r1")))
    assert ["response.cancel"] == story.asked


def test_no_word_and_no_picture_stands_in_the_log():
    """How large it is does."""
    story = seeing().connected().client(shown(text=CANARY))
    lines = [c for c in story.all if type(c).__name__ == "Log"]

    [line] = [line for line in lines if line.event == "picture_taken"]
    expected = {"format": "png", "width_px": 4, "height_px": 2, "size_bytes": len(png())}
    assert expected == line.fields
    assert not any(CANARY in str(line) or shown().image in str(line) for line in lines)


def test_pictures_give_way_to_all_else_that_a_call_may_keep():
    """The oldest first, and what is left is no more than a part of it."""
    story = seeing(call_bytes=16_000).connected()
    for name in ("a", "b"):
        story.client(shown(jpeg(before=segment(0xE1, bytes(2_000))), "jpeg", ref=name))
        story.said(realtime.ResponseCreated(realtime.ResponseFacts(name)))
        story.said(realtime.ResponseFinished(realtime.ResponseFacts(name, "completed")))
    kept = story.session._model.rebuilding.pictures
    assert 2 * 2_000 < kept.kept_bytes
    story.feed(events.Look(0))

    assert 2_000 < kept.kept_bytes < 16_000 * PART

    assert story.process.held_bytes <= 16_000 * PART
