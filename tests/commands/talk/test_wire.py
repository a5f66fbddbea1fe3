"""``talk`` over connections that break: the call goes on, and the person is told so in a line."""

import contextlib
import json
import re
from pathlib import Path

import pytest
import soundfile
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from tests.calls.conversations import Recorded, recorded_model
from tests.calls.house import House, whole_log
from tests.commands.talk.test_conversation import AMIABLE, ANSWER_HZ
from tests.fakes.fault_proxy import FaultProxy
from tornado_app.commands.talk import wire
from tornado_app.commands.talk.address import read_address
from tornado_app.commands.talk.conversation import Wish, run
from tornado_app.commands.talk.keeper import Keeper
from tornado_app.commands.talk.result import Answered
from tornado_app.commands.talk.turns import Spoken, Typed, given
from tornado_app.commands.talk.view import Silence
from workers.recordings import open_recording

MODEL = "local"
LOST = re.compile(r"The connection was lost for \d+\.\d s; the call goes on\.")
ANSWERED = "an answer has ended"
RESUMING = {"session_resume_window_s": 20, "session_models": [MODEL]}


class Told(Silence):
    """What a person is told in lines of their own, and when answers end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, *sentences: str) -> None:
        self.lines += sentences

    def failed(self, *lines: str) -> None:
        self.lines += lines

    def answered(self, answer: Answered) -> None:
        self.lines.append(ANSWERED)

    @property
    def losses(self) -> int:
        return sum(bool(LOST.fullmatch(line)) for line in self.lines)


async def talked(house: House, breaks: list, kept: Path, **changes) -> tuple[int, Told]:
    """How a talk of two turns ended, behind a wire that breaks; its answers are in *kept*."""
    async with FaultProxy(house.port, iter(breaks)) as proxy:
        with (
            contextlib.closing(open_recording(AMIABLE)) as recording,
            Keeper(str(kept), ANSWER_HZ) as keeper,
        ):
            url = f"ws://127.0.0.1:{proxy.port}/ws?model={MODEL}"
            wish = Wish(
                turns=given([Spoken(recording), Typed("And you?")]),
                address=read_address(url, recording.rate_hz),
                token=house.token(),
                keeper=keeper,
                is_fast=True,
                **changes,
            )
            told = Told()
            code = await run(wish, told)
        assert len(breaks) == proxy.broken
        return code, told


# The question is 105 kB, and its answer more than that.
@pytest.mark.parametrize(
    ("breaks", "told_of"),
    [
        ([(60_000, "half_open")], 1),
        ([(160_000, "closed")], 1),
        # The third breaks before the gateway has answered: that is one loss with the second.
        ([(40_000, "reset"), (30_000, "closed"), (500, "reset"), (90_000, "reset")], 3),
    ],
    ids=["in mid-question", "in mid-answer", "again and again"],
)
@pytest.mark.gen_test
async def test_a_talk_goes_on(breaks, told_of, monkeypatch, tmp_path):
    """As over a good wire, to the sample: what the model hears, and what is kept of its answers."""
    async with recorded_model(monkeypatch) as port:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        with whole_log():
            async with House(url, **RESUMING) as house:
                code, told = await talked(house, [], tmp_path / "good.wav")
                assert (0, 0) == (code, told.losses)
                code, told = await talked(house, breaks, tmp_path / "broken.wav")
    assert (0, told_of) == (code, told.losses)
    assert 2 == told.lines.count(ANSWERED)
    assert not [line for line in told.lines[told.lines.index(ANSWERED) :] if LOST.fullmatch(line)]
    good, broken = Recorded.of_models[MODEL]
    assert good.appended == broken.appended
    assert [i.parts[0].text for i in good.items] == [i.parts[0].text for i in broken.items]
    kept = [soundfile.read(tmp_path / name)[0] for name in ("good.wav", "broken.wav")]
    assert len(kept[0]) > ANSWER_HZ
    assert kept[0].tolist() == kept[1].tolist()


GONE = (1, "closed")
"""A connection over which nobody comes back."""


@pytest.mark.parametrize(
    ("window_s", "breaks", "sentence"),
    [
        (0, [(60_000, "reset")], r"The gateway closed the call \(without a word\)\."),
        (
            0.5,
            [(60_000, "reset"), GONE, GONE, GONE],
            r"The connection was lost for \d\.\d s, and the gateway has not kept the call\.",
        ),
        (
            20,
            [(60_000, "reset"), GONE, GONE, GONE],
            r"The connection was lost, and not back within 1 s\.",
        ),
    ],
    ids=["a gateway that keeps no call", "too late for it", "too late for us"],
)
@pytest.mark.gen_test
async def test_without_a_way_back_it_ends_with_a_sentence(
    window_s, breaks, sentence, monkeypatch, tmp_path
):
    """Which says that it was the connection."""
    monkeypatch.setattr(wire, "COME_BACK_S", 1.0 if window_s == 20 else 20.0)
    changes = RESUMING | {"session_resume_window_s": window_s}
    async with recorded_model(monkeypatch) as port:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        with whole_log():
            async with House(url, **changes) as house:
                code, told = await talked(house, breaks, tmp_path / "broken.wav")
    assert 1 == code
    assert re.fullmatch(sentence, told.lines[-1])


class KnowsThemNoMore(WebSocketHandler):
    """Begins a call, loses its connection, and lets nobody come back to it."""

    def prepare(self) -> None:
        if self.get_query_argument("resume", ""):
            self.set_status(401)
            self.finish({"type": "error", "error": "The token was taken back."})

    async def open(self) -> None:
        data = {"status": "connected", "model": MODEL, "resume_token": "t"}
        status = {"type": "connection_status", "data": data, "error": "", "seq": 1}
        await self.write_message(json.dumps(status))
        self.ws_connection.stream.close()


@pytest.mark.gen_test
async def test_who_is_refused_asks_no_more():
    """With the gateway's own sentence, and not after twenty seconds."""
    server = HTTPServer(Application([("/ws", KnowsThemNoMore)]))
    [listener] = bind_sockets(0, "127.0.0.1")
    server.add_socket(listener)
    url = f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
    told = Told()
    try:
        wish = Wish(turns=given([Typed("Hello.")]), address=read_address(url, 24_000), token="t")
        with whole_log():
            code = await run(wish, told)
    finally:
        server.stop()
        await server.close_all_connections()
    assert 1 == code
    assert told.lines[-1].startswith("The gateway refused: The token was taken back.")


@pytest.mark.gen_test
async def test_a_person_is_told_that_the_call_is_recorded(monkeypatch, tmp_path):
    """Once, however often the connection breaks."""
    changes = {"recordings_calls": "all", "recordings_directory": str(tmp_path / "kept")}
    async with recorded_model(monkeypatch) as port:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        with whole_log():
            async with House(url, **RESUMING, **changes) as house:
                _, told = await talked(house, [(60_000, "reset")], tmp_path / "said.wav")
    assert 1 == sum(line.startswith("This call is recorded") for line in told.lines)
