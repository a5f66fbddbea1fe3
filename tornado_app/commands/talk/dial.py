"""The way to a gateway, and a sentence for everything that may stand in it."""

import json
import re
import socket
import ssl

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import HTTPTimeoutError
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from tornado_app.commands.talk.address import place_of
from tornado_app.commands.talk.failure import Failed, TurnedAway

DIAL_TIMEOUT_S = 5.0
"""A gateway answers in some milliseconds, from the other side of the world in one second."""
TURNED_AWAY = {400, 401, 403}
"""Of the table of refusals those that no time changes (docs/protocol.md, section 1)."""
_ZONE = re.compile(r"%[^]]*")
"""Behind a link-local address: of this computer alone, and no part of a Host (RFC 6874, 1)."""
MESSAGE_BYTES = 64 * 1024 * 1024
"""More than any message of a gateway; what is no gateway may send anything."""


async def dial(url: str, token: str) -> WebSocketClientConnection:
    """Open the WebSocket.

    Raises:
        TurnedAway: With the gateway's words, where asking again is of no use.
        Failed: With what is wrong, and what to do.
    """
    place = place_of(url)
    try:
        request = HTTPRequest(
            url,
            headers={"Authorization": f"Bearer {token}", "Host": _ZONE.sub("", place)},
            connect_timeout=DIAL_TIMEOUT_S,
            request_timeout=DIAL_TIMEOUT_S,
            follow_redirects=False,
        )
        return await websocket_connect(request, max_message_size=MESSAGE_BYTES)
    except HTTPTimeoutError:
        raise Failed(
            f"{place} does not answer within {DIAL_TIMEOUT_S:g} s: "
            "something else may listen there, or the gateway hangs."
        ) from None
    except HTTPClientError as error:
        failure = TurnedAway if error.code in TURNED_AWAY else Failed
        raise failure(_refusal(error, url)) from None
    except (StreamClosedError, WebSocketError, ConnectionResetError):
        raise Failed(_no_gateway(url)) from None
    except OSError as error:
        raise Failed(_unreached(error, url)) from None
    except ValueError:
        raise Failed("The token holds characters that no token has.") from None


def _refusal(error: HTTPClientError, url: str) -> str:
    """The gateway's own sentence, if it sent one."""
    place = place_of(url)
    try:
        sentence = json.loads(error.response.body)["error"] if error.response else ""
    except (ValueError, KeyError, TypeError):
        sentence = ""
    if sentence and isinstance(sentence, str):
        token = " Give it a token of its own with --token." if error.code == 401 else ""
        return f"The gateway refused: {sentence}{token}"
    if error.code == 404:
        return f"Something answers at {place}, but no gateway is there; its path is /ws."
    if 300 <= error.code < 400:
        return f"{place} sends us elsewhere (HTTP {error.code}); call the gateway itself."
    if error.code == 599:
        return _no_gateway(url)
    return f"{place} refused with HTTP {error.code}, and not in words of a gateway."


def _no_gateway(url: str) -> str:
    place = place_of(url)
    secure = "" if url.startswith("wss:") else " If it wants TLS, say wss:// in --url."
    return f"What listens at {place} is no gateway, or it closed at once.{secure}"


def _unreached(error: OSError, url: str) -> str:
    place = place_of(url)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {place} is not trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"{place} does not speak TLS as wss:// wants it; say ws:// if it has none."
    if isinstance(error, socket.gaierror):
        return f"There is no computer called {place}, or no network to ask."
    if isinstance(error, ConnectionRefusedError):
        return f"No gateway listens at {place}. Start one with run.py, or say --url."
    return f"{place} cannot be reached: {error.strerror or error}."
