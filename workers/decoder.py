"""The helper process that decodes files: ``python -m workers.decoder <memory_bytes> <cpu_s>``.

It reads requests from standard input and writes replies to standard output, one after the other,
and ends when its input does.  The kernel bounds what a file may cost: address space, and CPU time
for each file.  Whoever started it watches the clock, and kills.
"""

import math
import os
import resource
import sys
import time
from typing import BinaryIO

from workers import base64_text, containers, pcm
from workers.codecs import Samples
from workers.decoder_wire import (
    RATE_HZ,
    SIZES,
    Decoded,
    DecodeFile,
    Fault,
    NotDecoded,
    Reply,
    pack,
    parse_request,
)
from workers.level import levels_dbfs
from workers.pcm import BadAudio
from workers.resample import Resampler

NICENESS = 10
"""Files wait for speech, where there is one core for both."""
DESCRIPTORS = 16


def answer(request: DecodeFile, text: bytes) -> tuple[Reply, bytes]:
    """Decode one file.  Raises nothing, whatever *text* is."""
    try:
        data = _unwrap(text)
        samples, rate_hz = containers.decode_file(data, request.container, request.max_ms)
        [level] = levels_dbfs(samples, [len(samples)])
        reply = Decoded(len(data), len(samples), rate_hz, level)
        return reply, pcm.encode(resample(samples, rate_hz), "pcm16")
    except BadAudio as bad:
        return NotDecoded(bad.reason == "container", bad.sentence), b""
    except MemoryError:
        return NotDecoded(False, "audio: the file needs more memory than it may have"), b""
    except Exception as error:  # noqa: BLE001  it is said, and the next file is another matter
        return Fault(type(error).__name__), b""


def resample(samples: Samples, rate_hz: int) -> Samples:
    """The whole signal at `RATE_HZ`, to its last sample: ceil(n * RATE_HZ / rate_hz) of them."""
    resampler = Resampler.between(rate_hz, RATE_HZ)
    converted, [first, last], _ = resampler.run_all(
        [(resampler.start(), [samples.tobytes(), None])]
    )
    return converted[first.start : last.stop]


def _unwrap(text: bytes) -> bytes:
    [data] = base64_text.decode_all([text.decode(errors="replace")])
    if data is None:
        raise BadAudio("base64", pcm.NOT_BASE64)
    return data


def serve(requests: BinaryIO, replies: BinaryIO, cpu_s: float) -> None:
    """Answer until *requests* ends.  The first frame out is empty: it is ready."""
    replies.write(SIZES.pack(0, 0))
    replies.flush()
    while len(sizes := requests.read(SIZES.size)) == SIZES.size:
        head_bytes, body_bytes = SIZES.unpack(sizes)
        request = parse_request(requests.read(head_bytes))
        _allow_cpu(cpu_s)
        replies.write(pack(*answer(request, requests.read(body_bytes))))
        replies.flush()


def confine(memory_bytes: int) -> None:
    """Give up what decoding does not need.  For good: the hard limits go with the soft ones."""
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (value, value))
    os.nice(NICENESS)


def _allow_cpu(cpu_s: float) -> None:
    """So much more from now on.  The kernel counts whole seconds, and ends us when they are over:
    this is for a gateway that was killed while we decode, and watches no clock any more.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + cpu_s) + 1, hard))


def main(arguments: list[str]) -> None:
    memory_bytes, cpu_s = int(arguments[0]), float(arguments[1])
    confine(memory_bytes)
    serve(sys.stdin.buffer, sys.stdout.buffer, cpu_s)


if __name__ == "__main__":
    main(sys.argv[1:])
