"""The helper process that decodes files: ``python -m workers.decoder <memory_bytes> <cpu_s>``.

It reads requests from standard input and writes replies to standard output, one after the other,
and ends when its input does.  The kernel bounds what a file may cost: address space, and CPU time
for each file.  Whoever started it watches the clock, and kills.
"""

import contextlib
import math
import os
import resource
import sys
import time
from typing import BinaryIO

from workers import base64_text, containers, pcm
from workers.blocks import Block, Flush, Payload
from workers.codecs import Samples
from workers.conditioned_chain import ConditionedChain, Conditioning
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
from workers.formats import AudioFormat
from workers.level import levels_dbfs
from workers.pcm import BadAudio

NICENESS = 10
"""Files wait for speech, where there is one core for both."""
DESCRIPTORS = 16
CHUNK_MS = 1000
"""A long file in one piece would need several times its size at once."""


def answer(request: DecodeFile, text: bytes) -> tuple[Reply, bytes]:
    """Decode one file.  Raises nothing, whatever *text* is."""
    try:
        data = _unwrap(text)
        samples, rate_hz = containers.decode_file(data, request.container, request.max_ms)
        conditioning = Conditioning(request.remove_dc, request.limit_peaks)
        audio, clipped = convert(samples, rate_hz, conditioning)
        [level] = levels_dbfs(samples, [len(samples)])
        return Decoded(len(data), len(samples), rate_hz, level, clipped), audio
    except BadAudio as bad:
        return NotDecoded(bad.reason == "container", bad.sentence), b""
    except MemoryError:
        return NotDecoded(False, "audio: the file needs more memory than it may have"), b""
    except Exception as error:  # noqa: BLE001  it is said, and the next file is another matter
        return Fault(type(error).__name__), b""


def convert(samples: Samples, rate_hz: int, conditioning: Conditioning) -> tuple[bytes, int]:
    """The whole signal as a stream of its own: its audio, and how many samples were clipped."""
    source, target = AudioFormat("float32", rate_hz), AudioFormat("pcm16", RATE_HZ)
    chain = ConditionedChain.of(source, target, False, conditioning)
    data, step = samples.tobytes(), source.size_bytes(CHUNK_MS)
    payloads: list[Payload] = [data[at : at + step] for at in range(0, len(data), step)]
    [(outcomes, _)] = chain.run_all([(chain.start(), [*payloads, Flush()])])
    blocks = [outcome for outcome in outcomes if isinstance(outcome, Block)]
    return b"".join(block.audio for block in blocks), sum(block.clipped_samples for block in blocks)


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
    # macOS knows the name of this limit and sets none: there a file's time and length bound it.
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    for limit, value in (
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
