"""``[mcp.NAME]`` of the operator's file.  Nobody is dialled to read it."""

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from terminal.words import how_to_install
from tornado_app.protocol.realtime.functions import HandedServer
from tornado_app.tools.entries import McpEntry
from tornado_app.tools.mcp.address import Address
from tornado_app.tools.mcp.servers import McpServer
from tornado_app.tools.reading import NAME, Reading

PACKAGE = "mcp"
PACKAGE_MAJOR = "2"
OF_GATEWAY = ("prefix", "signing_key", "timeout_s", "filler", "filler_after_ms", "shown")
"""What the gateway does with calls that it makes itself."""


def missing_package() -> list[str]:
    """What is to be installed, in one sentence, if anything is."""
    install = how_to_install("mcp")
    try:
        found = version(PACKAGE)
    except PackageNotFoundError:
        return [f"mcp: the package mcp is not installed; {install}"]
    if found.partition(".")[0] != PACKAGE_MAJOR:
        return [f"mcp: the package mcp is {found} and must be {PACKAGE_MAJOR}.x; {install}"]
    return []


def read_server(
    reading: Reading, label: str, table: dict[str, Any], uses_environment: bool
) -> McpServer | HandedServer | None:
    """One server; the tools of one that the gateway asks are added to the others'.

    None if it cannot be told what is meant.
    """
    where = f"mcp.{label}"
    if not NAME.fullmatch(label):
        reading.problems.append(f"{where}: a name has 1 to 64 of the characters A-Z a-z 0-9 _ -")
    entry = reading.converted(where, table, McpEntry)
    if entry is None:
        return None
    url, headers = reading.url(where, entry.url), reading.headers(where, entry.headers)
    scopes = frozenset(entry.scopes)
    if entry.handled_by == "model":
        for name in OF_GATEWAY:
            if name in table:
                sentence = "is nothing that the model can be told; leave it out"
                reading.problems.append(f"{where}.{name}: {sentence}")
        return HandedServer(label, url, headers, entry.tools, scopes)
    key = reading.signing_key(where, entry.signing_key)
    address = Address(url, headers, key, reading.result_bytes, uses_environment)
    names = {listed: told_name(entry.prefix, listed) for listed in entry.tools}
    server = McpServer(label, address, names, entry.timeout_s, scopes, manners=entry.manners)
    reading.check_filler(where, entry.manners, entry.timeout_s)
    for tool in server.tools:
        reading.add(f"{where}.tools: {tool.name}", tool)
    return server


def told_name(prefix: str, listed: str) -> str:
    """What the model calls a tool: servers may use more characters than the API takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", prefix + listed)
