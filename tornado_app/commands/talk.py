"""``run.py talk``: a client that speaks a recording and listens to the answer."""

import argparse
import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    websocket_connect,
)

from tornado_app.admission import tokens
from tornado_app.commands.arguments import TOKEN_TTL_S
from tornado_app.commands.configuration import token_rules
from tornado_app.settings.schema import Settings
from workers import pcm
from workers.recordings import UnreadableRecording, read_recording, write_recording

ANSWER_RATE_HZ = 24_000
CONNECT_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 60.0
TRANSCRIPT_TIMEOUT_S = 3.0
"""A gateway without transcription sends none."""
REASON_TIMEOUT_S = 1.0
"""Why an answer failed follows it; of a model that was lost there is nothing to tell."""
FAST_MESSAGES_PER_S = 150.0
"""Below the default of limits.messages_per_s."""
FAST_CHUNK_MS = 100.0

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Wish:
    """What to say to whom, and where to keep the answer."""

    path: Path
    url: str
    token: str
    save: Path | None
    fast: bool
    chunk_ms: float | None


class Failed(Exception):
    """The talk cannot go on; the text is for the user."""


@dataclass(slots=True)
class Shown:
    """Transcripts on the terminal, as they come: a line for each item."""

    item_id: str = ""
    text: str = ""

    def take(self, data: dict[str, Any], console: Console) -> None:
        if data["item_id"] != self.item_id:
            who = {"user": "You", "assistant": "Answer"}[data["role"]]
            self.end_line(console)
            console.print(f"[bold]{who}:[/bold] ", end="")
            self.item_id, self.text = data["item_id"], ""
        console.print(data["text"].removeprefix(self.text), end="", markup=False)
        self.text = data["text"]
        if data["final"]:
            self.end_line(console)

    def end_line(self, console: Console) -> None:
        if self.item_id:
            console.print()
        self.item_id = self.text = ""


@dataclass(slots=True)
class Heard:
    """What has come back so far."""

    audio: bytearray = field(default_factory=bytearray)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    transcribed: asyncio.Event = field(default_factory=asyncio.Event)
    """What the user said has come back as text, which may be after the answer."""
    failure: str | None = None
    shown: Shown = field(default_factory=Shown)


async def run(wish: Wish) -> int:
    """Talk once; 0 if an answer came, 1 with a sentence if not."""
    console = Console(highlight=False)
    try:
        await _talk(wish, console)
    except (Failed, UnreadableRecording) as failed:
        console.print(str(failed), style="red", markup=False)
        return 1
    return 0


async def _talk(wish: Wish, console: Console) -> None:
    samples, rate_hz = read_recording(wish.path)
    if not len(samples):
        raise Failed(f"{wish.path} holds no audio.")
    socket = await _connect(wish, rate_hz)
    heard = Heard()
    reader = asyncio.ensure_future(_listen(socket, heard, console))
    try:
        await _until(
            heard.connected, heard, CONNECT_TIMEOUT_S, "The model did not connect in time."
        )
        await _speak(socket, wish, (samples, rate_hz), heard, console)
        await socket.write_message(json.dumps({"type": "commit_audio"}))
        await _until(heard.done, heard, ANSWER_TIMEOUT_S, "No answer came in time.")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(heard.transcribed.wait(), TRANSCRIPT_TIMEOUT_S)
    except WebSocketClosedError:
        # Closed between a look at what was heard and a write: the reader is about to learn why.
        await reader
        raise Failed(str(heard.failure)) from None
    finally:
        heard.shown.end_line(console)
        socket.close(1000, "bye")
        await reader
    _keep(wish, heard, console)


async def _connect(wish: Wish, rate_hz: int) -> WebSocketClientConnection:
    if urlsplit(wish.url).scheme not in {"ws", "wss"}:
        raise Failed(f"The gateway's address begins with ws:// or wss://, not {wish.url}")
    request = HTTPRequest(
        _with_query(wish.url, input_format="pcm16", input_rate=rate_hz, turn_detection="none"),
        headers={"Authorization": f"Bearer {wish.token}"},
        connect_timeout=CONNECT_TIMEOUT_S,
        request_timeout=CONNECT_TIMEOUT_S,
    )
    try:
        return await websocket_connect(request)
    except HTTPClientError as error:
        raise Failed(f"The gateway refused: {_refusal(error)}") from None
    except (OSError, ValueError) as error:
        raise Failed(f"No gateway answers there: {error}") from None


def _with_query(url: str, **values: object) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | {name: str(value) for name, value in values.items()}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _refusal(error: HTTPClientError) -> str:
    """The gateway's own sentence, if it sent one."""
    try:
        sentence = json.loads(error.response.body)["error"] if error.response else ""
    except (ValueError, KeyError, TypeError):
        sentence = ""
    return str(sentence) or f"HTTP {error.code}"


async def _until(event: asyncio.Event, heard: Heard, timeout_s: float, sentence: str) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        raise Failed(sentence) from None
    if heard.failure is not None:
        raise Failed(heard.failure)


async def _speak(
    socket: WebSocketClientConnection,
    wish: Wish,
    recording: tuple[Samples, int],
    heard: Heard,
    console: Console,
) -> None:
    samples, rate_hz = recording
    chunk_ms = wish.chunk_ms or (FAST_CHUNK_MS if wish.fast else 20.0)
    started_at = time.monotonic()
    with _progress(console) as progress:
        bar = progress.add_task(f"Speaking {wish.path.name}", total=len(samples) / rate_hz)
        for count, (chunk, end) in enumerate(_chunks(samples, rate_hz, chunk_ms), start=1):
            due_s = count / FAST_MESSAGES_PER_S if wish.fast else end / rate_hz
            await asyncio.sleep(max(0.0, started_at + due_s - time.monotonic()))
            if heard.failure is not None:
                raise Failed(heard.failure)
            await socket.write_message(pcm.encode(chunk, "pcm16"), binary=True)
            progress.update(bar, completed=end / rate_hz)


def _chunks(samples: Samples, rate_hz: int, chunk_ms: float) -> Iterator[tuple[Samples, int]]:
    """The pieces, each with where it ends; sizes alternate where *chunk_ms* is no whole number."""
    begin, count = 0, 0
    while begin < len(samples):
        count += 1
        end = max(begin + 1, round(count * chunk_ms * rate_hz / 1000))
        yield samples[begin:end], min(end, len(samples))
        begin = end


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.1f} of {task.total:.1f} s"),
        TimeElapsedColumn(),
        console=console,
    )


async def _listen(socket: WebSocketClientConnection, heard: Heard, console: Console) -> None:
    while (message := await socket.read_message()) is not None:
        if isinstance(message, str):
            _take(json.loads(message), heard, console)
    if not heard.done.is_set() or not heard.connected.is_set():
        _fail(heard, f"The gateway closed the call ({socket.close_code} {socket.close_reason}).")


def _take(message: dict[str, Any], heard: Heard, console: Console) -> None:
    data = message["data"]
    match message["type"]:
        case "connection_status":
            heard.shown.end_line(console)
            console.print(f"[dim]{data['status']}[/dim] ({data['model']})")
            if data["status"] == "connected":
                heard.connected.set()
        case "transcript":
            heard.shown.take(data, console)
            if data["role"] == "user" and data["final"]:
                heard.transcribed.set()
        case "audio":
            heard.audio += base64.b64decode(data["audio"])
        case "response_done":
            _end(data["status"], heard)
        case "error":
            _fail(heard, message["error"])


def _end(status: str, heard: Heard) -> None:
    match status:
        case "completed":
            heard.done.set()
        case "failed":
            loop = asyncio.get_running_loop()
            loop.call_later(REASON_TIMEOUT_S, _fail, heard, "The model failed to answer.")
        case _:
            _fail(heard, f"The answer was {status}.")


def _fail(heard: Heard, sentence: str) -> None:
    heard.failure = heard.failure or sentence
    heard.connected.set()
    heard.done.set()


def _keep(wish: Wish, heard: Heard, console: Console) -> None:
    samples = np.frombuffer(bytes(heard.audio), "<i2").astype(np.float32) / np.float32(32768)
    console.print(f"The answer is {len(samples) / ANSWER_RATE_HZ:.2f} s long.")
    if wish.save is not None:
        try:
            write_recording(wish.save, samples, ANSWER_RATE_HZ)
        except (OSError, RuntimeError, TypeError, ValueError) as error:  # libsndfile's and its own
            raise Failed(f"The answer cannot be written to {wish.save}: {error}") from None
        console.print(f"Saved to {wish.save}")


def start(options: argparse.Namespace, settings: Settings) -> int:
    """The command: its address and its token come from the settings, unless they are given."""
    server = settings.server
    url = options.url or f"ws://{server.host}:{server.port}/ws"
    token = options.token or tokens.issue(
        "developer",
        token_rules(settings),
        time.time(),  # noqa: TID251  `exp` is wall time
        TOKEN_TTL_S,
    )
    wish = Wish(
        path=Path(options.file),
        url=url,
        token=token,
        save=Path(options.save) if options.save else None,
        fast=options.fast,
        chunk_ms=options.chunk_ms,
    )
    return asyncio.run(run(wish))
