"""What becomes of outputs, step by step; no socket, no clock."""

import json

import pytest

from local_realtime.rehearsal.faults import KINDS, parse_faults
from local_realtime.rehearsal.faulty import Faulty, Unanswered, Untranscribed
from local_realtime.rehearsal.told import is_of_answer, words_of
from local_realtime.session.outbox import Close, Cut, Judge, Raw, Think, Transcribe
from local_realtime.session.responder import Turn
from local_realtime.sound.audio import Sound

UNIX_NOW = 1_000_000.0


class Wire:
    """A call whose events go through a `Faulty`, as the shell would pass them."""

    def __init__(self, call, text):
        self.call = call
        self.faulty = Faulty(parse_faults(text), UNIX_NOW)
        self.sent = self.faulty.open()
        self.pass_on([call.created])

    def pass_on(self, outputs):
        steps = [step for output in outputs for step in self.faulty.pass_on(output)]
        self.sent += steps
        return steps

    @property
    def kinds(self):
        return [step["type"] if isinstance(step, dict) else type(step) for step in self.sent]


@pytest.fixture
def wire(call):
    return lambda text: Wire(call, text)


def events(*kinds):
    return [{"type": kind, "event_id": f"event_{number}"} for number, kind in enumerate(kinds)]


THREE = events("a", "b", "c")


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"duplicate-events", "session-expiry"}))
def test_what_is_not_concerned_passes_unchanged(wire, call, name):
    """Before its moment, or for events of another kind, a fault changes nothing."""
    moment = "@1000" if KINDS[name].when is not None else ""
    before = wire(f"{name}{moment}")

    assert before.pass_on(THREE) == THREE
    assert before.sent[0] == call.created


@pytest.mark.parametrize("name", KINDS)
def test_a_question_about_a_pause_is_asked(wire, name):
    """Whatever goes wrong, whether the speaker has finished is found out."""
    judge = Judge(1000, Sound(bytes(48), 24_000))

    assert wire(name).pass_on([judge]) == [judge]


MOMENTS = {
    "stall@1": ["session.created"],
    "stall@0": [],
    "close=4321@2": ["session.created", "a", Close],
    "drop@2": ["session.created", "a", Cut],
    "reset@0": [Cut],
    "reset=mid-frame@1": ["session.created", Raw, Cut],
    "malformed=no-type@1": ["session.created", Raw, "a", "b", "c"],
    "unknown-event@1": ["session.created", "moon.phase.changed", "a", "b", "c"],
    "error-event@session.created": ["session.created", "error", "a", "b", "c"],
    "server-error@2": ["session.created", "a", "error", Close],
    "duplicate-events@3": ["session.created", "a", "b", "b", "c", "c"],
    "unknown-event@1,close@3": ["session.created", "moon.phase.changed", "a", "b", Close],
    "stall@2,reset@2": ["session.created", "a"],
}


@pytest.mark.parametrize(("text", "kinds"), MOMENTS.items(), ids=MOMENTS)
def test_a_fault_has_its_moment(wire, text, kinds):
    """It happens once, right after the events that were to be sent before it."""
    there = wire(text)
    there.pass_on(THREE)

    assert there.kinds == kinds


def test_a_cut_in_the_middle_of_a_frame_sends_half_of_it(wire, call):
    """The length in its header promises more than comes."""
    _, raw, cut = wire("drop=mid-frame@1").sent

    assert raw.data[0] == 0x81
    assert int.from_bytes(raw.data[2:4]) > len(raw.data)
    assert not cut.with_reset


def test_nothing_follows_an_end(wire):
    """Not even the session's own close."""
    there = wire("reset@1")

    assert there.pass_on([*THREE, Close(1001, "over")]) == []
    assert there.faulty.is_over


def test_a_stall_swallows_the_close_as_well(wire):
    """The client has to find out by itself."""
    assert wire("stall@1").pass_on([Close(1001, "over")]) == []


def test_the_session_expires_as_the_api_says(wire, call):
    """`expires_at` tells it before; then the error, then 1001."""
    there = wire("session-expiry=2.5")
    error, close = there.faulty.expire()

    assert there.sent[0]["session"]["expires_at"] == 1_000_002
    assert call.created["session"]["expires_at"] == 1_003_600
    assert error["error"]["code"] == "session_expired"
    assert (close.code, close.reason) == (
        1001,
        "Your session hit the maximum duration of 60 minutes",
    )


def test_no_credit_has_an_error_without_two_keys(wire):
    """As the API sends it, and only then."""
    error = {"type": "error", "error": {"code": "x", "param": None, "event_id": None}}

    assert wire("no-credit").pass_on([error]) == [{"type": "error", "error": {"code": "x"}}]
    assert wire("stall").pass_on([error]) == [error]


def answered(call, there):
    """A typed turn and its answer, through the faults; the response at its end."""
    call.say("one two three")
    steps = there.pass_on(call.send("response.create"))
    steps += there.pass_on(call.wait(10))
    return steps, call.done(steps)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("max-output-tokens", "max_output_tokens"), ("content-filter", "content_filter")],
)
def test_an_answer_ends_incomplete(wire, call, value, reason):
    """The response and its items say so, in every event."""
    steps, response = answered(call, wire(f"response-incomplete={value}"))
    items = [
        step["item"]
        for step in steps
        if step["type"] in {"response.output_item.done", "conversation.item.done"}
    ]

    assert response["status_details"] == {"type": "incomplete", "reason": reason}
    assert {response["status"], *(item["status"] for item in items + response["output"])} == {
        "incomplete"
    }
    assert len(items) == 2


def test_an_incomplete_item_is_retrieved_incomplete(wire, call):
    """Asked for later, it is what it was said to be."""
    there = wire("response-incomplete")
    _, response = answered(call, there)
    item_id = response["output"][0]["id"]
    (retrieved,) = there.pass_on(call.send("conversation.item.retrieve", item_id=item_id))

    assert (retrieved["item"]["id"], retrieved["item"]["status"]) == (item_id, "incomplete")


def test_a_users_item_stays_complete(wire, call):
    """Only what the response brings is incomplete."""
    item = wire("response-incomplete").pass_on(call.say("hello"))[-1]["item"]

    assert item["status"] == "completed"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("response-failed", "insufficient_quota"),
        ("response-failed=server-error", "server_error"),
        ("rate-limited=7,response-failed", "rate_limit_exceeded"),
    ],
)
def test_an_answer_fails(wire, call, text, code):
    """The responder is not asked; the response is over at once, has cost nothing and says why."""
    there = wire(text)
    outputs = call.session.handle(json.dumps({"type": "response.create"}), call.now)
    created, unanswered = there.pass_on(outputs)
    steps = there.pass_on(call.session.unanswered(unanswered.response_id, call.now))
    steps += there.pass_on(call.wait(1))
    response = call.done(steps)

    assert unanswered == Unanswered(created["response"]["id"])
    assert (response["status"], response["status_details"]["error"]["code"]) == ("failed", code)
    assert response["usage"]["total_tokens"] == 0
    assert response["usage"]["input_token_details"]["cached_tokens_details"]["text_tokens"] == 0
    (limit,) = steps[-1]["rate_limits"]
    assert ((limit["remaining"], limit["reset_seconds"]) == (0, 7)) == ("rate" in text)


def test_a_transcription_fails(wire, call, tone):
    """The responder is not asked, and the event says what the API's says."""
    there = wire("transcription-failed")
    call.turn_detection(None)
    call.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    call.append(tone(300))
    outputs = call.session.handle(json.dumps({"type": "input_audio_buffer.commit"}), call.now)
    (ask,) = [output for output in outputs if isinstance(output, Transcribe)]
    (step,) = there.pass_on([ask])
    (event,) = there.pass_on(call.session.transcribed(step.item_id, step.seconds, None))

    assert step == Untranscribed(ask.item_id, 0.3)
    assert event["type"] == "conversation.item.input_audio_transcription.failed"
    assert event["error"]["code"] == "audio_unintelligible"


def test_the_last_deltas_come_after_speech_started(wire, call, tone, silence):
    """Three of the interrupted answer, then its end; nothing is lost and nothing comes twice."""
    there = wire("late-deltas")
    direct = call.append(tone(3000) + silence(600)) + call.wait(0.1)
    direct += call.append(tone(400))
    there.pass_on(direct)
    kinds = [step["type"] for step in there.sent]
    interrupted = len(kinds) - kinds[::-1].index("input_audio_buffer.speech_started")
    late = kinds[interrupted:]

    assert late[:4] == ["response.output_audio.delta"] * 3 + ["response.output_audio.done"]
    ids = [event["event_id"] for event in [call.created, *direct]]
    assert sorted(step["event_id"] for step in there.sent) == sorted(ids)


def test_an_answer_that_is_not_interrupted_is_whole(wire, call, audio):
    """The last deltas come before its end, too."""
    call.say("one two three")
    direct = call.send("response.create") + call.wait(10)
    there = wire("late-deltas=100")
    there.pass_on(direct)

    assert audio(there.sent[1:]) == audio(direct)
    assert there.kinds.count("response.output_audio.done") == 1


def test_pauses_belong_to_kinds_of_events():
    """Before the first event of an answer, the others, and the last."""
    faulty = Faulty(parse_faults("slow-answers=500,slow-events=30,done-delay=200"), UNIX_NOW)
    kinds = ("response.created", "response.output_audio.delta", "response.done")

    assert [faulty.pause_ms({"type": kind}) for kind in kinds] == [500, 30, 230]


def test_the_first_item_and_every_word_may_wait():
    """Of an answer only the first item, of a transcript every event."""
    faulty = Faulty(parse_faults("first-delta-delay,late-transcripts=70"), UNIX_NOW)
    added = {"type": "response.output_item.added"}
    completed = {"type": "conversation.item.input_audio_transcription.completed"}
    waits = [added | {"output_index": 0}, added | {"output_index": 1}, completed]

    assert [faulty.pause_ms(event) for event in waits] == [300, 0, 70]


@pytest.mark.parametrize("delta", [" One two,  three. ", "One", "", " ", "one\ntwo"])
def test_a_transcript_word_by_word_is_the_same_transcript(delta):
    """And every word is an event of its own."""
    kind = "conversation.item.input_audio_transcription.delta"
    told = words_of({"type": kind, "event_id": "event_1", "delta": delta})

    assert "".join(event["delta"] for event in told) == delta
    assert len({event["event_id"] for event in told}) == len(told) == max(1, len(delta.split()))


def test_what_was_thought_is_paid_for(wire, call):
    """It is text of the answer; who does not reason has none."""
    call.say("hello")
    direct = call.send("response.create") + call.wait(10)
    usage = call.done(direct)["usage"]
    told = call.done(wire("reasoning-tokens=20").pass_on(direct))["usage"]

    assert told["output_token_details"]["reasoning_tokens"] == 20
    assert told["output_tokens"] == usage["output_tokens"] + 20
    assert told["total_tokens"] == usage["total_tokens"] + 20
    assert (
        sum(told["output_token_details"][k] for k in ("text_tokens", "audio_tokens"))
        == (told["output_tokens"])
    )


def test_limits_may_go_untold(wire, call):
    """And nothing else with them."""
    call.say("hello")
    direct = call.send("response.create") + call.wait(10)

    assert wire("no-rate-limits").pass_on(direct) == direct[:-1]


def test_an_answer_may_forget_what_it_follows(wire, call):
    """As recorded: that of the first item, in its `done`; not the next one."""
    direct = call.say("hello") + call.send("response.create") + call.wait(10)
    direct += call.say("hello") + call.send("response.create") + call.wait(10)
    told = wire("no-predecessor").pass_on(direct)
    changed = [one for one, other in zip(told, direct, strict=True) if one != other]

    assert [event["type"] for event in changed] == ["conversation.item.done"]
    assert changed[0]["previous_item_id"] is None
    assert changed[0]["item"]["role"] == "assistant"


def test_a_word_before_a_call_is_asked_for(wire):
    """By the turn: who answers has to say it."""
    (think,) = wire("commentary").pass_on([Think("resp_1", Turn((), ""))])

    assert think.turn.comments


def test_what_belongs_to_an_answer(call, tone, silence):
    """The response, its items and the limits after it; nothing of the user's."""
    direct = call.append(tone(1000) + silence(600)) + call.wait(10)
    user_id = next(event["item_id"] for event in direct if "committed" in event["type"])
    others = [event for event in direct if not is_of_answer(event)]

    assert {event.get("item_id") or event["item"]["id"] for event in others} == {user_id}
    assert not is_of_answer(Think("resp_1", turn=None))
