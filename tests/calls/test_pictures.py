"""Turns with a picture in whole calls, over real sockets."""

import base64
import json

import pytest

from tests.calls.house import House, whole_log
from tests.fakes.pictures import jpeg, png
from tests.fakes.upstream import FakeUpstream

ASKED = "What do you see?"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def show(client, data=None, kind="png", **fields):
    await client.say("image", image=encoded(png() if data is None else data), format=kind, **fields)


@pytest.mark.gen_test
async def test_a_picture_goes_to_the_model_and_is_answered():
    """By a token that allows it, as large as may be; kept while the model is away."""
    large = png() + bytes(180_000 - len(png()))
    with whole_log("debug") as log:
        async with (
            FakeUpstream() as fake,
            House(fake.url, upstream_reconnect_initial_ms=1) as house,
        ):
            token = house.token(parley_session={"images": True})
            client = await house.connected(token=token)
            await show(client, large, text=ASKED, id="a")
            link = await fake.connection()
            item = (await link.next_event("conversation.item.create"))["item"]
            assert [
                {"type": "input_text", "text": ASKED},
                {"type": "input_image", "image_url": f"data:image/png;base64,{encoded(large)}"},
            ] == item["content"]
            await link.next_event("response.create")
            await link.send({"type": "response.created", "response": {"id": "r1"}})
            assert "a" == (await client.next("response_started"))["data"]["ref"]
            done = {"id": "r1", "status": "completed", "output": []}
            await link.send({"type": "response.done", "response": done})
            await client.next("response_done")

            fake.drop(rst=True)
            await client.status("reconnecting")
            await show(client, jpeg(), "jpeg", id="b")
            await client.status("connected")
            again = await fake.connection(1)
            # What was said before comes first, with the picture by reference.
            before = (await again.next_event("conversation.item.create"))["item"]
            assert ASKED in before["content"][0]["text"]
            item = (await again.next_event("conversation.item.create"))["item"]
            url = item["content"][0]["image_url"]
            assert f"data:image/jpeg;base64,{encoded(jpeg())}" == url
            await again.next_event("response.create")
            assert "error" not in client.types
    assert "picture_taken" in log.getvalue()
    assert encoded(png())[:40] not in log.getvalue()
    assert ASKED not in log.getvalue()


@pytest.mark.gen_test
async def test_who_may_is_for_the_operator_and_the_token(tmp_path):
    """Nobody by default; those of a scope, if the policy says so."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[scopes.seeing]\nimages = {configure = true}\n")
    async with FakeUpstream() as fake, House(fake.url, session_policy_file=str(policy)) as house:
        client = await house.connected()
        await show(client, id="a")
        refused = await client.error("permission_denied")
        assert ("a", False) == (refused["data"]["ref"], refused["data"]["retryable"])
        token = house.token(scopes=("seeing",))
        await show(await house.connected(token=token))
        await (await fake.connection(1)).next_event("conversation.item.create")
        said = {"images": False}
        both = await house.connected(token=house.token(scopes=("seeing",), parley_session=said))
        await show(both)
        await both.error("permission_denied")
        assert not [e for e in fake.connections[0].events if e["type"] != "session.update"]


@pytest.mark.gen_test
async def test_limits_and_what_the_model_says_of_a_picture():
    """Each in words, and the call goes on."""
    settings = {
        "limits_image_bytes": 1000,
        "limits_images_per_minute": 2,
        "limits_image_side_px": 99,
    }
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected(token=house.token(parley_session={"images": True}))
        await show(client, png() + bytes(1000))
        assert "1000 bytes" in (await client.error("message_too_large"))["error"]
        await show(client, png(100, 100))
        assert "100 by 100" in (await client.error("message_too_large"))["error"]
        await show(client, jpeg())
        assert "it looks like JPEG" in (await client.error("unsupported_format"))["error"]
        await show(client, kind="webp")
        assert "one of png, jpeg" in (await client.error("unsupported_format"))["error"]

        fake.answers["conversation.item.create"] = lambda event: [
            {
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "code": "invalid_image",
                    "message": "canary",
                    "event_id": event["event_id"],
                },
            }
        ]
        await show(client, id="c")
        refused = await client.error("upstream_rejected")
        assert ("c", "image") == (refused["data"]["ref"], refused["data"]["field"])
        expected = "The model did not take this picture (invalid_image); the turn was left out."
        assert expected == refused["error"]
        await show(client)
        await client.error("upstream_rejected")
        await show(client)
        limited = await client.error("rate_limited")
        assert 0 < limited["data"]["retry_after_ms"] <= 30_001
        assert "canary" not in json.dumps(client.heard)
