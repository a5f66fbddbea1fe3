"""A call that only transcribes, of which a client that conducts awaits the words."""

import pytest

from tests.session.relaying.call import Call
from tests.session.relaying.test_lateness import TIMEOUT_S, finds_turn, lines, look
from tests.session.story import model_session
from tornado_app.session.relaying.owed_words import AWAITED

WORDS = "conversation.item.input_audio_transcription"
TRANSCRIBES = model_session(session="transcription", transcription_model="ears")


@pytest.fixture
def call():
    return finds_turn(Call(model_session=TRANSCRIBES).begun())


def failed(call):
    events = [each for each in call.all_shown if each["type"] == f"{WORDS}.failed"]
    return [(each["item_id"], each["content_index"]) for each in events]


def writes(call, what="completed", item="item_u"):
    return call.says(f"{WORDS}.{what}", item_id=item, content_index=0, transcript="Hi.", delta="H")


@pytest.mark.parametrize("is_kept", [True, False])
def test_words_that_are_lost_with_their_model_have_failed(is_kept):
    """The next one is told nothing of that turn."""
    changes = {} if is_kept else {"ledger_entries": 0}
    call = finds_turn(Call(model_session=TRANSCRIBES, **changes).begun())
    call.loses_model()
    assert [("item_u", 0)] == failed(call)
    assert "was lost" in call.all_shown[-1]["error"]["message"]

    call.finds_model().loses_model()
    assert [("item_u", 0)] == failed(call)


def test_words_that_do_not_come_have_failed(call):
    """A piece of them asks for patience, as at `/ws`."""
    look(call, TIMEOUT_S - 1)
    writes(call, "delta")
    look(call, 2 * TIMEOUT_S - 2)
    assert [] == failed(call)
    look(call, 3 * TIMEOUT_S)

    assert [("item_u", 0)] == failed(call)
    assert ["transcript"] == [line["waited_for"] for line in lines(call, "upstream_late")]


def test_going_over_to_another_session_waits_for_words(call):
    """They would be lost with it."""
    conductor = call.session._conductor
    assert not conductor.is_quiet
    writes(call)

    assert conductor.is_quiet


@pytest.mark.parametrize("how", ["completed", "failed"])
def test_what_has_ended_is_not_ended_again(call, how):
    """Nor if its end came before the word that it is a turn."""
    writes(call, how)
    finds_turn(writes(call, how, "item_v"), "item_v")
    before = failed(call)
    look(call, 2 * TIMEOUT_S).loses_model()

    assert before == failed(call)


def test_beside_answers_words_may_be_missing():
    call = finds_turn(Call().begun()).begins("resp_1")
    look(call, 2 * TIMEOUT_S).loses_model()

    assert [] == failed(call)


def test_no_more_turns_are_kept_than_that(call):
    for number in range(AWAITED):
        finds_turn(call, f"item_{number}")
    call.loses_model()

    assert [f"item_{number}" for number in range(AWAITED)] == [name for name, _ in failed(call)]
