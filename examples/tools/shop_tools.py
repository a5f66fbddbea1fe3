"""Tools in Python: each marked function is one (docs/tools.md)."""

import asyncio
from typing import Annotated, Literal

from msgspec import Meta

from parley_tools import Caller, ToolError, tool

STOCK = {"tea": 12, "coffee": 0}


@tool
def get_stock(product: Annotated[str, Meta(description="One product, in the singular")]) -> dict:
    """How many pieces of a product are in stock."""
    if product not in STOCK:
        raise ToolError(f"There is no product called {product}.")
    return {"product": product, "pieces": STOCK[product]}


@tool(timeout_s=5)
async def book_table(
    caller: Caller, guests: Annotated[int, Meta(ge=1, le=12)], day: Literal["today", "tomorrow"]
) -> str:
    """Book a table for some guests."""
    await asyncio.sleep(0)  # here the booking is written down for caller.user_id
    return f"A table for {guests} is booked {day}, number {len(caller.user_id)}."
