"""What the local model's speech is worth: words, waiting, throughput, start and memory.

README.md says what is counted, and how.
"""

import argparse
import asyncio
import base64
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import resample_poly
from websocket import WebSocket, create_connection

from bench.common import ROOT, BenchError, Child, print_table, running
from local_realtime.responders.speech import Speech
from local_realtime.sound.audio import Sound
from tests.local_realtime.wording import TEXTS, error_rate

CHUNK_MS = 20
BYTES_PER_MS = 48
SILENCE_MS = 500
TIMEOUT_S = 60


def recording(name: str) -> bytes:
    """One of the test recordings at 24 kHz."""
    with wave.open(str(ROOT / "tests" / "data" / f"{name}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return np.rint(resample_poly(samples.astype(float), 3, 2)).astype("<i2").tobytes()


class Row(NamedTuple):
    what: str
    value: float
    unit: str
    bar: float | None = None
    """No more than this."""

    def cells(self) -> tuple[str, ...]:
        digits = 0 if self.unit in {"ms", "MB"} else 1
        bar = "" if self.bar is None else f"{self.bar:g} {self.unit}"
        verdict = "" if self.bar is None else "yes" if self.value <= self.bar else "NO"
        return self.what, f"{self.value:.{digits}f} {self.unit}", bar, verdict


class Caller:
    """One session; transcripts on, and turns by voice activity or by hand."""

    def __init__(self, url: str, turn_detection: dict | None) -> None:
        self.socket: WebSocket = create_connection(f"{url}?model=bench", timeout=TIMEOUT_S)
        audio = {"transcription": {"model": "local"}, "turn_detection": turn_detection}
        self.send("session.update", session={"type": "realtime", "audio": {"input": audio}})

    def send(self, kind: str, **fields: object) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def append(self, pcm: bytes) -> None:
        self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    def until(self, kind: str) -> dict:
        while (event := json.loads(self.socket.recv()))["type"] != kind:
            pass
        return event


def live_turn(url: str, name: str) -> tuple[str, float]:
    """The transcript of a recording played in real time, and the wait for sound after it, in ms.

    The wait begins when the model knows that the speech is over: after the silence it waits for.
    """
    detection = {"type": "server_vad", "silence_duration_ms": SILENCE_MS}
    caller = Caller(url, detection)
    pcm = recording(name) + bytes((SILENCE_MS + 500) * BYTES_PER_MS)
    playing = threading.Thread(target=play, args=(caller, pcm))
    playing.start()
    caller.until("input_audio_buffer.speech_stopped")
    stopped_s = time.perf_counter()
    transcript, first_sound_s = None, None
    while transcript is None or first_sound_s is None:
        event = json.loads(caller.socket.recv())
        if event["type"] == "response.output_audio.delta" and first_sound_s is None:
            first_sound_s = time.perf_counter()
        elif event["type"].endswith("input_audio_transcription.completed"):
            transcript = event["transcript"]
    playing.join()
    caller.socket.close()
    return transcript, (first_sound_s - stopped_s) * 1000


def play(caller: Caller, pcm: bytes) -> None:
    """Send at the pace of speech.  Thread: its own."""
    start_s = time.perf_counter()
    for number, offset in enumerate(range(0, len(pcm), CHUNK_MS * BYTES_PER_MS)):
        time.sleep(max(0.0, start_s + number * CHUNK_MS / 1000 - time.perf_counter()))
        caller.append(pcm[offset : offset + CHUNK_MS * BYTES_PER_MS])


def turns_per_second(url: str, sessions: int, turns: int) -> float:
    """Whole turns, heard, answered and spoken, of sessions that never pause."""
    said = recording("amiable")
    # No two are the same, since what was read once is not read again.
    numbers = itertools.count(1)
    recordings = [bytes(480 * next(numbers)) + said for _ in range(sessions * turns)]

    def call(own: list[bytes]) -> None:
        caller = Caller(url, None)
        for pcm in own:
            caller.append(pcm)
            caller.send("input_audio_buffer.commit")
            caller.send("response.create")
            caller.until("response.done")
        caller.socket.close()

    callers = [
        threading.Thread(target=call, args=(recordings[first::sessions],))
        for first in range(sessions)
    ]
    start_s = time.perf_counter()
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    return len(recordings) / (time.perf_counter() - start_s)


def talk(url: str, name: str, folder: Path) -> tuple[str, str, Sound]:
    """What ``run.py talk`` shows of a recording: what was heard, what was answered, its sound."""
    saved = folder / "answer.wav"
    arguments = ["talk", f"tests/data/{name}.wav", "--url", url, "--save", str(saved)]
    done = subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=ROOT,
        env=os.environ | talk_env(folder) | {"COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    found = re.search(r"You: (.*)\n(?:.*\n)*?.*Answer: (.*)\n", done.stdout)
    if not found:
        raise BenchError(f"talk did not get an answer\n{done.stdout}{done.stderr}")
    with wave.open(str(saved)) as file:
        answer = Sound(file.readframes(file.getnframes()), file.getframerate())
    return found[1].strip(), found[2].strip(), answer


def talk_env(folder: Path) -> dict[str, str]:
    """The gateway's settings: those a user has who sets nothing."""
    return {"OPENAI_API_KEY": "", "PARLEY_SERVER_STATE_DIR": str(folder)}


def word_errors() -> tuple[float, float]:
    """Of what is heard and of what is spoken, through the gateway; the reader checks the voice."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running("run.py", "--port", "0", env=talk_env(folder)) as gateway:
            url = gateway.read_url()
            talks = {name: talk(url, name, folder) for name in TEXTS}
    speech = Speech()
    with asyncio.Runner() as runner:
        spoken = [(text, runner.run(speech.transcribe(sound))) for _, text, sound in talks.values()]
    speech.close()
    heard = [(TEXTS[name], transcript) for name, (transcript, *_) in talks.items()]
    return error_rate(heard), error_rate(spoken)


def measure(server: Child, url: str, options: argparse.Namespace) -> list[Row]:
    idle_mb = server.rss_kb() / 1024
    waits_ms = [live_turn(url, name)[1] for name in TEXTS for _ in range(options.runs)]
    throughput = turns_per_second(url, options.sessions, options.turns)
    return [
        Row("first sound after the silence, median", statistics.median(waits_ms), "ms", 400),
        Row("first sound after the silence, worst", max(waits_ms), "ms", 400),
        Row(f"turns of {options.sessions} sessions", throughput, "/s"),
        Row("memory, idle", idle_mb, "MB"),
        Row("memory, at the end", server.rss_kb() / 1024, "MB"),
    ]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="of each recording, in real time")
    parser.add_argument("--sessions", type=int, default=4, help="that talk at once")
    parser.add_argument("--turns", type=int, default=6, help="of each of these")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    start_s = time.perf_counter()
    arguments = ("-m", "local_realtime", "--mode", "speech", "--port", "0", "--pace", "0")
    with running(*arguments) as server:
        url = server.read_url()
        started_s = time.perf_counter() - start_s
        rows = measure(server, url, options)
    heard, spoken = word_errors()
    rows = [
        Row("words heard wrong", heard * 100, "%", 8),
        Row("words spoken wrong", spoken * 100, "%", 10),
        Row("start to listening", started_s, "s", 3),
        *rows,
    ]
    print_table(("what", "figure", "at most", "met"), [row.cells() for row in rows])


if __name__ == "__main__":
    main()
