"""The operator's file of tools: which there are, and what is wrong with it, in sentences."""

import importlib
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.settings.schema import Tools as ToolSettings
from tornado_app.settings.toml_file import read_tables
from tornado_app.settings.words import wrong_fields
from tornado_app.tools.entries import TOOLS_MAX, File, HttpEntry, PythonEntry
from tornado_app.tools.http import HttpClient, HttpTool
from tornado_app.tools.mcp.entry import missing_package, read_server
from tornado_app.tools.mcp.servers import McpServer, McpServers
from tornado_app.tools.other_loop import OtherLoop
from tornado_app.tools.python import find_tools
from tornado_app.tools.reading import Reading
from tornado_app.tools.summary import Summary, find_summary
from tornado_app.tools.threads import CallThreads
from tornado_app.tools.toolbox import Toolbox

ROOT = Path(__file__).resolve().parents[2]


def read_file(settings: ToolSettings, post: Callable[..., None]) -> tuple[Toolbox, list[str]]:
    """The tools of ``tools.file``, and what is wrong with it; `found.read_tools` has more."""
    try:
        path = ROOT / settings.file
        tables = read_tables(path)
    except ValueError as error:
        return Toolbox(), [f"it {error}"]
    if wrong := [f"{name}: {reason}" for name, reason in wrong_fields(tables, File)]:
        return Toolbox(), wrong
    file = msgspec.convert(tables, File)
    reading = Reading(path.parent, settings.result_bytes)
    ends: list[Callable[[], Coroutine[Any, Any, None]]] = []
    if file.http:
        try:
            http = HttpClient(uses_environment=file.use_environment_proxies)
        except (ValueError, OSError) as error:  # of what the environment says
            reason = f"use_environment_proxies: the environment cannot be used: {error}"
            return Toolbox(), [reason]
        ends.append(http.close)
        for name, table in file.http.items():
            _read_http(reading, name, table, http)
    summary: Summary | None = None
    if file.python is not None:
        loops, summary = _read_python(reading, file.python, post)
        ends += [loop.stop for loop in loops]
    asked: list[McpServer] = []
    handed: list[HandedServer] = []
    for name, table in file.mcp.items():
        match read_server(reading, name, table, file.use_environment_proxies):
            case McpServer() as server:
                asked.append(server)
            case HandedServer() as server:
                handed.append(server)
    if asked:
        reading.problems += missing_package()
    if len(reading.tools) > TOOLS_MAX:
        reading.problems.append(f"there are {len(reading.tools)} tools, {TOOLS_MAX} are allowed")
    servers = McpServers(asked, post) if asked else None
    toolbox = Toolbox(reading.tools, ends, servers=servers, handed=handed, summary=summary)
    return toolbox, reading.problems


def _read_http(reading: Reading, name: str, table: dict[str, Any], http: HttpClient) -> None:
    where = f"http.{name}"
    entry = reading.converted(where, table, HttpEntry)
    if entry is None:
        return
    headers = reading.headers(where, entry.headers)
    key = reading.signing_key(where, entry.signing_key)
    if entry.signing_key is not None and entry.method == "GET":
        sentence = "a request without a body has nothing to sign; use POST"
        reading.problems.append(f"{where}.signing_key: {sentence}")
    parameters = {"type": "object", "properties": {}} | entry.parameters
    tool = HttpTool(
        Function(name, entry.description, parameters, entry.timeout_s, entry.manners),
        frozenset(entry.scopes),
        entry.method,
        reading.url(where, entry.url),
        headers,
        key,
        reading.result_bytes,
        http,
    )
    try:
        tool.schema  # noqa: B018  it is read now, so that it is wrong now
    except ValueError as error:
        reading.problems.append(f"{where}.parameters: {error}")
    reading.add(where, tool)


def _read_python(
    reading: Reading, table: dict[str, Any], post: Callable[..., None]
) -> tuple[list[OtherLoop], Summary | None]:
    """The loops that it has, and what sums up, if it has that."""
    entry = reading.converted("python", table, PythonEntry)
    if entry is None:
        return [], None
    directory = str((reading.folder / entry.directory).resolve())
    if directory not in sys.path:
        sys.path.append(directory)
    try:
        module = importlib.import_module(entry.module)
    except BaseException as error:  # noqa: BLE001  a module may do anything, even exit
        sentence = f"{entry.module} cannot be imported: {type(error).__name__}: {error}"
        reading.problems.append(f"python.module: {sentence}")
        return [], None
    loop = OtherLoop(entry.threads, post)
    found = list(find_tools(module, CallThreads(entry.threads, post), loop))
    summary = find_summary(module, post)
    if not found and summary is None:
        sentence = f"{entry.module} has no function that is marked with parley_tools.tool"
        reading.problems.append(f"python.module: {sentence}")
    for each in found:
        if isinstance(each, ValueError):
            reading.problems.append(f"python: {each}")
        else:
            reading.add(f"python: {each.function.name}", each)
    if isinstance(summary, ValueError):
        reading.problems.append(f"python: {summary}")
        return [loop], None
    return ([loop], None) if summary is None else ([loop, summary.loop], summary)
