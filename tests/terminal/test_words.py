"""What reaches a person's terminal: harmless, and whole words."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.words import AS_IT_IS, WordWrap, cells, columns, complain, fit, plain


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def _forty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\r\nand a\ttab", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07rest", "]0;titlerest"),
        ("\x9b31mred\x9c", "31mred"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("ab\u202edc\u202c \u2066x\u2069 \u200fy\u061c", "abdc x y"),
        ("one\u2028two\u2029three\x85four", "one two three four"),
        ("\u00e9 \u4f60\u597d \U0001f600", "\u00e9 \u4f60\u597d \U0001f600"),
    ],
)
def test_what_a_terminal_obeys_is_taken_out(text, shown):
    """C0, C1, line separators and what turns text around; all else stays."""
    assert shown == plain(text)


@given(st.text())
def test_nothing_that_is_plain_drives_a_terminal(text):
    """Whatever the text was, one line of printable characters comes out, and stays as it is."""
    shown = plain(text)

    assert shown == plain(shown)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert not set(shown) & set(
        "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


WORDS = st.lists(st.text("abc\u4f60\u0301-", min_size=1, max_size=12), max_size=20)


@given(WORDS, st.integers(12, 60), st.data())
def test_pieces_do_not_change_how_a_text_is_wrapped(words, width, data):
    """Cut anywhere: no word is lost or broken, and no line is too long."""
    text = " ".join(words)
    wrap, shown, rest = WordWrap(width), "", text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        shown, rest = shown + wrap.feed(rest[:size]), rest[size:]
    shown += wrap.end()
    at_once = WordWrap(width)

    assert shown == at_once.feed(text) + at_once.end()
    assert text.replace(" ", "") == shown.replace("\n", "").replace(" ", "")
    assert all(cells(line) <= width for line in shown.split("\n")) or any(
        cells(word) > width for word in words
    )


def test_a_word_that_has_not_ended_is_kept_back():
    """What would be broken by the next piece is shown with it."""
    wrap = WordWrap(10)

    assert ["might", " even\nhave", " been"] == [
        wrap.feed("might ev"),
        wrap.feed("en have been"),
        wrap.end(),
    ]


def test_wide_characters_count_twice_and_may_be_parted():
    """Chinese has no spaces."""
    wrap = WordWrap(10)

    assert "\u4f60\u597d\u4f60\u597d\u4f60\n\u597d" == wrap.feed("\u4f60\u597d" * 3) + wrap.end()


@pytest.mark.usefixtures("_forty_columns")
def test_nothing_is_wrapped_where_there_is_no_terminal():
    """A pipe gets whole lines, also where COLUMNS is set."""
    line = "word " * 50

    assert None is columns(io.StringIO())
    assert f"{line}\n" == fit([line], io.StringIO())


@pytest.mark.usefixtures("_forty_columns")
def test_what_is_there_to_be_copied_is_not_wrapped():
    """And all else goes on below its own beginning."""
    line = "Choose another with --port; " * 3
    first, *others = fit([line, AS_IT_IS + line], Terminal()).splitlines()

    assert len(first) <= 40
    assert AS_IT_IS + line == others.pop()
    assert all(len(other) <= 40 and other.startswith("  ") for other in others)


def test_complaints_never_raise(monkeypatch):
    """There is nobody to be told that they were not heard."""

    class Full(io.StringIO):
        def write(self, _text):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("sys.stderr", Full())
    complain("a sentence")


@pytest.mark.parametrize("word", ["x" * 10_000, f"ws://{'a' * 9000}/ws", "9" * 300])
def test_a_long_word_is_cut_in_a_complaint(word, capsys):
    """What was typed by mistake is not all of what is said of it."""
    complain(f"There is no command {word}; there are others.")

    assert f"There is no command {word[:200]}... there are others.\n" == capsys.readouterr().err


def test_a_path_is_told_as_it_is(capsys):
    """One that may be looked for has to be whole."""
    path = f"/srv/{'directory/' * 20}settings.toml"
    complain(f"{path} cannot be read.")

    assert f"{path} cannot be read.\n" == capsys.readouterr().err


def test_words_without_spaces_are_told_as_they_are(capsys):
    """Whole sentences are one word in some languages."""
    sentence = "\u8a71" * 500
    complain(sentence)

    assert f"{sentence}\n" == capsys.readouterr().err
