"""How what a client is told is spelled: the ``data`` of every message, in its envelope."""

import msgspec

from tornado_app.protocol import told

TYPES: dict[type[told.ServerMessageBase], str] = {
    told.ConnectionStatus: "connection_status",
    told.Configured: "configured",
    told.AudioReceived: "audio_received",
    told.AudioCommitted: "audio_committed",
    told.AudioCleared: "audio_cleared",
    told.PongReply: "pong",
    told.SpeechStarted: "speech_started",
    told.SpeechStopped: "speech_stopped",
    told.Transcript: "transcript",
    told.ResponseStarted: "response_started",
    told.ResponseDone: "response_done",
    told.Audio: "audio",
    told.Interrupted: "interrupted",
    told.AnswerGoesOn: "answer_goes_on",
    told.ToolCall: "tool_call",
    told.ToolCallCancelled: "tool_call_cancelled",
    told.ToolActivity: "tool_activity",
    told.TokenExpiring: "token_expiring",
    told.TokenRefreshed: "token_refreshed",
    told.LimitWarning: "limit_warning",
    told.ListeningIn: "listening_in",
    told.GoingAway: "going_away",
    told.Status: "status",
    told.ErrorReport: "error",
}

_encoder = msgspec.json.Encoder()
_HEADS = {kind: f'{{"type":"{name}","data":'.encode() for kind, name in TYPES.items()}
_TAIL = b',"error":"","timestamp":%d,"seq":%d}'

# The hot path: an acknowledgement for each chunk of speech, and what comes back.  Base64 needs no
# escaping, and looking for what does takes longer than all that the session does with a piece.
_RECEIVED = (
    _HEADS[told.AudioReceived]
    + b'{"size":%d,"timestamp":%d,"duration_ms":%.2f,"level_dbfs":%.1f,"chunk":%d%b}'
    + _TAIL
)
_PIECE = (
    _HEADS[told.Audio]
    + b'{"item_id":%b,"response_id":%b,"offset_ms":%b,"duration_ms":%b,"audio":"%b"}'
    + _TAIL
)


def encode(message: told.ServerMessage, seq: int, timestamp_ms: int) -> bytes:
    """One message as JSON text: the envelope of docs/protocol.md around its ``data``.

    The values are spelled by their own names, a field that is None is left out; what is not, stands
    here.
    """
    match message:
        case told.AudioReceived():
            return _RECEIVED % (
                message.size,
                timestamp_ms,
                message.duration_ms,
                message.level_dbfs,
                message.chunk,
                b"" if message.ref is None else b',"ref":%b' % _encoder.encode(message.ref),
                timestamp_ms,
                seq,
            )
        case told.Audio() if message.audio is not None and message.wait is None:
            return _PIECE % (
                _encoder.encode(message.item_id),
                _encoder.encode(message.response_id),
                _encoder.encode(message.offset_ms),
                _encoder.encode(message.duration_ms),
                message.audio.encode(),
                timestamp_ms,
                seq,
            )
        case told.ErrorReport():
            fields = msgspec.to_builtins(message)
            sentence = _encoder.encode(fields.pop("sentence"))
            data = _encoder.encode(fields)
            tail = b',"error":%b,"timestamp":%d,"seq":%d}' % (sentence, timestamp_ms, seq)
            return _HEADS[told.ErrorReport] + data + tail
        case _:
            return _HEADS[type(message)] + _encoder.encode(message) + _TAIL % (timestamp_ms, seq)
