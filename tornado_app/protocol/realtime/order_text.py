"""How what we ask of the model is spelled."""

import msgspec
from msgspec import to_builtins
from msgspec.structs import replace

from tornado_app.protocol.realtime.orders import AnyOrder, Append, Clear, Commit, Relayed

_encoder = msgspec.json.Encoder()


def encode_order(order: AnyOrder) -> bytes:
    """One client event as JSON text."""
    if isinstance(order, Append):
        if order.event_id:
            named = {"type": "input_audio_buffer.append", "event_id": order.event_id}
            return _encoder.encode({**named, "audio": order.audio.decode()})
        # The hot path: base64 needs no escaping, so the text is put together as it is.
        return b'{"type":"input_audio_buffer.append","audio":"%b"}' % order.audio
    if isinstance(order, Relayed):
        return order.text
    if isinstance(order, Commit | Clear) and order.beside:
        plain = replace(order, beside={})
        return _encoder.encode({**order.beside, **to_builtins(plain)})
    return _encoder.encode(order)
