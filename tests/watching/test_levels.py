"""How loud both sides are by the time somebody looks."""

import math
import struct
from base64 import b64encode

import pytest

from tornado_app.session.record import AnswerSound, Away, Cut, Sent, UserSound
from tornado_app.watching.levels import STEP_MS, STEPS, Levels

SILENT = -120


def tone(duration_ms: int, amplitude: float = 0.5) -> bytes:
    """24 kHz mono s16le; -9 dBFS unless it is told otherwise."""
    count = 24 * duration_ms
    wave = (amplitude * math.sin(2 * math.pi * 440 * n / 24_000) for n in range(count))
    return struct.pack(f"<{count}h", *(round(32_767 * sample) for sample in wave))


def steps(levels: list[int]) -> list[bool]:
    """In which of them there was a sound."""
    return [level > SILENT for level in levels]


def test_the_user_is_as_loud_as_the_loudest_chunk_of_a_step():
    """And silent where nothing has come."""
    levels = Levels()
    for end_ms, level in ((1020, -40.0), (1040, -20.4), (1060, -30.0)):
        levels.said(end_ms, 20, level)
    told = levels.user(1200)

    assert STEPS == len(told)
    assert [-20, SILENT] == told[-2:]
    assert 1 == sum(steps(told))


def test_a_long_chunk_is_heard_for_as_long_as_it_is():
    """Not at the moment at which it comes alone."""
    levels = Levels()
    levels.said(2000, 500, -12.0)

    assert [SILENT] * 15 + [-12] * 5 == levels.user(2000)


def test_what_is_sent_on_as_it_is_has_a_level_too():
    """Measured once in a step: the other pieces are alike."""
    levels = Levels()
    for end_ms in range(1020, 1220, 20):
        levels.note(UserSound(end_ms, b64encode(tone(20))))

    assert [-9, -9] == levels.user(1200)[-2:]


def test_an_answer_is_heard_when_it_is_played():
    """It is sent at once, and played for a second; the quiet part of it is quiet."""
    levels = Levels()
    pcm = tone(500) + tone(500, 0.05)
    for begin in range(0, len(pcm), 7000):
        levels.note(AnswerSound("i", pcm[begin : begin + 7000]))
    levels.note(Sent(1000.0, "i", 0.0, 1000.0))
    told = levels.model(2500)

    assert [SILENT] * 5 + [-9] * 5 + [-29] * 5 + [SILENT] * 5 == told
    assert [-9, -9] == levels.model(1200)[-2:]


def test_a_second_piece_is_played_behind_the_first():
    """Whenever it was sent."""
    levels = Levels()
    levels.note(AnswerSound("i", tone(400)))
    levels.note(Sent(1000.0, "i", 0.0, 300.0))
    levels.note(Sent(1010.0, "i", 300.0, 100.0))

    assert [True] * 4 + [False] * 2 == steps(levels.model(1600))[-6:]


@pytest.mark.parametrize("end", [Cut(1200.0, "i", None), Away(1200.0)])
def test_what_is_cut_is_not_heard(end):
    """The rest is never played; what comes next begins at once."""
    levels = Levels()
    levels.note(AnswerSound("i", tone(3000)))
    levels.note(Sent(1000.0, "i", 0.0, 3000.0))
    levels.note(end)
    levels.note(AnswerSound("j", tone(100)))
    levels.note(Sent(1500.0, "j", 0.0, 100.0))

    assert [True] * 2 + [False] * 3 + [True] == steps(levels.model(1600))[-6:]


def test_an_answer_that_began_before_anybody_looked_is_not_known():
    """It is silence, and no fault."""
    levels = Levels()
    levels.note(Sent(1000.0, "i", 5000.0, 300.0))

    assert [SILENT] * STEPS == levels.model(1300)
    assert STEP_MS == 100
