"""One administration for several processes: the parent asks them, and makes one answer of it."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from terminal.addresses import in_url
from tornado_app.admin import together
from tornado_app.commands.one_answer import answer_of
from tornado_app.handlers.admin.calls import CALLS_MOST
from tornado_app.handlers.admin.passing_on import (
    ASKED_FROM,
    FURTHER,
    PASSED_ON,
    TRIED,
    Answered,
    Asked,
    passed,
)
from tornado_app.handlers.admin.routes import BELOW
from tornado_app.handlers.quiet import as_json

READ_S = 3.0
"""How long a process has to tell something; whoever looks does not wait for one that hangs."""
DO_S = 30.0
"""And to do something: to read its files again it may have to ask servers of tools; to add up what
was used it has to read all of that (`accountant.TIMEOUT_S`)."""
ANSWER_BYTES = 16 << 20
PAGE = Asked("GET", "/admin/", {}, b"")
"""What a process answers that does not hang, whoever asks."""
UNASKED = ("if-none-match", "if-modified-since", "range")
"""Of several answers one is made: each has to be whole, and whether somebody has that one already
is seen when it is made."""

TURNED_AWAY = (401, 403)

NOBODY = "No process of this gateway answers now. Try again in a moment."
NOT_KNOWN = "Some processes do not answer now, and no other has that call: {}."
UNHEARD = "Process {} has not answered; it may have done it."

Found = dict[int, Answered]
"""By the number of the process."""


@dataclass(frozen=True, slots=True)
class _Path:
    """What is asked, below `BELOW`."""

    parts: tuple[str, ...]
    query: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, asked: Asked) -> "_Path":
        split = urlsplit(asked.target)
        below = split.path.removeprefix(f"{BELOW}/")
        parts = tuple(below.split("/")) if below != split.path else ()
        return cls(parts, parse_qs(split.query))


class OneAdministration:
    """Knows no keys: each process judges by itself.  Thread: loop."""

    def __init__(
        self,
        host: str,
        ports: Callable[[], Mapping[int, int]],
        parent_key: str,
        *,
        count: int,
        are_shared: bool,
    ) -> None:
        """*ports* are those of the processes that listen, by their number, of *count*.

        *parent_key*: what they know the parent by; *are_shared*: quotas are counted in Redis.
        """
        self._host = host
        self._ports = ports
        self._parent_key = parent_key
        self._count = count
        self._are_shared = are_shared
        self._client = AsyncHTTPClient(
            force_instance=True,
            max_clients=16 * count,
            max_body_size=ANSWER_BYTES,
            defaults={"decompress_response": False, "follow_redirects": False},
        )

    def close(self) -> None:
        self._client.close()

    async def answer(self, asked: Asked) -> Answered:
        """What all of them answer, or the one that is concerned."""
        path = _Path.of(asked)
        match asked.method, path.parts:
            case "GET", ("calls",):
                count = _number(path.query.get("limit", ["100"])[-1])
                return await self._together(asked, lambda pages: together.calls(pages, count))
            case "GET", ("limits",):
                return await self._together(asked, together.limits)
            case "GET", ("limits", _, _):
                return await self._together(
                    asked, lambda pages: together.owner(pages, are_shared=self._are_shared)
                )
            case "GET", ("figures",):
                return await self._together(asked, together.figures)
            case "GET", ("calls", _) | ("calls", _, "listening"):
                return (await self._whose(asked))[1]
            case "POST", ("calls", _, "listening"):
                return await self._listen(asked)
            case (("POST" | "DELETE"), ("calls", _, "end" | "listening")):
                return await self._to_whose(asked)
            case "POST", ("limits", _, _, "reset") if not self._are_shared:
                return await self._do_everywhere(asked, together.done)
            case "GET", ("usage",):
                return await self._any(asked, DO_S)
            case "POST", ("reload",):
                return await self._reload(asked)
        return await self._any(asked)

    async def _together(
        self, asked: Asked, make: Callable[[list[together.Told]], together.Summed]
    ) -> Answered:
        """One page of those of all, with the numbers of those that have none."""
        found = await self._ask_all(asked)
        if (other := _other(found)) is not None:
            return other
        pages = [json.loads(each.body) for _, each in sorted(found.items())]
        return _json(200, {**make(pages), "missing": self._missing(found)})

    async def _whose(self, asked: Asked) -> tuple[int | None, Answered]:
        """The process that has the call, and what it tells."""
        found = await self._ask_all(asked)
        for process, answered in found.items():
            if answered.status == 200:
                return process, answered
        for answered in found.values():
            if answered.status != 404:
                return None, answered
        if missing := self._missing(found):
            return None, _json(503, {"error": NOT_KNOWN.format(", ".join(map(str, missing)))})
        return None, next(iter(found.values()))

    async def _to_whose(self, asked: Asked) -> Answered:
        """Have that process do it that has the call."""
        process, answered = await self._whose(_of_call(asked))
        if process is not None:
            return await self._ask_to(process, asked)
        # Whoever is asked for a call that there is not notes it down.
        return await self._any(asked) if answered.status == 404 else answered

    async def _listen(self, asked: Asked) -> Answered:
        """Who begins to listen to a call listens to none of another process any more."""
        process, answered = await self._whose(_of_call(asked))
        if answered.status not in {200, 404}:
            return answered
        others = sorted(each for each in self._ports() if process not in {None, each})
        further = self._further(asked)
        await asyncio.gather(*(self._ask(each, further, READ_S) for each in others))
        return await self._to_whose(asked)

    async def _do_everywhere(
        self,
        asked: Asked,
        make: Callable[[list[tuple[int, together.Told]]], tuple[int, together.Told]],
        unheard: Mapping[int, Answered] = MappingProxyType({}),
    ) -> Answered:
        """The first that answers notes it down; whoever does not is said, and of those *unheard*
        nobody waits for once more.
        """
        answers: list[tuple[int, together.Told]] = []
        for process in sorted(self._ports()):
            is_noted = any(status != 503 for status, _ in answers)
            passed_on = self._further(asked) if is_noted else self._first(asked)
            answered = unheard.get(process) or await self._ask_to(process, passed_on)
            if not is_noted and answered.status not in {200, 409, 503}:
                return answered
            answers.append((answered.status, json.loads(answered.body)))
        if not answers:
            return _json(503, {"error": NOBODY})
        return _json(*make(answers))

    async def _reload(self, asked: Asked) -> Answered:
        """Have all go by what is written, or none: whoever would not is asked alone, and notes."""
        tried = replace(asked, headers={**asked.headers, PASSED_ON: f"{self._parent_key} {TRIED}"})
        processes = sorted(self._ports())
        answers = await asyncio.gather(*(self._ask_to(each, tried) for each in processes))
        found = dict(zip(processes, answers, strict=True))
        unheard = {each: answered for each, answered in found.items() if answered.status == 503}
        against = {
            each: answered
            for each, answered in found.items()
            if each not in unheard and answered.status != 200
        }
        if not against:
            return await self._do_everywhere(asked, together.reloaded, unheard)
        answered = await self._ask_to(next(iter(against)), self._first(asked))
        if any(each.status != 409 for each in (answered, *against.values())):
            return answered
        told = [(each.status, json.loads(each.body)) for each in (answered, *against.values())]
        return _json(*together.reloaded(told))

    async def _any(self, asked: Asked, within_s: float = READ_S) -> Answered:
        """One that answers; what is to be done is asked once, and of none that hangs."""
        is_read = asked.method in {"GET", "HEAD"}
        for process in sorted(self._ports()):
            if is_read:
                answered = await self._ask(process, asked, within_s)
            else:
                looked = await self._ask(process, PAGE, READ_S)
                answered = looked and await self._ask_to(process, asked)
            if answered is not None:
                return answered
        return _json(503, {"error": NOBODY})

    async def _ask_all(self, asked: Asked) -> Found:
        processes = sorted(self._ports())
        asked = replace(asked, headers=_without(asked.headers, UNASKED))
        further = self._further(asked)
        # Whoever is turned away is turned away by all, and was there once.
        asking = (
            self._ask(each, asked if each == processes[0] else further, READ_S)
            for each in processes
        )
        answers = await asyncio.gather(*asking)
        found = {
            each: replace(told, headers=_without(told.headers, ("etag",)))
            for each, told in zip(processes, answers, strict=True)
            if told is not None
        }
        turned_away = [each for each, told in found.items() if told.status in TURNED_AWAY]
        if turned_away and processes[0] not in found:
            await self._ask(turned_away[0], asked, READ_S)
        return found

    def _first(self, asked: Asked) -> Asked:
        """As it is asked of the process that writes it down, of all that are asked."""
        return replace(asked, headers={**asked.headers, PASSED_ON: self._parent_key})

    def _further(self, asked: Asked) -> Asked:
        """As it is asked of the others."""
        key = f"{self._parent_key} {FURTHER}"
        return replace(asked, headers={**asked.headers, PASSED_ON: key})

    async def _ask_to(self, process: int, asked: Asked) -> Answered:
        """Have that one do something."""
        answered = await self._ask(process, asked, DO_S)
        return answered or _json(503, {"error": UNHEARD.format(process)})

    async def _ask(self, process: int, asked: Asked, within_s: float) -> Answered | None:
        """What it answers; None: nothing in that time."""
        if (port := self._ports().get(process)) is None:
            return None
        request = HTTPRequest(
            f"http://{in_url(self._host, port)}{asked.target}",
            method=asked.method,
            headers={**asked.headers, ASKED_FROM: f"{self._parent_key} {asked.ip}"},
            body=asked.body or None,
            allow_nonstandard_methods=True,
            connect_timeout=within_s,
            request_timeout=within_s,
        )
        response = await answer_of(self._client, request, within_s)
        if response is None:
            return None
        return Answered(response.code, response.body or b"", passed(response.headers))

    def _missing(self, found: Found) -> list[int]:
        return [process for process in range(self._count) if process not in found]


def _other(found: Found) -> Answered | None:
    """What is answered in place of a page, if not all have one."""
    if not found:
        return _json(503, {"error": NOBODY})
    return next((each for each in found.values() if each.status != 200), None)


def _json(status: int, body: Mapping[str, Any]) -> Answered:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answered(status, as_json({**body}), headers)


def _without(headers: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: text for name, text in headers.items() if name.lower() not in names}


def _of_call(asked: Asked) -> Asked:
    """What tells who has the call of which more is asked."""
    below = urlsplit(asked.target).path.rpartition("/")[0]
    return replace(asked, method="GET", target=below, body=b"")


def _number(text: str) -> int:
    """As those who are asked read it; what they do not take they refuse."""
    try:
        return msgspec.convert(text, int, strict=False)
    except msgspec.ValidationError:
        return CALLS_MOST
