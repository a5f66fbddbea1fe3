"""The session as a whole: what it is told, and what it tells of itself."""

import math
from base64 import b64encode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.pictures import png
from tests.session.story import UNIX_MS, Story, converted, delta, model_session, response
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.figures import CostFigures, LimitUse
from tornado_app.protocol.realtime.events import (
    AudioDone,
    Cleared,
    Committed,
    ErrorFacts,
    Malformed,
    ResponseCreated,
    ResponseFinished,
    SessionCreated,
    SessionFacts,
    SessionUpdated,
    Unknown,
    UpstreamError,
    UserSpeechStarted,
    UserSpeechStopped,
)
from tornado_app.protocol.realtime.orders import CreateItem, CreateResponse
from tornado_app.session import commands, events
from tornado_app.session.config import PictureRules


def test_a_ping_is_answered_with_its_id(story):
    """The same id, or none."""
    assert [("pong", {"id": "a", "ref": "a"})] == story.opened().client(asked.Ping("a")).messages
    assert [("pong", {"id": 7})] == story.client(asked.Ping(7)).messages
    assert [("pong", {})] == story.client(asked.Ping()).messages


def test_the_client_is_pinged_at_every_interval(story):
    """30 s by default."""
    story.opened()
    times = (29.0, 30.0, 60.0 - 1e-6)
    assert [30.0] == [at for at in times if story.tick(at).did(commands.PingClient)]

    assert story.feed(events.ClientHeard()).tick(60.0).did(commands.PingClient)


def test_a_silent_client_is_dead_after_the_read_timeout(story):
    """One error, should it still read, and 4408."""
    assert [] == story.opened().tick(60.0).closes
    story.tick(60.25)

    assert ["idle_timeout"] == story.errors
    assert [(4408, "idle_timeout")] == story.closes


@pytest.mark.parametrize(
    "life",
    [
        events.ClientPinged(),
        events.ClientHeard(),
        events.ClientSaid(asked.Pong()),
        events.ClientAudio(b"\0\0"),
    ],
)
def test_any_frame_is_a_sign_of_life(story, life):
    """The deadline moves with each."""
    story.opened().feed(life, at=50.0).tick(60.0)
    assert [] == story.tick(110.0).closes

    assert [(4408, "idle_timeout")] == story.tick(110.25).closes


def test_a_process_that_stood_still_has_not_heard_its_clients(story):
    """What they have said since is unread, by however little it was too late: they are asked again,
    and a dead one is dead a moment later.
    """
    story.opened()
    for stood_until in (60.1, 600.0):
        assert [] == story.tick(stood_until).closes
        story.feed(events.ClientHeard(), at=stood_until + 0.1)
        assert [] == story.tick(stood_until + 2.0).closes

    assert [] == story.tick(900.0).closes
    assert [] == story.tick(1000.0).closes  # and stood still again
    assert [(4408, "idle_timeout")] == story.tick(1000.25).closes


def test_an_expiring_token_is_announced_and_then_ends_the_session(stage):
    """A minute before, and again with the leeway that clocks are given."""
    story = stage(token_expires_at_unix_s=UNIX_MS / 1000 + 100, read_timeout_s=1000).connected()
    assert [] == story.tick(39.0).told
    assert ("token_expiring", {"expires_at": UNIX_MS + 100_000}) in story.tick(40.0).messages
    assert [] == story.tick(109.0).closes

    assert ["token_expired"] == story.tick(110.0).errors
    assert "The token has expired. Reconnect with a fresh one." == story.messages[0][1]["sentence"]
    assert [(4410, "token_expired")] == story.closes


def test_a_token_that_is_taken_back_ends_the_session(story):
    """With the reason, and for good."""
    story.connected().feed(events.TokenRevoked())

    assert ["token_revoked"] == story.errors
    assert not story.messages[0][1]["retryable"]
    assert [(4401, "token_revoked")] == story.closes


@pytest.mark.parametrize("words", ["", "We close at six."])
def test_a_call_that_an_operator_ends_says_so(story, words):
    """In the operator's words, if there are any."""
    story.connected().feed(events.EndedByOperator(words))

    assert ["ended_by_operator"] == story.errors
    expected = words or "Whoever runs this server has ended the call."
    assert expected == story.messages[0][1]["sentence"]
    assert [(4412, "ended_by_operator")] == story.closes


def test_a_caller_who_is_listened_to_is_told(story):
    """When it begins, when it ends, and again by a client that comes back."""
    story.connected()
    assert [("listening_in", {"status": "begun"})] == story.feed(events.ListenedTo(True)).messages
    back = events.ClientBack("token", UNIX_MS / 1000 + 3600, 1)
    assert ("listening_in", {"status": "begun"}) in story.feed(back).messages
    assert [("listening_in", {"status": "ended"})] == story.feed(events.ListenedTo(False)).messages
    assert "listening_in" not in story.feed(back).told


def test_status_tells_all_figures(story):
    """Names and units as the protocol has them."""
    story.connected().speak(40).speak(60).feed(events.UpstreamRoundTrip(12.5271))
    story.feed(events.StatusAsked({"connections": LimitUse(1, 500)}), at=2.0)

    name, data = story.messages[0]
    assert "status" == name
    assert {
        "status": "connected",
        "session_id": "sess_1",
        "user_id": "alice",
    }.items() <= data.items()
    assert {"state": "connected", "reconnects": 0, "latency_ms": 12.5} == data["upstream"]
    times = {"received_ms": 100.0, "sent_ms": 100.0, "buffered_ms": 0.0}
    assert times | {"clipped_samples": 0, "dropped_ms": 0.0} == data["audio"]
    assert {"connections", "message_burst"} == set(data["limits"])
    assert not {"tools", "cost"} & set(data)
    assert UNIX_MS == data["connected_at"]
    assert UNIX_MS + 3_600_000 == data["token_expires_at"]


def test_status_tells_how_much_of_the_rate_is_used(stage):
    """To a tenth: with it a client can slow down before it is refused."""
    story = stage(messages_per_s=2.0, message_burst=5.0).opened()
    for _ in range(3):
        story.client(asked.Ping())
    story.feed(events.StatusAsked({}), at=0.26)

    assert {"used": 3.5, "limit": 5} == story.messages[0][1]["limits"]["message_burst"]


def test_status_tells_what_the_call_has_cost_whom_may_know(story):
    """As it was counted elsewhere."""
    cost = CostFigures("0.25", "EUR", 1)
    story.opened().feed(events.StatusAsked({}, cost=cost))

    assert msgspec.to_builtins(cost) == story.messages[0][1]["cost"]


def test_the_log_names_no_word_that_was_said(story):
    """Events and figures only."""
    story.connected().client(asked.Text("my secret"))
    story.said(UpstreamError(ErrorFacts("server_error", "oops", "key sk-123 failed")))
    story.feed(events.ClientGone(None))
    logged = [c for c in story.all if isinstance(c, commands.Log)]

    assert {"session_opened", "upstream_connected", "upstream_error", "session_closed"} <= {
        line.event for line in logged
    }
    assert "secret" not in str(logged)
    assert "sk-123" not in str(logged)


def test_a_session_cannot_fill_the_log(story):
    """What is left out is counted, and told in the end."""
    story.connected()
    for _ in range(150):
        story.client(asked.Interrupt())
    story.feed(events.ClientGone(1000))
    facts = [c for c in story.all if isinstance(c, commands.Log)]
    logged = [fact for fact in facts if fact.is_written]

    assert 150 == sum(fact.event == "interrupted" for fact in facts)
    assert len(logged) <= 101
    assert len(facts) - len(logged) == logged[-1].fields["unlogged"]


def test_speech_is_told_in_whole_milliseconds(story):
    """Whatever kind of number the model gives."""
    story.connected()

    started = story.said(UserSpeechStarted("item_u", 123.4)).messages
    stopped = story.said(UserSpeechStopped("item_u", 456)).messages
    assert [("speech_started", {"item_id": "item_u", "audio_start_ms": 123})] == started
    assert [("speech_stopped", {"item_id": "item_u", "audio_end_ms": 456})] == stopped


ITEMS = st.sampled_from(["item_a", "item_b"])
RESPONSES = st.sampled_from(["resp_1", "resp_2"])
ANYTHING = st.one_of(
    st.sampled_from(
        [
            events.ClientSaid(asked.CommitAudio()),
            events.ClientSaid(asked.ClearAudio()),
            events.ClientSaid(asked.Text("hi")),
            events.ClientSaid(asked.Image(b64encode(png()).decode(), "png")),
            events.ClientSaid(asked.Configure({"turn_detection": "none"})),
            events.ClientSaid(asked.Interrupt("item_a", 5)),
            events.ClientSaid(asked.Playback("item_a", 5)),
            events.ClientPinged(),
            events.UpstreamOpened(1.0),
            events.UpstreamSaid(SessionCreated(SessionFacts())),
            events.UpstreamSaid(SessionUpdated(SessionFacts())),
            events.UpstreamSaid(Cleared()),
            events.UpstreamSaid(Committed("item_u")),
            events.UpstreamSaid(UserSpeechStarted("item_u", 1)),
            events.UpstreamSaid(Unknown("new.thing")),
            events.UpstreamSaid(Malformed(3)),
            events.UpstreamBacklog(640),
            events.UpstreamLost(Failure("open", "reset")),
            events.Tick(),
        ]
    ),
    st.builds(lambda i, r: events.UpstreamSaid(delta(20, i, r)), ITEMS, RESPONSES),
    st.builds(lambda i, r: events.UpstreamSaid(AudioDone(r, i)), ITEMS, RESPONSES),
    st.builds(lambda r: events.UpstreamSaid(ResponseCreated(response(r))), RESPONSES),
    st.builds(
        lambda r, s: events.UpstreamSaid(ResponseFinished(response(r, s))),
        RESPONSES,
        st.sampled_from(["completed", "cancelled", "failed", "strange"]),
    ),
    st.builds(
        lambda code: events.UpstreamSaid(UpstreamError(ErrorFacts("invalid_request_error", code))),
        st.sampled_from(
            [None, "conversation_already_has_active_response", "input_audio_buffer_commit_empty"]
        ),
    ),
    st.builds(lambda n: events.ClientAudio(bytes(n)), st.integers(0, 5000)),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(ANYTHING, st.floats(0, 3)), max_size=60),
    st.booleans(),
    st.sampled_from(["realtime", "transcription"]),
)
def test_no_order_of_events_breaks_a_session(happenings, passes_through, session):
    """Whatever the two sides do, the invariants hold and nothing is raised.

    A call that only transcribes asks for no answer, and brings the model no turn but in speech.
    """
    story = Story(
        passes_through=passes_through,
        hold_ms=300.0,
        model_session=model_session(session=session, transcription_model="ears"),
        pictures=PictureRules(are_allowed=True),
    ).opened()
    uplink, downlink = [], []
    for event, pause_s in happenings:
        story.feed(event, at=story.now + pause_s)
        for command in story.fresh:
            match command:
                case commands.ConvertUplink() | commands.FlushUplink():
                    uplink.append(command)
                case commands.ResetUplink():
                    uplink.clear()
                case commands.ConvertDownlink() | commands.FlushDownlink():
                    downlink.append(command)
                case commands.ResetDownlink():
                    downlink.clear()
        if uplink and pause_s > 1:
            uplink.pop(0)
            story.feed(events.UplinkReady(converted(20, 960)))
        if downlink and pause_s > 1:
            downlink.pop(0)
            story.feed(events.DownlinkReady(converted(20)))
        assert story.session.timers.earliest < math.inf or story.session.ended
    story.check()
    if session == "transcription":
        orders = [c.order for c in story.all if isinstance(c, commands.SendUpstream)]
        assert not any(isinstance(order, CreateItem | CreateResponse) for order in orders)


def test_a_model_that_is_not_ready_is_heard_of_no_turn(story) -> None:
    """It has been told of none: an answer that began there would have nobody to end it."""
    story.feed(events.Opened())
    story.feed(events.UpstreamOpened(1.0))
    story.feed(events.UpstreamSaid(ResponseCreated(response("resp_1"))))

    assert not [c for c in story.fresh if isinstance(c, commands.SendClient)]
