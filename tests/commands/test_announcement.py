"""What a gateway says at its start leads to it."""

import re
import socket
from urllib.parse import urlsplit

import pytest

from tornado_app.binding import bind_metrics, bind_server
from tornado_app.commands.announcement import announcement
from tornado_app.commands.configuration import DEFAULTS
from tornado_app.settings.loading import load
from tornado_app.sharing import Listening

IN_IT = re.compile(r"(?:ws|http)://[^\s/]+")


def _told(host: str) -> tuple[list[socket.socket], list[str]]:
    """The sockets that listen at *host*, and what is said of them."""
    environ = {
        "PARLEY_SERVER_HOST": host,
        "PARLEY_METRICS_HOST": host,
        "PARLEY_METRICS_PORT": "0",
        "PARLEY_METRICS_ENABLED": "true",
    }
    settings = load(DEFAULTS.read_text("utf-8"), None, environ)
    try:
        sockets = bind_server(0, host)
        scraped = bind_metrics(settings.metrics)
    except OSError as error:  # no IPv6, or a resolver that does not know *
        pytest.skip(f"this computer has no {host}: {error}")
    port, metrics_port = (each[0].getsockname()[1] for each in (sockets, scraped))
    listening = Listening(port, is_embedded=True, model_host="", metrics_port=metrics_port)
    return [*sockets, *scraped], announcement(listening, settings, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "*", "0.0.0.0", "0", "::", "::1"])  # noqa: S104
def test_every_address_that_is_told_can_be_opened(host):
    """Whatever it listens at, and also of its metrics and its page."""
    sockets, lines = _told(host)

    addresses = [urlsplit(each) for each in IN_IT.findall("\n".join(lines))]
    assert {"ws", "http"} == {each.scheme for each in addresses}
    for each in addresses:
        assert each.hostname not in {"*", "0.0.0.0", "0", "::"}  # noqa: S104
        socket.create_connection((each.hostname, each.port), timeout=60).close()
    for each in sockets:
        each.close()


@pytest.mark.parametrize(("host", "is_said"), [("*", True), ("::", True), ("127.0.0.1", False)])
def test_that_it_listens_everywhere_is_told(host, is_said):
    """Who has opened it to a network shall see that."""
    sockets, lines = _told(host)

    assert is_said == lines[0].endswith(" and on every other address")
    for each in sockets:
        each.close()
