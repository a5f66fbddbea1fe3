"""How what we ask of the model is spelled."""

import msgspec

from tornado_app.protocol.realtime.orders import AnyOrder, Append, Relayed

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
    return _encoder.encode(order)
