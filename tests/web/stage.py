"""A gateway, a page and a proxy for tests that drive a real browser, which blocks its thread."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = HERE.parent / "data"
SPEECH = DATA / "amiable.wav"
WAIT_S = 120.0
UNTIL = """async (timeoutMs) => {
  for (const deadline = Date.now() + timeoutMs; ; await new Promise((go) => setTimeout(go, 50))) {
    const value = (%s);
    if (value || Date.now() > deadline) return value;
  }
}"""
SEEN = """() => ({
  events: window.log?.filter(({ kind }) => kind !== "audio").slice(-30),
  words: document.body.innerText,
  shadow: document.querySelector("parley-call")?.shadowRoot.textContent,
})"""
"""What a person could tell of a page that did not come there."""


class Backstage:
    """A loop in a thread of its own, for what has to go on while the browser is waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backstage")
        self._thread.start()

    def run(self, what: Coroutine[Any, Any, Any], timeout_s: float = WAIT_S) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout_s)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Proxy:
    """Between the page and the gateway; it can cut its connections, let none in, and stand still.

    What goes to the page is late by *delay_s*, asked for each piece; none overtakes another.
    """

    def __init__(self, port: int, delay_s: Callable[[], float] = lambda: 0.0) -> None:
        self._behind = port
        self._delay_s = delay_s
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_open = True
        self.flows = threading.Event()
        """Not set: nothing is passed on, and nobody knows."""
        self.flows.set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        self._server.close()
        await self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not self.is_open:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        self._writers |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass_late(there, writer))
        self._writers -= {writer, back}

    async def _flow(self) -> None:
        while not self.flows.is_set():
            await asyncio.sleep(0.01)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flow()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _pass_late(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop, due_s = asyncio.get_running_loop(), 0.0
        with suppress(OSError):
            while data := await reader.read(4096):
                await self._flow()
                # Never two at once: a loop calls what is due at one time in any order.
                due_s = max(due_s + 1e-5, loop.time() + self._delay_s())
                loop.call_at(due_s, writer.write, data)
        loop.call_at(due_s + 1e-5, writer.close)


@contextmanager
def pages(gateway: str, files: dict[str, tuple[str, str]], *, inline: bool = False):
    """The address of an origin of its own, whose pages may load scripts of *gateway* and call it.

    *files*: by path, their type and text, for GET and POST.  The policy is as strict as a page can
    have it; *inline*: but for scripts that stand in the page.
    """
    scripts = "'unsafe-inline'" if inline else "'self'"
    policy = (
        f"default-src 'none'; script-src {scripts} {gateway}; style-src 'self'; "
        f"connect-src 'self' {gateway} ws://127.0.0.1:*"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = files.get(self.path, ("", ""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="pages")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def until(page: Any, condition: str, timeout_s: float = WAIT_S) -> Any:
    """What *condition* is in the page when it holds.

    The page looks itself: a look from here goes through three other processes, and
    `wait_for_function` is against the policy of strict pages.
    """
    value = page.evaluate(UNTIL % condition, timeout_s * 1000)
    if not value:
        raise AssertionError(f"never {condition}; {json.dumps(page.evaluate(SEEN))}")
    return value


def best_match(part: np.ndarray, whole: np.ndarray) -> tuple[int, float]:
    """Where *part* lies in *whole*, and how alike they are there: 1.0 is the same."""
    return next(_matches([part], whole))


def _matches(parts: list[np.ndarray], whole: np.ndarray) -> Iterator[tuple[int, float]]:
    """`best_match` of each; the whole, which is long, is transformed once."""
    size = 1 << int(np.ceil(np.log2(max(map(len, parts), default=0) + len(whole))))
    spectrum = np.fft.rfft(whole, size)
    for part in parts:
        alike = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part, size)), size)
        at = int(np.argmax(alike[: len(whole)]))
        there = whole[at : at + len(part)]
        there = np.pad(there, (0, len(part) - len(there)))
        norm = np.linalg.norm(part) * np.linalg.norm(there)
        yield at, float(part @ there / norm) if norm else 0.0


def likenesses(sent: np.ndarray, heard: np.ndarray, size: int) -> np.ndarray:
    """How alike each block of *sent* is to where it is best found in *heard*, but for pauses.

    Block by block, because what follows another clock is as much longer or shorter as that is.
    """
    blocks = [sent[at : at + size] for at in range(0, len(sent) - size, size)]
    loud = [block for block in blocks if np.sqrt(np.mean(block**2)) > 0.01]
    return np.array([alike for _, alike in _matches(loud, heard)])
