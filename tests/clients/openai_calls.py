"""What the tests of `openai` for Python do with a connection."""

import base64
from contextlib import asynccontextmanager

from openai import AsyncOpenAI

from tests.clients.program import MODEL


@asynccontextmanager
async def calling(program, **options):
    """A connection with its `session.created` read; *options* are those of `connect`."""
    client = AsyncOpenAI(base_url=program.base_url, api_key=program.key)
    async with client, client.realtime.connect(model=MODEL, **options) as connection:
        assert (await connection.recv()).type == "session.created"
        yield connection


class Heard(dict):
    """Events by type, the last of each; of audio all of it, as PCM."""

    pcm = b""


async def until(connection, *kinds):
    """What is heard until all of *kinds* have come."""
    heard, wanted = Heard(), set(kinds)
    async for event in connection:
        heard[event.type] = event
        if event.type == "response.output_audio.delta":
            heard.pcm += base64.b64decode(event.delta)
        if wanted <= heard.keys():
            return heard
    raise AssertionError(f"closed before {wanted - heard.keys()}")


async def write(connection, text):
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await connection.conversation.item.create(item=item)


async def speak(connection, pieces):
    for piece in pieces:
        await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())


async def ask(connection, text):
    """What is said in answer to *text*."""
    await write(connection, text)
    await connection.response.create()
    events = await until(connection, "response.done")
    return events["response.output_audio_transcript.done"].transcript
