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
KEPT = '{ env = "NAME" } or { file = "NAME" }, with a prefix if need be'


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """A secret that stands elsewhere: in the environment, or in a file."""

    env: str = ""
    file: str = ""
    prefix: str = ""


Headers = Annotated[dict[str, str | Kept], Meta(description=f"names and values, each text, {KEPT}")]
Scopes = Annotated[tuple[str, ...], Meta(description="a list, each item text")]
SigningKey = Annotated[Kept | None, Meta(description=KEPT)]


class HttpEntry(MannersEntry, frozen=True, forbid_unknown_fields=True):
    """``[http.NAME]``."""

    description: Text
    url: Text
    method: Method = "POST"
    headers: Headers = {}
    parameters: Annotated[dict[str, Any], Meta(description="a table, a JSON Schema")] = {}
    timeout_s: Seconds = 10.0
    scopes: Scopes = ()
    signing_key: SigningKey = None


class PythonEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """``[python]``."""

    module: Text
    directory: str = "."
    threads: Annotated[int, Meta(ge=1, le=256)] = 8


class McpEntry(MannersEntry, frozen=True, forbid_unknown_fields=True):
    """``[mcp.NAME]``."""

    url: Text
    tools: Annotated[
        tuple[Text, ...],
        Meta(min_length=1, max_length=TOOLS_MAX, description=f"a list of 1 to {TOOLS_MAX} names"),
    ]
    handled_by: Literal["gateway", "model"] = "gateway"
    prefix: str = ""
    headers: Headers = {}
    timeout_s: Seconds = 10.0
    scopes: Scopes = ()
    signing_key: SigningKey = None


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; each tool is read by itself, so that each says what is wrong with it."""

    http: Annotated[
        dict[str, dict[str, Any]], Meta(description="tables, written as [http.NAME]")
    ] = {}
    python: Annotated[dict[str, Any] | None, Meta(description="a table, written as [python]")] = (
        None
    )
    mcp: Annotated[
        dict[str, dict[str, Any]], Meta(description="tables, written as [mcp.NAME]")
    ] = {}
    use_environment_proxies: bool = False
