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
from compiling import loading
from tests.session.story import config, converted, response
from tornado_app.admission.budget import ProcessBudget
from tornado_app.connection import Connection
from tornado_app.equipment import Equipment
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.session import events
from tornado_app.upstream.said import LinkSaid
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
    "ping_interval_s": 1e9,
    "read_timeout_s": 1e9,
    "response_timeout_s": 1e9,
    "response_stall_s": 1e9,
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

    def reset(self) -> None:
        """Nothing is on its way."""


class Link:
    """A model that takes whatever it is sent."""

    paused_s = unanswered_s = 0.0
    unsent_bytes = unread_bytes = ahead_bytes = posted_bytes = sent = 0

    def start(self) -> None:
        """It is there."""

    def send(self, _: bytes) -> int:
        self.sent += 1
        return 0

    def consumed(self, posted_bytes: int) -> None:
        """There is always room."""

    def read_ahead(self, size_bytes: int) -> None:
        """Nothing is held, so nothing waits behind it."""


class Call:
    """A connection between stubs: no socket, no thread, no pool."""

    def __init__(self, *, has_metrics: bool, **changes: float) -> None:
        """*changes*: of what settings mean for a call."""
        self.now = time.monotonic()
        self.client, self.link, self.lanes = Client(), Link(), list[Lane]()
        self.posted_bytes = 0
        equipment = Equipment(
            loop=SimpleNamespace(call_later=self.call_later),
            mailbox=SimpleNamespace(post_threadsafe=lambda callback, *args: callback(*args)),
            pipeline=SimpleNamespace(lane=self.lane),
            files=None,
            dial=lambda _: None,
            retire=lambda _: None,
            memory=ProcessBudget(1 << 30, 4),
            on_model=lambda _: None,
            check_token=lambda *_: None,
            clock=lambda: self.now,
            spares=SimpleNamespace(take=self.take_link, has=lambda _: True),
        )
        source = AudioFormat("pcm16", RATE_HZ, 1)
        log = SimpleNamespace(log=nothing, info=nothing, exception=fail)
        self.connection = Connection(
            config(
                source=source, opened_at=self.now, is_timed=has_metrics, **(UNLIMITED | changes)
            ),
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

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> SimpleNamespace:
        self.wake_s, self.wake = delay_s, callback
        return SimpleNamespace(cancel=lambda: None)

    def lane(self, _: object, deliver: Callable[[object], None]) -> Lane:
        self.lanes.append(Lane(deliver))
        return self.lanes[-1]

    def take_link(self, _: object, post: Callable[[object], None], __: object) -> Link:
        self.post = post
        return self.link

    def chunk(self) -> None:
        """From the text of the client's message to the order, and to the acknowledgement."""
        self.now += CHUNK_MS / 1000
        self.connection.feed(VOICE_V1.parse(CHUNK))
        self.lanes[0].deliver(self.block)

    def delta(self) -> None:
        """From the text of the model's event, which its thread reads, to the client's message."""
        self.now += DELTA_MS / 1000
        self.posted_bytes += len(DELTA)
        said = VOICE_V1.read_model(DELTA)
        self.post(LinkSaid(said, self.posted_bytes, self.now))

    def look(self) -> None:
        """Once a second."""
        self.connection.look()


def nothing(*_: object, **__: object) -> None:
    """A line of the log."""


def fail(*args: object, **_: object) -> None:
    raise AssertionError(f"the call has ended: {args}")


def batch_us(call: Call, step: Callable[[], None]) -> float:
    """One step of a second and more of a call."""
    begin = time.perf_counter()
    for _ in range(BATCH):
        step()
    call.look()
    return (time.perf_counter() - begin) / BATCH * 1e6


def least_us(calls: list[Call], name: str, batches: int) -> list[float]:
    """The least time of a step, by turns: what the machine does beside it only adds to that."""
    steps = [getattr(call, name) for call in calls]
    passed_on = [call.client.sent for call in calls]
    best = [float("inf")] * len(calls)
    for _ in range(batches):
        for place, (call, step) in enumerate(zip(calls, steps, strict=True)):
            best[place] = min(best[place], batch_us(call, step))
    for call, before in zip(calls, passed_on, strict=True):
        if call.client.sent - before < batches * BATCH:
            fail(name, "was not passed on")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=400, help=f"of {BATCH} steps each")
    options = parser.parse_args()
    calls = [Call(has_metrics=False), Call(has_metrics=True)]
    gc.disable()
    rows = []
    for said, name in (
        (f"chunk of {CHUNK_MS} ms", "chunk"),
        (f"{DELTA_MS} ms of an answer", "delta"),
    ):
        without, with_metrics = least_us(calls, name, options.batches)
        more = with_metrics / without - 1
        rows.append([said, f"{without:.1f}", f"{with_metrics:.1f}", f"{more:+.1%}"])
    print(f"Hot path: {loading.code().kind}")
    print_table(["", "us of the loop", "with metrics", ""], rows)


if __name__ == "__main__":
    main()
