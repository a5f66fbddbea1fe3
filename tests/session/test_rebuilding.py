"""What the next model is told when one is lost."""

from base64 import b64decode, b64encode

import pytest

from tests.session.story import FORGETFUL, UNIX_MS, converted, delta, model_session, response
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Function, OutputItem, gone_on_with
from tornado_app.protocol.realtime.items import Item
from tornado_app.protocol.realtime.orders import (
    Append,
    Commit,
    CreateItem,
    CreateResponse,
    DeleteItem,
    UpdateSession,
)
from tornado_app.session import events
from tornado_app.session.commands import CancelTool, Log, SendUpstream
from tornado_app.session.config import ToolRules

WEATHER = Function("get_weather", "", {"type": "object"}, timeout_s=5.0)


def again(story, **how):
    """The link is lost, and the next model is ready: `orders` is all that it was sent, and
    `at_loss` what the client was told before.
    """
    story.lost(**how)
    story.at_loss = story.messages
    story.tick(at=story.session.timers.earliest)
    at = len(story.all)
    story.model_ready()
    sent = [each.order for each in story.all[at:] if isinstance(each, SendUpstream)]
    assert isinstance(sent[0], UpdateSession)
    return story


def told(story):
    """The conversation as this model was told it, in short."""
    said = []
    for order in story.orders:
        match order:
            case CreateItem({"type": "message", "role": role, "content": [part]}):
                said.append((role, part.get("text") or part["type"]))
            case CreateItem({"type": "function_call", "call_id": call_id}):
                said.append(("call", call_id))
            case CreateItem({"type": "function_call_output", "output": output}):
                said.append(("output", output))
            case Append() | Commit() | CreateResponse():
                said.append(type(order).__name__)
    return said


def speak(story, *marks):
    """Chunks of 100 ms that can be told apart."""
    for mark in marks:
        audio = b64encode(bytes([mark]) * 4800)
        story.feed(events.ClientAudio(bytes(4800)))
        story.feed(events.UplinkReady(converted(100, 4800, audio)))


def heard(orders):
    """The marks of the audio in these orders."""
    return [b64decode(o.audio)[0] for o in orders if isinstance(o, Append)]


def commit(story, **how):
    story.client(asked.CommitAudio(**how)).feed(events.UplinkReady(converted(0, 0, b"")))


def hears_turn(story, item_id, text=None, after=None):
    """The model makes a turn of what was spoken, by itself or as it was asked."""
    story.said(realtime.Committed(item_id, after))
    if text is not None:
        story.said(realtime.UserTranscriptDone(item_id, text))


def answers(story, item_id, text, audio_ms=1000, response_id="r1", *, is_done=True):
    story.said(realtime.ResponseCreated(response(response_id)))
    story.said(realtime.ItemAdded(Item(item_id, "message", "assistant")))
    story.said(realtime.AnswerTranscriptDelta(response_id, item_id, text))
    story.said(delta(audio_ms, item_id, response_id))
    if is_done:
        story.said(realtime.AnswerTranscriptDone(response_id, item_id, text))
        done = OutputItem("message", "completed", id=item_id)
        story.said(realtime.OutputItemDone(response_id, done))
        story.said(realtime.ResponseFinished(response(response_id, "completed")))


def test_the_next_model_is_told_all_that_was_said(story):
    """In order, behind its configuration; the client is told that it knows."""
    story.connected()
    speak(story, 1, 2)
    hears_turn(story, "u1", "My name is Anna.")
    answers(story, "a1", "Nice to meet you, Anna.")
    story.client(asked.Text("And what is yours?"), at=5.0)
    answers(story, "a2", "I have none.", response_id="r2")
    again(story)

    assert [
        ("user", "My name is Anna."),
        ("assistant", "Nice to meet you, Anna."),
        ("user", "And what is yours?"),
        ("assistant", "I have none."),
    ] == told(story)
    assert ["u1", "a1", "parley_text_1", "a2"] == [o.item["id"] for o in story.orders]
    status = story.messages[-1][1]
    assert ("connected", "rebuilt") == (status["status"], status["context"])
    assert "context_lost" not in status
    assert [] == story.errors


def test_it_is_told_once_more_to_the_one_after(story):
    """Nothing gets lost or doubled on the way, also if a dial fails between."""
    story.connected()
    hears_turn(story, "u1", "Hello.")
    answers(story, "a1", "Hi.")
    first = told(again(story))
    story.lost().tick(at=story.session.timers.earliest)
    story.lost(Failure("dial", "refused")).tick(at=story.session.timers.earliest)

    assert first == told(story.model_ready())


def test_speech_that_nobody_committed_is_heard_by_the_next_model(story):
    """Sample by sample, with what was said while there was none behind it."""
    story.connected()
    speak(story, 1, 2, 3)
    story.lost()
    assert [] == story.errors
    speak(story, 4, 5)
    story.tick(at=story.session.timers.earliest).model_ready()

    assert [1, 2, 3, 4, 5] == heard(story.orders)


def test_speech_that_is_a_turn_is_not_said_again(story):
    """But what came behind its end is."""
    story.connected()
    speak(story, 1, 2, 3, 4)
    story.said(realtime.UserSpeechStarted("u1", 100))
    story.said(realtime.UserSpeechStopped("u1", 300))
    hears_turn(story, "u1", "Hello.")
    again(story)

    assert [("user", "Hello."), "Append", "CreateResponse"] == told(story)
    assert [4] == heard(story.orders)


def test_a_turn_without_a_transcript_is_told_as_it_was_spoken(story):
    """From where the model heard it begin to where it heard it end."""
    story.connected()
    speak(story, 1, 2, 3, 4)
    story.said(realtime.UserSpeechStarted("u1", 100))
    story.said(realtime.UserSpeechStopped("u1", 300))
    hears_turn(story, "u1")
    answers(story, "a1", "Yes.")
    again(story)

    assert [("user", "input_audio"), ("assistant", "Yes."), "Append"] == told(story)
    audio = b64decode(story.orders[0].item["content"][0]["audio"])
    assert bytes([2]) * 4800 + bytes([3]) * 4800 == audio


def test_a_turn_of_which_there_is_nothing_has_a_place_all_the_same(stage):
    """Two answers in a row would be of a conversation that was not."""
    story = stage(speech_kept_ms=0.0).connected()
    speak(story, 1)
    hears_turn(story, "u1")
    answers(story, "a1", "Yes.")
    again(story)

    assert [
        ("user", "(The user said something that was not written down.)"),
        ("assistant", "Yes."),
    ] == told(story)


def test_a_commit_that_was_not_confirmed_is_made_again(stage):
    """In its place among the turns, and answered; it is confirmed to whoever asked for it."""
    story = stage(turn_detection="none").connected()
    speak(story, 1, 2)
    commit(story, ref="first")
    story.client(asked.Text("And this."))
    speak(story, 3)
    again(story)

    assert ["Append", "Append", "Commit", ("user", "And this."), "Append", "CreateResponse"] == (
        told(story)
    )
    assert [] == story.errors
    story.said(realtime.Committed("u1"))
    assert [("audio_committed", {"item_id": "u1", "ref": "first"})] == story.messages
    commit(story)
    assert ["audio_buffer_empty"] != story.errors


def test_a_commit_while_there_is_no_model_is_in_its_place(stage):
    """Half of the turn was spoken to the model before."""
    story = stage(turn_detection="none").connected()
    speak(story, 1)
    story.lost()
    speak(story, 2)
    commit(story)
    story.client(asked.Text("And this."))
    story.tick(at=story.session.timers.earliest).model_ready()

    assert [1, 2] == heard(story.orders)
    assert ["Append", "Append", "Commit", "CreateResponse"] == [
        each for each in told(story) if isinstance(each, str)
    ]
    story.lost()
    story.tick(at=story.session.timers.earliest).model_ready()
    assert [1, 2] == heard(story.orders)
    assert "And this." == told(story)[3][1]


def test_what_was_cleared_is_not_said_again(stage):
    """Neither what the model had of it nor what it had not."""
    story = stage(turn_detection="none").connected()
    speak(story, 1)
    commit(story)
    speak(story, 2)
    story.client(asked.ClearAudio(ref="c"))
    story.lost()
    assert ("audio_cleared", {"ref": "c"}) not in story.messages  # in its turn, behind the commit
    speak(story, 3)
    story.client(asked.ClearAudio())
    speak(story, 4)
    story.tick(at=story.session.timers.earliest).model_ready()

    assert [1, 4] == heard(story.orders)
    assert "audio_cleared" in story.said(realtime.Committed("u1")).told


def test_a_refused_commit_leaves_no_turn(stage):
    """Its audio belongs to the next one."""
    story = stage(turn_detection="none").connected()
    speak(story, 1, 2)
    commit(story)
    empty = realtime.ErrorFacts(code="input_audio_buffer_commit_empty", event_id="parley_commit_1")
    story.said(realtime.UpstreamError(empty))
    again(story)

    assert ["Append", "Append"] == told(story)


def test_more_speech_than_is_kept_is_told(stage):
    """The newest is kept."""
    story = stage(speech_kept_ms=250.0, hold_ms=10_000.0).connected()
    speak(story, 1, 2, 3, 4)
    story.lost()
    [error] = [data for name, data in story.messages if name == "error"]
    assert "200 ms of audio were lost with the connection to the model." == error["sentence"]

    story.tick(at=story.session.timers.earliest).model_ready()
    assert [3, 4] == heard(story.orders)


def test_silence_is_forgotten_and_speech_is_not(story):
    """A model that looks for speech has found none in it for three seconds."""
    story.connected()
    for second in range(1, 15):
        speak(story, second)
        story.feed(events.Look(0), at=float(second))
    again(story)
    assert [*range(7, 15)] == heard(story.orders)  # of 100 ms each, and of half a second before

    speak(story, 15)
    story.said(realtime.UserSpeechStarted("u1", 250))
    for second in range(16, 26):
        speak(story, second)
        story.feed(events.Look(0), at=story.now + 1)
    again(story)
    assert [*range(14, 26)] == heard(story.orders)[-12:]


@pytest.mark.parametrize(
    ("latency_ms", "unsent_bytes", "marks"),
    [
        (250.0, 0, [9, 10, 10]),
        (251.0, 0, [7, 8, 8, 9, 9, 10, 10]),
        (10.0, 900, [7, 8, 8, 9, 9, 10, 10]),
    ],
)
def test_the_silence_of_a_model_that_is_near_is_forgotten_sooner(
    story, latency_ms, unsent_bytes, marks
):
    """It has said by then what it heard, unless something waits for its socket."""
    story.connected().feed(events.UpstreamRoundTrip(latency_ms))
    for second in range(1, 11):
        speak(story, *[second] * 10)
        story.feed(events.UpstreamBacklog(unsent_bytes))
        story.feed(events.Look(unsent_bytes), at=float(second))
    again(story)

    assert [mark for mark in marks for _ in range(5)] == heard(story.orders)


@pytest.mark.parametrize(
    "look",
    [events.Look(0, is_held=True), events.Look(0, unanswered_s=1.1)],
    ids=["it is not read", "it does not answer"],
)
def test_what_a_model_has_not_spoken_of_is_no_silence_while_it_is_not_heard(story, look):
    """It may have heard every word: all of it is said again to the next."""
    story.connected().feed(events.UpstreamRoundTrip(10.0))
    speak(story, 1)
    for second in range(2, 11):
        story.feed(look, at=float(second))
        speak(story, *[second] * 4)
    again(story)
    assert [1, *[mark for mark in range(2, 11) for _ in range(4)]] == heard(story.orders)
    assert [] == story.errors

    story.feed(events.UpstreamRoundTrip(10.0))
    for second in range(11, 15):
        speak(story, second)
        story.feed(events.Look(0), at=float(second))
    again(story)
    assert {10, 11, 12, 13, 14} >= set(heard(story.orders))


def test_what_a_model_has_said_while_we_had_no_time_may_be_of_speech(story):
    """A computer that is busy for seconds looks at the clock first, and hears the model then."""
    story.connected().feed(events.UpstreamRoundTrip(10.0))
    story.feed(events.Look(0), at=1.0)
    speak(story, *[1] * 10)
    story.feed(events.Look(0), at=2.0)
    story.feed(events.Look(0), at=3.2)
    again(story)

    assert [1] * 10 == heard(story.orders)


@pytest.mark.parametrize("proof", ["none", "pong", "speech"])
def test_what_was_forgotten_of_a_model_that_does_not_answer_is_told(story, proof):
    """It was taken for silence; but for what is known to have been heard."""
    story.connected().feed(events.UpstreamRoundTrip(10.0))
    for second in range(1, 8):
        speak(story, *[second] * 10)
        story.feed(events.Look(0), at=float(second))
    if proof == "pong":
        story.feed(events.UpstreamRoundTrip(10.0))
    elif proof == "speech":
        story.said(realtime.UserSpeechStarted("u", 6000))
    story.feed(events.Look(0, unanswered_s=1.1), at=8.0)
    story.lost()

    told = [data for name, data in story.messages if name == "error"]
    if proof == "none":
        assert ["upstream_unavailable"] == [data["code"] for data in told]
        assert told[0]["sentence"].startswith("5500 ms of audio were lost")
    else:
        assert [] == told


def test_the_beginning_of_a_word_waits_for_its_rest(stage):
    """Of a client that was lost in the middle of it, for as long as it takes."""
    story = stage(resume_window_s=20.0).connected()
    speak(story, 1)
    story.feed(events.ClientGone(None, is_lost=True))
    for second in range(1, 15):
        story.feed(events.Look(0), at=float(second))
    story.feed(events.ClientBack("token", UNIX_MS / 1000 + 900, last_seq=0))
    speak(story, *range(2, 12))
    story.feed(events.Look(0), at=15.0)
    again(story)
    assert [*range(1, 12)] == heard(story.orders)


def test_an_answer_that_broke_off_goes_on(story):
    """The next model knows what was heard of it, is asked for the rest, and told not to repeat."""
    story.connected()
    story.client(asked.Text("Tell me.", ref="t"))
    answers(story, "a1", "Once upon a time there was a king.", 1000, is_done=False)
    again(story)
    done = next(data for name, data in story.at_loss if name == "response_done")

    assert {"status": "failed", "continues": True, "ref": "t"}.items() <= done.items()
    assert [("user", "Tell me."), ("assistant", "Once upon a"), "CreateResponse"] == told(story)
    assert gone_on_with("") == story.orders[-1].response
    story.said(realtime.ResponseCreated(response("r2")))
    assert "t" == story.messages[0][1]["ref"]


@pytest.mark.parametrize(
    ("policy", "asks", "continues"),
    [("continue", [True], True), ("ask_again", [False], True), ("tell", [], None)],
)
def test_what_becomes_of_a_broken_answer_is_a_setting(stage, policy, asks, continues):
    """Asked for the rest, asked again, or not at all."""
    story = stage(lost_answer=policy).connected()
    story.client(asked.Text("Tell me."))
    answers(story, "a1", "Once upon a time there was a king.", is_done=False)
    again(story)

    requests = [order for order in story.orders if isinstance(order, CreateResponse)]
    assert asks == [order.response is not None for order in requests]
    done = next(data for name, data in story.at_loss if name == "response_done")
    assert continues == done.get("continues")


def test_an_answer_that_was_interrupted_is_as_it_was_heard(story):
    """What was truncated stays truncated, and is not gone on with."""
    story.connected()
    story.client(asked.Text("Tell me."))
    answers(story, "a1", "Once upon a time there was a king.", 2000, is_done=False)
    story.client(asked.Interrupt("a1", 1000))
    again(story)

    assert [("user", "Tell me."), ("assistant", "Once upon a")] == told(story)


def test_an_answer_that_is_interrupted_when_its_model_is_gone(story):
    """It played on; the next model was not told of it yet, or is told anew."""
    story.connected()
    story.client(asked.Text("Tell me."))
    answers(story, "a1", "Once upon a time there was a king.", 2000)
    story.lost()
    story.client(asked.Interrupt("a1", 1000))
    story.tick(at=story.session.timers.earliest).model_ready()
    assert [("user", "Tell me."), ("assistant", "Once upon a time")] == told(story)

    answers(story, "a2", "There was a queen, too, and she was young.", 2000, response_id="r2")
    again(story)
    story.client(asked.Interrupt("a2", 500))
    assert [
        DeleteItem("a2", "parley_ledger_a2"),
        ("a1", "There was"),
    ] == [
        (o.previous_item_id, o.item["content"][0]["text"]) if isinstance(o, CreateItem) else o
        for o in story.orders
    ]


@pytest.mark.parametrize("is_told", [True, False])
def test_an_answer_that_the_next_model_has_no_audio_of_is_not_cut_there(stage, is_told):
    """Nor is one that it is told nothing of, as there are no words, or no ledger."""
    story = stage(ledger_entries=100 if is_told else 0).connected().client(asked.Text("Tell me."))
    story.said(realtime.ResponseCreated(response())).said(delta(2000))
    story.lost().client(asked.Interrupt(None, 300))
    assert 300 == story.messages[0][1]["heard_ms"]
    story.tick(at=story.session.timers.earliest).model_ready()

    assert "conversation.item.truncate" not in story.asked


def test_an_answer_of_which_nothing_was_heard_is_none(story):
    """For the next model, whenever that shows, as for the one after."""
    story.connected().client(asked.Text("Tell me."))
    answers(story, "a1", "Once upon a time there was a king.", 2000, is_done=False)
    story.lost().client(asked.Interrupt("a1", 0))
    story.tick(at=story.session.timers.earliest).model_ready()

    assert [("user", "Tell me.")] == told(story)
    assert ["parley_text_1"] == [e.id for e in story.session.ledger.entries]


def test_an_answer_that_was_asked_for_is_asked_for_again(story):
    """Nobody has to say anything twice."""
    story.connected().client(asked.Text("Tell me.", ref="t"))
    again(story)

    assert [("user", "Tell me."), "CreateResponse"] == told(story)
    assert story.orders[-1].response is None
    assert [] == [name for name, _ in story.at_loss if name == "error"]
    story.said(realtime.ResponseCreated(response("r2")))
    assert "t" == story.messages[0][1]["ref"]


@pytest.mark.parametrize("creates", [True, False])
def test_a_turn_that_the_model_would_have_answered_by_itself(stage, creates):
    """The next one does not know that it should: it is asked, if answers come by themselves."""
    story = stage(model_session=model_session(create_response=creates)).connected()
    hears_turn(story, "u1", "Hello?")
    again(story)

    assert [("user", "Hello?"), *(["CreateResponse"] if creates else [])] == told(story)


def test_a_whole_answer_is_not_asked_for_again(story):
    """Only the word that it is over was lost."""
    story.connected().client(asked.Text("Tell me."))
    answers(story, "a1", "No.", is_done=False)
    story.said(realtime.OutputItemDone("r1", OutputItem("message", "completed", id="a1")))
    again(story)

    assert [("user", "Tell me."), ("assistant", "No.")] == told(story)
    done = next(data for name, data in story.at_loss if name == "response_done")
    assert "completed" == done["status"]


def test_a_tool_that_runs_goes_on(stage):
    """The next model reads of the call and its result, and is asked to go on."""
    story = stage(tools=ToolRules((WEATHER,))).connected()
    story.client(asked.Text("How is it?"))
    story.said(realtime.ResponseCreated(response("r1")))
    call = OutputItem("function_call", "completed", "c1", "get_weather", "{}", "f1")
    story.said(realtime.OutputItemDone("r1", call))
    story.lost()
    assert not story.did(CancelTool)
    done = next(data for name, data in story.messages if name == "response_done")
    assert done["continues"]

    story.tick(at=story.session.timers.earliest).model_ready()
    assert [("user", "How is it?"), ("call", "c1")] == told(story)
    story.feed(events.ToolDone("c1", "Rain."))
    assert [("output", "Rain."), "CreateResponse"] == told(story)


def test_a_result_that_comes_while_there_is_no_model(stage):
    """It is behind its call, once."""
    story = stage(tools=ToolRules((WEATHER,))).connected()
    story.client(asked.Text("How is it?"))
    story.said(realtime.ResponseCreated(response("r1")))
    call = OutputItem("function_call", "completed", "c1", "get_weather", "{}", "f1")
    story.said(realtime.OutputItemDone("r1", call))
    story.lost().feed(events.ToolDone("c1", "Rain."))
    story.tick(at=story.session.timers.earliest).model_ready()
    expected = [("user", "How is it?"), ("call", "c1"), ("output", "Rain."), "CreateResponse"]
    assert expected == told(story)

    assert expected == told(again(story))


def test_what_a_model_refuses_of_it_is_not_there(story):
    """The call goes on, and the one after is not told of it."""
    story.connected().client(asked.Text("Hello."))
    answers(story, "a1", "Hi.")
    again(story)
    refused = realtime.ErrorFacts("invalid_request_error", "bad", event_id="parley_ledger_a1")
    assert [] == story.said(realtime.UpstreamError(refused)).errors

    assert [("user", "Hello.")] == told(again(story))


def test_a_turn_that_the_model_refused_is_not_told_to_the_next(story):
    """It is none."""
    story.connected().client(asked.Text("Hello."))
    refused = realtime.ErrorFacts("invalid_request_error", "bad", event_id="parley_text_1")
    story.said(realtime.UpstreamError(refused))

    assert [] == told(again(story))


def test_names_that_the_api_would_not_take_are_changed(story):
    """A server may have longer ones than a client may give."""
    long = "item_" + "x" * 40
    story.connected()
    hears_turn(story, long, "Hello.")
    again(story)

    assert len(story.orders[0].item["id"]) <= 32


def test_the_speech_of_a_call_is_counted(stage):
    """In what the call keeps, once a second, and gives way to what others keep."""
    story = stage(call_bytes=100_000, hold_ms=10_000.0, turn_detection="none").connected()
    speak(story, 1, 2, 3)
    assert 0 == story.budget.held_bytes
    story.feed(events.Look(0), at=1.0)
    assert 19_200 < story.budget.held_bytes < 21_000

    speak(story, *range(4, 14))
    story.feed(events.Look(0), at=2.0)
    assert 0 < story.budget.held_bytes <= 25_000
    story.lost()
    assert any("audio were lost" in data["sentence"] for n, data in story.messages if n == "error")


def test_a_call_that_keeps_no_ledger_says_so(stage):
    """As it was before there was one."""
    story = stage(**FORGETFUL).connected().client(asked.Text("Hello."))
    again(story)

    assert [] == told(story)
    status = story.messages[-1][1]
    assert (True, "lost") == (status["context_lost"], status["context"])


def test_all_clients_are_told_before_anything_is_carried_over(story):
    """A model is lost for many calls at a time, and each would wait for those before it."""
    story.connected().client(asked.Text("Tell me."))
    answers(story, "a1", "Once upon a time", is_done=False)
    story.feed(events.UpstreamLost(Failure("open", "reset")), at=2.0)
    assert ["connection_status"] == story.told
    assert not story.did(Log)

    story.tick(at=story.session.timers.earliest)
    assert ["transcript", "response_done"] == story.told
    assert 2.0 < story.now <= 2.1
    assert story.did(Log)


@pytest.mark.parametrize(
    "first",
    [
        events.ClientSaid(asked.Text("And then?", ref="t")),
        events.UpstreamOpened(1.0),
        events.Look(0),
    ],
)
def test_what_happens_before_that_is_of_a_call_that_was_carried_over(story, first):
    story.connected().client(asked.Text("Tell me."))
    answers(story, "a1", "Once upon a time", is_done=False)
    story.feed(events.UpstreamLost(Failure("open", "reset")))
    story.feed(first)

    assert ["transcript", "response_done"] == story.told[:2]
    assert "mend" not in story.session.timers


def test_speech_that_comes_before_that_is_heard_by_the_next_model(story):
    """Once, and behind what the lost one had."""
    story.connected()
    speak(story, 1, 2)
    story.feed(events.UpstreamLost(Failure("open", "reset")))
    speak(story, 3)
    story.tick(at=story.session.timers.earliest).tick(
        at=story.session.timers.earliest
    ).model_ready()
    speak(story, 4)
    assert [4] == heard(story.orders)

    assert [1, 2, 3, 4] == heard([c.order for c in story.all if isinstance(c, SendUpstream)][-4:])


def test_a_turn_that_is_written_takes_no_room_of_one_that_is_not(stage):
    """Of which the audio is all that there is."""
    story = stage(speech_kept_ms=450.0).connected()
    for item_id, text in (("u1", None), ("u2", "Hello."), ("u3", None)):
        speak(story, 1, 2)
        hears_turn(story, item_id, text)
    answers(story, "a1", "Yes.")
    again(story)

    assert [
        ("user", "input_audio"),
        ("user", "Hello."),
        ("user", "input_audio"),
        ("assistant", "Yes."),
    ] == told(story)


def test_a_turn_whose_commit_was_too_much_to_keep_is_none(stage):
    """The next model is told of no turn of which it can be given nothing."""
    story = stage(turn_detection="none", speech_kept_ms=150.0).connected()
    speak(story, 1)
    commit(story)
    speak(story, 2, 3)
    again(story)

    assert ["Append", "CreateResponse"] == told(story)
    assert [3] == heard(story.orders)


def test_a_call_stands_where_the_model_has_put_it(story):
    """Though it is complete only when more has been said."""
    story.connected()
    hears_turn(story, "u1", "How is the weather?")
    story.said(realtime.ResponseCreated(response("r1")))
    story.said(realtime.ItemAdded(Item("c1", "function_call", None), "u1"))
    hears_turn(story, "u2", "And tomorrow?", after="c1")
    call = OutputItem("function_call", "completed", "call_1", "weather", "{}", "c1")
    story.said(realtime.OutputItemDone("r1", call))

    assert ["u1", "c1", "u2"] == [e.id for e in story.session.ledger.entries if e.id[0] in "uc"]


def test_a_spoken_turn_stands_where_the_model_has_put_it(story):
    """Also one of which no more is said than that there is one; its words come later."""
    story.connected()
    story.said(realtime.ItemAdded(Item("u1", "message", "user")))
    answers(story, "a1", "Hi.")
    story.said(realtime.UserTranscriptDone("u1", "Hello."))
    again(story)

    assert [("user", "Hello."), ("assistant", "Hi.")] == told(story)


def test_what_was_spoken_to_a_lost_model_takes_no_memory_where_nothing_is_told(stage):
    """It is for nobody any more."""
    story = stage(**FORGETFUL).connected()
    speak(story, 1, 2, 3)
    again(story).feed(events.Look(0))

    assert 0 == story.session._model.rebuilding.speech.kept_bytes
