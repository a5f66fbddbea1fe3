"""What was said, in words."""

import pytest

from tornado_app.recordings.hearing import Clip
from tornado_app.recordings.words import heard_characters, utterances, webvtt
from tornado_app.session.record import Sent, Spoken, Words

SAID = [
    Words(100, "user", "", "Typed <first>"),
    Spoken(1000, "u", "begun"),
    Spoken(1900, "u", "ended"),
    Spoken(1950, "u", "committed"),
    Sent(2000, "a", 0, 400),
    Sent(2010, "a", 400, 400),
    Words(2600, "assistant", "a", "One two three four"),
    Words(3000, "user", "u", "Hello"),
    Words(4000, "assistant", "w", "Only written"),
]
HEARD = [Clip(2100, "a", 0, 400)]


def test_turns_have_the_times_at_which_they_were_said():
    said = utterances(SAID, HEARD, 5000)

    assert [
        ("user", 100, 100, "Typed <first>", 13),
        ("user", 1000, 1950, "Hello", 5),
        ("assistant", 2100, 2500, "One two three four", 7),
        ("assistant", 4000, 4000, "Only written", 12),
    ] == [(s.role, s.begin_ms, s.end_ms, s.text, s.heard_characters) for s in said]


def test_an_answer_of_which_nothing_was_heard_is_said_to_nobody():
    [said] = utterances([Sent(1, "a", 0, 9), Words(5, "assistant", "a", "Hm")], [], 90)

    assert 0 == said.heard_characters
    assert "<v Model><c.unheard>Hm</c>\n" in webvtt([said])


def test_subtitles_are_webvtt():
    assert webvtt(utterances(SAID, HEARD, 5000)) == (
        "WEBVTT\n\n"
        "00:00:00.100 --> 00:00:01.100\n<v User>Typed &lt;first&gt;\n\n"
        "00:00:01.000 --> 00:00:02.000\n<v User>Hello\n\n"
        "00:00:02.100 --> 00:00:03.100\n<v Model>One two <c.unheard>three four</c>\n\n"
        "00:00:04.000 --> 00:00:05.000\n<v Model>Only written\n"
    )


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [(0, ""), (90, ""), (150, "One"), (500, "One two"), (999.5, "One two three"), (2000, None)],
)
def test_a_word_of_which_half_was_spoken_was_heard(heard_ms, words):
    text = "One two three"

    assert (text if words is None else words) == text[: heard_characters(text, heard_ms, 1000)]
