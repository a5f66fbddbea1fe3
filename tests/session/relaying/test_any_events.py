"""Whatever a client and a model say, in whatever order: nothing of ours breaks.

`PARLEY_RELAY_SEEDS` asks for more than the usual two thousand frames.
"""

import os
from random import Random

import pytest

from tests.session.relaying.any_events import FROM_CLIENT, FROM_MODEL, frame
from tests.session.relaying.call import TOOL, Call
from tornado_app.errors import InvalidMessage
from tornado_app.protocol.close import BYE
from tornado_app.session import events

UNBOUNDED = {"errors_per_minute": 1e9, "messages_per_s": 1e9, "message_burst": 1e9}


@pytest.mark.parametrize("seed", range(int(os.environ.get("PARLEY_RELAY_SEEDS", "4"))))
def test_nothing_breaks(seed):
    random = Random(seed)
    call = Call(tools=(TOOL,), **UNBOUNDED).begun()

    for _ in range(500):
        chance = random.random()
        if chance < 0.45:
            try:
                call.asks_text(frame(random, FROM_CLIENT))
            except InvalidMessage as refused:
                call.feed(events.ClientRefused(refused))
        elif chance < 0.92:
            call.says_text(frame(random, FROM_MODEL))
        elif chance < 0.95:
            call.gets(random.choice(["call_1", "call_2", "call_3"]))
        elif chance < 0.97:
            call.tick(call.now + random.choice([0.1, 1.0, 6.0]))
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
