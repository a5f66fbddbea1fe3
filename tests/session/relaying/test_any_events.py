"""Whatever a client and a model say, in whatever order: nothing of ours breaks.

`PARLEY_RELAY_SEEDS` asks for more than the usual two thousand frames.
"""

import json
import os
from random import Random

import pytest

from tests.session.relaying.any_events import (
    FROM_CLIENT,
    FROM_MODEL,
    answer,
    event_of,
    frame,
    places,
)
from tests.session.relaying.call import TOOL, Call
from tornado_app.errors import InvalidMessage
from tornado_app.protocol.close import BYE
from tornado_app.session import events

CREATE = "response.create"
UNBOUNDED = {"errors_per_minute": 1e9, "messages_per_s": 1e9, "message_burst": 1e9}


def answering():
    return Call(tools=(TOOL,), **UNBOUNDED).begun().asks("response.create").begins("resp_1")


def told(call, text, *, is_clients):
    try:
        call.asks_text(text) if is_clients else call.says_text(text)
    except InvalidMessage as refused:
        call.feed(events.ClientRefused(refused))


@pytest.mark.parametrize("odd", [{}, 1], ids=["without a hash", "without letters"])
@pytest.mark.parametrize("kind", [*FROM_CLIENT, *FROM_MODEL])
def test_no_value_breaks_anything(kind, odd):
    """Wherever it stands in an event of either side."""
    event = event_of(Random(0), kind) | ({"response": answer(Random(0))} if kind == CREATE else {})
    whole = json.dumps(event).replace("\\ud83d", "x").replace("[]", '[{"type": "input_text"}]')
    call = answering()
    for number in range(len([*places(event)])):
        changed = json.loads(whole)
        inside, name = [*places(changed)][number]
        inside[name] = odd
        told(call, json.dumps(changed), is_clients=kind in FROM_CLIENT)
        if call.session.ended:
            call = answering()
    call.loses_model().finds_model()


@pytest.mark.parametrize("seed", range(int(os.environ.get("PARLEY_RELAY_SEEDS", "4"))))
def test_nothing_breaks(seed):
    random = Random(seed)
    call = Call(tools=(TOOL,), **UNBOUNDED).begun()

    for _ in range(500):
        chance = random.random()
        if chance < 0.45:
            told(call, frame(random, FROM_CLIENT), is_clients=True)
        elif chance < 0.92:
            told(call, frame(random, FROM_MODEL), is_clients=False)
        elif chance < 0.95:
            call.gets(random.choice(["call_1", "call_2", "call_3"]))
        elif chance < 0.97:
            call.tick(call.now + random.choice([0.1, 1.0, 6.0, 21.0]))
        elif chance < 0.98:
            call.feed(events.Look(0))
        elif call.session.is_connected:
            call.loses_model()
            if not call.session.ended:
                call.finds_model()
        if call.session.ended:
            call = Call(tools=(TOOL,), **UNBOUNDED).begun()
    call.feed(events.Stop(BYE))

    call.check()
