"""The Autobahn test suite, run against an endpoint that echoes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from kosoku import FailureError, run_fuzzingclient
from tornado.websocket import WebSocketHandler

from tornado_app.client_side.gathered_writes import GatheredWrites
from tornado_app.client_side.read_watch import LoopReadWatch
from tornado_app.client_side.strict_websocket import StrictWebSocketProtocol
from tornado_app.client_side.writer import ClientWriter

# Compression, which is never negotiated.
NOT_FOR_US = ("12.*", "13.*")
TIMEOUTS = (
    "was_open_handshake_timeout",
    "was_close_handshake_timeout",
    "was_server_connection_drop_timeout",
)


async def failures(url: str, cases: Sequence[str] | None = None) -> dict[str, str]:
    """Run Autobahn's cases, all that concern us by default; the verdict of each that is not OK.

    The endpoint at *url*, path and query included, has to echo text as text and binary
    as binary, messages of 16 MiB too.  A verdict is "behavior" or "behavior / close".
    A case that ran out of the suite's own second, as on a busy computer, is tried once more.
    """
    wrong = await _wrong(url, cases)
    late = [case for case, result in wrong.items() if _timeouts(result)]
    if late:
        wrong = {case: result for case, result in wrong.items() if case not in late}
        wrong |= await _wrong(url, late)
    return {case: _verdict(result) for case, result in wrong.items()}


async def _wrong(url: str, cases: Sequence[str] | None) -> dict[str, Any]:
    try:
        results = await run_fuzzingclient(url, cases, NOT_FOR_US, concurrency=2)
    except FailureError as failure:
        results = failure.results
    wrong = {result.case_id: result for result in results if _verdict(result) != "OK"}
    for case, result in wrong.items():
        print(case, _verdict(result), *_how(result), sep="; ")  # noqa: T201
    return wrong


def _how(result) -> tuple[object, ...]:
    """What a verdict does not say of itself: who was too late for whom, or heard something else."""
    words = result.result, result.result_close, result.was_not_clean_reason
    closes = result.local_close_code, result.remote_close_code
    return *words, f"{result.duration} ms", closes, *_timeouts(result)


def _timeouts(result) -> list[str]:
    return [name for name in TIMEOUTS if getattr(result, name)]


def _verdict(result) -> str:
    verdicts = [result.behavior.value, result.behavior_close.value]
    return verdicts[0] if verdicts[1] == "OK" else " / ".join(verdicts)


class EchoHandler(WebSocketHandler):
    """Echoes every message through a `ClientWriter`.  Thread: loop."""

    max_message_bytes = 16 * 2**20
    protocol: StrictWebSocketProtocol
    writer: ClientWriter

    def get_websocket_protocol(self):
        self.protocol = StrictWebSocketProtocol(
            self,
            LoopReadWatch(asyncio.get_running_loop()),
            max_message_bytes=self.max_message_bytes,
        )
        return self.protocol

    def open(self) -> None:
        self.writer = ClientWriter(
            self.protocol,
            gather_bytes=4096,
            queue_bytes=4 * self.max_message_bytes,
            write_timeout_s=5.0,
            on_slow=self.on_slow,
            loop=asyncio.get_running_loop(),
            gathered=GatheredWrites(asyncio.get_running_loop()),
        )

    def on_slow(self, why: str) -> None:
        self.protocol.abort()

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.writer.send(message.encode())
        else:
            self.writer.send(message, binary=True)
