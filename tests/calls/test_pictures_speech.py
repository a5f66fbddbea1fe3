"""A picture before the local model, which cannot see."""

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.calls.house import House
from tests.calls.test_opus_speech import SPEECH_S, final_words, local_model
from tests.calls.test_pictures import show
from tornado_app.admission.sealing import Seal, read_key

SEALING = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"


@pytest.mark.gen_test(timeout=120)
@pytest.mark.parametrize("text", [None, "What is in this picture?"], ids=["alone", "asked"])
async def test_it_says_that_it_cannot_see_and_goes_on(text):
    """In words, and what is asked next is answered; the token is sealed here."""
    said = {"images": True, "output": "text"}
    async with local_model() as (url, _), House(url, auth_sealing_key=SEALING) as house:
        sealed = Seal(read_key(SEALING)).close(said)
        client = await house.connected(token=house.token(parley_session=sealed))
        await show(client, text=text)
        done = await client.next("response_done", SPEECH_S)
        assert "completed" == done["data"]["status"]
        assert "I cannot look at pictures" in final_words(client, "assistant")
        await client.say("text", text="What is 2 plus 2?")
        await client.next("response_done", SPEECH_S)
        assert "2 plus 2 is 4." in final_words(client, "assistant")
        assert "error" not in client.types
