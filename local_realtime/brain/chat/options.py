"""How the command line and the environment name a chat model."""

import argparse
import os
from collections.abc import Mapping

from local_realtime.brain.chat.endpoint import ChatEndpoint

PREFIX = "LOCAL_REALTIME_CHAT_"
KEY_VARIABLE = f"{PREFIX}API_KEY"
TIMEOUTS = {
    "connect": "until the chat model takes the connection",
    "first": "until the first of its answer",
    "stall": "between two pieces of it",
}


def add_chat_options(
    parser: argparse.ArgumentParser, environ: Mapping[str, str] = os.environ
) -> None:
    """Each option may be a variable, too; the key is never an argument, since ps shows those."""
    parser.add_argument(
        "--chat-url",
        metavar="URL",
        default=environ.get(f"{PREFIX}URL", ""),
        help="a chat completions endpoint that thinks, such as http://127.0.0.1:11434/v1; "
        f"its key is taken from {KEY_VARIABLE}",
    )
    parser.add_argument(
        "--chat-model",
        metavar="NAME",
        default=environ.get(f"{PREFIX}MODEL", ""),
        help="which of its models",
    )
    for name, meaning in TIMEOUTS.items():
        parser.add_argument(
            f"--chat-{name}-timeout-s",
            type=_seconds,
            metavar="S",
            default=environ.get(
                f"{PREFIX}{name.upper()}_TIMEOUT_S",
                str(ChatEndpoint.__dataclass_fields__[f"{name}_timeout_s"].default),
            ),
            help=f"how long to wait {meaning}",
        )


def chat_of(
    options: argparse.Namespace, environ: Mapping[str, str] = os.environ
) -> ChatEndpoint | None:
    """The chat model that was named, if any.

    Raises:
        ValueError: If it cannot be one.
    """
    if not options.chat_url:
        return None
    return ChatEndpoint(
        url=options.chat_url,
        model=options.chat_model,
        api_key=environ.get(KEY_VARIABLE, ""),
        connect_timeout_s=options.chat_connect_timeout_s,
        first_timeout_s=options.chat_first_timeout_s,
        stall_timeout_s=options.chat_stall_timeout_s,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"must be a number from 0.1 to 600, not {text}")
    return seconds
