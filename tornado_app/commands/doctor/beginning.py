"""From the settings to a call that is open."""

import asyncio
import json
import socket
import time
from urllib.parse import urlsplit, urlunsplit

from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError

from terminal.addresses import in_url, reachable, why_unheard
from tornado_app.commands.configuration import load_settings, read_policy, token_rules
from tornado_app.commands.doctor.case import USER, Case
from tornado_app.commands.doctor.finding import Trouble
from tornado_app.issuing import Issuer, Wanted
from tornado_app.reloading import House, Reading
from tornado_app.server import Server
from tornado_app.settings.schema import Settings
from tornado_app.terms import Terms
from tornado_app.usage.prices import Prices

TTL_S = 600.0
ANSWER_S = 10.0
LOOPBACK = "127.0.0.1"
NOBODY_LISTENS = "Start the gateway, or name another with --url."


class Beginning:
    """Thread: loop."""

    def __init__(self, case: Case) -> None:
        self._case = case

    async def settings(self) -> str:
        """In a thread: an operator's module of tools, which is imported, may take its time."""
        case = self._case
        if case.options.config:
            case.veil.add_file(case.options.config)
        case.settings = await asyncio.to_thread(load_settings, case.options)
        case.veil.add_settings(case.settings)
        return f"They are right for {case.settings.server.environment}."

    async def token(self) -> str:
        case = self._case
        if case.is_given:
            return "It was given; the gateway will say whether it is good."
        case.token = issuer(case.known).issue(Wanted(USER, TTL_S), _now()).token
        case.veil.add(case.token)
        return "It was made with auth.secret, for ten minutes."

    async def listen(self) -> str:
        """Whether the address of the settings is free, or has a gateway that runs."""
        server = self._case.known.server
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, kind, protocol, _, place in found[:1]:
                with socket.socket(family, kind, protocol) as one:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind(place)
        except (OSError, UnicodeError) as error:
            ours = in_url(reachable(server.host), server.port)
            if not await self._is_ours(ours):
                where = f"{server.host}:{server.port}"
                why = why_unheard(error)
                raise Trouble(f"{where} cannot be listened on: {why}.") from None
            return "A gateway runs there; another one is tried beside it."
        return "It is free."

    async def _is_ours(self, place: str) -> bool:
        try:
            status, body = await _get(f"http://{place}/healthz")
        except (OSError, HTTPTimeoutError):
            return False
        return status == 200 and body.get("status") == "ok"

    async def serve(self) -> str:
        """Start a gateway of these settings on a port of its own, for this computer alone."""
        case, settings = self._case, self._case.known
        own = replace(
            settings,
            server=replace(settings.server, host=LOOPBACK, port=0),
            upstream=replace(settings.upstream, try_at_start=False),
            metrics=replace(settings.metrics, enabled=False),
        )
        house = House(token_rules(own), read_policy(own), Prices())
        server = Server(own, house, Reading(lambda: own, lambda _: house))
        try:
            await server.start()
        except (RuntimeError, ValueError) as error:
            raise Trouble(f"It does not start: {error}") from None
        case.server = server
        case.url = f"ws://{LOOPBACK}:{server.port}/ws"
        return f"One of these settings was started at {LOOPBACK}:{server.port}, for this trial."

    async def reach(self) -> str:
        """Whether somebody answers there, and takes new clients."""
        parts = urlsplit(self._case.url)
        address = urlunsplit((parts.scheme.replace("ws", "http"), parts.netloc, "/readyz", "", ""))
        try:
            status, body = await _get(address)
        except HTTPTimeoutError:
            raise Trouble("Nobody answers there in time.", NOBODY_LISTENS) from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Trouble(f"Nobody is reached there: {why}.", NOBODY_LISTENS) from None
        if status == 200 and body.get("status") == "ready":
            return f"{self._case.place} answers, and is ready."
        if reason := body.get("reason"):
            return f"{self._case.place} answers, and is not ready: {reason}."
        return f"{self._case.place} answers, and shows no /readyz (HTTP {status})."

    async def call(self) -> str:
        case = self._case
        case.voice = await case.open(case.token)
        return "The gateway took the token, and opened a call."


def issuer(settings: Settings) -> Issuer:
    return Issuer(settings, token_rules(settings), Terms(settings, read_policy(settings)))


def tool_token(settings: Settings, tools: list[dict[str, object]]) -> str:
    """A token whose call has these functions, and has to call one.

    Raises:
        Refused: If no token may bring any.
    """
    session = {"tools": tools, "tool_choice": {"type": "function", "name": tools[0]["name"]}}
    return issuer(settings).issue(Wanted(USER, TTL_S, session=session), _now()).token


def _now() -> float:
    return time.time()  # noqa: TID251  `exp` is wall time


async def _get(url: str) -> tuple[int, dict[str, object]]:
    request = HTTPRequest(
        url, connect_timeout=ANSWER_S, request_timeout=ANSWER_S, follow_redirects=False
    )
    answer = await AsyncHTTPClient(force_instance=True).fetch(request, raise_error=False)
    if answer.code == 599:
        raise answer.error if isinstance(answer.error, OSError | HTTPTimeoutError) else OSError()
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = {}
    return answer.code, body if isinstance(body, dict) else {}
