"""Client secrets and transcription sessions, as stock clients ask for them."""

import pytest
from openai import AsyncOpenAI, AuthenticationError

from tests.clients.openai_calls import ask, speak, until
from tests.clients.program import AT_GATEWAY, MODEL
from tests.local_realtime.wording import TEXTS, errors

BRIEF = {"type": "realtime", "model": MODEL, "instructions": "Answer in one word."}


async def minted(program, session, key=None):
    """A secret for a page, as its server gets it."""
    async with AsyncOpenAI(base_url=program.base_url, api_key=key or program.key) as client:
        return await client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60}, session=session
        )


@pytest.mark.gen_test
async def test_a_secret_opens_the_session_it_was_made_for(speaking):
    """Who has it need not name a model, and the gateway does not show it the instructions."""
    secret = await minted(speaking, BRIEF)
    client = AsyncOpenAI(base_url=speaking.base_url, api_key=secret.value)
    async with client, client.realtime.connect() as connection:
        created = (await until(connection, "session.created"))["session.created"]
        answer = await ask(connection, "What is twelve times seven?")

    assert secret.value.startswith("ek_")
    assert created.session.model == secret.session.model == MODEL
    assert created.session.instructions == ("" if AT_GATEWAY else "Answer in one word.")
    assert answer == "84."


@pytest.mark.gen_test
async def test_a_wrong_key_gets_no_secret(echoing):
    """The SDK raises what its users catch."""
    with pytest.raises(AuthenticationError, match="401"):
        await minted(echoing, BRIEF, key="sk-wrong")


@pytest.mark.gen_test
async def test_a_transcription_session(speaking, recording, silence, chunks):
    """Nothing but the words comes back."""
    detail = {"transcription": {"model": "gpt-4o-mini-transcribe"}}
    client = AsyncOpenAI(base_url=speaking.base_url, api_key=speaking.key)
    connecting = client.realtime.connect(extra_query={"intent": "transcription"})
    async with client, connecting as connection:
        session = {"type": "transcription", "audio": {"input": detail}}
        await connection.session.update(session=session)
        await speak(connection, chunks(recording("amiable") + silence(900)))
        completed = "conversation.item.input_audio_transcription.completed"
        heard = await until(connection, completed)

    assert errors(TEXTS["amiable"], heard[completed].transcript) <= 1
    assert not any(kind.startswith("response.") for kind in heard)
