"""Ears and voice: the models themselves."""

import asyncio
from itertools import combinations, cycle

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.mouth.voice import TIMBRES, UNPRONOUNCEABLE, levelled
from local_realtime.session.responder import Answer, Turn
from local_realtime.session.session_config import VOICES
from local_realtime.sound.audio import Sound
from tests.local_realtime.wording import TEXTS, error_rate

SPOKEN = [
    "The quick brown fox jumps over the lazy dog.",
    "The weather in Paris is fine today, and it will be warm tomorrow.",
    "I can repeat what you say, count, and tell the time.",
]


def transcript_of(models, *sounds):
    async def read_all():
        return [await models.transcribe(sound) for sound in sounds]

    with asyncio.Runner() as runner:
        return runner.run(read_all())


def test_recordings_are_understood(models, speech):
    """At most 8 % of the words are wrong."""
    heard = transcript_of(models, *(Sound(speech(name), 24_000) for name in TEXTS))

    assert error_rate(list(zip(TEXTS.values(), heard, strict=True))) <= 0.08


def test_it_understands_itself(models):
    """At most 10 % of the words are wrong, over all voices, each of which says another sentence."""
    spoken = [
        (text, models._mouth.say(text, voice, 1.0)[1])
        for text, voice in zip(cycle(SPOKEN), TIMBRES, strict=False)
    ]
    heard = transcript_of(models, *(sound for _, sound in spoken))

    assert error_rate([(text, h) for (text, _), h in zip(spoken, heard, strict=True)]) <= 0.10


def pitches_hz(sound):
    """The pitch every 20 ms by YIN (de Cheveigne and Kawahara 2002), or no number."""
    signal = np.frombuffer(sound.pcm, "<i2").astype(float)
    lags, width, found = np.arange(1, 481), 2000, []
    for frame in sliding_window_view(signal, width + lags[-1])[::480]:
        # Of (frame - delayed)^2 the sum, term by term.
        energy = np.cumsum(np.pad(frame**2, (1, 0)))
        powers = energy[width:] - energy[:-width]
        differences = powers[0] + powers[1:] - 2 * np.correlate(frame, frame[:width])[1:]
        normal = differences * lags / np.maximum(np.cumsum(differences), 1)
        low = np.flatnonzero(normal < 0.2)
        if not len(low) or frame.std() < signal.std() / 2:
            found.append(np.nan)
            continue
        rising = np.flatnonzero(np.diff(normal[low[0] :]) >= 0)
        found.append(24_000 / lags[low[0] + (rising[0] if len(rising) else 0)])
    return np.array(found)


def pitch_shift(plain, other):
    """What the pitch of *plain* is to be multiplied by, moment by moment."""
    both = min(len(plain), len(other))
    return np.nanmedian(other[:both] / plain[:both])


def envelope(sound):
    """The mean spectrum from 300 to 8000 Hz without its harmonics, in 400 equal ratios."""
    signal = np.frombuffer(sound.pcm, "<i2").astype(float)
    frames = sliding_window_view(signal, 2048)[::480]
    loud = frames[frames.std(axis=1) > signal.std() / 2]
    power = (np.abs(np.fft.rfft(loud * np.hanning(2048))) ** 2).mean(axis=0)
    cepstrum = np.fft.irfft(np.log(power + 1e-9))
    cepstrum[30:-30] = 0
    smooth = np.fft.rfft(cepstrum).real
    return np.interp(np.geomspace(300, 8000, 400), np.arange(1025) * 24_000 / 2048, smooth)


def formant_shift(plain, other):
    """By how much the spectrum of *other* has to be moved to lie on that of *plain*."""
    steps = range(-30, 31)

    def likeness(step):
        low, high = max(0, -step), 400 - max(0, step)
        return np.corrcoef(plain[low:high], other[low + step : high + step])[0, 1]

    return (8000 / 300) ** (max(steps, key=likeness) / 399)


def test_ten_voices_are_ten(models):
    """Any two differ by more than a semitone in pitch, and each sounds as is said of it."""
    said = {voice: models._mouth.say(SPOKEN[1], voice, 1.0)[1] for voice in TIMBRES}
    pitch, spectrum = pitches_hz(said["marin"]), envelope(said["marin"])
    pitches = {voice: pitch_shift(pitch, pitches_hz(sound)) for voice, sound in said.items()}
    formants = {voice: formant_shift(spectrum, envelope(sound)) for voice, sound in said.items()}

    assert set(VOICES) == set(TIMBRES)
    for one, other in combinations(pitches.values(), 2):
        assert abs(np.log2(one / other)) > 1 / 12
    for voice, timbre in TIMBRES.items():
        assert pitches[voice] == pytest.approx(timbre.pitch, rel=0.01)
        assert formants[voice] == pytest.approx(timbre.formants, abs=0.03)


def test_the_same_words_sound_the_same(models):
    """Bit for bit; faster is shorter, and beyond the model's range nothing changes."""
    plain, again, fast, faster, fastest = (
        models._mouth.say(SPOKEN[0], "marin", speed)[1] for speed in (1.0, 1.0, 1.5, 2.0, 9.0)
    )

    assert plain == again
    assert plain.samples > fast.samples > faster.samples == fastest.samples


@pytest.mark.parametrize("text", ["\u4f60\u597d", "\U0001f642", "...", ""])
def test_what_cannot_be_pronounced_is_told(models, text):
    """The transcript says what is said."""
    spoken, sound = models._mouth.say(text, "marin", 1.0)

    assert spoken == UNPRONOUNCEABLE
    assert sound.seconds > 0.5


def test_levels_are_even():
    """Peaks are bent below full scale, and what is soft is made no more than twice as loud."""
    loud, soft = np.full(100, 3, np.float32), np.full(100, 0.001, np.float32)

    assert levelled(np.array([1, *([0.1] * 999)], np.float32)).max() < 1
    assert levelled(loud).max() == pytest.approx(0.094)
    assert levelled(soft).max() == pytest.approx(0.002)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_nobody_speaking_is_no_words(models, kind, tone):
    """Silence, white noise and a beep, five seconds of each."""
    noise = np.random.default_rng(1).normal(0, 1000, 120_000).astype("<i2").tobytes()
    pcm = {"silence": bytes(240_000), "noise": noise, "tone": tone(5000)}[kind]

    assert transcript_of(models, Sound(pcm, 24_000)) == [""]


def test_a_long_recording_is_read_in_pieces(models, speech):
    """Over half a minute, with all its words."""
    pcm, text = b"", ""
    for name in (*TEXTS, *TEXTS, *TEXTS):
        pcm, text = pcm + speech(name), f"{text} {TEXTS[name]}"
    (heard,) = transcript_of(models, Sound(pcm, 24_000))

    assert len(pcm) > 30 * 48_000
    assert error_rate([(text, heard)]) <= 0.12


def test_what_was_read_in_a_pause_is_not_read_again(models, speech, silence):
    """The end of the turn finds it done: more silence changes nothing."""
    said = silence(300) + speech("selfish")

    async def read_twice():
        models._read_pieces.clear()  # of other tests, which may have read the same
        overheard = await models.overhear(Sound(said + silence(360), 24_000))
        whole = await models.transcribe(Sound(said + silence(500), 24_000))
        return overheard, whole, set(models._read_pieces)

    with asyncio.Runner() as runner:
        overheard, whole, read = runner.run(read_twice())

    assert overheard == whole
    assert len(read) == 1


@pytest.mark.parametrize("name", TEXTS)
def test_speech_is_one_turn(new_call, models, speech, silence, name):
    """Silero hears it begin and end; at any cutting, on the clock of the audio."""
    said = silence(640) + speech(name) + silence(1200)
    marks = []
    for chunk_ms in (20, 100, 5000):
        call = new_call(ears=models.ear)
        call.turn_detection({"type": "server_vad", "create_response": False})
        events = call.append(said, chunk_ms)
        marks.append([e.get("audio_start_ms", e.get("audio_end_ms")) for e in events[:2]])
        assert [e["type"].rpartition("_")[2] for e in events[:2]] == ["started", "stopped"]

    start_ms, end_ms = marks[0]
    assert marks == [marks[0]] * 3
    assert 200 < start_ms < 1000
    assert end_ms > len(said) // 48 - 1000


def test_noise_is_no_speech_to_silero(new_call, models, tone):
    """Though it is loud."""
    noise = np.random.default_rng(1).normal(0, 3000, 48_000).astype("<i2").tobytes()

    assert new_call(ears=models.ear).append(noise + tone(1000)) == []


def test_telephone_sound_is_heard(models, speech):
    """8 kHz is enough."""
    narrow = Sound(speech("amiable"), 24_000)
    samples = np.frombuffer(narrow.pcm, "<i2")[::3].tobytes()

    assert error_rate([(TEXTS["amiable"], *transcript_of(models, Sound(samples, 8_000)))]) <= 0.15


def test_text_needs_no_voice(models):
    """A written answer has no sound."""

    async def written():
        turn = Turn((), 'Greet the user with "Welcome. Come in."', is_spoken=False)
        return [piece async for piece in models.answer(turn)]

    with asyncio.Runner() as runner:
        assert runner.run(written()) == [Answer("Welcome. Come in.", Sound(b"", 24_000))]
