"""Pure text <-> values: client messages, Realtime events, close codes."""
