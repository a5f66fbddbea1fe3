"""Whether somebody who pauses has finished."""

import asyncio
import importlib.util
import math

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.ears.packages import model_file
from local_realtime.ears.turns import PACKAGE, log_mel, mel_bands, open_turns, padded, wants_more
from local_realtime.ears.vad import FINISHED_BY_EAGERNESS, PAUSE_MS
from local_realtime.sound.audio import Sound
from tests.local_realtime.wording import TEXTS

BYTES_PER_MS = 48
CUT_EVERY_MS = 900
SPOKEN = ["What is the weather in Paris?", "My name is Anna.", "Count to seven.", "Good morning."]

needs_the_model = pytest.mark.skipif(
    open_turns() is None, reason="pipecat-ai with its model is not installed"
)


def slow_log_mel(signal):
    """By the definitions alone: one frame, one frequency, one band after the other."""
    mirrored = [*signal[200:0:-1], *signal, *signal[-2:-202:-1]]
    power = [
        [
            abs(
                sum(
                    mirrored[start + n]
                    * math.sin(math.pi * n / 400) ** 2
                    * complex(math.cos(math.tau * k * n / 400), -math.sin(math.tau * k * n / 400))
                    for n in range(400)
                )
            )
            ** 2
            for k in range(201)
        ]
        for start in range(0, len(signal), 160)
    ]
    edges = [slow_hz(band * slow_mel(8000) / 81) for band in range(82)]
    rows = []
    for below, centre, above in zip(edges, edges[1:], edges[2:], strict=False):
        row = []
        for frame in power:
            energy = 0.0
            for k, value in enumerate(frame):
                hz = 40 * k
                if below < hz <= centre:
                    energy += value * (hz - below) / (centre - below) * 2 / (above - below)
                elif centre < hz < above:
                    energy += value * (above - hz) / (above - centre) * 2 / (above - below)
            row.append(math.log10(max(energy, 1e-10)))
        rows.append(row)
    loudest = max(map(max, rows))
    return [[(max(value, loudest - 8) + 4) / 4 for value in row] for row in rows]


def slow_mel(hz):
    return 3 * hz / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def slow_hz(mel):
    return 200 * mel / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def test_the_spectrogram_is_what_its_definition_says():
    """Frame by frame and band by band, for noise with a tone in it."""
    noise = np.random.default_rng(1).normal(0, 0.1, 640)
    signal = (noise + np.sin(np.arange(640) / 3)).astype(np.float32)

    assert log_mel(signal) == pytest.approx(np.array(slow_log_mel(signal.tolist())), abs=1e-4)


def test_bands_cover_all_frequencies():
    """From the first to the last, each with some of it."""
    bands = mel_bands()

    assert bands.shape == (201, 80)
    assert (bands.sum(axis=0) > 0).all()
    assert (bands[1:200].sum(axis=1) > 0).all()


@needs_the_model
@pytest.mark.parametrize("samples", [0, 1, 30_000, 128_000, 200_000])
def test_the_spectrogram_is_that_of_the_model_s_authors(samples):
    """Bit for bit, whatever the length; silence stands before what is short."""
    path = model_file(PACKAGE, "audio/turn/smart_turn/_whisper_features.py")
    spec = importlib.util.spec_from_file_location("whisper_features", path)
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    signal = np.random.default_rng(2).normal(0, 0.1, samples).astype(np.float32)
    whole = np.concatenate([np.zeros(max(0, 128_000 - samples), np.float32), signal[-128_000:]])

    ours = log_mel(padded(signal))

    assert ours.shape == (80, 800)
    assert np.array_equal(theirs.compute_whisper_log_mel_features(whole), ours)


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("I would like to.", True),
        ("Bread and", True),
        ("In my", True),
        ("Where are you from?", False),
        ("Yes, I can.", False),
        ("The end.", False),
        ("", False),
    ],
)
def test_some_words_want_more(text, wants):
    """Unless they end a question."""
    assert wants == wants_more(text)


def chances(models, sounds):
    """How probably each speaker has finished, after the silence that makes a pause."""

    async def ask():
        return [
            await models.finished(Sound(bytes(300 * BYTES_PER_MS) + pcm + silence, 24_000))
            for pcm in sounds
        ]

    silence = bytes(PAUSE_MS * BYTES_PER_MS)
    with asyncio.Runner() as runner:
        return np.array(runner.run(ask()))


@needs_the_model
def test_it_decides_better_than_silence(models, speech):
    """Of the recordings cut anywhere, half would go on; of whole sentences, nearly none.

    To silence alone all of these are the same, and all end the turn.
    """
    cuts = [
        speech(name)[: at_ms * BYTES_PER_MS]
        for name in TEXTS
        for at_ms in range(600, len(speech(name)) // BYTES_PER_MS - 600, CUT_EVERY_MS)
    ]
    voices = ("marin", "cedar")
    whole = [models._mouth.say(text, voice, 1.0)[1].pcm for text in SPOKEN for voice in voices]
    ended = FINISHED_BY_EAGERNESS["auto"]

    assert (chances(models, cuts) > ended).mean() < 0.6
    assert (chances(models, whole) > ended).mean() > 0.8


@needs_the_model
def test_the_recordings_themselves_are_finished(models, speech):
    """Two of three; of the third, a clause from the middle of a sentence, it is not sure."""
    found = chances(models, [speech(name) for name in TEXTS])

    assert (found > FINISHED_BY_EAGERNESS["auto"]).sum() >= 2
