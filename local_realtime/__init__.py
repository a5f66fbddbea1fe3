"""A Realtime server that runs on this computer and speaks the GPT Realtime API's GA dialect.

The layers, top down: `cli` starts, `server` and `handler` hold sockets and clocks, `session` and
what it imports are pure: events in, outputs out, ``now`` is an argument.  Beside them, `mode`
chooses who answers: `echo`, or `speech` with its models and threads and a pure `brain`.
"""
