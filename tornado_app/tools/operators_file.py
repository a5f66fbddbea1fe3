"""The operator's file of tools: which there are, and what is wrong with it, in sentences."""

import importlib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from tornado_app.protocol.realtime.functions import Function
from tornado_app.settings.schema import Tools as ToolSettings
from tornado_app.tools.http import HttpClient, HttpTool, Method, is_address
from tornado_app.tools.other_loop import OtherLoop
from tornado_app.tools.python import find_tools
from tornado_app.tools.result import Tool
from tornado_app.tools.threads import CallThreads
from tornado_app.tools.toolbox import Toolbox

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the API takes as the name of a function."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OUR_HEADERS = {"accept-encoding", "content-length", "content-type", "host", "transfer-encoding"}
DESCRIPTION_CHARACTERS = 4096
TIMEOUT_MAX_S = 300.0
TOOLS_MAX = 128
"""The API takes no more of them in a session."""
SIGNING_KEY_BYTES = 16

Seconds = Annotated[float, Meta(gt=0, le=TIMEOUT_MAX_S)]
Text = Annotated[str, Meta(min_length=1, max_length=DESCRIPTION_CHARACTERS)]
T = TypeVar("T")


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """A secret that stands elsewhere: in the environment, or in a file."""

    env: str = ""
    file: str = ""
    prefix: str = ""


class HttpEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """``[http.NAME]``."""

    description: Text
    url: Text
    method: Method = "POST"
    headers: dict[str, str | Kept] = {}
    parameters: dict[str, Any] = {}
    timeout_s: Seconds = 10.0
    scopes: tuple[str, ...] = ()
    signing_key: Kept | None = None


class PythonEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """``[python]``."""

    module: Text
    directory: str = "."
    threads: Annotated[int, Meta(ge=1, le=256)] = 8


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; each tool is read by itself, so that each says what is wrong with it."""

    http: dict[str, dict[str, Any]] = {}
    python: dict[str, Any] | None = None
    use_environment_proxies: bool = False


def read_file(settings: ToolSettings, post: Callable[..., None]) -> tuple[Toolbox, list[str]]:
    """The tools of ``tools.file``, and what is wrong with it; `found.read_tools` has more."""
    try:
        path = ROOT / settings.file
        text = path.read_text("utf-8")
        file = msgspec.convert(tomllib.loads(text), File)
    except OSError as error:
        return Toolbox(), [f"it cannot be read: {error.strerror or type(error).__name__}"]
    except UnicodeDecodeError:
        return Toolbox(), ["it is not UTF-8"]
    except tomllib.TOMLDecodeError as error:
        return Toolbox(), [f"it is not TOML: {error}"]
    except msgspec.ValidationError as error:
        return Toolbox(), [_words(error)]
    reading = _Reading(path.parent, settings.result_bytes)
    ends: list[Callable[[], Coroutine[Any, Any, None]]] = []
    if file.http:
        try:
            http = HttpClient(uses_environment=file.use_environment_proxies)
        except (ValueError, OSError) as error:  # of what the environment says
            reason = f"use_environment_proxies: the environment cannot be used: {error}"
            return Toolbox(), [reason]
        ends.append(http.close)
        for name, table in file.http.items():
            reading.http(name, table, http)
    if file.python is not None and (loop := reading.python(file.python, post)) is not None:
        ends.append(loop.stop)
    if len(reading.tools) > TOOLS_MAX:
        reading.problems.append(f"there are {len(reading.tools)} tools, {TOOLS_MAX} are allowed")
    return Toolbox(reading.tools, ends), reading.problems


class _Reading:
    """Tools and problems as they are found."""

    def __init__(self, folder: Path, result_bytes: int) -> None:
        self._folder = folder
        self._result_bytes = result_bytes
        self.tools: list[Tool] = []
        self.problems: list[str] = []

    def http(self, name: str, table: dict[str, Any], http: HttpClient) -> None:
        where = f"http.{name}"
        entry = self._converted(where, table, HttpEntry)
        if entry is None:
            return
        before = len(self.problems)
        headers = self._headers(where, entry.headers)
        key = b""
        if entry.signing_key is not None:
            key = self._kept(f"{where}.signing_key", entry.signing_key).encode()
            if len(key) < SIGNING_KEY_BYTES and len(self.problems) == before:
                sentence = f"must have at least {SIGNING_KEY_BYTES} bytes"
                self.problems.append(f"{where}.signing_key: {sentence}")
            if entry.method == "GET":
                sentence = "a request without a body has nothing to sign; use POST"
                self.problems.append(f"{where}.signing_key: {sentence}")
        if not is_address(entry.url):
            sentence = "must be http:// or https://, a host and no user"
            self.problems.append(f"{where}.url: {sentence}")
        parameters = {"type": "object", "properties": {}} | entry.parameters
        function = Function(name, entry.description, parameters, entry.timeout_s)
        scopes = frozenset(entry.scopes)
        tool = HttpTool(
            function,
            scopes,
            entry.method,
            entry.url,
            headers,
            key,
            self._result_bytes,
            http,
        )
        try:
            tool.schema  # noqa: B018  it is read now, so that it is wrong now
        except ValueError as error:
            self.problems.append(f"{where}.parameters: {error}")
        self._add(where, tool)

    def python(self, table: dict[str, Any], post: Callable[..., None]) -> OtherLoop | None:
        entry = self._converted("python", table, PythonEntry)
        if entry is None:
            return None
        directory = str((self._folder / entry.directory).resolve())
        if directory not in sys.path:
            sys.path.append(directory)
        try:
            module = importlib.import_module(entry.module)
        except BaseException as error:  # noqa: BLE001  a module may do anything, even exit
            sentence = f"{entry.module} cannot be imported: {type(error).__name__}: {error}"
            self.problems.append(f"python.module: {sentence}")
            return None
        loop = OtherLoop(entry.threads, post)
        found = list(find_tools(module, CallThreads(entry.threads, post), loop))
        if not found:
            sentence = f"{entry.module} has no function that is marked with parley_tools.tool"
            self.problems.append(f"python.module: {sentence}")
        for each in found:
            if isinstance(each, ValueError):
                self.problems.append(f"python: {each}")
            else:
                self._add(f"python: {each.function.name}", each)
        return loop

    def _add(self, where: str, tool: Tool) -> None:
        name = tool.function.name
        if not NAME.fullmatch(name):
            sentence = "a name has 1 to 64 of the characters A-Z a-z 0-9 _ -"
            self.problems.append(f"{where}: {sentence}")
        if not 0 < tool.function.timeout_s <= TIMEOUT_MAX_S:
            sentence = f"timeout_s must be above 0 and at most {TIMEOUT_MAX_S:g}"
            self.problems.append(f"{where}: {sentence}")
        if len(tool.function.description) > DESCRIPTION_CHARACTERS:
            sentence = f"the description is longer than {DESCRIPTION_CHARACTERS} characters"
            self.problems.append(f"{where}: {sentence}")
        if any(other.function.name == name for other in self.tools):
            self.problems.append(f"{where}: there is another tool of this name")
        self.tools.append(tool)

    def _converted(self, where: str, table: dict[str, Any], kind: type[T]) -> T | None:
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            self.problems.append(f"{where}: {_words(error)}")
            return None

    def _headers(self, where: str, headers: Mapping[str, str | Kept]) -> dict[str, str]:
        read = {}
        for name, value in headers.items():
            text = value if isinstance(value, str) else self._kept(f"{where}.headers.{name}", value)
            if not HEADER_NAME.fullmatch(name):
                self.problems.append(f"{where}.headers: {name!r} is no name of a header")
            elif name.lower() in OUR_HEADERS or name.lower().startswith("x-parley-"):
                self.problems.append(f"{where}.headers: {name} is set by Parley itself")
            elif not text.isascii() or not text.isprintable():
                sentence = "a header holds printable ASCII characters only"
                self.problems.append(f"{where}.headers.{name}: {sentence}")
            read[name] = text
        return read

    def _kept(self, where: str, kept: Kept) -> str:
        """The secret itself; what is wrong is said without it."""
        if bool(kept.env) == bool(kept.file):
            self.problems.append(f"{where}: give either env or file")
            return ""
        if kept.env:
            value = os.environ.get(kept.env, "").strip()
            if not value:
                self.problems.append(f"{where}: {kept.env} is not set in the environment")
            return kept.prefix + value
        try:
            return kept.prefix + (self._folder / kept.file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            self.problems.append(f"{where}: {kept.file} cannot be read: {reason}")
            return ""


def _words(error: msgspec.ValidationError) -> str:
    """What msgspec says, without its own name for the top of the file."""
    return str(error).replace("`$.", "`").replace(" - at `$`", "").replace("`", '"')
