"""A baseline: the thin relay as people write it with `websockets`.  No tokens, no audio work.

Each client gets an upstream socket of its own; messages are parsed, renamed and sent on.
"""

import argparse
import asyncio
import json

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def upstream_to_client(upstream: ClientConnection, client: ServerConnection) -> None:
    async for message in upstream:
        event = json.loads(message)
        await client.send(json.dumps(event))


async def client_to_upstream(client: ServerConnection, upstream: ClientConnection) -> None:
    async for message in client:
        event = json.loads(message)
        if event["type"] == "audio_data":
            append = {"type": "input_audio_buffer.append", "audio": event["audio"]}
            await upstream.send(json.dumps(append))


async def run(port: int, upstream_url: str) -> None:
    async def relay(client: ServerConnection) -> None:
        async with connect(upstream_url) as upstream:
            back = asyncio.ensure_future(upstream_to_client(upstream, client))
            try:
                await client_to_upstream(client, upstream)
            finally:
                back.cancel()
                await asyncio.wait([back])
                if not back.cancelled() and not isinstance(back.exception(), ConnectionClosed):
                    back.result()

    async with serve(relay, "127.0.0.1", port) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"ws://127.0.0.1:{port}/ws", flush=True)
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream_url")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(run(options.port, options.upstream_url))


if __name__ == "__main__":
    main()
