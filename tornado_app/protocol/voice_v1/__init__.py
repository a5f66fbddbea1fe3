"""The dialect of Parley's own clients (docs/protocol.md): the opening, what they say and are told.

Only spelling belongs here, with the bounds that a reader of one message can check.
"""
