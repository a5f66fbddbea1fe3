"""What stands beside the resume token in the address of a client that comes back."""

import pytest

from tests.calls.house import House
from tests.calls.test_resuming import away, cut, last_seq, token_of
from tests.fakes.upstream import FakeUpstream

KEEPS = {"session_resume_window_s": 20, "session_voices": ["ash"]}
WRONG = ["voice=gone", "input_format=mp3", "speed=9"]


@pytest.mark.gen_test
@pytest.mark.parametrize("beside", [*WRONG, "voice=ash"])
async def test_other_parameters_count_for_nothing_where_a_call_goes_on(beside):
    """Nor does it end a call that they may not be any more, as the server's rules are others or a
    fresh token fixes them: its client comes by the address of the first time.
    """
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected("voice=ash")
        cut(client)
        await away(house)
        fixed = house.token(parley_session={"voice": "ash"})
        query = f"resume={token_of(client)}&last_seq={last_seq(client)}&{beside}"
        status = (await (await house.call(query, token=fixed)).status("connected"))["data"]
        assert (True, "ash") == (status["resumed"], status["negotiated"]["voice"])
        assert 1 == len(fake.connections)


@pytest.mark.gen_test
async def test_they_count_for_the_call_that_begins_in_its_place():
    """Whoever cannot go on is told what is wrong with them, as at any opening."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        status, body, _ = await house.refusal("resume=unknown&last_seq=1&voice=gone")
        assert (400, "voice") == (status, body["data"]["field"])

        query = f"resume={token_of(client)}&last_seq={last_seq(client) + 1}&voice=gone"
        beyond = await house.call(query)
        assert "voice" == (await beyond.error("invalid_message"))["data"]["field"]
        assert (4400, "bad_request") == await beyond.closed()
        assert ["error"] == beyond.types
        del fake


@pytest.mark.gen_test
@pytest.mark.parametrize("beside", WRONG)
async def test_who_shows_the_token_later_comes_back_as_well(beside):
    """The first message has the token, and the address of the first time is wrong by now."""
    async with (
        FakeUpstream() as fake,
        House(fake.url, auth_allow_first_message=True, **KEEPS) as house,
    ):
        client = await house.connected()
        cut(client)
        await away(house)
        query = f"resume={token_of(client)}&last_seq={last_seq(client)}&{beside}"
        again = await house.call(query, token="")
        await again.say("authenticate", token=house.token())
        assert (await again.status("connected"))["data"]["resumed"]
        del fake
