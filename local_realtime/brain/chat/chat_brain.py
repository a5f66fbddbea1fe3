"""The brain that asks a chat model.  Thread: loop."""

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from local_realtime.brain.chat.endpoint import ChatEndpoint, ChatFailed
from local_realtime.brain.chat.http import post
from local_realtime.brain.chat.request import request_of
from local_realtime.brain.chat.stream import AnswerReader, EventReader
from local_realtime.brain.dialogue import Talk, Thought
from local_realtime.session.responder import FunctionCall, Incomplete

MAX_LETTERS = 4000
"""Four minutes of speech, a little more than the 4096 tokens an answer of the API may have."""

logger = logging.getLogger(__name__)


class Chat:
    def __init__(self, endpoint: ChatEndpoint) -> None:
        self._endpoint = endpoint

    async def think(self, talk: Talk) -> AsyncGenerator[Thought, None]:
        """The chat model's answer as it comes; to close the generator is to end the request.

        Raises:
            ChatFailed: If there is none, or it ends too soon.
        """
        body = json.dumps(request_of(talk, self._endpoint.model)).encode()
        try:
            async with aclosing(self._answer(talk, body)) as thoughts:
                async for thought in thoughts:
                    yield thought
        except ChatFailed as failed:
            logger.warning("%s: %s", failed.code, failed)
            raise

    async def _answer(self, talk: Talk, body: bytes) -> AsyncGenerator[Thought, None]:
        events, answer, letters = EventReader(), AnswerReader(), 0
        async with aclosing(post(self._endpoint, body)) as pieces:
            async for piece in pieces:
                for event in events.feed(piece):
                    text = answer.feed(event)
                    if not letters:
                        text = text.lstrip()  # many begin with an empty line
                    if text:
                        yield text[: MAX_LETTERS - letters]
                    letters += len(text)
                    if letters > MAX_LETTERS:
                        yield Incomplete("max_output_tokens")
                        return
                if answer.is_over:
                    break
        for thought in self._ending(events, answer, talk):
            yield thought

    def _ending(self, events: EventReader, answer: AnswerReader, talk: Talk) -> list[Thought]:
        texts = [*map(answer.feed, events.finish()), answer.finish()]
        thoughts: list[Thought] = [text for text in texts if text]
        reason = answer.finish_reason
        if reason is None and not answer.is_over:
            raise ChatFailed("chat_broken")
        if reason == "length":
            return [*thoughts, Incomplete("max_output_tokens")]
        if reason == "content_filter":
            return [*thoughts, Incomplete("content_filter")]
        calls: list[FunctionCall] = answer.calls(frozenset(tool["name"] for tool in talk.tools))
        if not talk.parallel_tool_calls:
            calls = calls[:1]
        return [*thoughts, *calls]
