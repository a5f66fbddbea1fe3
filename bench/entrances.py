"""How long the most that one client may say at each entrance holds the loop, at a stretch.

README.md says what is counted, and how.
"""

import argparse
import gc
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from tornado.util import _websocket_mask

from bench.common import print_table
from bench.warm_loop import Call
from tests.session.story import converted
from tornado_app.admission.json_object import read_object
from tornado_app.connection import TIMER_SLACK_S
from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.openai_v1.client import parse_client as parse_event
from tornado_app.protocol.voice_v1.client import parse_client
from tornado_app.session import events

MESSAGE_BYTES, EVENT_BYTES, BODY_BYTES = 262_144, 1_048_576, 65_536
"""``limits.message_bytes``, four times as much, and the body of a request."""
CALL_BYTES = 4 << 20
EMOJI = "\N{GRINNING FACE}" * 32_768
MANY = 2000
"""Messages while a file is decoded: 400 at once, and 200 a second for eight."""

Stretches = Iterator[float]


def filled(head: str, unit: str, tail: str, size_bytes: int) -> str:
    return head + unit * ((size_bytes - len(head) - len(tail)) // len(unit.encode())) + tail


def clocked(does: Callable[[], object]) -> float:
    """Its ms of the processor, also if it refuses."""
    begin = time.thread_time()
    with suppress(Refused):
        does()
    return (time.thread_time() - begin) * 1e3


def parsing(head: str, unit: str, tail: str) -> Callable[[], Stretches]:
    return lambda: iter([clocked(lambda: parse_client(filled(head, unit, tail, MESSAGE_BYTES)))])


def parsing_event(head: str, unit: str, tail: str) -> Callable[[], Stretches]:
    return lambda: iter([clocked(lambda: parse_event(filled(head, unit, tail, EVENT_BYTES)))])


def unmasking() -> Stretches:
    payload = EMOJI.encode() * (EVENT_BYTES // len(EMOJI.encode()))
    yield clocked(lambda: _websocket_mask(b"mask", _websocket_mask(b"mask", payload)).decode())


def reading_a_body() -> Stretches:
    body = filled('{"a":[', "{},", "{}]}", BODY_BYTES).encode()
    yield clocked(lambda: read_object(body))


def behind_a_commit(*messages: asked.Command) -> Callable[[], Stretches]:
    """From the answer of the pool until all has left for the model."""

    def stretches() -> Stretches:
        call = Call(has_metrics=False, call_bytes=CALL_BYTES)
        call.chunk()
        call.connection.feed(events.ClientSaid(asked.CommitAudio()))
        for message in messages:
            call.connection.feed(events.ClientSaid(message))
        yield clocked(lambda: call.lanes[0].deliver(converted(0.0)))
        while call.wake_s <= TIMER_SLACK_S:
            call.wake_s = math.inf
            yield clocked(call.wake)

    return stretches


def wide_update() -> Stretches:
    """As many small values as a setting may have."""
    history = [{"role": "user", "text": str(number)} for number in range(3_000)]
    text = json.dumps({"type": "configure", "history": history})
    call = Call(has_metrics=False)
    yield clocked(lambda: call.connection.feed(events.ClientSaid(parse_client(text))))


ENTRANCES: dict[str, Callable[[], Stretches]] = {
    "1 MiB of emoji, unmasked and decoded": unmasking,
    "a text that is too long": parsing('{"type":"text","text":"', "\N{GRINNING FACE}", '"}'),
    "an unknown message of numbers": parsing('{"type":"nope","x":[', "1e5,", "1]}"),
    "an unknown field of objects": parsing('{"type":"text","x":[', "{},", "{}]}"),
    "configure, a list of objects": parsing('{"type":"configure","tools":[', "{},", "{}]}"),
    "configure, 3,000 turns of history": wide_update,
    "tool_result, a list": parsing('{"type":"tool_result","call_id":"c","output":[', "{},", "{}]}"),
    "an event of numbers": parsing_event('{"type":"session.update","session":[', "1e5,", "1]}"),
    "an event of objects": parsing_event('{"type":"session.update","session":[', "{},", "{}]}"),
    "an event of one text": parsing_event('{"type":"x","x":"', "a, b", '"}'),
    "a request's body of objects": reading_a_body,
    "31 turns of 32,768 emoji behind a commit": behind_a_commit(*[asked.Text(EMOJI)] * 31),
    "2,000 turns of a word behind it": behind_a_commit(*[asked.Text("word")] * MANY),
    "2,000 pings behind it": behind_a_commit(*[asked.Ping("p")] * MANY),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    # As a server has it (`serving.py`): what is loaded is not looked at for garbage again.
    gc.collect()
    gc.freeze()
    rows = []
    for name, does in ENTRANCES.items():
        found = [list(does()) for _ in range(options.rounds)]
        longest = [max(stretches) for stretches in found]
        figures = (statistics.median(longest), min(longest), max(longest))
        rows.append([name, str(len(found[0])), *(f"{each:.1f}" for each in figures)])
    print_table(["", "turns", "longest, ms", "least", "most"], rows)


if __name__ == "__main__":
    main()
