"""The sockets of the addresses that it listens on; nobody is answered yet."""

import errno
import socket

from tornado.netutil import bind_sockets

from terminal.addresses import why_unheard
from tornado_app.settings.schema import Metrics

BACKLOG = 1024
"""Connections that the kernel keeps for us: one that it does not keep tries again in a second."""


def bind_metrics(metrics: Metrics, further: int = 0) -> list[socket.socket]:
    """Where a scraper asks, or so many ports *further*.

    Raises:
        OSError: If that address cannot be listened on; it says which settings name it.
    """
    port = metrics.port and metrics.port + further
    try:
        return bind_sockets(port, metrics.host)
    except (OSError, UnicodeError) as error:
        why = f"metrics.host and metrics.port, {metrics.host}:{port}: {why_unheard(error)}"
        raise OSError(why) from None


def bind_server(port: int, host: str, *, reuse_port: bool = False) -> list[socket.socket]:
    """Where clients call.

    Raises:
        OSError: If that address cannot be listened on; it says which settings name it.
    """
    try:
        return bind_sockets(port, host, backlog=BACKLOG, reuse_port=reuse_port)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            why = f"{host}:{port} is in use. Choose another with --port; 0 finds one."
        else:
            why = f"server.host and server.port, {host}:{port}: {why_unheard(error)}"
        raise OSError(why) from None


def close_all(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
