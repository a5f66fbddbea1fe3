"""What holds for every request to a tool, over HTTP and MCP alike."""

import httpx2

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


async def stay_here(response: httpx2.Response) -> None:
    """A hook: the library builds the request that a redirect asks for, though nobody follows it,
    and breaks at an address that is none.
    """
    response.headers.pop("location", None)


def was_sent(error: Exception) -> bool:
    """Whether somebody may have begun with the request: done again, it could be done twice."""
    return not isinstance(error, _NEVER_SENT)
