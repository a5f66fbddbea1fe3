"""Tools of MCP servers: a session with each, in a thread of its own; what they list and answer.

Only here is the package ``mcp`` imported, and only if the operator's file names a server; what the
model is told, and when it is told a result, is decided elsewhere.

https://modelcontextprotocol.io/specification
"""
