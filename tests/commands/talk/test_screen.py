"""What a talk shows, where: on pipes and on a terminal that is both streams."""

import contextlib
import io

import pytest

from tornado_app.commands.talk.screen import Screen


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def _narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")


@contextlib.contextmanager
def terminal():
    """One that is both streams."""
    both = Terminal()
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        yield both


@pytest.mark.usefixtures("_narrow")
def test_a_transcript_comes_word_by_word():
    """It is one line that is broken between words, and none is shown twice."""
    screen, whole = Screen(), "He might even have been made amiable"
    with terminal() as shown:
        for end in (5, 12, 20, 27):
            screen.transcript("user", "item", whole[:end], final=False)
        screen.transcript("user", "item", whole, final=True)

    assert "You: He might even\n  have been made\n  amiable\n" == shown.getvalue()


def test_two_that_speak_at_once(capsys):
    """Each piece has a line that says whose it is."""
    screen = Screen()
    screen.transcript("assistant", "a", "I heard", final=False)
    screen.transcript("user", "u", "He might", final=True)
    screen.transcript("assistant", "a", "I heard you", final=True)

    assert "Answer: I heard\nYou: He might\nAnswer: you\n" == capsys.readouterr().out


def test_an_answer_that_comes_to_nothing_more_behind_a_note(capsys):
    """No line is begun for it, as when its model is lost; what follows is the next one's."""
    screen = Screen()
    screen.transcript("assistant", "a", "I heard you", final=False)
    screen.note("The model was lost.")
    screen.transcript("assistant", "a", "I heard you", final=True)
    screen.transcript("assistant", "b", "Once more.", final=True)

    shown = capsys.readouterr()
    assert ("Answer: I heard you\nAnswer: Once more.\n", "The model was lost.\n") == shown


def test_a_transcript_that_is_heard_better(capsys):
    """What takes another turn is shown anew."""
    screen = Screen()
    screen.transcript("user", "u", "He mite", final=False)
    screen.transcript("user", "u", "He might", final=True)

    assert "You: He mite\nYou: He might\n" == capsys.readouterr().out


def test_words_of_others_are_harmless(capsys):
    """No transcript and no sentence drives the terminal."""
    screen = Screen()
    screen.transcript("assistant", "a", "\x1b]0;title\x07red\x1b[31m\u202e", final=True)
    screen.note("a sentence\x9b31m of a server\r")

    assert ("Answer: ]0;titlered[31m\n", "a sentence31m of a server \n") == capsys.readouterr()


def test_progress_is_for_terminals(capsys):
    """A pipe gets nothing that is true for a moment only."""
    Screen().progress("Speaking 1.0 s")

    assert ("", "") == capsys.readouterr()


@pytest.mark.usefixtures("_narrow")
def test_progress_is_one_line_that_goes():
    """It is cut to the width, written when it changes, and makes room for what is said."""
    screen = Screen()
    with terminal() as shown:
        for _ in range(3):
            screen.progress("Speaking 1.0 s of a file with a long name")
        screen.note("Spoke.")

    assert "Speaking 1.0 s of a\r\x1b[KSpoke.\n" == shown.getvalue()
