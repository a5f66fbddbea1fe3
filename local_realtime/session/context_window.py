"""What of a conversation a model still sees once it has become too long: `truncation`."""

from typing import Any

from local_realtime.errors import Refused
from local_realtime.session.items import Item
from local_realtime.session.usage import Context, item_tokens, text_tokens


class ContextWindow:
    """Leaves out the oldest items; the conversation itself keeps them.

    What has been left out once stays so: with a `retention_ratio` of 0.8 nothing more is left out
    until that fifth is full again, and so long the cache holds.
    """

    def __init__(self) -> None:
        self._left_out: set[str] = set()

    def fit(self, context: Context, truncation: Any, input_tokens: int) -> tuple[Item, ...]:
        """The items of *context* that are to be seen; the last one always is.

        Raises:
            Refused: If they are too many and *truncation* forbids to leave any out.
        """
        self._left_out &= {item.id for item in context.items}
        seen = [item for item in context.items if item.id not in self._left_out]
        limit = input_tokens - text_tokens(context.head)
        keep_ratio = 1.0
        if isinstance(truncation, dict):
            wanted = truncation["token_limits"].get("post_instructions", limit)
            limit, keep_ratio = min(limit, wanted), truncation["retention_ratio"]
        counts = [item_tokens(item).total for item in seen]
        total = sum(counts)
        if total <= limit:
            return tuple(seen)
        if truncation == "disabled":
            message = (
                f"The conversation has {total} tokens, but only {max(limit, 0)} fit into the "
                "context of this model, and truncation is disabled."
            )
            raise Refused("context_length_exceeded", message)
        return self._without_oldest(seen, counts, int(limit * keep_ratio))

    def _without_oldest(
        self, seen: list[Item], counts: list[int], keep_tokens: int
    ) -> tuple[Item, ...]:
        total, start = sum(counts), 0
        while total > keep_tokens and start < len(seen) - 1:
            total -= counts[start]
            start += 1
        self._left_out |= {item.id for item in seen[:start]}
        return tuple(seen[start:])
