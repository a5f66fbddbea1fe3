"""How much went over the clients' sockets."""


class Traffic:
    """Of all WebSockets of a process.  Thread: loop."""

    __slots__ = ("received_bytes", "sent_bytes")

    def __init__(self) -> None:
        self.received_bytes = 0
        self.sent_bytes = 0
