"""What an MCP server answers, as the model is told it.

https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
"""

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from tornado_app.tools.result import FAILED, Result

_encoder = msgspec.json.Encoder()


class Answer(Protocol):
    """As much of ``CallToolResult`` of the package as is looked at."""

    @property
    def content(self) -> Iterable[Any]: ...

    @property
    def structured_content(self) -> Any: ...

    @property
    def is_error(self) -> bool | None: ...


def result_of(answer: Answer, result_bytes: int) -> Result:
    """Texts joined, what is structured as JSON, and in words what a model cannot read.

    An answer that says the same as text and as JSON, as the protocol advises, is given once.
    """
    parts = [_in_words(block) for block in answer.content]
    if answer.is_error:
        sentence = "\n".join(parts) or FAILED
        return _bounded(Result.fault(sentence, detail="is_error"), result_bytes)
    structured = answer.structured_content
    if structured is not None:
        try:
            text = _encoder.encode(structured).decode()
        except (ValueError, TypeError, RecursionError, UnicodeError):
            return Result.fault("The tool answered with what is no JSON.", detail="broken")
        parts = [part for part in parts if not _is_said(part, structured)] + [text]
    try:
        return _bounded(Result("\n".join(parts)), result_bytes)
    except UnicodeError:
        return Result.fault("The tool answered with what is no text.", detail="broken")


def _bounded(result: Result, result_bytes: int) -> Result:
    if len(result.output.encode()) > result_bytes:
        return Result.fault("The result of the tool is too large.", "too_large")
    return result


def _is_said(text: str, structured: Any) -> bool:
    """Whether *structured* says *text*, or wraps it as ``{"result": ...}`` as servers do."""
    if structured == {"result": text}:
        return True
    try:
        read = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return bool(structured in (read, {"result": read}))


def _in_words(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "image" | "audio":
            named = "an image" if block.type == "image" else "a recording"
            return f"(There is {named} here, {block.mime_type}, which is not shown.)"
        case "resource_link":
            return f"(There is a link here: {block.name}, {block.uri})"
        case "resource" if isinstance(text := getattr(block.resource, "text", None), str):
            return text
        case "resource":
            return f"(There is a file here, {block.resource.uri}, which is not shown.)"
    return "(There is something here that is not shown.)"
