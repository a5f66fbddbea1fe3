"""Loudspeaker and microphone by a stand-in for sounddevice: this computer may have neither."""

import asyncio
import contextlib
import sys
import types

import numpy as np
import pytest

from tests.commands.talk.parley import parley
from tornado_app.commands.talk.address import read_address
from tornado_app.commands.talk.conversation import Wish, talk
from tornado_app.commands.talk.devices import Loudspeaker, Microphone
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.turns import Spoken, given
from tornado_app.commands.talk.view import Silence

NOISE = np.random.default_rng(2).normal(0, 0.1, (24_000, 1)).astype(np.float32)


class Stream:
    """What PortAudio would do, when a test says so."""

    opened: list["Stream"] = []

    def __init__(self, *, callback, **how):
        self.callback, self.how, self.is_closed = callback, how, False
        Stream.opened.append(self)

    def start(self):
        pass

    def close(self):
        self.is_closed = True

    def pull(self, frames):
        """What is heard of the next *frames*."""
        out = np.full((frames, 1), np.nan, np.float32)
        self.callback(out, frames, None, None)
        return out[:, 0]


@pytest.fixture
def devices(monkeypatch):
    Stream.opened = []
    library = types.ModuleType("sounddevice")
    library.OutputStream = library.InputStream = Stream
    library.PortAudioError = type("PortAudioError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    return library


def test_what_is_played_is_whole_and_in_order(devices):
    """Pieces are joined; where there is nothing it is silent; what was flushed is never heard."""
    speaker = Loudspeaker(24_000)
    [stream] = Stream.opened
    assert (24_000, 1, "float32") == tuple(stream.how.values())

    speaker.play(np.arange(1, 4, dtype=np.float32))
    speaker.play(np.arange(4, 7, dtype=np.float32))
    assert [1, 2, 3, 4] == stream.pull(4).tolist()
    assert [5, 6, 0, 0] == stream.pull(4).tolist()
    speaker.play(np.ones(8, np.float32))
    speaker.flush()
    assert [0, 0] == stream.pull(2).tolist()
    speaker.close()
    assert stream.is_closed


@pytest.mark.parametrize("error", [ImportError("none"), OSError("PortAudio library not found")])
@pytest.mark.parametrize("device", [lambda: Loudspeaker(24_000), Microphone])
def test_without_the_package_or_the_library(monkeypatch, error, device):
    """One sentence that says what is missing."""

    class Missing:
        def find_spec(self, name, *_):
            if name == "sounddevice":
                raise error

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(Failed, match="need the package sounddevice and the library PortAudio"):
        device()


def test_without_a_device(devices):
    """PortAudio's reason is said."""

    def none(**_):
        raise devices.PortAudioError("no default device")

    devices.OutputStream = devices.InputStream = none
    for device in (lambda: Loudspeaker(24_000), Microphone):
        with pytest.raises(Failed, match=r"cannot be used: no default device\."):
            device()


@pytest.mark.gen_test
async def test_a_call_by_microphone_and_loudspeaker(devices):
    """What the microphone hears is answered, and the answer comes out of the loudspeaker."""
    microphone, speaker = Microphone(), Loudspeaker(24_000)
    ears, mouth = Stream.opened
    for begin in range(0, len(NOISE), 2400):
        ears.callback(NOISE[begin : begin + 2400], 2400, None, None)
    microphone.close()
    heard = []

    async def listen():
        while True:
            heard.append(mouth.pull(2400))
            await asyncio.sleep(0.005)

    async with parley() as house:
        wish = Wish(
            turns=given([Spoken(microphone)]),
            address=read_address(house.url, microphone.rate_hz),
            token=house.token(),
            is_fast=True,
            speaker=speaker,
        )
        listening = asyncio.ensure_future(listen())
        talked = await talk(wish, Silence())
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening

    assert ("", 1) == (talked.failure, len(talked.answers))
    assert ears.is_closed
    # A loudspeaker that is ahead of the answer plays silence, and then the rest.
    played = np.concatenate(heard)
    played = played[played != 0]
    said = NOISE[np.rint(NOISE * 2**15) != 0]
    assert np.corrcoef(played, said[: len(played)])[0, 1] > 0.99
