"""The client's socket: its WebSocket protocol, reading, and the bounded queue that writes.

It knows frames and bytes.  What a message means belongs to `protocol`, what follows to `session`.
"""
