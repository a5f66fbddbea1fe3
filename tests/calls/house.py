"""A whole gateway on the test's own loop, and clients that call it over real sockets."""

import asyncio
import base64
import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.fakes.raw_websocket import RawClient
from tornado_app import logs
from tornado_app.admin.administration import Administration, Hooks
from tornado_app.admission.tokens import TokenRules, issue
from tornado_app.app import make_front_door, make_metrics_app
from tornado_app.commands.configuration import read_policy
from tornado_app.connection import Connection
from tornado_app.gateway import Gateway
from tornado_app.health import Health
from tornado_app.reloading import Outcome
from tornado_app.session import events
from tornado_app.settings.loading import load
from tornado_app.settings.schema import Settings
from tornado_app.upstream.endpoint import Endpoint

ROOT = Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef-0123456789abcdef-house"
WAIT_S = 30.0


def house_settings(**changes: object) -> Settings:
    """The defaults of conf/gateway.toml, with names such as ``limits_connections`` changed."""
    environ = {"PARLEY_AUTH_SECRET": SECRET}
    for name, value in {**_in_keeping(changes), **changes}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        environ[f"PARLEY_{name.upper()}"] = text
    return load((ROOT / "conf" / "gateway.toml").read_text(), None, environ)


def _in_keeping(changes: dict[str, Any]) -> dict[str, object]:
    """What has to change with these, so that no bound contradicts another."""
    message_bytes = changes.get("limits_message_bytes", 262_144)
    outbound_bytes = changes.get("limits_outbound_bytes", 1 << 20)
    hold_ms = changes.get("audio_hold_ms", 15_000)
    call_bytes = max(4 << 20, 16 * message_bytes, 180 * hold_ms)
    room_bytes = (message_bytes - 256) // 4 * 3
    return {
        "limits_image_bytes": max(256, min(180_000, room_bytes, 48 * hold_ms)),
        "audio_file_bytes": min(196_000, room_bytes),
        "audio_file_ms": min(15_000, hold_ms),
        "buffers_write_bytes": min(4096, outbound_bytes // 4),
        "limits_call_bytes": call_bytes,
        # Most tests are about calls that end when their client goes.
        "session_resume_window_s": 0,
        "limits_process_bytes": max(256 << 20, 2 * changes.get("limits_call_bytes", call_bytes)),
    }


def fault_of_ours(connection: Connection, words: Any = "no message") -> None:
    """The session of *connection* fails in the middle of an event, as Python or compiled."""
    connection.feed(events.ClientSaid(words))


class House:
    """A gateway that listens on a free port, before a model at *upstream*: its address, or what
    says before each dial where it is.

    ``async with House(fake.url, limits_connections=2) as house:``; every session, thread and
    socket of it is gone when the block is left; of several at once, with the last.
    """

    _open: ClassVar[list["House"]] = []
    _threads_before: ClassVar[set[threading.Thread]] = set()

    def __init__(
        self,
        upstream: str | Callable[[], Endpoint],
        upstream_key: str = "sk-test-key",
        **changes: object,
    ) -> None:
        self.settings = house_settings(**changes)
        if isinstance(upstream, str):
            upstream = partial(Endpoint, upstream, upstream_key, "authorization")
        self._find_model = upstream
        auth = self.settings.auth
        self.rules = TokenRules(
            key=SECRET.encode(),
            algorithms=auth.algorithms,
            issuer=auth.issuer,
            audience=auth.audience,
            leeway_s=auth.leeway_s,
            max_lifetime_s=auth.max_lifetime_s,
            token_bytes=auth.token_bytes,
            previous_key=auth.previous_secret.reveal().encode(),
        )
        self._clients: list[VoiceClient] = []
        self.told: list[str] = []
        """What an administration asked of the whole server."""
        self.reloaded = Outcome()
        self.hooks = Hooks(
            lambda: self.told.append("drain"), self._reload, try_here=self._try_reload
        )
        self.parent_key = ""
        """By which it knows what its parent has been asked for, as one of several."""

    async def __aenter__(self) -> Self:
        if not House._open:
            House._threads_before = set(threading.enumerate())
        self.gateway = Gateway(
            self.settings, self.rules, self._find_model, read_policy(self.settings)
        )
        await self.gateway.tools.ready()
        self.health = Health(self.gateway, asyncio.get_running_loop())
        self.health.start()
        self.server = make_front_door(self.gateway, self.health)
        self.doorstep = self.server.doorstep
        sockets = bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self.server.add_sockets(sockets)
        administration = Administration(self.gateway, self.hooks, self.parent_key)
        self.metrics = make_metrics_app(
            self.gateway, self.health, self.server, None, administration
        )
        scraped = bind_sockets(0, "127.0.0.1")
        self.metrics_port = scraped[0].getsockname()[1]
        self.metrics.add_sockets(scraped)
        House._open.append(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        House._open.remove(self)
        for client in self._clients:
            client.socket.close()
        self.server.stop()
        self.metrics.stop()
        assert await self.gateway.stop(WAIT_S), "a link of the gateway did not end"
        await self.server.close_all_connections()
        await self.metrics.close_all_connections()
        self.health.stop()
        if House._open:
            return
        deadline = time.monotonic() + WAIT_S
        while self.threads and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        assert not self.threads, "a thread of the gateway is still there"

    async def _try_reload(self) -> Outcome:
        return Outcome(problems=self.reloaded.problems)

    async def _reload(self) -> Outcome:
        self.told.append("reload")
        return self.reloaded

    @property
    def threads(self) -> list[str]:
        """Threads of the gateway's own that are alive."""
        mine = (
            "up-",
            "audio",
            "reaper",
            "record",
            "tool-",
            "mcp-loop",
            "traces",
            "issuer-keys",
            "file-watch",
        )
        new = set(threading.enumerate()) - House._threads_before
        return sorted(thread.name for thread in new if thread.name.startswith(mine))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def http(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def token(
        self, user: str = "alice", ttl_s: float = 600.0, scopes: tuple[str, ...] = (), **claims: Any
    ) -> str:
        return issue(user, self.rules, time.time(), ttl_s, scopes, others=claims)

    async def call(
        self,
        query: str = "",
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        subprotocols: list[str] | None = None,
        user: str = "alice",
    ) -> "VoiceClient":
        """Open a WebSocket; the token goes into the header unless *token* is ``""``.

        Raises:
            HTTPClientError: If the gateway refuses before the upgrade.
        """
        sent = dict(headers or {})
        if token != "":
            sent["Authorization"] = f"Bearer {token or self.token(user)}"
        request = HTTPRequest(f"{self.url}?{query}", headers=sent, request_timeout=WAIT_S)
        client = VoiceClient(await websocket_connect(request, subprotocols=subprotocols))
        self._clients.append(client)
        return client

    async def connected(self, query: str = "", **how: Any) -> "VoiceClient":
        """Open a WebSocket and wait until the model is there."""
        client = await self.call(query, **how)
        await client.status("connected")
        return client

    async def raw(self, query: str = "", *, user: str = "alice") -> RawClient:
        """A client that sends the bytes it is told to, and answers no ping."""
        headers = f"Authorization: Bearer {self.token(user)}\r\n"
        return await RawClient.connect(self.port, f"/ws?{query}", headers)

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a plain request."""
        request = HTTPRequest(self.http(path), request_timeout=WAIT_S)
        response = await AsyncHTTPClient().fetch(request, raise_error=False)
        return response.code, json.loads(response.body)

    async def scrape(self) -> "Scrape":
        """What is counted now."""
        request = HTTPRequest(f"http://127.0.0.1:{self.metrics_port}/metrics")
        response = await AsyncHTTPClient().fetch(request)
        return Scrape(response.body.decode())

    async def refusal(
        self, query: str = "", **how: Any
    ) -> tuple[int, dict[str, Any], HTTPResponse]:
        """What a request that must be refused is told: status, body, response."""
        with pytest.raises(HTTPClientError) as refused:
            await self.call(query, **how)
        response = refused.value.response
        assert response is not None
        return refused.value.code, json.loads(response.body), response


class Scrape:
    """A page of metrics, as Prometheus' own library reads it."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self.samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """One series of Parley's; 0 if it is not there."""
        return self.samples.get((f"parley_{name}", *sorted(labels.items())), 0)

    def sum(self, name: str) -> float:
        """All series of that name."""
        return sum(value for key, value in self.samples.items() if key[0] == f"parley_{name}")


class VoiceClient:
    """A client of ``voice.v1`` that keeps all it hears."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any] | bytes] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.write_message(json.dumps({"type": kind, **fields}))

    async def text(self, text: str) -> None:
        await self.socket.write_message(text)

    async def audio(self, pcm: bytes) -> None:
        """One chunk, as a binary frame."""
        await self.socket.write_message(pcm, binary=True)

    async def audio_data(self, pcm: bytes) -> None:
        """One chunk, as base64 in a message."""
        await self.say("audio_data", audio=base64.b64encode(pcm).decode())

    async def read(self, timeout_s: float = WAIT_S) -> dict[str, Any] | bytes | None:
        """The next message, frame, or None at the end."""
        # Python 3.11's wait_for goes on if it is cancelled just as a message comes (CPython 86296).
        async with asyncio.timeout(timeout_s):
            message = await self.socket.read_message()
        if message is None:
            return None
        heard = json.loads(message) if isinstance(message, str) else message
        self.heard.append(heard)
        return heard

    async def next(self, kind: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """The next message of that type; what comes before it is only kept in `heard`."""
        while (heard := await self.read(timeout_s)) is not None:
            if isinstance(heard, dict) and heard["type"] == kind:
                return heard
        raise AssertionError(
            f"closed ({self.socket.close_code} {self.socket.close_reason}) before {kind!r}"
        )

    async def status(self, status: str) -> dict[str, Any]:
        while (message := await self.next("connection_status"))["data"]["status"] != status:
            pass
        return message

    async def error(self, code: str) -> dict[str, Any]:
        message = await self.next("error")
        assert code == message["data"]["code"], message
        return message

    async def closed(self, timeout_s: float = WAIT_S) -> tuple[int | None, str | None]:
        """Read to the end; the close code and reason."""
        while await self.read(timeout_s) is not None:
            pass
        told = (self.socket.close_code, self.socket.close_reason)
        self.socket.close()  # Tornado warns of one that only the server has closed
        return told

    @property
    def types(self) -> list[str]:
        return [heard["type"] for heard in self.heard if isinstance(heard, dict)]

    def check_numbers(self) -> None:
        """Every message has the envelope, and numbers have no gap."""
        messages = [heard for heard in self.heard if isinstance(heard, dict)]
        assert list(range(1, len(messages) + 1)) == [message["seq"] for message in messages]
        for message in messages:
            assert {"type", "data", "error", "timestamp", "seq"} == set(message)
            assert (message["error"] == "") == (message["type"] != "error")


async def until(condition: Callable[[], object], otherwise: str, timeout_s: float = WAIT_S) -> None:
    """Return when *condition* holds; *otherwise* says what it means that it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.005)


class Ground:
    """What this process has in use, to be compared with what it had.

    ``ground = await Ground.settled()`` after a first call from beginning to end, so that what is
    made once is there; ``await ground.regained()`` when all is over.
    """

    def __init__(self) -> None:
        # Pools add threads up to their bound when they like: those of asyncio's own executor when
        # the tests' clients look up addresses, the audio pool's when two jobs meet.
        pools = ("asyncio_", "audio_")
        names = (thread.name for thread in threading.enumerate())
        self.threads = sorted(name for name in names if not name.startswith(pools))
        self.descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
        self.tasks = len(asyncio.all_tasks())

    @classmethod
    async def settled(cls) -> "Ground":
        """The ground when it has not moved for a while and no link is there."""
        ground, looks = cls(), 0
        deadline = time.monotonic() + WAIT_S
        while looks < 10 or any(name.startswith("up-") for name in ground.threads):
            assert time.monotonic() < deadline, f"{vars(ground)} does not settle"
            await asyncio.sleep(0.005)
            now = cls()
            looks = looks + 1 if vars(now) == vars(ground) else 0
            ground = now
        return ground

    async def regained(self) -> None:
        """Wait until nothing more is in use than was."""
        try:
            await until(lambda: not self._more(), "something stays behind")
        except AssertionError as wrong:
            wrong.add_note(f"{self._more()}")
            raise

    def _more(self) -> list[str]:
        now = Ground()
        return [
            *(name for name in now.threads if name not in self.threads),
            *["descriptor"] * (now.descriptors - self.descriptors),
            *["task"] * (now.tasks - self.tasks),
        ]


@contextmanager
def whole_log(level: logs.Level = "debug") -> Iterator[io.StringIO]:
    """All that is logged in the block, as JSON lines; logging is as it was afterwards."""
    root, websocket = logging.getLogger(), logging.getLogger("websocket")
    before = (root.handlers[:], root.level, websocket.level)
    root.handlers[:] = []
    stream = io.StringIO()
    try:
        logs.configure(level, "json", stream)
        yield stream
    finally:
        root.handlers[:], root.level, websocket.level = before
        structlog.reset_defaults()
