"""From one session of the model to the next before its time is over, pure."""

from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from tests.session.story import UNIX_MS, converted, delta, response
from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Function, OutputItem
from tornado_app.protocol.realtime.items import Item
from tornado_app.protocol.realtime.orders import Append, CreateItem, CreateResponse, UpdateSession
from tornado_app.session import events
from tornado_app.session.commands import (
    DialUpstream,
    DropPrepared,
    Log,
    NoteModel,
    PrepareUpstream,
    SendPrepared,
    SendUpstream,
    SwapUpstream,
)
from tornado_app.session.config import ToolRules
from tornado_app.session.rolling_over import LOOK_S

LIMIT_S = 3600.0
EXPIRED = realtime.UpstreamError(realtime.ErrorFacts("invalid_request_error", "session_expired"))
AT_LIMIT = Failure("open", "closed", close_code=1001)
UPDATED = realtime.SessionUpdated(realtime.SessionFacts())


@pytest.fixture
def call(stage):
    """One whose model says that it lasts an hour; looked for is from 4 minutes before the end."""
    return begun(stage())


def begun(story, limit_s=LIMIT_S):
    story.opened().feed(events.UpstreamOpened(5.0))
    return story.said(created(limit_s)).said(UPDATED)


def created(ends_at_s):
    """At so many seconds of the story."""
    facts = realtime.SessionFacts("sess_m", "gpt-realtime-2.1", UNIX_MS / 1000 + ends_at_s)
    return realtime.SessionCreated(facts)


def until(story, at):
    """Let the clock run: pings of the client are answered, and whatever is due happens."""
    while story.session.timers.earliest <= at and not story.session.ended:
        story.tick(at=max(story.now, story.session.timers.earliest))
        story.feed(events.ClientPinged())
    story.now = at
    return story


def prepare(story, ends_at_s=2 * LIMIT_S, upstream=PLAIN):
    """The link that was asked for is there, and its model ready."""
    story.feed(events.PreparedOpened(5.0, "next", upstream))
    sent = [each.order for each in story.fresh if isinstance(each, SendPrepared)]
    assert [UpdateSession] == [type(order) for order in sent]
    story.feed(events.PreparedSaid(created(ends_at_s)))
    return story.feed(events.PreparedSaid(UPDATED))


def looks(story, seconds=1.0, *, confirms=True):
    """It is looked for so long; a model confirms each item that it is told.  All that happened."""
    at, ends_at = len(story.all), story.now + seconds
    while story.now < ends_at:
        before = len(story.all)
        until(story, story.now + LOOK_S)
        for order in told_ahead(story.all[before:]) if confirms else ():
            item = Item(order.item["id"], "message", "user")
            story.feed(events.PreparedSaid(realtime.ItemAdded(item)))
    return story.all[at:]


def told_ahead(commands):
    orders = [each.order for each in commands if isinstance(each, SendPrepared)]
    return [order for order in orders if isinstance(order, CreateItem)]


def has(commands, kind):
    return any(isinstance(each, kind) for each in commands)


def statuses(commands):
    said = [each.message for each in commands if hasattr(each, "message")]
    return [(m.status, m.context, m.reason) for m in said if hasattr(m, "context")]


def turn(story, number, text, answer):
    """The user says something by voice, and is answered; all of it is heard."""
    story.said(realtime.UserSpeechStarted(f"u{number}", 0))
    story.said(realtime.UserSpeechStopped(f"u{number}", 100))
    story.said(realtime.Committed(f"u{number}"))
    story.said(realtime.UserTranscriptDone(f"u{number}", text))
    story.said(realtime.ResponseCreated(response(f"r{number}")))
    story.said(realtime.ItemAdded(Item(f"a{number}", "message", "assistant")))
    story.said(realtime.AnswerTranscriptDelta(f"r{number}", f"a{number}", answer))
    story.said(delta(1000, f"a{number}", f"r{number}"))
    story.said(realtime.AudioDone(f"r{number}", f"a{number}"))
    story.said(realtime.AnswerTranscriptDone(f"r{number}", f"a{number}", answer))
    done = OutputItem("message", "completed", id=f"a{number}")
    story.said(realtime.OutputItemDone(f"r{number}", done))
    story.said(realtime.ResponseFinished(response(f"r{number}", "completed")))
    return until(story, story.now + 1.5)


def speak(story, *marks):
    """Chunks of 100 ms that can be told apart."""
    for mark in marks:
        audio = b64encode(bytes([mark]) * 4800)
        story.feed(events.ClientAudio(bytes(4800)))
        story.feed(events.UplinkReady(converted(100, 4800, audio)))


def marks(commands, kind=SendUpstream):
    orders = [each.order for each in commands if isinstance(each, kind)]
    return [b64decode(order.audio)[0] for order in orders if isinstance(order, Append)]


def test_the_next_model_is_told_everything_before_the_swap_and_the_client_one_word(call):
    """Dialled, configured, told; then swapped.  No "reconnecting", no error."""
    turn(call, 1, "My name is Anna.", "Nice to meet you.")
    until(call, 3359.0)
    assert not has(call.all, PrepareUpstream)
    until(call, 3361.0)
    assert has(call.all, PrepareUpstream)
    at = len(call.all)
    prepare(call)
    looks(call)
    happened = call.all[at:]

    assert ["u1", "a1"] == [order.item["id"] for order in told_ahead(happened)]
    swap = next(i for i, each in enumerate(happened) if isinstance(each, SwapUpstream))
    assert has(happened[:swap], SendPrepared)
    assert not has(happened[swap:], SendPrepared)
    assert [("connected", "rebuilt", "session_limit")] == statuses(happened)
    assert not has(happened[swap:], SendUpstream)  # it knows all
    log = next(each for each in happened if isinstance(each, Log) and each.event == "rolled_over")
    figures = {"reason", "is_forced", "ready_ms", "swap_ms", "model_session", "upstream"}
    assert figures == log.fields.keys()
    assert ("session_limit", False, "sess_m") == tuple(
        log.fields[name] for name in ("reason", "is_forced", "model_session")
    )


def test_an_hour_with_three_roll_overs(stage):
    """Sessions of 20 minutes: each word of both sides is told once to each model, in order, and
    what the client hears has no hole and no repeat.
    """
    call = begun(stage(token_expires_at_unix_s=UNIX_MS / 1000 + 4000), 1200.0)
    for minute in range(1, 61):
        until(call, minute * 60.0)
        turn(call, minute, f"Question {minute}.", f"Answer {minute}.")
        if call.session._rolling.prepared._state == "dialled":
            prepare(call, call.now + 1200.0)
        looks(call)

    assert [("connected", "rebuilt", "session_limit")] * 3 == statuses(call.all)[2:]
    said = [name for n in range(1, 61) for name in (f"u{n}", f"a{n}")]
    swaps = [i for i, each in enumerate(call.all) if isinstance(each, SwapUpstream)]
    for begin, end in zip([0, *swaps], swaps, strict=False):
        told = [order.item["id"] for order in told_ahead(call.all[begin:end])]
        assert said[: len(told)] == told
        assert len(told) >= 30
    heard = [data for name, data in call.all_messages if name == "audio"]
    assert [f"a{n}" for n in range(1, 61)] == [data["item_id"] for data in heard]
    assert [] == [data for name, data in call.all_messages if name == "error"]
    assert not has(call.all, DialUpstream) or 1 == sum(
        isinstance(each, DialUpstream) for each in call.all
    )


def test_speech_goes_on_sample_by_sample(call):
    """What the model before had made no turn of, and what comes behind the swap: each once."""
    until(call, 3361.0)
    prepare(call)
    spoken = []
    for mark in range(1, 41):
        call.now += 0.1
        speak(call, mark)
        spoken.append(mark)
        call.feed(events.Tick())
    swap = next(i for i, each in enumerate(call.all) if isinstance(each, SwapUpstream))

    to_next = marks(call.all[swap:])
    assert spoken[-len(to_next) :] == to_next
    assert len(to_next) > 20
    before = marks(call.all[:swap])
    assert before == list(range(1, len(before) + 1))
    assert to_next[0] <= before[-1] + 1


def test_a_model_that_is_left_may_be_late(call):
    """It was near an hour ago, and is not asked again: more of the last seconds is said again."""
    call.feed(events.UpstreamRoundTrip(10.0))
    until(call, 3361.0)
    for second in range(5):
        speak(call, *[second] * 10)
        call.feed(events.Look(0), at=call.now + 1.0)
    prepare(call)
    happened = looks(call)
    swap = next(i for i, each in enumerate(happened) if isinstance(each, SwapUpstream))

    heard = [1, 2, 2, 3, 3, 4, 4]
    assert [mark for mark in heard for _ in range(5)] == marks(happened[swap:])


def speaks(call):
    call.said(realtime.UserSpeechStarted("u9", 0))


def has_spoken(call):
    speaks(call)
    call.said(realtime.UserSpeechStopped("u9", 100))


def is_to_be_answered(call):
    has_spoken(call)
    call.said(realtime.Committed("u9"))


def answers(call):
    call.said(realtime.ResponseCreated(response("r9")))


def plays(call):
    answers(call)
    call.said(delta(20_000, "a9", "r9"))
    call.said(realtime.ResponseFinished(response("r9", "completed")))


def has_asked(call):
    call.client(asked.Text("And?"))


def calls_a_tool(call):
    answers(call)
    item = OutputItem("function_call", "completed", "c9", "get_weather", "{}", "f")
    call.said(realtime.OutputItemDone("r9", item))
    call.said(realtime.ResponseFinished(response("r9", "completed")))


def is_configured(call):
    call.client(asked.Configure({"instructions": "Be brief."}))


def is_clearing(call):
    call.client(asked.ClearAudio())


def commits(call):
    call.client(asked.CommitAudio())  # and the pool has not answered


def says_too_much_to_keep(call):
    for _ in range(25):
        speak(call, 1)


def has_no_room(call):
    call.is_full = True
    plays(call)


BUSY = [
    commits,
    says_too_much_to_keep,
    has_no_room,
    speaks,
    has_spoken,
    is_to_be_answered,
    answers,
    plays,
    has_asked,
    calls_a_tool,
    is_configured,
    is_clearing,
]


@pytest.mark.parametrize("busy", BUSY)
def test_it_waits_for_a_quiet_moment(stage, busy):
    """While anybody speaks, or owes anybody anything, there is none."""
    weather = Function("get_weather", "", {"type": "object"}, timeout_s=60.0)
    call = begun(stage(tools=ToolRules((weather,)), response_timeout_s=60.0, speech_kept_ms=2000.0))
    until(call, 3361.0)
    prepare(call)
    busy(call)

    assert not has(looks(call, 5.0), SwapUpstream)


def test_it_has_to_be_quiet_for_a_while(call):
    """Between two sentences it is, too."""
    until(call, 3361.0)
    prepare(call)
    speaks(call)
    looks(call)
    call.said(realtime.UserSpeechStopped("u9", 100))
    is_to_be_answered(call)
    answers(call)
    call.said(realtime.ResponseFinished(response("r9", "completed")))

    assert not has(looks(call, LOOK_S, confirms=False), SendPrepared)


def test_what_is_told_waits_for_the_socket(stage):
    """An outbox that runs over would end the link."""
    call = begun(stage(outbox_bytes=4000))
    for number in range(1, 9):
        turn(call, number, f"Question {number}.", f"Answer {number}.")
    until(call, 3361.0)
    prepare(call)
    call.feed(events.PreparedBacklog(0))
    first = told_ahead(looks(call, 3 * LOOK_S, confirms=False))
    assert 1 <= len(first) < 16
    call.feed(events.PreparedBacklog(1))
    assert [] == told_ahead(looks(call, 5.0, confirms=False))
    call.feed(events.PreparedBacklog(0))
    rest = looks(call, 5.0)

    assert 16 == len(first) + len(told_ahead(rest))
    assert has(rest, SwapUpstream)


def test_of_a_context_that_is_nearly_full_the_end_is_told(stage):
    """In half of as many tokens, the oldest turns are left out."""
    call = begun(stage(context_tokens=1000))
    for number in range(1, 9):
        turn(call, number, "?" * 200, "!" * 200)
    uses(call, 500, 98)
    uses(call, 1000, 99)
    looks(call)
    prepare(call)
    told = [order.item["id"] for order in told_ahead(looks(call, 2.0))]

    assert ["u8", "a8"] == told[-2:]
    assert len(told) < 16


def test_a_short_session_is_left_to_its_end(stage):
    """To go from one to the next would be all there is."""
    call = begun(stage(), 3.0)

    assert not has(until(call, 2.9).all, PrepareUpstream)


def test_words_that_are_on_their_way_are_waited_for(call):
    """A turn whose transcript has not come: it would never come."""
    model = call.session._model
    model.in_force = replace(model.in_force, transcription_model="whisper", create_response=False)
    until(call, 3361.0)
    is_to_be_answered(call)
    prepare(call)
    assert not has(looks(call, 3.0), SwapUpstream)
    call.said(realtime.UserTranscriptDone("u9", "Hello."))

    assert has(looks(call, 2.0), SwapUpstream)


def test_a_turn_that_the_client_ends_is_not_broken(stage):
    """Not committed yet: it speaks."""
    call = begun(stage(turn_detection="none"))
    until(call, 3361.0)
    prepare(call)
    speak(call, 1, 2)

    assert not has(looks(call, 3.0), SwapUpstream)


def test_what_is_said_between_telling_and_swapping_is_told_as_well(call):
    """The user spoke before the next model had confirmed what it was told."""
    turn(call, 1, "One.", "First.")
    until(call, 3361.0)
    prepare(call)
    first = looks(call, 1.0, confirms=False)
    assert ["u1", "a1"] == [o.item["id"] for o in told_ahead(first)]
    assert not has(first, SwapUpstream)
    at = len(call.all)
    turn(call, 2, "Two.", "Second.")
    looks(call, 3.0)
    second = call.all[at:]

    assert ["u2", "a2"] == [o.item["id"] for o in told_ahead(second)]
    assert has(second, SwapUpstream)


def test_a_model_that_confirms_nothing_is_believed_after_a_while(call):
    """Not every server speaks of the items that it has."""
    turn(call, 1, "One.", "First.")
    until(call, 3361.0)
    prepare(call)

    assert has(looks(call, 4.0, confirms=False), SwapUpstream)


def test_a_model_that_refuses_the_last_item_has_answered(call):
    """It is not waited for any longer, however many it was told."""
    for number in range(1, 4):
        turn(call, number, "One.", "First.")
    until(call, 3361.0)
    prepare(call)
    looks(call, 1.0, confirms=False)
    refused = realtime.ErrorFacts("invalid_request_error", event_id="parley_ledger_a3")
    call.feed(events.PreparedSaid(realtime.UpstreamError(refused)))

    assert has(looks(call, 0.5), SwapUpstream)


def test_what_the_next_model_refuses_is_left_out(call):
    """And told to no other."""
    turn(call, 1, "One.", "First.")
    until(call, 3361.0)
    prepare(call)
    looks(call, 1.0, confirms=False)
    refused = realtime.ErrorFacts("invalid_request_error", event_id="parley_ledger_a1")
    call.feed(events.PreparedSaid(realtime.UpstreamError(refused)))
    looks(call, 1.0)

    assert ["u1"] == [entry.id for entry in call.session.ledger.entries]
    assert [] == [data for name, data in call.all_messages if name == "error"]


def test_what_was_told_and_is_not_so_any_more_makes_another_be_prepared(call):
    """Nothing that was told can be taken back by a name that both know."""
    turn(call, 1, "One.", "First.")
    until(call, 3361.0)
    prepare(call)
    looks(call, 1.0, confirms=False)
    call.session.ledger.remove("u1")
    happened = looks(call, 0.5)
    assert has(happened, DropPrepared)
    assert has(happened, PrepareUpstream)
    prepare(call)

    assert ["a1"] == [o.item["id"] for o in told_ahead(looks(call))]


def test_a_change_of_what_is_in_force_makes_another_be_prepared(call):
    """It was configured as it was before."""
    until(call, 3361.0)
    prepare(call)
    call.client(asked.Configure({"instructions": "Be brief."}))
    call.said(UPDATED)
    assert has(looks(call, 0.5), PrepareUpstream)
    call.feed(events.PreparedOpened(5.0))

    (order,) = (each.order for each in call.fresh if isinstance(each, SendPrepared))
    assert "Be brief." == order.session["instructions"]


@pytest.mark.parametrize(
    "failure",
    [Failure("dial", "refused"), Failure("dial", "handshake", 401), Failure("open", "reset")],
)
def test_a_next_one_that_fails_disturbs_nothing_and_is_tried_again(call, failure):
    """More and more seldom; the client hears nothing."""
    until(call, 3361.0)
    at = len(call.all)
    call.feed(events.PreparedLost(failure))
    looks(call, 20.0)
    happened = call.all[at:]

    dials = sum(isinstance(each, PrepareUpstream) for each in happened)
    assert 1 <= dials <= 5
    assert [] == statuses(happened)
    assert not call.session.ended
    prepare(call)
    assert has(looks(call), SwapUpstream)


def test_a_next_one_that_is_never_ready_is_given_up(call):
    """It has a deadline, as any link."""
    until(call, 3361.0)
    happened = looks(call, 12.0)

    assert has(happened, DropPrepared)
    assert has(happened, PrepareUpstream)
    lost, dialled = (each for each in happened if isinstance(each, Log))
    assert ("next_model_lost", "timeout") == (lost.event, lost.fields["cause"])
    assert ("open", "not ready") == (lost.fields["stage"], lost.fields["detail"])
    assert "next_dialled" == dialled.event


def test_a_next_one_that_refuses_its_configuration_is_given_up(call):
    """And nobody is told."""
    until(call, 3361.0)
    call.feed(events.PreparedOpened(5.0))
    wrong = realtime.ErrorFacts("invalid_request_error", event_id="parley_session")
    call.feed(events.PreparedSaid(realtime.UpstreamError(wrong)))

    assert call.did(DropPrepared)
    assert [] == call.messages
    (lost,) = (each.fields for each in call.fresh if isinstance(each, Log))
    assert ("open", "bad_session") == (lost["stage"], lost["detail"])


def test_without_a_quiet_moment_it_is_forced(call):
    """Five seconds before the end; the answer that runs is gone on with by the next model."""
    turn(call, 1, "One.", "First.")
    until(call, 3361.0)
    prepare(call)
    call.client(asked.Text("Tell me a story."))
    call.said(realtime.ResponseCreated(response("r2")))
    call.said(realtime.AnswerTranscriptDelta("r2", "a2", "Once upon a time there was"))
    call.said(delta(1000, "a2", "r2"))
    for _ in range(46):
        looks(call, 5.0)
        call.said(delta(100, "a2", "r2"))
    at = len(call.all)
    looks(call, 8.0)
    happened = call.all[at:]

    assert [("connected", "rebuilt", "session_limit")] == statuses(happened)
    ended = [data for name, data in call.all_messages if name == "response_done"][-1]
    assert ("failed", True) == (ended["status"], ended["continues"])
    orders = [each.order for each in happened if isinstance(each, SendUpstream)]
    assert ["u1", "a1", "parley_text_1", "a2"] == [
        o.item["id"] for o in orders if isinstance(o, CreateItem)
    ]
    assert "instructions" in orders[-1].response
    assert isinstance(orders[-1], CreateResponse)
    log = next(each for each in happened if isinstance(each, Log) and each.event == "rolled_over")
    assert log.fields["is_forced"]


def test_a_model_that_is_first_is_followed_at_once_by_one_that_is_ready(call):
    """Its clock is another."""
    until(call, 3361.0)
    prepare(call)
    call.said(realtime.UserSpeechStarted("u1", 0))
    speak(call, 1, 2)
    call.said(EXPIRED).lost(AT_LIMIT)

    assert call.did(SwapUpstream)
    assert [1, 2] == marks(call.fresh)
    assert [("connected", "rebuilt", "session_limit")] == statuses(call.fresh)


def test_a_model_that_ends_its_session_is_rebuilt(call):
    """Where nothing was prepared: as one that was lost."""
    turn(call, 1, "One.", "First.")
    at = len(call.all)
    call.said(EXPIRED).lost(AT_LIMIT)
    until(call, call.now + 1.0)
    call.model_ready()

    assert [
        ("reconnecting", None, "session_limit"),
        ("connected", "rebuilt", "session_limit"),
    ] == statuses(call.all[at:])
    assert not call.session.ended


def test_the_word_why_is_of_one_link(call):
    """The next loss is one."""
    call.said(EXPIRED).lost(AT_LIMIT)
    until(call, call.now + 1.0)
    call.model_ready()
    at = len(call.all)
    call.lost()
    until(call, call.now + 2.0)
    call.model_ready()

    assert [("reconnecting", None, None), ("connected", "rebuilt", None)] == (
        statuses(call.all[at:])
    )


def test_without_a_ledger_there_is_nothing_to_go_over_with(stage):
    """The client begins anew, as it always had to."""
    call = begun(stage(ledger_entries=0))
    until(call, 3590.0)
    assert not has(call.all, PrepareUpstream)

    assert [(4504, "session_expired")] == call.said(EXPIRED).lost(AT_LIMIT).closes


def test_sessions_that_end_at_once_are_not_begun_for_ever(stage):
    """Each is shorter than a good link: the client is told in the end."""
    call = begun(stage(), 3.0)
    while not call.session.ended:
        call.said(EXPIRED).lost(AT_LIMIT)
        if not call.session.ended:
            until(call, call.session.timers.earliest)
            call.feed(events.UpstreamOpened(5.0)).said(created(call.now + 3.0)).said(UPDATED)

    assert not has(call.all, PrepareUpstream)
    assert [(4504, "session_expired")] == call.closes


@pytest.mark.parametrize(
    ("says", "limit_s", "looks_at"),
    [(None, 3600.0, 3360.0), (0.0, 3600.0, 3360.0), (None, 0.0, None), (20.0, 3600.0, 12.0)],
    ids=["nothing", "a time that is over", "nothing, and nor do we", "a short one"],
)
def test_when_the_session_is_over(stage, says, limit_s, looks_at):
    """The model's own word; else the setting; of a short one at most half is used."""
    call = stage(session_limit_s=limit_s, token_expires_at_unix_s=UNIX_MS / 1000 + 9e9)
    call.opened().feed(events.UpstreamOpened(5.0))
    facts = realtime.SessionFacts("s", "m", None if says is None else UNIX_MS / 1000 + says)
    call.said(realtime.SessionCreated(facts)).said(UPDATED)
    if looks_at is None:
        until(call, 10_000.0)
        assert not has(call.all, PrepareUpstream)
        return
    until(call, looks_at - 0.1)
    assert not has(call.all, PrepareUpstream)
    until(call, looks_at + 0.1)
    assert has(call.all, PrepareUpstream)


def uses(call, tokens, number):
    call.said(realtime.ResponseCreated(response(f"r{number}")))
    made = 100.0 * (number % 2)
    usage = {"input_tokens": tokens - made, "output_tokens": made}
    done = response(f"r{number}", "completed", usage=usage)
    return call.said(realtime.ResponseFinished(done))


def test_a_context_that_is_nearly_full_is_a_reason_too(stage):
    """Once: a next one that begins with as much is let grow."""
    call = begun(stage(context_tokens=1000))
    uses(call, 500, 1)
    assert not has(looks(call, 2.0), PrepareUpstream)
    uses(call, 1000, 2)
    assert has(looks(call, 1.0), PrepareUpstream)
    prepare(call)
    assert ("connected", "rebuilt", "context_limit") in statuses(looks(call, 2.0))
    uses(call, 1100, 3)
    uses(call, 1200, 4)
    assert not has(looks(call, 2.0), PrepareUpstream)
    uses(call, 1350, 5)

    assert has(looks(call, 1.0), PrepareUpstream)


FIRST, SECOND = Upstream("first"), Upstream("second")
WELL = events.Look(0, better=frozenset({"first"}))


@pytest.fixture
def elsewhere(stage):
    """A call that the second upstream has; the first has to be well for up to 20 s."""
    call = stage(upstreams=2, return_after_s=10.0).opened()
    call.feed(events.UpstreamOpened(5.0, "", SECOND))
    return turn(call.said(created(LIMIT_S)).said(UPDATED), 1, "One.", "First.")


def looked_at(call, seconds, look=WELL):
    """Once a second."""
    at = len(call.all)
    for _ in range(seconds):
        call.feed(look)
        looks(call)
    return call.all[at:]


def test_it_goes_back_to_a_better_upstream(elsewhere):
    """When that has been well for a while; told in its own words, and at a quiet moment."""
    assert not has(looked_at(elsewhere, 19), PrepareUpstream)
    assert has(looked_at(elsewhere, 3), PrepareUpstream)
    prepare(elsewhere, upstream=FIRST)
    speaks(elsewhere)
    assert not has(looked_at(elsewhere, 3), SwapUpstream)
    elsewhere.said(realtime.UserSpeechStopped("u9", 100))
    elsewhere.said(realtime.Committed("u9"))
    elsewhere.said(realtime.ResponseCreated(response("r9")))
    elsewhere.said(realtime.ResponseFinished(response("r9", "completed")))
    happened = looked_at(elsewhere, 3)

    assert ["u1", "a1", "u9"] == [order.item["id"] for order in told_ahead(happened)]
    assert [("connected", "rebuilt", "upstream_back")] == statuses(happened)
    assert "first" == elsewhere.session.upstream
    assert NoteModel(True, "first") in happened


def test_it_goes_nowhere_if_the_other_is_out_again(elsewhere):
    """What was prepared is closed, and it has to be well anew."""
    looked_at(elsewhere, 22)
    happened = looked_at(elsewhere, 1, events.Look(0))
    assert has(happened, DropPrepared)

    assert not has(looked_at(elsewhere, 19), PrepareUpstream)


def test_it_does_not_go_from_one_to_the_same(elsewhere):
    """The dial was a race, which the other has lost: another time."""
    looked_at(elsewhere, 22)
    prepare(elsewhere, upstream=SECOND)
    happened = looked_at(elsewhere, 3)
    assert has(happened, DropPrepared)
    assert not has(happened, SwapUpstream)
    prepare(elsewhere, upstream=FIRST)

    assert has(looked_at(elsewhere, 2), SwapUpstream)


def test_nobody_goes_back_who_is_not_to(stage):
    """As the operator has it."""
    call = stage(upstreams=2, return_after_s=0.0).opened()
    call.feed(events.UpstreamOpened(5.0, "", SECOND))
    call.said(created(LIMIT_S)).said(UPDATED)

    assert not has(looked_at(call, 30), PrepareUpstream)


def test_what_is_prepared_ends_with_the_call(call):
    """Nobody else would close it."""
    until(call, 3361.0)
    prepare(call)
    call.feed(events.ClientGone(1000))

    assert call.did(DropPrepared)


def test_what_is_prepared_ends_with_a_loss_of_another_kind(call):
    """A reset is no end of a session: who knows what ails the other."""
    until(call, 3361.0)
    prepare(call)
    call.lost()

    assert call.did(DropPrepared)
    assert [("reconnecting", None, None)] == statuses(call.fresh)
    call.feed(events.PreparedSaid(UPDATED))  # it was on its way
    assert [] == call.fresh
