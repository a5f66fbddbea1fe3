"""The answer of one process, of several that the parent asks."""

import asyncio

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse


async def answer_of(
    client: AsyncHTTPClient, request: HTTPRequest, within_s: float
) -> HTTPResponse | None:
    """What it answers, of whatever status; None: nothing in that time.

    A request cannot be ended, and one that fails when its future was cancelled is an error in
    Tornado's log: so nobody waits for it any more, and it ends by its own clock.
    """
    try:
        asked = client.fetch(request, raise_error=False)
        asked.add_done_callback(asyncio.Future.exception)  # else asyncio says that nobody looked
        await asyncio.wait({asked}, timeout=within_s)
        return asked.result() if asked.done() else None
    except Exception:  # noqa: BLE001  whatever it is, it has not answered
        return None
