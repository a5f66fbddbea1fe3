"""A client that conducts and a model that keeps to the API, whatever happens between them.

`PARLEY_RELAY_SEEDS` asks for more than the usual conversations.
"""

import os
from collections import Counter
from random import Random

import pytest

from tests.session.relaying.api_model import SILENCE, SPEECH, Line
from tests.session.relaying.test_lateness import lines
from tests.session.relaying.test_relaying import written
from tests.session.story import model_session
from tornado_app.protocol.close import BYE
from tornado_app.session import events
from tornado_app.session.commands import CallTool

SEEDS = int(os.environ.get("PARLEY_RELAY_SEEDS", "4")) * 10
STEPS = 60
UNBOUNDED = {"audio_rate": 1e6, "audio_burst_ms": 1e9, "response_timeout_s": 15.0}


class Conversation:
    """One, and what is asked in it."""

    def __init__(self, seed, *, is_kept=True, waits_s=(0.1, 2.0)):
        self.waits_s = waits_s
        self.random = random = Random(seed)
        detection = random.choice(["server_vad", "none"])
        self.line = Line(
            random,
            model_session=model_session(turn_detection=detection, instructions="Be brief."),
            ledger_entries=100 if is_kept else 0,
            lost_answer=random.choice(["continue", "ask_again", "tell"]),
            **UNBOUNDED,
        )
        self.line.detects = self.line.model.detects = detection != "none"
        self.asked = 0

    def step(self, change):
        random, line = self.random, self.line
        chance = random.random()
        if chance < 0.08:
            self.asks_for_answer()
        elif chance < 0.12:
            line.asks("conversation.item.create", item=written("Hi."))
        elif chance < 0.30:
            for _ in range(random.choice([1, 3])):
                line.asks("input_audio_buffer.append", audio=random.choice([SPEECH, SILENCE]))
        elif chance < 0.33:
            if not line.detects:
                line.asks("input_audio_buffer.commit")
        elif chance < 0.35:
            line.asks("response.cancel")
        elif chance < 0.37 and line.model.items:
            name = random.choice(line.model.items)
            kind = random.choice(["delete", "retrieve", "truncate"])
            cut = {"content_index": 0, "audio_end_ms": 50} if kind == "truncate" else {}
            line.asks(f"conversation.item.{kind}", item_id=name, **cut)
        elif chance < 0.38:
            session = {"type": "realtime", "instructions": random.choice(["Be kind.", ""])}
            line.asks("session.update", session=session)
        elif chance < 0.60:
            line.model.go_on()
        elif chance < 0.92:
            line.deliver(change)
        elif chance < 0.95:
            line.tool_done()
        elif chance < 0.97:
            line.wait(random.choice(self.waits_s))
        else:
            line.lose()
            if random.random() < 0.7:
                line.find()

    def asks_for_answer(self):
        self.asked += 1
        wanted = {"metadata": {"asked": str(self.asked)}}
        if self.random.random() < 0.2:
            wanted |= {"conversation": "none", "input": [written("Hi.")]}
        self.line.asks("response.create", event_id=f"e{self.asked}", response=wanted)

    def ends(self):
        """Whoever is asked answers, and all of it comes."""
        line = self.line
        line.find()
        if line.detects:
            line.asks("input_audio_buffer.append", audio=SILENCE)
        for _ in range(2):  # what is late then may lead to more
            while line.model.says or line.model.running or line.performing:
                line.tool_done()
                line.model.go_on()
                line.deliver()
            line.wait(60.0)


def as_it_is(event):
    return [event]


class Shown:
    """What a client was told: all that begins ends, once, and in its place."""

    def __init__(self, call):
        self.begun, self.over = [], []
        self.open = {}
        """Items by their names: the answer, their place in it, and their open parts."""
        self.done = []
        for event in call.all_shown:
            self._look(event, event.get("response_id"), event.get("item", {}).get("id"))

    def _look(self, event, answer, item):
        match event["type"]:
            case "response.created":
                assert event["response"]["id"] not in self.begun
                self.begun.append(event["response"]["id"])
            case "response.done":
                self._ends(event["response"])
            case "response.output_item.added":
                assert answer in self.begun
                assert answer not in self.over
                place = event["output_index"]
                assert place not in [at for of, at, _ in self.open.values() if of == answer]
                self.open[item] = answer, place, []
            case "response.output_item.done":
                of, place, parts = self.open.pop(item)
                assert (of, place, []) == (answer, event["output_index"], parts)
                self.done.append((item, answer))
            case kind if answer is not None:
                of, place, parts = self.open[event["item_id"]]
                assert (of, place) == (answer, event["output_index"])
                if kind == "response.content_part.added":
                    parts.append(event["content_index"])
                elif kind == "response.content_part.done":
                    parts.remove(event["content_index"])

    def _ends(self, response):
        name = response["id"]
        assert name in self.begun, "over before it began"
        assert name not in self.over
        assert name not in {of for of, _, _ in self.open.values()}, "an open item"
        told = [item for item, of in self.done if of == name]
        assert told == [item["id"] for item in response["output"]]
        self.over.append(name)


def named(call, kind):
    return Counter(each["item"]["id"] for each in call.all_shown if each["type"] == kind)


def spoken(call):
    """Where speech begins and ends, in the order in which the client was told."""
    kinds = [each["type"].removeprefix("input_audio_buffer.speech_") for each in call.all_shown]
    return [kind for kind in kinds if kind in {"started", "stopped"}]


def looks_quiet(conversation, *, is_bad=False):
    call = conversation.line.call
    conductor = call.session._conductor
    assert conductor.is_quiet
    assert not conductor.is_busy
    assert 0 == len(conductor._outstanding)
    assert is_bad or not conductor._hearing._items._begun
    counted = [line["response_id"] for line in lines(call, "response_done")]
    assert len(counted) == len(set(counted)), "counted twice"
    answered = {
        (event["response"]["metadata"] or {}).get("asked")
        for event in call.all_shown
        if event["type"] == "response.created"
    }
    refused = {e["error"]["event_id"] for e in call.all_shown if e["type"] == "error"}
    for number in range(1, conversation.asked + 1):
        assert is_bad or str(number) in answered or f"e{number}" in refused, "asked in vain"
    call.feed(events.Stop(BYE))
    call.check()


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_that_begins_ends_and_nothing_twice(seed, is_kept):
    """Whenever the model is lost."""
    conversation = Conversation(seed, is_kept=is_kept)
    for _ in range(STEPS):
        conversation.step(as_it_is)
    conversation.ends()

    call = conversation.line.call
    shown = Shown(call)
    assert sorted(shown.begun) == sorted(shown.over)
    assert not shown.open
    added = named(call, "conversation.item.added")
    assert set(added.values()) <= {1}
    assert added == named(call, "conversation.item.done")
    if is_kept:  # else what was being said is lost with its end
        assert not spoken(call)[::2].count("stopped")
        assert not spoken(call)[1::2].count("started")
    looks_quiet(conversation)


def place_of(event):
    """Which item it is about, and of which answer."""
    name = event.get("item_id") or event.get("item", {}).get("id")
    return name and (event["response_id"], name)


class BadLine:
    """Loses, doubles and delays what the model says."""

    def __init__(self, line):
        self._line = line
        self._link = 0
        self._late = []

    def __call__(self, event):
        if self._link != self._line.links:
            self._link, self._late = self._line.links, []
        chance = self._line.random.random()
        if chance < 0.06:
            return []
        if chance < 0.12:
            return [event, event]
        if chance < 0.16:
            self._late.append(event)
            return []
        late, self._late = self._late, []
        return [event, *late]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_each_answer_ends_once_and_nothing_is_waited_for(seed):
    """Whatever of the model's words is lost, comes twice or late, and however slow it is."""
    conversation = Conversation(seed, waits_s=(0.1, 2.0, 16.0, 25.0))
    change = BadLine(conversation.line)
    for _ in range(STEPS):
        conversation.step(change)
    conversation.ends()

    call = conversation.line.call
    shown = [event for event in call.all_shown if event["type"].startswith("response.")]
    begun = [e["response"]["id"] for e in shown if e["type"] == "response.created"]
    over = [e["response"]["id"] for e in shown if e["type"] == "response.done"]
    assert len(begun) == len(set(begun))
    assert sorted(begun) == sorted(over)
    for event in shown:
        output = [item["id"] for item in event.get("response", {}).get("output", ())]
        assert len(output) == len(set(output))
    places = {(place_of(event), event["output_index"]) for event in shown if place_of(event)}
    assert len(places) == len({place for place, _ in places})
    calls = [each.call_id for each in call.all if isinstance(each, CallTool)]
    assert len(calls) == len(set(calls))
    looks_quiet(conversation, is_bad=True)
