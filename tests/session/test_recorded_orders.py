"""What the model is asked in whole stories is in the order, and has the fields, of the real API."""

import json

import pytest
from pydantic import ValidationError

from tests.session.recorded_orders import DOCUMENTED, ORDER, RECORDED, check_order, name_of
from tests.session.story import Story, converted, delta, model_session, response
from tests.session.test_pictures import ALLOWED, shown
from tornado_app.policy.functions import check_tools
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.events import parse_realtime
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import Turn
from tornado_app.protocol.realtime.orders import CreateItem, CreateResponse, UpdateSession
from tornado_app.session import events
from tornado_app.session.commands import SendUpstream
from tornado_app.session.config import ToolRules

FLUSHED = events.UplinkReady(converted(0, 0, b""))
WEATHER = {
    "name": "get_weather",
    "description": "Look up the weather for a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
HOUSE = Function("look_up", "Look it up.", WEATHER["parameters"])
CALL = {
    "type": "function_call",
    "id": "item_f",
    "status": "completed",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"London"}',
}
IN_SHORT = {
    "session.update": "update",
    "input_audio_buffer.append": "audio",
    "input_audio_buffer.commit": "commit",
    "message of user": "user",
    "message of assistant": "assistant",
    "function_call_output": "result",
    "response.create": "ask",
    "conversation.item.truncate": "truncate",
}
SPEECH = "input_audio_buffer"
SAYS = {
    "updated": {"type": "session.updated", "session": {}},
    "begun": {"type": "response.created", "response": {"id": "$", "status": "in_progress"}},
    "done": {"type": "response.done", "response": {"id": "$", "status": "completed"}},
    "began": {"type": f"{SPEECH}.speech_started", "item_id": "u", "audio_start_ms": 0},
    "ended": {"type": f"{SPEECH}.speech_stopped", "item_id": "u", "audio_end_ms": 900},
    "committed": {"type": f"{SPEECH}.committed", "item_id": "u"},
    "words": {
        "type": "response.output_text.delta",
        "response_id": "$",
        "item_id": "a",
        "delta": "One moment.",
    },
    "call": {"type": "response.output_item.done", "response_id": "$", "item": CALL},
    "heard": {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "u",
        "transcript": "Hi.",
    },
}


class Exchange:
    """A story whose model speaks the API's own JSON, and what both sides said, in short."""

    def __init__(self, **changes):
        wanted = model_session(transcription_model="ears", **changes.pop("session", {}))
        self._story = Story(model_session=wanted, **changes)
        self._answers = 0
        self.lines = []
        self._do(self._story.opened().feed(events.UpstreamOpened(5.0)))
        self._hear({"type": "session.created", "session": {"id": "sess_1"}})
        self.says("updated")

    @property
    def order(self):
        return " ".join(self.lines)

    def says(self, *names):
        """What the model says next; each ``begun`` begins an answer of its own."""
        for name in names:
            self.lines.append(name)
            self._answers += name == "begun"
            if name == "said":
                self._do(self._story.said(delta(3000, "a", f"r{self._answers}")))
            else:
                self._hear(SAYS[name])
        return self

    def client(self, message):
        return self._do(self._story.client(message))

    def speaks(self):
        return self._do(self._story.speak(200))

    def commits(self):
        self.client(asked.CommitAudio())
        return self._do(self._story.feed(FLUSHED))

    def _hear(self, event):
        text = json.dumps(event).replace('"$"', f'"r{self._answers}"')
        self._do(self._story.said(parse_realtime(text)))

    def _do(self, story):
        self.lines += [IN_SHORT[name_of(check_order(order))] for order in story.orders]
        return self


def a_typed_turn():
    return Exchange().client(asked.Text("Hi.")).says("begun", "done")


def a_spoken_turn():
    return Exchange().speaks().says("began", "ended", "committed", "begun", "done")


def a_history():
    turns = (Turn("user", "I am Alice."), Turn("assistant", "Nice to meet you."))
    exchange = Exchange(session={"history": turns, "output": "text"})
    return exchange.client(asked.Text("Who am I?")).says("begun", "done")


def a_history_of_the_client():
    turns = [{"role": "user", "text": "I am Alice."}, {"role": "assistant", "text": "Hello."}]
    exchange = Exchange().client(asked.Configure({"history": turns}))
    return exchange.says("updated").client(asked.Text("Who am I?")).says("begun", "done")


def a_call_of_a_tool(*words):
    tools = check_tools("tools", [WEATHER])
    exchange = Exchange(session={"tools": tools}, tools=ToolRules(functions=(HOUSE,)))
    exchange.client(asked.Text("How is the weather?")).says("begun", *words, "call")
    exchange.client(asked.ToolResult("call_1", '{"sky": "foggy"}'))
    return exchange.says("done", "begun", "done")


def a_call_behind_words():
    return a_call_of_a_tool("words")


def a_picture():
    return Exchange(pictures=ALLOWED).client(shown(text="What is this?")).says("begun", "done")


def a_change(**changes):
    return Exchange().client(asked.Configure(changes)).says("updated")


def a_change_of_all():
    return a_change(
        voice="ash",
        instructions="Sing.",
        turn_detection={"type": "server_vad", "threshold": 0.4, "idle_timeout_ms": 6000},
        output="text",
        speed=1.25,
        tools=[WEATHER],
        tool_choice="required",
        max_output_tokens=7,
        transcription_language="de",
    )


def a_change_to_no_turn_detection():
    return a_change(turn_detection="none")


def a_transcription(**session):
    session = {"session": "transcription", "turn_detection": "none"} | session
    return Exchange(session=session).speaks().commits().says("committed", "heard")


def a_transcription_with_turns():
    exchange = Exchange(session={"session": "transcription"}).speaks()
    return exchange.says("began", "ended", "committed", "heard")


def a_transcription_that_changes():
    exchange = Exchange(session={"session": "transcription"})
    changes = {"turn_detection": "none", "transcription_language": "de"}
    exchange.client(asked.Configure(changes)).says("updated")
    return exchange.speaks().commits().says("committed", "heard")


def a_barge_in():
    exchange = Exchange().client(asked.Text("Tell me a story.")).says("begun", "said", "began")
    return exchange.says("done")


@pytest.mark.parametrize(
    ("tell", "expected"),
    [
        (a_typed_turn, ORDER["a typed turn"]),
        (a_picture, ORDER["a typed turn"]),
        (a_spoken_turn, ORDER["a spoken turn"]),
        (a_history, ORDER["history"]),
        # Behind an update that says nothing, which is how all of it is known to be taken.
        (
            a_history_of_the_client,
            "update updated user assistant update updated user ask begun done",
        ),
        (a_call_of_a_tool, ORDER["a call of a tool"]),
        (a_call_behind_words, ORDER["a call behind words"]),
        (a_change_of_all, ORDER["a change"]),
        (a_change_to_no_turn_detection, ORDER["a change"]),
        (a_transcription, ORDER["a transcription"]),
        (a_transcription_with_turns, ORDER["a transcription with turns"]),
        (
            a_transcription_that_changes,
            "update updated update updated audio commit committed heard",
        ),
        (a_barge_in, ORDER["a barge-in"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_both_sides_speak_in_the_order_that_was_recorded(tell, expected):
    """Each order is one of the API's types, and has fields that clients of it send."""
    assert expected == tell().order


@pytest.mark.parametrize("session", ["realtime", "transcription"])
@pytest.mark.parametrize("turn_detection", ["server_vad", "semantic_vad", "none"])
@pytest.mark.parametrize("transcription_model", ["ears", ""])
def test_every_opening_is_one_of_the_types(session, turn_detection, transcription_model):
    """Whatever is in force when a call begins."""
    for changes in (
        {},
        {"vad_idle_timeout_ms": 6000, "vad_eagerness": "low", "transcription_language": "de"},
        {"instructions": "Sing.", "output": "text", "speed": 0.5, "max_output_tokens": 0},
    ):
        wanted = model_session(
            session=session,
            turn_detection=turn_detection,
            transcription_model=transcription_model,
            **changes,
        )
        story = Story(model_session=wanted).connected()
        sent = [c.order for c in story.all if isinstance(c, SendUpstream)]
        assert [session] == [check_order(order)["session"]["type"] for order in sent]


def test_an_interrupted_answer_is_cancelled_and_cut_in_its_types():
    """By the client, in the middle of what is heard."""
    story = Story().connected().client(asked.Text("Hi."))
    story.said(realtime.ResponseCreated(response()))
    story.said(delta(3000)).client(asked.Interrupt(heard_ms=500))

    names = [name_of(check_order(order)) for order in story.orders]
    assert ["response.cancel", "conversation.item.truncate"] == names


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (UpdateSession({"instructions": "no type"}), ValidationError),
        (UpdateSession({"type": "realtime", "temperature": 1}), AssertionError),
        (UpdateSession({"type": "realtime", "output_modalities": ["smell"]}), ValidationError),
        (UpdateSession({"type": "transcription", "instructions": "Sing."}), AssertionError),
        (
            UpdateSession({"type": "realtime", "audio": {"input": {"turn_detection": "none"}}}),
            ValidationError,
        ),
        (CreateItem({"type": "message", "role": "user", "content": "Hi."}), ValidationError),
        (CreateItem({"type": "function_call_output", "call_id": "c"}), ValidationError),
        (CreateResponse(response={"conversation": "none"}), AssertionError),
    ],
)
def test_the_check_would_notice(order, error):
    """A field that is missing, of another type, of no type, and one that nobody sends."""
    with pytest.raises(error):
        check_order(order)


def test_the_tables_hold_no_name_twice():
    """What was recorded is not said again."""
    for name, fields in DOCUMENTED.items():
        assert not fields & RECORDED.get(name, set())
