"""Whose certificates servers of tools may have."""

import functools
import ssl

import httpx2


@functools.lru_cache(maxsize=2)
def trusted(*, uses_environment: bool) -> ssl.SSLContext:
    """One context for all connections of the process, as of the links to the model.

    Reading the system's takes 25 ms of the processor and 1 MB, and each dial of an MCP server did.
    """
    return httpx2.create_ssl_context(trust_env=uses_environment)
