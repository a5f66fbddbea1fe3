"""The gateway's address, and what its parameters say of the audio (docs/protocol.md, section 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from terminal.addresses import is_name
from tornado_app.commands.talk.failure import Failed
from workers.formats import RATE_HZ_MAX, RATE_HZ_MIN, AudioFormat, Encoding

DEFAULT_RATE_HZ = 24_000
TELEPHONE = {"pcmu", "pcma"}
TELEPHONE_RATE_HZ = 8_000
FASTEST_HZ = 48_000
"""What a recording with more than the gateway takes is brought to."""


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to call, and in which formats: the user's own, where the address names them."""

    url: str
    query: Mapping[str, str]

    @property
    def source(self) -> AudioFormat:
        """What is sent.

        Raises:
            Failed: If it is nothing that can be sent from here; the gateway may know it.
        """
        return self._format("input")

    @property
    def target(self) -> AudioFormat:
        """What comes back.

        Raises:
            Failed: If it is nothing that can be read here.
        """
        return self._format("output")

    @property
    def ends_turns(self) -> bool:
        """Whether the model hears by itself when a turn is over, and may find more than one."""
        return self.query["turn_detection"] != "none"

    def _format(self, side: str) -> AudioFormat:
        encoding = self.query.get(f"{side}_format", "pcm16")
        default_hz = TELEPHONE_RATE_HZ if encoding in TELEPHONE else DEFAULT_RATE_HZ
        try:
            return AudioFormat(
                cast(Encoding, encoding),
                int(self.query.get(f"{side}_rate", default_hz)),
                int(self.query.get("input_channels", 1)) if side == "input" else 1,
            )
        except ValueError as error:
            raise Failed(f"talk knows no such {side} as --url asks for: {error}.") from None


def read_address(url: str, recording_hz: int, wished: Mapping[str, str] | None = None) -> Address:
    """The address with what a recording needs: its rate, and turns that end with it.

    *wished* are parameters that count before those of *url*.

    Raises:
        Failed: If nobody can be called there.
    """
    parts = _parts(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query |= wished or {}
    query.setdefault("turn_detection", "none")
    if query.setdefault("input_format", "pcm16") not in TELEPHONE:
        query.setdefault("input_rate", str(_sent_hz(recording_hz)))
    return Address(_called(parts._replace(query=urlencode(query))), query)


def address_as_it_is(url: str) -> str:
    """The same address, with the path of a gateway if it has none.

    Raises:
        Failed: If nobody can be called there.
    """
    return _called(_parts(url))


def place_of(url: str) -> str:
    """Host and port, for people."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _called(parts: SplitResult) -> str:
    # The address of a browser has the "/" alone.
    path = "/ws" if parts.path in {"", "/"} else parts.path
    return urlunsplit(parts._replace(path=path, fragment=""))


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_place = parts.port != 0 and is_name(parts.hostname or "")
    except ValueError:
        is_place, parts = False, urlsplit("")
    if parts.scheme in {"http", "https"} and parts.hostname:
        instead = urlunsplit(parts._replace(scheme=parts.scheme.replace("http", "ws")))
        raise Failed(f"The gateway's address begins with ws:// or wss://; try --url {instead}")
    if parts.scheme not in {"ws", "wss"} or not is_place:
        raise Failed(
            f"The gateway's address begins with ws:// or wss://, as ws://127.0.0.1:8765/ws does, "
            f"and {url or 'nothing'} is none."
        )
    return parts


def _sent_hz(recording_hz: int) -> int:
    if recording_hz > RATE_HZ_MAX:
        return FASTEST_HZ
    return max(RATE_HZ_MIN, recording_hz)
