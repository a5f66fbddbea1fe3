"""WebSocket frames as a server reads and makes them (RFC 6455, section 5)."""

import struct

# Opcodes, RFC 6455 section 5.2.
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
OPCODES = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))

FINAL = MASKED = 0x80
RESERVED, OPCODE = 0x70, 0x0F
HEADER_BYTES = 2
MASK_BYTES = 4
MAX_CONTROL_BYTES = 125


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole message as a server sends it: FIN set, no mask (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def may_be_sent(code: int) -> bool:
    """Whether *code* may stand in a close frame (RFC 6455 section 7.4, and IANA's 1012-1014)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class Violation(Exception):
    """The client broke a rule of the protocol; the connection ends with *code* and *reason*."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    @classmethod
    def protocol_error(cls) -> "Violation":
        return cls(1002, "protocol_error")

    @classmethod
    def invalid_utf8(cls) -> "Violation":
        return cls(1007, "invalid_utf8")

    @classmethod
    def message_too_large(cls) -> "Violation":
        return cls(1009, "message_too_large")


def decode(payload: bytes) -> str:
    """The text of a text message or of a close reason (RFC 6455 section 8.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation.invalid_utf8() from None
