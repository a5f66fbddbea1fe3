"""The record of a conversation."""

import msgspec
import pytest

from compiling import loading
from tests.session.story import model_session
from tests.session.test_price_of_a_chunk import steps
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.protocol.realtime.model_session import Turn
from tornado_app.session.ledger.entries import ModelSaid, Record, ToolCalled, UserSaid
from tornado_app.session.ledger.ledger import Ledger


def ledger(entries=1000, size_bytes=1 << 20):
    return Ledger(entries, size_bytes)


def names(book):
    return [entry.id for entry in book.entries]


def call(name="c", call_id="call_1"):
    return OutputItem("function_call", "completed", call_id, "get_time", "{}", name)


def turn(book, number):
    """A typed turn and its answer."""
    book.typed(f"u{number}", "How are you?")
    book.said_whole(f"a{number}", "Very well.")
    book.completed(f"a{number}")


def test_a_turn_has_the_name_that_the_model_gives_it():
    """Its place is where it was asked for; an entry of its own that came before is the same."""
    book = ledger()
    book.spoke("parley_commit_1", is_committed=False)
    book.typed("t", "And this.")
    book.heard_user("u", "Good ")
    book.rename("parley_commit_1", "u")
    book.spoke("u", is_committed=True)
    book.heard_user("u", "morning.")

    said, typed = book.entries
    assert ("u", "Good morning.", True) == (said.id, said.text, said.is_committed)
    assert "t" == typed.id


def test_a_transcript_that_is_complete_is_the_text():
    """Until then it is what there is of it."""
    book = ledger()
    book.heard_user("u", "Helo")
    assert not book.find("u").is_written
    book.heard_user_whole("u", "Hello.")
    assert ("Hello.", True) == (book.find("u").text, book.find("u").is_written)

    book.heard_user_whole("v", None)
    assert not book.find("v").is_written


def test_an_answer_is_what_was_heard_of_it():
    """All of it, unless it was cut; more that the model says behind the cut is not heard."""
    book = ledger()
    book.said("a", "One two three four.")
    book.sounded("a", 1000.0)
    assert "One two three four." == book.find("a").text
    book.cut("a", 500.0)
    book.sounded("a", 1000.0)
    book.said_whole("a", "One two three four, five six seven eight.")
    book.completed("a")

    assert ("One two", 2000.0, 500.0) == (
        book.find("a").text,
        book.find("a").audio_ms,
        book.find("a").heard_ms,
    )


def test_a_broken_answer_was_heard_as_far_as_its_audio_goes():
    """By the pace of what was said before."""
    book = ledger()
    book.said_whole("a", "word " * 50)
    book.sounded("a", 25_000.0)
    book.completed("a")  # ten letters a second
    book.said("b", "One two three four five six seven.")
    book.sounded("b", 1000.0)
    book.said("empty", "")
    book.spoke("unfinished", is_committed=False)
    book.spoke("again", is_committed=False)
    book.break_off({"again"})

    assert ["a", "b", "again"] == names(book)
    assert ("One two", False) == (book.find("b").text, book.find("b").is_complete)


def test_what_a_next_model_was_told_of_a_broken_answer_stays():
    """Though the answers behind it show that this voice is a fast one."""
    book = ledger()
    book.said("a", "One two three four five six seven.")
    book.sounded("a", 1000.0)
    book.break_off()
    told = book.find("a").text
    book.said_whole("b", "word " * 100)
    book.sounded("b", 5000.0)
    book.completed("b")
    assert ("One two three", "One two three") == (told, book.find("a").text)

    book.cut("a", 500.0)
    assert "One two" == book.find("a").text


def test_calls_have_their_outputs():
    """One of a call that is not there is none."""
    book = ledger()
    book.called(call(), "c")
    book.called(call(), "c")
    book.answered("o", "call_1", "12:00")
    book.answered("p", "call_2", "13:00")

    assert ["c", "o"] == names(book)
    assert ToolCalled("c", "call_1", "get_time", "{}") == book.entries[0]


def test_the_oldest_turns_go_first_and_whole():
    """A call goes with its output, though that came in the next turn."""
    book = ledger(entries=6)
    turn(book, 1)
    book.called(call(), "c")
    turn(book, 2)
    book.answered("o", "call_1", "12:00")
    assert ["u1", "a1", "c", "u2", "a2", "o"] == names(book)
    book.typed("u3", "Well?")

    assert ["u2", "a2", "u3"] == names(book)
    assert 4 == book.left_out
    book.answered("o", "call_1", "12:00")
    assert "o" not in names(book)


def test_a_turn_that_is_all_there_is_gives_its_oldest():
    """A model that only calls tools says nothing else."""
    book = ledger(entries=4)
    book.typed("u", "Go.")
    for number in range(5):
        book.called(call(f"c{number}", f"call_{number}"), f"c{number}")
        book.answered(f"o{number}", f"call_{number}", "Done.")

    kept = names(book)
    assert len(kept) <= 4
    assert ["c4", "o4"] == kept[-2:]
    assert {name[1] for name in kept if name[0] == "o"} <= {n[1] for n in kept if n[0] == "c"}


def test_its_bytes_are_bounded():
    """Of text, heard or not."""
    book = ledger(size_bytes=8192)
    for number in range(40):
        book.typed(f"u{number}", "x" * 300)
        book.said(f"a{number}", "y" * 300)
    book.trim()
    assert "a39" == names(book)[-1]
    assert 4000 < book.kept_bytes <= 8192

    book.trim(most_bytes=0)
    assert [] == names(book)
    assert 0 == book.kept_bytes


def test_history_is_in_front():
    """Of what was said already, too."""
    book = ledger()
    book.typed("u", "Well?")
    book.begin((Turn("user", "Hi."), Turn("assistant", "Hello.")), ["h0", "h1"])

    assert [UserSaid("h0", "Hi."), ModelSaid("h1", "Hello.")] == list(book.entries[:2])
    assert ["h0", "h1", "u"] == names(book)


def test_nothing_is_kept_where_nothing_is_to_be():
    """Whatever is said."""
    book = ledger(entries=0)
    turn(book, 1)
    book.spoke("u", is_committed=True)
    book.heard_user("u", "Hi.")
    book.sounded("a", 20.0)
    book.cut("a", 10.0)
    book.called(call(), "c")
    book.remove("c")
    book.begin((Turn("user", "Hi."),), ["h"])

    assert () == book.entries
    assert book.last is None


def test_a_record_can_be_written_down_and_read():
    """With the configuration, and does not change with the conversation."""
    book = ledger()
    turn(book, 1)
    book.called(call(), "c")
    book.noted("n", "The user has been silent.")
    record = book.record(model_session(instructions="Be brief."))
    turn(book, 2)
    written = msgspec.json.encode(record)

    assert record == msgspec.json.decode(written, type=Record)
    assert 4 == len(record.entries)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_any_bound_is_kept(limit):
    """At every moment."""
    book = ledger(entries=limit)
    for number in range(20):
        turn(book, number)
        assert len(book.entries) <= limit


def steps_beyond(entries, most_entries, most_bytes):
    """What one more takes where no more are kept."""
    book = ledger(most_entries, most_bytes)
    for number in range(entries):
        book.typed(f"{number:06}", "word")
    book.trim()
    assert book.left_out
    # Python 3.12 tells a trace of no opcodes where it is the first there was.
    steps(lambda: book.typed("999998", "word"))
    return steps(lambda: book.typed("999999", "word"))


@pytest.mark.skipif(
    loading.code().kind == "compiled", reason="it takes no steps of the interpreter"
)
def test_one_more_takes_no_longer_for_all_that_is_kept():
    """A client may send turns of a word two hundred times a second."""
    one_bytes = UserSaid("0", "word").size_bytes

    assert steps_beyond(120, 100, 1 << 20) == steps_beyond(1020, 1000, 1 << 20)
    assert steps_beyond(120, 5000, 100 * one_bytes) == steps_beyond(1020, 5000, 1000 * one_bytes)


def test_what_is_kept_stays_within_its_bytes_however_it_comes():
    """Between two reckonings, too."""
    book = ledger(5000, 100_000)
    for number in range(2000):
        book.typed(f"u{number}", "word" * (number % 50))
        book.heard_user_whole(f"u{number}", "other " * (number % 40))
        assert sum(map(book._size_bytes, book._entries)) <= 100_000
    assert len(names(book)) > 100
    assert f"u{1999}" == names(book)[-1]
