"""The dialect as one value."""

from typing import Final

from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.voice_v1.client import parse_client, read_introduction, read_place
from tornado_app.protocol.voice_v1.opening import parse_opening
from tornado_app.protocol.voice_v1.server import encode

VOICE_V1: Final = Dialect(
    "voice.v1", parse_opening, read_introduction, read_place, parse_client, encode
)
