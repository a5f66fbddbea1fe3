"""A client of the API that wants another format than the model's hears the same events."""

import pytest

from tests.session.relaying.call import Call
from tests.session.story import converted
from tornado_app.session import events
from tornado_app.session.commands import ConvertDownlink, FlushDownlink
from tornado_app.session.events import Unusable
from workers.formats import AudioFormat


@pytest.fixture
def call():
    call = Call(target=AudioFormat("pcm16", 8_000, 1)).begun()
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    return call


def says_audio(call, audio="AAAAAAAA"):
    where = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
    return call.says("response.output_audio.delta", **where, delta=audio)


def test_what_is_said_behind_audio_waits_until_that_is_converted(call):
    says_audio(call)
    assert [ConvertDownlink(bytes(6))] == call.fresh
    call.says("response.output_audio.done", response_id="resp_1", item_id="item_a")
    assert [FlushDownlink()] == call.fresh
    call.says("rate_limits.updated")
    assert [] == call.shown

    call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))
    (delta,) = call.shown
    assert ("QUJD", "item_a") == (delta["delta"], delta["item_id"])

    call.feed(events.DownlinkReady(converted(0.0, audio=b"REVG")))
    assert [
        "response.output_audio.delta",
        "response.output_audio.done",
        "rate_limits.updated",
    ] == call.kinds


def test_half_a_sample_goes_with_the_next(call):
    says_audio(call, "AAAA")
    assert [ConvertDownlink(bytes(2))] == call.fresh

    says_audio(call, "AAAA")
    assert [ConvertDownlink(bytes(4))] == call.fresh


def test_audio_that_is_none_costs_itself_and_nothing_else(call):
    says_audio(call, "***")
    assert [] == call.fresh
    assert 1 == call.session.downlink.broken_pieces

    says_audio(call)
    call.says("rate_limits.updated")
    call.feed(events.DownlinkReady(Unusable(None)))
    assert ["rate_limits.updated"] == call.kinds


def test_the_model_is_read_no_further_while_much_waits(call):
    says_audio(call)
    for _ in range(70):
        call.says("rate_limits.updated")
    assert call.session.downlink.holds

    call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))
    assert not call.session.downlink.holds


def test_a_model_that_is_lost_leaves_the_tail_in_its_place(call):
    says_audio(call)

    call.lost()
    assert [] == call.shown
    call.feed(events.DownlinkReady(converted(10.0, audio=b"QUJD")))
    call.feed(events.DownlinkReady(converted(0.0, audio=b"REVG")))

    assert "response.output_audio.delta" == call.kinds[0]
    assert "response.output_item.done" == call.kinds[-1]


def test_the_client_does_not_choose_the_models_format(call):
    pcmu = {"format": {"type": "audio/pcmu"}}
    call.asks("session.update", session={"type": "realtime", "audio": {"output": pcmu}})

    assert {"output": {}} == call.sent[0]["session"]["audio"]
