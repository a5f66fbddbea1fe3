"""The baseline: the thin relay that people copy.  No tokens, no audio work, no acknowledgements.

Each client gets an upstream socket of its own; messages are parsed, renamed and sent on.
"""

import argparse
import asyncio
import json

import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

UPSTREAM: web.AppKey[str] = web.AppKey("upstream", str)
HTTP: web.AppKey[ClientSession] = web.AppKey("http", ClientSession)


async def upstream_to_client(
    upstream: ClientWebSocketResponse, client: web.WebSocketResponse
) -> None:
    async for message in upstream:
        if message.type is WSMsgType.TEXT:
            event = json.loads(message.data)
            await client.send_str(json.dumps(event))


async def client_to_upstream(
    client: web.WebSocketResponse, upstream: ClientWebSocketResponse
) -> None:
    async for message in client:
        if message.type is WSMsgType.TEXT:
            event = json.loads(message.data)
            if event["type"] == "audio_data":
                append = {"type": "input_audio_buffer.append", "audio": event["audio"]}
                await upstream.send_str(json.dumps(append))


async def relay(request: web.Request) -> web.WebSocketResponse:
    client = web.WebSocketResponse()
    await client.prepare(request)
    async with request.app[HTTP].ws_connect(request.app[UPSTREAM]) as upstream:
        back = asyncio.ensure_future(upstream_to_client(upstream, client))
        await client_to_upstream(client, upstream)
        back.cancel()
    return client


async def serve(port: int, upstream_url: str) -> None:
    app = web.Application()
    app[UPSTREAM] = upstream_url
    app.router.add_get("/ws", relay)
    # aiohttp opens no more than 100 connections unless told so.
    async with ClientSession(connector=TCPConnector(limit=0)) as app[HTTP]:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"ws://127.0.0.1:{runner.addresses[0][1]}/ws", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream_url")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--uvloop", action="store_true", help="on uvloop, as few copies are")
    options = parser.parse_args()
    run = uvloop.run if options.uvloop else asyncio.run
    run(serve(options.port, options.upstream_url))


if __name__ == "__main__":
    main()
