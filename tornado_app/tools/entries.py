"""What may stand in the operator's file of tools: its shape, as values."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tornado_app.tools.http import Method
from tornado_app.tools.manners import MannersEntry

DESCRIPTION_CHARACTERS = 4096
TIMEOUT_MAX_S = 300.0
TOOLS_MAX = 128
"""The API takes no more of them in a session."""

Seconds = Annotated[float, Meta(gt=0, le=TIMEOUT_MAX_S)]
Text = Annotated[str, Meta(min_length=1, max_length=DESCRIPTION_CHARACTERS)]


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """A secret that stands elsewhere: in the environment, or in a file."""

    env: str = ""
    file: str = ""
    prefix: str = ""


class HttpEntry(MannersEntry, frozen=True, forbid_unknown_fields=True):
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


class McpEntry(MannersEntry, frozen=True, forbid_unknown_fields=True):
    """``[mcp.NAME]``."""

    url: Text
    tools: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=TOOLS_MAX)]
    handled_by: Literal["gateway", "model"] = "gateway"
    prefix: str = ""
    headers: dict[str, str | Kept] = {}
    timeout_s: Seconds = 10.0
    scopes: tuple[str, ...] = ()
    signing_key: Kept | None = None


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; each tool is read by itself, so that each says what is wrong with it."""

    http: dict[str, dict[str, Any]] = {}
    python: dict[str, Any] | None = None
    mcp: dict[str, dict[str, Any]] = {}
    use_environment_proxies: bool = False
