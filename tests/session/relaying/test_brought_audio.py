"""Audio that a client brings in an item, and not as speech."""

import pytest

from tests.session.relaying.call import Call
from tornado_app.session.relaying.brought_audio import letters_of

SECOND = "AAAA" * 16_000


def spoken(*audio, role="user", kind="input_audio"):
    parts = [{"type": kind, "audio": each} for each in audio]
    return {"type": "message", "role": role, "content": parts}


def brings(call, how, audio):
    match how:
        case "item":
            call.asks("conversation.item.create", item=spoken(audio))
        case "history":
            item = spoken(audio, role="assistant", kind="output_audio")
            call.asks("conversation.item.create", item=item)
        case "input":
            call.asks(
                "response.create", response={"conversation": "none", "input": [spoken(audio)]}
            )


WAYS = ["item", "history", "input"]


def received_ms(call):
    return call.session.totals().received_ms


@pytest.mark.parametrize("how", WAYS)
def test_it_counts_as_speech_does(how):
    call = Call(audio_rate=100.0, audio_burst_ms=60_000.0).begun()
    call.asks("input_audio_buffer.append", audio=SECOND)
    brings(call, how, SECOND)

    assert SECOND in str(call.sent)
    assert 2000.0 == received_ms(call)


def test_in_the_format_that_the_session_has():
    call = Call(audio_rate=100.0, audio_burst_ms=60_000.0).begun()
    hearing = {"format": {"type": "audio/pcmu"}}
    call.says("session.updated", session={"id": "sess_model", "audio": {"input": hearing}})
    brings(call, "item", SECOND)

    assert 6000.0 == received_ms(call)


@pytest.mark.parametrize("how", WAYS)
def test_a_client_that_brings_it_too_fast_is_read_later(how):
    call = Call(audio_rate=2.0, audio_burst_ms=1500.0).begun()
    brings(call, how, SECOND)
    assert not paused(call)
    brings(call, how, SECOND)

    assert paused(call)
    assert 2000.0 == received_ms(call)


@pytest.mark.parametrize("how", WAYS)
def test_or_is_refused_where_the_operator_wants_it_so(how):
    call = Call(backlog="refuse", audio_rate=2.0, audio_burst_ms=1500.0).begun()
    brings(call, how, SECOND)
    brings(call, how, SECOND)
    brings(call, how, SECOND)

    assert "rate_limit_exceeded" == call.error["code"]
    assert [] == call.sent
    assert 2000.0 == received_ms(call)


def test_the_next_model_is_asked_again_and_it_counts_once():
    call = Call(audio_rate=100.0, audio_burst_ms=60_000.0).begun()
    brings(call, "item", SECOND)
    call.loses_model().finds_model()

    assert 2 == sum(SECOND in str(each) for each in call.all_sent)
    assert 1000.0 == received_ms(call)


def test_what_is_refused_is_not_counted():
    call = Call().begun()
    call.asks("conversation.item.create", item=spoken(SECOND), previous_item_id="parley_x")

    assert "invalid_value" == call.error["code"]
    assert 0.0 == received_ms(call)


@pytest.mark.parametrize(
    "item", [None, [], {}, {"content": "AAAA"}, {"content": [7, {"audio": 7}]}]
)
def test_whatever_is_no_item_has_none(item):
    assert 0 == letters_of([item])


def paused(call):
    return any(type(command).__name__ == "PauseClient" for command in call.all)
