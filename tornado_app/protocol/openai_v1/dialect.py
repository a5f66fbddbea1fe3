"""The dialect as one value."""

from typing import Final

from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.openai_v1.client import parse_client, read_introduction, read_place
from tornado_app.protocol.openai_v1.closing import closing
from tornado_app.protocol.openai_v1.opening import parse_opening
from tornado_app.protocol.openai_v1.server import encode
from tornado_app.protocol.realtime.overhearing import overhear

OPENAI_V1: Final = Dialect(
    "realtime",
    parse_opening,
    read_introduction,
    read_place,
    parse_client,
    encode,
    closing=closing,
    client_conducts=True,
    read_model=overhear,
)
