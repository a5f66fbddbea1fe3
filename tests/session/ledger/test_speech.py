"""Tests of tornado_app/session/ledger/speech.py: sound that may have to be said again."""

from base64 import b64decode, b64encode

import pytest

from tornado_app.protocol.realtime.orders import Append, Clear, Commit
from tornado_app.session.ledger.speech import SpeechKept


def sound(number, duration_ms=100.0):
    return Append(b64encode(bytes([number, 0])), duration_ms)


A, B, C = sound(1), sound(2), sound(3)


def kept(*orders, most_ms=10_000.0):
    speech = SpeechKept(most_ms)
    for order in orders:
        if isinstance(order, Append):
            speech.append(order)
        else:
            speech.note(order)
    return speech


def base64_of(*numbers):
    return b64encode(b"".join(bytes([number, 0]) for number in numbers)).decode()


def test_the_next_model_hears_all_that_is_no_turn():
    """With what was to be sent behind it; its positions begin anew, and nothing of it is kept."""
    speech = kept(A, Commit("c1"), B)
    assert (200.0, True) == (speech.end_ms, speech.awaits_commit)

    assert [A, Commit("c1"), B, C, Commit("c2")] == speech.take([C, Commit("c2")])
    assert (0.0, False, "") == (speech.end_ms, speech.awaits_commit, speech.oldest_commit)
    assert (0, []) == (speech.kept_bytes, speech.take())


def test_what_is_cleared_behind_it_is_not_heard():
    """Back to the last commit."""
    speech = kept(A, Commit("c1"), B, Clear())
    assert kept(A, Commit("c1")).kept_bytes == speech.kept_bytes

    assert [A, Commit("c1")] == speech.take([C, Clear()])


def test_a_commit_makes_a_turn_of_all_before_it():
    """The oldest first; its words may have to be asked for again."""
    speech = kept(A, Commit("c1"), B, C, Commit("c2"))
    assert "c1" == speech.oldest_commit
    speech.committed("item_1")
    assert ("c2", base64_of(1)) == (speech.oldest_commit, speech.speech_of("item_1"))
    speech.committed("item_2")
    assert ("", base64_of(2, 3)) == (speech.oldest_commit, speech.speech_of("item_2"))

    speech.rename("item_2", "item_3")
    assert ("", base64_of(2, 3)) == (speech.speech_of("item_2"), speech.speech_of("item_3"))
    before = speech.kept_bytes
    speech.written("item_3")
    assert "" == speech.speech_of("item_3")
    assert speech.kept_bytes < before
    assert [] == speech.take()


def test_a_commit_that_is_refused_is_none():
    """What was before it belongs to the next."""
    speech = kept(A, Commit("c1"), B, Commit("c2"))
    speech.refused("other")
    speech.refused("c1")
    assert "c2" == speech.oldest_commit
    speech.committed("item_1")

    assert base64_of(1, 2) == speech.speech_of("item_1")
    assert not speech.awaits_commit


def test_a_turn_that_the_model_finds_is_what_it_heard():
    """From where it begins to where it ends; what was before is not wanted any more."""
    speech = kept(A, B, C)
    speech.started(100.0)
    assert speech.is_heard
    speech.stopped(200.0)
    speech.committed("item_1")

    assert not speech.is_heard
    assert base64_of(2) == speech.speech_of("item_1")
    assert [C] == speech.take()


@pytest.mark.parametrize("bytes_per_ms", [48, 8])
def test_a_turn_may_end_within_what_came_at_once(bytes_per_ms):
    """As a file does: what is behind its end is of the next turn, and the next model hears it."""
    samples = bytes(range(100)) * 10 * bytes_per_ms
    end = 700 * bytes_per_ms
    speech = kept(Append(b64encode(samples[: len(samples) // 2]), 500.0))
    speech.append(Append(b64encode(samples[len(samples) // 2 :]), 500.0, "event_2"))
    speech.started(100.0)
    speech.stopped(700.0)
    speech.committed("item_1")
    speech.started(750.0)

    assert b64encode(samples[:end]).decode() == speech.speech_of("item_1")
    [rest] = speech.take()
    assert (samples[end:], "event_2") == (b64decode(rest.audio), rest.event_id)
    assert 300.0 == pytest.approx(rest.duration_ms)


def test_what_is_no_audio_ends_where_it_ends():
    """A client of the API sends what it likes."""
    speech = kept(Append(b"*", 100.0), B)
    speech.started(0.0)
    speech.stopped(50.0)
    speech.committed("item_1")

    assert [B] == speech.take()


@pytest.mark.parametrize(
    ("most_ms", "lost_ms", "sent"), [(300.0, 0.0, [A, B, C]), (299.0, 100.0, [B, C])]
)
def test_no_more_is_kept_than_may_be(most_ms, lost_ms, sent):
    """The oldest is lost, and counted as long as nobody has committed it."""
    speech = kept(A, B, C, most_ms=most_ms)

    assert lost_ms == speech.lost_ms
    assert sent == speech.take()
    assert 0.0 == speech.lost_ms


def test_a_turn_is_lost_before_what_is_no_turn_yet():
    """Its words are late; the other is heard by nobody else."""
    speech = kept(A, Commit("c1"), most_ms=250.0)
    speech.committed("item_1")
    speech.append(B)
    assert base64_of(1) == speech.speech_of("item_1")
    speech.append(C)

    assert "" == speech.speech_of("item_1")
    assert (0.0, [B, C]) == (speech.lost_ms, speech.take())


def test_sound_that_is_none_is_left_out_of_a_turn():
    """A client of the API sends what it likes."""
    speech = kept(A, Append(b"*", 1.0), B, Commit("c1"))
    speech.committed("item_1")

    assert base64_of(1, 2) == speech.speech_of("item_1")


def test_what_was_too_much_was_silence_if_what_came_behind_it_was():
    """It is not missed, and nothing waits for a turn of it."""
    speech = kept(*[sound(number, 1000.0) for number in range(6)], most_ms=3000.0)
    assert 3000.0 == speech.lost_ms
    speech.look(finds_within_s=1)
    speech.append(sound(6, 500.0))
    speech.look(finds_within_s=1)

    assert 0.0 == speech.lost_ms
    speech.doubt()
    assert 5000.0 == speech.unheard_ms
    speech.believe()
    assert 0.0 == speech.unheard_ms


@pytest.mark.parametrize(
    ("looks", "finds_within_s", "speaks", "left"),
    [(2, 2, False, 6), (3, 2, False, 1), (3, None, False, 6), (3, 2, True, 6)],
)
def test_where_nobody_speaks_the_oldest_is_forgotten(looks, finds_within_s, speaks, left):
    """When the model would have said that it heard somebody; the end may be half a word."""
    speech = kept(*[sound(number, 1000.0) for number in range(6)])
    if speaks:
        speech.started(0.0)
    for _ in range(looks):
        speech.look(finds_within_s=finds_within_s)

    assert left == len(speech.take())


@pytest.mark.parametrize("away_looks", [1, 2, 5])
@pytest.mark.parametrize("finds_within_s", [1, 3])
def test_the_beginning_of_a_word_waits_for_its_rest(finds_within_s, away_looks):
    """A client that is lost in mid-word sends the rest at once when it is back: a model that goes
    then has had no time to say that it hears it.
    """
    word = [sound(number, 50.0) for number in range(20)]
    speech = kept(*[sound(99, 1000.0)] * 6, word[0])
    for _ in range(away_looks):
        speech.look(finds_within_s=finds_within_s)
    for rest in word[1:]:
        speech.append(rest)
    for _ in range(finds_within_s):
        speech.look(finds_within_s=finds_within_s)

    assert word == speech.take()[-20:]


def test_silence_is_kept_no_longer_than_it_takes_to_find_speech():
    """And half a second for what may be the beginning of it."""
    speech = kept()
    for number in range(100):
        speech.append(sound(number, 100.0))
        if number % 10 == 9:
            speech.look(finds_within_s=1)

    assert 15 == len(speech.take())
