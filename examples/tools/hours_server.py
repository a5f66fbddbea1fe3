"""An MCP server with one tool: when the shop is open, over streamable HTTP.

    .venv/bin/python examples/tools/hours_server.py

It needs the package mcp, which `make run` installs; HOURS_PORT for another port than 9001.
A server of your own can be written in any language: https://modelcontextprotocol.io
"""

import os

from mcp.server.mcpserver import MCPServer

server = MCPServer("hours", log_level="WARNING")


@server.tool()
def get_opening_hours(day: str) -> str:
    """When the shop is open on a day of the week."""
    if day.lower() == "sunday":
        return "On Sunday the shop is closed."
    return f"On {day.capitalize()} the shop is open from nine to six."


if __name__ == "__main__":
    port = int(os.environ.get("HOURS_PORT", "9001"))
    server.run("streamable-http", host="127.0.0.1", port=port)
