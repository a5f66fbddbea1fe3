"""How long audio is here: what is timed, and what is not."""

import json

import pytest

from tests.session.relaying.call import Call
from tests.session.story import Story, converted, delta, response
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import ResponseCreated
from tornado_app.protocol.realtime.overhearing import overhear
from tornado_app.session import events
from tornado_app.session.commands import Timed
from workers.formats import AudioFormat

PCM = bytes(960)


@pytest.fixture
def story():
    return Story(is_timed=True).connected()


def timed(story):
    """What was timed in all: direction and milliseconds."""
    return [
        (each.direction, round(each.seconds * 1000))
        for each in story.all
        if isinstance(each, Timed)
    ]


def test_a_chunk_is_timed_from_its_arrival_to_the_model(story):
    """It took as long as the pool did."""
    story.feed(events.ClientAudio(PCM), at=1.0)
    story.feed(events.UplinkReady(converted(20, 960)), at=1.012)

    assert [("to_model", 12)] == timed(story)


def test_the_first_is_timed_on_a_machine_that_has_just_started(story):
    """Its clock is near nought then."""
    story.feed(events.ClientAudio(PCM), at=0.0)
    story.feed(events.UplinkReady(converted(20, 960)), at=0.003)

    assert [("to_model", 3)] == timed(story)


def test_one_piece_a_second_is_timed(story):
    """Fifty would say the same."""
    for number in range(100):
        story.feed(events.ClientAudio(PCM), at=1 + number * 0.02)
        story.feed(events.UplinkReady(converted(20, 960)), at=1 + number * 0.02 + 0.005)

    assert 2 == len(timed(story))
    assert {("to_model", 5)} == set(timed(story))


def test_without_being_asked_nothing_is_timed():
    """It is off unless somebody scrapes."""
    story = Story().connected()

    story.feed(events.ClientAudio(PCM), at=1.0)
    story.feed(events.UplinkReady(converted(20, 960)), at=1.012)

    assert [] == timed(story)


def test_what_waits_for_a_model_is_not_the_gateways(story):
    """The model was lost while the chunk was converted."""
    story.feed(events.ClientAudio(PCM), at=1.0)
    story.feed(events.UpstreamLost(Failure("open", "reset")), at=1.001)
    story.feed(events.UplinkReady(converted(20, 960)), at=1.012)

    assert [] == timed(story)


def test_a_chunk_that_is_refused_is_not_timed(story):
    """And the next one is."""
    story.feed(events.ClientAudio(PCM), at=1.0)
    story.feed(events.UplinkReady(events.Unusable("This is no audio.")), at=1.012)
    story.feed(events.ClientAudio(PCM), at=2.5)
    story.feed(events.UplinkReady(converted(20, 960)), at=2.503)

    assert [("to_model", 3)] == timed(story)


def test_a_cleared_chunk_ends_no_other(story):
    """What is watched is known by its number."""
    story.feed(events.ClientAudio(PCM), at=1.0)
    story.client(asked.ClearAudio())
    story.feed(events.ClientAudio(PCM), at=1.1)
    story.feed(events.UplinkReady(converted(20, 960)), at=1.2)

    assert [] == timed(story)


def test_of_an_answer_one_piece_a_second_is_timed(story):
    """What comes behind it ends nothing."""
    story.feed(events.UpstreamSaid(ResponseCreated(response())), at=1.0)
    for number in range(3):
        story.feed(sound(2.0 + number / 10), at=2.0 + number / 10 + 0.04)

    assert [("to_client", 40)] == timed(story)


def sound(read_at):
    return events.UpstreamSaid(delta(100), read_at)


def test_an_answer_is_timed_from_when_the_link_had_it(story):
    """On its way to the loop it may have waited."""
    story.feed(events.UpstreamSaid(ResponseCreated(response())), at=1.0)
    story.feed(sound(1.96), at=2.0)

    assert [("to_client", 40)] == timed(story)


def test_an_answer_that_is_converted_is_timed_to_its_end():
    """The pool is ours."""
    story = Story(
        is_timed=True, target=AudioFormat("pcm16", 16_000, 1), passes_through=False
    ).connected()
    story.feed(events.UpstreamSaid(ResponseCreated(response())), at=1.0)
    story.feed(sound(2.0), at=2.0)
    story.feed(events.DownlinkReady(converted(100, 3200)), at=2.007)

    assert [("to_client", 7)] == timed(story)


def test_a_client_that_is_full_is_not_the_gateways(story):
    """What it has no room for waits for it."""
    story.feed(events.UpstreamSaid(ResponseCreated(response())), at=1.0)
    story.is_full = True
    story.feed(sound(2.0), at=2.0)
    story.is_full = False
    story.feed(events.ClientHasRoom(), at=9.0)

    assert [] == timed(story)


def test_an_answer_is_timed_for_a_client_of_the_api_as_well():
    """It goes straight on."""
    call = Call(is_timed=True).begun()
    call.begins("resp_1").begins_item("resp_1", "item_a")
    where = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
    said = {"type": "response.output_audio.delta", **where, "delta": "AAAA" * 80}
    call.feed(events.UpstreamSaid(overhear(json.dumps(said)), 1.96), at=2.0)

    assert [("to_client", 40)] == timed(call)
