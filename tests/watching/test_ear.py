"""What a listener is told of a call: both sides, laid out by the time at which they are heard."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.session.record import AnswerSound, Away, Cut, Sent, UserSound, Words
from tornado_app.watching.ear import ANSWER_BYTES, KEPT_MS, LATE_MS, WORDS_LETTERS, Ear


def sound(duration_ms: int, value: int = 1) -> bytes:
    """24 kHz mono s16le that is nowhere silent."""
    return value.to_bytes(2, "little") * (24 * duration_ms)


def user(end_ms: float, pcm: bytes) -> UserSound:
    return UserSound(end_ms, b64encode(pcm))


def answer(ear: Ear, at_ms: float, pcm: bytes, item: str = "i", offset_ms: float = 0.0) -> None:
    ear.note(AnswerSound(item, pcm))
    ear.note(Sent(at_ms, item, offset_ms, len(pcm) / 48))


def heard(pcm: bytes | None) -> list[tuple[int, int]]:
    """Values and for how many milliseconds they last."""
    runs: list[list[int]] = []
    for at in range(0, len(pcm or b""), 48):
        value = int.from_bytes(pcm[at : at + 2], "little")
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return [(value, count) for value, count in runs]


def take(ear: Ear, until_ms: int, after_ms: int | None = None):
    return ear.take(after_ms, until_ms + LATE_MS)


def test_both_sides_are_heard_when_they_are_spoken():
    """The answer at the pace at which it is played, though it was sent at once."""
    ear = Ear(0)
    ear.note(user(1100, sound(100)))
    answer(ear, 1500, sound(1000, 2))
    first = take(ear, 2000)
    second = take(ear, 3000, first.until_ms)

    assert [(0, 1000), (1, 100), (0, 900)] == heard(first.user)
    assert [(0, 1500), (2, 500)] == heard(first.model)
    assert (None, [(2, 500), (0, 500)]) == (second.user, heard(second.model))
    assert (0, 0, 2000, 3000) == (first.lost_ms, second.lost_ms, second.from_ms, second.until_ms)


@pytest.mark.parametrize("end", [Cut(1200.0, "i", None), Away(1200.0)])
def test_what_nobody_hears_the_listener_does_not_hear(end):
    ear = Ear(1000)
    answer(ear, 1000, sound(900, 2))
    ear.note(end)

    assert [(2, 200), (0, 800)] == heard(take(ear, 2000).model)


def test_an_answer_that_goes_on_is_heard_again_from_there():
    """What interrupted was a noise."""
    ear = Ear(0)
    answer(ear, 1000, sound(500, 2) + sound(500, 3))
    ear.note(Cut(1600.0, "i", None))
    ear.note(Sent(2000.0, "i", 500.0, 500.0))

    assert [(0, 1000), (2, 500), (3, 100), (0, 400), (3, 500)] == heard(take(ear, 2500).model)


def test_an_answer_that_had_begun_before_is_heard_from_now_on():
    ear = Ear(5000)
    answer(ear, 5000, sound(300, 4), offset_ms=2000.0)
    answer(ear, 5100, sound(200, 5), offset_ms=2300.0)

    assert [(4, 300), (5, 200)] == heard(take(ear, 5500).model)


def test_pieces_that_follow_each_other_leave_no_gap_between_them():
    """However uneven the network is, and whatever part of a millisecond they end in."""
    ear = Ear(0)
    for number, late_ms in enumerate((0, 40, 3, 17, 0)):
        ear.note(user(1020 + 20 * number + late_ms, sound(20)))
    piece = b"\x02\x00" * 511
    ear.note(AnswerSound("i", piece * 9))
    for number in range(9):
        ear.note(Sent(1000.0, "i", number * 1022 / 48, 1022 / 48))
    told = take(ear, 2000)

    assert [(0, 1000), (1, 100), (0, 900)] == heard(told.user)
    model = told.model[48_000 : 48_000 + 9 * 1022]
    assert b"\x02\x00" * (9 * 511) == model


def test_what_comes_late_is_heard_behind_what_was_told():
    """And not left out."""
    ear = Ear(0)
    first = take(ear, 1000)
    ear.note(user(1020, sound(100)))

    assert [(1, 100), (0, 900)] == heard(take(ear, 2000, first.until_ms).user)


def test_a_listener_that_is_slow_loses_the_oldest_and_knows_it():
    ear = Ear(0)
    for end_ms in range(100, 20_100, 100):
        ear.note(user(end_ms, sound(100)))
    told = take(ear, 20_000, 1000)

    assert (20_000 - KEPT_MS, 19_000 - KEPT_MS) == (told.from_ms, told.lost_ms)
    assert [(1, KEPT_MS)] == heard(told.user)


def test_a_listener_that_asks_twice_is_told_twice():
    """An answer may be lost on the way."""
    ear = Ear(0)
    ear.note(user(500, sound(100)))

    assert take(ear, 1000) == take(ear, 1000)
    assert take(ear, 1000, 7000)[:4] == (1000, 1000, None, None)


def test_nothing_grows_without_a_bound():
    """Whoever listens and never asks, to whoever sends as fast as they can."""
    ear = Ear(0)
    second = sound(1000)
    for number in range(400):
        ear.note(user(1000.0, second))
        ear.note(AnswerSound(f"item {number % 3}", second))
        ear.note(Words(1000.0, "user", "", "x" * 1000))
    ear.note(Words(1000.0, "user", "", "y" * 10_000_000))
    answers = ear._answers

    assert sum(len(piece.pcm) for piece in ear._user.pieces) <= 48 * (2 * KEPT_MS + 1000)
    assert sum(map(len, answers._items.values())) == answers._held_bytes <= ANSWER_BYTES
    assert sum(len(words.text) for words in ear._words) <= WORDS_LETTERS
    assert ["y"] == [words.text[0] for words in take(ear, 2000).words]


def test_an_endless_answer_is_heard_to_its_end():
    """Of what is not kept any more there is silence."""
    ear = Ear(0)
    for number in range(200):
        ear.note(AnswerSound("i", sound(1000, 1 + number % 9)))
    ear.note(Sent(1000.0, "i", 0.0, 500.0))
    ear.note(Sent(1500.0, "i", 199_000.0, 500.0))

    assert [(0, 1500), (1 + 199 % 9, 500)] == heard(take(ear, 2000).model)


def test_words_come_once_they_are_known():
    ear = Ear(0)
    ear.note(Words(500.0, "user", "a", "Hello."))
    ear.note(Words(1500.0, "assistant", "b", "Good day."))
    first = take(ear, 1000)

    assert ["Hello."] == [words.text for words in first.words]
    assert ["Good day."] == [words.text for words in take(ear, 2000, first.until_ms).words]


def test_of_a_call_that_is_over_the_end_is_heard():
    """And the last words, however late they were."""
    ear = Ear(0)
    ear.note(user(1000, sound(100)))
    ear.note(Words(1000.0, "user", "a", "Good-bye."))
    ear.end(1000.0)
    early = ear.take(None, 1000.0)
    last = ear.take(early.until_ms, 9000.0)

    assert (False, True) == (early.is_over, last.is_over)
    assert 1000 == last.until_ms
    assert ["Good-bye."] == [words.text for words in last.words]
    assert (1, 100) == heard(last.user)[-1]


STEPS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 900)), min_size=1, max_size=30)


@given(STEPS)
def test_however_it_is_asked_for_it_is_the_same(steps):
    """Stretches follow each other, and together they are all that there is."""
    whole, cut = Ear(0), Ear(0)
    now, after, parts = 1000, None, b""
    for duration_ms, wait_ms in steps:
        for ear in (whole, cut):
            answer(ear, now, sound(duration_ms, 3), f"{now}")
        now += wait_ms
        told = take(cut, now, after)
        assert (told.from_ms, told.lost_ms) == (after or 0, 0)
        parts += told.model or bytes(48 * (told.until_ms - told.from_ms))
        after = told.until_ms

    once = take(whole, now, max(0, now - KEPT_MS))
    assert (once.model or bytes(48 * (once.until_ms - once.from_ms))) == parts[-48 * KEPT_MS :]
