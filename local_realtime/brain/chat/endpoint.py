"""A chat completions endpoint: where it is, and how long it may take."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from terminal.addresses import is_name

PATH = "/chat/completions"


MESSAGES = {
    "chat_unreachable": "The chat endpoint cannot be reached.",
    "chat_timeout": "The chat endpoint did not answer in time.",
    "chat_refused": "The chat endpoint refused the request.",
    "chat_broken": "The chat endpoint ended in the middle of its answer.",
    "chat_too_long": "The chat endpoint's answer is too long.",
    "chat_error": "The chat endpoint reported an error in its answer.",
    "chat_bad_answer": "The chat endpoint sent something that is no streamed chat completion.",
}
"""What a client is told by code: neither address nor key, nor words of the endpoint's, which may
hold them."""


class ChatFailed(Exception):
    """There is no answer, or no more of it."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or MESSAGES[code])
        self.code = code


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """An address like ``http://127.0.0.1:11434/v1``, of llama.cpp, Ollama, vLLM and others.

    Raises:
        ValueError: If there is no such address, or the key cannot be sent.
    """

    url: str = field(repr=False)
    model: str = ""
    """Not sent if empty: a server with one model needs none."""

    api_key: str = field(default="", repr=False)
    connect_timeout_s: float = 5.0
    first_timeout_s: float = 60.0
    """From the request to the first of the answer: a small computer reads a long talk slowly."""

    stall_timeout_s: float = 20.0
    """Between two pieces of the answer."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        _ = parts.port  # raises a ValueError of its own
        if (
            parts.scheme not in {"http", "https"}
            or not is_name(parts.hostname or "")
            or "@" in parts.netloc
            or parts.fragment
            or not (self.url.isascii() and self.url.isprintable() and " " not in self.url)
        ):
            raise ValueError("the chat address must be http:// or https:// with a host")
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ValueError("the chat key must be printable ASCII")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if self.is_secure else 80)

    @property
    def is_secure(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    @property
    def target(self) -> str:
        """What stands in the request line; the base address and the whole one are both good."""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/").removesuffix(PATH) + PATH
        return f"{path}?{parts.query}" if parts.query else path

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "Host": urlsplit(self.url).netloc,
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Connection": "close",
        }
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return headers
