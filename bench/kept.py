"""What a call keeps for a client or a model that may be lost, in a steady call that is longer than
any of it is kept.

README.md says what is counted, and how.
"""

import argparse
import base64
import gc
import itertools
import json
import os
import tracemalloc
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from bench.common import print_table, spread
from bench.warm_loop import RATE_HZ, Call
from tests.session.story import converted
from tornado_app.protocol.voice_v1.dialect import VOICE_V1
from tornado_app.session.ledger.speech import UPSTREAM_BYTES_PER_MS
from tornado_app.upstream.said import LinkRoundTrip

WINDOW_S, SPEECH_MS = 20.0, 15_000.0
"""As `session.resume_window_s` and `upstream.speech_kept_ms` come."""
NEAR_MS = 50.0
"""What a ping of the model takes: silence is kept for two seconds then."""
KEPT: Mapping[str, Mapping[str, float]] = {
    "nothing": {"resume_window_s": 0.0, "speech_kept_ms": 0.0},
    "what its client was told": {"resume_window_s": WINDOW_S, "speech_kept_ms": 0.0},
    "the caller's speech": {"resume_window_s": 0.0, "speech_kept_ms": SPEECH_MS},
    "both, as it comes": {"resume_window_s": WINDOW_S, "speech_kept_ms": SPEECH_MS},
}


class SteadyCall:
    """Its caller is heard without a pause, and nobody answers."""

    def __init__(self, chunk_ms: int, kept: Mapping[str, float]) -> None:
        self.call = Call(has_metrics=False, **kept)
        self.call.post(LinkRoundTrip(NEAR_MS))
        self.chunk_ms = chunk_ms
        self.levels: Iterator[int] = itertools.cycle(range(300))

    def speak(self, seconds: float) -> None:
        pcm = bytes(RATE_HZ * 2 * self.chunk_ms // 1000)
        message = json.dumps({"type": "audio_data", "audio": base64.b64encode(pcm).decode()})
        block = converted(self.chunk_ms, len(pcm))
        size_bytes = int(UPSTREAM_BYTES_PER_MS * self.chunk_ms)
        a_second = 1000 // self.chunk_ms
        for number in range(int(seconds * a_second)):
            self.call.now += self.chunk_ms / 1000
            self.call.connection.feed(VOICE_V1.parse(message))
            # Each chunk is other sound, and no two have their bytes in common.
            audio = os.urandom(size_bytes)
            level = -20.0 - next(self.levels) / 10
            self.call.lanes[0].deliver(replace(block, audio=audio, level_dbfs=level))
            if number % a_second == 0:
                self.call.look()


def kept_kb(chunk_ms: int, kept: Mapping[str, float], seconds: float) -> float:
    """All that a call has allocated and still holds, behind so many seconds of it."""
    gc.collect()
    tracemalloc.start()
    call = SteadyCall(chunk_ms, kept)
    call.speak(seconds)
    gc.collect()
    size_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if call.call.connection.ended:
        raise AssertionError("the call has ended")
    return size_bytes / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunk-ms", type=int, nargs="+", default=[20, 40, 100])
    parser.add_argument("--seconds", type=float, default=3 * WINDOW_S, help="of each call")
    parser.add_argument("--rounds", type=int, default=3, help="all of them by turns")
    options = parser.parse_args()
    kept_kb(options.chunk_ms[0], KEPT["both, as it comes"], 2.0)  # what is made once
    rows = {name: [[] for _ in options.chunk_ms] for name in KEPT}
    for _ in range(options.rounds):
        for name, kept in KEPT.items():
            for place, chunk_ms in enumerate(options.chunk_ms):
                rows[name][place].append(kept_kb(chunk_ms, kept, options.seconds))
    head = ["kept, KB of a call", *(f"chunks of {chunk_ms} ms" for chunk_ms in options.chunk_ms)]
    print_table(head, [[name, *map(spread, found)] for name, found in rows.items()])


if __name__ == "__main__":
    main()
