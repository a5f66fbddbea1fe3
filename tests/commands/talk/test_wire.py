"""``talk`` over connections that break: the call goes on, and the person is told so in a line."""

import contextlib
import re

import pytest

from tests.calls.conversations import Recorded, recorded_model
from tests.calls.house import House, whole_log
from tests.commands.talk.test_conversation import AMIABLE
from tests.fakes.fault_proxy import FaultProxy
from tornado_app.commands.talk.address import read_address
from tornado_app.commands.talk.conversation import Wish, run
from tornado_app.commands.talk.turns import Spoken, Typed, given
from workers.recordings import open_recording

MODEL = "local"
LOST = re.compile(r"The connection was lost for \d+\.\d s; the call goes on\.")


async def talked(house: House, breaks: list) -> tuple[int, int]:
    """How a talk of two turns ended, behind a wire that breaks; how often it did."""
    async with FaultProxy(house.port, iter(breaks)) as proxy:
        with contextlib.closing(open_recording(AMIABLE)) as recording:
            url = f"ws://127.0.0.1:{proxy.port}/ws?model={MODEL}"
            wish = Wish(
                turns=given([Spoken(recording), Typed("And you?")]),
                address=read_address(url, recording.rate_hz),
                token=house.token(),
                is_fast=True,
            )
            return await run(wish), proxy.broken


@pytest.mark.parametrize(
    "breaks",
    [
        [(40_000, "reset"), (30_000, "closed"), (500, "reset")],
        [(60_000, "half_open")],
        [(250_000, "closed")],
    ],
)
@pytest.mark.gen_test
async def test_a_talk_goes_on(breaks, monkeypatch, capsys):
    """The model hears the same as over a good wire, to the sample, and answers both turns."""
    changes = {"session_resume_window_s": 20, "session_models": [MODEL]}
    async with recorded_model(monkeypatch) as port:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        with whole_log():
            async with House(url, **changes) as house:
                assert (0, 0) == await talked(house, [])
                assert not LOST.search("".join(capsys.readouterr()))
                assert (0, len(breaks)) == await talked(house, breaks)
    assert LOST.search(" ".join("".join(capsys.readouterr()).split()))
    good, broken = Recorded.of_models[MODEL]
    assert good.appended == broken.appended
    assert [i.parts[0].text for i in good.items] == [i.parts[0].text for i in broken.items]


@pytest.mark.gen_test
async def test_without_a_way_back_it_ends_with_a_sentence(monkeypatch, capsys):
    """A gateway that keeps no call."""
    async with recorded_model(monkeypatch) as port:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        with whole_log():
            async with House(url, session_models=[MODEL]) as house:
                assert (1, 1) == await talked(house, [(40_000, "reset")])
    said = " ".join("".join(capsys.readouterr()).split())
    assert "The gateway closed the call (without a word)." in said
