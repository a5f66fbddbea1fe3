"""A Realtime server that runs on this computer and speaks the GPT Realtime API's GA dialect.

Here stand what starts it (`cli`, `server`) and the leaves of all rooms (`errors`, `ids`).  It knows
nothing of the gateway, which starts it as a process and dials it like any other model.
"""
