"""Addresses to listen on, as a person may write them, and as others on this computer open them."""

import contextlib
import os
import socket
from ipaddress import ip_address

EVERY = "*"
"""All addresses of this computer, as glibc's resolver has it; others know it by no name."""
NO_NAME = "this is no name of a computer"
MUST_BE_HOST = "must be an address or a name of this computer, with no port, bracket or space"

NO_PROXY_HERE = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
"""As mounts of httpx2: no proxy of the environment finds what is on this computer."""


def is_host(host: str) -> bool:
    """Whether *host* may be an address or a name: alone, and nothing that a resolver cuts off."""
    if not host.isprintable() or set(host) & set(" /@?#[]"):
        return False
    if ":" not in host:
        return bool(host)
    try:
        ip_address(host)
    except ValueError:  # a port stands behind it, or several are named
        return False
    return True


def is_name(host: str) -> bool:
    """Whether a resolver can be asked for it; Python raises no `OSError` for one that cannot be."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:  # an empty or a long part
        return False


def reachable(host: str) -> str:
    """Where somebody on this computer finds what listens at *host*; nobody calls "all of them"."""
    if host == EVERY:
        return "127.0.0.1"
    if ":" in host:
        return "::1" if ip_address(host).is_unspecified else host
    try:
        is_every = not any(socket.inet_aton(host))  # also as 0, which is short for it
    except (OSError, UnicodeEncodeError):
        return host
    return "127.0.0.1" if is_every else host


def in_url(host: str, port: int) -> str:
    """Both as they stand in an address that begins with ws:// or http://."""
    with contextlib.suppress(UnicodeError):  # no name; who dials it says so
        host = host.encode("idna").decode()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why_unheard(error: OSError | UnicodeError) -> str:
    """In the system's words, why an address cannot be listened on."""
    if isinstance(error, UnicodeError):
        return NO_NAME
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)
