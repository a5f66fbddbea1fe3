"""Tests of tornado_app/session/configuring.py: changes while a call runs."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.story import FORGETFUL, Story, converted, delta, response
from tests.session.unreliable_model import QUIET
from tornado_app.policy.grants import Grant, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import change_body, session_body
from tornado_app.protocol.realtime.orders import CreateItem, UpdateSession
from tornado_app.session import commands, events
from tornado_app.session.config import ToolRules
from tornado_app.session.configuring import AWAITED
from tornado_app.session.kept import ORDERS_HELD

UPDATED = realtime.SessionUpdated()


def refusal(event_id: str | None, code: str, param: str = "") -> realtime.UpstreamError:
    facts = realtime.ErrorFacts("invalid_request_error", code, None, param, event_id)
    return realtime.UpstreamError(facts)


def configure(ref: str | None = None, **changes: Any) -> asked.Configure:
    return asked.Configure(changes, ref=ref)


def only(story: Story) -> dict[str, Any]:
    [(_, data)] = story.messages
    return data


def test_a_change_is_in_force_when_the_model_has_taken_it():
    """Only what was asked for is sent, under a name; all that is in force is told."""
    story = Story(turn_detection="none").connected().client(configure("a", speed=1.25, voice="ash"))

    [order] = story.orders
    assert {"type": "realtime", "audio": {"output": {"speed": 1.25, "voice": "ash"}}} == (
        order.session
    )
    assert "parley_configure_1" == order.event_id
    assert [] == story.told

    told = only(story.said(UPDATED))
    assert ["configured"] == story.told
    assert ("a", "ash", 1.25, "none", {}) == (
        told["ref"],
        told["voice"],
        told["speed"],
        told["turn_detection"],
        told["turn_detection_fields"],
    )
    assert "instructions" not in told
    assert [] == story.said(UPDATED).told  # that nobody waits for


BEEP = {"name": "beep"}
ONE = {"type": "function", "name": "beep"}


def test_one_function_can_be_chosen_when_the_model_has_been_told_of_it():
    """Also of a change that is on its way; a name that is there no more takes the choice along."""
    story = Story(tools=ToolRules((Function("get_weather", "", {}),))).connected()
    assert (
        "one of auto, none, required." in only(story.client(configure(tool_choice=ONE)))["sentence"]
    )
    story.client(configure("a", tools=[BEEP]))
    [order] = story.client(configure("b", tool_choice=ONE)).orders
    assert {"type": "realtime", "tool_choice": ONE} == order.session
    assert ["a", "b"] == [only(story.said(UPDATED))["ref"] for _ in range(2)]

    error = only(story.client(configure("c", tools=[{"name": "boop"}])))
    said = "tool_choice must be one of auto, none, required, or a function of boop."
    assert (said, "tool_choice", "c") == (error["sentence"], error["field"], error["ref"])
    assert [] == story.orders
    [order] = story.client(configure(tools=[{"name": "boop"}], tool_choice="auto")).orders
    assert "auto" == order.session["tool_choice"]


@pytest.mark.parametrize(
    ("event_id", "code", "param", "expected", "field"),
    [
        (
            "parley_configure_1",
            "invalid_value",
            "session.audio.output.speed",
            "The model refused this configuration (speed: invalid_value); all stays as it was.",
            "speed",
        ),
        (
            "parley_configure_1",
            "odd",
            "session.tools[0].sk-1",
            "The model refused this configuration (a part of it: odd); all stays as it was.",
            None,
        ),
        (
            None,
            "",
            "session.audio.output.voice.x",
            "The model refused this configuration (voice: no reason given); all stays as it was.",
            "voice",
        ),
        (
            None,
            "cannot_update_voice",
            "",
            "voice cannot change any more, as the model has spoken; it is marin.",
            "voice",
        ),
    ],
)
def test_what_the_model_refuses_leaves_all_as_it_was(event_id, code, param, expected, field):
    """One error with the client's own name, in our words; the next change builds on the old."""
    story = Story().connected().client(configure("a", speed=1.25, voice="ash"))
    error = only(story.said(refusal(event_id, code, param)))

    assert ("a", expected, field) == (error["ref"], error["sentence"], error.get("field"))
    assert ["error"] == story.told
    story.client(configure("b", output="text")).said(UPDATED)
    assert ("marin", 1.0, "text") == tuple(
        only(story)[name] for name in ("voice", "speed", "answers_in")
    )


def test_changes_are_answered_in_their_order_each_for_itself():
    """Three under way, the second is refused; what follows it was asked for by itself."""
    story = Story().connected()
    for name, changes in (("a", {"speed": 0.5}), ("b", {"voice": "x"}), ("c", {"output": "text"})):
        story.client(configure(name, **changes))

    first = only(story.said(UPDATED))
    assert ("a", 0.5, "audio") == (first["ref"], first["speed"], first["answers_in"])
    assert "b" == only(story.said(refusal("parley_configure_2", "odd")))["ref"]
    last = only(story.said(UPDATED))
    assert ("c", 0.5, "marin", "text") == (
        last["ref"],
        last["speed"],
        last["voice"],
        last["answers_in"],
    )


def test_the_parts_of_turn_detection_that_are_left_out_stay():
    """Also those that a change before it has asked for."""
    story = Story().connected()
    story.client(configure(turn_detection={"type": "server_vad", "threshold": 0.2}))
    story.client(configure(turn_detection={"type": "server_vad", "silence_duration_ms": 900}))

    found = story.orders[0].session["audio"]["input"]["turn_detection"]
    assert (0.2, 900) == (found["threshold"], found["silence_duration_ms"])
    story.said(UPDATED).said(UPDATED)
    assert found == {"idle_timeout_ms": None} | only(story)["turn_detection_fields"]


def test_defaults_are_said_once_they_are_asked_for():
    """What is left out of an update would stay as it was."""
    story = Story().connected().client(configure(instructions="", speed=1.0))

    assert ("", {"speed": 1.0}) == (
        story.orders[0].session["instructions"],
        story.orders[0].session["audio"]["output"],
    )


@pytest.mark.parametrize(
    ("grant", "changes", "code", "sentence"),
    [
        ({}, {"speed": 1.1}, "permission_denied", "speed may not be set by the client while the"),
        ({"speed": Grant(low=1, high=1.2)}, {"speed": 1.5}, "invalid_message", "speed must be a"),
        ({"speed": Grant()}, {"speed": "fast"}, "invalid_message", "speed must be a number from 0"),
        ({"speed": Grant()}, {"speed": None}, "invalid_message", "speed must be a number from 0"),
        (
            {"speed": Grant()},
            {"speed": 1.1, "voice": "ash"},
            "permission_denied",
            "voice may not be set by the client while the call runs; what may be set is speed.",
        ),
    ],
)
def test_what_the_policy_does_not_allow_is_refused_whole(grant, changes, code, sentence):
    """By name, before the model hears of it."""
    table = {(name, "configure"): each for name, each in grant.items()}
    story = Story(call_rules=CallRules(Policy(table, {}), frozenset())).connected()
    error = only(story.client(configure("a", **changes)))

    assert (code, "a") == (error["code"], error["ref"])
    assert error["sentence"].startswith(sentence)
    assert [] == story.orders


def test_refused_changes_count_as_wrong_messages():
    """As any other that is wrong."""
    story = Story(errors_per_minute=2).connected()
    while not story.session.ended:
        story.client(configure(speed="fast"))
    story.check()


def test_a_voice_that_is_not_confirmed_is_asked_for_again():
    """The change before may be refused, and this one is applied whole all the same."""
    story = Story().connected().client(configure("a", voice="ash"))
    [order] = story.client(configure("b", voice="ash", speed=1.25)).orders
    assert {"voice": "ash", "speed": 1.25} == order.session["audio"]["output"]
    story.said(refusal("parley_configure_1", "odd"))
    told = only(story.said(UPDATED))
    assert ("b", "ash", 1.25) == (told["ref"], told["voice"], told["speed"])


def test_the_voice_is_fixed_once_the_model_has_spoken():
    """It is refused by name; the same voice is none to be changed; another model may have it."""
    story = Story().connected()
    story.said(realtime.ResponseCreated(response())).said(delta(20))

    error = only(story.client(configure("a", voice="ash", speed=1.1)))
    assert ("invalid_message", "voice", "a") == (error["code"], error["field"], error["ref"])
    assert [] == story.orders
    story.client(configure(voice="marin", speed=1.1))
    assert {"speed": 1.1} == story.orders[0].session["audio"]["output"]
    story.lost().tick(at=story.session.timers.earliest).model_ready()
    story.client(configure(voice="ash"))
    assert {"voice": "ash"} == story.orders[0].session["audio"]["output"]


def test_a_change_before_the_model_is_there_is_kept_in_its_place():
    """In front of what was said behind it."""
    story = Story().opened().client(configure("a", output="text")).client(asked.Text("Hi"))
    assert [] == story.told
    story.model_ready()

    assert ["session.update", "conversation.item.create", "response.create"] == story.asked[-3:]
    assert "text" == only(story.said(UPDATED))["answers_in"]


def test_a_change_waits_for_the_audio_and_commits_before_it():
    """A commit that is on its way through the pool is not overtaken."""
    story = Story().connected()
    story.feed(events.ClientAudio(bytes(9600))).client(asked.CommitAudio())
    assert [] == story.client(configure(turn_detection="none")).orders
    story.feed(events.UplinkReady(converted(200, 9600)))
    story.feed(events.UplinkReady(converted(0, 0, b"")))

    assert ["input_audio_buffer.commit", "session.update"] == story.asked
    story.said(realtime.Committed("item_1"))
    assert ["response.create"] == story.asked


def test_turns_are_the_clients_once_that_is_in_force():
    """A commit is answered at once, and too short a turn is refused."""
    story = Story().connected().client(configure(turn_detection="none")).said(UPDATED)
    story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, 0, b"")))
    assert ["audio_buffer_empty"] == story.errors
    story.speak(200).client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, 0, b"")))

    assert ["input_audio_buffer.commit", "response.create"] == story.asked


def test_speech_ends_an_answer_if_that_is_in_force():
    """interrupt_response may be switched off while the call runs."""
    story = Story().connected()
    story.client(configure(turn_detection={"type": "server_vad", "interrupt_response": False}))
    story.said(UPDATED).said(realtime.ResponseCreated(response())).said(delta(500))
    story.said(realtime.UserSpeechStarted("item_u", 0))

    assert ["speech_started"] == story.told


def test_what_is_in_force_is_what_the_next_model_begins_with():
    """After a reconnection; what was not confirmed is not, and each is told of."""
    story = Story().connected().client(configure(speed=1.25)).said(UPDATED)
    story.client(configure("a", voice="ash")).client(configure("b", output="text"))
    story.lost()
    assert [("upstream_unavailable", "a"), ("upstream_unavailable", "b")] == [
        (data["code"], data["ref"]) for name, data in story.messages if name == "error"
    ]
    story.tick(at=story.session.timers.earliest).feed(events.UpstreamOpened(1.0))

    assert session_body(story.session._model.in_force) == story.orders[0].session
    body = story.orders[0].session
    assert (1.25, "marin") == tuple(body["audio"]["output"][name] for name in ("speed", "voice"))
    assert ["audio"] == body["output_modalities"]


def test_a_model_that_does_not_answer_is_given_up():
    """Nobody knows what it has in force; the next begins with what the client was told."""
    story = Story().connected().client(configure("a", speed=1.25))
    story.tick(at=14.9)
    assert [] == story.told
    story.tick(at=15.1)

    assert "upstream_timeout" == story.messages[0][1]["code"]
    assert "a" == story.messages[0][1]["ref"]
    assert ["error", "connection_status"] == story.told
    assert story.did(commands.CloseUpstream)
    assert 1.0 == story.session._model.in_force.speed


def test_a_model_that_is_not_there_is_not_late():
    """The time begins when it can hear."""
    story = Story(ready_timeout_s=60.0, read_timeout_s=1e3).opened().client(configure(speed=1.25))
    story.tick(at=20.0)
    assert [] == story.told
    story.model_ready().tick(at=34.0)
    assert [] == story.told
    assert ["configured"] == story.said(UPDATED, at=34.5).told


def test_so_many_changes_may_be_unconfirmed():
    """One more is refused, and the first go on."""
    story = Story().connected()
    for _ in range(AWAITED):
        assert [] == story.client(configure(speed=1.25)).told
    assert ["rate_limited"] == story.client(configure(speed=1.25)).errors
    assert ["configured"] == story.said(UPDATED).told


def test_changes_find_room_or_are_refused():
    """In orders that wait for a model, and in the call's bytes."""
    story = Story(**QUIET).opened()
    for _ in range(ORDERS_HELD):
        story.client(asked.Text("Hi"))
    assert ["server_busy"] == story.client(configure(speed=1.25)).errors

    story = Story(call_bytes=20_000).connected()
    assert ["server_busy"] == story.client(configure(instructions="x" * 30_000)).errors
    story.feed(events.ClientGone(1000)).check()


@pytest.mark.parametrize("event", [events.ClientGone(1000), events.UpstreamSaid(UPDATED)])
def test_what_a_change_has_taken_is_given_back(event):
    """Whether it is confirmed or the call ends."""
    story = Story().connected()
    before = story.budget.held_bytes
    story.client(configure(instructions="x" * 30_000))
    assert story.budget.held_bytes > before + 30_000
    assert before == story.feed(event).budget.held_bytes
    story.check()


def test_a_change_that_waits_when_the_call_ends_is_answered():
    """Behind audio that is still on its way."""
    story = Story().connected().feed(events.ClientAudio(bytes(9600)))
    story.client(configure("a", speed=1.25)).feed(events.ClientGone(1000))

    assert "a" in [data.get("ref") for _, data in story.messages]
    story.check()


PAST = [{"role": "user", "text": "Hi."}, {"role": "assistant", "text": "Hello."}]


def test_history_is_said_to_a_model_that_has_begun_in_front_of_what_follows():
    """As items, and in force when all of them are there; the next model begins with it."""
    story = Story().connected().client(configure("a", history=PAST)).client(asked.Text("Well?"))
    items = [order for order in story.all if isinstance(order, commands.SendUpstream)]
    orders = [each.order for each in items][1:]
    assert ["user", "assistant"] == [order.item["role"] for order in orders[:2]]
    assert ["parley_h_1_0", "parley_h_1_1"] == [order.item["id"] for order in orders[:2]]
    assert {"type": "realtime"} == orders[2].session
    assert "a" == only(story.said(UPDATED))["ref"]

    assert ["invalid_message"] == story.client(configure(history=PAST)).errors
    story.lost().tick(at=story.session.timers.earliest).model_ready()
    again = [order.item for order in story.orders if isinstance(order, CreateItem)]
    assert ["Hi.", "Hello.", "Well?"] == [item["content"][0]["text"] for item in again]


def test_history_of_which_the_model_refuses_a_part_is_taken_away():
    """One error with the client's own name; it may be said again."""
    story = Story().connected().client(configure("a", history=PAST))
    assert [] == story.said(refusal("parley_configure_1_1", "odd", "item.content")).told
    error = only(story.said(UPDATED))

    assert ("a", "history") == (error["ref"], error["field"])
    assert [
        ("parley_h_1_0", "parley_configure_1_0"),
        ("parley_h_1_1", "parley_configure_1_1"),
    ] == [(order.item_id, order.event_id) for order in story.orders]
    assert [] == story.said(refusal("parley_configure_1_1", "item_not_found")).told
    assert ["configured"] == story.client(configure(history=PAST)).said(UPDATED).told


@pytest.mark.parametrize("is_lost", [False, True])
def test_history_before_the_model_is_there_is_what_it_begins_with(is_lost):
    """In front of what is kept; if that model is lost, it is what the next begins with."""
    story = Story().opened().client(configure("a", history=PAST)).client(asked.Text("Well?"))
    story.model_ready()

    said = [o.item["content"][0]["text"] for o in story.orders if hasattr(o, "item")]
    assert ["Hi.", "Hello.", "Well?"] == said
    story.lost() if is_lost else story.said(UPDATED)
    assert ["a"] == [data["ref"] for name, data in story.messages if name == "configured"]
    assert 2 == len(story.session._model.in_force.history)


@pytest.mark.parametrize(
    "turn",
    [
        lambda story: story.client(asked.Text("Hi")),
        lambda story: story.said(realtime.UserSpeechStarted("item_u", 0)),
        lambda story: story.said(realtime.Committed("item_u")),
        lambda story: story.said(realtime.ResponseCreated(response())),
    ],
    ids=["typed", "speech", "committed", "answered"],
)
def test_history_comes_before_the_first_turn(turn):
    """And after a loss of the model, if the turn is forgotten, it may be said."""
    story = Story(**FORGETFUL).connected()
    turn(story)
    error = only(story.client(configure("a", history=PAST)))
    assert ("a", "history can be set once, and before the first turn.") == (
        error["ref"],
        error["sentence"],
    )
    story.lost().tick(at=story.session.timers.earliest).model_ready()
    assert ["configured"] == story.client(configure(history=PAST)).said(UPDATED).told


@pytest.mark.parametrize("is_typed", [True, False])
def test_a_turn_that_was_refused_is_none_that_history_comes_behind(is_typed):
    """There was no room for it, and nothing has been said yet."""
    story = Story(turn_detection="none").opened().speak(150)
    story.budget.take(story.config.call_bytes)
    if is_typed:
        story.client(asked.Text("Hi."))
    else:
        story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, 0, b"")))
    assert ["error"] == story.told
    story.budget.give(story.config.call_bytes)
    story.model_ready()

    assert [] == story.client(configure("h", history=[{"role": "user", "text": "Hi."}])).errors


def test_history_comes_alone():
    """What else is changed has a message of its own."""
    story = Story().connected().client(configure(history=PAST, speed=1.25))

    assert "history comes in a configure of its own." == only(story)["sentence"]


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "voice": st.sampled_from(["marin", "ash", "cedar"]),
        "instructions": st.sampled_from(["", "Sing.", "Hum."]),
        "output": st.sampled_from(["audio", "text"]),
        "speed": st.sampled_from([0.5, 1.0, 1.5]),
        "max_output_tokens": st.integers(1, 4096),
        "transcription_language": st.sampled_from(["en", "de"]),
        "turn_detection": st.sampled_from(
            [
                "none",
                "semantic_vad",
                {"type": "server_vad", "threshold": 0.1},
                {"type": "server_vad", "idle_timeout_ms": 9000},
                {"type": "server_vad", "idle_timeout_ms": None, "interrupt_response": False},
                {"type": "semantic_vad", "eagerness": "low"},
            ]
        ),
    },
).filter(bool)


def laid_over(body: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    """As a model does it that merges what it can: turn detection of the same type, too."""
    if update.get("type") != body.get("type"):
        return update
    merged = dict(body)
    for name, value in update.items():
        before = body.get(name)
        are_parts = isinstance(value, dict) and isinstance(before, dict)
        merged[name] = laid_over(before, value) if are_parts else value
    return merged


class Model:
    """It answers what is next, refuses what it likes, and is lost now and then."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.has: dict[str, Any] = {}
        self.waiting: list[UpdateSession] = []
        story.opened()
        self.begin()

    def begin(self) -> None:
        self.waiting.clear()
        self.story.feed(events.UpstreamOpened(1.0))
        self.hear()
        self.has = self.waiting.pop(0).session
        self.story.said(realtime.SessionCreated()).said(UPDATED)
        self.hear()

    def hear(self) -> None:
        orders = self.story.orders
        self.waiting += [order for order in orders if isinstance(order, UpdateSession)]

    def answer(self, *, refuses: bool) -> None:
        if not self.waiting:
            return
        order = self.waiting.pop(0)
        if refuses:
            self.story.said(refusal(order.event_id, "invalid_value"))
            assert ["error"] == self.story.told
        else:
            self.has = laid_over(self.has, order.session)
            self.story.said(UPDATED)
            assert ["configured"] == self.story.told

    def lose(self) -> None:
        self.story.lost()
        self.story.tick(at=self.story.session.timers.earliest)
        self.begin()


STEPS = st.lists(
    st.one_of(CHANGES, st.sampled_from(["take", "take", "refuse", "lose"])), max_size=40
)


@given(steps=STEPS)
@settings(max_examples=60)
def test_both_sides_agree_whatever_is_asked_refused_and_lost(steps):
    """Each change has one answer with its name; told last is what the model has."""
    story = Story(**QUIET)
    model = Model(story)
    refs = []
    for number, step in enumerate(steps):
        if isinstance(step, dict):
            refs.append(f"c{number}")
            story.client(configure(refs[-1], **step))
            model.hear()
        elif step == "lose":
            model.lose()
        else:
            model.answer(refuses=step == "refuse")
    while model.waiting:
        model.answer(refuses=False)

    said = [c.message for c in story.all if isinstance(c, commands.SendClient)]
    answers = [each.ref for each in said if getattr(each, "ref", None)]
    assert sorted(refs) == sorted(answers)
    in_force = story.session._model.in_force
    everything = ("instructions", "output", "max_output_tokens", "turn_detection", "voice", "speed")
    assert _said(change_body(in_force, everything)) == _said(laid_over(_defaults(), model.has))
    told = [msgspec.to_builtins(each) for each in said if type(each).__name__ == "Configured"]
    if told:
        assert (in_force.voice, in_force.speed, in_force.output) == (
            told[-1]["voice"],
            told[-1]["speed"],
            told[-1]["answers_in"],
        )
    story.feed(events.ClientGone(1000)).check()


def _defaults() -> dict[str, Any]:
    """What the model has of what it is not told."""
    return {"type": "realtime", "instructions": "", "audio": {"output": {"speed": 1.0}}}


def _said(body: dict[str, Any]) -> tuple[Any, ...]:
    audio = body["audio"]
    return (
        body["instructions"],
        body["output_modalities"],
        body["max_output_tokens"],
        {"idle_timeout_ms": None} | (audio["input"]["turn_detection"] or {}),
        audio["output"]["voice"],
        audio["output"]["speed"],
    )
