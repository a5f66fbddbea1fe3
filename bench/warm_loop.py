"""What the event loop does for a chunk and for a piece of an answer, warm and by itself.

README.md says what is counted, and how.
"""

import argparse
import base64
import gc
import json
import time
from collections.abc import Callable
from types import SimpleNamespace

from bench.common import print_table
from tests.session.story import config, converted, response
from tornado_app.admission.budget import ProcessBudget
from tornado_app.connection import Connection, Equipment
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.session import events
from tornado_app.upstream.link import LinkSaid
from workers.formats import AudioFormat

RATE_HZ, CHUNK_MS, DELTA_MS = 48_000, 20, 100
PCM = bytes(RATE_HZ * 2 * CHUNK_MS // 1000)
CHUNK = json.dumps({"type": "audio_data", "audio": base64.b64encode(PCM).decode()})
DELTA = json.dumps(
    {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(bytes(48 * DELTA_MS)).decode(),
    }
)
BATCH = 50
UNLIMITED = {
    "messages_per_s": 1e9,
    "message_burst": 1e9,
    "audio_rate": 1e9,
    "audio_burst_ms": 1e12,
    "hold_ms": 1e9,
    "token_expires_at_unix_s": 1e12,
}


class Client:
    """One that takes whatever it is sent."""

    is_full = False
    queued_bytes = 0
    sent = 0

    def send(self, *_: object, **__: object) -> None:
        self.sent += 1


class Lane:
    """Answers nothing by itself."""

    waiting = 0

    def __init__(self, deliver: Callable[[object], None]) -> None:
        self.deliver = deliver

    def put(self, payload: object) -> None:
        """Whoever measures answers."""


class Link:
    """A model that takes whatever it is sent."""

    paused_s = 0.0
    unsent_bytes = unread_bytes = posted_bytes = sent = 0

    def start(self) -> None:
        """It is there."""

    def send(self, _: bytes) -> int:
        self.sent += 1
        return 0

    def consumed(self, posted_bytes: int) -> None:
        """There is always room."""


class Call:
    """A connection between stubs: no socket, no thread, no pool."""

    def __init__(self) -> None:
        self.client, self.link, self.lanes = Client(), Link(), list[Lane]()
        self.posted_bytes = 0
        equipment = Equipment(
            loop=SimpleNamespace(call_later=lambda *_: SimpleNamespace(cancel=lambda: None)),
            mailbox=SimpleNamespace(post_threadsafe=lambda callback, *args: callback(*args)),
            pipeline=SimpleNamespace(lane=self.lane),
            files=None,
            dial=lambda _: None,
            retire=lambda _: None,
            memory=ProcessBudget(1 << 30, 4),
            on_model=lambda _: None,
            check_token=lambda *_: None,
            spares=SimpleNamespace(take=self.take_link, has=lambda _: True),
        )
        source = AudioFormat("pcm16", RATE_HZ, 1)
        log = SimpleNamespace(log=nothing, info=nothing, exception=fail)
        self.connection = Connection(
            config(source=source, opened_at=time.monotonic(), **UNLIMITED),
            self.client,
            VOICE_V1,
            equipment,
            log,
            on_finished=fail,
        )
        self.connection.feed(events.Opened())
        self.connection.feed(events.UpstreamOpened(5.0))
        for said in (
            realtime.SessionCreated(realtime.SessionFacts("sess_m", "gpt-realtime-2.1")),
            realtime.SessionUpdated(realtime.SessionFacts()),
            realtime.ResponseCreated(response()),
        ):
            self.connection.feed(events.UpstreamSaid(said))
        self.block = converted(CHUNK_MS, len(PCM))

    def lane(self, _: object, deliver: Callable[[object], None]) -> Lane:
        self.lanes.append(Lane(deliver))
        return self.lanes[-1]

    def take_link(self, _: object, post: Callable[[object], None], __: object) -> Link:
        self.post = post
        return self.link

    def chunk(self) -> None:
        """From the text of the client's message to the order, and to the acknowledgement."""
        self.connection.feed(VOICE_V1.parse(CHUNK))
        self.lanes[0].deliver(self.block)

    def delta(self) -> None:
        """From the text of the model's event, which its thread reads, to the client's message."""
        self.posted_bytes += len(DELTA)
        said = VOICE_V1.read_model(DELTA)
        self.post(LinkSaid(said, self.posted_bytes, time.monotonic()))

    def look(self) -> None:
        """Once a second."""
        self.connection.look()


def nothing(*_: object, **__: object) -> None:
    """A line of the log."""


def fail(*args: object, **_: object) -> None:
    raise AssertionError(f"the call has ended: {args}")


def least_us(step: Callable[[], None], look: Callable[[], None], batches: int) -> float:
    """The least time of one step: what the machine does beside it only adds to that."""
    best_s = float("inf")
    for _ in range(batches):
        begin = time.perf_counter()
        for _ in range(BATCH):
            step()
        look()
        best_s = min(best_s, time.perf_counter() - begin)
    return best_s / BATCH * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=400, help=f"of {BATCH} steps each")
    options = parser.parse_args()
    call = Call()
    gc.disable()
    rows = []
    for name, step, count in (
        (f"chunk of {CHUNK_MS} ms", call.chunk, lambda: call.link.sent),
        (f"{DELTA_MS} ms of an answer", call.delta, lambda: call.client.sent),
    ):
        before = count()
        least = least_us(step, call.look, options.batches)
        if count() - before < options.batches * BATCH:
            fail(name, "was not passed on")
        rows.append([name, f"{least:.1f}"])
    print_table(["", "us of the loop"], rows)


if __name__ == "__main__":
    main()
