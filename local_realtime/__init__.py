"""A Realtime server that runs on this computer and speaks the GPT Realtime API's GA dialect.

The layers, top down: `cli` starts, `server` and `handler` hold sockets and clocks, `session` and
what it imports are pure: events in, outputs out, ``now`` is an argument.  `faulty_handler` and
`faulty` stand between the two and spoil what goes out; `scripted` takes a session's place.
Beside them, `mode` chooses who answers: `echo`, or `speech` with its models and threads and a
pure `brain`.
"""
